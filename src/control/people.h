/* SPDX-License-Identifier: Apache-2.0 */
/*
 * people.h - who is who, as NSS said lately
 *
 * NSS may ask a network and take its time, or not answer at all. What it says of users
 * and of the members of groups is asked for in a thread of its own, again and again, so
 * that a revocation or an end by time never waits for it. An answer is used for
 * PEOPLE_AGE_S; when NSS falls silent, nobody is known any more after that. Safe from
 * several threads.
 */
#ifndef EVIDENCEFS_CONTROL_PEOPLE_H
#define EVIDENCEFS_CONTROL_PEOPLE_H

#include "policy/identity.h"

#define PEOPLE_AGE_S 55 /* leaves five seconds to act within the promised 60 */

struct people;

/* What is asked; tests have answers of their own. */
struct people_source {
	int (*identity)(uid_t uid, struct identity *out);
	int (*members)(const struct subject *s, uid_t **out, size_t *n);
	unsigned age_ms;   /* 0: PEOPLE_AGE_S */
	unsigned ask_ms;   /* an answer is asked for again as often; 0: every 20 s */
	unsigned first_ms; /* somebody new is waited for as long; 0: 5 s */
};

/** people_new() - @changed: called from the thread when an answer is another than before. */
int people_new(const struct people_source *source, void (*changed)(void *ctx), void *ctx,
	struct people **out, struct err *e);
/** people_free() - waits for the answer that is being asked for. NULL allowed. */
void people_free(struct people *p);

/**
 * people_identity(), people_members() - as identity_of(), subject_members()
 * Who was never asked for is waited for, some seconds at most; whose answer has become too
 * old is not. Return: 0; -ENOENT; -EAGAIN not known now; -ENOMEM.
 */
int people_identity(struct people *p, uid_t uid, struct identity *out);
int people_members(struct people *p, const struct subject *s, uid_t **out, size_t *n);

/** people_expired() - whether an answer has become too old since this was called last. */
bool people_expired(struct people *p);

#endif
