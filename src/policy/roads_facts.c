/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roads_facts.c - links and their ends, and what a file system keeps for itself; see roads.h.
 *
 * Evidence never changes, so this is found once for each piece of it.
 */
#include "policy/roads_private.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "trace/names.h"

#define LINKS_MAX 40 /* followed one behind the other, as the kernel does */

struct roads_facts {
	pthread_mutex_t lock; /* over the list, and while something is found */
	struct facts *first;
};

struct roads_facts *roads_facts_new(void)
{
	struct roads_facts *all = calloc(1, sizeof(*all));

	if (all)
		pthread_mutex_init(&all->lock, NULL);
	return all;
}

static void facts_free(struct facts *f)
{
	free(f->links);
	free(f->ends);
	free(f->system);
	free(f);
}

void roads_facts_free(struct roads_facts *all)
{
	while (all && all->first) {
		struct facts *f = all->first;

		all->first = f->next;
		facts_free(f);
	}
	if (all)
		pthread_mutex_destroy(&all->lock);
	free(all);
}

/* ---- links -------------------------------------------------------------------------------- */

struct finding {
	struct evidence_cursor c;
	struct facts *f;
	unsigned volume;
	unsigned followed;
};

static int add_end(struct finding *x, uint64_t id)
{
	int r = array_room(&x->f->ends, sizeof(*x->f->ends), x->f->ends_n, &x->f->ends_cap);

	if (r == 0)
		x->f->ends[x->f->ends_n++] = id;
	return r;
}

static int walk(struct finding *x, uint64_t dir, const uint8_t *path, size_t n);

/* A link met on the way: it counts itself, and the way goes on where it leads. */
static int through_link(
	struct finding *x, const struct trace *link, const uint8_t *rest, size_t rest_n)
{
	struct buf path = BUF_INIT;
	struct buf raw = BUF_INIT;
	uint64_t parent = link->parent;
	struct trace place = *link;
	int r = add_end(x, link->id);
	int depth = 0;

	buf_put(&raw, link->target, link->target_len); /* the cursor is about to move */
	if (r == 0 && ++x->followed <= LINKS_MAX) {
		depth = evidence_depth(&x->c, &place);
		if (depth >= 0)
			name_link_target(raw.data, raw.len, (size_t)depth, &path);
		buf_put_u8(&path, '/');
		buf_put(&path, rest, rest_n);
		r = depth < 0 ? depth : path.error ? path.error : raw.error;
		if (r == 0)
			r = walk(x, parent, path.data, path.len);
	}
	buf_release(&path);
	buf_release(&raw);
	return r;
}

/* One component from *@at. Return: 1 the way goes on at *@at; 0 it ended; -errno. */
static int step(struct finding *x, uint64_t *at, const uint8_t *name, size_t n, const uint8_t *rest,
	size_t rest_n)
{
	struct trace t;
	int r = 0;

	if (n == 0 || (n == 1 && name[0] == '.'))
		return 1;
	if (n == 2 && name[0] == '.' && name[1] == '.') {
		r = evidence_get(&x->c, *at, &t);
		if (r == 0 && trace_number(*at) > 0)
			*at = t.parent;
		return r ? r : 1;
	}
	r = evidence_lookup(&x->c, *at, name, n, &t);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r)
		return r;
	if (t.kind == ENTRY_LINK)
		return through_link(x, &t, rest, rest_n);
	*at = t.id;
	return 1;
}

/* From folder @dir along a path; where it ends, or as far as it leads, counts. */
static int walk(struct finding *x, uint64_t dir, const uint8_t *path, size_t n)
{
	size_t ends = x->f->ends_n;
	uint64_t at = dir;

	for (size_t i = 0; i < n;) {
		const uint8_t *slash = memchr(path + i, '/', n - i);
		size_t len = slash ? (size_t)(slash - path) - i : n - i;
		size_t behind = i + len < n ? i + len + 1 : n;
		int r = step(x, &at, path + i, len, path + behind, n - behind);

		if (r < 0)
			return r;
		if (r == 0 && x->f->ends_n > ends)
			return 0; /* a link took over */
		if (r == 0)
			break;
		i = behind;
	}
	return add_end(x, at);
}

/* Of a link in the deleted tree, what its target means among what is allocated, too. */
static int walk_allocated(struct finding *x, const struct trace *link, const struct buf *target)
{
	struct buf path = BUF_INIT;
	const uint8_t *slash = NULL;
	int r = 0;

	if (!trace_in_deleted(link->id))
		return 0;
	if (target->len > 0 && target->data[0] != '/') {
		r = evidence_path(&x->c, link->parent, &path);
		slash = path.len > 0 ? memchr(path.data, '/', path.len) : NULL;
	}
	if (r == 0) {
		struct buf all = BUF_INIT;

		if (slash)
			buf_put(&all, slash + 1, path.len - (size_t)(slash + 1 - path.data));
		buf_put_u8(&all, '/');
		buf_put(&all, target->data, target->len);
		x->followed = 0;
		r = all.error ? all.error
			      : walk(x, trace_id(1 + 2 * x->volume, 0), all.data, all.len);
		buf_release(&all);
	}
	buf_release(&path);
	return r;
}

