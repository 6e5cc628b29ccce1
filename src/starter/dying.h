/* SPDX-License-Identifier: Apache-2.0 */
/* dying.h - a service that was killed and cannot end, for what it waits for in the kernel. */
#ifndef EVIDENCEFS_STARTER_DYING_H
#define EVIDENCEFS_STARTER_DYING_H

#include <stdint.h>

#include "starter/sessions.h"

#define DYING_LOOK_MS 1000
#define DYING_MS      3000 /* storage may take its time */

struct dying {
	int64_t look_ms;  /* when the service is looked at next */
	int64_t since_ms; /* it was dying then, and ever since; 0: it is not */
};

/**
 * dying_step() - look at the service @pid, if it is time to
 * One that was killed and is there for DYING_MS more is helped: mount/unlock.h. It ends then, and
 * is reaped as any other.
 */
void dying_step(struct dying *d, pid_t pid, struct sessions *sessions, int64_t now_ms);

#endif
