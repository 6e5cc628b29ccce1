/* SPDX-License-Identifier: Apache-2.0 */
/* reads.c - reads under way; see reads.h. */
#include "mount/reads.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 1000 /* a read that lasts longer is looked after */

/* Jobs in the order they came: those with a thread, and those that wait for one. */
struct line {
	struct read_job *first;
	struct read_job *last;
};

struct reads {
	pthread_mutex_t lock;
	size_t count;
	struct line running;
	struct evidence_reads {
		unsigned threads;
		struct line waiting;
	} evidence[];
};

static int64_t now_ms(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void line_add(struct line *l, struct read_job *j)
{
	j->prev = l->last;
	j->next = NULL;
	if (l->last)
		l->last->next = j;
	else
		l->first = j;
	l->last = j;
}

static void line_remove(struct line *l, struct read_job *j)
{
	if (j->prev)
		j->prev->next = j->next;
	else
		l->first = j->next;
	if (j->next)
		j->next->prev = j->prev;
	else
		l->last = j->prev;
}

struct reads *reads_new(size_t count)
{
	struct reads *r = calloc(1, sizeof(*r) + count * sizeof(r->evidence[0]));

	if (r) {
		pthread_mutex_init(&r->lock, NULL);
		r->count = count;
	}
	return r;
}

void reads_free(struct reads *r)
{
	if (r)
		pthread_mutex_destroy(&r->lock);
	free(r);
}

int reads_begin(struct reads *r, struct read_job *j)
{
	struct evidence_reads *e = &r->evidence[j->evidence];
	int go = 1;

	j->queued = false;
	j->claimed = false;
	j->begun_ms = now_ms();
	pthread_mutex_lock(&r->lock);
	if (e->threads < READS_THREADS) {
		e->threads++;
		line_add(&r->running, j);
	} else {
		struct read_job *copy = malloc(sizeof(*copy));

		go = copy ? 0 : -ENOMEM;
		if (copy) {
			*copy = *j;
			copy->queued = true;
			line_add(&e->waiting, copy);
		}
	}
	pthread_mutex_unlock(&r->lock);
	return go;
}

bool reads_claim(struct reads *r, struct read_job *j)
{
	bool mine = false;

	pthread_mutex_lock(&r->lock);
	mine = !j->claimed;
	j->claimed = true;
	pthread_mutex_unlock(&r->lock);
	return mine;
}

struct read_job *reads_end(struct reads *r, struct read_job *j)
{
	struct evidence_reads *e = &r->evidence[j->evidence];
	struct read_job *next = NULL;

	pthread_mutex_lock(&r->lock);
	line_remove(&r->running, j);
	next = e->waiting.first;
	if (next) {
		line_remove(&e->waiting, next);
		line_add(&r->running, next);
	} else {
		e->threads--;
	}
	pthread_mutex_unlock(&r->lock);
	if (j->queued)
		free(j);
	return next;
}

/* Whether the thread that asked has been sent SIGKILL, or a signal that ends it as surely. */
static bool is_being_killed(pid_t thread)
{
	char path[48];
	char text[4096];
	const char *at = NULL;
	uint64_t pending = 0;
	ssize_t n = 0;
	int fd = -1;

	if (thread <= 0) /* of another pid namespace */
		return false;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)thread);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, "\nSigPnd:");
	return at && sscanf(at, "\nSigPnd: %" SCNx64, &pending) == 1 &&
	       (pending & (UINT64_C(1) << (SIGKILL - 1)));
}

/* The first of @l that began before @before and whose reader is being killed, claimed. */
static struct read_job *next_abandoned(struct line *l, int64_t before)
{
	for (struct read_job *j = l->first; j && j->begun_ms < before; j = j->next) {
		if (!j->claimed && is_being_killed(j->who.pid)) {
			j->claimed = true;
			return j;
		}
	}
	return NULL;
}

void reads_abandoned(
	struct reads *r, void (*fn)(void *ctx, const struct read_job *j, bool last), void *ctx)
{
	int64_t before = now_ms() - PATIENCE_MS;
	struct read_job *j = NULL;

	pthread_mutex_lock(&r->lock);
	/* under the lock: the thread of a running one must not take it away meanwhile */
	while ((j = next_abandoned(&r->running, before)))
		fn(ctx, j, false);
	for (size_t i = 0; i < r->count; i++) {
		while ((j = next_abandoned(&r->evidence[i].waiting, before))) {
			line_remove(&r->evidence[i].waiting, j);
			fn(ctx, j, true);
			free(j);
		}
	}
	pthread_mutex_unlock(&r->lock);
}

void reads_stop(struct reads *r)
{
	pthread_mutex_lock(&r->lock);
}
