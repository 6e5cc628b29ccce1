/* SPDX-License-Identifier: Apache-2.0 */
/* walk.c - what is in a container, as entries in preorder; see walk.h. */
#include "container/walk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/now.h"
#include "container/chain.h"
#include "image/extent.h"

#define ISO_HEAD    ((size_t)40 << 10) /* an ISO is told by what stands behind 32 KiB */
#define ISO_MIN     ((uint64_t)1 << 20)
#define HELD_MAX    ((size_t)32 << 20) /* of a container in a container, in memory at once */
#define PIECE       ((size_t)256 << 10)
#define INHERITED   (ENTRY_DELETED | ENTRY_ORPHAN)
#define PROBLEM_MAX 40 /* lines about one file */
#define PATH_NODES  1024

/* ---- the tree ------------------------------------------------------------------------------- */

struct node {
	size_t at; /* its packed entry */
	size_t len;
	uint32_t child, last_child, next; /* nodes; 0: none */
	uint32_t parent;                  /* 0: the folder of the file itself */
	uint32_t why; /* nobody has looked into it: place in `reasons` + 1; 0: that is not so */
	uint32_t of;  /* of a folder of members: the member; 0: none */
};

struct tree {
	struct node *v; /* from 1 */
	size_t n, cap;
	struct buf packed;
	struct buf reasons; /* texts, each with its NUL */
	uint32_t why;       /* of the file itself, as in node */
	uint32_t flags;
	struct container_budget *b;
	const struct container_sink *sink;
	unsigned problems;
};

/* One container being walked: its own numbers of members lead to nodes. */
struct level {
	struct tree *t;
	unsigned depth;
	uint32_t folder; /* node that stands for it */
	uint32_t *nodes; /* of its members, by number - 1 */
	size_t n, cap;
	struct pending {
		uint32_t node;
		uint32_t folder; /* that it stands in */
		uint64_t size;
		struct entry_time mtime;
		uint8_t locator[CONTAINER_LOCATOR_MAX];
		size_t locator_len;
	} * later; /* members that are containers, too large to be held */
	size_t later_n, later_cap;
	const struct source *s;
};

static int add_node(struct tree *t, const struct entry *e, uint32_t *out)
{
	struct node w = {.at = t->packed.len};

	if (t->n == 0)
		t->n = 1;
	if (array_room(&t->v, sizeof(*t->v), t->n, &t->cap))
		return -ENOMEM;
	if (t->packed.len > CONTAINER_TREE) {
		t->b->spent = t->b->spent ? t->b->spent : "its names take too much room";
		return -E2BIG;
	}
	entry_encode(&t->packed, e);
	if (t->packed.error)
		return -ENOMEM;
	w.len = t->packed.len - w.at;
	t->v[t->n] = w;
	*out = (uint32_t)t->n++;
	return 0;
}

static void append(struct tree *t, uint32_t folder, uint32_t node)
{
	struct node *f = &t->v[folder];

	if (f->last_child)
		t->v[f->last_child].next = node;
	else
		f->child = node;
	f->last_child = node;
	t->v[node].parent = folder;
}

/* A folder of members, of what: it is linked in when it is known to have some. */
static void belongs(struct tree *t, uint32_t fresh, uint32_t node)
{
	t->v[fresh].parent = t->v[node].parent;
	t->v[fresh].of = node;
}

/* A folder of members stands right behind what it is of. */
static void insert_behind(struct tree *t, uint32_t folder, uint32_t node, uint32_t fresh)
{
	t->v[fresh].next = t->v[node].next;
	t->v[node].next = fresh;
	if (t->v[folder].last_child == node)
		t->v[folder].last_child = fresh;
}

static int say_at(struct tree *t, const struct buf *path, const char *text)
{
	if (path->error)
		return -ENOMEM;
	if (++t->problems == PROBLEM_MAX)
		return t->sink->problem(t->sink->ctx, NULL, 0, "and more of that kind");
	return t->problems > PROBLEM_MAX
		       ? 0
		       : t->sink->problem(t->sink->ctx, path->data, path->len, text);
}

