/* SPDX-License-Identifier: Apache-2.0 */
/* roads_ask.c - asking what is withheld, once that is known; see roads.h. */
#include "policy/roads.h"

const char *road_name(enum road r)
{
	static const char *const names[ROADS_N] = {
		NULL, "mark", "inode", "copy", "link", "system", "bytes", "doubt"};

	return (unsigned)r < ROADS_N ? names[r] : NULL;
}

const struct withheld *withheld_everything(void)
{
	static struct view_interval all = {0, UINT64_MAX};
	static struct road_way way = {.last = UINT64_MAX, .road = ROAD_DOUBT};
	static const struct withheld everything = {.v = &all, .n = 1, .ways = &way, .ways_n = 1};

	return &everything;
}

const struct withheld *roads_of(const struct roads *r, uint64_t evidence)
{
	if (r->doubt)
		return withheld_everything();
	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].evidence == evidence)
			return &r->v[i];
	}
	return NULL;
}

size_t withheld_place(const struct withheld *w, uint64_t first)
{
	return w ? view_interval_place(w->v, w->n, first) : 0;
}

bool withheld_bytes(const struct withheld *w, uint64_t begin, uint64_t end)
{
	for (size_t i = 0; w && i < w->remnants_n && w->remnants[i].first < end; i++) {
		if (w->remnants[i].last >= begin)
			return true;
	}
	return false;
}

bool withheld_in(const struct withheld *w, uint64_t first, uint64_t last)
{
	size_t at = withheld_place(w, first);

	return w && at < w->n && w->v[at].first <= last;
}

bool withheld_has(const struct withheld *w, uint64_t trace)
{
	return withheld_in(w, trace, trace);
}

bool withheld_closes(const struct withheld *w, const struct container_folder *f)
{
	return withheld_in(w, f->id, f->last) && !withheld_has(w, f->id - 1);
}

bool withheld_mixes(const struct withheld *w, const struct container_folder *f)
{
	size_t at = withheld_place(w, f->id + 1);

	/* intervals are apart: one of them has all of it, or something lies between them */
	return w && at < w->n && w->v[at].first <= f->last &&
	       (w->v[at].first > f->id + 1 || w->v[at].last < f->last);
}
