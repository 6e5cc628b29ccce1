/* SPDX-License-Identifier: Apache-2.0 */
/* registry.c - the pieces of evidence that are open; see registry.h. */
#include "control/registry.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/now.h"
#include "base/thread.h"
#include "ingest/fingerprint.h"
#include "ingest/ingest.h"
#include "serve/hashes.h"

#define RETRY_S 5 /* between two tries at storage that is away */

struct holding {
	struct registry *registry;
	uint64_t id;
	struct evidence *evidence; /* NULL: cannot be opened */
	struct image_files files;
	char *image;
	char *types;
	bool attached;
	char why[256]; /* not attached: why */
	pthread_t thread;
	bool started; /* the thread that looks for its storage */
	struct holding *next;
};

struct registry {
	struct channel *ch;
	const struct config *config;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;
	struct holding *first;
};

/* ---- storage ------------------------------------------------------------------- */

static int sample_path(const char *dir, char **out)
{
	return asprintf(out, "%s/sample", dir) < 0 ? -ENOMEM : 0;
}

int registry_sample_write(const char *dir, const struct image_files *f, struct err *e)
{
	char sample[FINGERPRINT_SAMPLE_HEX];
	char *path = NULL;
	int r = fingerprint_sample(f, sample, e);

	if (r == 0 && sample_path(dir, &path))
		r = err_errno(e, ENOMEM, "%s", dir);
	if (r == 0)
		r = file_write(path, sample, strlen(sample), e);
	free(path);
	return r;
}

static int sample_check(const char *dir, const struct image_files *f, struct err *e)
{
	char sample[FINGERPRINT_SAMPLE_HEX];
	char *path = NULL;
	char *kept = NULL;
	int r = fingerprint_sample(f, sample, e);

	if (r == 0 && sample_path(dir, &path))
		r = err_errno(e, ENOMEM, "%s", dir);
	if (r == 0)
		r = file_read(path, FINGERPRINT_SAMPLE_HEX, &kept, e);
	if (r == 0 && strcmp(kept, sample) != 0)
		r = err_set(e, ESTALE, "%s is not the image that was added", f->v[0].path);
	free(kept);
	free(path);
	return r;
}

/* Return: 0 its contents can be read from now on. Called without the lock. */
static int attach(struct holding *x, const char *image, struct err *e)
{
	const struct config *config = x->registry->config;
	const struct evidence_opts o = {.types = x->types,
		.spawner = channel_spawner(x->registry->ch),
		.uid = config->worker_uid,
		.workers = config->workers,
		.cache_bytes = config->cache_bytes};
	int r = channel_image(x->registry->ch, image, &x->files, e);

	if (r)
		return r;
	r = sample_check(x->evidence->dir, &x->files, e);
	if (r == 0)
		r = evidence_attach(x->evidence, &x->files, &o, e);
	if (r)
		image_files_close(&x->files);
	return r;
}

/* Until stopped, or @seconds have passed. Called with the lock. */
static void wait_a_while(struct registry *r, unsigned seconds)
{
	struct timespec until = now_plus(CLOCK_MONOTONIC, seconds * NOW_SECOND);

	while (!r->stop && pthread_cond_timedwait(&r->wake, &r->lock, &until) == 0)
		;
}