static int name_of(const struct tree *t, uint32_t node, struct buf *out)
{
	struct cur c = cur_of(t->packed.data + t->v[node].at, t->v[node].len);
	struct entry e;

	if (entry_decode(&c, UINT64_MAX, &e))
		return -EBADMSG;
	buf_put(out, e.name, e.name_len);
	return 0;
}

/* Names from the folder of the file's members down to @node. */
static int path_of(const struct tree *t, uint32_t node, struct buf *out)
{
	uint32_t way[PATH_NODES];
	size_t n = 0;
	int r = 0;

	for (; node && t->v[node].parent && n < PATH_NODES; node = t->v[node].parent)
		way[n++] = node;
	while (r == 0 && n-- > 0) {
		uint32_t of = t->v[way[n]].of;

		r = name_of(t, of ? of : way[n], out);
		buf_puts(out, of ? ".d/" : "/");
	}
	return r;
}

/* Nobody has looked into the member at @node (0: the file itself), or not into all of it. */
static int not_opened(struct tree *t, uint32_t node, const char *reason)
{
	uint32_t *why = node ? &t->v[node].why : &t->why;

	if (*why)
		return 0;
	if (t->reasons.len > CONTAINER_TREE)
		return -E2BIG;
	*why = (uint32_t)t->reasons.len + 1;
	buf_put(&t->reasons, reason, strlen(reason) + 1);
	return t->reasons.error ? -ENOMEM : 0;
}

static int tell_unopened(const struct tree *t, uint32_t why)
{
	return why ? t->sink->unopened(t->sink->ctx, (const char *)t->reasons.data + why - 1) : 0;
}

static int say_in(struct tree *t, uint32_t folder, const uint8_t *name, size_t n, const char *text)
{
	struct buf path = BUF_INIT;
	int r = path_of(t, folder, &path);

	if (n == 0 && path.len > 0)
		path.len--; /* the slash */
	buf_put(&path, name, n);
	if (r == 0)
		r = say_at(t, &path, text);
	buf_release(&path);
	return r;
}

static int add_folder(struct tree *t, struct entry_time mtime, uint32_t *out)
{
	static const uint8_t empty[] = {CONTENT_EMPTY};
	const struct entry e = {.name = empty,
		.kind = ENTRY_DIR,
		.flags = ENTRY_VIRTUAL | ENTRY_MEMBER | ENTRY_CONTAINER | t->flags,
		.nlink = 1,
		.mtime = mtime,
		.content = empty,
		.content_len = sizeof(empty)};

	return add_node(t, &e, out);
}

/* ---- members --------------------------------------------------------------------------------- */

static int walk_level(struct level *l, const struct container_kind *kind, struct err *e);

/* Contents that are read while the member is told: what has come, and whether more may. */
struct taken {
	struct buf bytes;
	uint64_t more; /* bytes behind them, counted and dropped */
	int fault;     /* 0, or what reading ended with */
	bool all;
};

static void take(struct taken *k, const struct member *m, size_t until)
{
	while (!k->all && !k->fault && k->bytes.len < until) {
		size_t want = until - k->bytes.len < PIECE ? until - k->bytes.len : PIECE;
		ssize_t n = -ENOMEM;

		if (buf_reserve(&k->bytes, want) == 0)
			n = m->read(m->read_ctx, k->bytes.data + k->bytes.len, want);
		if (n < 0)
			k->fault = (int)n;
		else
			k->bytes.len += (size_t)n;
		k->all = n >= 0 && (size_t)n < want;
	}
}

/* Of what has no size but by reading it. */
static void count_rest(struct taken *k, const struct member *m)
{
	uint8_t *waste = malloc(PIECE);

	while (waste && !k->all && !k->fault) {
		ssize_t n = m->read(m->read_ctx, waste, PIECE);

		if (n < 0)
			k->fault = (int)n;
		else
			k->more += (uint64_t)n;
		k->all = n == 0;
	}
	free(waste);
	if (!waste)
		k->fault = -ENOMEM;
}

static const struct container_kind *detect_in(const struct buf *bytes)
{
	const struct container_kind *kind = NULL;
	struct source *s = NULL;

	if (bytes->len > 0 && source_memory(bytes->data, bytes->len, &s) == 0)
		kind = container_detect(s);
	source_close(s);
	return kind;
}

