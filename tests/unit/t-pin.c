/* SPDX-License-Identifier: Apache-2.0 */
/* t-pin.c - who swaps a pointer waits for every reader of the old one, and for no other. */
#include "tap.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "mount/pin.h"

#define READERS 4
#define SWAPS   2000

struct thing {
	_Atomic uint64_t alive;
};

struct shared {
	struct pins pins;
	struct thing *_Atomic now;
	_Atomic bool stop;
	_Atomic uint64_t reads;
	_Atomic unsigned dead; /* read after they were swapped out and waited for */
};

static void *read_on(void *arg)
{
	struct shared *s = arg;

	while (!atomic_load(&s->stop)) {
		unsigned token = pin_enter(&s->pins);
		struct thing *t = atomic_load(&s->now);
		unsigned nested = pin_enter(&s->pins);

		for (unsigned i = 0; i < 20; i++)
			atomic_fetch_add(&s->dead, !atomic_load(&t->alive));
		pin_leave(&s->pins, token);
		atomic_fetch_add(&s->dead, !atomic_load(&t->alive));
		pin_leave(&s->pins, nested);
		atomic_fetch_add(&s->reads, 1);
	}
	return NULL;
}

static void test_swaps(struct shared *s)
{
	static struct thing things[2];
	pthread_t thread[READERS];

	atomic_store(&things[0].alive, 1);
	atomic_store(&s->now, &things[0]);
	for (unsigned i = 0; i < READERS; i++)
		pthread_create(&thread[i], NULL, read_on, s);
	for (unsigned i = 1; i <= SWAPS; i++) {
		struct thing *old = atomic_load(&s->now);

		atomic_store(&things[i % 2].alive, i);
		atomic_store(&s->now, &things[i % 2]);
		pin_wait(&s->pins);
		atomic_store(&old->alive, 0);
	}
	while (atomic_load(&s->reads) < READERS)
		usleep(1000);
	atomic_store(&s->stop, true);
	for (unsigned i = 0; i < READERS; i++)
		pthread_join(thread[i], NULL);
	is_int(atomic_load(&s->dead), 0, "no reader sees what was waited for");
	ok(atomic_load(&s->reads) > 0, "and there were readers");
}

struct waiting {
	struct pins *pins;
	_Atomic bool done;
};

static void *wait_for_pins(void *arg)
{
	struct waiting *w = arg;

	pin_wait(w->pins);
	atomic_store(&w->done, true);
	return NULL;
}

static void test_waits(struct pins *p)
{
	struct waiting w = {.pins = p};
	unsigned token = pin_enter(p);
	unsigned later = 0;
	pthread_t thread;

	pthread_create(&thread, NULL, wait_for_pins, &w);
	while (!(atomic_load(&p->phase) & 1))
		usleep(100);
	later = pin_enter(p);
	usleep(20000); /* time enough to be wrong */
	ok(!atomic_load(&w.done), "a section that began before is waited for");
	pin_leave(p, token);
	pthread_join(thread, NULL);
	ok(atomic_load(&w.done), "one that began later is not");
	pin_leave(p, later);
}

static void show_cost(struct pins *p)
{
	struct timespec a;
	struct timespec b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (unsigned i = 0; i < 1000000; i++)
		pin_leave(p, pin_enter(p));
	clock_gettime(CLOCK_MONOTONIC, &b);
	diag("a section costs %.0f ns",
		((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / 1e6);
}

int main(void)
{
	static struct shared s;
	static struct pins one;

	test_waits(&one);
	test_swaps(&s);
	show_cost(&one);
	return done_testing();
}
