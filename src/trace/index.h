/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.h - the traces of one volume, read from its finished index
 *
 * An index file is immutable once it stands under its name; docs/FORMAT.index.md
 * describes it. Ids here are the index's own (trace/id.h). A reader belongs to
 * one thread while it is out; index_get_reader() hands one out without a wait.
 */
#ifndef EVIDENCEFS_TRACE_INDEX_H
#define EVIDENCEFS_TRACE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "fs/entry.h"

struct index;
struct index_reader;

/* One trace. Pointers are the reader's, good until its next call. */
struct trace {
	uint64_t id;
	uint64_t parent;
	uint64_t last;  /* end of its subtree; its streams follow it */
	uint64_t first; /* lowest trace of the same inode (and attribute): itself, mostly */
	enum entry_kind kind;
	uint32_t flags;
	uint64_t inode;
	uint32_t seq;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t nlink; /* names of it in this part */
	uint64_t size;
	struct entry_time mtime, atime, ctime, crtime;
	uint32_t attr_type;
	uint32_t attr_id;
	const uint8_t *name; /* as shown: a valid component */
	size_t name_len;
	const uint8_t *original; /* as on the disk when that differs; NULL else */
	size_t original_len;
	const uint8_t *target; /* of a link, as on the disk */
	size_t target_len;
};

int index_open(const char *path, struct index **out, struct err *e);
/** index_close() - every reader must be back. NULL allowed. */
void index_close(struct index *x);

/** index_get_reader() - Return: 0 and *@out; -ENOMEM, -EIO. */
int index_get_reader(struct index *x, struct index_reader **out);
void index_put_reader(struct index *x, struct index_reader *r);

/** trace_get() - one trace by id. Return: 0; -ENOENT; -EBADMSG, -EIO. */
int trace_get(struct index_reader *r, uint64_t id, struct trace *t);
/**
 * trace_nearest() - the child of that shown name; where there is none, another trace
 * Both are found in the same steps, so that whoever hides a trace does the same work for
 * it as for a name that never was.
 * Return: 1 it is that child; 0 there is none, and @t is what stands before its place in
 * the order of names; -EBADMSG, -EIO.
 */
int trace_nearest(
	struct index_reader *r, uint64_t parent, const void *name, size_t n, struct trace *t);
/** trace_lookup() - trace_nearest(), with -ENOENT where there is none. */
int trace_lookup(
	struct index_reader *r, uint64_t parent, const void *name, size_t n, struct trace *t);
/**
 * trace_child() - the first child of directory @dir whose id is @from or higher
 * @from: dir->id + 1 to begin, then the child's last + 1
 * Return: 0; -ENOENT no more; -EBADMSG no child begins at @from.
 */
int trace_child(struct index_reader *r, const struct trace *dir, uint64_t from, struct trace *t);
/** trace_open() - one trace by id, and its packed content (image/extent.h) appended to @out. */
int trace_open(struct index_reader *r, uint64_t id, struct trace *t, struct buf *out);
/** trace_unallocated() - the volume's unallocated units, packed, and their size. */
int trace_unallocated(struct index_reader *r, struct buf *out, uint64_t *size);

/**
 * trace_next_file() - the next trace with contents behind id @after, in id order
 * For hashing: skips ENTRY_NOHASH and traces without bytes.
 * Return: 0; -ENOENT no more.
 */
int trace_next_file(struct index_reader *r, uint64_t after, struct trace *t);

/** index_steps() - of SQLite's machine in this reader's last trace_nearest(): for comparisons. */
uint64_t index_steps(const struct index_reader *r);

struct index_counts {
	uint64_t allocated;
	uint64_t deleted;
	uint64_t with_contents; /* traces that trace_next_file() gives */
	uint64_t content_bytes;
	uint64_t problems;
};
int index_counts(struct index_reader *r, struct index_counts *c);

/* A subtree that its place in the tree says too little about. */
struct index_apart {
	uint64_t first;
	uint64_t last;
	bool orphans; /* the made-up folder of orphans; else the file system's own metadata */
};
/**
 * index_apart() - call @each for every such subtree, in order of ids
 * Return: 0; what @each returned; -EBADMSG, -EIO.
 */
