/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view_private.h - the steps of a compile, shared by the files view*.c
 *
 * Paths become places (view_resolve.c); places with what they give or take become
 * ranges (view_ranges.c); one piece of evidence is put together in view_evidence.c,
 * a user's view in view.c.
 */
#ifndef EVIDENCEFS_POLICY_VIEW_PRIVATE_H
#define EVIDENCEFS_POLICY_VIEW_PRIVATE_H

#include "policy/held.h"
#include "policy/roads.h"
#include "policy/view.h"

/* Rights that decide what is seen in a view; the others are carried along. */
#define VIEW_RIGHTS (RIGHT_READ | RIGHT_DELETED | RIGHT_RAW | RIGHT_PRIVILEGED | RIGHT_NAMES)

/* ---- places ------------------------------------------------------------------------- */

/* What a path names: a trace with its subtree and its streams. */
struct view_place {
	uint64_t first;
	uint64_t last;
	uint64_t parent; /* of the trace `first` */
};

#define VIEW_PLACES_MAX 32

struct view_places {
	struct view_place v[VIEW_PLACES_MAX];
	size_t n;
	bool all;     /* the whole piece of evidence */
	bool outside; /* it names no volume */
	unsigned
		volume; /* else the one it names or leads into, whether or not all of it is there */
};

/**
 * view_resolve() - what a path means in one piece of evidence
 * @path: below the evidence's folder; "" all of it
 * @wide: for what takes away: a deleted entry of the same path too, of any kind
 * Return: 0, with n 0 when there is nothing there; -EIO, -ENOMEM, -E2BIG it cannot be told.
 */
int view_resolve(struct evidence_cursor *c, const char *path, bool wide, struct view_places *out);
/**
 * view_place_beside() - what of a place stands beside its first trace: streams, and folders of
 * members of it and of them
 * None of a volume as a whole, nor of a byte stream.
 * Return: 0; what @each returned; -EIO, -ENOMEM.
 */
int view_place_beside(struct evidence_cursor *c, const struct view_place *p,
	int (*each)(void *ctx, uint64_t id, uint64_t parent), void *ctx);

/* ---- ranges --------------------------------------------------------------------------- */

enum view_piece_kind {
	PIECE_GIVES,
	PIECE_TAKES,  /* everything, whatever else gives */
	PIECE_META,   /* the file system's own metadata: nothing without privileged */
	PIECE_ORPHANS /* no deleted entries */
};

struct view_piece {
	uint64_t first;
	uint64_t last;
	enum view_piece_kind kind;
	unsigned rights;
	uint64_t grant;
};

/* Any two lie apart or one in the other: each is a subtree, or whole parts. */
struct view_pieces {
	struct view_piece *v;
	size_t n;
	size_t cap;
};

int view_pieces_add(struct view_pieces *p, const struct view_piece *piece);
/** view_pieces_rights() - what the pieces give on one trace, whatever others take. */
unsigned view_pieces_rights(const struct view_pieces *p, uint64_t trace);
/** view_pieces_taken() - whether a piece takes everything on a trace. */
bool view_pieces_taken(const struct view_pieces *p, uint64_t trace);
/** view_pieces_ranges() - sorts @p; the caller frees *@out. Neighbours that are alike are one. */
int view_pieces_ranges(struct view_pieces *p, struct view_range **out, size_t *n);

/** view_ranges_withhold() - takes what is withheld from ranges without `privileged`; @v is
 * replaced. */
int view_ranges_withhold(struct view_range **v, size_t *n, const struct withheld *w);

/** view_range_at() - the range a trace lies in; NULL none. */
const struct view_range *view_range_at(const struct view_evidence *ev, uint64_t trace);
/** view_has() - binary search in sorted ids. */
bool view_has(const uint64_t *v, size_t n, uint64_t id);
/* Sorted ids, each once; the owner frees v. */
struct view_ids {
	uint64_t *v;
	size_t n;
	size_t cap;
};
/** view_ids_add() - Return: 1 added; 0 it was there; -ENOMEM. */
int view_ids_add(struct view_ids *l, uint64_t id);

/* ---- one piece of evidence --------------------------------------------------------------- */

/* What counts for a user in one case now. */
struct view_holding {
	const struct model_grant **v; /* active grants and exclusions that are about him, by id */
	size_t n;
	bool owner;
	bool officer;
	bool modest; /* as view_sources has it */
};

/* What one piece of evidence is compiled from. */
struct view_from {
	const struct model_evidence *me;
	struct evidence *ev;
	const struct withheld *w;           /* what marks withhold of it; NULL nothing */
	struct view_masks *masks;           /* NULL: none is made */
	bool hurried;                       /* as in view_sources */
	const struct view_evidence *before; /* the same in the user's view up to now; NULL */
};
/**
 * view_evidence_compile() - what @h shows of a piece of evidence
 * @out: name, ids and evidence are set too
 * @later: set where a mask was not made
 * Return: 1 something is seen; 0 nothing, or its mask cannot be made; -ENOMEM.
 */
int view_evidence_compile(const struct view_holding *h, const struct view_from *from,
	struct view_evidence *out, bool *later);
void view_evidence_release(struct view_evidence *ev);

/** view_overlaps() - whether another volume lies over volume @k. */
bool view_overlaps(const struct evidence *ev, unsigned k);

/* ---- notes ----------------------------------------------------------------------------- */

/** view_notes_compile() - the notes of a case for who holds @h; its evidence is in @v from
 * @first on. Return: 0; -ENOMEM. */
int view_notes_compile(const struct model *m, const struct view_holding *h, const struct view *v,
	size_t first, struct view_case *out);
/** view_hidden_compile() - names that @v, otherwise whole, does not show. Return: 0; -ENOMEM. */
int view_hidden_compile(const struct model *m, struct view *v);
/**
 * view_mask() - the bytes that @ev's ranges and passages do not show
 * @masked: [manifest.n] volumes of which something is not shown
 * @hurried: only if it does not take long
 * Return: 0 and *@out, to be put; -EAGAIN it takes long; -ENOMEM; -EIO it cannot be told.
 */
int view_mask(struct view_masks *m, const struct view_evidence *ev, const struct withheld *w,
	const bool *masked, bool hurried, struct mask **out);

/** view_mask_make() - the same, made anew; pure but for reading indexes. -ENOMEM; -EIO. */
int view_mask_make(const struct view_evidence *ev, const struct withheld *w, const bool *masked,
	struct mask **out);

/* ---- what is held ---------------------------------------------------------------------- */

#define HELD_DELETED 0x1u /* contents of deleted entries: others may have their bytes now */
#define HELD_ALL     0x2u /* all contents */

/**
 * view_hold() - hold contents in @ev until it is known what its mask is
 * What was blanked up to now stays so.
 * @roads: which traces, one by one; NULL: their roads are known
 * @volumes: [manifest.n] HELD_... of each volume
 */
int view_hold(struct view_evidence *ev, const struct view_evidence *before, struct held *roads,
	const uint8_t *volumes);
void view_held_free(struct view_held *h);

#endif
