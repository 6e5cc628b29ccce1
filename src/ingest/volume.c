/* SPDX-License-Identifier: Apache-2.0 */
/* volume.c - one volume of an image, from its walk to its index; see volume.h. */
#include "ingest/volume.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/digest.h"
#include "trace/build.h"
#include "trace/index.h"

/* ---- what the worker says goes into the index ---------------------------------------------- */

struct sinking {
	struct build *build;
	atomic_uint_fast64_t *traces;
};

static int on_root(void *ctx, const struct entry *e)
{
	return build_root(((struct sinking *)ctx)->build, e);
}

static int on_enter(void *ctx, const struct entry *e)
{
	struct sinking *s = ctx;
	int r = build_enter(s->build, e);

	atomic_store_explicit(s->traces, build_traces(s->build), memory_order_relaxed);
	return r;
}

static int on_leave(void *ctx)
{
	return build_leave(((struct sinking *)ctx)->build);
}

static int on_problem(void *ctx, const char *text)
{
	return build_problem(((struct sinking *)ctx)->build, text);
}

static int on_unopened(void *ctx, const char *reason)
{
	return build_unopened(((struct sinking *)ctx)->build, reason);
}

static int on_unallocated(void *ctx, const uint8_t *content, size_t len, uint64_t size)
{
	return build_unallocated(((struct sinking *)ctx)->build, content, len, size);
}

static int on_places(void *ctx, const uint8_t *packed, size_t len)
{
	return build_places(((struct sinking *)ctx)->build, packed, len);
}

static int on_placed(void *ctx, uint32_t cluster, uint64_t base)
{
	return build_placed(((struct sinking *)ctx)->build, cluster, base);
}

/* ---- walks ---------------------------------------------------------------------------------- */

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
static int walk_once(const struct volume_walk *w, size_t k, const char *path,
	struct walk_opts *opts, bool last, struct err *e)
{
	struct sinking to = {.traces = &w->traces[k]};
	const struct walk_sink sink = {on_root, on_enter, on_leave, on_problem, on_unopened,
		on_unallocated, on_places, on_placed, &to};
	struct err why = {0};
	int r = build_open(path, &w->manifest->key, &to.build, e);
	bool ours = false;

	opts->met = 0; /* nobody is to blame for what comes before a walk */
	if (r)
		return r;
	r = workers_walk(w->workers, k, opts, &sink, &why);
	ours = r && (build_error(to.build)->code || !worker_failed(r));
	if (r && !ours && last && build_traces(to.build) > 0) {
		build_ended(to.build, err_text(&why, r));
		return build_finish(to.build, e);
	}
	if (r == 0)
		return build_finish(to.build, e);
	if (build_error(to.build)->code)
		err_set(e, -r, "%s", build_error(to.build)->text);
	else
		err_set(e, -r, "%s", err_text(&why, r));
	build_abort(to.build);
	return r;
}

/*
 * A worker that is lost over a container, twice over the same one, costs that container: the
 * walk begins anew without it. Too many of them, and nothing is looked into.
 */
static int walk_tries(const struct volume_walk *w, size_t k, const char *path, struct err *e)
{
	struct walk_opts opts = {.heads = w->heads};
	uint64_t suspect = 0;
	bool second = false;

	for (;;) {
		struct err why = {0};
		int r = walk_once(w, k, path, &opts, second, &why);

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

int volume_look(const char *path, struct manifest_volume *v, uint64_t *traces, struct err *e)
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
		*traces = c.allocated + c.deleted;
	}
	index_close(x);
	return r;
}

int volume_ingest(const struct volume_walk *w, size_t k, struct manifest_volume *v, struct err *e)
{
	char *path = manifest_index_path(w->dir, k);
	uint64_t traces = 0;
	int r = path ? 0 : err_errno(e, ENOMEM, "%s", w->dir);

	if (r == 0 && access(path, F_OK) != 0)
		r = walk_tries(w, k, path, e);
	if (worker_failed(r) && (!e || !e->code || worker_failed(-e->code))) {
		/* nothing came: the volume is shown as bytes, with the reason */
		snprintf(v->ended, sizeof(v->ended), "%s", err_text(e, r));
		v->scan.known = false;
		err_clear(e);
		r = 0;
	} else if (r == 0) {
		r = digest_file(path, v->digest, e);
		if (r == 0)
			r = volume_look(path, v, &traces, e);
	}
	atomic_store(&w->traces[k], traces);
	free(path);
	return r;
}
