/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain.h - bytes of a member, by the way that leads to it
 *
 * A way is the file, then a member in it, then a member in that one, and so on.
 * What is open on the last ways is kept, so that reading on costs no second pass.
 */
#ifndef EVIDENCEFS_CONTAINER_CHAIN_H
#define EVIDENCEFS_CONTAINER_CHAIN_H

#include "container/container.h"

/**
 * member_source() - a member as a source, for a container in a container
 * @c, @b: borrowed until it is closed
 * Reads in units and keeps some: going back within them costs nothing, further back another
 * pass over the member.
 * Return: 0; -ENOMEM.
 */
int member_source(const struct container_kind *kind, struct container *c,
	struct container_budget *b, const uint8_t *locator, size_t locator_len, uint64_t size,
	struct source **out);

/* One step of a way. */
struct chain_step {
	const uint8_t *locator;
	size_t locator_len;
	uint64_t size; /* of that member */
};

/* Containers one in the other, open. */
struct chain;

/**
 * chain_open() - open the container that a way's last member stands in
 * @s: of the file; borrowed
 * @steps: [n], n >= 1; the last one is the member's own and not opened
 * Return: 0; -EBADMSG one of them is no container; -ENOMEM; what opening gave.
 */
int chain_open(const struct source *s, const struct chain_step *steps, size_t n, struct chain **out,
	struct err *e);
/**
 * chain_read() - bytes of a member of the last container
 * @b: may be spent by it, or by what it stands in
 * Return: as container_kind.read.
 */
ssize_t chain_read(struct chain *c, const struct container_budget *b, const uint8_t *locator,
	size_t locator_len, void *buf, size_t len, uint64_t off, struct err *e);
/**
 * chain_source() - a member of the last container, and what it is there
 * @b: copied; it is what the source may cost from now on. Closed before the chain.
 */
int chain_source(struct chain *c, const struct container_budget *b, const struct chain_step *member,
	struct source **out, enum container_role *role);
/** chain_close() - NULL allowed. */
void chain_close(struct chain *c);

#endif
