/* SPDX-License-Identifier: Apache-2.0 */
/* archive_paths.c - paths in an archive as members that stand one in the other; see
 * archive_paths.h. */
#include "container/archive_paths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/siphash.h"

#define DEPTH_MAX 256 /* components; what is deeper is one name */

struct place {
	struct archive_place at;
	uint32_t parent; /* number of its folder */
	size_t name;     /* in `names` */
	size_t name_len;
	size_t next; /* in the same bucket: place + 1; 0: none */
};

struct archive_paths {
	struct place *v;
	size_t n, cap;
	struct buf names;
	size_t *buckets; /* place + 1 */
	size_t buckets_n;
};

struct archive_paths *archive_paths_new(void)
{
	return calloc(1, sizeof(struct archive_paths));
}

void archive_paths_free(struct archive_paths *p)
{
	if (!p)
		return;
	free(p->v);
	free(p->buckets);
	buf_release(&p->names);
	free(p);
}

/* Names come from the archive: the key need not be secret, lists are bounded by the budget. */
static size_t bucket_of(const struct archive_paths *p, uint32_t parent, const void *name, size_t n)
{
	const struct siphash_key key = {.k0 = parent};

	return (size_t)siphash(&key, name, n) & (p->buckets_n - 1);
}

static int grow(struct archive_paths *p)
{
	size_t n = p->buckets_n ? p->buckets_n * 2 : 256;
	size_t *v = NULL;

	if (p->n < p->buckets_n)
		return 0;
	v = calloc(n, sizeof(*v));
	if (!v)
		return -ENOMEM;
	free(p->buckets);
	p->buckets = v;
	p->buckets_n = n;
	for (size_t i = 0; i < p->n; i++) {
		struct place *w = &p->v[i];
		size_t b = bucket_of(p, w->parent, p->names.data + w->name, w->name_len);

		w->next = v[b];
		v[b] = i + 1;
	}
	return 0;
}

/* The one told last, of those that are there twice. @folder: only a folder will do. */
static const struct place *find(
	const struct archive_paths *p, uint32_t parent, const char *name, size_t n, bool folder)
{
	size_t i = p->buckets_n ? p->buckets[bucket_of(p, parent, name, n)] : 0;

	for (; i > 0; i = p->v[i - 1].next) {
		const struct place *w = &p->v[i - 1];

		if (w->parent == parent && w->name_len == n && w->at.folder == folder &&
			memcmp(p->names.data + w->name, name, n) == 0)
			return w;
	}
	return NULL;
}

static int keep(struct archive_paths *p, const struct member *m, uint32_t number)
{
	struct place w = {.parent = m->parent,
		.name = p->names.len,
		.name_len = m->name_len,
		.at = {.number = number,
			.size = m->size,
			.locator_len = m->locator_len,
			.folder = m->kind == ENTRY_DIR,
			.readable = m->kind == ENTRY_FILE && !m->problem}};
	size_t b = 0;

	if (grow(p) || array_room(&p->v, sizeof(*p->v), p->n, &p->cap))
		return -ENOMEM;
	memcpy(w.at.locator, m->locator, m->locator_len);
	buf_put(&p->names, m->name, m->name_len);
	if (p->names.error)
		return -ENOMEM;
	b = bucket_of(p, m->parent, m->name, m->name_len);
	w.next = p->buckets[b];
	p->v[p->n++] = w;
	p->buckets[b] = p->n;
	return 0;
}

/* The next component that names something: empty ones and "." do not. */
static const char *component(const char *path, size_t *n)
{
	for (;;) {
		path += strspn(path, "/");
		*n = strcspn(path, "/");
		if (*n != 1 || *path != '.')
			return path;
		path++;
	}
}

static int tell(struct archive_paths *p, struct member *m, const char *name, size_t n,
	const struct container_visit *v, uint32_t *number)
{
	int r = 0;

	m->name = (const uint8_t *)name;
	m->name_len = n;
	r = v->member(v->ctx, m, number);
	return r ? r : keep(p, m, *number);
}

static int folder(struct archive_paths *p, uint32_t parent, const char *name, size_t n,
	const struct container_visit *v, uint32_t *number)
{
	struct member m = {.parent = parent, .kind = ENTRY_DIR};
	const struct place *w = find(p, parent, name, n, true);

	if (w) {
		*number = w->at.number;
		return 0;
	}
	return tell(p, &m, name, n, v, number);
}

int archive_paths_tell(struct archive_paths *p, const char *path, struct member *m,
	const struct container_visit *v)
{
	size_t n = 0;
	const char *name = component(path, &n);
	uint32_t number = 0;
	int r = 0;

	m->parent = 0;
	for (unsigned depth = 0; r == 0; depth++) {
		size_t more = 0;
		const char *next = component(name + n, &more);

		if (more == 0)
			break;
		if (depth == DEPTH_MAX) {
			n = strlen(name); /* shown as one name */
			break;
		}
		r = folder(p, m->parent, name, n, v, &m->parent);
		name = next;
		n = more;
	}
	if (r || (m->kind == ENTRY_DIR && (n == 0 || find(p, m->parent, name, n, true))))
		return r; /* the container itself, or a folder that is there already */
	return tell(p, m, name, n, v, &number);
}

const struct archive_place *archive_paths_find(const struct archive_paths *p, const char *path)
{
	const struct place *w = NULL;
	uint32_t parent = 0;
	size_t n = 0;

	for (path = component(path, &n); n > 0; path = component(path + n, &n)) {
		size_t more = 0;

		component(path + n, &more);
		w = find(p, parent, path, n, more > 0);
		if (!w)
			return NULL;
		parent = w->at.number;
	}
	return w ? &w->at : NULL;
}
