/* SPDX-License-Identifier: Apache-2.0 */
/* keyholder.c - what holds the keys of one log; see keyholder.h and docs/PROTOCOL.keyd.md. */
#include "audit/keyholder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/signer.h"
#include "base/file.h"

#define SIGNED_FILE  "signed"
#define SIGNED_BYTES (RECORD_LOG_ID + 8 + RECORD_ROOT + 8)

/* What is known of the log, also after a start. */
struct known {
	uint8_t log_id[RECORD_LOG_ID];
	uint64_t size; /* of the newest tree that was signed */
	uint8_t root[RECORD_ROOT];
	uint64_t named; /* of the newest that an EPOCH names: it was written */
};

struct keyholder {
	int dirfd;
	int file; /* `signed` */
	struct signer *device;
	struct signer *signer; /* NULL: of no log yet */
	struct known known;
	bool greeted;      /* HELLO was said on this connection */
	bool begun;        /* the next key is of a DISCONTINUITY ... */
	uint64_t begun_at; /* ... that names this size */
	bool ended;
};

/* ---- what is kept ------------------------------------------------------------------------- */

static void load_known(struct keyholder *k)
{
	uint8_t bytes[SIGNED_BYTES];
	struct cur c = cur_of(bytes, sizeof(bytes));
	const uint8_t *id = NULL;
	const uint8_t *root = NULL;

	if (pread(k->file, bytes, sizeof(bytes), 0) != SIGNED_BYTES)
		return;
	id = cur_take(&c, RECORD_LOG_ID);
	k->known.size = cur_u64(&c);
	root = cur_take(&c, RECORD_ROOT);
	k->known.named = cur_u64(&c);
	memcpy(k->known.log_id, id, RECORD_LOG_ID);
	memcpy(k->known.root, root, RECORD_ROOT);
}

/* Not synced: what a power cut takes is known by fewer, never by more. Return: 0; -errno. */
static int save_known(struct keyholder *k)
{
	struct buf b = BUF_INIT;
	int rc = 0;

	buf_put(&b, k->known.log_id, RECORD_LOG_ID);
	buf_put_u64(&b, k->known.size);
	buf_put(&b, k->known.root, RECORD_ROOT);
	buf_put_u64(&b, k->known.named);
	rc = b.error;
	if (rc == 0)
		rc = file_write_at(k->file, b.data, b.len, 0);
	buf_release(&b);
	return rc;
}

