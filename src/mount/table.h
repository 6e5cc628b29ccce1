/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - what of a session must outlive the process that serves it
 *
 * The kernel goes on holding node ids and open files when a service dies. Three
 * tables in one piece of shared memory, a memfd that the starter keeps, say what
 * they mean to the next service: slots (which case or piece of evidence a node's
 * slot stands for), handles (open files and directories), and a bitmap of the nodes
 * handed out, by which a revocation knows whom to tell. All zeros when new. A
 * process may be killed between any two stores: what is half made is not there.
 *
 * Never written to disk, read by no other version: after a change of the layout the
 * magic differs, and table_open() refuses.
 */
#ifndef EVIDENCEFS_MOUNT_TABLE_H
#define EVIDENCEFS_MOUNT_TABLE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "mount/node.h"
#include "policy/view.h"

#define TABLE_HANDLES (UINT32_C(1) << 20) /* open at the same time */
#define TABLE_BLOCKS  (UINT32_C(1) << 15) /* of the bitmap: 32,768 traces each */
#define TABLE_BEGUN   4096u               /* requests being answered, see table_begin() */

enum table_kind {
	TABLE_NONE,
	TABLE_ROOT, /* the root's own texts; id 0 */
	TABLE_CASE,
	TABLE_EVIDENCE
};

enum table_state { TABLE_FREE, TABLE_FILE, TABLE_DIRECTORY };

/* An open file or directory. All but @state and @open_seq is set before @state and stays. */
struct table_handle {
	_Atomic uint32_t state;
	uint32_t generation; /* counts uses: a number of an earlier use is not taken for this one */
	uint32_t slot;
	uint32_t root; /* 1: the session's root */
	uint64_t trace;
	uint64_t case_id;
	uint64_t evidence_id;
	_Atomic uint64_t open_seq; /* of its OPEN in the log; 0: not recorded yet */
	uint64_t grant;
	uint64_t unique; /* of the kernel's OPEN request, without the bit of a resent one */
};

struct session_table;

/**
 * table_open() - @fd: a memfd, made as large as it must be; stays the caller's.
 * -1: memory of this process alone.
 * Errors: -EBADMSG not of this version; -ENOMEM; -errno.
 */
int table_open(int fd, struct session_table **out, struct err *e);
void table_close(struct session_table *t);

/** table_keys() - of node ids; made when the table is new. */
const struct node_keys *table_keys(const struct session_table *t);

/**
 * table_slot() - the slot of a case or a piece of evidence, given at first use for good
 * One caller at a time. Return: slot; -ENOSPC all are given.
 */
int table_slot(struct session_table *t, enum table_kind kind, uint64_t id);
/** table_slot_kind() - what stands in a slot; *@id its number in the catalog. */
enum table_kind table_slot_kind(const struct session_table *t, unsigned slot, uint64_t *id);

/** table_handle() - by its place, below TABLE_HANDLES. */
struct table_handle *table_handle(struct session_table *t, uint32_t index);
/** table_high() - places ever used; table_set_high() - one more. */
uint32_t table_high(const struct session_table *t);
void table_set_high(struct session_table *t, uint32_t high);

/** table_set_missing(), table_missing() - what the first service found the kernel to lack. */
void table_set_missing(struct session_table *t, uint32_t what);
uint32_t table_missing(const struct session_table *t);

/** table_set_record(), table_record() - number of the record in the log that begins the session. */
void table_set_record(struct session_table *t, uint64_t seq);
uint64_t table_record(const struct session_table *t);

/** table_mark() - this node is about to be handed out. Return: 0; -ENOMEM: do not. */
int table_mark(struct session_table *t, const struct node *n);
typedef void table_marked_fn(void *ctx, const struct node *n);
/**
 * table_marked() - call @fn for each node handed out in @in [n], sorted, of one slot
 * By rising traces: a directory before what is in it. Return: 0; -ENOMEM.
 */
int table_marked(struct session_table *t, unsigned slot, const struct view_interval *in, size_t n,
	table_marked_fn *fn, void *ctx);

/**
 * table_begin(), table_end() - a request is being answered
 * On a kernel that cannot send requests again, the next service answers with an error
 * what this one left. table_begin() returns its place, -1 none; table_end(-1) is a no-op.
 * table_left() - takes one of them; 0: none.
 */
int table_begin(struct session_table *t, uint64_t unique);
void table_end(struct session_table *t, int place);
uint64_t table_left(struct session_table *t);

#endif
