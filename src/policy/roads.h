/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roads.h - which traces of a case are withheld, by which mark, over which road
 *
 * A mark reaches more than the trace it is on: the same bytes stand under other
 * names, in copies, in what the file system keeps for itself. Compiled from the
 * model and the indexes, immutable from then on. Fails closed: a marked trace that
 * an index no longer has, or one that cannot be read, withholds the whole piece of
 * evidence; if it is a marked one that cannot be read, all of the case, since what
 * copies of it there are cannot be told.
 */
#ifndef EVIDENCEFS_POLICY_ROADS_H
#define EVIDENCEFS_POLICY_ROADS_H

#include <stdatomic.h>

#include "policy/marks.h"
#include "policy/view.h"
#include "serve/containers.h"
#include "serve/remnants.h"

/* In the order in which they are found. */
enum road {
	ROAD_MARK = 1, /* marked, below it, its streams, deleted entries of its path */
	ROAD_INODE,    /* another name of what is withheld */
	ROAD_COPY,     /* the same SHA-256 */
	ROAD_LINK,     /* leads to what is withheld */
	ROAD_SYSTEM,   /* may hold its bytes: metadata files, shadow copies, swap, hibernation */
	ROAD_BYTES,    /* a byte stream that has it */
	ROAD_DOUBT     /* it cannot be told */
};
#define ROADS_N (ROAD_DOUBT + 1)

/** road_name() - "mark", "inode", "copy", "link", "system", "bytes", "doubt". */
const char *road_name(enum road r);

/* One way in which traces are withheld. Several may lead to the same trace. */
struct road_way {
	uint64_t first;
	uint64_t last;
	enum road road;
	uint64_t mark; /* number of the mark it comes from; 0 one that has none yet, or in doubt */
	bool members;  /* the mark says that members of containers spread by hash, too */
};

/* A place that a rejection shows again although what is above it is withheld. */
struct road_top {
	uint64_t id;
	uint64_t parent;
};

/* Media bytes with a piece of what is withheld, where it has no name. */
struct road_remnant {
	uint64_t first;
	uint64_t last;
	bool shared; /* an allocated file has them: kept from byte streams alone */
};

/* One piece of evidence of which something is withheld. */
struct withheld {
	uint64_t evidence;       /* number in the catalog */
	struct view_interval *v; /* all that is: in order and apart */
	size_t n;
	struct road_way *ways; /* in order of `first` */
	size_t ways_n;
	struct road_top *tops;
	size_t tops_n;
	struct road_remnant *remnants; /* by `first` */
	size_t remnants_n;
	bool searching;    /* they are not known yet: byte streams are withheld */
	struct held *held; /* its other roads are not known yet: asked one by one; NULL: they are */
};

/* What is withheld and looked for where no file has it. */
struct road_needle {
	uint8_t sha256[32]; /* of the contents, or of the name */
	struct evidence *ev;
	uint64_t trace; /* one that has it */
	enum remnant_kind kind;
};

struct roads {
	_Atomic unsigned uses;
	uint64_t case_id;
	bool doubt;         /* everything of the case is withheld */
	struct withheld *v; /* by `evidence` */
	size_t n;
	size_t missing;   /* evidence that could not be opened, all of it withheld: compile again */
	bool searching;   /* as in withheld, of any: roads_searched() when a search has ended */
	bool held;        /* made by roads_hold() */
	uint64_t newest;  /* number of the newest mark whose roads are known; 0 none */
	uint64_t *covers; /* numbers of the case's evidence when it was compiled */
	size_t covers_n;
	struct road_needle *needles; /* while searching: what is looked for */
	size_t needles_n;
};

/* What never changes of the evidence, found once. Safe from several threads. */
struct roads_facts;
struct roads_facts *roads_facts_new(void);
void roads_facts_free(struct roads_facts *f);

struct roads_opts {
	const struct view_sources *src;
	struct roads_facts *facts;
	uint64_t copy_floor;           /* smaller contents are not followed by hash */
	const struct act *const *more; /* as marks_of_case() */
	size_t more_n;
	/** remnants() - pieces of @n contents in @ev, in order of places; the caller frees *@out.
	 * Return: 1; 0 not known yet; -ENOMEM. NULL: they are not looked for. */
	int (*remnants)(void *ctx, struct evidence *ev, const struct road_needle *v, size_t n,
		struct road_remnant **out, size_t *out_n);
	/** wait() - once, where some are not known yet: they are asked for again then. May be NULL.
	 */
	void (*wait)(void *ctx);
	void *ctx;
	const _Atomic bool *stop; /* true: give up with -EINTR; NULL */
};

/** road_needle_order() - less than, equal to, or greater than 0: equal when the same is meant. */
int road_needle_order(const struct road_needle *a, const struct road_needle *b);

/** roads_compile() - what is withheld in one case. Return: 0; -ENOMEM. */
int roads_compile(
	const struct model *m, uint64_t case_id, const struct roads_opts *o, struct roads **out);
/**
 * roads_hold() - what is withheld at once, while roads_compile() is at it, however large it is
 * What marks reach by their place is known without looking at each trace. Withheld are: that,
 * what @before withholds, what a file system keeps for itself, evidence that @before does not
 * know, and every byte stream of the case. What else may lead to what is marked since @before is
 * held trace by trace (policy/held.h).
 * @before: what was in force; NULL: nothing is known, everything is withheld
 * Return: 1 and *@out; 0 there is nothing to hold, @before withholds enough; -ENOMEM.
 */
int roads_hold(const struct model *m, uint64_t case_id, const struct roads_opts *o,
	const struct roads *before, struct roads **out);
/**
 * roads_searched() - @old, once more of what is looked for in free space is known
 * @old: `searching`, of the same marks and the same evidence, all of it there (`missing` 0)
 */
int roads_searched(const struct model *m, const struct roads_opts *o, const struct roads *old,
	struct roads **out);
/** roads_none() - nothing of the evidence there is is withheld. Return: NULL: no memory. */
struct roads *roads_none(const struct model *m, uint64_t case_id);
/** roads_get() - one more who will roads_free() it. NULL allowed. */
struct roads *roads_get(struct roads *r);
/** roads_free() - by all who have it. NULL allowed. */
void roads_free(struct roads *r);

/** roads_of() - of one piece of evidence; NULL nothing is withheld. */
const struct withheld *roads_of(const struct roads *r, uint64_t evidence);
/** withheld_everything() - for evidence of which nothing is known. */
const struct withheld *withheld_everything(void);
/** withheld_place() - the first interval that does not end before @first; @w->n none. */
size_t withheld_place(const struct withheld *w, uint64_t first);
/** withheld_has() - whether @trace is withheld. NULL allowed. */
bool withheld_has(const struct withheld *w, uint64_t trace);
/** withheld_bytes() - whether remnants lie in media bytes from @begin to @end. NULL allowed. */
bool withheld_bytes(const struct withheld *w, uint64_t begin, uint64_t end);
/** withheld_in() - whether anything from @first to @last is. NULL allowed. */
bool withheld_in(const struct withheld *w, uint64_t first, uint64_t last);

/* Containers of which a member is withheld. NULL allowed. */
/** withheld_closes() - whether it is there itself: its bytes as a whole are refused. */
bool withheld_closes(const struct withheld *w, const struct container_folder *f);
/** withheld_mixes() - whether another member is not withheld. */
bool withheld_mixes(const struct withheld *w, const struct container_folder *f);

#endif