int keyholder_open(int dirfd, struct keyholder **out, struct err *e)
{
	struct keyholder *k = calloc(1, sizeof(*k));
	int rc = 0;

	if (!k)
		return err_errno(e, ENOMEM, "keys");
	k->dirfd = dirfd;
	k->file = openat(dirfd, SIGNED_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (k->file < 0)
		rc = err_errno(e, errno, "keys/" SIGNED_FILE);
	if (rc == 0)
		rc = signer_of_device(dirfd, &k->device, e);
	if (rc < 0) {
		keyholder_close(k, NULL);
		return rc;
	}
	load_known(k);
	*out = k;
	return 0;
}

int keyholder_close(struct keyholder *k, struct err *e)
{
	int rc = 0;

	if (!k)
		return 0;
	if (k->signer && k->ended)
		rc = signer_hand_over(k->signer, k->dirfd, e);
	signer_free(k->signer);
	signer_free(k->device);
	if (k->file >= 0)
		close(k->file);
	free(k);
	return rc;
}

void keyholder_hang_up(struct keyholder *k)
{
	k->greeted = false;
}

/* ---- HELLO -------------------------------------------------------------------------------- */

/* Another log than before, or the first: what is known is of it from now on. */
static int change_log(struct keyholder *k, const uint8_t *log_id)
{
	int rc = 0;

	if (k->signer && memcmp(signer_log(k->signer), log_id, RECORD_LOG_ID) == 0)
		return 0;
	signer_free(k->signer);
	k->signer = NULL;
	k->begun = k->ended = false;
	rc = signer_blank(log_id, &k->signer);
	if (rc == 0 && memcmp(k->known.log_id, log_id, RECORD_LOG_ID) != 0) {
		k->known = (struct known){.size = 0};
		memcpy(k->known.log_id, log_id, RECORD_LOG_ID);
	}
	if (rc == 0)
		signer_floor(k->signer, k->known.size, k->known.root);
	return rc;
}

/* A key that waits on the disk is taken, and is there no more. */
static int take_kept(struct keyholder *k)
{
	int rc = signer_has_key(k->signer) ? 0 : signer_take(k->signer, k->dirfd, NULL);

	return rc == -ENOENT || rc == -EBADMSG ? 0 : rc;
}

static enum keyholder_held held(struct keyholder *k, const uint8_t *in_force)
{
	if (signer_next_is(k->signer, in_force)) {
		signer_evolve(k->signer);
		k->begun = false;
	}
	return signer_has_key(k->signer) && memcmp(signer_key(k->signer), in_force, RECORD_KEY) == 0
		       ? KEYHOLDER_HELD
		       : KEYHOLDER_LOST;
}

static int on_hello(struct keyholder *k, struct cur *in, struct buf *out)
{
	static const uint8_t zeros[RECORD_KEY];
	uint16_t version = cur_u16(in);
	const uint8_t *log_id = cur_take(in, RECORD_LOG_ID);
	uint8_t known = cur_u8(in);
	const uint8_t *in_force = cur_take(in, RECORD_KEY);
	enum keyholder_held h = KEYHOLDER_LOST;
	int rc = 0;

	cur_u64(in);
	cur_take(in, RECORD_ROOT);
	if (in->bad || cur_left(in) > 0 || known > 1)
		return -EPROTO;
	if (version != KEYHOLDER_VERSION)
		return -ENOTSUP;
	rc = change_log(k, log_id);
	if (rc == 0)
		rc = take_kept(k);
	if (rc == 0 && !known && !signer_has_key(k->signer))
		rc = signer_make(k->signer);
	if (rc < 0)
		return rc;
	h = known ? held(k, in_force) : KEYHOLDER_MADE;
	k->greeted = true;
	k->ended = false;
	buf_put_u8(out, (uint8_t)h);
	buf_put(out, h == KEYHOLDER_LOST ? zeros : signer_key(k->signer), RECORD_KEY);
	buf_put(out, signer_key(k->device), RECORD_KEY);
	return 0;
}

/* ---- the others --------------------------------------------------------------------------- */

static int on_checkpoint(struct keyholder *k, struct cur *in, struct buf *out)
{
	uint64_t size = cur_u64(in);
	const uint8_t *root = cur_take(in, RECORD_ROOT);
	struct note note;
	int rc = 0;

	if (in->bad || cur_left(in) > 0)
		return -EPROTO;
	rc = signer_checkpoint(k->signer, size, root, &note);
	if (rc < 0)
		return rc;
	k->known.size = size;
	memcpy(k->known.root, root, RECORD_ROOT);
	rc = save_known(k);
	buf_put(out, note.signature[0], RECORD_SIGNATURE);
	return rc;
}

static void put_seal(const struct record_seal *seal, struct buf *out)
{
	buf_put_u64(out, seal->size);
	buf_put(out, seal->root, RECORD_ROOT);
	buf_put(out, seal->next, RECORD_KEY);
	buf_put(out, seal->signature, RECORD_SIGNATURE);
}

static int on_epoch(struct keyholder *k, struct buf *out)
{
	struct record_seal seal;
	int rc = k->begun ? -EPERM : signer_epoch(k->signer, &seal);

	if (rc < 0)
		return rc;
	k->known.named = seal.size;
	put_seal(&seal, out);
	return save_known(k);
}

static int on_evolve(struct keyholder *k)
{
	k->begun = false;
	return signer_evolve(k->signer);
}

static int on_begin(struct keyholder *k, struct cur *in, struct buf *out)
{
	struct note last = {.size = cur_u64(in)};
	const uint8_t *root = cur_take(in, RECORD_ROOT);
	struct record_seal seal;
	int rc = 0;

	if (in->bad || cur_left(in) > 0)
		return -EPROTO;
	memcpy(last.root, root, RECORD_ROOT);
	rc = signer_begin(k->signer, &last, &seal);
	if (rc < 0)
		return rc;
	k->begun = true;
	k->begun_at = last.size;
	put_seal(&seal, out);
	return 0;
}

static int on_endorse(struct keyholder *k, struct cur *in, struct buf *out)
{
	uint64_t seq = cur_u64(in);
	const struct signer *by = signer_has_key(k->signer) ? k->signer : k->device;
	struct record_seal seal = {.size = seq, .role = RECORD_BY_DEVICE};
	int rc = 0;

	if (in->bad || cur_left(in) > 0)
		return -EPROTO;
	if (!k->begun || (by == k->device && k->known.named > k->begun_at))
		return -ENOENT;
	signer_next(k->signer, seal.root);
	rc = signer_vouch(by, AUDIT_ENDORSEMENT, signer_log(k->signer), signer_key(by), &seal);
	buf_put(out, seal.next, RECORD_KEY);
	buf_put(out, seal.signature, RECORD_SIGNATURE);
	return rc;
}

static int on_device(struct keyholder *k, struct buf *out)
{
	struct record_seal seal = {.size = 0};
	int rc = signer_has_key(k->signer)
			 ? signer_vouch(k->signer, AUDIT_DEVICE, signer_log(k->signer),
				   signer_key(k->device), &seal)
			 : -ENOENT;

	buf_put(out, seal.next, RECORD_KEY);
	buf_put(out, seal.signature, RECORD_SIGNATURE);
	return rc;
}

static int handle(struct keyholder *k, uint8_t what, struct cur *in, struct buf *out)
{
	if (what == KEYHOLDER_HELLO)
		return on_hello(k, in, out);
	if (!k->greeted)
		return -EPROTO;
	switch (what) {
	case KEYHOLDER_CHECKPOINT:
		return on_checkpoint(k, in, out);
	case KEYHOLDER_BEGIN:
		return on_begin(k, in, out);
	case KEYHOLDER_ENDORSE:
		return on_endorse(k, in, out);
	default:
		break;
	}
	if (cur_left(in) > 0)
		return -EPROTO;
	switch (what) {
	case KEYHOLDER_EPOCH:
		return on_epoch(k, out);
	case KEYHOLDER_EVOLVE:
		return on_evolve(k);
	case KEYHOLDER_DEVICE:
		return on_device(k, out);
	case KEYHOLDER_END:
		k->ended = true;
		return 0;
	default:
		return -EPROTO;
	}
}

int keyholder_answer(struct keyholder *k, const void *p, size_t n, struct buf *out)
{
	struct cur in = cur_of(p, n);
	uint8_t what = cur_u8(&in);
	int rc = 0;

	buf_reset(out);
	buf_put_u16(out, 0);
	if (in.bad)
		return -EPROTO;
	rc = handle(k, what, &in, out);
	if (rc == -EPROTO)
		return rc;
	if (rc < 0) {
		buf_reset(out);
		buf_put_u16(out, (uint16_t)-rc);
	}
	return out->error;
}
