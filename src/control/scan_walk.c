/* SPDX-License-Identifier: Apache-2.0 */
/* scan_walk.c - one piece of evidence, trace by trace; see scan_private.h. */
#include "control/scan_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/glob.h"
#include "control/seen.h"
#include "serve/containers.h"
#include "serve/hashes.h"

#define SKIPPED                                                                                    \
	(ENTRY_NOHASH | ENTRY_META | ENTRY_UNREADABLE) /* contents that nobody wrote, or none */

/* A trace, copied out of the index. */
struct looked {
	uint64_t id, parent, last, first;
	enum entry_kind kind;
	uint32_t flags;
	uint64_t size;
	size_t name; /* place of the name on the disk in `names` */
	size_t name_len;
	size_t shown; /* and of the one that is shown */
	size_t shown_len;
};

struct walk {
	struct scan_job *s;
	const struct scan_target *t;
	struct evidence_cursor c;
	struct matching *matching;
	unsigned volume;
	struct looked v[WIRE_MATCH_MAX];
	size_t n;
	struct buf names;
	struct matching_item items[WIRE_MATCH_MAX]; /* asked of a worker */
	size_t of[WIRE_MATCH_MAX];                  /* which of `v` they are */
	size_t items_n;
	uint64_t repeats;   /* all up to here stands beside it once more, and is looked at there */
	uint64_t *document; /* for each pattern: all up to there is what a document is made of that
			     * has met it */
	uint64_t *under;    /* for each rule for paths: all up to there is below what it has met */
	uint64_t parent;    /* of which `path` is the path; 0: of none */
	struct buf path;
};

static bool in_scope(const struct scan_target *t, uint64_t id)
{
	size_t i = view_interval_place(t->v, t->n, id);

	return i < t->n && t->v[i].first <= id;
}

static const struct view_evidence *ev_of(const struct walk *w)
{
	return w->t->ev;
}

/* ---- paths ---------------------------------------------------------------------------------- */

static int match_paths(struct walk *w, const char *path, size_t n, uint64_t id, uint64_t last)
{
	struct scan_job *s = w->s;
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->paths_n; i++) {
		const struct scan_rule *rule = &s->o.rules->v[s->paths[i]];

		if (id <= w->under[i] || !glob_match(rule->value, rule->value_n, path, n, false))
			continue;
		w->under[i] = last;
		r = scan_hit(s, ev_of(w), id, s->paths[i]);
	}
	return r;
}

/* What a trace takes with it by its place: what is below it, and its members. */
static uint64_t reach(const struct walk *w, uint64_t id, uint64_t last)
{
	const struct container_folder *f = containers_of(&ev_of(w)->evidence->containers, id);

	return f ? f->last : last;
}

static int on_path(struct walk *w, const struct looked *t)
{
	size_t root = strlen(ev_of(w)->name) + 1;
	int r = 0;

	if (trace_number(t->id) == 0 || t->parent != w->parent || w->path.len == 0) {
		buf_reset(&w->path);
		buf_puts(&w->path, ev_of(w)->name);
		buf_puts(&w->path, "/");
		w->parent = t->parent;
		r = evidence_path(&w->c, trace_number(t->id) == 0 ? t->id : t->parent, &w->path);
		if (trace_number(t->id) == 0)
			w->parent = 0;
	}
	if (r == 0 && trace_number(t->id) > 0) {
		size_t at = w->path.len;

		if (at > root)
			buf_puts(&w->path, "/");
		buf_put(&w->path, w->names.data + t->shown, t->shown_len);
		r = w->path.error;
		if (r == 0)
			r = match_paths(w, (const char *)w->path.data, w->path.len, t->id,
				reach(w, t->id, t->last));
		w->path.len = at;
		return r;
	}
	if (r == 0)
		r = match_paths(w, (const char *)w->path.data, w->path.len, t->id,
			reach(w, t->id, t->last));
	buf_reset(&w->path);
	return r;
}

/* Path and reach of a trace that a scan was given up below. */
static int seed_one(struct walk *w, const struct trace *t)
{
	struct buf path = BUF_INIT;
	uint64_t last = reach(w, t->id, t->last);
	int r = seen_path(ev_of(w), t->id, &path);

	for (size_t i = 0; r == 0 && i < w->s->paths_n; i++) {
		const struct scan_rule *rule = &w->s->o.rules->v[w->s->paths[i]];

		if (last > w->under[i] && glob_match(rule->value, rule->value_n,
						  (const char *)path.data, path.len, false))
			w->under[i] = last;
	}
	buf_release(&path);
	return r;
}

