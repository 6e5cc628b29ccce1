/* SPDX-License-Identifier: Apache-2.0 */
/* t-ahead.c - what is fetched ahead of reads, and what is not. */
#include "tap.h"

#include <pthread.h>
#include <time.h>

#include "worker/ahead.h"

#define CHUNK  32768u
#define CHUNKS 1000u

struct fetched {
	pthread_mutex_t lock;
	bool chunk[CHUNKS];
	size_t twice;
	size_t outside;
	size_t most;  /* chunks of one fetch */
	uint64_t end; /* behind the last of them */
};

static void fetch(void *ctx, const uint64_t *chunk, size_t n)
{
	struct fetched *f = ctx;

	pthread_mutex_lock(&f->lock);
	f->most = n > f->most ? n : f->most;
	for (size_t i = 0; i < n; i++) {
		const uint64_t c = chunk[i];

		if (c >= CHUNKS) {
			f->outside++;
			continue;
		}
		f->twice += f->chunk[c];
		f->chunk[c] = true;
		f->end = c + 1 > f->end ? c + 1 : f->end;
	}
	pthread_mutex_unlock(&f->lock);
}

static uint64_t end_of(struct fetched *f)
{
	uint64_t end = 0;

	pthread_mutex_lock(&f->lock);
	end = f->end;
	pthread_mutex_unlock(&f->lock);
	return end;
}

static void begin(struct fetched *f, struct ahead **out)
{
	const struct ahead_opts o = {.chunk_size = CHUNK,
		.chunks = CHUNKS,
		.threads = 2,
		.window_max = 256,
		.fetch = fetch,
		.ctx = f};

	*f = (struct fetched){.end = 0};
	pthread_mutex_init(&f->lock, NULL);
	if (ahead_new(&o, out))
		exit(1);
}

/* What is fetched reaches chunk @end, sooner or later. */
static bool reaches(struct fetched *f, uint64_t end)
{
	for (unsigned i = 0; i < 10000 && end_of(f) < end; i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	return end_of(f) >= end;
}

static void test_on_and_on(void)
{
	struct fetched f;
	struct ahead *a = NULL;

	begin(&f, &a);
	for (uint64_t off = 0; off < 64 * CHUNK; off += CHUNK)
		ahead_note(a, off, CHUNK, UINT64_MAX);
	ok(reaches(&f, 64 + 100), "ahead of one that reads on and on");
	for (uint64_t c = 64; c < CHUNKS && reaches(&f, c); c++)
		ahead_note(a, c * CHUNK, CHUNK, UINT64_MAX);
	ok(reaches(&f, CHUNKS), "up to the end");
	ahead_free(a);
	is_int((long long)f.twice, 0, "no chunk is fetched twice");
	is_int((long long)f.outside, 0, "and none behind the end");
}

/* Files of 20,000 bytes in blocks of 4 KiB; two readers take them in turn. */
static void test_small_files(void)
{
	struct fetched f;
	struct ahead *a = NULL;

	begin(&f, &a);
	for (uint64_t i = 0; i < 100; i++)
		ahead_note(a, (i ^ 1) * 20480, 20000, 0);
	ok(reaches(&f, 100 * 20480 / CHUNK + 50), "ahead of files that lie one behind the other");
	ahead_free(a);
	is_int((long long)f.twice, 0, "no chunk is fetched twice");
}

static void test_little(void)
{
	struct fetched f;
	struct ahead *a = NULL;

	begin(&f, &a);
	for (uint64_t i = 0; i < 8; i++)
		ahead_note(a, i * 4096, 4000, 0);
	ahead_note(a, (uint64_t)500 * CHUNK, 4000, 0);
	ahead_note(a, (uint64_t)700 * CHUNK, 4000, 0);
	ok(reaches(&f, 2), "ahead of a few small files");
	ahead_free(a);
	ok(f.end <= 1 + 4 + 1, "at most four times what they are");
}

/* A file of 40 chunks, four at a time. */
static void read_file(struct ahead *a)
{
	for (uint64_t c = 0; c < 40; c += 4)
		ahead_note(a, c * CHUNK, 4 * CHUNK, (36 - c) * CHUNK);
}

static void test_end_of_file(void)
{
	struct fetched f;
	struct ahead *a = NULL;

	begin(&f, &a);
	read_file(a);
	ahead_note(a, (uint64_t)500 * CHUNK, CHUNK, 0);
	ok(reaches(&f, 40), "ahead up to the end of a file");
	ahead_free(a);
	is_int((long long)f.end, 40, "and not behind it");
}

static void test_behind_end_of_file(void)
{
	struct fetched f;
	struct ahead *a = NULL;

	begin(&f, &a);
	read_file(a);
	ahead_note(a, (uint64_t)40 * CHUNK, 4 * CHUNK, 0);
	ok(reaches(&f, 80), "behind it once somebody went on there");
	ahead_free(a);
}

#define REGIONS       20u
#define REGION_CHUNKS 50u

/* Regions whose chunk @i has not been fetched. */
static unsigned missed(struct fetched *f, uint64_t i)
{
	unsigned n = 0;

	pthread_mutex_lock(&f->lock);
	for (uint64_t region = 0; region < REGIONS; region++)
		n += !f->chunk[region * REGION_CHUNKS + i];
	pthread_mutex_unlock(&f->lock);
	return n;
}

/* Chunks that were fetched; when nobody fetches any more. */
static size_t count(const struct fetched *f)
{
	size_t n = 0;

	for (size_t c = 0; c < CHUNKS; c++)
		n += f->chunk[c];
	return n;
}

/* A file of one chunk in each region. What finds the queue full is not fetched: it is read again
 * until all of the chunks behind are there, or @tries are used up. */
static void read_in_turn(struct ahead *a, struct fetched *f, uint64_t i, unsigned tries)
{
	do {
		for (uint64_t region = 0; region < REGIONS; region++)
			ahead_note(a, (region * REGION_CHUNKS + i) * CHUNK, CHUNK, 0);
		if (tries > 0)
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	} while (tries-- > 0 && missed(f, i + 1) > 0);
}

static void test_in_turn(void)
{
	const uint64_t files = 12; /* in each region */
	struct fetched f;
	struct ahead *a = NULL;

	begin(&f, &a);
	for (uint64_t i = 0; i < files; i++)
		read_in_turn(a, &f, i, i + 1 < files ? 0 : 10000);
	is_int(missed(&f, files), 0, "ahead in each of many regions that are read in turn");
	ahead_free(a);
	ok(count(&f) <= files * REGIONS + 256 + REGIONS, "together no more than may be ahead: %zu",
		count(&f));
	is_int((long long)f.twice, 0, "no chunk is fetched twice");
}

static bool has(struct fetched *f, const uint64_t *chunk, size_t n)
{
	bool all = true;

	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < n; i++)
		all = all && f->chunk[chunk[i]];
	pthread_mutex_unlock(&f->lock);
	return all;
}

