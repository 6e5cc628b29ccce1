/* SPDX-License-Identifier: Apache-2.0 */
/* mask.c - bytes of the media that one viewer is not shown; see mask.h. */
#include "serve/mask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* ---- making it ---------------------------------------------------------------------------- */

struct mask *mask_new(size_t volumes)
{
	struct mask *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->uses = 1;
	m->volumes_n = volumes;
	m->volumes = calloc(volumes + 1, sizeof(*m->volumes));
	if (!m->volumes) {
		free(m);
		return NULL;
	}
	return m;
}

int mask_add(struct mask *m, const struct mask_range *r)
{
	struct mask_range *last = m->n > 0 ? &m->v[m->n - 1] : NULL;

	if (last && r->action == PLACE_ZERO && last->action == PLACE_ZERO &&
		last->end == r->begin) {
		last->end = r->end;
		return 0;
	}
	if (array_room(&m->v, sizeof(*m->v), m->n, &m->cap))
		return -ENOMEM;
	m->v[m->n++] = *r;
	return 0;
}

int mask_add_streams(struct mask *m, uint64_t begin, uint64_t end)
{
	return spans_add(&m->streams, begin, end);
}

int mask_add_blank(struct mask *m, uint64_t trace)
{
	if (array_room(&m->blank, sizeof(*m->blank), m->blank_n, &m->blank_cap))
		return -ENOMEM;
	m->blank[m->blank_n++] = trace;
	return 0;
}

/* What blanks comes first, the longer of two that begin together before the other. */
static int by_begin(const void *a, const void *b)
{
	const struct mask_range *x = a;
	const struct mask_range *y = b;

	if ((x->action == PLACE_XOR) != (y->action == PLACE_XOR))
		return x->action == PLACE_XOR ? 1 : -1;
	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return x->end != y->end ? (x->end > y->end ? -1 : 1) : 0;
}

static int by_place(const void *a, const void *b)
{
	const struct mask_range *x = a;
	const struct mask_range *y = b;

	return (x->begin > y->begin) - (x->begin < y->begin);
}

/* Ranges that blank, @n of them: what lies behind the one before is kept. Return: how many. */
static size_t settle_blanks(struct mask_range *v, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct mask_range r = v[i];
		struct mask_range *last = kept ? &v[kept - 1] : NULL;

		if (last && r.end <= last->end)
			continue;
		if (last && r.begin < last->end) {
			r.begin = last->end;
			if (r.action == PLACE_RECORD)
				r.action = PLACE_ZERO;
		}
		if (last && r.begin == last->end && r.action == PLACE_ZERO &&
			last->action == PLACE_ZERO)
			last->end = r.end;
		else
			v[kept++] = r;
	}
	return kept;
}

