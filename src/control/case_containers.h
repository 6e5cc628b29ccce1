/* SPDX-License-Identifier: Apache-2.0 */
/*
 * case_containers.h - containers of a case that ask for attention
 *
 * Mixed: some of their members are withheld by marks and others are not. Unopened: nobody has
 * looked into them, or not into all of it.
 */
#ifndef EVIDENCEFS_CONTROL_CASE_CONTAINERS_H
#define EVIDENCEFS_CONTROL_CASE_CONTAINERS_H

#include "control/exchange.h"

struct case_containers {
	/* Numbers are told to who holds `privileged`, of what he sees with it, and to the owner, of
	 * what he has released: what is withheld is neither's secret. Not to others, since what is
	 * hidden from them counts. */
	bool known;
	uint64_t mixed;
	uint64_t unopened;
};

/* Told of each that the caller sees. @reason: why it is unopened; NULL: it is mixed. */
typedef int case_container_fn(void *ctx, const char *path, const char *reason);

/**
 * case_containers() - count them; name those that the caller sees and holds @right on
 * @right: RIGHT_PRIVILEGED, or 0: whatever he sees
 * @each: NULL: none is named. Anything but 0 ends it, and is returned.
 * Do not hold the model. Return: 0; -errno.
 */
int case_containers(struct exchange *x, uint64_t case_id, unsigned right, case_container_fn *each,
	void *ctx, struct case_containers *out, struct err *e);

#endif
