/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hashes_make.c - the thread that checks the indexes and makes the hashes
 *
 * One read of the image gives its totals and the hashes of the files that suit that order
 * (sweep.h). Then, trace by trace, come those that have none yet (hashes_traces.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/digest.h"
#include "serve/blocks.h"
#include "serve/hashes_private.h"
#include "serve/sweep.h"
#include "serve/totals.h"

#define RAW_PIECE    UINT64_C(65536) /* passed over around an unreadable byte of a raw image */
#define COMMIT_EVERY 2000            /* traces between two commits */
#define NICENESS     5               /* readers come first */

/* ---- status ------------------------------------------------------------------ */

void hashes_set_state(struct hashes *h, enum hashes_state state, uint64_t done, uint64_t total)
{
	pthread_mutex_lock(&h->lock);
	h->status.state = state;
	h->status.done = done;
	h->status.total = total;
	pthread_mutex_unlock(&h->lock);
}

static void set_failed(struct hashes *h, const char *text)
{
	pthread_mutex_lock(&h->lock);
	h->status.state = HASHES_FAILED;
	snprintf(h->status.error, sizeof(h->status.error), "%s", text);
	pthread_mutex_unlock(&h->lock);
}

/* ---- the indexes against their digests ------------------------------------- */

static int check_indexes(struct hashes *h)
{
	struct evidence *ev = h->ev;

	hashes_set_state(h, HASHES_CHECKING, 0, 0);
	for (size_t k = 0; k < ev->manifest.n && !h->stop; k++) {
		uint8_t digest[32];
		char *path = NULL;
		int r = 0;

		if (!ev->volumes[k].index)
			continue;
		path = manifest_index_path(ev->dir, k);
		r = path ? digest_file(path, digest, NULL) : -ENOMEM;
		free(path);
		if (r == 0 && memcmp(digest, ev->manifest.volumes[k].digest, sizeof(digest)) == 0)
			continue;
		ev->damaged = true;
		evidence_fault(ev,
			"an index of this evidence was changed after it was made: nothing "
			"of it is served; unmount, run `evidencefs state remove`, mount again");
		set_failed(h, "an index is damaged");
		return -EBADMSG;
	}
	return 0;
}

/* ---- what is written ---------------------------------------------------------- */

int hashes_exec(struct hashes *h, const char *sql)
{
	int r = 0;

	pthread_mutex_lock(&h->lock);
	r = db_exec(h->db, sql, NULL);
	pthread_mutex_unlock(&h->lock);
	return r;
}

int hashes_put(struct hashes *h, uint64_t id, const uint8_t *sha256, uint64_t bytes)
{
	int r = 0;

	pthread_mutex_lock(&h->lock);
	db_bind_int(h->put, 1, (int64_t)id);
	if (sha256)
		db_bind_blob(h->put, 2, sha256, 32);
	else
		db_bind_null(h->put, 2);
	r = db_run(h->put, NULL);
	h->status.done += bytes;
	if (sha256)
		h->status.traces_hashed++;
	else
		h->status.traces_unreadable++;
	if (r == 0 && ++h->since % COMMIT_EVERY == 0)
		r = db_exec(h->db, "COMMIT; BEGIN", NULL);
	pthread_mutex_unlock(&h->lock);
	return r;
}

static int put_total(struct hashes *h, const char *name, const void *p, size_t n)
{
	struct db_stmt *s = NULL;
	int r = db_prepare(h->db, "INSERT OR REPLACE INTO total VALUES(?1,?2)", &s, NULL);

	if (r == 0) {
		db_bind_text(s, 1, name);
		db_bind_blob(s, 2, p, n);
		r = db_run(s, NULL);
	}
	db_stmt_free(s);
	return r;
}

static int keep_totals(struct hashes *h, const struct totals *t)
{
	int r = 0;

	pthread_mutex_lock(&h->lock);
	h->status.unreadable_bytes = t->unreadable;
	if (t->unreadable) {
		r = put_total(h, "unreadable", &t->unreadable, sizeof(t->unreadable));
	} else {
		memcpy(h->status.md5, t->md5, sizeof(t->md5));
		memcpy(h->status.sha1, t->sha1, sizeof(t->sha1));
		memcpy(h->status.sha256, t->sha256, sizeof(t->sha256));
		r = put_total(h, "md5", t->md5, sizeof(t->md5));
		if (r == 0)
			r = put_total(h, "sha1", t->sha1, sizeof(t->sha1));
		if (r == 0)
			r = put_total(h, "sha256", t->sha256, sizeof(t->sha256));
		h->status.totals_known = true;
	}
	pthread_mutex_unlock(&h->lock);
	return r;
}

static void on_totals(void *ctx, uint64_t done, uint64_t size)
{
	hashes_set_state(ctx, HASHES_IMAGE, done, size);
}

/* Without the table a search reads the image: that it is not there is no fault of the hashes. */
static void no_blocks(struct hashes *h, int r)
{
	char text[256];

	snprintf(text, sizeof(text),
		"hashes of blocks could not be kept (%s): what a mark withholds takes longer to "
		"find",
		strerror(-r));
	evidence_fault(h->ev, text);
	blocks_free(h->blocks);
	h->blocks = NULL;
}

static int on_bytes(void *ctx, uint64_t off, const uint8_t *p, uint64_t n)
{
	struct hashes *h = ctx;
	int r = h->blocks ? blocks_bytes(h->blocks, off, p, n) : 0;

	if (r)
		no_blocks(h, r);
	return sweep_bytes(h->sweep, off, p, n);
}

static bool is_known(void *ctx, uint64_t id)
{
	return hashes_has(ctx, id);
}

static int on_found(void *ctx, uint64_t id, const uint8_t sha256[static 32])
{
	return hashes_put(ctx, id, sha256, 0);
}

/* Before the totals: where they are known the image is not read again. */
static void keep_blocks(struct hashes *h)
{
	int r = h->blocks ? blocks_keep(h->blocks, NULL) : 0;

	if (r)
		no_blocks(h, r);
}

static int read_image(struct hashes *h)
{
	uint32_t chunk = h->ev->manifest.image.chunk_size;
	const struct totals_opts o = {.piece = chunk ? chunk : RAW_PIECE,
		.stop = &h->stop,
		.progress = on_totals,
		.bytes = on_bytes,
		.ctx = h};
	struct totals t = {.unreadable = 0};
	int kept = 0;
	int r = hashes_exec(h, "BEGIN");

	if (r)
		return r;
	r = totals_make(h->ev->media, &o, &t);
	if (r == 0)
		keep_blocks(h);
	if (r == 0)
		r = keep_totals(h, &t);
	kept = hashes_exec(h, "COMMIT"); /* also what was found before a fault */
	return r == -EINTR || r == 0 ? kept : r;
}

static int hash_image(struct hashes *h)
{
	bool begun = h->status.traces_hashed + h->status.traces_unreadable > 0;
	const struct sweep_opts o = {.known = begun ? is_known : NULL, .found = on_found, .ctx = h};
	int r = 0;

	hashes_set_state(h, HASHES_IMAGE, 0, source_size(h->ev->media));
	r = sweep_new(h->ev, &o, &h->sweep);
	if (r == 0 && h->blocks_wanted) {
		int made = blocks_begin(h->ev->dir, source_size(h->ev->media), &h->blocks);

		if (made)
			no_blocks(h, made);
	}
	if (r == 0)
		r = read_image(h);
	sweep_free(h->sweep);
	h->sweep = NULL;
	blocks_free(h->blocks);
	h->blocks = NULL;
	return r;
}

/* ---- all of it ------------------------------------------------------------------- */

static bool is_done(struct hashes *h)
{
	struct db_stmt *s = NULL;
	bool done = false;

	if (h->db && db_prepare(h->db, "SELECT 1 FROM state WHERE key='done'", &s, NULL) == 0)
		done = db_step(s, NULL) == 1;
	db_stmt_free(s);
	return done;
}

void *hashes_make(void *arg)
{
	struct hashes *h = arg;
	char text[256];
	int r = check_indexes(h);

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS);
	if (r || !h->wanted || h->lock_fd < 0 || h->stop) {
		if (r == 0)
			hashes_set_state(h,
				is_done(h)  ? HASHES_DONE
				: h->wanted ? HASHES_ELSEWHERE
					    : HASHES_OFF,
				0, 0);
		return NULL;
	}
	if (!is_done(h) && !h->ev->media) {
		hashes_set_state(h, HASHES_ELSEWHERE, 0, 0);
		return NULL;
	}
	if (!is_done(h)) {
		if (!h->status.totals_known && !h->status.unreadable_bytes)
			r = hash_image(h);
		if (r == 0 && !h->stop)
			r = hashes_traces(h);
		if (r == 0 && !h->stop)
			r = hashes_exec(h, "INSERT OR REPLACE INTO state VALUES('done',1)");
	}
	if (r) {
		snprintf(text, sizeof(text), "%s: %s", h->path, strerror(-r));
		set_failed(h, text);
	} else if (!h->stop) {
		hashes_set_state(h, HASHES_DONE, 0, 0);
	}
	return NULL;
}
