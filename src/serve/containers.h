/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containers.h - the containers in one piece of evidence, and bytes of their members
 *
 * A folder of members stands right behind the trace that it is of (docs/FORMAT.index.md).
 * The list is read when the evidence is opened, and immutable. Bytes come from workers, a
 * unit at a time; units read lately are kept.
 */
#ifndef EVIDENCEFS_SERVE_CONTAINERS_H
#define EVIDENCEFS_SERVE_CONTAINERS_H

#include "serve/evidence.h"
#include "trace/index.h"
#include "worker/client.h"

struct container_folder {
	uint64_t id; /* the folder; what it is of is id - 1 */
	uint64_t last;
	uint32_t up; /* the folder around it, as place in the list + 1; 0: none */
};

/** containers_load() - of every volume. Return: 0; -ENOMEM; -EIO. */
int containers_load(struct evidence *ev);
void containers_release(struct containers *c);

/** containers_from() - place in the list of the first folder around @trace, from the outside, or
 * behind it. */
size_t containers_from(const struct containers *c, uint64_t trace);
/** containers_around() - the innermost folder of members that a trace is, or is below; NULL. */
const struct container_folder *containers_around(const struct containers *c, uint64_t trace);
/** containers_of() - the folder of what is in @trace; NULL: it is no container. */
const struct container_folder *containers_of(const struct containers *c, uint64_t trace);

/**
 * containers_way() - how a worker finds the bytes of a member
 * Return: 0, the caller calls buf_release(&out->content); -EIO; -ENOMEM.
 */
int containers_way(struct evidence *ev, uint64_t member, struct member_way *out);

/** containers_read() - bytes of the member @id. Return: as workers_member(). */
ssize_t containers_read(struct evidence *ev, uint64_t id, const struct member_way *way, void *buf,
	size_t len, uint64_t off);

#endif