/* What lies below something that was met before it was given up. */
static int seed_paths(struct walk *w, uint64_t id)
{
	struct trace t;
	int r = evidence_get(&w->c, id, &t);

	if (r)
		return r == -ENOENT ? 0 : r; /* a part had ended */
	while (r == 0 && trace_number(t.id) > 0) {
		/* a folder of members stands behind what it is of */
		if ((t.flags & ENTRY_CONTAINER) && in_scope(w->t, t.id - 1)) {
			r = evidence_get(&w->c, t.id - 1, &t);
			if (r == 0)
				r = seed_one(w, &t);
		}
		if (r == 0)
			r = evidence_get(&w->c, t.parent, &t);
		if (r == 0 && in_scope(w->t, t.id))
			r = seed_one(w, &t);
	}
	return r;
}

/* ---- contents ------------------------------------------------------------------------------- */

static bool has_contents(const struct looked *t)
{
	return (t->kind == ENTRY_FILE || t->kind == ENTRY_STREAM) && t->size > 0;
}

/* Another name of the same contents was looked at, and both go the same road. */
static bool is_again(const struct walk *w, const struct looked *t)
{
	return t->first < t->id && in_scope(w->t, t->first) && scan_sees(w->s, ev_of(w), t->first);
}

static int put_way(struct walk *w, const struct looked *t, struct member_way *way)
{
	struct index_reader *reader = NULL;
	struct trace at;
	int r = 0;

	*way = (struct member_way){.volume = trace_volume(t->id), .size = t->size};
	if (t->flags & ENTRY_MEMBER)
		return containers_way(ev_of(w)->evidence, t->id, way);
	r = evidence_reader(&w->c, t->id, &reader);
	if (r == 0)
		r = trace_open(reader, trace_to_index(t->id), &at, &way->content);
	if (r == 0) {
		way->inode = at.inode;
		way->attr_type = at.attr_type;
		way->attr_id = at.attr_id;
	}
	return r;
}

/* What of a trace is asked of a worker. Return: 0; -errno. */
static int put_item(struct walk *w, size_t i)
{
	const struct looked *t = &w->v[i];
	struct matching_item *item = &w->items[w->items_n];
	bool bytes =
		has_contents(t) && !(t->flags & SKIPPED) && t->id > w->repeats && !is_again(w, t);
	/* the folder of members has the name of what they are of */
	bool name = w->s->words && !(t->flags & ENTRY_CONTAINER) && trace_number(t->id) > 0;
	int r = 0;

	if (has_contents(t) && (t->flags & ENTRY_UNREADABLE))
		w->s->at.unread++;
	if (bytes && view_contents(ev_of(w), t->id)) {
		w->s->at.unread++;
		bytes = false;
	}
	if ((!bytes && !name) || t->id <= w->repeats)
		return 0;
	*item = (struct matching_item){.name_len = name ? t->name_len : 0,
		.has_members = containers_of(&ev_of(w)->evidence->containers, t->id) != NULL};
	item->way.volume = w->volume;
	if (bytes)
		r = put_way(w, t, &item->way);
	w->of[w->items_n++] = i;
	return r;
}

/* The message that a text is of: the file whose members it is among, or the folder. */
static int message_of(struct walk *w, const struct looked *t, uint64_t *out)
{
	struct trace parent;
	int r = evidence_get(&w->c, t->parent, &parent);

	if (r == 0)
		*out = parent.flags & ENTRY_CONTAINER ? parent.id - 1 : parent.id;
	return r;
}

static int take_item(struct walk *w, const struct matching_item *item, const struct looked *t)
{
	uint64_t target = t->id;
	int r = 0;

	if (t->id <= w->repeats)
		return 0;
	if (item->bits & WIRE_UNREAD)
		w->s->at.unread++;
	if (item->bits & WIRE_REPEATS)
		w->repeats = reach(w, t->id, t->last);
	if ((item->bits & WIRE_OWN_TEXT) && item->n > 0)
		r = message_of(w, t, &target);
	/* where he may not mark the message, the part of it */
	if (target != t->id && !scan_sees(w->s, ev_of(w), target))
		target = t->id;
	for (size_t i = 0; r == 0 && i < item->n; i++) {
		uint32_t id = item->ids[i];

		if (t->id <= w->document[id])
			continue;
		if (item->bits & WIRE_DOCUMENT)
			w->document[id] = reach(w, t->id, t->last);
		r = scan_hit(w->s, ev_of(w), target, w->s->pattern_rules[id]);
	}
	return r;
}

