/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-audit-calls.c - each call of the access log fails in turn
 *
 * A log is made, written, rotated, ended and taken up again; in each such life another call
 * fails: of those that open, make, write, resize, sync or remove a file or directory, and of
 * allocations (OpenSSL's among them). Then: what cannot be recorded is refused, also when it
 * is tried again while it lasts; afterwards all goes on by itself; what was answered is in the
 * log, whole and in order; no later success stands over a failed sync, which a power cut shows.
 *
 * EVIDENCEFS_STRIDE: only each so-manieth call.
 */
#include "tap.h"

#include "life.h"

#include <openssl/crypto.h>

#define RECORDS 90

/* In place of libc's, by the linker, in what is the program's own. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t k, size_t n);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t k, size_t n);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t n)
{
	return disk_no_memory() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t k, size_t n)
{
	return disk_no_memory() ? NULL : __real_calloc(k, n);
}

void *__wrap_realloc(void *p, size_t n)
{
	return disk_no_memory() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
	return disk_no_memory() ? NULL : __real_strdup(s);
}

static void *openssl_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return n == 0 || disk_no_memory() ? NULL : __real_malloc(n);
}

static void *openssl_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	if (n == 0)
		free(p);
	return n == 0 || disk_no_memory() ? NULL : __real_realloc(p, n);
}

static void openssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

struct loop {
	const char *name;
	struct disk_fault fault;
};

/* After @f has ended: the power is cut at its end, or somewhere on the way. */
static const char *cut_after(const struct life *f, uint64_t seed)
{
	uint64_t state = seed;
	size_t moments = disk_moment(f->disk);
	size_t moment = seed % 2 ? moments : (size_t)(disk_random(&state) % (moments + 1));
	enum disk_loss loss = disk_random(&state) % DISK_LOSSES;
	struct promised p = promised_at(f, moment);
	struct life after = {.strict = false};
	char told[LIFE_TEXT] = "";
	const char *wrong = NULL;
	uint64_t found = 0;
	struct place at;

	place_make(&at);
	disk_cut(f->disk, moment, loss, seed, at.top);
	wrong = session(&after, at.log, 2, 0, told, &found);
	if (!wrong)
		wrong = result_is_good(&at, f, &p, found, &after);
	if (wrong)
		diag("cut at %zu of %zu, loss %d", moment, moments, (int)loss);
	life_free(&after);
	place_remove(&at);
	return wrong;
}

/* A log's life in which the fault comes. Return: whether all is well. *@calls: how many there were.
 */
static bool one_life(const struct disk_fault *fault, unsigned long *calls, unsigned *refused)
{
	struct life f = {.strict = fault->nth % 2, .keep = {.compress = true}, .fault = fault};
	char told[LIFE_TEXT] = "";
	struct err e = {.code = 0};
	const char *wrong = NULL;
	uint64_t found = 0;
	struct place at;

	place_make(&at);
	f.disk = disk_watch(at.top);
	disk_faults(f.disk, fault);
	wrong = session(&f, at.log, RECORDS, 0, told, &found);
	*calls = disk_calls(f.disk);
	disk_faults(f.disk, NULL);
	f.fault = NULL;
	f.strict = false;
	if (!wrong)
		wrong = session(&f, at.log, 5, 0, told, &found);
	disk_stop(f.disk);
	if (!wrong && !answers_are_there(at.log, &f))
		wrong = "a record that was answered is not there";
	if (!wrong && judge(at.log, f.origin, f.newest, &e) !=
			      (f.newest ? VERDICT_COMPLETE : VERDICT_INTACT))
		wrong = e.text;
	f.records = load_records(at.log, NULL);
	if (!wrong)
		wrong = cut_after(&f, fault->nth);
	if (wrong)
		diag("call %lu: %s", fault->nth, wrong);
	*refused += f.refused;
	life_free(&f);
	place_remove(&at);
	return wrong == NULL;
}

static void run(const struct loop *loop, unsigned long stride)
{
	struct disk_fault fault = loop->fault;
	unsigned long calls = 0;
	unsigned long good = 0;
	unsigned long tried = 0;
	unsigned refused = 0;

	fault.nth = 0;
	one_life(&fault, &calls, &refused);
	ok(calls > 50 && refused == 0, "%s: %lu calls", loop->name, calls);
	for (fault.nth = 1; fault.nth <= calls; fault.nth += stride, tried++) {
		unsigned long now = 0;

		good += one_life(&fault, &now, &refused);
	}
	is_int(good, (long long)tried, "each of them fails in turn: nothing is lost, all goes on");
	ok(refused > 0, "%u times something was refused", refused);
}

int main(void)
{
	static const struct loop loops[] = {
		{"EIO, once", {.code = EIO}},
		{"ENOSPC, lasting", {.code = ENOSPC, .lasting = true}},
		{"EIO, lasting", {.code = EIO, .lasting = true}},
		{"short writes, and then ENOSPC",
			{.code = ENOSPC, .lasting = true, .shortly = true}},
		{"ENOMEM", {.memory = true}},
	};
	unsigned long stride = number("EVIDENCEFS_STRIDE", 1);

	if (!CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free))
		bail_out("OpenSSL has allocated before");
	if (!freopen("/dev/null", "w", stderr))
		bail_out("/dev/null");
	for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++)
		run(&loops[i], stride);
	return done_testing();
}
