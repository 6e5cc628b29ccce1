/* SPDX-License-Identifier: Apache-2.0 */
/* roads_private.h - shared by roads.c (a case, and the sum of the ways), roads_place.c (what marks
 * reach by place), roads_follow.c (other names, copies), roads_needles.c (what is looked for in
 * free space), roads_facts.c (links, what a file system keeps for itself), roads_holders.c (what
 * leads to it or may hold its bytes) and roads_hold.c (what is withheld while the rest is found).
 */
#ifndef EVIDENCEFS_POLICY_ROADS_PRIVATE_H
#define EVIDENCEFS_POLICY_ROADS_PRIVATE_H

#include "policy/held.h"
#include "policy/roads.h"

/* Ways into one piece of evidence, while they are gathered. */
struct gathering {
	const struct model_evidence *me;
	struct evidence *ev; /* NULL: cannot be opened */
	bool marked;         /* a mark is on something in it */
	bool doubt;
	struct road_way *ways;
	size_t ways_n, ways_cap;
	size_t sorted_n; /* the first of them are in order, once settled */
	struct road_top *tops;
	size_t tops_n, tops_cap;
	const _Atomic bool *stop; /* as in roads_opts */
};

/** gathering_add() - one more way; of evidence's ids. Return: 0; -ENOMEM. */
int gathering_add(
	struct gathering *g, uint64_t first, uint64_t last, enum road road, uint64_t mark);

/** gathering_place() - what marks reach by place in it. Return: 0; -ENOMEM; -errno. */
int gathering_place(struct gathering *g, const struct mark_own *marks, size_t n);
/** mark_is_in() - whether a marked path leads into that evidence. */
bool mark_is_in(const struct mark_own *own, const struct model_evidence *me);
/** gathering_doubt() - all of it is withheld. */
int gathering_doubt(struct gathering *g);
/** gathering_or_doubt() - @r, where an error but -ENOMEM is doubt. */
int gathering_or_doubt(struct gathering *g, int r);
/** gathering_settle() - ways in order, each once; @w->v is their sum. */
int gathering_settle(struct gathering *g, struct withheld *w);
/** gathering_sum() - what the ways [0, @to) are together, in order and apart; NULL: no memory. */
struct view_interval *gathering_sum(const struct gathering *g, size_t to, size_t *n);

/* One case, while what is withheld of it is found. */
struct roads_case {
	const struct roads_opts *o;
	struct mark_own *marks;
	size_t marks_n;
	struct gathering *v; /* of each piece of evidence */
	size_t n;
	bool withholds; /* some mark does */
	bool doubt;     /* something marked cannot be read */
};
/** roads_case_begin() - Return: 0; -ENOMEM. roads_case_end() in any case. */
int roads_case_begin(
	struct roads_case *x, const struct model *m, uint64_t case_id, const struct roads_opts *o);
void roads_case_end(struct roads_case *x);
/** roads_new() - empty. Return: NULL: no memory. */
struct roads *roads_new(uint64_t case_id);
/** roads_take() - what was found, into @out, which has none yet. @w: [x->n], with their sums; what
 * is in them is taken, also on failure. */
int roads_take(struct roads_case *x, struct withheld *w, struct roads *out);

/* What is looked for in all evidence of the case. */
struct wanted_hash {
	uint8_t sha256[32];
	uint64_t mark;
	struct evidence *ev; /* where it is: */
	uint64_t trace;
};
struct wanted {
	struct wanted_hash *v;
	size_t n, cap;
};

/* What is looked for where no file has it. */
struct needles {
	struct road_needle *v;
	size_t n, cap;
};

int needles_add(struct needles *l, const struct road_needle *n);
/** needles_settle() - contents that are wanted are needles too, and each is there once. */
int needles_settle(struct needles *l, const struct wanted *w);

/** ways_sum() - what ways, by rising `first`, are together: in order and apart. @out: [n]. Return:
 * how many. */
size_t ways_sum(const struct road_way *ways, size_t n, struct view_interval *out);
/** follow_inodes() - other names of what the ways [from, to) have, as @road. Return: 0; -errno. */
int follow_inodes(struct gathering *g, size_t from, size_t to, enum road road);
/** follow_hashes() - hashes of what the ways [0, to) have, from @floor bytes on. */
int follow_hashes(struct gathering *g, size_t to, uint64_t floor, struct wanted *w);
/** follow_names() - names of what the ways [0, to) have. */
int follow_names(struct gathering *g, size_t to, struct needles *n);
void wanted_settle(struct wanted *w);
/** follow_lost() - what deleted traces in the ways [0, to) had besides their contents, if it is
 * @floor bytes or more. */
int follow_lost(struct gathering *g, size_t to, uint64_t floor, struct needles *n);
/** follow_copies() - traces of these hashes; @w settled. Those that `ways` has already count too.
 */
int follow_copies(struct gathering *g, const struct wanted *w);

/* A symbolic link, and what it leads to: the links on the way, and its end. */
struct fact_link {
	uint64_t id;
	size_t at; /* in `ends` */
	size_t n;
};
/* What may hold bytes of anything in its volume. */
struct fact_system {
	unsigned volume;
	uint64_t first;
	uint64_t last;
};
struct facts {
	const struct evidence *ev;
	struct fact_link *links;
	size_t links_n, links_cap;
	uint64_t *ends;
	size_t ends_n, ends_cap;
	struct fact_system *system;
	size_t system_n, system_cap;
	bool linked; /* links are found */
	struct facts *next;
};
/** roads_facts_of() - found at the first call; links only when they are asked for, as they take
 * long. Return: 0; -ENOMEM; -errno. */
int roads_facts_of(
	struct roads_facts *all, struct evidence *ev, bool links, const struct facts **out);

/** holders_links() - links that lead to what @w has. @g: settled into @w. */
int holders_links(struct gathering *g, const struct facts *f, const struct withheld *w);
/** holders_bytes() - what a file system keeps for itself, and byte streams that cannot be masked;
 * all byte streams while it is searched. */
int holders_bytes(struct gathering *g, const struct facts *f, const struct withheld *w);
/** holders_system() - what the file systems of volumes in which @w has something keep; NULL: of
 * all.
 */
int holders_system(struct gathering *g, const struct facts *f, const struct withheld *w);
/** holders_streams() - every byte stream. */
int holders_streams(struct gathering *g);

#endif
