/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view_resolve.c - what a path means: the traces it names, as intervals
 *
 * A path below a volume names a trace of the allocated tree with its streams, and
 * what is below the folder of the same path in the deleted tree. That folder is
 * found by what it stands for, not by its name alone: a name that stands twice in
 * a directory may be told apart differently in the two trees (trace/build.h).
 */
#include "policy/view_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "serve/containers.h"
#include "trace/names.h"

#define NODES_MAX (VIEW_PLACES_MAX - 4)

/* What is kept of a trace while others are looked up. */
struct node {
	uint64_t id;
	uint64_t last;
	uint64_t parent;
	uint64_t inode;
	enum entry_kind kind;
	bool stands; /* in the deleted tree: for an allocated directory, not deleted itself */
};

struct resolver {
	struct evidence_cursor *c;
	bool wide;
	bool literal; /* a path of the deleted tree itself */
	bool found;   /* `at` is set: the allocated trace of the path so far */
	struct node at;
	struct buf at_name;             /* its name as a component before twins were told apart */
	struct node deleted[NODES_MAX]; /* what has the path in the deleted tree */
	size_t deleted_n;
};

static struct node node_of(const struct trace *t)
{
	return (struct node){.id = t->id,
		.last = t->last,
		.parent = t->parent,
		.inode = t->inode,
		.kind = t->kind,
		.stands = t->kind == ENTRY_DIR &&
			  (t->flags & (ENTRY_VIRTUAL | ENTRY_DELETED)) == ENTRY_VIRTUAL};
}

/* Return: 1 and *@out; 0 not there; -errno it cannot be told. */
static int look_up(struct resolver *r, uint64_t dir, const void *name, size_t n, struct node *out)
{
	struct trace t;
	int rc = evidence_lookup(r->c, dir, name, n, &t);

	if (rc == -ENOENT)
		return 0;
	if (rc)
		return rc;
	*out = node_of(&t);
	return 1;
}

static int step_allocated(struct resolver *r, const char *name, size_t n)
{
	struct trace t;
	int rc = 0;

	if (!r->found)
		return 0;
	rc = evidence_lookup(r->c, r->at.id, name, n, &t);
	r->found = rc == 0;
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	r->at = node_of(&t);
	buf_reset(&r->at_name);
	if (t.original)
		name_component(t.original, t.original_len, &r->c->ev->manifest.key, &r->at_name);
	else
		buf_put(&r->at_name, t.name, t.name_len);
	return r->at_name.error;
}

static bool stands_for_it(const struct resolver *r, const struct node *n)
{
	return n->stands && r->found && r->at.kind == ENTRY_DIR && n->inode == r->at.inode;
}

/* The folder below @dir that stands for the allocated one, when it has another name. */
static int find_counterpart(
	struct resolver *r, uint64_t dir, const char *name, size_t n, struct node *out)
{
	struct buf unique = BUF_INIT;
	int rc = 0;

	if (r->at_name.len != n || memcmp(r->at_name.data, name, n) != 0)
		rc = look_up(r, dir, r->at_name.data, r->at_name.len, out);
	if (rc == 1 && !stands_for_it(r, out))
		rc = 0;
	if (rc == 0) {
		name_unique(r->at_name.data, r->at_name.len, &r->c->ev->manifest.key, r->at.inode,
			&unique);
		rc = unique.error ? unique.error : look_up(r, dir, unique.data, unique.len, out);
	}
	buf_release(&unique);
	return rc == 1 && !stands_for_it(r, out) ? 0 : rc;
}

/* One name further down from one place of the deleted tree. */
static int step_deleted(struct resolver *r, const struct node *from, const char *name, size_t n,
	struct node *next, size_t *next_n)
{
	struct node child;
	bool counterpart = false;
	int rc = look_up(r, from->id, name, n, &child);

	if (rc < 0)
		return rc;
	if (*next_n + 2 > NODES_MAX)
		return -E2BIG;
	counterpart = rc == 1 && stands_for_it(r, &child);
	/* a folder that stands for another of that name is not what is meant; in doubt it is */
	if (rc == 1 && (!child.stands || counterpart || r->wide || r->literal))
		next[(*next_n)++] = child;
	if (r->literal || counterpart || !from->stands || !r->found || r->at.kind != ENTRY_DIR)
		return 0;
	rc = find_counterpart(r, from->id, name, n, &child);
	if (rc == 1)
		next[(*next_n)++] = child;
	return rc < 0 ? rc : 0;
}

