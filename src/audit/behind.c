/* SPDX-License-Identifier: Apache-2.0 */
/* behind.c - records that are written behind their reply; see behind.h. */
#include "audit/behind.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/now.h"
#include "base/thread.h"

struct item {
	struct audit_event ev;
	bool keep;
};

struct audit_behind {
	struct audit_log *log;
	pthread_t thread;
	pthread_mutex_t lock; /* over what follows */
	pthread_cond_t wake;  /* something was put where nothing was; hurry; stop */
	pthread_cond_t done;  /* `taken` was written */
	struct item *filling;
	struct item *writing;
	size_t n;       /* in `filling` */
	uint64_t put;   /* since the beginning, lost ones too */
	uint64_t taken; /* written, or lost */
	uint64_t lost;  /* and not recorded as such yet */
	bool hurry;
	bool stop;
};

void audit_behind_put(struct audit_behind *b, const struct audit_event *ev, bool keep)
{
	pthread_mutex_lock(&b->lock);
	if (b->n < AUDIT_BEHIND_MAX)
		b->filling[b->n++] = (struct item){*ev, keep};
	else
		b->lost += keep;
	b->put++;
	if (b->n == 1)
		pthread_cond_signal(&b->wake);
	pthread_mutex_unlock(&b->lock);
}

/* Until there is something and its time has come. With the lock. */
static void wait_for_some(struct audit_behind *b)
{
	struct timespec until;

	while (!b->stop && !b->hurry && b->n == 0 && b->lost == 0)
		pthread_cond_wait(&b->wake, &b->lock);
	until = now_plus(CLOCK_MONOTONIC, AUDIT_BEHIND_MS * NOW_MS);
	while (!b->stop && !b->hurry &&
		pthread_cond_timedwait(&b->wake, &b->lock, &until) != ETIMEDOUT)
		;
}

/* Return: how many could not be written. */
static uint64_t write_items(struct audit_behind *b, size_t n)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < n; i++) {
		if (b->writing[i].keep && audit_append(b->log, &b->writing[i].ev))
			lost++;
	}
	return lost;
}

static uint64_t record_loss(struct audit_behind *b, uint64_t lost)
{
	struct audit_event ev = {.type = AUDIT_LOSS,
		.decision = AUDIT_ALLOWED,
		.loginuid = AUDIT_NO_LOGINUID,
		.result = (int64_t)lost};

	return lost > 0 && audit_append(b->log, &ev) ? lost : 0;
}

static void *write_behind(void *arg)
{
	struct audit_behind *b = arg;
	bool stop = false;

	pthread_mutex_lock(&b->lock);
	while (!stop) {
		struct item *items = NULL;
		uint64_t put = 0;
		uint64_t lost = 0;
		size_t n = 0;

		wait_for_some(b);
		stop = b->stop;
		b->hurry = false;
		items = b->filling;
		b->filling = b->writing;
		b->writing = items;
		n = b->n;
		b->n = 0;
		put = b->put;
		lost = b->lost;
		b->lost = 0;
		pthread_mutex_unlock(&b->lock);
		lost = record_loss(b, lost + write_items(b, n));
		pthread_mutex_lock(&b->lock);
		b->lost += lost;
		b->taken = put;
		pthread_cond_broadcast(&b->done);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

void audit_behind_flush(struct audit_behind *b)
{
	uint64_t put = 0;

	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	put = b->put;
	while (b->taken < put) {
		b->hurry = true;
		pthread_cond_signal(&b->wake);
		pthread_cond_wait(&b->done, &b->lock);
	}
	pthread_mutex_unlock(&b->lock);
}

static void release(struct audit_behind *b)
{
	pthread_cond_destroy(&b->done);
	pthread_cond_destroy(&b->wake);
	pthread_mutex_destroy(&b->lock);
	free(b->filling);
	free(b->writing);
	free(b);
}

int audit_behind_new(struct audit_log *l, struct audit_behind **out)
{
	struct audit_behind *b = calloc(1, sizeof(*b));
	int r = 0;

	if (!b)
		return -ENOMEM;
	b->log = l;
	b->filling = calloc(AUDIT_BEHIND_MAX, sizeof(*b->filling));
	b->writing = calloc(AUDIT_BEHIND_MAX, sizeof(*b->writing));
	pthread_mutex_init(&b->lock, NULL);
	thread_cond_init(&b->wake);
	pthread_cond_init(&b->done, NULL);
	if (!b->filling || !b->writing)
		r = ENOMEM;
	else
		r = thread_start(&b->thread, write_behind, b);
	if (r) {
		release(b);
		return -r;
	}
	*out = b;
	return 0;
}

void audit_behind_free(struct audit_behind *b)
{
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	pthread_cond_signal(&b->wake);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->thread, NULL);
	release(b);
}