/* Its beginning, as much as tells what it is. */
static const struct container_kind *detect(struct taken *k, const struct member *m)
{
	const struct container_kind *kind = NULL;

	take(k, m, CONTAINER_HEAD);
	kind = detect_in(&k->bytes);
	if (!kind && !k->all && (m->size >= ISO_MIN || k->bytes.data[0] == 0)) {
		take(k, m, ISO_HEAD);
		kind = detect_in(&k->bytes);
	}
	return kind;
}

static int put_member(struct tree *t, const struct member *m, uint64_t size, uint32_t *out)
{
	uint8_t content[1 + CONTAINER_LOCATOR_MAX] = {CONTENT_EMPTY};
	bool file = m->kind == ENTRY_FILE;
	struct entry e = {.name = m->name,
		.name_len = m->name_len < ENTRY_NAME_MAX ? m->name_len : ENTRY_NAME_MAX,
		.kind = m->kind,
		.flags = ENTRY_VIRTUAL | ENTRY_MEMBER | t->flags |
			 (m->encrypted ? ENTRY_ENCRYPTED : 0) | (m->made_up ? ENTRY_MADE_UP : 0),
		.mode = m->mode,
		.uid = m->uid,
		.gid = m->gid,
		.nlink = 1,
		.size = file && size <= INT64_MAX ? size : 0,
		.mtime = m->mtime,
		.atime = m->atime,
		.ctime = m->ctime,
		.crtime = m->crtime,
		.target = m->target,
		.target_len = m->kind == ENTRY_LINK ? m->target_len : 0,
		.content = content,
		.content_len = 1};

	if (e.target_len > ENTRY_NAME_MAX)
		e.target_len = 0;
	if (file && (m->problem || size > INT64_MAX)) {
		content[0] = CONTENT_ERROR;
		e.flags |= ENTRY_UNREADABLE;
	} else if (e.size > 0) {
		content[0] = CONTENT_MEMBER;
		memcpy(content + 1, m->locator, m->locator_len);
		e.content_len += m->locator_len;
	}
	return add_node(t, &e, out);
}

/* The node of the folder that a member stands in. */
static uint32_t folder_of(const struct level *l, const struct member *m)
{
	return m->parent ? l->nodes[m->parent - 1] : l->folder;
}

/* A line about a member, and that nobody has looked into it, or not into all of it. */
static int say_of(struct level *l, const struct member *m, uint32_t node, const char *text)
{
	int r = not_opened(l->t, m->kind == ENTRY_FILE ? node : l->t->v[l->folder].of, text);

	return r ? r : say_in(l->t, folder_of(l, m), m->name, m->name_len, text);
}

/*
 * A member that is a container: its own members in a folder behind @node, which stands in @folder.
 * Return: 1 there is one; 0 it cannot be opened (@why); -E2BIG, and there may be one; -errno.
 */
static int walk_inner(struct level *l, const struct container_kind *kind, const struct source *s,
	uint32_t folder, uint32_t node, struct entry_time mtime, struct err *why)
{
	struct level inner = {.t = l->t, .depth = l->depth + 1, .s = s};
	int r = add_folder(l->t, mtime, &inner.folder);

	if (r)
		return r;
	belongs(l->t, inner.folder, node);
	r = walk_level(&inner, kind, why);
	if (r == 1 || r == -E2BIG)
		insert_behind(l->t, folder, node, inner.folder);
	return r;
}

/* All of it is at hand. */
static int walk_held(struct level *l, uint32_t node, const struct member *m,
	const struct container_kind *kind, const struct buf *bytes)
{
	struct source *s = NULL;
	struct err why = {0};
	int r = source_memory(bytes->data, bytes->len, &s);

	if (r == 0)
		r = walk_inner(l, kind, s, folder_of(l, m), node, m->mtime, &why);
	source_close(s);
	if (r == 1)
		return 0;
	return r == 0 ? say_of(l, m, node, err_text(&why, -EBADMSG)) : r;
}

