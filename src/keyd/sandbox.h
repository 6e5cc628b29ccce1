/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.h - what the process with the keys puts itself under
 *
 * docs/PROTOCOL.keyd.md, "The process". Memory that cannot be locked is an error: a
 * key must not come to lie in swap. Entered once, by a process of one thread.
 */
#ifndef EVIDENCEFS_KEYD_SANDBOX_H
#define EVIDENCEFS_KEYD_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/**
 * keyd_sandbox_enter() - what has to be loaded was loaded before
 * @parent: whose end is the own end; 0: nobody's
 * @uid:    who root becomes; else not looked at
 */
int keyd_sandbox_enter(pid_t parent, uid_t uid, struct err *e);

#endif
