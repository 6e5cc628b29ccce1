/* SPDX-License-Identifier: Apache-2.0 */
/* t-note.c - checkpoints and keys as text, and the signer behind them: docs/FORMAT.audit.md */
#include "tap.h"

#include "audit-help.h"

#include "audit/commit.h"
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
	char name[NOTE_NAME_MAX];
	char text[NOTE_MAX];
	size_t n = 0;
	size_t parts = 0;

	note_name(id, name);
	is_str(name, "evidencefs/01020300000000000000000000000000", "name and origin");
	if (signer_blank(id, &s) || signer_make(s))
		bail_out("signer");
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
	if (signer_blank(id, &s) || signer_make(s) || signer_checkpoint(s, 7, root, &note))
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
	is_int(record_encode(&ev, bytes), RECORD_UNIT, "the page's record");
	tree_leaf(bytes, RECORD_UNIT, leaf);
	ok(note.size == 1 && !memcmp(leaf, note.root, TREE_HASH), "is what it covers");
}

static void from_hex(const char *hex, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned v = 0;

		if (sscanf(hex + 2 * i, "%2x", &v) != 1)
			bail_out("hex");
		out[i] = (uint8_t)v;
	}
}

/* What stands at the end of docs/FORMAT.audit.md was made by other means. */
static void test_page_open(void)
{
	static const char hex[] =
		"964fb77503050100020000000000000000cac471fe9c971708090a0b0c0d0e0f"
		"000000000000000000000000000000000000000000000000e803000067120000"
		"e8030000e803000040e2010000000000808182838485868788898a8b8c8d8e8f"
		"4d000000000000000d0004000300000005000000000000000000000000000000"
		"09000000000000002a0000000000000000000000000000000000000000000000"
		"6c31252748ee5ae50ff83bf8ac6f2766727ab29eb1d6888319e85d171ab725c0"
		"28000000000000009210000000000000fe000000010000000000020000000000"
		"000069c60b1674176712000000000000180000001b000000e80300002f757372"
		"2f62696e2f6c6573730000000000000000000000000000000000000000000000"
		"0000000000000000000000000000000000000000000000000000000000000000";
	uint8_t secret[COMMIT_SECRET];
	uint8_t key[COMMIT_SECRET];
	uint8_t salt[COMMIT_SALT];
	uint8_t name[AUDIT_COMMITMENT];
	uint8_t want[320];
	uint8_t bytes[RECORD_BYTES_MAX];
	struct audit_event ev;

	for (unsigned i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	from_hex(hex, want, sizeof(want));
	is_int(record_decode(want, sizeof(want), &ev), sizeof(want), "the page's OPEN");
	is_str(ev.exe, "/usr/bin/less", "its program");
	ok(ev.groups_n == 3 && ev.groups[2] == 1000 && ev.cgroup == 4242 && ev.session == 40 &&
			ev.exe_file.inode == 131072 && ev.process == 4711 && ev.trace == 77,
		"and the rest of who asked");
	is_int(record_encode(&ev, bytes), sizeof(want), "is written");
	ok(memcmp(bytes, want, sizeof(want)) == 0, "to the same bytes");
	commit_names_key(secret, key);
	commit_name_salt(key, ev.evidence, ev.trace, salt);
	commit(salt, "report.pdf", 10, name);
	ok(memcmp(name, ev.commitment, sizeof(name)) == 0, "its commitment is to that name");
	commit(salt, "report.pdF", 10, name);
	ok(memcmp(name, ev.commitment, sizeof(name)) != 0, "and to no other");
	commit_act_salt(secret, salt);
	from_hex("f349cbe3bbece88c0ee1c90bd52f8d29b114cd74c658462c6f495f36ecf2cb90", want, 32);
	ok(memcmp(salt, want, 32) == 0, "the page's salt of an act");
}

/* The signature of the page's EPOCH. */
static void test_page_epoch(void)
{
	static const char hex[] =
		"5a957aeb7bc52750498dfbd0ade00dc31f5836876c6597e30e72b13955be5df6"
		"fe5d33ca16bb1e6760fc701bf69d18d9c4556a48de00805f0d4383a1cd4e810f";
	static const char key[] =
		"03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
	static const char root[] =
		"afd0b5abe19beaaecdf62f41b1fc1a72810d2c727c731e597f6c05b939043a75";
	struct record_seal seal = {.size = 1};
	uint8_t log_id[RECORD_LOG_ID];

	for (unsigned i = 0; i < sizeof(log_id); i++)
		log_id[i] = (uint8_t)i;
	from_hex(hex, seal.signature, sizeof(seal.signature));
	from_hex(key, seal.next, sizeof(seal.next));
	from_hex(root, seal.root, sizeof(seal.root));
	ok(signer_seal_checks(AUDIT_EPOCH, log_id, &seal, seal.next), "the page's EPOCH");
	seal.role = 1;
	ok(!signer_seal_checks(AUDIT_EPOCH, log_id, &seal, seal.next), "and nothing else");
}

int main(void)
{
	test_page();
	test_page_open();
	test_page_epoch();
	test_known();
	test_signer();
	test_witness();
	return done_testing();
}