static int defer(struct level *l, uint32_t node, const struct member *m, uint64_t size)
{
	struct pending *p = NULL;

	if (array_room(&l->later, sizeof(*l->later), l->later_n, &l->later_cap))
		return -ENOMEM;
	p = &l->later[l->later_n++];
	*p = (struct pending){.node = node,
		.folder = folder_of(l, m),
		.size = size,
		.mtime = m->mtime,
		.locator_len = m->locator_len};
	memcpy(p->locator, m->locator, m->locator_len);
	return 0;
}

static int put(struct level *l, const struct member *m, uint64_t size, uint32_t *node)
{
	int r = put_member(l->t, m, size, node);

	if (r == 0)
		append(l->t, folder_of(l, m), *node);
	return r;
}

/* Reading may have ended with the budget, or damage: then there is a line, and what came. */
static int say_fault(struct level *l, const struct member *m, uint32_t node, int fault)
{
	if (!fault || l->t->b->spent)
		return 0;
	return say_of(
		l, m, node, fault == -EACCES ? "encrypted" : "damaged: not all of it can be read");
}

static int tell_file(struct level *l, const struct member *m, uint32_t *node)
{
	struct taken k = {.bytes = BUF_INIT};
	const struct container_kind *kind = NULL;
	uint64_t size = m->size;
	bool deep = false;
	int r = 0;

	if (m->read && !m->plain)
		kind = detect(&k, m);
	deep = kind && l->depth + 1 >= CONTAINER_DEPTH;
	if (deep)
		kind = NULL;
	if (kind)
		take(&k, m, HELD_MAX);
	if (m->read && m->size == CONTAINER_SIZE_UNKNOWN)
		count_rest(&k, m);
	/* what ends with a fault has at least one byte that cannot be read: no short file */
	if (m->size == CONTAINER_SIZE_UNKNOWN)
		size = k.bytes.len + k.more + (k.fault != 0);
	r = put(l, m, size, node);
	if (r == 0 && deep)
		r = say_of(l, m, *node,
			"a container that is too deep in others: nobody has looked inside");
	if (r == 0)
		r = say_fault(l, m, *node, k.fault);
	if (r == 0 && kind && !k.fault && k.all && k.more == 0)
		r = walk_held(l, *node, m, kind, &k.bytes);
	else if (r == 0 && kind && !k.fault)
		r = defer(l, *node, m, size);
	buf_release(&k.bytes);
	return r;
}

static int on_member(void *ctx, const struct member *m, uint32_t *number)
{
	struct level *l = ctx;
	uint32_t node = 0;
	int r = container_count(l->t->b);

	if (r)
		return r;
	if (m->parent > l->n || m->locator_len > CONTAINER_LOCATOR_MAX ||
		array_room(&l->nodes, sizeof(*l->nodes), l->n, &l->cap))
		return m->parent > l->n ? -EINVAL : -ENOMEM;
	r = m->kind == ENTRY_FILE && !m->problem ? tell_file(l, m, &node)
						 : put(l, m, m->size, &node);
	if (r == 0 && m->problem)
		r = say_of(l, m, node, m->problem);
	if (r)
		return r;
	l->nodes[l->n++] = node;
	*number = (uint32_t)l->n;
	return 0;
}

static int on_problem(void *ctx, const char *text)
{
	const struct level *l = ctx;
	int r = not_opened(l->t, l->t->v[l->folder].of, text);

	return r ? r : say_in(l->t, l->folder, NULL, 0, text);
}

/* ---- containers too large to be held ----------------------------------------------------------
 */

static int walk_later(struct level *l, const struct container_kind *kind, const struct pending *p)
{
	const struct container_kind *inner_kind = NULL;
	struct container *c = NULL;
	struct source *s = NULL;
	struct err why = {0};
	int r = kind->open(l->s, &c, &why);

	if (r == 0)
		r = member_source(kind, c, l->t->b, p->locator, p->locator_len, p->size, &s);
	if (r == 0)
		inner_kind = container_detect(s);
	if (inner_kind)
		r = walk_inner(l, inner_kind, s, p->folder, p->node, p->mtime, &why);
	source_close(s);
	kind->close(c);
	if (r == 1)
		return 0;
	if (r == -ENOMEM || r == -E2BIG)
		return r;
	r = not_opened(l->t, p->node, err_text(&why, -EBADMSG));
	return r ? r : say_in(l->t, p->node, NULL, 0, err_text(&why, -EBADMSG));
}

