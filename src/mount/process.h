/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.h - what /proc says of who asks
 *
 * A program that opens ten thousand files is one process: who asked lately is kept
 * with descriptors of its /proc folder. They name the process, not its number, so
 * that a number used again is noticed. What can change (which file the executable
 * is, the login uid) is read again every time; its path when it is another file, and
 * once a second, as groups and cgroup are.
 */
#ifndef EVIDENCEFS_MOUNT_PROCESS_H
#define EVIDENCEFS_MOUNT_PROCESS_H

#include <sys/types.h>

#include "audit/audit.h"

struct process_cache;

/** Length of the program's path, and which file it is; -errno (session.h, session_hooks). */
typedef int process_exe_fn(void *ctx, pid_t pid, uint64_t start_time, char *out, size_t size,
	struct audit_exe_file *file);

/**
 * process_cache_new() - NULL without memory; process_describe() does without it
 * @exe: asked where /proc refuses to name another user's program; NULL. What it said is
 *       believed for at most a second, while the process has the same name (comm).
 */
struct process_cache *process_cache_new(process_exe_fn *exe, void *ctx);
void process_cache_free(struct process_cache *c);

/** process_exe_file() - which file the program is, by /proc/PID as directory; else unchanged. */
void process_exe_file(int dir, struct audit_exe_file *out);

/**
 * process_describe() - fill in what a record says of a process, from process_start to groups,
 * and loginuid
 * @c:   NULL allowed; safe from several threads, none waits for another
 * @pid: of a thread
 * What cannot be read (the process is gone, or another user's) stays empty.
 * Source: proc(5), /proc/PID/stat field 22, loginuid, sessionid, exe, status, cgroup; the id of
 * a cgroup is its inode number in cgroup2.
 */
void process_describe(struct process_cache *c, pid_t pid, struct audit_event *ev);

#endif
