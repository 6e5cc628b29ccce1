/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chunks.c - EWF media as a source: chunks from the shared cache, missing ones
 * inflated by workers
 *
 * A read pins the chunks it needs, claims the missing ones, shares them out
 * among workers, copies. It waits for other readers' chunks only when it holds
 * no worker and no claim, so nobody waits in a circle.
 */
#include "worker/pool.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/now.h"
#include "worker/ahead.h"

#define WINDOW     WIRE_FILL_MAX /* chunks of a read looked at together */
#define SHARE_MIN  8             /* chunks that are worth another worker */
#define LOSSES_MAX 2             /* workers that chunks one by one may cost */
#define SLOTS_MIN  8
#define EXPECTED   128 /* chunks that are taken notice of at a time */
#define LENT_PART  8   /* of the cache, which one read may hold lent at most */

struct chunks {
	struct source base;
	struct workers *w;
	struct cache *cache;
	struct ahead *ahead;
	uint32_t chunk_size;
	_Atomic int64_t looked; /* second in which the machine's memory was last looked at */
	_Atomic uint32_t limit; /* slots in use */
};

/* What one worker is to fill. */
struct part {
	struct process *p;
	const struct cache_ref *ref;
	size_t n;
};

static void fail_one(
	struct chunks *ch, const struct cache_ref *ref, int status, bool keep, const char *text)
{
	if (cache_done(ch->cache, ref, -EIO, keep))
		pool_fault(ch->w, "chunk %llu (media byte %llu): %s",
			(unsigned long long)ref->chunk,
			(unsigned long long)(ref->chunk * ch->chunk_size),
			text[0] ? text : strerror(-status));
}

static void ask(const struct part *part, struct err *e)
{
	struct buf *b = wire_begin(&part->p->wire, WIRE_FILL);

	buf_put_u32(b, (uint32_t)part->n);
	for (size_t i = 0; i < part->n; i++) {
		buf_put_u64(b, part->ref[i].chunk);
		buf_put_u32(b, part->ref[i].slot);
	}
	process_ask(part->p, e);
}

/* Hand on what an answer says. Checked as a whole before the first chunk is let go. */
static int take(struct chunks *ch, const struct part *part, struct cur c)
{
	struct reply_chunk v;

	for (int pass = 0; pass < 2; pass++) {
		struct cur at = c;

		for (size_t i = 0; i < part->n; i++) {
			const struct cache_ref *ref = &part->ref[i];
			uint32_t full =
				reply_chunk_bytes(ref->chunk, ch->base.size, ch->chunk_size);

			if (reply_filled(&at, full, &v) < 0)
				return -EPROTO;
			if (pass == 1 && v.status == 0)
				cache_done(ch->cache, ref, 0, false);
			else if (pass == 1)
				fail_one(ch, ref, v.status, true, v.text);
		}
		if (cur_left(&at) > 0)
			return -EPROTO;
	}
	return 0;
}

/* The answer to ask(). When the worker broke, its chunks are still claimed. */
static void collect(struct chunks *ch, const struct part *part, struct err *e)
{
	struct frame f;
	int r = 0;

	if (part->p->broken)
		return;
	r = process_expect(part->p, WIRE_FILLED, REPLY_FILL_MAX, PROCESS_PROGRESS_MS, &f, e);
	if (part->p->broken)
		return;
	for (size_t i = 0; r < 0 && i < part->n; i++)
		fail_one(ch, &part->ref[i], r, false, err_text(e, r));
	if (r == 0 && take(ch, part, f.payload) < 0)
		process_break(part->p, -EPROTO, e);
}

/* One chunk, on as many workers as are shot under it. Return: false, it cost one or has none. */
static bool retry_one(struct chunks *ch, const struct cache_ref *ref, unsigned *shots)
{
	struct part one = {.ref = ref, .n = 1};
	struct err e = {0};
	bool lost = false;
	bool shot = false;

	do {
		int r = pool_get(ch->w, POOL_WAIT, 0, &one.p, &e);

		if (r < 0) {
			fail_one(ch, ref, r, false, err_text(&e, r));
			return false;
		}
		err_clear(&e);
		ask(&one, &e);
		collect(ch, &one, &e);
		lost = one.p->broken;
		shot = lost && one.p->shot && ++*shots < POOL_SHOTS;
		if (lost && !shot)
			fail_one(ch, ref, -EIO, !one.p->shot, err_text(&e, -EIO));
		pool_put(ch->w, one.p);
	} while (shot);
	return !lost;
}