/* Return: 1 it was walked, maybe not to its end; 0 it cannot be opened (@e); -errno. */
static int walk_level(struct level *l, const struct container_kind *kind, struct err *e)
{
	const struct container_visit v = {on_member, on_problem, l};
	int r = kind->walk(l->s, l->t->b, &v, e);

	if (r == 0 && l->t->b->spent)
		r = -E2BIG;
	for (size_t i = 0; r == 0 && i < l->later_n; i++)
		r = walk_later(l, kind, &l->later[i]);
	free(l->nodes);
	free(l->later);
	if (r == -EBADMSG || r == -ENOTSUP || r == -EACCES || r == -EIO)
		return l->n > 0;
	return r ? r : 1;
}

/* ---- in preorder ------------------------------------------------------------------------------
 */

static int emit_one(struct tree *t, uint32_t node)
{
	struct cur c = cur_of(t->packed.data + t->v[node].at, t->v[node].len);
	struct entry e;

	if (entry_decode(&c, UINT64_MAX, &e))
		return -EBADMSG;
	return t->sink->enter(t->sink->ctx, &e);
}

static int emit(struct tree *t, uint32_t root)
{
	uint32_t *stack = NULL;
	size_t n = 0;
	size_t cap = 0;
	uint32_t node = root;
	int r = 0;

	while (r == 0) {
		if (array_room(&stack, sizeof(*stack), n, &cap)) {
			r = -ENOMEM;
			break;
		}
		r = emit_one(t, node);
		stack[n++] = node;
		node = t->v[node].child;
		while (r == 0 && !node && n > 0) {
			r = t->sink->leave(t->sink->ctx);
			n--;
			if (r == 0)
				r = tell_unopened(t, t->v[stack[n]].why);
			node = n > 0 ? t->v[stack[n]].next : 0;
		}
		if (n == 0)
			break;
	}
	free(stack);
	return r;
}

/* ---- all of it ----------------------------------------------------------------------------------
 */

void container_limits(uint64_t size, struct container_budget *b)
{
	uint64_t bytes = 0;

	*b = (struct container_budget){.members = CONTAINER_MEMBERS};
	if (__builtin_mul_overflow(size, 100, &bytes) || bytes > UINT64_C(1) << 42)
		bytes = UINT64_C(1) << 42;
	b->bytes = bytes + (UINT64_C(1) << 30);
	b->until_ms = now_ms(CLOCK_MONOTONIC) + 60000 + (int64_t)((bytes / 100) >> 21) * 1000;
}

/* What is said of the file itself. Return: 0; -errno. */
static int say_of_file(struct tree *t, const char *line)
{
	int r = not_opened(t, 0, line);

	return r ? r : t->sink->problem(t->sink->ctx, NULL, 0, line);
}

int container_walk(const struct container_kind *kind, const struct source *s,
	struct container_budget *b, uint32_t flags, struct entry_time mtime,
	const struct container_sink *sink)
{
	struct tree t = {.b = b, .sink = sink, .flags = flags & INHERITED, .packed = BUF_INIT};
	struct level l = {.t = &t, .s = s};
	struct err why = {0};
	int r = add_folder(&t, mtime, &l.folder);

	if (r == 0)
		r = walk_level(&l, kind, &why);
	if (r == -E2BIG) { /* what came before stays */
		char line[128];

		snprintf(line, sizeof(line), "%s: not all that is in it is shown",
			b->spent ? b->spent : "its limits are reached");
		r = say_of_file(&t, line);
		r = r ? r : 1;
	} else if (r == 0) {
		char line[ERR_TEXT_MAX + 64];

		snprintf(line, sizeof(line), "cannot be opened (%s): nobody has looked inside",
			why.text);
		r = say_of_file(&t, line);
	}
	if (r >= 0) {
		bool told = r == 1;

		r = tell_unopened(&t, t.why);
		if (r == 0 && told)
			r = emit(&t, l.folder);
		r = r ? r : told;
	}
	buf_release(&t.reasons);
	free(t.v);
	buf_release(&t.packed);
	return r;
}
