/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h - what the unprivileged service asks of the starter
 *
 * The starter is root and does what needs it, and nothing else: opens images by
 * path, mounts and unmounts sessions, starts and ends workers, says which program
 * a process runs. It parses no evidence and takes no policy. docs/PROTOCOL.starter.md.
 * Safe from several threads; a slow request (an image on a slow network) does not
 * hold up the others.
 */
#ifndef EVIDENCEFS_STARTER_CHANNEL_H
#define EVIDENCEFS_STARTER_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "audit/audit.h"
#include "base/err.h"
#include "image/files.h"
#include "starter/config.h"
#include "worker/spawn.h"

struct channel;

/* A user's mount, as the starter keeps it over a restart of the service. */
struct channel_session {
	uid_t uid;
	gid_t gid;
	char name[256]; /* of the user */
	char mountpoint[4096];
	int fuse_fd;  /* /dev/fuse */
	int table_fd; /* memfd: handles and nodes handed out (mount/table.h); all zeros when new */
	uint8_t init[512]; /* the kernel's INIT request */
	size_t init_len;
	bool begun; /* INIT was answered before: an earlier service served it */
};

/* What a service is given when it starts. */
struct channel_start {
	struct config config;
	int listen_fd; /* of the control socket */
	char boot_id[37];
	unsigned restarts; /* services before this one under the same starter */
	struct channel_session
		*sessions; /* mounts that are kept; descriptors belong to the caller */
	size_t sessions_n;
};

/**
 * channel_open() - the service's end, on descriptor @fd; waits for the start message
 * Begins no thread: the sandbox is entered after it, and before anything is asked.
 */
int channel_open(int fd, struct channel **out, struct channel_start *start, struct err *e);
void channel_start_release(struct channel_start *s); /* closes no descriptor */
/** channel_starter() - the starter's process id, for service_sandbox_enter(). */
pid_t channel_starter(const struct channel *c);
/**
 * channel_wait() - until the starter asks the service to end (SIGTERM) or is gone
 * Return: whether it asked.
 */
bool channel_wait(struct channel *c);

/**
 * channel_image() - open an image, by the path of its first segment, as root
 * Return: 0 and *@out (image_files_close()); what image_files_open() gave.
 */
int channel_image(struct channel *c, const char *path, struct image_files *out, struct err *e);

/**
 * channel_mount() - mount a session at MOUNT_ROOT/NAME for @uid
 * The mount point is made. What a mount of an earlier starter left there is taken away first.
 * Return: 0 and *@out; -EBUSY something else is mounted there, ...
 */
int channel_mount(struct channel *c, uid_t uid, gid_t gid, const char *name,
	struct channel_session *out, struct err *e);
/** channel_begun() - the session has answered its INIT. */
int channel_begun(struct channel *c, uid_t uid);
/** channel_unmount() - unmount, lazily when busy; forgets its descriptors. */
int channel_unmount(struct channel *c, uid_t uid, struct err *e);

/**
 * channel_exe() - the program that a process runs
 * @start_time: clock ticks since boot, to know it is the same process
 * @file: which file that is
 * Return: length, @out is a string; -ESRCH.
 */
int channel_exe(struct channel *c, pid_t pid, uint64_t start_time, char *out, size_t size,
	struct audit_exe_file *file);

/** channel_keyd() - a connection to evidencefs-keyd. Return: a descriptor; -errno. */
int channel_keyd(struct channel *c);

/** channel_spawner() - starts and ends workers through the starter (worker/spawn.h). Borrowed. */
struct spawner *channel_spawner(struct channel *c);

/** channel_workers() - workers that run now. */
unsigned channel_workers(struct channel *c);

/** channel_ready() - the service can be asked: the starter tells systemd. */
int channel_ready(struct channel *c);
/** channel_close() - NULL allowed. */
void channel_close(struct channel *c);

#endif
