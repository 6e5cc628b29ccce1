/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decide.h - who may see what: one pure function
 *
 * Looks at an immutable view and at nothing else: no clock, no file, no lock.
 * In doubt it hides or denies.
 */
#ifndef EVIDENCEFS_POLICY_DECIDE_H
#define EVIDENCEFS_POLICY_DECIDE_H

#include <stdint.h>
#include <sys/types.h>

#include "policy/view.h"

enum decision {
	DECIDE_ALLOW,
	DECIDE_PASS,        /* a directory that is there because it leads somewhere: name only */
	DECIDE_DIRECTORIES, /* as DECIDE_PASS if it is a directory, else as DECIDE_HIDE */
	DECIDE_HIDE,        /* as if it did not exist: ENOENT */
	DECIDE_DENY         /* EACCES */
};

/**
 * right_for() - the right a trace asks for: read, deleted or raw
 * @trace: id within its evidence (trace/id.h)
 */
unsigned right_for(uint64_t trace);

/**
 * decide() - may @uid see @trace of @ev, a piece of evidence of view @v?
 * @ev:    NULL: it is not in the view
 * @grant: set to the grant that allows it, 0 none; NULL allowed
 * Whoever is not the view's user is denied: a descriptor was handed on.
 */
enum decision decide(const struct view *v, const struct view_evidence *ev, uid_t uid,
	uint64_t trace, uint64_t *grant);

#endif
