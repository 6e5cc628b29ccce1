/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mask-model.h - which bytes of a volume a viewer is not shown, byte by byte; for t-policy-model.c
 *
 * The second opinion on serve/claims.c and policy/view_mask.c: no intervals, no sorting,
 * no index. For each byte every trace and every place is asked. Who planted the volume
 * says where contents lie and which places were told; which traces are seen and which
 * marks withhold comes from the other models.
 */
#ifndef EVIDENCEFS_TESTS_MASK_MODEL_H
#define EVIDENCEFS_TESTS_MASK_MODEL_H

#include "image/place.h"
#include "policy-help.h"

#define MASK_VOLUME 1000u /* bytes of a volume */
#define MASK_UNIT   20u   /* of an allocation unit */
#define MASK_PLACES 40u

/* What a trace is to the viewer. */
enum mask_sight { MASK_UNSEEN, MASK_SEEN, MASK_WITHHELD };

struct mask_model {
	const struct known_traces *traces;
	const enum mask_sight *sight;  /* of each trace */
	const struct place_at *places; /* told of the volume, with media bytes */
	size_t places_n;
	unsigned volume;
	bool units; /* where units of allocation begin is known */
};

/* ---- what is planted ------------------------------------------------------------------------ */

/* Whether only a worker could tell the contents. */
MAYBE bool mask_asked(uint64_t inode, uint32_t attribute)
{
	return (inode + attribute) % 4 == 0;
}

/* Where the contents of an inode, or of its stream, begin in the volume; @bytes: how many. */
MAYBE uint64_t mask_contents(uint64_t inode, uint32_t attribute, uint64_t *bytes)
{
	*bytes = (1 + inode % 3) * MASK_UNIT - (inode % 2 ? 7 : 0);
	return (inode * 5 + attribute * 3) % (MASK_VOLUME / MASK_UNIT - 3) * MASK_UNIT;
}

/* ---- who is meant --------------------------------------------------------------------------- */

/* A claim on bytes: of all names of an inode, of one name, or of a stream. */
struct mask_claim {
	uint64_t inode;  /* 0: nobody's */
	uint64_t parent; /* 0: any */
	bool stream;
	uint32_t attribute;
};

static uint64_t folder_of(const struct mask_model *m, const struct known_trace *k)
{
	return trace_number(k->id) == 0 ? k->inode : m->traces->v[k->up].inode;
}

static bool is_meant(
	const struct mask_model *m, const struct mask_claim *c, const struct known_trace *k)
{
	return trace_part(k->id) > 0 && trace_volume(k->id) == m->volume &&
	       !(k->flags & ENTRY_VIRTUAL) && c->inode && k->inode == c->inode &&
	       (k->kind == ENTRY_STREAM) == c->stream &&
	       (!c->stream || k->attribute == c->attribute) &&
	       (!c->parent || folder_of(m, k) == c->parent);
}

/* Whether what is claimed is not shown. *@marked: because of a mark. */
static bool claim_hidden(const struct mask_model *m, const struct mask_claim *c, bool *marked)
{
	bool there = false; /* a name that is allocated: then those count, not what was */
	size_t seen = 0;
	size_t unseen = 0;

	*marked = false;
	for (size_t i = 0; i < m->traces->n; i++)
		there = there || (c->parent && is_meant(m, c, &m->traces->v[i]) &&
					 !trace_in_deleted(m->traces->v[i].id));
	for (size_t i = 0; i < m->traces->n; i++) {
		const struct known_trace *k = &m->traces->v[i];

		if (!is_meant(m, c, k) || (there && trace_in_deleted(k->id)))
			continue;
		seen += m->sight[i] == MASK_SEEN;
		unseen += m->sight[i] != MASK_SEEN;
		*marked = *marked || m->sight[i] == MASK_WITHHELD;
	}
	return seen == 0 || *marked || (c->parent && unseen > 0);
}

/* ---- one byte ------------------------------------------------------------------------------- */

static uint64_t whole_unit(const struct mask_model *m, uint64_t end)
{
	return !m->units ? end : (end + MASK_UNIT - 1) / MASK_UNIT * MASK_UNIT;
}

/* Whether a trace's contents, with the rest of their last unit, have byte @b of the volume. */
static bool contents_have(const struct mask_model *m, const struct known_trace *k, uint64_t b)
{
	uint32_t attribute = k->kind == ENTRY_STREAM ? k->attribute : 0;
	uint64_t bytes = 0;
	uint64_t begin = mask_contents(k->inode, attribute, &bytes);

	return trace_part(k->id) > 0 && trace_volume(k->id) == m->volume &&
	       (k->kind == ENTRY_FILE || k->kind == ENTRY_STREAM) && k->size >= 100 &&
	       !mask_asked(k->inode, attribute) && begin <= b && b < whole_unit(m, begin + bytes);
}

static bool place_has(const struct mask_model *m, const struct place_at *p, uint64_t b)
{
	uint64_t begin = p->offset - (uint64_t)MASK_VOLUME * m->volume;
	uint64_t end = begin + p->length;

	if (p->flags & PLACE_DATA)
		end = whole_unit(m, end) < MASK_VOLUME ? whole_unit(m, end) : MASK_VOLUME;
	return begin <= b && b < end;
}

struct of_byte {
	bool taken; /* something allocated, or the file system, has it */
	bool shown; /* something allocated that is shown */
	bool blank; /* whatever else has it */
	bool data;  /* contents that are not shown have it */
	bool stale; /* and something that was deleted */
};

static void ask(
	const struct mask_model *m, const struct mask_claim *c, unsigned flags, struct of_byte *o)
{
	bool marked = false;
	bool hidden = claim_hidden(m, c, &marked);

	if (flags & PLACE_STALE) {
		o->stale = o->stale || hidden;
	} else if (flags & PLACE_DATA) {
		o->taken = true;
		o->shown = o->shown || (!hidden && c->inode);
		o->data = o->data || hidden;
		o->blank = o->blank || (hidden && marked);
	} else {
		o->blank = o->blank || hidden;
	}
}

/* Whether byte @b of a volume of which something is not shown is blanked. */
MAYBE bool mask_model_blanks(const struct mask_model *m, uint64_t b)
{
	struct of_byte o = {.taken = false};

	for (size_t i = 0; i < m->traces->n; i++) {
		const struct known_trace *k = &m->traces->v[i];
		const struct mask_claim c = {.inode = k->inode,
			.stream = k->kind == ENTRY_STREAM,
			.attribute = k->attribute};

		if (contents_have(m, k, b))
			ask(m, &c, PLACE_DATA | (trace_in_deleted(k->id) ? PLACE_STALE : 0), &o);
	}
	for (size_t i = 0; i < m->places_n; i++) {
		const struct place_at *p = &m->places[i];
		const struct mask_claim c = {.inode = p->inode,
			.parent = p->parent,
			.stream = p->attr_type != 0,
			.attribute = p->attr_id};

		if (!place_has(m, p, b))
			continue;
		if (p->action == PLACE_KEEP)
			o.taken = true;
		else
			ask(m, &c, p->flags, &o);
	}
	return o.blank || (o.data && !o.shown) || (o.stale && !o.taken);
}

#endif
