/* SPDX-License-Identifier: Apache-2.0 */
/* revoke.c - what the kernel keeps of what is no longer seen; see revoke.h. */
#include "mount/revoke.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "mount/fuse.h"
#include "mount/gate.h"
#include "mount/handle.h"
#include "mount/kernel.h"
#include "mount/ops.h"
#include "mount/session_private.h"

#define NAMES_MAX 2000u /* forgotten one by one; about 10 us each */

static const struct view_interval everything = {0, UINT64_MAX};

/* What has changed in one slot. */
struct change {
	const struct view_interval *in;
	size_t n;
	bool bytes;                /* of what is seen before and after too: masks differ */
	struct view_interval *own; /* to be freed; NULL */
};

struct calling {
	struct session *s;
	const struct scene *before; /* NULL: not known */
	const struct scene *now;
	const struct change *changes; /* [NODE_SLOTS] */
	struct nodes {                /* node ids */
		uint64_t *v;
		size_t n;
		size_t cap;
	} open,           /* of open files */
		listings; /* of open directories that the kernel may keep (op_opendir) */
	/* while marked nodes are gone through, by rising traces */
	struct evidence_cursor cursor; /* of the slot at hand */
	unsigned names;                /* forgotten so far */
	bool under;                    /* below something hidden, up to: */
	uint64_t last;
	bool epoch; /* names are left that could not be forgotten one by one */
};

enum sight { UNSEEN, BY_NAME, SEEN };

static enum sight sight_of(const struct calling *c, const struct node *n)
{
	const struct asker user = {.uid = c->s->uid};
	struct permit p;

	if (gate_decide(c->s, c->now, &user, n, &p))
		return UNSEEN;
	return p.name_only ? BY_NAME : SEEN;
}

/* Bytes of a text, and of what is masked, are called back too: they may be others now. */
static void call_back(struct calling *c, const struct node *n, enum sight sight)
{
	bool keep =
		n->trace != PLACE_TXT && sight == SEEN && (n->root || !c->changes[n->slot].bytes);

	/* an offset below 0 means attributes only: nobody waits for a page then */
	fuse_lowlevel_notify_inval_inode(
		c->s->fuse, node_id(session_keys(c->s), n), keep ? -1 : 0, 0);
}

/* A trace that is hidden: its name, unless something above it is hidden too. */
static void forget_trace(struct calling *c, const struct node *n, enum sight sight)
{
	struct node dir = {.slot = n->slot};
	struct trace t;

	if (c->epoch || (c->under && n->trace <= c->last))
		return;
	if (c->names >= NAMES_MAX || evidence_get(&c->cursor, n->trace, &t)) {
		c->epoch = true;
		return;
	}
	if (sight == BY_NAME && t.kind == ENTRY_DIR)
		return;
	/* parts are trees of their own: only below the evidence's folder is everything */
	c->under = true;
	c->last = n->trace == PLACE_DIR ? UINT64_MAX : t.last;
	c->names++;
	dir.trace = t.parent;
	kernel_forget_name(c->s, node_id(session_keys(c->s), &dir), t.name, t.name_len);
}

/* A note that is hidden, or the folder of notes. */
static void forget_note(struct calling *c, const struct node *n)
{
	const struct place *p = c->before ? &c->before->at[n->slot] : NULL;
	struct node dir = {.slot = n->slot, .trace = PLACE_NOTES};
	const struct view_note *note = p ? scene_note(c->before, n) : NULL;
	char file[NOTE_FILE_MAX];
	const char *name = NOTES_NAME;

	if (n->trace == PLACE_NOTES)
		dir = (struct node){
			.root = c->now->view->personal, .slot = n->slot, .trace = PLACE_DIR};
	else if (note)
		name = scene_note_file(note, file);
	if (!p || (!note && n->trace != PLACE_NOTES) || c->names++ >= NAMES_MAX) {
		c->epoch = true;
		return;
	}
	kernel_forget_name(c->s, node_id(session_keys(c->s), &dir), name, strlen(name));
}

static bool is_note(const struct calling *c, const struct node *n)
{
	uint64_t id = 0;

	return table_slot_kind(c->s->table, n->slot, &id) == TABLE_CASE &&
	       (n->trace == PLACE_NOTES || trace_part(n->trace) == PLACE_NOTE_PART);
}

