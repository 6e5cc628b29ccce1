/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hashes_traces.c - trace by trace, the hashes that the read of the image did not give
 *
 * What extents do not say (members of containers), what goes backwards in the image, names of
 * the same file, what lies in or near a place that could not be read, and whatever an earlier
 * run did not come to. Most of it waits for a worker, so that two threads are at it, each with
 * a stretch of its own. A container is never shared between them: what a worker has open of it is
 * good for the member that comes next.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/thread.h"
#include "serve/content.h"
#include "serve/hashes_private.h"

#define BLOCK   ((size_t)4 << 20)
#define STRETCH 256 /* ids, and as many more as it takes to end where a container ends */
#define ALWAYS_HASHED                                                                              \
	(UINT64_C(4) << 30) /* bytes; a larger trace only if the image could hold it */

/* ---- one trace --------------------------------------------------------------------------- */

static int hash_contents(
	struct hashes *h, uint64_t id, struct digest *d, uint8_t *block, uint8_t out[32])
{
	struct content *c = NULL;
	uint64_t off = 0;
	int r = content_open(h->ev, id, &c);

	while (r == 0 && off < content_size(c) && !h->stop) {
		ssize_t n = content_read(c, block, BLOCK, off);

		if (n <= 0) {
			r = -EIO;
		} else {
			digest_update(d, block, (size_t)n);
			off += (uint64_t)n;
		}
	}
	/* also after a fault: leaves the digest ready for the next */
	if (digest_final(d, out))
		r = -EIO;
	content_close(c);
	return r;
}

static void pass_over(struct hashes *h, uint64_t bytes)
{
	pthread_mutex_lock(&h->lock);
	h->status.done += bytes;
	pthread_mutex_unlock(&h->lock);
}

static int hash_trace(struct hashes *h, const struct trace *t, struct digest *d, uint8_t *block)
{
	uint8_t value[32];
	int r = 0;

	if (hashes_has(h, t->id)) {
		pass_over(h, t->size);
		return 0;
	}
	if (t->first != t->id && hashes_get(h, t->first, value) == 0)
		return hashes_put(h, t->id, value, t->size);
	if (t->size > ALWAYS_HASHED && t->size / 2 > h->ev->manifest.image.media_size)
		return hashes_put(h, t->id, NULL, t->size);
	r = hash_contents(h, t->id, d, block, value);
	if (h->stop)
		return 0;
	return hashes_put(h, t->id, r ? NULL : value, t->size);
}

/* ---- stretches ----------------------------------------------------------------------------- */

/* Traces of a volume whose ids in its index are behind @after, up to @last. */
struct stretch {
	unsigned volume;
	uint64_t after;
	uint64_t last;
};

/* What the threads share. */
struct sharing {
	struct hashes *h;
	pthread_mutex_t lock; /* over what follows */
	unsigned volume;
	uint64_t after; /* nobody has claimed what is behind it */
	int r;          /* of the first that failed */
	unsigned able;  /* threads that had the memory for it */
};

/* The next trace with contents of volume @k, its ids those of the index. */
static int next_file(struct hashes *h, unsigned k, uint64_t after, struct trace *t)
{
	struct evidence_cursor c;
	struct index_reader *reader = NULL;
	int r = 0;

	if (!h->ev->volumes[k].index)
		return -ENOENT;
	evidence_cursor_init(&c, h->ev);
	r = evidence_reader(&c, trace_of_index(k, 0), &reader);
	if (r == 0)
		r = trace_next_file(reader, after, t);
	evidence_cursor_release(&c); /* the numbers of t stay good, its names do not */
	return r;
}

/* @last, or behind it the end of the outermost container that it lies in. */
static uint64_t whole_containers(struct hashes *h, unsigned k, uint64_t last)
{
	const uint64_t root = trace_of_index(k, 0);
	uint64_t id = trace_of_index(k, last);
	struct evidence_cursor c;
	struct trace t;

	evidence_cursor_init(&c, h->ev);
	while (id != root && evidence_get(&c, id, &t) == 0 && t.parent != id) {
		if (t.flags & ENTRY_CONTAINER)
			last = trace_to_index(t.last);
		id = t.parent;
	}
	evidence_cursor_release(&c);
	return last;
}

static bool claim(struct sharing *s, struct stretch *out)
{
	bool found = false;

	pthread_mutex_lock(&s->lock);
	while (!found && s->r == 0 && s->volume < s->h->ev->manifest.n && !s->h->stop) {
		struct trace t = {0};
		int r = next_file(s->h, s->volume, s->after, &t);

		if (r == -ENOENT) {
			s->volume++;
			s->after = 0;
		} else if (r) {
			s->r = r;
		} else {
			*out = (struct stretch){s->volume, t.id - 1,
				whole_containers(s->h, s->volume, t.id - 1 + STRETCH)};
			s->after = out->last;
			found = true;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

static int hash_stretch(struct hashes *h, struct stretch s, struct digest *d, uint8_t *block)
{
	int r = 0;

	while (r == 0 && s.after < s.last && !h->stop) {
		struct trace t = {0};

		r = next_file(h, s.volume, s.after, &t);
		if (r == -ENOENT || (r == 0 && t.id > s.last))
			return 0;
		s.after = t.id;
		t.id = trace_of_index(s.volume, t.id);
		t.first = trace_of_index(s.volume, t.first);
		if (r == 0)
			r = hash_trace(h, &t, d, block);
	}
	return r;
}

static void *run(void *arg)
{
	struct sharing *s = arg;
	struct digest *d = digest_new(DIGEST_SHA256);
	uint8_t *block = malloc(BLOCK);
	const bool able = d && block;
	struct stretch next;
	int r = 0;

	while (able && r == 0 && claim(s, &next))
		r = hash_stretch(s->h, next, d, block);
	pthread_mutex_lock(&s->lock);
	s->able += able;
	if (r && !s->r)
		s->r = r;
	pthread_mutex_unlock(&s->lock);
	digest_free(d);
	free(block);
	return NULL;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static uint64_t contents_bytes(struct hashes *h)
{
	uint64_t total = 0;

	for (unsigned k = 0; k < h->ev->manifest.n; k++) {
		struct evidence_cursor c;
		struct index_reader *reader = NULL;
		struct index_counts counts = {0};

		evidence_cursor_init(&c, h->ev);
		if (evidence_reader(&c, trace_of_index(k, 0), &reader) == 0 &&
			index_counts(reader, &counts) == 0)
			total += counts.content_bytes;
		evidence_cursor_release(&c);
	}
	return total;
}

/* This thread, and another one where there are processors and memory for it: one worker is
 * hardly ever busy all the time, and readers need some, too. */
static void work_all(struct sharing *s)
{
	pthread_t other;
	bool two = thread_cpus(2) > 1 && thread_start(&other, run, s) == 0;

	run(s);
	if (two)
		pthread_join(other, NULL);
	if (s->able == 0 && !s->r)
		s->r = -ENOMEM;
}

int hashes_traces(struct hashes *h)
{
	struct sharing s = {.h = h, .lock = PTHREAD_MUTEX_INITIALIZER};
	int kept = 0;

	hashes_set_state(h, HASHES_TRACES, 0, contents_bytes(h));
	s.r = hashes_exec(h, "BEGIN");
	if (s.r)
		return s.r;
	work_all(&s);
	kept = hashes_exec(h, "COMMIT"); /* also what was found before a fault */
	return s.r ? s.r : kept;
}
