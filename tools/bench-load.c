/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-load.c - the work that tools/bench times
 *
 * One program in C, so that what is measured is the mount and not an
 * interpreter. Every reader is a thread with descriptors of its own. Prints
 * "SECONDS BYTES ITEMS": from the moment all readers are ready until the last is done.
 * `share` prints "SEQUENTIAL RANDOM": of each half of its readers, how much the mean one
 * got done for one that the slowest did.
 *
 *	bench-load seq BLOCK LENGTH FILE             from the start on; LENGTH 0: all of it
 *	bench-load random READERS BLOCK COUNT FILE   COUNT aligned reads each; offsets as a seed
 *                                               gives
 *	bench-load share READERS SECONDS FILE        one half reads on and on, 1 MiB at a time,
 *                                               the other 4 KiB at random
 *	bench-load files READERS LIST DIR            each file of LIST whole; the next to who is
 *                                               free
 *	bench-load stat READERS LIST DIR             the attributes of each
 *	bench-load head READERS LIST DIR             open, 4 KiB from the start, close, of each
 *
 * LIST holds paths below DIR, each ended by a NUL.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READERS_MAX 64
#define FILE_BLOCK  ((size_t)128 * 1024) /* as cp and grep read */
#define HEAD_BLOCK  ((size_t)4096)
#define LONG_BLOCK  ((size_t)1 << 20)

struct load {
	int (*work)(struct load *l, unsigned reader, void *buf);
	unsigned readers;
	size_t block;
	uint64_t count; /* reads of each reader, or bytes */
	const char *file;
	int dir;
	bool head;                  /* only the first block of each file */
	uint64_t done[READERS_MAX]; /* share: reads of each reader */
	char **path;                /* [paths] */
	size_t paths;
	atomic_size_t next;
	atomic_uint_fast64_t bytes;
	atomic_uint_fast64_t items;
	atomic_int failed;
	pthread_barrier_t start;
};