/* All of them are fetched, sooner or later. */
static bool comes(struct fetched *f, const uint64_t *chunk, size_t n)
{
	for (unsigned i = 0; i < 10000 && !has(f, chunk, n); i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	return has(f, chunk, n);
}

/* What is expected takes no more of the cache than one reader does. */
static void expect_many(void)
{
	uint64_t chunk[400];
	struct fetched f;
	struct ahead *a = NULL;

	for (size_t i = 0; i < 400; i++)
		chunk[i] = 2 * i;
	begin(&f, &a);
	ahead_expect(a, chunk, 400);
	comes(&f, chunk, 128);
	ahead_free(a);
	is_int((long long)count(&f), 128, "of many the first are fetched");
}

/* The beginnings of files that are expected, wherever they lie. */
static void test_expected(void)
{
	const uint64_t chunk[] = {900, 3, 500, 501, 17, 0, 999, 44, 45, 46, 47, 600, 12};
	const size_t n = sizeof(chunk) / sizeof(chunk[0]);
	struct fetched f;
	struct ahead *a = NULL;

	begin(&f, &a);
	ahead_expect(a, chunk, 0);
	ahead_expect(a, chunk, n);
	ok(comes(&f, chunk, n), "what is expected is fetched");
	ahead_free(a);
	is_int((long long)count(&f), (long long)n, "and nothing else");
	expect_many();
	ok(f.most <= AHEAD_JOB, "so many at a time as are asked for at most: %zu", f.most);
}

static void test_at_random(void)
{
	struct fetched f;
	struct ahead *a = NULL;

	begin(&f, &a);
	for (uint64_t i = 0; i < 10000; i++)
		ahead_note(a, i * 37 % CHUNKS * CHUNK, 4096, UINT64_MAX);
	ahead_free(a);
	is_int((long long)f.end, 0, "nothing for reads here and there");
}

int main(void)
{
	test_on_and_on();
	test_small_files();
	test_little();
	test_end_of_file();
	test_behind_end_of_file();
	test_in_turn();
	test_expected();
	test_at_random();
	return done_testing();
}
