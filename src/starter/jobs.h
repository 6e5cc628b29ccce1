/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobs.h - slow requests of the service, each in a thread of its own
 *
 * Opening an image may wait on a network, and so may asking who a user is.
 * A job answers on the channel by itself.
 */
#ifndef EVIDENCEFS_STARTER_JOBS_H
#define EVIDENCEFS_STARTER_JOBS_H

#include <pthread.h>
#include <stdbool.h>

#include "starter/message.h"
#include "starter/sessions.h"

struct jobs {
	const struct config *config;
	struct sessions *sessions;
	pthread_mutex_t lock;
	pthread_cond_t fewer;
	unsigned running;
};

void jobs_init(struct jobs *j, const struct config *c, struct sessions *s);
/**
 * jobs_image(), jobs_mount() - begin one; the payload is looked at before this returns
 * @sock:    the channel; duplicated
 * @service: who asks (sessions.h)
 * Return: 0, an answer comes or came; -EPROTO the request is not of the form.
 */
int jobs_image(struct jobs *j, int sock, unsigned service, struct message *m);
int jobs_mount(struct jobs *j, int sock, unsigned service, struct message *m);
/** jobs_wait() - until none runs, at most @ms. Return: whether none runs. */
bool jobs_wait(struct jobs *j, int ms);

#endif