/* A case, or a piece of evidence, that has left the view. */
static void forget_place(struct calling *c, unsigned slot)
{
	const struct place *p = c->before ? &c->before->at[slot] : NULL;
	struct node dir = {.root = true};
	int in = 0;

	if (!p || p->kind == TABLE_NONE || p->kind == TABLE_ROOT) {
		c->epoch = true;
		return;
	}
	if (p->kind == TABLE_EVIDENCE) {
		in = table_slot(c->s->table, TABLE_CASE, p->ev->case_id);
		dir = (struct node){.slot = (unsigned)(in < 0 ? 0 : in), .trace = PLACE_DIR};
	}
	kernel_forget_name(
		c->s, node_id(session_keys(c->s), &dir), scene_name(p), strlen(scene_name(p)));
}

static void on_marked(void *ctx, const struct node *n)
{
	struct calling *c = ctx;
	enum sight sight = sight_of(c, n);

	call_back(c, n, sight);
	if (sight != SEEN && c->cursor.ev)
		forget_trace(c, n, sight);
	else if (sight != SEEN && is_note(c, n))
		forget_note(c, n);
}

static void go_through(struct calling *c, unsigned slot)
{
	const struct place *now = &c->now->at[slot];
	const struct change *change = &c->changes[slot];
	uint64_t id = 0;

	if (change->n == 0 || table_slot_kind(c->s->table, slot, &id) == TABLE_NONE)
		return;
	c->under = false;
	if (now->kind == TABLE_NONE)
		forget_place(c, slot);
	if (now->kind == TABLE_EVIDENCE)
		evidence_cursor_init(&c->cursor, now->ev->evidence);
	if (table_marked(c->s->table, slot, change->in, change->n, on_marked, c))
		c->epoch = true;
	if (c->cursor.ev)
		evidence_cursor_release(&c->cursor);
	c->cursor.ev = NULL;
}

static bool is_changed(const struct change *c, uint64_t trace)
{
	for (size_t i = 0; i < c->n; i++) {
		if (trace >= c->in[i].first && trace <= c->in[i].last)
			return true;
	}
	return false;
}

static void gather(struct nodes *l, uint64_t id)
{
	if (array_room(&l->v, sizeof(*l->v), l->n, &l->cap))
		return; /* it is met again by its mark, later */
	l->v[l->n++] = id;
}

/* Gathered under the lock of handles; the kernel is told without it. */
static void on_open(void *ctx, struct handle *h)
{
	struct calling *c = ctx;
	const struct node n = handle_node(h);

	if (n.root || n.slot >= NODE_SLOTS)
		return;
	if (is_changed(&c->changes[n.slot], n.trace))
		gather(&c->open, node_id(session_keys(c->s), &n));
	if (!c->s->team && atomic_load(&h->kept->state) == TABLE_DIRECTORY)
		gather(&c->listings, node_id(session_keys(c->s), &n));
}

/* What is listed in a folder may have changed without the folder. */
static void call_back_listings(const struct calling *c)
{
	for (size_t i = 0; i < c->listings.n; i++)
		fuse_lowlevel_notify_inval_inode(c->s->fuse, c->listings.v[i], 0, 0);
}

/* One that is seen as before may have more names now, or fewer. */
static void call_back_attributes(void *ctx, const struct node *n)
{
	struct calling *c = ctx;

	if (sight_of(c, n) == SEEN)
		call_back(c, n, SEEN);
}

static void call_rest(struct calling *c, unsigned slot)
{
	const struct change *change = &c->changes[slot];

	if (change->n > 0 && c->now->at[slot].kind == TABLE_EVIDENCE &&
		table_marked(c->s->table, slot, &everything, 1, call_back_attributes, c))
		c->epoch = true;
}

static void call_all(struct session *s, const struct scene *before, const struct scene *now,
	const struct change *changes)
{
	struct calling c = {.s = s, .before = before, .now = now, .changes = changes};

	handles_each(s->handles, on_open, &c);
	call_back_listings(&c);
	for (size_t i = 0; i < c.open.n; i++) {
		const struct node n = node_parse(session_keys(s), c.open.v[i]);

		call_back(&c, &n, sight_of(&c, &n));
	}
	for (unsigned i = 0; i < NODE_SLOTS; i++)
		go_through(&c, i);
	for (unsigned i = 0; i < NODE_SLOTS; i++)
		call_rest(&c, i);
	if (c.epoch && !(s->degraded & DEGRADED_NO_EPOCH))
		kernel_notify(s, KERNEL_NEW_EPOCH);
	call_back_listings(&c); /* whoever was adding what he was told before has done so */
	free(c.open.v);
	free(c.listings.v);
}

