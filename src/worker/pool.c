/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c - the workers of one image that serve reads; see pool.h. */
#include "worker/pool.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "worker/hello.h"
#include "worker/sandbox.h"

#define COUNT_MIN   4 /* by default, whatever the cpus */
#define NOBODY      UINT_MAX
#define CACHE_BYTES (64u * 1024 * 1024)

static int check(const struct image_files *files, const struct workers_opts *o, struct err *e)
{
	char type[HELLO_TYPE_MAX];
	int r = 0;

	if (o->types && strlen(o->types) >= WIRE_TYPES_MAX)
		return err_set(e, EINVAL, "more than %d bytes of forced types", WIRE_TYPES_MAX);
	r = hello_type_of(o->types, 0, type, e);
	if (r < 0)
		return r;
	if (files->n == 0 || files->n > WIRE_SEGMENTS)
		return err_set(e, EINVAL, "an image of %zu segments (1 to %d can be read)",
			files->n, WIRE_SEGMENTS);
	return 0;
}

static void fill_in(struct workers *w)
{
	struct workers_opts *o = &w->opts;

	w->cpus = thread_cpus(POOL_MAX);
	/* More than cpus: a reader with a worker of its own is woken once less. */
	if (o->count == 0)
		o->count = w->cpus > COUNT_MIN ? w->cpus : COUNT_MIN;
	if (o->count > POOL_MAX)
		o->count = POOL_MAX;
	if (w->cpus > o->count)
		w->cpus = o->count;
	if (o->cache_bytes == 0)
		o->cache_bytes = CACHE_BYTES;
	if (o->uid == 0)
		o->uid = SANDBOX_UID;
}

int workers_new(const struct image_files *files, const struct workers_opts *opts,
	struct workers **out, struct err *e)
{
	struct workers *w = NULL;
	int r = check(files, opts, e);

	if (r < 0)
		return r;
	w = calloc(1, sizeof(*w));
	if (!w)
		return err_set(e, ENOMEM, "no memory for the workers");
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->given_back, NULL);
	w->files = files;
	w->opts = *opts;
	fill_in(w);
	/* over somebody else the program is his */
	w->program = opts->spawner ? strdup("") : spawner_program(opts->program);
	w->types = strdup(opts->types ? opts->types : "");
	if (!w->program)
		r = err_set(e, ENOENT,
			"%s: no such program, or it cannot be run; it belongs beside evidencefs: "
			"install evidencefs again, or build it (make)",
			opts->program ? opts->program : "evidencefs-worker");
	else if (!w->types || (!opts->spawner && spawner_new(&w->own) < 0))
		r = err_set(e, ENOMEM, "no memory for the workers");
	for (size_t i = 0; files->format == IMAGE_RAW && i < files->n; i++)
		w->media_size += files->v[i].size;
	w->spawner = opts->spawner ? opts->spawner : w->own;
	if (r < 0)
		workers_free(w);
	else
		*out = w;
	return r;
}

void workers_free(struct workers *w)
{
	if (!w)
		return;
	for (unsigned i = 0; i < w->n_idle; i++)
		process_end(w->idle[i]);
	spawner_free(w->own);
	cache_free(w->cache);
	pthread_cond_destroy(&w->given_back);
	pthread_mutex_destroy(&w->lock);
	free(w->program);
	free(w->types);
	free(w);
}

static int start(struct workers *w, bool with_cache, struct process **out, struct err *e)
{
	struct process_setup s = {.program = w->program,
		.files = w->files,
		.types = w->types,
		.spawner = w->spawner,
		.uid = w->opts.uid,
		.deadline_ms = w->opts.deadline_ms,
		.tick = w->opts.tick,
		.tick_ctx = w->opts.ctx,
		.cache_fd = -1};
	int r = 0;

	pthread_mutex_lock(&w->lock);
	if (with_cache && w->cache) {
		s.cache_fd = cache_fd(w->cache);
		s.slot_bytes = cache_slot_bytes(w->cache);
		s.slots = cache_slots(w->cache);
	}
	pthread_mutex_unlock(&w->lock);
	r = process_start(&s, out, NULL);
	for (unsigned try = 1; r == -EPIPE && try < POOL_SHOTS; try++)
		r = process_start(&s, out, NULL); /* killed from elsewhere, maybe */
	if (r < 0)                                /* once more, as with any request */
		r = process_start(&s, out, e);
	if (r == 0) {
		pthread_mutex_lock(&w->lock);
		w->ready = (*out)->ready;
		pthread_mutex_unlock(&w->lock);
	}
	return r;
}

