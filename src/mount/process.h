/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.h - what /proc says of who asks
 *
 * A program that opens ten thousand files is one process: who asked lately is kept
 * with descriptors of its /proc folder. They name the process, not its number, so
 * that a number used again is noticed. What can change (the executable, the login
 * uid) is read again every time.
 */
#ifndef EVIDENCEFS_MOUNT_PROCESS_H
#define EVIDENCEFS_MOUNT_PROCESS_H

#include <sys/types.h>

#include "audit/audit.h"

struct process_cache;

/** Length of the program's path; -errno (session.h, session_hooks). */
typedef int process_exe_fn(void *ctx, pid_t pid, uint64_t start_time, char *out, size_t size);

/**
 * process_cache_new() - NULL without memory; process_describe() does without it
 * @exe: asked where /proc refuses to name another user's program; NULL. What it said is
 *       believed for at most a second, while the process has the same name (comm).
 */
struct process_cache *process_cache_new(process_exe_fn *exe, void *ctx);
void process_cache_free(struct process_cache *c);

/**
 * process_describe() - fill process_start, loginuid and exe of a record
 * @c:   NULL allowed; safe from several threads, none waits for another
 * @pid: of a thread
 * What cannot be read (the process is gone, or another user's) stays empty.
 * Source: proc(5), /proc/PID/stat field 22, /proc/PID/loginuid, /proc/PID/exe.
 */
void process_describe(struct process_cache *c, pid_t pid, struct audit_event *ev);

#endif
