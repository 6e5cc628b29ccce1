/* SPDX-License-Identifier: Apache-2.0 */
/* view_compile.h - one piece of evidence while its view is compiled: shared by view_evidence.c and
 * view_streams.c. */
#ifndef EVIDENCEFS_POLICY_VIEW_COMPILE_H
#define EVIDENCEFS_POLICY_VIEW_COMPILE_H

#include "policy/view_private.h"

/* Somewhere that a grant gives something: a subtree is seen if its top is. */
struct top {
	uint64_t id;
	uint64_t parent;
};

struct tops {
	struct top *v;
	size_t n;
	size_t cap;
};

/* Of a volume. */
struct volume_facts {
	bool touched; /* an exclusion names it, or anything in it */
	bool sealed;  /* an exclusion names its bytes */
	bool parted;  /* a grant names something in it */
	bool masked;  /* something in it may not be seen */
	bool gone;    /* its byte streams cannot be shown */
};

struct compile {
	struct evidence_cursor c;
	size_t volumes;
	const struct withheld *withheld; /* NULL nothing */
	struct view_pieces pieces;
	struct tops tops;
	unsigned unwanted;       /* rights that count for nothing */
	unsigned everywhere;     /* rights on all of it */
	bool excluded;           /* an exclusion names it, or anything in it */
	bool outside;            /* one names what lies in no volume */
	struct volume_facts *of; /* [volumes] */
	bool *masks;             /* for each volume: masked, or one is that lies over it */
	bool names;              /* its directories' names are shown */
};

/** compile_add() - a piece. Return: 0; -ENOMEM. */
int compile_add(struct compile *x, enum view_piece_kind kind, uint64_t first, uint64_t last,
	unsigned rights, uint64_t grant);
/** compile_take() - everything on one trace. */
int compile_take(struct compile *x, uint64_t trace);
/** compile_take_part() - everything in one part. */
int compile_take_part(struct compile *x, unsigned part);
/** compile_ranges() - what the pieces amount to, into @out, whose ranges are replaced. */
int compile_ranges(struct compile *x, struct view_evidence *out);
/** compile_apart() - what of volume @k its place in the tree says too little about. */
int compile_apart(struct compile *x, unsigned k, bool whole_deleted);
/** compile_streams() - which byte streams there are, and which are masked. */
int compile_streams(struct compile *x);
/** compile_closed() - containers around what @out's ranges do not show. */
int compile_closed(struct compile *x, struct view_evidence *out);
/** compile_shared_containers() - where anything is hidden, members of containers whose bytes may be
 * another's are not seen: of deleted ones, and in volumes that lie one over the other.
 * @hurried: and of those of which that takes long to tell. */
int compile_shared_containers(struct compile *x, bool hurried);
/** compile_mask() - @out's mask, or what is held until it is made: then *@later is set. */
int compile_mask(
	struct compile *x, const struct view_from *from, struct view_evidence *out, bool *later);

#endif