static void *storage_main(void *arg)
{
	struct holding *x = arg;
	struct registry *g = x->registry;

	pthread_mutex_lock(&g->lock);
	while (!g->stop && !x->attached) {
		char *image = strdup(x->image);
		struct err e = {0};
		int r = -ENOMEM;

		pthread_mutex_unlock(&g->lock);
		if (image)
			r = attach(x, image, &e);
		free(image);
		pthread_mutex_lock(&g->lock);
		x->attached = r == 0;
		if (r) {
			snprintf(x->why, sizeof(x->why), "%s", err_text(&e, r));
			evidence_away(x->evidence);
			wait_a_while(g, RETRY_S);
		}
	}
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

/* Called with the lock. */
static void look_for_storage(struct holding *x)
{
	snprintf(x->why, sizeof(x->why), "its storage is being looked for");
	x->started = pthread_create(&x->thread, NULL, storage_main, x) == 0;
	if (!x->started) {
		snprintf(x->why, sizeof(x->why), "no thread to look for its storage");
		evidence_away(x->evidence);
	}
}

/* ---- entries --------------------------------------------------------------------- */

static struct holding *find(struct registry *r, uint64_t id)
{
	for (struct holding *x = r->first; x; x = x->next) {
		if (x->id == id)
			return x;
	}
	return NULL;
}

static void holding_free(struct holding *x)
{
	if (!x)
		return;
	if (x->started)
		pthread_join(x->thread, NULL);
	evidence_close(x->evidence);
	if (x->attached)
		image_files_close(&x->files);
	free(x->image);
	free(x->types);
	free(x);
}

static int open_index(struct holding *x, const struct model_evidence *m, struct err *e)
{
	const struct evidence_opts o = {
		.name = m->name, .types = m->types, .hash = true, .attach_later = true};
	struct manifest manifest;
	int r = manifest_read(&manifest, m->dir, e);

	if (r)
		return r;
	if (memcmp(manifest.digest, m->digest, sizeof(m->digest)) != 0)
		r = err_set(
			e, EBADMSG, "%s: not the indexes that were made when it was added", m->dir);
	else
		r = evidence_open(m->dir, &manifest, NULL, &o, &x->evidence, e);
	manifest_release(&manifest);
	/* checks the indexes against their digests; the hashes were all made at `add` */
	if (r == 0 && hashes_start(x->evidence->hashes, e))
		x->evidence->damaged = true;
	return r;
}

static struct holding *holding_new(
	struct registry *r, uint64_t id, const char *image, const char *types)
{
	struct holding *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->registry = r;
	x->id = id;
	x->image = strdup(image);
	x->types = types ? strdup(types) : NULL;
	if (!x->image || (types && !x->types)) {
		holding_free(x);
		return NULL;
	}
	return x;
}

/* Called with the lock. */
static void enter(struct registry *r, struct holding *x)
{
	x->next = r->first;
	r->first = x;
}

struct evidence *registry_get(struct registry *r, const struct model_evidence *m)
{
	struct evidence *ev = NULL;
	struct holding *x = NULL;

	pthread_mutex_lock(&r->lock);
	x = find(r, m->id);
	if (!x && (x = holding_new(r, m->id, m->image, m->types))) {
		struct err e = {0};
		int rc = open_index(x, m, &e);

		enter(r, x);
		if (rc) {
			snprintf(x->why, sizeof(x->why), "%s", err_text(&e, rc));
			fprintf(stderr, "evidencefsd: evidence %s cannot be served: %s\n", m->name,
				x->why);
		} else {
			look_for_storage(x);
		}
	}
	ev = x ? x->evidence : NULL;
	pthread_mutex_unlock(&r->lock);
	return ev;
}

void registry_moved(struct registry *r, uint64_t id, const char *image)
{
	struct holding *x = NULL;
	char *copy = strdup(image);

	pthread_mutex_lock(&r->lock);
	x = find(r, id);
	if (x && copy) {
		free(x->image);
		x->image = copy;
		copy = NULL;
		pthread_cond_broadcast(&r->wake);
	}
	pthread_mutex_unlock(&r->lock);
	free(copy);
}

bool registry_away(struct registry *r, uint64_t id, char *why, size_t size)
{
	struct holding *x = NULL;
	bool away = true;

	pthread_mutex_lock(&r->lock);
	x = find(r, id);
	if (x) {
		away = !x->attached;
		snprintf(why, size, "%s", x->why);
	} else {
		snprintf(why, size, "not open");
	}
	pthread_mutex_unlock(&r->lock);
	return away;
}

int registry_new(
	struct channel *ch, const struct config *config, struct registry **out, struct err *e)
{
	struct registry *r = calloc(1, sizeof(*r));

	if (!r)
		return err_errno(e, ENOMEM, "registry");
	r->ch = ch;
	r->config = config;
	pthread_mutex_init(&r->lock, NULL);
	thread_cond_init(&r->wake);
	*out = r;
	return 0;
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	while (r->first) {
		struct holding *x = r->first;

		r->first = x->next;
		holding_free(x);
	}
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
