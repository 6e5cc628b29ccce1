/* SPDX-License-Identifier: Apache-2.0 */
/* roads_private.h - shared by roads.c (ways and their sum), roads_follow.c (other names, copies),
 * roads_needles.c (what is looked for in free space) and roads_facts.c (links, what a file system
 * keeps for itself). */
#ifndef EVIDENCEFS_POLICY_ROADS_PRIVATE_H
#define EVIDENCEFS_POLICY_ROADS_PRIVATE_H

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
};

/** gathering_add() - one more way; of evidence's ids. Return: 0; -ENOMEM. */
int gathering_add(
	struct gathering *g, uint64_t first, uint64_t last, enum road road, uint64_t mark);

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
	struct facts *next;
};
/** roads_facts_of() - found at the first call. Return: 0; -ENOMEM; -errno. */
int roads_facts_of(struct roads_facts *all, struct evidence *ev, const struct facts **out);

#endif