int pool_fresh(struct workers *w, struct process **out, struct err *e)
{
	return start(w, false, out, e);
}

/* One worker less. */
static void forget(struct workers *w, struct process *p)
{
	process_end(p);
	pthread_mutex_lock(&w->lock);
	w->n_all--;
	pthread_cond_broadcast(&w->given_back);
	pthread_mutex_unlock(&w->lock);
}

/* The idle one that was asked @about last; NOBODY: there is none. */
static unsigned find_idle(const struct workers *w, uint64_t about)
{
	for (unsigned i = 0; i < w->n_idle; i++) {
		if (w->idle[i]->about == about)
			return i;
	}
	return NOBODY;
}

/* Which of those that are idle, the last one given back last; NOBODY: another is to be started. */
static unsigned choose(const struct workers *w, uint64_t about)
{
	unsigned at = NOBODY;

	if (w->n_idle == 0)
		return NOBODY;
	if (about == 0)
		return w->n_idle - 1;
	at = find_idle(w, about);
	if (at == NOBODY)
		at = find_idle(w, 0);
	return at == NOBODY && w->n_all == w->opts.count ? 0 : at;
}

static struct process *take_idle(struct workers *w, uint64_t about)
{
	unsigned at = choose(w, about);
	struct process *p = NULL;

	if (at == NOBODY)
		return NULL;
	p = w->idle[at];
	w->n_idle--;
	memmove(&w->idle[at], &w->idle[at + 1], (w->n_idle - at) * sizeof(w->idle[0]));
	return p;
}

/* An idle one, or the right (*out NULL) to start one. -EAGAIN: neither. */
static int reserve(struct workers *w, enum pool_want want, uint64_t about, struct process **out)
{
	int r = -EAGAIN;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		bool may = want != POOL_AHEAD || w->urgent == 0;

		*out = may ? take_idle(w, about) : NULL;
		if (*out || (may && w->n_all < w->opts.count)) {
			w->n_all += *out == NULL;
			r = 0;
			break;
		}
		if (want == POOL_TRY)
			break;
		w->urgent += want == POOL_WAIT;
		pthread_cond_wait(&w->given_back, &w->lock);
		w->urgent -= want == POOL_WAIT;
	}
	pthread_mutex_unlock(&w->lock);
	return r;
}

int pool_get(
	struct workers *w, enum pool_want want, uint64_t about, struct process **out, struct err *e)
{
	struct process *p = NULL;
	bool cached = false;
	int r = reserve(w, want, about, &p);

	if (r < 0)
		return r;
	pthread_mutex_lock(&w->lock);
	cached = w->cache != NULL;
	pthread_mutex_unlock(&w->lock);
	/* from before there was a cache; or killed while it had nothing to do */
	if (p && ((cached && !p->has_cache) || process_is_dead(p))) {
		process_end(p);
		p = NULL;
	}
	if (!p)
		r = start(w, true, &p, e);
	if (r < 0)
		forget(w, NULL);
	else
		*out = p;
	if (r == 0 && about)
		p->about = about;
	return r;
}

void pool_put(struct workers *w, struct process *p)
{
	if (p->broken) {
		forget(w, p);
		return;
	}
	pthread_mutex_lock(&w->lock);
	w->idle[w->n_idle++] = p;
	pthread_cond_broadcast(&w->given_back);
	pthread_mutex_unlock(&w->lock);
}

void pool_fault(struct workers *w, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX + 256];
	va_list ap;

	if (!w->opts.fault)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	w->opts.fault(w->opts.ctx, text);
}

void workers_sandbox(struct workers *w, char *text, size_t n)
{
	struct reply_ready k = {0};
	char landlock[32] = "no landlock";
	char user[32] = "";

	pthread_mutex_lock(&w->lock);
	k = w->ready;
	pthread_mutex_unlock(&w->lock);
	if (n == 0)
		return;
	text[0] = '\0';
	if (k.applied == 0)
		return;
	if (k.applied & SANDBOX_LANDLOCK)
		snprintf(landlock, sizeof(landlock), "landlock %u", k.landlock_abi);
	snprintf(user, sizeof(user), "uid %u", k.uid);
	snprintf(text, n, "seccomp, %s, no_new_privs, %s, %s%s", landlock,
		k.applied & SANDBOX_LIMITS ? "limits" : "no limits", user,
		k.applied & SANDBOX_RELAXED ? ", relaxed for a sanitizer" : "");
}
