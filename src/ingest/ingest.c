/* SPDX-License-Identifier: Apache-2.0 */
/* ingest.c - from an image to its indexes, once; see ingest.h. */
#include "ingest/ingest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "fs/kinds.h"
#include "ingest/fingerprint.h"
#include "trace/build.h"
#include "trace/index.h"

#define REPORT_EVERY 1024 /* entries between two calls of progress, besides those of a tick */

/* ---- while it lasts ------------------------------------------------------- */

/* What is being done now: told to whoever waits, who may also ask to stop. */
struct now {
	const struct ingest_opts *o;
	const char *volume; /* NULL: the image itself */
	const struct build *build;
};

static int on_tick(void *ctx)
{
	const struct now *now = ctx;

	if (now->o->stop && *now->o->stop)
		return 1;
	if (now->o->progress)
		now->o->progress(
			now->o->ctx, now->volume, now->build ? build_traces(now->build) : 0);
	return 0;
}

/* ---- one volume ------------------------------------------------------------ */

struct walk {
	struct build *build;
	struct now *now;
	uint64_t since_report;
};

static int check_stop(struct walk *w)
{
	if (++w->since_report < REPORT_EVERY)
		return 0;
	w->since_report = 0;
	return on_tick(w->now) ? -EINTR : 0;
}

static int on_root(void *ctx, const struct entry *e)
{
	return build_root(((struct walk *)ctx)->build, e);
}

static int on_enter(void *ctx, const struct entry *e)
{
	struct walk *w = ctx;
	int r = check_stop(w);

	return r ? r : build_enter(w->build, e);
}

static int on_leave(void *ctx)
{
	return build_leave(((struct walk *)ctx)->build);
}

static int on_problem(void *ctx, const char *text)
{
	return build_problem(((struct walk *)ctx)->build, text);
}

static int on_unopened(void *ctx, const char *reason)
{
	return build_unopened(((struct walk *)ctx)->build, reason);
}

static int on_unallocated(void *ctx, const uint8_t *content, size_t len, uint64_t size)
{
	return build_unallocated(((struct walk *)ctx)->build, content, len, size);
}

static int on_places(void *ctx, const uint8_t *packed, size_t len)
{
	struct walk *w = ctx;
	int r = check_stop(w);

	return r ? r : build_places(w->build, packed, len);
}

static int on_placed(void *ctx, uint32_t cluster, uint64_t base)
{
	return build_placed(((struct walk *)ctx)->build, cluster, base);
}

/* A worker's failure, as opposed to one of ours: the disk, the memory, a signal. */
static bool worker_failed(int r)
{
	return r == -ETIMEDOUT || r == -EPIPE || r == -EPROTO || r == -EBADMSG || r == -EIO;
}

/*
 * One try at a walk. When a worker fails and @last is set, what came so far is
 * kept. Return: 0 finished (the index says whether early); a worker's failure;
 * or ours.
 */
static int walk_once(struct workers *w, const struct manifest *m, size_t k, const char *path,
	struct walk_opts *opts, struct now *now, bool last, struct err *e)
{
	struct walk walk = {.now = now};
	struct walk_sink sink = {on_root, on_enter, on_leave, on_problem, on_unopened,
		on_unallocated, on_places, on_placed, &walk};
	struct err why = {0};
	int r = build_open(path, &m->key, &walk.build, e);
	bool ours = false;

	if (r)
		return r;
	now->volume = m->volumes[k].name;
	now->build = walk.build;
	r = workers_walk(w, k, opts, &sink, &why);
	now->build = NULL;
	ours = r && (build_error(walk.build)->code || !worker_failed(r));
	if (r && !ours && last && build_traces(walk.build) > 0) {
		build_ended(walk.build, err_text(&why, r));
		return build_finish(walk.build, e);
	}
	if (r == 0)
		return build_finish(walk.build, e);
	if (build_error(walk.build)->code)
		err_set(e, -r, "%s", build_error(walk.build)->text);
	else
		err_set(e, -r, "%s", err_text(&why, r));
	build_abort(walk.build);
	return r;
}