static int add_link(struct finding *x, uint64_t id)
{
	struct facts *f = x->f;
	struct buf target = BUF_INIT;
	struct fact_link l = {.id = id, .at = f->ends_n};
	struct trace t;
	int r = array_room(&f->links, sizeof(*f->links), f->links_n, &f->links_cap);

	if (r == 0)
		r = evidence_get(&x->c, id, &t);
	if (r == 0) {
		buf_put(&target, t.target, t.target_len);
		x->followed = 0;
		r = target.error ? target.error : through_link(x, &t, NULL, 0);
	}
	if (r == 0)
		r = walk_allocated(x, &t, &target);
	l.n = f->ends_n - l.at;
	if (r == 0)
		f->links[f->links_n++] = l;
	buf_release(&target);
	return r;
}

struct ids {
	uint64_t *v;
	size_t n, cap;
};

static int keep_id(void *ctx, const struct index_item *item)
{
	struct ids *ids = ctx;
	int r = array_room(&ids->v, sizeof(*ids->v), ids->n, &ids->cap);

	if (r == 0)
		ids->v[ids->n++] = item->id;
	return r;
}

static int find_links(struct finding *x, struct index_reader *reader)
{
	struct ids ids = {NULL, 0, 0};
	int r = index_links(reader, keep_id, &ids);

	for (size_t i = 0; r == 0 && i < ids.n; i++)
		r = add_link(x, trace_of_index(x->volume, ids.v[i]));
	free(ids.v);
	return r;
}

/* ---- what a file system keeps for itself ------------------------------------------------- */

static int add_system(struct finding *x, uint64_t first, uint64_t last)
{
	struct facts *f = x->f;
	int r = array_room(&f->system, sizeof(*f->system), f->system_n, &f->system_cap);

	if (r == 0)
		f->system[f->system_n++] = (struct fact_system){x->volume,
			trace_of_index(x->volume, first), trace_of_index(x->volume, last)};
	return r;
}

static int add_metadata(void *ctx, const struct index_apart *a)
{
	return a->orphans ? 0 : add_system(ctx, a->first, a->last);
}

static int add_named(void *ctx, const struct index_item *item)
{
	return add_system(ctx, item->id, item->last);
}

/* Shadow copies, swap and hibernation, by the names that systems give them in the root. */
static int find_system(struct finding *x, struct index_reader *reader)
{
	static const char *const names[] = {"System Volume Information", "pagefile.sys",
		"swapfile.sys", "hiberfil.sys", "win386.swp", "386spart.par", "swapfile",
		"swap.img", "$UsnJrnl", "$LogFile"};
	int r = index_apart(reader, add_metadata, x);

	for (size_t i = 0; r == 0 && i < sizeof(names) / sizeof(*names); i++) {
		r = index_children_named(reader, trace_id(0, 0), names[i], add_named, x);
		if (r == 0)
			r = index_children_named(reader, trace_id(1, 0), names[i], add_named, x);
	}
	return r;
}

/* ---- all of it ------------------------------------------------------------------------------ */

typedef int find_fn(struct finding *x, struct index_reader *reader);

static int find(struct evidence *ev, struct facts *f, find_fn *each)
{
	struct finding x = {.f = f};
	int r = 0;

	evidence_cursor_init(&x.c, ev);
	for (unsigned k = 0; r == 0 && k < ev->manifest.n; k++) {
		struct index_reader *reader = NULL;

		x.volume = k;
		r = evidence_reader(&x.c, trace_id(1 + 2 * k, 0), &reader);
		if (r == 0)
			r = each(&x, reader);
		else if (r == -ENOENT)
			r = 0;
	}
	evidence_cursor_release(&x.c);
	return r;
}

/* With the lock. */
static int facts_new(struct roads_facts *all, struct evidence *ev, struct facts **out)
{
	struct facts *f = calloc(1, sizeof(*f));
	int r = f ? 0 : -ENOMEM;

	if (f) {
		f->ev = ev;
		r = find(ev, f, find_system);
	}
	if (r) {
		if (f)
			facts_free(f);
		return r;
	}
	f->next = all->first;
	all->first = f;
	*out = f;
	return 0;
}

/* With the lock. What a failure has left is found again. */
static int add_links(struct facts *f, struct evidence *ev)
{
	int r = 0;

	f->links_n = f->ends_n = 0;
	r = find(ev, f, find_links);
	f->linked = r == 0;
	return r;
}

int roads_facts_of(
	struct roads_facts *all, struct evidence *ev, bool links, const struct facts **out)
{
	struct facts *f = NULL;
	int r = 0;

	pthread_mutex_lock(&all->lock);
	for (f = all->first; f && f->ev != ev;)
		f = f->next;
	if (!f)
		r = facts_new(all, ev, &f);
	if (r == 0 && links && !f->linked)
		r = add_links(f, ev);
	pthread_mutex_unlock(&all->lock);
	if (r == 0)
		*out = f;
	return r;
}
