/* SPDX-License-Identifier: Apache-2.0 */
/* t-note.c - checkpoints and keys as text, and the signer behind them: docs/FORMAT.audit.md */
#include "tap.h"

#include "audit-help.h"

#include "audit/note.h"
#include "audit/signer.h"
#include "audit/tree.h"
#include "base/digest.h"

/* The key of the example of the Go package that signed notes come from. */
static void test_known(void)
{
	static const char text[] =
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n";
	char name[NOTE_NAME_MAX];
	char again[NOTE_MAX];
	uint8_t key[RECORD_KEY];

	is_int(note_key_decode(text, name, key), 0, "a key that others made is read");
	is_str(name, "PeterNeumann", "with its name");
	note_key_encode(name, key, again);
	is_str(again, text, "and written as it was");
	is_int(note_key_decode(
		       "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n", name,
		       key),
		-EBADMSG, "another hash is refused");
}

static void test_signer(void)
{
	uint8_t id[RECORD_LOG_ID] = {1, 2, 3};
	uint8_t root[RECORD_ROOT] = {9};
	uint8_t first[RECORD_KEY];
	struct record_seal seal;
	struct record_seal again;
	struct signer *s = NULL;
	struct note note;
	struct note read;
	struct err e = {.code = 0};
	char name[NOTE_NAME_MAX];
	char text[NOTE_MAX];
	size_t n = 0;
	size_t parts = 0;

	note_name(id, name);
	is_str(name, "evidencefs/01020300000000000000000000000000", "name and origin");
	if (signer_new(id, &s, &e))
		bail_out(e.text);
	is_int(signer_epoch(s, &seal), -EPERM, "no epoch before a checkpoint");
	is_int(signer_checkpoint(s, 7, root, &note), 0, "a head is signed");
	ok(signer_note_checks(name, &note, signer_key(s)), "which checks");
	n = note_encode(name, &note, text);
	is_int(note_decode(name, text, n, false, &read), (long long)n, "as text and back");
	ok(read.size == 7 && signer_note_checks(name, &read, signer_key(s)), "it still checks");
	for (size_t i = 0; i < n; i++)
		parts += note_decode(name, text, i, false, &read) == 0;
	is_int(parts, (long long)n, "each beginning is a part of one");
	root[0]++;
	is_int(signer_checkpoint(s, 7, root, &note), -EPERM, "a second root is refused");
	is_int(signer_checkpoint(s, 6, root, &note), -EPERM, "and a smaller tree");
	is_int(signer_checkpoint(s, 8, root, &note), 0, "what grows is signed");
	memcpy(first, signer_key(s), RECORD_KEY);
	is_int(signer_epoch(s, &seal), 0, "an epoch");
	ok(seal.size == 8 && signer_seal_checks(AUDIT_EPOCH, id, &seal, first), "checks");
	ok(signer_epoch(s, &again) == 0 && !memcmp(&seal, &again, sizeof(seal)), "and stays");
	signer_evolve(s);
	ok(!memcmp(signer_key(s), seal.next, RECORD_KEY), "then the next key is in force");
	signer_checkpoint(s, 9, root, &note);
	ok(!signer_note_checks(name, &note, first) && signer_note_checks(name, &note, seal.next),
		"and signs");
	seal.root[3] ^= 1;
	ok(!signer_seal_checks(AUDIT_EPOCH, id, &seal, first), "an epoch is of one root only");
	signer_free(s);
}

static void test_witness(void)
{
	uint8_t id[RECORD_LOG_ID] = {1, 2, 3};
	uint8_t root[RECORD_ROOT] = {9};
	struct signer *s = NULL;
	struct note note;
	struct note read;
	char name[NOTE_NAME_MAX];
	char text[2 * NOTE_MAX];
	size_t n = 0;

	note_name(id, name);
	if (signer_new(id, &s, NULL) || signer_checkpoint(s, 7, root, &note))
		bail_out("no signer");
	n = note_encode(name, &note, text);
	strcat(text, "\xe2\x80\x94 witness.example/w1 AAAA\n");
	is_int(note_decode(name, text, strlen(text), true, &read), (long long)strlen(text),
		"further signatures are passed over");
	ok(signer_note_checks(name, &read, signer_key(s)), "ours is found");
	is_int(note_decode(name, text, strlen(text), false, &read), (long long)n,
		"in the log there is one");
	signer_free(s);
}

/* The vectors of docs/FORMAT.audit.md. */
static void test_page(void)
{
	static const char key_text[] = "evidencefs/000102030405060708090a0b0c0d0e0f+58b5a839+"
				       "AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4\n";
	static const char text[] =
		"evidencefs/000102030405060708090a0b0c0d0e0f\n1\n"
		"r9C1q+Gb6q7N9i9BsfwacoENLHJ8cx5Zf2wFuTkEOnU=\n\n"
		"\xe2\x80\x94 evidencefs/000102030405060708090a0b0c0d0e0f "
		"WLWoOb4lVJfJ0GJ4DjImuYnrQx1OJRoV8ZGabuQx7AS7T3jJopyo/BCz7I+HAt1+"
		"ygGcexCobSb7s8SCs/hjkamJbgg=\n";
	struct audit_event ev = {.type = AUDIT_READ,
		.decision = AUDIT_ALLOWED,
		.seq = 1,
		.time_ns = (int64_t)1700000000 * 1000000000,
		.nonce = {0, 1, 2, 3, 4, 5, 6, 7},
		.offset = 4096,
		.length = 4096,
		.result = 4000,
		.uid = 1000,
		.pid = 4711};
	uint8_t bytes[RECORD_BYTES_MAX];
	uint8_t leaf[TREE_HASH];
	uint8_t key[RECORD_KEY];
	char name[NOTE_NAME_MAX];
	char print[NOTE_NAME_MAX];
	struct note note;

	is_int(note_key_decode(key_text, name, key), 0, "the page's key");
	note_fingerprint(key, print);
	is_str(print, "SHA256:Vkdap1RjR0wChd9dvyvKtz2mUTWIOem3dIGy6rEHcIw", "its fingerprint");
	ok(note_decode(name, text, strlen(text), false, &note) == (int)strlen(text) &&
			signer_note_checks(name, &note, key),
		"the page's checkpoint");
	is_int(record_encode(&ev, RECORD_VERSION, bytes), RECORD_UNIT, "the page's record");
	tree_leaf(bytes, RECORD_UNIT, leaf);
	ok(note.size == 1 && !memcmp(leaf, note.root, TREE_HASH), "is what it covers");
}

int main(void)
{
	test_page();
	test_known();
	test_signer();
	test_witness();
	return done_testing();
}