/* After a lost worker: one by one, so that a chunk that kills costs itself. */
static void retry(struct chunks *ch, const struct part *lost)
{
	unsigned losses = 0;
	unsigned shots = 0;

	for (size_t i = 0; i < lost->n; i++) {
		if (losses >= LOSSES_MAX)
			fail_one(ch, &lost->ref[i], -EIO, false, "too many workers were lost");
		else if (!retry_one(ch, &lost->ref[i], &shots))
			losses++;
	}
}

/* Let workers fill all claims; each is done, well or not, on return. */
static void fill(struct chunks *ch, struct process *first, const struct cache_ref *claim, size_t n)
{
	struct part part[POOL_MAX] = {{.p = first}};
	bool lost[POOL_MAX] = {false};
	size_t workers = 1;
	size_t used = 0;

	while (workers < ch->w->cpus && n > workers * SHARE_MIN &&
		pool_get(ch->w, POOL_TRY, 0, &part[workers].p, NULL) == 0)
		workers++;
	for (size_t i = 0; i < workers; i++) {
		size_t share = (n - used + workers - i - 1) / (workers - i);

		part[i].ref = claim + used;
		part[i].n = share;
		used += share;
		ask(&part[i], NULL);
	}
	for (size_t i = 0; i < workers; i++) {
		struct err e = {0};

		collect(ch, &part[i], &e);
		lost[i] = part[i].p->broken;
	}
	for (size_t i = 0; i < workers; i++)
		pool_put(ch->w, part[i].p);
	for (size_t i = 0; i < workers; i++)
		if (lost[i])
			retry(ch, &part[i]);
}

/* Where memory runs short the cache shrinks, and grows again when there is enough. */
static void ease(struct chunks *ch)
{
	int64_t second = now_ns(CLOCK_MONOTONIC_COARSE) / NOW_SECOND;
	struct memory m;
	uint32_t before = ch->limit;
	uint32_t limit = 0;

	if (atomic_exchange(&ch->looked, second) == second || memory_now(&m) < 0)
		return;
	limit = memory_share(&m, ch->chunk_size, cache_slots(ch->cache), before);
	if (limit < SLOTS_MIN)
		limit = SLOTS_MIN;
	if (limit != before && atomic_compare_exchange_strong(&ch->limit, &before, limit))
		cache_limit(ch->cache, limit);
}

static void fill_missing(struct chunks *ch, const struct cache_ref *ref, size_t n)
{
	struct cache_ref claim[WINDOW];
	struct process *p = NULL;
	struct err e = {0};
	size_t claims = 0;
	int r = 0;

	for (size_t i = 0; i < n; i++)
		if (ref[i].how == CACHE_CLAIMED)
			claim[claims++] = ref[i];
	if (claims == 0)
		return;
	ease(ch);
	r = pool_get(ch->w, POOL_WAIT, 0, &p, &e);
	if (r == 0)
		fill(ch, p, claim, claims);
	for (size_t i = 0; r < 0 && i < claims; i++)
		fail_one(ch, &claim[i], r, false, err_text(&e, r));
}

/* What a window of a read needs: from byte @at of chunk @first on. */
static size_t window_chunks(const struct chunks *ch, uint32_t at, size_t len)
{
	size_t want = (at + len - 1) / ch->chunk_size + 1;

	return want < WINDOW ? want : WINDOW;
}

/* The byte of its chunk behind which a use of @n bytes from @at of its first one on ends. */
static uint32_t use_end(const struct chunks *ch, uint32_t at, size_t n)
{
	return n > 0 ? (uint32_t)((at + n - 1) % ch->chunk_size) + 1 : CACHE_UNUSED;
}

/* Copies out of pinned chunks; waits for those that others fill. Return: bytes, or -EIO for the
 * first. */
static ssize_t copy_out(const struct chunks *ch, const struct cache_ref *ref, size_t n, uint32_t at,
	uint8_t *buf, size_t len)
{
	size_t done = 0;
	uint32_t from = at;

	for (size_t i = 0; i < n && done < len; i++, from = 0) {
		size_t take_bytes = ch->chunk_size - from;
		int r = ref[i].how == CACHE_READY ? 0 : cache_wait(ch->cache, &ref[i]);

		if (r < 0)
			return done > 0 ? (ssize_t)done : r;
		if (take_bytes > len - done)
			take_bytes = len - done;
		memcpy(buf + done, cache_bytes(ch->cache, ref[i].slot) + from, take_bytes);
		done += take_bytes;
	}
	return (ssize_t)done;
}