/* What a finished index says of its walk: how many traces, and why it ended early if it did. */
static int look_at_index(
	const char *path, struct manifest_volume *v, uint64_t *traces, struct err *e)
{
	struct index *x = NULL;
	struct index_reader *reader = NULL;
	struct index_counts c = {0};
	int r = index_open(path, &x, e);

	if (r == 0)
		r = index_get_reader(x, &reader);
	if (r == 0) {
		r = index_counts(reader, &c);
		if (r == 0)
			r = index_ended(reader, v->ended, sizeof(v->ended));
		index_put_reader(x, reader);
		*traces += c.allocated + c.deleted;
	}
	index_close(x);
	return r;
}

static enum wire_heads heads_of(const struct manifest *m, const struct ingest_opts *o)
{
	return o->quick && m->image.chunk_size > 0 ? WIRE_HEADS_NAMED : WIRE_HEADS_ALL;
}

/*
 * A worker that is lost over a container, twice over the same one, costs that container: the
 * walk begins anew without it. Too many of them, and nothing is looked into.
 */
static int walk_tries(struct workers *w, const struct manifest *m, size_t k, const char *path,
	struct now *now, struct err *e)
{
	struct walk_opts opts = {.heads = heads_of(m, now->o)};
	uint64_t suspect = 0;
	bool second = false;

	for (;;) {
		struct err why = {0};
		int r = walk_once(w, m, k, path, &opts, now, second, &why);

		if (!worker_failed(r) || (second && !opts.met)) {
			if (r)
				err_set(e, -r, "%s", err_text(&why, r));
			return r;
		}
		second = opts.met == 0;
		if (opts.met && opts.met != suspect) {
			suspect = opts.met;
		} else if (opts.met) {
			suspect = 0;
			if (opts.skip_n == WIRE_SKIP_MAX)
				opts.heads = WIRE_HEADS_NONE;
			else
				opts.skip[opts.skip_n++] = opts.met;
		}
	}
}

static int ingest_volume(struct workers *w, struct manifest *m, size_t k, const char *dir,
	struct now *now, uint64_t *traces, struct err *e)
{
	struct manifest_volume *v = &m->volumes[k];
	char *path = manifest_index_path(dir, k);
	int r = path ? 0 : err_errno(e, ENOMEM, "%s", dir);

	if (r == 0 && access(path, F_OK) != 0)
		r = walk_tries(w, m, k, path, now, e);
	if (worker_failed(r) && (!e || !e->code || worker_failed(-e->code))) {
		/* nothing came: the volume is shown as bytes, with the reason */
		snprintf(v->ended, sizeof(v->ended), "%s", err_text(e, r));
		v->scan.known = false;
		err_clear(e);
		r = 0;
	} else if (r == 0) {
		r = digest_file(path, v->digest, e);
		if (r == 0)
			r = look_at_index(path, v, traces, e);
	}
	free(path);
	return r;
}

/* ---- the whole image ------------------------------------------------------- */

static int build_all(const struct image_files *f, const struct ingest_opts *o,
	struct ingest_result *out, struct err *e)
{
	struct now now = {.o = o};
	struct workers_opts wo = {.program = o->worker,
		.types = o->types,
		.count = 1,
		.spawner = o->spawner,
		.uid = o->uid,
		.tick = on_tick,
		.ctx = &now};
	struct workers *w = NULL;
	struct scan s = {0};
	int r = workers_new(f, &wo, &w, e);

	if (r == 0)
		r = workers_scan(w, &s, e);
	if (r == 0)
		r = manifest_init(&out->manifest, &s, f, e);
	for (size_t k = 0; r == 0 && k < out->manifest.n; k++) {
		if (o->stop && *o->stop)
			r = -EINTR;
		else if (out->manifest.volumes[k].scan.known)
			r = ingest_volume(w, &out->manifest, k, out->dir, &now, &out->traces, e);
	}
	if (r == 0)
		r = manifest_write(&out->manifest, out->dir, e);
	scan_release(&s);
	workers_free(w);
	return r;
}

