/* SPDX-License-Identifier: Apache-2.0 */
/* starter_private.h - the starter's own: starter.c (life) and requests.c (what it is asked). */
#ifndef EVIDENCEFS_STARTER_STARTER_PRIVATE_H
#define EVIDENCEFS_STARTER_STARTER_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "starter/dying.h"
#include "starter/jobs.h"
#include "starter/keyd.h"
#include "starter/message.h"
#include "starter/place.h"
#include "starter/sessions.h"
#include "starter/starter.h"
#include "starter/workers.h"

struct starter {
	struct starter_opts o;
	struct place place;
	struct sessions sessions;
	struct jobs jobs;
	struct children workers;
	struct keyd_child keyd;
	int service_program; /* descriptors */
	int worker_program;
	int signals;
	char *root; /* mount_root, without links */
	char boot_id[37];
	uint8_t *memory; /* of the message that is looked at */

	pid_t service;   /* 0: none runs */
	int channel;     /* to it; -1 */
	unsigned number; /* of this service, as sessions.h counts */
	struct dying dying;
	unsigned restarts;
	unsigned quick;      /* services in a row that died at once */
	int64_t began_ms;    /* of this one */
	int64_t begin_at_ms; /* when the next one is to be started, if none runs */
	bool ready;          /* once was */
	bool ending;
	int64_t end_by_ms; /* then the service is killed */
};

/** requests_handle() - what the service asks. Return: 0; -EPROTO: it must be ended. */
int requests_handle(struct starter *s, struct message *m);
/** requests_reaped() - a worker that the service waits for has ended. @ctx: the starter. */
void requests_reaped(void *ctx, uint32_t request, int status);

#endif
