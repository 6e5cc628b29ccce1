/* SPDX-License-Identifier: Apache-2.0 */
/* scan_found.c - which rule has met which trace; see scan_found.h. */
#include "control/scan_found.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/digest.h"

#define ROOM_MIN 1024 /* a power of two */

static int pair_of(
	const struct scan_found *f, const char *path, const char *rule, struct scan_pair *out)
{
	struct buf both = BUF_INIT;

	buf_puts(&both, path);
	buf_put_u8(&both, 0);
	buf_puts(&both, rule);
	if (both.error) {
		buf_release(&both);
		return -ENOMEM;
	}
	out->a = siphash(&f->key[0], both.data, both.len) | 1;
	out->b = siphash(&f->key[1], both.data, both.len);
	buf_release(&both);
	return 0;
}

/* Its place, or the free one that it would have. */
static struct scan_pair *place(struct scan_pair *v, size_t cap, const struct scan_pair *p)
{
	size_t i = (size_t)p->b & (cap - 1);

	while (v[i].a && (v[i].a != p->a || v[i].b != p->b))
		i = (i + 1) & (cap - 1);
	return &v[i];
}

static int room(struct scan_found *f)
{
	size_t cap = f->cap ? 2 * f->cap : ROOM_MIN;
	struct scan_pair *v = NULL;

	if (f->cap && f->n < f->cap / 2)
		return 0;
	v = calloc(cap, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < f->cap; i++) {
		if (f->v[i].a)
			*place(v, cap, &f->v[i]) = f->v[i];
	}
	free(f->v);
	f->v = v;
	f->cap = cap;
	return 0;
}

int scan_found_add(struct scan_found *f, const char *path, const char *rule, enum scan_hit *out)
{
	struct scan_pair p = {.counted = true};
	struct scan_pair *at = NULL;
	int r = room(f);

	if (r == 0)
		r = pair_of(f, path, rule, &p);
	if (r)
		return r;
	at = place(f->v, f->cap, &p);
	if (!at->a) {
		*at = p;
		f->n++;
		*out = SCAN_NEW;
	} else {
		*out = at->counted ? SCAN_AGAIN : SCAN_MARKED;
		at->counted = true;
	}
	return 0;
}

int scan_found_init(struct scan_found *f, const struct model *m, uint64_t case_id)
{
	int r = 0;

	*f = (struct scan_found){.n = 0};
	if (digest_random(f->key, sizeof(f->key)))
		return -EIO;
	for (size_t i = 0; r == 0 && i < m->marks_n; i++) {
		const struct act *a = &m->marks[i].act;
		enum scan_hit hit = SCAN_NEW;

		if (a->case_id == case_id && a->mark_origin == MARK_BY_RULE)
			r = scan_found_add(f, a->path, a->basis, &hit);
	}
	for (size_t i = 0; i < f->cap; i++)
		f->v[i].counted = false;
	if (r)
		scan_found_release(f);
	return r;
}

void scan_found_release(struct scan_found *f)
{
	free(f->v);
	*f = (struct scan_found){.n = 0};
}