static int reuse(struct ingest_result *out, struct err *e)
{
	int r = manifest_read(&out->manifest, out->dir, e);

	for (size_t k = 0; r == 0 && k < out->manifest.n; k++) {
		char *path = manifest_index_path(out->dir, k);

		if (!path)
			r = err_errno(e, ENOMEM, "%s", out->dir);
		else if (out->manifest.volumes[k].scan.known)
			r = look_at_index(path, &out->manifest.volumes[k], &out->traces, e);
		free(path);
	}
	out->reused = r == 0;
	return r;
}

/* Damage, or an earlier version of the format: begin again. */
static int clear_dir(const char *dir, struct err *e)
{
	int r = file_remove_tree(dir, e);

	return r ? r : file_make_dirs(dir, e);
}

static int ingest_locked(const struct image_files *f, const struct ingest_opts *o,
	struct ingest_result *out, struct err *e)
{
	struct err old = {0};
	/* whoever held the lock before may have taken it away */
	int r = file_make_dirs(out->dir, e);

	if (r)
		return r;
	r = reuse(out, &old);
	if (r == 0)
		return 0;
	manifest_release(&out->manifest);
	out->traces = 0;
	if (r != -ENOENT) {
		r = clear_dir(out->dir, e);
		if (r)
			return r;
	}
	return build_all(f, o, out, e);
}

static int interrupted(struct err *e)
{
	err_clear(e);
	return err_set(e, EINTR, "interrupted; the next mount goes on with what is still to do");
}

int ingest(const struct image_files *f, const struct ingest_opts *o, struct ingest_result *out,
	struct err *e)
{
	struct now now = {.o = o};
	char key[FINGERPRINT_HEX];
	char *lock_path = NULL;
	int lock = -1;
	int r = fingerprint(f, o->types, on_tick, &now, key, e);

	*out = (struct ingest_result){0};
	if (r == 0 && (asprintf(&out->dir, "%s/evidence/%s", o->state, key) < 0 ||
			      asprintf(&lock_path, "%s/evidence/%s.lock", o->state, key) < 0))
		r = err_errno(e, ENOMEM, "%s", o->state);
	if (r == 0)
		r = file_make_dirs(out->dir, e);
	if (r == 0) {
		lock = file_lock(lock_path, 1, e);
		r = lock < 0 ? lock : 0;
	}
	if (r == 0)
		r = ingest_locked(f, o, out, e);
	if (r && o->stop && *o->stop)
		r = interrupted(e);
	if (r && lock >= 0)
		rmdir(out->dir); /* goes when nothing came of it: volumes that are done stay */
	if (lock >= 0)
		close(lock);
	free(lock_path);
	if (r)
		ingest_result_release(out);
	return r;
}

void ingest_result_release(struct ingest_result *r)
{
	free(r->dir);
	manifest_release(&r->manifest);
	*r = (struct ingest_result){0};
}

static bool has_volume(const struct manifest *const *m, size_t n, unsigned number)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < m[i]->n; k++) {
			if (m[i]->volumes[k].scan.number == number)
				return true;
		}
	}
	return false;
}

int ingest_check_types(const char *types, const struct manifest *const *m, size_t n, struct err *e)
{
	int r = 0;

	for (const char *p = types; p && *p && r == 0;) {
		char one[32];
		unsigned number = 0;
		size_t len = strcspn(p, ",");

		snprintf(one, sizeof(one), "%.*s", (int)len, p);
		if (!kinds_forced(one, &number) && !has_volume(m, n, number))
			r = err_set(e, ENOENT, "--type %s: no volume p%u in what was given", one,
				number);
		p += len + (p[len] == ',');
	}
	return r;
}
