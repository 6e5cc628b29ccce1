/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handle.h - open files and directories
 *
 * What a handle means stands in the session's table and outlives the process; its
 * contents are this process's, and are opened again when they are first read after
 * a restart. The kernel's number of a handle is its generation and its place. A
 * handle that is released while a read of it is still fetching goes with that read.
 */
#ifndef EVIDENCEFS_MOUNT_HANDLE_H
#define EVIDENCEFS_MOUNT_HANDLE_H

#include <pthread.h>
#include <stdbool.h>

#include "mount/table.h"
#include "serve/content.h"

struct handles;

struct handle {
	struct table_handle *kept;
	struct content *_Atomic content; /* NULL: not open yet, or a text */
	struct content *text;            /* of a live text: as in the scene below */
	uint64_t text_serial;
	_Atomic uint32_t holds; /* by requests, and one by being open */
	uint32_t next_free;
};

/** handles_new() - finds again what the table has open. */
int handles_new(struct session_table *t, struct handles **out);
void handles_free(struct handles *hs);

/**
 * handle_new() - a handle as @like says, held
 * With like->unique of an OPEN that is sent again, what that took before is taken.
 * Return: 0 and *@out; -ENFILE too many are open; -ENOMEM.
 */
int handle_new(struct handles *hs, enum table_state state, const struct table_handle *like,
	bool again, struct handle **out);
/** handle_number() - as the kernel is told. */
uint64_t handle_number(const struct handles *hs, const struct handle *h);
/** handle_hold() - by its number. NULL: no such handle is open. */
struct handle *handle_hold(struct handles *hs, uint64_t number);
void handle_put(struct handles *hs, struct handle *h);
/** handle_release() - it is open no longer; held still. No-op the second time. */
void handle_release(struct handles *hs, struct handle *h);
/** handle_node() - what is open. */
struct node handle_node(const struct handle *h);
/** handles_each() - of those open now. @fn must not wait nor come back here. */
void handles_each(struct handles *hs, void (*fn)(void *ctx, struct handle *h), void *ctx);

/** handles_hold_directory() - whether that directory is open. */
bool handles_hold_directory(struct handles *hs, const struct node *n);

#endif
