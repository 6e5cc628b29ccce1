/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c - what time it is for the policy; see clock.h. */
#include "policy/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/now.h"

#define JUMP_NS       (INT64_C(2) * 1000000000)
#define BOOT_ID_BYTES 37

struct clock {
	pthread_mutex_t lock; /* over all below it that changes */
	int64_t highest_ns;
	struct moment boot; /* first sight of this boot */
	char boot_id[BOOT_ID_BYTES];
	bool known;       /* apart_ns is set */
	int64_t apart_ns; /* real time less boot time, as last told */
	void (*read)(void *ctx, struct moment *m);
	void *ctx;
};

/* Sums that stop at the ends: a time that cannot be reached is never reached. */
static int64_t plus(int64_t a, int64_t b)
{
	int64_t sum = 0;

	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}

static int64_t minus(int64_t a, int64_t b)
{
	int64_t difference = 0;

	if (__builtin_sub_overflow(a, b, &difference))
		return b < 0 ? INT64_MAX : INT64_MIN;
	return difference;
}

static void read_system(void *ctx, struct moment *m)
{
	(void)ctx;
	m->real_ns = now_ns(CLOCK_REALTIME);
	m->boot_ns = now_ns(CLOCK_BOOTTIME);
}

struct clock *clock_new(int64_t highest_ns, const struct moment *boot, const char *boot_id)
{
	struct clock *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	pthread_mutex_init(&c->lock, NULL);
	c->highest_ns = highest_ns;
	c->boot = *boot;
	strncpy(c->boot_id, boot_id, sizeof(c->boot_id) - 1);
	c->read = read_system;
	return c;
}

void clock_free(struct clock *c)
{
	if (!c)
		return;
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void clock_set_source(struct clock *c, void (*read)(void *ctx, struct moment *m), void *ctx)
{
	pthread_mutex_lock(&c->lock);
	c->read = read;
	c->ctx = ctx;
	pthread_mutex_unlock(&c->lock);
}

struct moment clock_now(struct clock *c)
{
	struct moment m = {0};

	pthread_mutex_lock(&c->lock);
	c->read(c->ctx, &m);
	if (m.real_ns > c->highest_ns)
		c->highest_ns = m.real_ns;
	m.real_ns = c->highest_ns;
	pthread_mutex_unlock(&c->lock);
	return m;
}

bool clock_jumped(struct clock *c, int64_t *by)
{
	struct moment m = {0};
	int64_t apart = 0;
	int64_t moved = 0;
	bool jumped = false;

	pthread_mutex_lock(&c->lock);
	c->read(c->ctx, &m);
	apart = minus(m.real_ns, m.boot_ns);
	moved = c->known ? minus(apart, c->apart_ns) : 0;
	jumped = moved > JUMP_NS || moved < -JUMP_NS;
	if (jumped)
		*by = moved;
	if (jumped || !c->known)
		c->apart_ns = apart;
	c->known = true;
	pthread_mutex_unlock(&c->lock);
	return jumped;
}

struct seen clock_seen(const struct clock *c, int64_t real_ns, int64_t boot_ns, const char *boot_id)
{
	if (strcmp(boot_id, c->boot_id) == 0)
		return (struct seen){.real_ns = real_ns, .boot_ns = boot_ns};
	return (struct seen){.real_ns = c->boot.real_ns, .boot_ns = c->boot.boot_ns};
}

/* Boot time at which real time @ns comes, counted from when the act was seen. */
static int64_t on_boot_clock(const struct seen *s, int64_t ns)
{
	return ns == TIME_FOREVER ? INT64_MAX : plus(s->boot_ns, minus(ns, s->real_ns));
}

/* The same, counted from now by real time. */
static int64_t on_real_clock(const struct moment *now, int64_t ns)
{
	return ns == TIME_FOREVER ? INT64_MAX : plus(now->boot_ns, minus(ns, now->real_ns));
}

static bool both_passed(const struct seen *s, int64_t ns, const struct moment *now)
{
	if (now->boot_ns == MOMENT_PAST)
		return now->real_ns >= ns;
	return now->real_ns >= ns && now->boot_ns >= on_boot_clock(s, ns);
}

static bool either_passed(const struct seen *s, int64_t ns, const struct moment *now)
{
	if (now->boot_ns == MOMENT_PAST)
		return now->real_ns >= ns;
	return now->real_ns >= ns || now->boot_ns >= on_boot_clock(s, ns);
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

bool span_active(const struct seen *s, int64_t from_ns, int64_t until_ns, const struct moment *now)
{
	return both_passed(s, from_ns, now) && !either_passed(s, until_ns, now);
}

int64_t span_next(const struct seen *s, int64_t from_ns, int64_t until_ns, const struct moment *now)
{
	int64_t end = sooner(on_boot_clock(s, until_ns), on_real_clock(now, until_ns));

	if (now->boot_ns == MOMENT_PAST || either_passed(s, until_ns, now))
		return INT64_MAX;
	if (both_passed(s, from_ns, now))
		return end;
	return later(on_boot_clock(s, from_ns), on_real_clock(now, from_ns));
}

bool span_bars(const struct seen *s, int64_t from_ns, int64_t until_ns, const struct moment *now)
{
	return either_passed(s, from_ns, now) && !both_passed(s, until_ns, now);
}

int64_t span_bars_next(
	const struct seen *s, int64_t from_ns, int64_t until_ns, const struct moment *now)
{
	if (now->boot_ns == MOMENT_PAST || both_passed(s, until_ns, now))
		return INT64_MAX;
	if (either_passed(s, from_ns, now))
		return later(on_boot_clock(s, until_ns), on_real_clock(now, until_ns));
	return sooner(on_boot_clock(s, from_ns), on_real_clock(now, from_ns));
}
