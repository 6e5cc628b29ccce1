/* SPDX-License-Identifier: Apache-2.0 */
/* process.h - what /proc says of who asks */
#ifndef EVIDENCEFS_MOUNT_PROCESS_H
#define EVIDENCEFS_MOUNT_PROCESS_H

#include <sys/types.h>

#include "audit/audit.h"

/**
 * process_describe() - fill process_start, loginuid and exe of a record
 * What cannot be read (the process is gone, or another user's) stays empty.
 * Source: proc(5), /proc/PID/stat field 22, /proc/PID/loginuid, /proc/PID/exe.
 */
void process_describe(pid_t pid, struct audit_event *ev);

#endif
