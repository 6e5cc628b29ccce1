/* SPDX-License-Identifier: Apache-2.0 */
/* thread.c - threads that take no signals; see thread.h. */
#include "base/thread.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

int thread_start(pthread_t *out, void *(*run)(void *arg), void *arg)
{
	sigset_t all;
	sigset_t before;
	int r = 0;

	sigfillset(&all);
	sigdelset(&all, SIGBUS); /* of what the thread itself does: it would end the process */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(out, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

void thread_cond_init(pthread_cond_t *c)
{
	pthread_condattr_t a;

	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(c, &a);
	pthread_condattr_destroy(&a);
}

unsigned thread_cpus(unsigned most)
{
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus < 1 ? 1 : (unsigned long)cpus > most ? most : (unsigned)cpus;
}
