/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decide.h - who may do what: one pure function
 *
 * Looks at an immutable snapshot of the policy and at nothing else: no clock,
 * no file, no lock. In doubt it hides or denies.
 */
#ifndef EVIDENCEFS_POLICY_DECIDE_H
#define EVIDENCEFS_POLICY_DECIDE_H

#include <stdint.h>
#include <sys/types.h>

/* Rights, or-ed. */
#define RIGHT_READ       0x01u /* allocated traces */
#define RIGHT_DELETED    0x02u
#define RIGHT_RAW        0x04u /* byte streams */
#define RIGHT_PRIVILEGED 0x08u /* withheld traces */

/* The policy at one moment. In a personal mount: its owner holds `rights` on everything. */
struct snapshot {
	uint64_t version;
	uid_t owner;
	unsigned rights;
};

enum decision {
	DECIDE_ALLOW,
	DECIDE_HIDE, /* as if it did not exist: ENOENT */
	DECIDE_DENY  /* EACCES */
};

/**
 * right_for() - the right a trace asks for
 * @trace: id within its evidence (trace/id.h)
 */
unsigned right_for(uint64_t trace);

/**
 * decide() - may @uid see @trace?
 * Whoever is not the owner of the session is denied: a descriptor was handed on.
 */
enum decision decide(const struct snapshot *s, uid_t uid, uint64_t trace);

#endif
