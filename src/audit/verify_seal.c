/* SPDX-License-Identifier: Apache-2.0 */
/* verify_seal.c - records that name keys and checkpoints, as they are verified; see verify.h. */
#include "audit/verify_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "audit/signer.h"

/* A record names a checkpoint that was not there at the beginning. Is it there now? */
static int check_grown(struct verify *v, const struct record_seal *seal, struct err *e)
{
	struct note note = {.size = v->last.size};
	int rc = 1;

	while (rc == 1 && note.size < seal->size)
		rc = heads_next(v->heads, v->name, &note, e);
	if (rc < 0)
		return rc;
	if (note.size != seal->size || memcmp(note.root, seal->root, RECORD_ROOT) != 0)
		return verify_bad(v, e, "the checkpoint that it names is missing");
	v->grew = true;
	return 0;
}

static int note_breach(struct verify *v, const struct record_seal *seal)
{
	struct breach *more = realloc(v->breaches, (v->breaches_n + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	v->breaches = more;
	more = &v->breaches[v->breaches_n++];
	*more = (struct breach){.seq = v->ev.seq};
	memcpy(more->key, seal->next, RECORD_KEY);
	memcpy(more->device, v->device, RECORD_KEY);
	memcpy(more->before, v->key, RECORD_KEY);
	verify_line(v,
		"record %" PRIu64 ": discontinuity: sealed up to record %" PRIu64
		", then another key",
		v->ev.seq, seal->size);
	return 0;
}

static int check_device(struct verify *v, const struct record_seal *seal, struct err *e)
{
	char print[NOTE_NAME_MAX];

	if (!signer_seal_checks(AUDIT_DEVICE, v->reader->at.head.log_id, seal, v->key))
		return verify_bad(v, e, "its signature does not hold");
	memcpy(v->device, seal->next, RECORD_KEY);
	note_fingerprint(seal->next, print);
	verify_line(v, "record %" PRIu64 ": the device's key is %s", v->ev.seq, print);
	return 0;
}

static int check_endorsement(struct verify *v, const struct record_seal *seal, struct err *e)
{
	static const char *const who[] = {"?", "the device", "an owner", "an auditor"};
	char print[NOTE_NAME_MAX];
	struct breach *b = v->breaches;

	while (b < v->breaches + v->breaches_n && b->seq != seal->size)
		b++;
	if (b == v->breaches + v->breaches_n || memcmp(b->key, seal->root, RECORD_KEY) != 0)
		return verify_bad(v, e, "it endorses no key that came with a discontinuity");
	if (seal->role == RECORD_BY_DEVICE && memcmp(b->device, seal->next, RECORD_KEY) != 0 &&
		memcmp(b->before, seal->next, RECORD_KEY) != 0)
		return verify_bad(v, e, "it is by neither the device's key nor the one before");
	if (!signer_seal_checks(AUDIT_ENDORSEMENT, v->reader->at.head.log_id, seal, v->key))
		return verify_bad(v, e, "its signature does not hold");
	b->by |= 1u << seal->role;
	note_fingerprint(seal->next, print);
	verify_line(v, "record %" PRIu64 ": endorses the discontinuity %" PRIu64 ", by %s, with %s",
		v->ev.seq, seal->size, who[seal->role], print);
	return 0;
}

int verify_seal(struct verify *v, struct err *e)
{
	const struct segment *at = &v->reader->at;
	bool epoch = v->ev.type == AUDIT_EPOCH;
	struct record_seal seal;

	record_seal_decode(segment_bytes(at), &seal);
	if (v->ev.type == AUDIT_DEVICE)
		return check_device(v, &seal, e);
	if (v->ev.type == AUDIT_ENDORSEMENT)
		return check_endorsement(v, &seal, e);
	if (seal.size > v->newest && seal.size != v->last.size)
		return check_grown(v, &seal, e);
	if (seal.size != v->last.size || memcmp(seal.root, v->last.root, RECORD_ROOT) != 0 ||
		(epoch && !seal.size))
		return verify_bad(v, e, "it names no checkpoint, or not the last before it");
	if (epoch && v->named)
		return verify_bad(v, e, "the checkpoint that it names was named before");
	if (!signer_seal_checks(v->ev.type, at->head.log_id, &seal, v->key))
		return verify_bad(v, e, "its signature does not hold");
	if (!epoch && note_breach(v, &seal) < 0)
		return err_set(e, ENOMEM, "no memory");
	memcpy(v->key, seal.next, RECORD_KEY);
	v->named = true;
	return 0;
}
