/* SPDX-License-Identifier: Apache-2.0 */
/* pin.c - reader sections that may sleep; see pin.h. */
#include "mount/pin.h"

#include <sched.h>
#include <stdbool.h>
#include <time.h>

#define WAIT_NS 20000

unsigned pin_enter(struct pins *p)
{
	int cpu = sched_getcpu();
	unsigned at = (cpu < 0 ? 0u : (unsigned)cpu) % PIN_COUNTS;
	unsigned phase = atomic_load(&p->phase) & 1;

	/* sequentially consistent: what the section loads is loaded after this is seen */
	atomic_fetch_add(&p->count[at].begun[phase], 1);
	return at << 1 | phase;
}

void pin_leave(struct pins *p, unsigned token)
{
	atomic_fetch_add(&p->count[token >> 1].ended[token & 1], 1);
}

/* Ends are added up first: a section seen to end was then seen to begin. */
static bool drained(struct pins *p, unsigned phase)
{
	uint64_t ended = 0;
	uint64_t begun = 0;

	for (unsigned i = 0; i < PIN_COUNTS; i++)
		ended += atomic_load(&p->count[i].ended[phase]);
	for (unsigned i = 0; i < PIN_COUNTS; i++)
		begun += atomic_load(&p->count[i].begun[phase]);
	return ended == begun;
}

static void drain(struct pins *p, unsigned phase)
{
	const struct timespec pause = {0, WAIT_NS};

	while (!drained(p, phase))
		nanosleep(&pause, NULL);
}

void pin_wait(struct pins *p)
{
	unsigned phase = atomic_load(&p->phase) & 1;

	/* the other phase holds only who read it before the last change and began late */
	drain(p, phase ^ 1);
	atomic_store(&p->phase, phase ^ 1);
	drain(p, phase);
}