int index_apart(
	struct index_reader *r, int (*each)(void *ctx, const struct index_apart *a), void *ctx);

/**
 * index_containers() - call @each for every folder of members, in order of ids
 * What it is of is the trace before it: id - 1. Return: as index_apart().
 */
int index_containers(
	struct index_reader *r, int (*each)(void *ctx, uint64_t first, uint64_t last), void *ctx);

/**
 * index_unopened() - call @each for every file or member that nobody has looked into, or not into
 * all of it; in order of ids
 * Return: as index_apart().
 */
int index_unopened(
	struct index_reader *r, int (*each)(void *ctx, uint64_t id, const char *reason), void *ctx);

/* What is asked of many traces at once. */
struct index_item {
	uint64_t id;
	uint64_t last;
	uint64_t inode;
	uint64_t size;
	enum entry_kind kind;
	uint32_t flags;
};
typedef int index_item_fn(void *ctx, const struct index_item *item);

/** index_items() - every trace from @first to @last, in order of ids. Return: as index_apart(). */
int index_items(
	struct index_reader *r, uint64_t first, uint64_t last, index_item_fn *each, void *ctx);
/** index_links() - every symbolic link. */
int index_links(struct index_reader *r, index_item_fn *each, void *ctx);
/**
 * index_same_inode() - names outside of [@first, @last] of what has a name inside
 * Of a stream, streams of the same attribute; of all else, what is no stream. Never
 * what was made up (ENTRY_VIRTUAL). Those that a deleted
 * name whose metadata serves another file now (ENTRY_REALLOC) leads to, only with @reused.
 * Indexes built without one by inode are searched slowly.
 */
int index_same_inode(struct index_reader *r, uint64_t first, uint64_t last, bool reused,
	index_item_fn *each, void *ctx);
/** index_of_inode() - every trace of that metadata address, streams too, but what was made up. */
int index_of_inode(struct index_reader *r, uint64_t inode, index_item_fn *each, void *ctx);
/** index_children_named() - children of @dir whose ASCII names are @name in any case. */
int index_children_named(
	struct index_reader *r, uint64_t dir, const char *name, index_item_fn *each, void *ctx);

/**
 * index_contents() - every trace from @first to @last with its packed content, in order of ids
 * @n: 0 where the content is too large to be kept beside the trace
 * Return: as index_apart().
 */
int index_contents(struct index_reader *r, uint64_t first, uint64_t last,
	int (*each)(void *ctx, const struct index_item *item, const uint8_t *content, size_t n),
	void *ctx);
/** index_range() - every trace from @first to @last, in order of ids. Return: as index_all(). */
int index_range(struct index_reader *r, uint64_t first, uint64_t last,
	int (*each)(void *ctx, const struct trace *t), void *ctx);
/**
 * index_all() - every trace with its packed content, in order of ids
 * Return: 0; what @each returned; -EBADMSG, -EIO.
 */
int index_all(struct index_reader *r,
	int (*each)(void *ctx, const struct trace *t, const uint8_t *content, size_t n), void *ctx);
/**
 * index_places() - batches of places (image/place.h), as they came
 * @cluster, @base: bytes of an allocation unit, and where in the image one begins
 * Return: 1 they are all there; 0 they are not; what @each returned; -EBADMSG, -EIO.
 */
int index_places(struct index_reader *r, uint32_t *cluster, uint64_t *base,
	int (*each)(void *ctx, const uint8_t *p, size_t n), void *ctx);

/** index_has_places() - whether they are all there. */
bool index_has_places(struct index_reader *r);

/** index_ended() - why the walk ended early; "" when it did not. @out: [size] bytes. */
int index_ended(struct index_reader *r, char *out, size_t size);

/** index_problems() - call @each for each line noted at ingest, at most @max. */
int index_problems(
	struct index_reader *r, size_t max, void (*each)(void *ctx, const char *text), void *ctx);

#endif
