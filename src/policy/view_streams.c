/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view_streams.c - byte streams in a view, and the bytes that are not shown; see view_private.h.
 *
 * Streams are masked to what is seen; where that cannot be done, one is there only while all that
 * stands in it is. What is not known yet of a mask is held.
 */
#include "policy/view_compile.h"

#include <errno.h>
#include <stdlib.h>

/* ---- byte streams ------------------------------------------------------------------------- */

static int take_streams(struct compile *x, unsigned k)
{
	int r = compile_take(x, TRACE_VOLUME_RAW((uint64_t)k));

	return r ? r : compile_take(x, TRACE_VOLUME_UNALLOCATED((uint64_t)k));
}

/* Whether he sees what is withheld anywhere in the volume. */
static bool is_privileged(const struct compile *x, unsigned k)
{
	return (view_pieces_rights(&x->pieces, trace_id(1 + 2 * k, 0)) &
		       view_pieces_rights(&x->pieces, trace_id(2 + 2 * k, 0)) & RIGHT_PRIVILEGED) !=
	       0;
}

/* A volume that is not known has no trees: a right on them would lead to nothing. */
static int take_missing(struct compile *x, unsigned k)
{
	int r = compile_take_part(x, 1 + 2 * k);

	if (r == 0)
		r = compile_take_part(x, 2 + 2 * k);
	return r ? r : compile_take(x, TRACE_VOLUME_UNALLOCATED((uint64_t)k));
}

/* Whether a mark keeps something in the volume, or its bytes, from him. */
static bool is_withheld(const struct compile *x, unsigned k, bool known)
{
	const struct scan_volume *at = &x->c.ev->manifest.volumes[k].scan;

	if (is_privileged(x, k))
		return false;
	return (known && withheld_in(x->withheld, trace_id(1 + 2 * k, 0),
				 trace_id(2 + 2 * k, TRACE_NUMBER_MASK))) ||
	       withheld_bytes(x->withheld, at->offset, at->offset + at->length);
}

static int set_volume(struct compile *x, unsigned k)
{
	bool known = x->c.ev->volumes[k].index != NULL;
	bool read = view_pieces_rights(&x->pieces, trace_id(1 + 2 * k, 0)) & RIGHT_READ;
	bool deleted = view_pieces_rights(&x->pieces, trace_id(2 + 2 * k, 0)) & RIGHT_DELETED;
	bool whole =
		!x->of[k].touched && (!known || (read && deleted)) && !is_withheld(x, k, known);
	int r = compile_apart(x, k, deleted);

	x->of[k].masked = !whole;
	x->of[k].gone = (!whole && known && !x->c.ev->volumes[k].maskable) || x->of[k].sealed ||
			(!known && x->of[k].touched);
	return r == 0 && !known ? take_missing(x, k) : r;
}

/* Whether the bytes of both have some in common: slices in a partition, hybrid media, pools. */
static bool overlap(const struct evidence *ev, unsigned k, unsigned other)
{
	const struct scan_volume *a = &ev->manifest.volumes[k].scan;
	const struct scan_volume *b = &ev->manifest.volumes[other].scan;

	return a->offset < b->offset + b->length && b->offset < a->offset + a->length;
}

bool view_overlaps(const struct evidence *ev, unsigned k)
{
	for (unsigned other = 0; other < ev->manifest.n; other++) {
		if (other != k && overlap(ev, k, other))
			return true;
	}
	return false;
}

/* The bytes of a volume as such are not for him: no other stream shows them either. */
static bool is_sealed_off(const struct compile *x, unsigned k)
{
	uint64_t raw = TRACE_VOLUME_RAW((uint64_t)k);

	return x->of[k].gone ||
	       (withheld_in(x->withheld, trace_id(0, raw), trace_id(0, raw)) &&
		       !(view_pieces_rights(&x->pieces, trace_id(0, raw)) & RIGHT_PRIVILEGED));
}

/* What is masked in one volume is masked in what lies over it. */
static int set_overlaps(struct compile *x, unsigned k)
{
	bool masked = x->of[k].masked;
	bool gone = x->of[k].gone;

	for (unsigned other = 0; other < x->volumes; other++) {
		if (other == k || !overlap(x->c.ev, k, other))
			continue;
		masked = masked || x->of[other].masked;
		gone = gone || is_sealed_off(x, other);
	}
	x->masks[k] = masked;
	return gone ? take_streams(x, k) : 0;
}

int compile_streams(struct compile *x)
{
	bool all = !x->outside;
	int r = 0;

	for (unsigned k = 0; r == 0 && k < x->volumes; k++) {
		r = set_volume(x, k);
		all = all && !x->of[k].gone;
	}
	for (unsigned k = 0; r == 0 && k < x->volumes; k++)
		r = set_overlaps(x, k);
	return r == 0 && !all ? compile_take(x, TRACE_IMAGE_RAW) : r;
}

/* ---- bytes that are not shown --------------------------------------------------------------- */

/*
 * What deleted entries have may be another's now, whose volumes lie one over the other has its
 * bytes under several names, and where it is not known what was blanked, nothing is shown.
 */
static int hold(struct compile *x, const struct view_from *from, struct held *roads,
	struct view_evidence *out)
{
	uint8_t *flags = calloc(x->volumes + 1, 1);
	int r = flags ? 0 : -ENOMEM;

	for (unsigned k = 0; flags && k < x->volumes; k++) {
		if (!roads && !x->masks[k])
			continue;
		flags[k] = HELD_DELETED;
		if (view_overlaps(x->c.ev, k) || (!from->before && x->masks[k]))
			flags[k] |= HELD_ALL;
	}
	if (r == 0)
		r = view_hold(out, from->before, roads, flags);
	free(flags);
	return r;
}

/* Until its mask is made. */
static int hold_streams(struct compile *x, const struct view_from *from, struct view_evidence *out)
{
	int r = compile_take(x, TRACE_IMAGE_RAW);

	for (unsigned k = 0; r == 0 && k < x->volumes; k++) {
		if (x->masks[k])
			r = take_streams(x, k);
	}
	if (r == 0)
		r = compile_ranges(x, out);
	return r ? r : hold(x, from, NULL, out);
}

static bool needs_mask(const struct compile *x)
{
	for (unsigned k = 0; k < x->volumes; k++) {
		if (x->masks[k])
			return true;
	}
	/* between the volumes there may be something too */
	return x->withheld && x->withheld->remnants_n > 0 && !(x->everywhere & RIGHT_PRIVILEGED);
}

int compile_mask(
	struct compile *x, const struct view_from *from, struct view_evidence *out, bool *later)
{
	int r = 0;

	if (!from->masks)
		return 0;
	if (from->w && from->w->held && !(x->everywhere & RIGHT_PRIVILEGED))
		return hold(x, from, from->w->held, out);
	if (!needs_mask(x))
		return 0;
	r = view_mask(from->masks, out, x->withheld, x->masks, from->hurried, &out->mask);
	if (r != -EAGAIN)
		return r;
	*later = true;
	return hold_streams(x, from, out);
}
