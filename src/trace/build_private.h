/* SPDX-License-Identifier: Apache-2.0 */
/* build_private.h - shared by build.c (as entries come) and build_finish.c (numbering at the end).
 */
#ifndef EVIDENCEFS_TRACE_BUILD_PRIVATE_H
#define EVIDENCEFS_TRACE_BUILD_PRIVATE_H

#include "base/db.h"
#include "trace/build.h"
#include "trace/index.h"

/* Keys in stage.d: an allocated directory has its trace id, a deleted entry one from here up. */
#define BUILD_STAGED  (UINT64_C(1) << 41)
#define BUILD_ORPHANS (BUILD_STAGED - 1) /* the made-up directory of orphans */

/* A directory on the way down to where the walk is. */
struct frame {
	uint64_t key; /* trace id, or key in stage.d */
	bool deleted; /* it, or one above it */
	bool directory;
	bool meta;             /* ENTRY_META: what is below needs no row in `apart` */
	bool child_deleted;    /* the child that streams to come belong to */
	struct buf child_name; /* its name as on the disk */
	uint32_t child_nlink;
	struct buf last_name; /* of the file or stream that came last: its members may follow */
};

struct build {
	struct db *db; /* the index, with the staging file attached as `stage` */
	char *path;
	char *partial;
	char *stage_path;
	struct siphash_key key;
	struct db_stmt *insert;
	struct db_stmt *set_last;
	struct db_stmt *insert_big;
	struct db_stmt *insert_problem;
	struct db_stmt *insert_unopened;
	struct db_stmt *insert_apart;
	struct db_stmt *insert_place;
	struct db_stmt *stage_entry;
	struct db_stmt *stage_link;
	struct db_stmt *stage_unopened;
	struct frame *stack;
	size_t depth;
	size_t stack_cap;
	uint64_t next_id;
	uint64_t next_staged;
	uint64_t left; /* key of what was left last */
	bool contains; /* a container came */
	struct {
		uint64_t part[2]; /* rows: allocated ones, and deleted ones */
		uint64_t with_contents;
		uint64_t bytes; /* of those */
	} counts;
	bool unopened;   /* something deleted that nobody has looked into */
	struct buf name; /* scratch */
	struct buf meta;
	struct buf packed;
	struct err err;
};

/**
 * build_insert() - one finished row
 * @t:       id, parent, last and everything that row_encode() keeps; t->name is
 *           the name as on the disk, made a component here
 * @content: packed
 */
int build_insert(struct build *b, struct trace *t, const uint8_t *content, size_t len);

/** build_apart() - note that @id needs more than its place (index_apart()). */
int build_apart(struct build *b, uint64_t id);

/** build_set_last() - the end of a directory's subtree, once it is known. */
int build_set_last(struct build *b, uint64_t id, uint64_t last);

/** build_link() - remember a name of an inode that has several. */
int build_link(struct build *b, uint64_t id, const struct entry *e, uint32_t nlink);

/** build_trace_of() - the fields of an entry as a trace, without its place. */
void build_trace_of(const struct entry *e, struct trace *t);

/** build_number_deleted() - the staged entries as the tree of part 1. */
int build_number_deleted(struct build *b);
/** build_names() - the index over names, and names that stand twice made unique. */
int build_names(struct build *b);
/** build_hard_links() - one number and the count of names for each inode with several. */
int build_hard_links(struct build *b);

#endif
