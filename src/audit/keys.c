/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c - what the log asks of whoever holds its keys; see keys.h. */
#include "audit/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/signer.h"

struct keys {
	struct keys_road road;
	struct buf request;
	struct buf answer;
	struct cur in; /* the answer behind its first two bytes */
	uint8_t log_id[RECORD_LOG_ID];
	char name[NOTE_NAME_MAX];
	uint8_t key[RECORD_KEY]; /* in force there */
	uint8_t next[RECORD_KEY];
	uint8_t device[RECORD_KEY];
};

int keys_over(const struct keys_road *road, struct keys **out)
{
	struct keys *k = calloc(1, sizeof(*k));

	if (!k) {
		road->close(road->ctx);
		return -ENOMEM;
	}
	k->road = *road;
	*out = k;
	return 0;
}

void keys_free(struct keys *k)
{
	if (!k)
		return;
	k->road.close(k->road.ctx);
	buf_release(&k->request);
	buf_release(&k->answer);
	free(k);
}

bool keys_can_go(const struct keys *k)
{
	return k->road.gone != NULL;
}

bool keys_gone(const struct keys *k)
{
	return k->road.gone && k->road.gone(k->road.ctx);
}

/* ---- within this process -------------------------------------------------------------------- */

struct own {
	int dirfd;
	struct keyholder *holder;
};

static int own_call(void *ctx, const void *p, size_t n, struct buf *answer)
{
	struct own *o = ctx;

	return keyholder_answer(o->holder, p, n, answer);
}

static void own_close(void *ctx)
{
	struct own *o = ctx;

	keyholder_close(o->holder, NULL);
	close(o->dirfd);
	free(o);
}

int keys_own(int dirfd, struct keys **out, struct err *e)
{
	struct own *o = calloc(1, sizeof(*o));
	const struct keys_road road = {.call = own_call, .close = own_close, .ctx = o};
	int rc = 0;

	if (!o) {
		close(dirfd);
		return err_errno(e, ENOMEM, "keys");
	}
	o->dirfd = dirfd;
	rc = keyholder_open(dirfd, &o->holder, e);
	if (rc < 0) {
		own_close(o);
		return rc;
	}
	rc = keys_over(&road, out);
	return rc < 0 ? err_errno(e, -rc, "keys") : 0;
}

/* ---- requests ------------------------------------------------------------------------------- */

static struct buf *ask_for(struct keys *k, enum keyholder_request what)
{
	buf_reset(&k->request);
	buf_put_u8(&k->request, (uint8_t)what);
	return &k->request;
}

static int ask(struct keys *k)
{
	int rc = k->request.error;
	unsigned code = 0;

	if (rc == 0)
		rc = k->road.call(k->road.ctx, k->request.data, k->request.len, &k->answer);
	if (rc < 0)
		return rc;
	k->in = cur_of(k->answer.data, k->answer.len);
	code = cur_u16(&k->in);
	if (k->in.bad || code > 4095)
		return -EBADMSG;
	return -(int)code;
}

/* All of the answer was what was asked for. */
static int used_up(const struct keys *k)
{
	return k->in.bad || cur_left(&k->in) > 0 ? -EBADMSG : 0;
}

static void take(struct keys *k, uint8_t *out, size_t n)
{
	const uint8_t *p = cur_take(&k->in, n);

	if (p && !k->in.bad)
		memcpy(out, p, n);
}

static void put_head(struct buf *b, const struct note *last)
{
	static const uint8_t zeros[RECORD_ROOT];

	buf_put_u64(b, last->size);
	buf_put(b, last->size ? last->root : zeros, RECORD_ROOT);
}

int keys_hello(struct keys *k, const struct keys_log *log, enum keyholder_held *held,
	uint8_t key[static RECORD_KEY])
{
	struct buf *b = ask_for(k, KEYHOLDER_HELLO);
	uint8_t h = 0;
	int rc = 0;

	buf_put_u16(b, KEYHOLDER_VERSION);
	buf_put(b, log->log_id, RECORD_LOG_ID);
	buf_put_u8(b, log->known);
	buf_put(b, log->in_force, RECORD_KEY);
	put_head(b, log->last);
	rc = ask(k);
	if (rc < 0)
		return rc;
	h = cur_u8(&k->in);
	take(k, k->key, RECORD_KEY);
	take(k, k->device, RECORD_KEY);
	if (used_up(k) < 0 || h < KEYHOLDER_MADE || h > KEYHOLDER_LOST ||
		(h == KEYHOLDER_HELD && memcmp(k->key, log->in_force, RECORD_KEY) != 0))
		return -EBADMSG;
	memcpy(k->log_id, log->log_id, RECORD_LOG_ID);
	note_name(k->log_id, k->name);
	*held = h;
	memcpy(key, k->key, RECORD_KEY);
	return 0;
}

