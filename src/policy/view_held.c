/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view_held.c - contents that are not shown until it is known what they are; see view.h.
 *
 * A name that is seen is no promise of its contents while something was hidden just now and
 * its roads, or the bytes it has, are still being found. Fails closed.
 */
#include "policy/view_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct view_held {
	struct held *roads; /* NULL: they are known */
	uint8_t *volumes;   /* [volumes_n] */
	size_t volumes_n;
};

void view_held_free(struct view_held *h)
{
	if (!h)
		return;
	held_put(h->roads);
	free(h->volumes);
	free(h);
}

int view_hold(struct view_evidence *ev, const struct view_evidence *before, struct held *roads,
	const uint8_t *volumes)
{
	struct view_held *h = calloc(1, sizeof(*h));
	size_t n = ev->evidence->manifest.n;

	if (h)
		h->volumes = malloc(n + 1);
	if (!h || !h->volumes) {
		free(h);
		return -ENOMEM;
	}
	memcpy(h->volumes, volumes, n);
	h->volumes_n = n;
	h->roads = held_get(roads);
	if (before && before->mask)
		ev->mask = mask_get(before->mask);
	/* what was held may have something of what was hidden before */
	for (size_t k = 0; before && before->held && k < n; k++)
		h->volumes[k] |= before->held->volumes[k];
	ev->held = h;
	return 0;
}

int view_contents(const struct view_evidence *ev, uint64_t trace)
{
	const struct view_held *h = ev->held;
	const struct view_range *r = NULL;
	unsigned flags = 0;

	if (view_has(ev->closed, ev->closed_n, trace))
		return -EACCES;
	/* byte streams are not seen at all while anything is held of them */
	if (!h || trace_part(trace) == 0)
		return 0;
	flags = trace_volume(trace) < h->volumes_n ? h->volumes[trace_volume(trace)] : HELD_ALL;
	if ((flags & HELD_ALL) || ((flags & HELD_DELETED) && trace_in_deleted(trace)))
		return -EACCES;
	r = view_range_at(ev, trace);
	if (!h->roads || (r && (r->rights & RIGHT_PRIVILEGED)))
		return 0;
	return held_trace(h->roads, ev->evidence, trace) == 0 ? 0 : -EACCES;
}

bool view_held_same(const struct view_evidence *a, const struct view_evidence *b)
{
	const struct view_held *x = a ? a->held : NULL;
	const struct view_held *y = b ? b->held : NULL;

	if (!x || !y)
		return x == y;
	return x->roads == y->roads && x->volumes_n == y->volumes_n &&
	       memcmp(x->volumes, y->volumes, x->volumes_n) == 0;
}