static int match_items(struct walk *w, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < w->items_n; i++)
		w->items[i].name = w->names.data + w->v[w->of[i]].name;
	if (w->items_n > 0)
		r = matching_run(w->matching, w->items, w->items_n, e);
	if (r == -EINTR || w->s->given_up)
		return -EPIPE;
	for (size_t i = 0; r == 0 && i < w->items_n; i++)
		r = take_item(w, &w->items[i], &w->v[w->of[i]]);
	return r;
}

/* ---- traces --------------------------------------------------------------------------------- */

static int on_trace(void *ctx, const struct trace *t)
{
	struct walk *w = ctx;
	struct looked *v = &w->v[w->n];

	*v = (struct looked){.id = trace_of_index(w->volume, t->id),
		.parent = trace_of_index(w->volume, t->parent),
		.last = trace_of_index(w->volume, t->last),
		.first = trace_of_index(w->volume, t->first),
		.kind = t->kind,
		.flags = t->flags,
		.size = t->size,
		.name = w->names.len,
		.name_len = t->original ? t->original_len : t->name_len};
	buf_put(&w->names, t->original ? t->original : t->name, v->name_len);
	v->shown = w->names.len;
	v->shown_len = t->name_len;
	buf_put(&w->names, t->name, t->name_len);
	w->n++;
	return w->names.error;
}

static int read_some(struct walk *w, uint64_t first, uint64_t last)
{
	struct index_reader *reader = NULL;
	int r = evidence_reader(&w->c, first, &reader);

	w->n = 0;
	w->items_n = 0;
	buf_reset(&w->names);
	if (last - first >= WIRE_MATCH_MAX)
		last = first + WIRE_MATCH_MAX - 1;
	if (r == 0)
		r = index_range(reader, trace_to_index(first), trace_to_index(last), on_trace, w);
	return r;
}

static void let_go(struct walk *w)
{
	for (size_t i = 0; i < w->items_n; i++)
		buf_release(&w->items[i].way.content);
	w->items_n = 0;
}

/* Traces of `v`: by path, by name, by contents. */
static int look_at(struct walk *w, struct err *e)
{
	uint64_t done = w->s->at.done;
	uint64_t unread = w->s->at.unread;
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->n; i++) {
		const struct looked *t = &w->v[i];

		if (has_contents(t) && !(t->flags & ENTRY_NOHASH))
			done += t->size;
		if (!scan_sees(w->s, ev_of(w), t->id)) {
			w->s->out->unseen++;
			continue;
		}
		if (w->s->paths_n > 0)
			r = on_path(w, t);
		if (r == 0 && w->s->patterns_n > 0)
			r = put_item(w, i);
	}
	if (r == 0)
		r = match_items(w, e);
	let_go(w);
	if (r == 0)
		w->s->at.done = done;
	else
		w->s->at.unread = unread; /* they are looked at again */
	return r;
}

/* [@first, @last] of one part of a volume. */
static int walk_range(struct walk *w, uint64_t first, uint64_t last, struct err *e)
{
	int r = 0;

	while (r == 0 && first <= last) {
		if (scan_tell(w->s))
			return -EPIPE;
		r = read_some(w, first, last);
		if (r == 0 && w->n == 0)
			break;
		if (r == 0)
			r = look_at(w, e);
		if (r == 0) {
			first = w->v[w->n - 1].id + 1;
			w->s->at.trace = first;
			r = scan_settle(w->s, false, e);
		}
	}
	return r;
}

static int walk_part(struct walk *w, unsigned part, struct err *e)
{
	uint64_t low = trace_id(part, 0);
	uint64_t high = trace_id(part, TRACE_NUMBER_MASK);
	int r = 0;

	w->volume = (part - 1) / 2;
	if (w->s->at.trace > low)
		low = w->s->at.trace;
	for (size_t i = 0; r == 0 && i < w->t->n; i++) {
		uint64_t first = w->t->v[i].first > low ? w->t->v[i].first : low;
		uint64_t last = w->t->v[i].last < high ? w->t->v[i].last : high;

		if (first <= last)
			r = walk_range(w, first, last, e);
	}
	return r;
}