static size_t first_behind(const struct mask_range *v, size_t n, uint64_t at)
{
	size_t low = 0;
	size_t high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (v[middle].end <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int mask_settle(struct mask *m)
{
	size_t blanks = 0;
	size_t kept = 0;

	spans_settle(&m->streams);
	if (m->n == 0)
		return 0;
	qsort(m->v, m->n, sizeof(*m->v), by_begin);
	while (blanks < m->n && m->v[blanks].action != PLACE_XOR)
		blanks++;
	kept = settle_blanks(m->v, blanks);
	for (size_t i = blanks, from = kept; i < m->n; i++) {
		const struct mask_range r = m->v[i];
		struct mask_range *last = kept > from ? &m->v[kept - 1] : NULL;
		size_t at = first_behind(m->v, from, r.begin);

		if (last && last->begin == r.begin)
			last->value ^= r.value;
		else if ((at == from || m->v[at].begin >= r.end) && (!last || last->end <= r.begin))
			m->v[kept++] = r;
	}
	m->n = kept;
	qsort(m->v, m->n, sizeof(*m->v), by_place);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;

	return (*x > *y) - (*x < *y);
}

void mask_settle_blank(struct mask *m)
{
	if (m->blank_n > 1)
		qsort(m->blank, m->blank_n, sizeof(*m->blank), by_number);
}

struct mask *mask_get(struct mask *m)
{
	if (m)
		m->uses++;
	return m;
}

void mask_put(struct mask *m)
{
	if (!m || --m->uses > 0)
		return;
	free(m->v);
	free(m->streams.v);
	free(m->blank);
	free(m->volumes);
	free(m);
}

/* ---- asking --------------------------------------------------------------------------------- */

bool mask_touches(const struct mask *m, uint64_t begin, uint64_t end)
{
	size_t at = m ? first_behind(m->v, m->n, begin) : 0;

	return m && at < m->n && m->v[at].begin < end;
}

bool mask_touches_stream(const struct mask *m, uint64_t begin, uint64_t end)
{
	size_t at = m ? spans_from(&m->streams, begin) : 0;

	return m &&
	       (mask_touches(m, begin, end) || (at < m->streams.n && m->streams.v[at].begin < end));
}

bool mask_blanks(const struct mask *m, uint64_t trace)
{
	return m && m->blank_n > 0 &&
	       bsearch(&trace, m->blank, m->blank_n, sizeof(*m->blank), by_number) != NULL;
}

bool mask_streams(const struct mask *m, size_t k)
{
	for (size_t i = 0; m && i < m->volumes_n; i++) {
		if (m->volumes[i] && (k == i || k == SIZE_MAX))
			return true;
	}
	return false;
}

bool mask_same(const struct mask *a, const struct mask *b)
{
	if (a == b)
		return true;
	if (!a || !b || a->n != b->n || a->blank_n != b->blank_n || a->volumes_n != b->volumes_n ||
		a->streams.n != b->streams.n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct mask_range *x = &a->v[i];
		const struct mask_range *y = &b->v[i];

		if (x->begin != y->begin || x->end != y->end || x->value != y->value ||
			x->action != y->action)
			return false;
	}
	for (size_t i = 0; i < a->streams.n; i++) {
		if (a->streams.v[i].begin != b->streams.v[i].begin ||
			a->streams.v[i].end != b->streams.v[i].end)
			return false;
	}
	for (size_t i = 0; i < a->blank_n; i++) {
		if (a->blank[i] != b->blank[i])
			return false;
	}
	for (size_t i = 0; i < a->volumes_n; i++) {
		if (a->volumes[i] != b->volumes[i])
			return false;
	}
	return true;
}

/* ---- blanking ---------------------------------------------------------------------------------
 */

static void put(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/*
 * A record as mkntfs makes one that is in nobody's use.
 * Source: Linux, fs/ntfs3/ntfs.h (struct MFT_REC).
 */
static void free_record(uint8_t out[PLACE_RECORD_MAX], size_t n, uint32_t number)
{
	size_t sectors = n / 512;
	size_t attributes = (0x30 + 2 * (sectors + 1) + 7) & ~(size_t)7;

	memset(out, 0, n);
	memcpy(out, "FILE", 4);
	put(out + 0x04, 0x30, 2);             /* where the last bytes of sectors are kept */
	put(out + 0x06, sectors + 1, 2);      /* how many, and their mark: */
	put(out + 0x30, 1, 2);                /* 1, */
	for (size_t i = 1; i <= sectors; i++) /* which stands at the end of each sector */
		put(out + i * 512 - 2, 1, 2);
	put(out + 0x10, 1, 2);          /* sequence number */
	put(out + 0x14, attributes, 2); /* where attributes begin: there are none */
	put(out + attributes, UINT32_MAX, 4);
	put(out + 0x18, attributes + 8, 4); /* bytes in use */
	put(out + 0x1c, n, 4);              /* bytes in all */
	put(out + 0x2c, number, 4);
}

static void blank(const struct mask_range *r, uint8_t *buf, size_t len, uint64_t off)
{
	uint64_t begin = r->begin > off ? r->begin : off;
	uint64_t end = r->end - off < len ? r->end : off + len;
	uint8_t *p = buf + (begin - off);
	size_t n = (size_t)(end - begin);
	uint8_t record[PLACE_RECORD_MAX];

	switch (r->action) {
	case PLACE_FILL:
		memset(p, (int)r->value, n);
		return;
	case PLACE_XOR:
		for (size_t i = 0; i < n; i++)
			p[i] ^= (uint8_t)(r->value >> 8 * (begin - r->begin + i));
		return;
	case PLACE_RECORD:
		if (r->end - r->begin > sizeof(record))
			break;
		free_record(record, (size_t)(r->end - r->begin), r->value);
		memcpy(p, record + (begin - r->begin), n);
		return;
	case PLACE_ZERO:
	case PLACE_KEEP: /* of which no mask is made */
		break;
	}
	memset(p, 0, n);
}

void mask_apply(const struct mask *m, uint8_t *buf, size_t len, uint64_t off)
{
	for (size_t i = first_behind(m->v, m->n, off); i < m->n && m->v[i].begin < off + len; i++)
		blank(&m->v[i], buf, len, off);
}

void mask_apply_stream(const struct mask *m, uint8_t *buf, size_t len, uint64_t off)
{
	mask_apply(m, buf, len, off);
	for (size_t i = spans_from(&m->streams, off);
		i < m->streams.n && m->streams.v[i].begin < off + len; i++) {
		const struct span *s = &m->streams.v[i];
		uint64_t begin = s->begin > off ? s->begin : off;
		uint64_t end = s->end - off < len ? s->end : off + len;

		memset(buf + (begin - off), 0, (size_t)(end - begin));
	}
}