/* One window. Return: bytes copied, or -EIO for the first. */
static ssize_t read_window(struct chunks *ch, uint8_t *buf, size_t len, uint64_t first, uint32_t at)
{
	struct cache_ref ref[WINDOW];
	size_t n = cache_take(ch->cache, first, window_chunks(ch, at, len), at, ref);
	ssize_t done = 0;

	fill_missing(ch, ref, n);
	done = copy_out(ch, ref, n, at, buf, len);
	cache_put(ch->cache, ref, n, use_end(ch, at, done > 0 ? (size_t)done : 0));
	return done;
}

static ssize_t chunks_pread(const struct source *s, void *buf, size_t len, uint64_t off)
{
	/* Only bookkeeping behind locks changes. */
	struct chunks *ch = (struct chunks *)(uintptr_t)s;
	size_t done = 0;

	while (done < len) {
		uint64_t pos = off + done;
		ssize_t n = read_window(ch, (uint8_t *)buf + done, len - done, pos / ch->chunk_size,
			(uint32_t)(pos % ch->chunk_size));

		if (n < 0)
			return done > 0 ? (ssize_t)done : n;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Whether a read is one window, and pins so little that others go on. */
static bool is_small(const struct chunks *ch, uint64_t off, size_t len)
{
	uint64_t n = (off + len - 1) / ch->chunk_size - off / ch->chunk_size + 1;

	return n <= WINDOW && n <= LOAN_PIECES && n <= ch->limit / LENT_PART;
}

static ssize_t chunks_now(const struct source *s, void *buf, size_t len, uint64_t off)
{
	struct chunks *ch = (struct chunks *)(uintptr_t)s;
	struct cache_ref ref[WINDOW];
	uint32_t at = (uint32_t)(off % ch->chunk_size);
	size_t n = is_small(ch, off, len) ? window_chunks(ch, at, len) : 0;

	if (n == 0 || cache_ready(ch->cache, off / ch->chunk_size, n, at, ref) == 0)
		return -EAGAIN;
	copy_out(ch, ref, n, at, buf, len);
	cache_put(ch->cache, ref, n, use_end(ch, at, len));
	return (ssize_t)len;
}

/* Chunks stay pinned while they are lent. Whoever waits for a slot here holds none. */
static ssize_t chunks_lend(const struct source *s, size_t len, uint64_t off, struct loan *l)
{
	struct chunks *ch = (struct chunks *)(uintptr_t)s;
	struct cache_ref ref[WINDOW];
	uint32_t at = (uint32_t)(off % ch->chunk_size);
	size_t n = window_chunks(ch, at, len);
	size_t have = 0;
	size_t done = 0;
	int r = 0;

	if (l->n > 0 || !is_small(ch, off, len))
		return -EAGAIN;
	have = cache_take(ch->cache, off / ch->chunk_size, n, at, ref);
	fill_missing(ch, ref, have);
	for (size_t i = 0; r == 0 && have == n && i < n; i++, at = 0) {
		size_t bytes = ch->chunk_size - at < len - done ? ch->chunk_size - at : len - done;

		if (ref[i].how != CACHE_READY)
			r = cache_wait(ch->cache, &ref[i]);
		if (r == 0)
			r = loan_add(
				l, cache_bytes(ch->cache, ref[i].slot) + at, bytes, s, ref[i].slot);
		done += bytes;
	}
	if (have < n || r) {
		cache_put(ch->cache, ref, have, CACHE_UNUSED);
		l->n = l->bytes = 0; /* nothing is to be taken back: not counted as lent */
		return -EAGAIN;
	}
	return (ssize_t)len;
}

static void chunks_take_back(const struct source *s, const struct loan *l, size_t first, size_t n)
{
	struct chunks *ch = (struct chunks *)(uintptr_t)s;
	struct cache_ref ref[WINDOW];
	const struct iovec *last = &l->piece[first + n - 1];
	const uint8_t *begin = NULL;

	for (size_t i = 0; i < n; i++)
		ref[i].slot = (uint32_t)l->hold[first + i].what;
	begin = cache_bytes(ch->cache, ref[n - 1].slot);
	cache_put(ch->cache, ref, n,
		(uint32_t)((const uint8_t *)last->iov_base + last->iov_len - begin));
}

static void chunks_ahead(const struct source *s, uint64_t off, size_t len, uint64_t left)
{
	const struct chunks *ch = (const struct chunks *)s;

	ahead_note(ch->ahead, off, len, left);
}

/* The first chunk of each before more of any. */
static void chunks_expect(const struct source *s, const struct source_span *v, size_t n)
{
	const struct chunks *ch = (const struct chunks *)s;
	uint64_t chunk[EXPECTED];
	size_t have = 0;

	for (size_t i = 0; i < n && have < EXPECTED; i++)
		chunk[have++] = v[i].off / ch->chunk_size;
	for (size_t i = 0; i < n; i++) {
		const uint64_t last = (v[i].off + v[i].len - 1) / ch->chunk_size;

		for (uint64_t at = v[i].off / ch->chunk_size + 1; at <= last && have < EXPECTED;
			at++)
			chunk[have++] = at;
	}
	ahead_expect(ch->ahead, chunk, have);
}

_Static_assert(AHEAD_JOB <= WIRE_FILL_MAX, "one fetch is one FILL");

/* ahead.h's fetch: without delaying anybody. */
static void chunks_fetch(void *ctx, const uint64_t *chunk, size_t n)
{
	struct chunks *ch = ctx;
	struct cache_ref ref[AHEAD_JOB];
	struct process *p = NULL;
	size_t claims = 0;

	/* First the worker: a claim that waits for one would hold up who needs the chunk. */
	if (pool_get(ch->w, POOL_AHEAD, 0, &p, NULL) < 0)
		return;
	if (n > ch->limit / LENT_PART)
		n = ch->limit / LENT_PART > 0 ? ch->limit / LENT_PART : 1;
	claims = cache_claim(ch->cache, chunk, n, ref);
	if (claims == 0) {
		pool_put(ch->w, p);
		return;
	}
	struct part part = {.p = p, .ref = ref, .n = claims};
	struct err e = {0};
	bool lost = false;

	ask(&part, &e);
	collect(ch, &part, &e);
	lost = p->broken;
	pool_put(ch->w, p);
	if (lost)
		retry(ch, &part);
	cache_put(ch->cache, ref, claims, CACHE_UNUSED);
}

static void chunks_close(struct source *s)
{
	struct chunks *ch = (struct chunks *)s;

	ahead_free(ch->ahead);
	free(ch);
}

/* The cache of the image, made with its first source. */
static int shared_cache(struct workers *w, uint32_t chunk_size, struct cache **out, struct err *e)
{
	size_t slots = w->opts.cache_bytes / chunk_size;
	int r = 0;

	if (slots < SLOTS_MIN)
		slots = SLOTS_MIN;
	if (slots > UINT32_MAX / 2)
		slots = UINT32_MAX / 2;
	pthread_mutex_lock(&w->lock);
	if (!w->cache)
		r = cache_new(chunk_size, (uint32_t)slots, &w->cache);
	if (r < 0)
		err_errno(e, -r, "cannot make the chunk cache");
	else if (cache_slot_bytes(w->cache) != chunk_size)
		r = err_set(e, EINVAL, "the image's chunks have %u bytes, not %u",
			cache_slot_bytes(w->cache), chunk_size);
	else
		*out = w->cache;
	pthread_mutex_unlock(&w->lock);
	return r;
}

int chunks_source(struct workers *w, uint64_t media_size, uint32_t chunk_size, struct source **out,
	struct err *e)
{
	static const struct source_ops ops = {.pread = chunks_pread,
		.now = chunks_now,
		.lend = chunks_lend,
		.take_back = chunks_take_back,
		.ahead = chunks_ahead,
		.expect = chunks_expect,
		.close = chunks_close};
	struct chunks *ch = NULL;
	struct ahead_opts a = {.chunk_size = chunk_size,
		.chunks = media_size / chunk_size + (media_size % chunk_size > 0),
		.threads = w->cpus,
		.fetch = chunks_fetch};
	struct cache *cache = NULL;
	int r = shared_cache(w, chunk_size, &cache, e);

	if (r < 0)
		return r;
	ch = calloc(1, sizeof(*ch));
	if (!ch)
		return err_set(e, ENOMEM, "no memory for the media");
	*ch = (struct chunks){.base = {.ops = &ops, .size = media_size},
		.w = w,
		.cache = cache,
		.limit = cache_slots(cache),
		.chunk_size = chunk_size};
	a.window_max = cache_slots(cache) / 4;
	a.ctx = ch;
	r = ahead_new(&a, &ch->ahead);
	if (r < 0) {
		free(ch);
		return err_errno(e, -r, "cannot read ahead");
	}
	*out = &ch->base;
	return 0;
}
