/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sessions.h - the users' mounts, as the starter keeps them over a restart of the service
 *
 * Each with its /dev/fuse, its table, its INIT; a copy with systemd, if it
 * runs us. Services are counted: what is asked by one that is gone changes
 * nothing any more. Safe from several threads.
 */
#ifndef EVIDENCEFS_STARTER_SESSIONS_H
#define EVIDENCEFS_STARTER_SESSIONS_H

#include <pthread.h>

#include "base/err.h"
#include "starter/channel.h"
#include "starter/notify.h"

struct kept {
	struct channel_session session;
	int meta_fd; /* memfd: the session in bytes, for systemd */
};

struct sessions {
	const char *root; /* without links; borrowed; may be set after init */
	pthread_mutex_t lock;
	struct kept **v;
	size_t n;
	unsigned service; /* number of the one that runs; changes when it ends */
};

void sessions_init(struct sessions *s, const char *root);
/** sessions_release() - closes descriptors, unmounts nothing. */
void sessions_release(struct sessions *s);

/** sessions_take_up() - those that systemd kept; takes their descriptors out of @given. */
void sessions_take_up(struct sessions *s, struct notify_given *given);
/** sessions_clear() - unmount what is mounted below the root and not kept: left by a dead starter.
 */
int sessions_clear(struct sessions *s, struct err *e);

/**
 * sessions_mount() - mount and keep
 * @service: who asks; -EPIPE, and nothing is mounted: is gone
 * @done: called before others see the session or the service can be told to be gone
 */
int sessions_mount(struct sessions *s, unsigned service, const struct channel_session *wanted,
	int (*done)(void *ctx, const struct channel_session *s), void *ctx, struct err *e);
/** sessions_begun() - Return: 0, -ENOENT. */
int sessions_begun(struct sessions *s, uid_t uid);
int sessions_unmount(struct sessions *s, uid_t uid, struct err *e);
/** sessions_unmount_all() - Return: how many could not be. */
unsigned sessions_unmount_all(struct sessions *s);

/** sessions_each() - under the lock. Return: the first that is not 0. */
int sessions_each(
	struct sessions *s, int (*fn)(void *ctx, const struct channel_session *s), void *ctx);
size_t sessions_count(struct sessions *s);
/** sessions_next_service() - the service has ended. Return: number of the next. */
unsigned sessions_next_service(struct sessions *s);

#endif