/* ---- what has no place in a volume ---------------------------------------------------------- */

struct hashed {
	const struct walk *w;
	uint64_t *ids;
	size_t n;
	size_t cap;
};

static int on_hash(void *ctx, uint64_t trace, const uint8_t sha256[static 32])
{
	struct hashed *h = ctx;

	(void)sha256;
	if (!in_scope(h->w->t, trace) || !scan_sees(h->w->s, ev_of(h->w), trace))
		return 0;
	if (array_room(&h->ids, sizeof(*h->ids), h->n, &h->cap))
		return -ENOMEM;
	h->ids[h->n++] = trace;
	return 0;
}

static int match_hashes(struct walk *w)
{
	struct hashes *hashes = ev_of(w)->evidence->hashes;
	struct hashed h = {.w = w};
	struct hashes_status status = {.state = HASHES_OFF};
	int r = 0;

	if (hashes)
		hashes_status(hashes, &status);
	if (status.state != HASHES_DONE)
		w->s->out->unhashed = true;
	for (size_t i = 0; hashes && r == 0 && i < w->s->o.rules->n; i++) {
		const struct scan_rule *rule = &w->s->o.rules->v[i];

		h.n = 0;
		if (rule->kind == SCAN_SHA256)
			r = hashes_with(hashes, rule->sha256, on_hash, &h);
		for (size_t k = 0; r == 0 && k < h.n; k++)
			r = scan_hit(w->s, ev_of(w), h.ids[k], (uint32_t)i);
	}
	free(h.ids);
	return r;
}

/* Byte streams, by path. */
static int match_streams(struct walk *w)
{
	struct trace root;
	struct trace t;
	uint64_t pos = 0;
	int r = evidence_get(&w->c, TRACE_EVIDENCE_DIR, &root);

	while (r == 0 && (r = evidence_child(&w->c, &root, &pos, &t)) == 0) {
		struct buf path = BUF_INIT;

		if (trace_part(t.id) > 0 || evidence_is_live(t.id) || !in_scope(w->t, t.id) ||
			!scan_sees(w->s, ev_of(w), t.id))
			continue;
		buf_puts(&path, ev_of(w)->name);
		buf_puts(&path, "/");
		buf_put(&path, t.name, t.name_len);
		r = path.error;
		memset(w->under, 0, (w->s->paths_n + 1) * sizeof(*w->under));
		if (r == 0)
			r = match_paths(w, (const char *)path.data, path.len, t.id, t.id);
		buf_release(&path);
	}
	memset(w->under, 0, (w->s->paths_n + 1) * sizeof(*w->under));
	return r == -ENOENT ? 0 : r;
}

static int begin(struct walk *w)
{
	const struct matching_opts o = {
		.v = w->s->patterns, .n = w->s->patterns_n, .tick = scan_tell, .ctx = w->s};

	w->under = calloc(w->s->paths_n + 1, sizeof(*w->under));
	w->document = calloc(o.n + 1, sizeof(*w->document));
	if (!w->under || !w->document)
		return -ENOMEM;
	return o.n > 0 ? matching_new(ev_of(w)->evidence->workers, &o, &w->matching) : 0;
}

int scan_walk(struct scan_job *s, const struct scan_target *t, struct err *e)
{
	struct walk *w = calloc(1, sizeof(*w));
	const struct evidence *ev = t->ev->evidence;
	int r = w ? 0 : -ENOMEM;

	if (w) {
		w->s = s;
		w->t = t;
		evidence_cursor_init(&w->c, t->ev->evidence);
		r = begin(w);
		if (r == 0 && s->at.trace == 0) {
			r = s->hashes ? match_hashes(w) : 0;
			if (r == 0 && s->paths_n > 0)
				r = match_streams(w);
			s->at.trace = r == 0;
		} else if (r == 0 && s->paths_n > 0) {
			r = seed_paths(w, s->at.trace);
		}
		for (unsigned part = 1; r == 0 && part <= 2 * ev->manifest.n; part++) {
			if (ev->volumes[(part - 1) / 2].index)
				r = walk_part(w, part, e);
		}
		evidence_cursor_release(&w->c);
		matching_free(w->matching);
		buf_release(&w->names);
		buf_release(&w->path);
		free(w->under);
		free(w->document);
		free(w);
	}
	return r == 0 || r == -EPIPE || e->code
		       ? r
		       : err_errno(e, -r, "%s cannot be scanned", t->ev->name);
}
