/* SPDX-License-Identifier: Apache-2.0 */
/* ingest.c - from an image to its indexes, once; see ingest.h. */
#include "ingest/ingest.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "fs/kinds.h"
#include "ingest/fingerprint.h"
#include "ingest/volume.h"
#include "ingest/volumes.h"

/* ---- while it lasts ------------------------------------------------------- */

struct now {
	const struct ingest_opts *o;
	bool side_by_side; /* volumes are walked: only look() asks whether to stop */
	atomic_bool end;
};

/* On the thread of whoever called ingest(). */
static void look(void *ctx, const char *volumes, uint64_t traces)
{
	struct now *now = ctx;

	if (now->o->stop && *now->o->stop)
		atomic_store(&now->end, true);
	else if (now->o->progress)
		now->o->progress(now->o->ctx, volumes, traces);
}

static int on_tick(void *ctx)
{
	struct now *now = ctx;

	if (!now->side_by_side)
		look(now, NULL, 0);
	return atomic_load(&now->end);
}

/* ---- the whole image ------------------------------------------------------- */

static int walk_all(struct workers *w, const struct ingest_opts *o, struct now *now,
	struct ingest_result *out, struct err *e)
{
	struct manifest *m = &out->manifest;
	const struct volumes_opts vo = {.workers = w,
		.dir = out->dir,
		.heads = o->quick && m->image.chunk_size > 0 ? WIRE_HEADS_NAMED : WIRE_HEADS_ALL,
		.end = &now->end,
		.look = look,
		.ctx = now};

	now->side_by_side = true;
	return volumes_ingest(m, &vo, &out->traces, e);
}

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
	if (r == 0)
		r = walk_all(w, o, &now, out, e);
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
		uint64_t traces = 0;

		if (!path)
			r = err_errno(e, ENOMEM, "%s", out->dir);
		else if (out->manifest.volumes[k].scan.known)
			r = volume_look(path, &out->manifest.volumes[k], &traces, e);
		out->traces += traces;
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