struct reader {
	struct load *l;
	unsigned number;
	pthread_t thread;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int complain(const char *what)
{
	fprintf(stderr, "bench-load: %s: %s\n", what, strerror(errno));
	return -1;
}

/* ---- one file --------------------------------------------------------------------- */

static int work_seq(struct load *l, unsigned reader, void *buf)
{
	int fd = open(l->file, O_RDONLY | O_CLOEXEC);
	uint64_t left = l->count ? l->count : UINT64_MAX;
	ssize_t n = 0;

	(void)reader;
	if (fd < 0)
		return complain(l->file);
	while (left > 0 && (n = read(fd, buf, l->block < left ? l->block : (size_t)left)) > 0) {
		l->bytes += (uint64_t)n;
		l->items++;
		left -= (uint64_t)n;
	}
	close(fd);
	return n < 0 ? complain(l->file) : 0;
}

/* The same offsets for the same reader in every run: xorshift. */
static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static int work_random(struct load *l, unsigned reader, void *buf)
{
	uint64_t state = 0x9e3779b97f4a7c15u * (reader + 1);
	int fd = open(l->file, O_RDONLY | O_CLOEXEC);
	uint64_t bytes = 0;
	struct stat st;
	ssize_t n = 0;

	if (fd < 0 || fstat(fd, &st) || (uint64_t)st.st_size < l->block)
		return complain(l->file);
	for (uint64_t i = 0; n >= 0 && i < l->count; i++) {
		uint64_t blocks = (uint64_t)st.st_size / l->block;

		n = pread(fd, buf, l->block, (off_t)(random_next(&state) % blocks * l->block));
		bytes += n > 0 ? (uint64_t)n : 0;
	}
	l->bytes += bytes;
	l->items += l->count;
	close(fd);
	return n < 0 ? complain(l->file) : 0;
}

/* Even readers read on and on, each from a place of its own; odd ones at random. */
static int work_share(struct load *l, unsigned reader, void *buf)
{
	bool scattered = reader % 2;
	size_t block = scattered ? HEAD_BLOCK : LONG_BLOCK;
	uint64_t state = 0x9e3779b97f4a7c15u * (reader + 1);
	int fd = open(l->file, O_RDONLY | O_CLOEXEC);
	double end = now() + (double)l->count;
	uint64_t at = 0;
	struct stat st;
	ssize_t n = 0;

	if (fd < 0 || fstat(fd, &st) || (uint64_t)st.st_size < LONG_BLOCK)
		return complain(l->file);
	at = (uint64_t)st.st_size / l->readers * reader;
	while (n >= 0 && now() < end) {
		uint64_t blocks = (uint64_t)st.st_size / block;

		at = scattered ? random_next(&state) % blocks * block
			       : (at + block) % (blocks * block);
		n = pread(fd, buf, block, (off_t)at);
		l->done[reader]++;
	}
	close(fd);
	return n < 0 ? complain(l->file) : 0;
}

/* The mean of every second reader over the slowest of them. */
static double unfairness(const struct load *l, unsigned first)
{
	uint64_t least = UINT64_MAX;
	uint64_t sum = 0;
	unsigned n = 0;

	for (unsigned i = first; i < l->readers; i += 2, n++) {
		sum += l->done[i];
		least = l->done[i] < least ? l->done[i] : least;
	}
	return n && least ? (double)sum / n / (double)least : 0;
}

/* ---- many files --------------------------------------------------------------------- */

static int read_one(struct load *l, const char *path, void *buf)
{
	int fd = openat(l->dir, path, O_RDONLY | O_CLOEXEC);
	uint64_t bytes = 0;
	ssize_t n = 0;

	if (fd < 0)
		return complain(path);
	while ((n = read(fd, buf, l->block)) > 0) {
		bytes += (uint64_t)n;
		if (l->head)
			break;
	}
	l->bytes += bytes;
	close(fd);
	return n < 0 ? complain(path) : 0;
}

static int work_files(struct load *l, unsigned reader, void *buf)
{
	size_t i = 0;

	(void)reader;
	while ((i = l->next++) < l->paths) {
		if (read_one(l, l->path[i], buf))
			return -1;
		l->items++;
	}
	return 0;
}

static int work_stat(struct load *l, unsigned reader, void *buf)
{
	size_t i = 0;

	(void)reader, (void)buf;
	while ((i = l->next++) < l->paths) {
		struct stat st;

		if (fstatat(l->dir, l->path[i], &st, AT_SYMLINK_NOFOLLOW))
			return complain(l->path[i]);
		l->items++;
	}
	return 0;
}

static int load_list(struct load *l, const char *list, const char *dir)
{
	FILE *f = fopen(list, "re");
	char *line = NULL;
	size_t cap = 0;
	size_t room = 0;

	if (!f)
		return complain(list);
	while (getdelim(&line, &cap, '\0', f) > 0) {
		if (l->paths == room) {
			room = room ? room * 2 : 1024;
			l->path = reallocarray(l->path, room, sizeof(*l->path));
			if (!l->path)
				return complain(list);
		}
		l->path[l->paths++] = line;
		line = NULL;
	}
	free(line);
	fclose(f);
	l->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return l->dir < 0 ? complain(dir) : 0;
}

/* ---- readers ------------------------------------------------------------------------- */

static void *run_reader(void *arg)
{
	struct reader *r = arg;
	void *buf = NULL;

	if (posix_memalign(&buf, 4096, r->l->block))
		exit(1);
	memset(buf, 0, r->l->block); /* the first touch of a page is not what is measured */
	pthread_barrier_wait(&r->l->start);
	if (r->l->work(r->l, r->number, buf))
		r->l->failed = 1;
	free(buf);
	return NULL;
}

static int run(struct load *l)
{
	struct reader v[READERS_MAX];
	double begun = 0;

	if (l->readers == 0 || l->readers > READERS_MAX || l->block == 0)
		return 2;
	pthread_barrier_init(&l->start, NULL, l->readers + 1);
	for (unsigned i = 0; i < l->readers; i++) {
		v[i] = (struct reader){.l = l, .number = i};
		if (pthread_create(&v[i].thread, NULL, run_reader, &v[i]))
			return 1;
	}
	pthread_barrier_wait(&l->start);
	begun = now();
	for (unsigned i = 0; i < l->readers; i++)
		pthread_join(v[i].thread, NULL);
	if (l->work == work_share)
		printf("%.3f %.3f\n", unfairness(l, 0), unfairness(l, 1));
	else
		printf("%.6f %" PRIuFAST64 " %" PRIuFAST64 "\n", now() - begun, l->bytes, l->items);
	return l->failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct load l = {.readers = 1, .block = FILE_BLOCK};
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "seq") && argc == 5) {
		l.work = work_seq;
		l.block = strtoull(argv[2], NULL, 10);
		l.count = strtoull(argv[3], NULL, 10);
		l.file = argv[4];
		return run(&l);
	}
	if (!strcmp(what, "random") && argc == 6) {
		l.work = work_random;
		l.readers = (unsigned)strtoul(argv[2], NULL, 10);
		l.block = strtoull(argv[3], NULL, 10);
		l.count = strtoull(argv[4], NULL, 10);
		l.file = argv[5];
		return run(&l);
	}
	if (!strcmp(what, "share") && argc == 5) {
		l.work = work_share;
		l.block = LONG_BLOCK;
		l.readers = (unsigned)strtoul(argv[2], NULL, 10);
		l.count = strtoull(argv[3], NULL, 10);
		l.file = argv[4];
		return run(&l);
	}
	if (argc == 5 &&
		(!strcmp(what, "files") || !strcmp(what, "stat") || !strcmp(what, "head"))) {
		l.work = !strcmp(what, "stat") ? work_stat : work_files;
		l.head = !strcmp(what, "head");
		if (l.head)
			l.block = HEAD_BLOCK;
		l.readers = (unsigned)strtoul(argv[2], NULL, 10);
		return load_list(&l, argv[3], argv[4]) ? 1 : run(&l);
	}
	fprintf(stderr,
		"usage: bench-load seq|random|share|files|stat|head ... (see the source's head)\n");
	return 2;
}