static int step(struct resolver *r, const char *name, size_t n)
{
	struct node next[NODES_MAX];
	size_t next_n = 0;
	int rc = step_allocated(r, name, n);

	for (size_t i = 0; rc == 0 && i < r->deleted_n; i++)
		rc = step_deleted(r, &r->deleted[i], name, n, next, &next_n);
	memcpy(r->deleted, next, next_n * sizeof(next[0]));
	r->deleted_n = next_n;
	return rc;
}

static const uint8_t *name_on_disk(const struct trace *t, size_t *n)
{
	*n = t->original ? t->original_len : t->name_len;
	return t->original ? t->original : t->name;
}

/* Whether a trace behind @of is a stream of it: its name begins with @name, which ends in a colon.
 */
static bool is_stream(const struct trace *t, const struct node *of, const struct buf *name)
{
	size_t n = 0;
	const uint8_t *p = name_on_disk(t, &n);

	return t->kind == ENTRY_STREAM && t->parent == of->parent && n >= name->len &&
	       memcmp(p, name->data, name->len) == 0;
}

/* Its streams are the siblings behind it, each with the folder of its members, as it itself. */
static int add_streams(struct resolver *r, const struct node *of, uint64_t *last)
{
	struct buf name = BUF_INIT;
	struct trace t;
	size_t n = 0;
	const uint8_t *p = NULL;
	bool is_file = of->kind == ENTRY_FILE;
	int rc = evidence_get(r->c, of->id, &t);

	if (rc == 0) {
		p = name_on_disk(&t, &n);
		buf_put(&name, p, n);
		buf_put_u8(&name, ':');
		rc = name.error;
	}
	while (rc == 0 && (rc = evidence_get(r->c, *last + 1, &t)) == 0) {
		if (!(is_file && (t.flags & ENTRY_CONTAINER)) && !is_stream(&t, of, &name))
			break;
		is_file = t.kind == ENTRY_STREAM;
		*last = t.last;
	}
	buf_release(&name);
	return rc == -ENOENT ? 0 : rc;
}

/* A stream has no streams, but may have members. */
static int add_members(struct resolver *r, const struct node *of, uint64_t *last)
{
	const struct container_folder *f = containers_of(&r->c->ev->containers, of->id);

	if (f)
		*last = f->last;
	return 0;
}

static int add_place(struct resolver *r, const struct node *n, struct view_places *out)
{
	uint64_t last = n->last;
	int rc = n->kind == ENTRY_STREAM ? add_members(r, n, &last) : add_streams(r, n, &last);

	if (rc == 0)
		out->v[out->n++] = (struct view_place){n->id, last, n->parent};
	return rc;
}

static int root_of(struct resolver *r, uint64_t id, struct node *out)
{
	struct trace t;
	int rc = evidence_get(r->c, id, &t);

	if (rc == 0)
		*out = node_of(&t);
	return rc;
}

static int begin(struct resolver *r, unsigned k)
{
	int rc = root_of(r, trace_id(2 + 2 * k, 0), &r->deleted[0]);

	r->deleted_n = rc == 0;
	if (rc == 0 && !r->literal) {
		rc = root_of(r, trace_id(1 + 2 * k, 0), &r->at);
		r->found = rc == 0;
	}
	return rc == -ENOENT ? 0 : rc; /* a volume that is not known has no traces */
}

static int below_volume(struct resolver *r, unsigned k, const char *path, struct view_places *out)
{
	int rc = begin(r, k);

	while (rc == 0 && *path && (r->found || r->deleted_n > 0)) {
		size_t n = strcspn(path, "/");

		rc = step(r, path, n);
		path += n + (path[n] == '/');
	}
	if (rc == 0 && r->found)
		rc = add_place(r, &r->at, out);
	for (size_t i = 0; rc == 0 && i < r->deleted_n; i++) {
		if (r->deleted[i].kind == ENTRY_DIR || r->wide || r->literal)
			rc = add_place(r, &r->deleted[i], out);
	}
	buf_release(&r->at_name);
	return rc;
}

/* ---- the evidence's own folder ---------------------------------------------------------- */

static void add(struct view_places *out, uint64_t first, uint64_t last)
{
	out->v[out->n++] = (struct view_place){first, last, trace_id(0, TRACE_EVIDENCE_DIR)};
}

static void add_part(struct view_places *out, unsigned part)
{
	add(out, trace_id(part, 0), trace_id(part, TRACE_NUMBER_MASK));
}