static void all_of(struct change *c, const struct view_interval *in)
{
	c->in = in;
	c->n = 1;
}

/* The folder with its text, and every note that is no longer there. */
static int case_changes(const struct place *before, const struct place *now, struct change *c)
{
	const struct view_case *old = before->c;
	size_t n = 0;

	c->own = calloc((old ? old->notes_n : 0) + 1, sizeof(*c->own));
	if (!c->own)
		return -ENOMEM;
	c->own[n++] = (struct view_interval){PLACE_DIR, PLACE_NOTES};
	for (size_t i = 0; old && i < old->notes_n; i++) {
		uint64_t note = trace_id(PLACE_NOTE_PART, old->notes[i].id);

		if (!now->c || !view_note(now->c, old->notes[i].id))
			c->own[n++] = (struct view_interval){note, note};
	}
	c->in = c->own;
	c->n = n;
	return 0;
}

static void find_changes(const struct place *before, const struct place *now, struct change *c)
{
	size_t n = 0;

	if (before->kind == TABLE_NONE && now->kind == TABLE_NONE)
		return;
	if (before->kind != TABLE_EVIDENCE && now->kind != TABLE_EVIDENCE) {
		if (case_changes(before, now, c))
			all_of(c, &everything);
		return;
	}
	if (view_changes(before->ev, now->ev, &c->own, &n)) {
		all_of(c, &everything);
		c->bytes = true;
		return;
	}
	c->in = c->own;
	c->n = n;
	c->bytes = before->ev && now->ev &&
		   (!mask_same(before->ev->mask, now->ev->mask) ||
			   !view_held_same(before->ev, now->ev));
}

void revoke_changes(struct session *s, const struct scene *before, const struct scene *now)
{
	struct change *changes = calloc(NODE_SLOTS, sizeof(*changes));

	ops_refuse_reads(s);
	if (!changes) {
		revoke_hidden(s);
		return;
	}
	for (unsigned i = 0; i < NODE_SLOTS; i++)
		find_changes(&before->at[i], &now->at[i], &changes[i]);
	call_all(s, before, now, changes);
	for (unsigned i = 0; i < NODE_SLOTS; i++)
		free(changes[i].own);
	free(changes);
}

void revoke_hidden(struct session *s)
{
	const struct scene *now = atomic_load(&s->scene);
	static const struct change all = {&everything, 1, true, NULL};
	struct change changes[NODE_SLOTS];

	for (unsigned i = 0; i < NODE_SLOTS; i++)
		changes[i] = all;
	call_all(s, NULL, now, changes);
}

/* What is kept for it; NULL: it is in force already. */
static struct scene *take_nothing(struct session *s)
{
	struct scene *sc = s->nothing;

	s->nothing = NULL;
	return sc;
}

void session_hold(struct session *s)
{
	scene_hold(s);
}

void session_swap_view(struct session *s, struct view *view)
{
	struct scene *before = atomic_load(&s->scene);
	struct scene *now = NULL;

	if (view && scene_new(s, view, &now))
		fprintf(stderr, "evidencefs: %s: no memory for a view: nothing is shown\n",
			s->mountpoint);
	if (!now)
		now = take_nothing(s);
	if (now) {
		atomic_store(&s->swapped, true);
		atomic_store(&s->scene, now);
		pin_wait(&s->pins);
		s->ending = before;
	}
	scene_resume(s);
}

const struct view *session_view(const struct session *s)
{
	const struct scene *now = atomic_load(&s->scene);

	return s->waiting || !now ? NULL : now->view;
}

void session_settle(struct session *s)
{
	struct scene *before = s->ending;
	bool first = s->waiting;

	if (!before)
		return;
	s->ending = NULL;
	s->waiting = false;
	if (s->fuse && first)
		session_serve(s);
	else if (s->fuse)
		revoke_changes(s, before, atomic_load(&s->scene));
	if (!s->nothing && before->view->cases_n == 0 && before->view->evidence_n == 0)
		s->nothing = before;
	else
		scene_free(before);
}

void session_set_view(struct session *s, struct view *view)
{
	session_swap_view(s, view);
	session_settle(s);
}
