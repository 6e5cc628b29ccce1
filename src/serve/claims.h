/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claims.h - which bytes of the media are whose, in one volume
 *
 * Contents with the rest of their last allocation unit, and what the file system keeps
 * of them elsewhere (image/place.h). Read from the index at the first call, kept with the
 * evidence, immutable from then on. Who may see what is not known here.
 */
#ifndef EVIDENCEFS_SERVE_CLAIMS_H
#define EVIDENCEFS_SERVE_CLAIMS_H

#include "image/extent.h"
#include "image/place.h"
#include "serve/evidence.h"
#include "serve/spans.h"

#define CLAIM_NOBODY UINT32_MAX

/* A name of something. In order of inode, names before streams, then `key`. */
struct claimant {
	uint64_t inode;
	uint64_t key;    /* inode of its directory; of a stream the attribute: type << 32 | id */
	uint32_t number; /* the trace, in its part */
	uint8_t flags;
};
#define CLAIMANT_DELETED   0x01u
#define CLAIMANT_REUSED    0x02u /* its inode is another file's now */
#define CLAIMANT_STREAM    0x04u
#define CLAIMANT_SYSTEM    0x08u /* the file system's own metadata */
#define CLAIMANT_DIR       0x10u
#define CLAIMANT_BY_ASKING 0x20u /* only a worker can tell its contents */

struct claim {
	uint64_t begin; /* media bytes */
	uint64_t end;
	uint32_t claimant; /* the first of those meant; CLAIM_NOBODY */
	uint32_t value;    /* as place_at.value; of contents how much is behind their end */
	uint8_t action;    /* enum place_action */
	uint8_t flags;     /* PLACE_DATA, PLACE_STALE, and: */
};
#define CLAIM_NAME     0x01u /* names of the same inode in the same directory are meant, not all */
#define CLAIM_CONTENTS 0x02u /* from the extents of a trace */

/* What a deleted trace had, nobody has now, and its contents do not show any more. */
struct claim_lost {
	struct span at;
	uint32_t number; /* the trace, in its part */
};

struct claims {
	struct claimant *who;
	size_t who_n, who_cap;
	struct claim *v; /* by `begin` */
	size_t n, cap;
	struct spans taken;      /* what allocated files and the file system itself have; settled */
	struct claim_lost *lost; /* by `number`, then `begin` */
	size_t lost_n, lost_cap;
	uint32_t unit; /* bytes of an allocation unit, 0: not known; one begins at `base` */
	uint64_t base;
	bool complete; /* all places are known: byte streams can be masked */
};

/**
 * claims_of() - of volume @k
 * Return: 0 and *@out, borrowed from @ev; -ENOENT it has no traces; -ENOMEM; -EIO.
 */
int claims_of(struct evidence *ev, unsigned k, const struct claims **out);
/** claims_ready() - whether they were read: claims_of() takes no time. */
bool claims_ready(struct evidence *ev, unsigned k);
void claims_free(struct claims *c);

/**
 * claims_lost() - what of traces from @first to @last, of one deleted part, is lost
 * Return: 0 and *@out, borrowed from @ev, *@n; as claims_of().
 */
int claims_lost(struct evidence *ev, uint64_t first, uint64_t last, const struct claim_lost **out,
	size_t *n);

/** claimant_same() - whether @w is among those that a claim of @first means. */
bool claimant_same(const struct claimant *first, const struct claimant *w, unsigned claim_flags);

#endif
