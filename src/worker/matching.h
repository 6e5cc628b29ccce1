/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matching.h - which of many patterns traces of one image meet, asked of a worker
 *
 * The service's side of PATTERNS and MATCH (docs/PROTOCOL.worker.md). A worker of its own, so
 * that readers do not wait behind it. For one thread.
 */
#ifndef EVIDENCEFS_WORKER_MATCHING_H
#define EVIDENCEFS_WORKER_MATCHING_H

#include "worker/client.h"

struct matching;

struct matching_pattern {
	enum wire_pattern kind;
	const char *text; /* [n], 1 to WIRE_PATTERN_MAX bytes */
	size_t n;
};

struct matching_opts {
	const struct matching_pattern *v; /* 1 to WIRE_PATTERNS_MAX; borrowed */
	size_t n;
	/* As workers_opts.tick, of what this one waits for; NULL: nobody is told. */
	int (*tick)(void *ctx);
	void *ctx;
};

/** matching_new() - @w, @o: borrowed. Return: 0; -ENOMEM. The worker starts when first asked. */
int matching_new(struct workers *w, const struct matching_opts *o, struct matching **out);
/** matching_free() - NULL allowed. */
void matching_free(struct matching *m);

struct matching_item {
	const uint8_t *name; /* [name_len]; cut at WIRE_NAME_MAX */
	size_t name_len;
	bool has_members;      /* which are traces of their own */
	struct member_way way; /* n 0: a file; `content` empty: only the name is looked at */
	/* found: */
	uint8_t bits;  /* WIRE_OWN_TEXT, WIRE_REPEATS, WIRE_UNREAD, WIRE_DOCUMENT */
	uint32_t *ids; /* places in the patterns, rising; owned by the matching, until it is asked
			* again */
	size_t n;
	size_t at; /* its own */
};

/**
 * matching_run() - look at [n] (1 .. WIRE_MATCH_MAX) traces
 * One that a worker does not survive could not be read (WIRE_UNREAD): the rest is found.
 * Return: 0; -EINTR the tick said so; -errno no worker can be started.
 */
int matching_run(struct matching *m, struct matching_item *v, size_t n, struct err *e);

#endif