const uint8_t *keys_device(const struct keys *k)
{
	return k->device;
}

int keys_checkpoint(
	struct keys *k, uint64_t size, const uint8_t root[static RECORD_ROOT], struct note *out)
{
	struct buf *b = ask_for(k, KEYHOLDER_CHECKPOINT);
	struct note note = {.size = size, .signatures = 1};
	int rc = 0;

	buf_put_u64(b, size);
	buf_put(b, root, RECORD_ROOT);
	rc = ask(k);
	if (rc < 0)
		return rc;
	memcpy(note.root, root, RECORD_ROOT);
	take(k, note.signature[0], RECORD_SIGNATURE);
	note_key_hash(k->name, k->key, note.key_hash[0]);
	if (used_up(k) < 0 || !signer_note_checks(k->name, &note, k->key))
		return -EBADMSG;
	*out = note;
	return 0;
}

/* An EPOCH or a DISCONTINUITY, of the checkpoint that was meant. */
static int take_seal(struct keys *k, enum audit_type type, struct record_seal *out)
{
	struct record_seal seal = {.size = cur_u64(&k->in)};

	take(k, seal.root, RECORD_ROOT);
	take(k, seal.next, RECORD_KEY);
	take(k, seal.signature, RECORD_SIGNATURE);
	if (used_up(k) < 0 || !signer_seal_checks(type, k->log_id, &seal, k->key))
		return -EBADMSG;
	memcpy(k->next, seal.next, RECORD_KEY);
	*out = seal;
	return 0;
}

int keys_epoch(struct keys *k, struct record_seal *out)
{
	int rc = 0;

	ask_for(k, KEYHOLDER_EPOCH);
	rc = ask(k);
	return rc < 0 ? rc : take_seal(k, AUDIT_EPOCH, out);
}

int keys_begin(struct keys *k, const struct note *last, struct record_seal *out)
{
	int rc = 0;

	put_head(ask_for(k, KEYHOLDER_BEGIN), last);
	rc = ask(k);
	return rc < 0 ? rc : take_seal(k, AUDIT_DISCONTINUITY, out);
}

int keys_evolve(struct keys *k)
{
	int rc = 0;

	ask_for(k, KEYHOLDER_EVOLVE);
	rc = ask(k);
	if (rc == 0)
		memcpy(k->key, k->next, RECORD_KEY);
	return rc;
}

/* A key and its signature, of @seal as far as it is known. */
static int take_vouched(struct keys *k, enum audit_type type, struct record_seal *seal)
{
	take(k, seal->next, RECORD_KEY);
	take(k, seal->signature, RECORD_SIGNATURE);
	return used_up(k) < 0 || !signer_seal_checks(type, k->log_id, seal, k->key) ? -EBADMSG : 0;
}

int keys_endorse(
	struct keys *k, uint64_t seq, const uint8_t key[static RECORD_KEY], struct record_seal *out)
{
	struct record_seal seal = {.size = seq, .role = RECORD_BY_DEVICE};
	int rc = 0;

	buf_put_u64(ask_for(k, KEYHOLDER_ENDORSE), seq);
	rc = ask(k);
	memcpy(seal.root, key, RECORD_KEY);
	if (rc == 0)
		rc = take_vouched(k, AUDIT_ENDORSEMENT, &seal);
	if (rc == 0)
		*out = seal;
	return rc;
}

int keys_name_device(struct keys *k, struct record_seal *out)
{
	struct record_seal seal = {.size = 0};
	int rc = 0;

	ask_for(k, KEYHOLDER_DEVICE);
	rc = ask(k);
	if (rc == 0)
		rc = take_vouched(k, AUDIT_DEVICE, &seal);
	if (rc == 0)
		*out = seal;
	return rc;
}

int keys_end(struct keys *k)
{
	ask_for(k, KEYHOLDER_END);
	return ask(k);
}
