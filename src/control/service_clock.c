/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_clock.c - what changes without an act: time, clocks, groups
 *
 * One thread looks four times a second, and when something begins or ends: a grant, a clock
 * that was set, a machine that slept, a group that changed. It waits for no act, no disk and
 * no NSS. What it finds is written by another, the clerk, who may have to wait for the disk.
 */
#include "control/service_private.h"
#include "base/now.h"
#include "base/thread.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS  INT64_C(250000000)
#define STEP_NS  (NOW_SECOND / 50) /* a clock set forward by less brings an end no nearer */
#define AGAIN_NS (2 * NOW_SECOND)  /* after a refresh that could not do all */
#define ALL_NS   (60 * NOW_SECOND) /* whatever else there may be to notice */
#define KEEP_NS  (10 * NOW_SECOND) /* the highest time seen is kept as often */

static bool is_due(struct service *s, const struct moment *now)
{
	bool again = viewers_again(s->viewers);
	bool expired = people_expired(s->people);
	bool due = false;
	int64_t age = 0;
	int64_t step = 0;

	pthread_mutex_lock(&s->ticking);
	age = now->boot_ns - s->shown.boot_ns;
	step = now->real_ns - s->shown.real_ns - age;
	due = s->poked || expired || now->boot_ns >= s->next_boot_ns || step > STEP_NS ||
	      age >= ALL_NS || (again && age >= AGAIN_NS);
	s->poked = false;
	pthread_mutex_unlock(&s->ticking);
	return due;
}

/* What is due comes the next time, where the requests of all wait for an act's end. */
static void look(struct service *s)
{
	struct moment now = clock_now(s->clock);
	int64_t by = 0;
	bool jumped = clock_jumped(s->clock, &by);

	if (jumped) {
		pthread_mutex_lock(&s->ticking);
		s->poked = true;
		s->jumped = true;
		s->jumped_by += by;
		pthread_mutex_unlock(&s->ticking);
	}
	pthread_mutex_lock(&s->showing);
	if (!viewers_held(s->viewers) && is_due(s, &now))
		service_show(s, true);
	pthread_mutex_unlock(&s->showing);
}

/* Until something is due, or a tick has passed. Called with `ticking`. */
static void wait_tick(struct service *s)
{
	int64_t left = s->next_boot_ns - clock_now(s->clock).boot_ns;
	struct timespec until;

	if (s->poked || left <= 0)
		left = TICK_NS / 25; /* requests are held, say: it will not be long */
	else if (left > TICK_NS)
		left = TICK_NS;
	until = now_plus(CLOCK_MONOTONIC, left);
	pthread_cond_timedwait(&s->tick, &s->ticking, &until);
}

static void *clock_main(void *arg)
{
	struct service *s = arg;

	pthread_mutex_lock(&s->ticking);
	while (!s->stop) {
		pthread_mutex_unlock(&s->ticking);
		look(s);
		pthread_mutex_lock(&s->ticking);
		if (!s->stop)
			wait_tick(s);
	}
	pthread_mutex_unlock(&s->ticking);
	return NULL;
}

void service_poke(void *service)
{
	struct service *s = service;

	pthread_mutex_lock(&s->ticking);
	s->poked = true;
	pthread_cond_broadcast(&s->tick);
	pthread_mutex_unlock(&s->ticking);
}

/* ---- the clerk ------------------------------------------------------------------------- */

static void record_jump(struct service *s, int64_t by)
{
	struct audit_event ev = {.type = AUDIT_CLOCK,
		.decision = AUDIT_ALLOWED,
		.uid = s->start->config.uid,
		.gid = s->start->config.gid,
		.pid = (uint32_t)getpid(),
		.loginuid = AUDIT_NO_LOGINUID,
		.result = by};

	audit_append_act(s->log, &ev);
}

/* Return: when the highest time was kept last. */
static int64_t write_down(struct service *s, bool jumped, int64_t by, int64_t kept_ns)
{
	struct moment now = clock_now(s->clock);

	if (jumped)
		record_jump(s, by);
	if (jumped || now.boot_ns - kept_ns >= KEEP_NS) {
		store_raise_time(s->store, now.real_ns, NULL);
		kept_ns = now.boot_ns;
	}
	service_note_ends(s);
	return kept_ns;
}

/* What marks withhold and could not be compiled; when an act is under way, the next time. */
static void mend_marks(struct service *s)
{
	if (pthread_mutex_trylock(&s->acting))
		return;
	if (!s->broken[0] && service_marks_again(s) && service_marks_refresh(s, 0))
		service_refresh(s);
	pthread_mutex_unlock(&s->acting);
}

static void *clerk_main(void *arg)
{
	struct service *s = arg;
	int64_t kept_ns = 0;

	pthread_mutex_lock(&s->ticking);
	while (!s->stop) {
		bool jumped = s->jumped;
		int64_t by = s->jumped_by;
		int64_t shown = s->shown.boot_ns;
		struct timespec until;

		s->jumped = false;
		s->jumped_by = 0;
		pthread_mutex_unlock(&s->ticking);
		kept_ns = write_down(s, jumped, by, kept_ns);
		mend_marks(s);
		until = now_plus(CLOCK_MONOTONIC, NOW_SECOND);
		pthread_mutex_lock(&s->ticking);
		while (!s->stop && !s->jumped && s->shown.boot_ns == shown &&
			pthread_cond_timedwait(&s->tick, &s->ticking, &until) == 0)
			;
	}
	pthread_mutex_unlock(&s->ticking);
	return NULL;
}

/* ---- begin and end --------------------------------------------------------------------- */

void service_clock_init(struct service *s)
{
	thread_cond_init(&s->tick);
}

int service_clock_start(struct service *s, struct err *e)
{
	int r = pthread_create(&s->clock_thread, NULL, clock_main, s);

	s->ticks = r == 0;
	if (r == 0) {
		r = pthread_create(&s->clerk_thread, NULL, clerk_main, s);
		s->writes = r == 0;
	}
	return r ? err_errno(e, r, "the thread that watches the clocks") : 0;
}

void service_clock_stop(struct service *s)
{
	pthread_mutex_lock(&s->ticking);
	s->stop = true;
	pthread_cond_broadcast(&s->tick);
	pthread_mutex_unlock(&s->ticking);
	if (s->ticks)
		pthread_join(s->clock_thread, NULL);
	if (s->writes)
		pthread_join(s->clerk_thread, NULL);
	s->ticks = false;
	s->writes = false;
}