static void add_volume(struct view_places *out, unsigned k)
{
	add_part(out, 1 + 2 * k);
	add_part(out, 2 + 2 * k);
	add(out, trace_id(0, TRACE_VOLUME_RAW(k)), trace_id(0, TRACE_VOLUME_RAW(k)));
	add(out, trace_id(0, TRACE_VOLUME_UNALLOCATED(k)),
		trace_id(0, TRACE_VOLUME_UNALLOCATED(k)));
}

static bool is_name(const char *path, size_t n, const char *name)
{
	return strlen(name) == n && memcmp(path, name, n) == 0;
}

/* Return: 1 it is one of this volume; 0; -errno. */
static int in_volume(
	struct resolver *r, unsigned k, const char *path, size_t n, struct view_places *out)
{
	const struct evidence *ev = r->c->ev;
	const char *rest = path + n + (path[n] == '/');
	uint64_t stream = TRACE_VOLUME_RAW((uint64_t)k);
	int rc = 0;

	if (is_name(path, n, ev->manifest.volumes[k].name)) {
		if (!*rest) {
			add_volume(out, k);
			return 1;
		}
	} else if (is_name(path, n, ev->volumes[k].deleted_name)) {
		if (!*rest) {
			add_part(out, 2 + 2 * k);
			return 1;
		}
		r->literal = true;
	} else if (is_name(path, n, ev->volumes[k].raw_name) ||
		   is_name(path, n, ev->volumes[k].unallocated_name)) {
		if (is_name(path, n, ev->volumes[k].unallocated_name))
			stream = TRACE_VOLUME_UNALLOCATED((uint64_t)k);
		if (!*rest)
			add(out, stream, stream);
		return 1;
	} else {
		return 0;
	}
	rc = below_volume(r, k, rest, out);
	return rc ? rc : 1;
}

int view_resolve(struct evidence_cursor *c, const char *path, bool wide, struct view_places *out)
{
	struct resolver r = {.c = c, .wide = wide};
	size_t n = strcspn(path, "/");
	int rc = 0;

	out->n = 0;
	out->all = !*path;
	out->outside = true;
	if (out->all) {
		add(out, 0, UINT64_MAX);
		return 0;
	}
	for (unsigned k = 0; rc == 0 && k < c->ev->manifest.n; k++) {
		rc = in_volume(&r, k, path, n, out);
		if (rc) {
			out->outside = false;
			out->volume = k;
		}
	}
	if (rc)
		return rc < 0 ? rc : 0;
	if (is_name(path, strlen(path), "EVIDENCE.txt"))
		add(out, TRACE_EVIDENCE_TXT, TRACE_EVIDENCE_TXT);
	else if (is_name(path, strlen(path), "image.raw"))
		add(out, TRACE_IMAGE_RAW, TRACE_IMAGE_RAW);
	return 0;
}

int view_place_beside(struct evidence_cursor *c, const struct view_place *p,
	int (*each)(void *ctx, uint64_t id, uint64_t parent), void *ctx)
{
	struct trace t;
	int r = 0;

	if (trace_part(p->first) == 0 || trace_number(p->first) == 0 ||
		evidence_get(c, p->first, &t))
		return 0;
	for (uint64_t id = t.last + 1; r == 0 && id <= p->last; id = t.last + 1) {
		r = evidence_get(c, id, &t);
		if (r == 0)
			r = each(ctx, id, p->parent);
	}
	return r;
}

static int by_first(const void *a, const void *b)
{
	const struct view_interval *x = a;
	const struct view_interval *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

int view_scope(struct evidence *ev, const char *path, struct view_interval **out, size_t *n)
{
	struct view_interval *v = calloc(VIEW_PLACES_MAX, sizeof(*v));
	struct evidence_cursor c;
	struct view_places places;
	size_t kept = 0;
	int r = v ? 0 : -ENOMEM;

	if (r)
		return r;
	evidence_cursor_init(&c, ev);
	r = view_resolve(&c, path, true, &places);
	evidence_cursor_release(&c);
	if (r) {
		free(v);
		return r;
	}
	for (size_t i = 0; i < places.n; i++)
		v[i] = (struct view_interval){places.v[i].first, places.v[i].last};
	qsort(v, places.n, sizeof(*v), by_first);
	for (size_t i = 0; i < places.n; i++) {
		if (kept > 0 && v[i].first <= v[kept - 1].last) {
			if (v[kept - 1].last < v[i].last)
				v[kept - 1].last = v[i].last;
		} else {
			v[kept++] = v[i];
		}
	}
	*out = v;
	*n = kept;
	return 0;
}
