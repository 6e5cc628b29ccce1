/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sieve.h - which of many patterns a trace meets: addresses, domains, keywords, phone numbers
 *
 * The worker's side of PATTERNS and MATCH (docs/PROTOCOL.worker.md). Says which patterns were
 * met and nothing else: no text leaves it. For one thread.
 */
#ifndef EVIDENCEFS_WORKER_SIEVE_H
#define EVIDENCEFS_WORKER_SIEVE_H

#include <stdbool.h>

#include "base/buf.h"
#include "container/container.h"

struct sieve;

/** sieve_new() - of the payload of PATTERNS. Return: 0 and *@out; -EPROTO; -ENOMEM. */
int sieve_new(struct cur *c, struct sieve **out);
/** sieve_free() - NULL allowed. */
void sieve_free(struct sieve *s);

struct sieve_trace {
	const uint8_t *name;
	size_t name_len;
	const struct source *s; /* its contents; NULL: they are not looked at */
	enum container_role role;
	bool unread;                     /* there are some, and they cannot be opened */
	bool has_members;                /* which are traces of their own */
	struct container_budget *budget; /* what taking it apart may cost */
};

/**
 * sieve_run() - append what MATCHED has of one trace
 * Return: false: it could not be read to its end, and that is said.
 */
bool sieve_run(struct sieve *s, const struct sieve_trace *t, struct buf *out);

#endif
