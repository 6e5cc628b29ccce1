/* SPDX-License-Identifier: Apache-2.0 */
/* thread.h - threads that take no signals, waits that no set clock prolongs, how many can run */
#ifndef EVIDENCEFS_BASE_THREAD_H
#define EVIDENCEFS_BASE_THREAD_H

#include <pthread.h>

/** thread_start() - signals are for the process's other threads. Return: 0; a positive errno. */
int thread_start(pthread_t *out, void *(*run)(void *arg), void *arg);
/** thread_cond_init() - a condition whose timed waits are told CLOCK_MONOTONIC. */
void thread_cond_init(pthread_cond_t *c);
/** thread_cpus() - processors that are online: at least 1, no more than @most said. */
unsigned thread_cpus(unsigned most);

#endif
