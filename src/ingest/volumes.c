/* SPDX-License-Identifier: Apache-2.0 */
/* volumes.c - all volumes of an image, side by side; see volumes.h. */
#include "ingest/volumes.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/now.h"
#include "base/thread.h"
#include "ingest/volume.h"

#define LOOK_NS (100 * NOW_MS)

/* What the threads share. */
struct all {
	struct manifest *m;
	const struct volumes_opts *o;
	struct volume_walk walk;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	size_t next;      /* volume that nobody has taken yet */
	unsigned threads; /* that still run */
	int r;            /* of the first that failed */
	struct err why;
};

/* ---- the threads -------------------------------------------------------------------------- */

static bool take(struct all *a, size_t *out)
{
	bool found = false;

	pthread_mutex_lock(&a->lock);
	while (a->next < a->m->n && !a->m->volumes[a->next].scan.known)
		a->next++;
	if (a->next < a->m->n && !atomic_load(a->o->end)) {
		*out = a->next++;
		found = true;
	}
	pthread_mutex_unlock(&a->lock);
	return found;
}

static void failed(struct all *a, int r, const struct err *why)
{
	pthread_mutex_lock(&a->lock);
	if (!a->r) {
		a->r = r;
		a->why = *why;
		atomic_store(a->o->end, true);
	}
	pthread_mutex_unlock(&a->lock);
}

static void *run(void *arg)
{
	struct all *a = arg;
	size_t k = 0;

	while (take(a, &k)) {
		struct err why = {0};
		int r = volume_ingest(&a->walk, k, &a->m->volumes[k], &why);

		if (r)
			failed(a, r, &why);
	}
	pthread_mutex_lock(&a->lock);
	a->threads--;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

static unsigned wanted(const struct manifest *m)
{
	const unsigned most = thread_cpus(VOLUMES_AT_ONCE);
	unsigned known = 0;

	for (size_t k = 0; k < m->n; k++)
		known += m->volumes[k].scan.known;
	return known < most ? known : most;
}

/* As many as are wanted, or as can be had. Return: 0, or why there is none. */
static int begin(struct all *a, pthread_t threads[static VOLUMES_AT_ONCE], unsigned *n)
{
	unsigned most = wanted(a->m);
	int r = 0;

	for (*n = 0; *n < most && r == 0; *n += r == 0) {
		pthread_mutex_lock(&a->lock);
		r = thread_start(&threads[*n], run, a);
		a->threads += r == 0;
		pthread_mutex_unlock(&a->lock);
	}
	return *n > 0 ? 0 : r;
}

/* ---- while they run ------------------------------------------------------------------------- */

static uint64_t count(const struct all *a)
{
	uint64_t n = 0;

	for (size_t k = 0; k < a->m->n; k++)
		n += atomic_load_explicit(&a->walk.traces[k], memory_order_relaxed);
	return n;
}

static void put_names(const struct manifest *m, struct buf *out)
{
	for (size_t k = 0; k < m->n; k++) {
		if (m->volumes[k].scan.known)
			buf_printf(out, "%s%s", out->len ? ", " : "", m->volumes[k].name);
	}
}

static void wait_for_all(struct all *a, const char *names)
{
	pthread_mutex_lock(&a->lock);
	while (a->threads > 0) {
		const struct timespec until = now_plus(CLOCK_MONOTONIC, LOOK_NS);

		pthread_cond_timedwait(&a->changed, &a->lock, &until);
		pthread_mutex_unlock(&a->lock);
		a->o->look(a->o->ctx, names, count(a));
		pthread_mutex_lock(&a->lock);
	}
	pthread_mutex_unlock(&a->lock);
	a->o->look(a->o->ctx, names, count(a));
}

static int all_of_them(struct all *a, struct err *e)
{
	pthread_t threads[VOLUMES_AT_ONCE];
	struct buf names = BUF_INIT;
	unsigned n = 0;
	int r = 0;

	put_names(a->m, &names);
	r = begin(a, threads, &n);
	if (r) {
		buf_release(&names);
		return err_errno(e, r, "volumes cannot be walked");
	}
	wait_for_all(a, buf_cstr(&names));
	buf_release(&names);
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	if (a->r)
		return err_set(e, -a->r, "%s", err_text(&a->why, a->r));
	return atomic_load(a->o->end) ? -EINTR : 0;
}

int volumes_ingest(
	struct manifest *m, const struct volumes_opts *o, uint64_t *traces, struct err *e)
{
	struct all a = {.m = m, .o = o, .lock = PTHREAD_MUTEX_INITIALIZER};
	atomic_uint_fast64_t *counts = calloc(m->n + 1, sizeof(*counts));
	int r = 0;

	a.walk = (struct volume_walk){o->workers, m, o->dir, o->heads, counts};
	thread_cond_init(&a.changed);
	r = counts ? all_of_them(&a, e) : err_errno(e, ENOMEM, "%s", o->dir);
	if (r == 0)
		*traces = count(&a);
	pthread_cond_destroy(&a.changed);
	pthread_mutex_destroy(&a.lock);
	free(counts);
	return r;
}
