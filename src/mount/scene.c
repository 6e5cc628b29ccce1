/* SPDX-License-Identifier: Apache-2.0 */
/* scene.c - a view set up in its session; see scene.h. */
#include "mount/scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/now.h"

#define TIMEOUT_MAX      86400.0 /* seconds; nothing of the evidence ever changes */
#define TIMEOUT_NO_EPOCH 1.0     /* names cannot be called back before Linux 6.16 */

static struct place *slot_for(
	struct session *s, struct scene *sc, enum table_kind kind, uint64_t id)
{
	int slot = table_slot(s->table, kind, id);

	if (slot < 0) {
		fprintf(stderr,
			"evidencefs: %s: more than %u cases and pieces of evidence; the "
			"rest is not shown\n",
			s->mountpoint, NODE_SLOTS);
		return NULL;
	}
	sc->at[slot].kind = kind;
	if ((unsigned)slot >= sc->slots)
		sc->slots = (unsigned)slot + 1;
	return &sc->at[slot];
}

/* What the log says of a slot stays known when it has left the view. */
static void note_origin(struct session *s, const struct scene *sc, const struct place *p)
{
	struct origin *o = &s->origin[p - sc->at];

	if (o->known)
		return;
	o->known = true;
	if (p->kind == TABLE_CASE) {
		o->case_id = p->c->id;
	} else {
		o->case_id = p->ev->case_id;
		memcpy(o->digest, p->ev->evidence->manifest.digest, sizeof(o->digest));
		memcpy(o->names_key, s->team ? p->ev->names_key : s->names_key,
			sizeof(o->names_key));
	}
}

int scene_new(struct session *s, struct view *view, struct scene **out)
{
	struct scene *sc = calloc(1, sizeof(*sc));
	struct place *p = NULL;

	if (!sc) {
		view_free(view);
		return -ENOMEM;
	}
	sc->serial = ++s->scenes;
	sc->view = view;
	if (s->privacy_txt)
		slot_for(s, sc, TABLE_ROOT, 0);
	for (size_t i = 0; i < view->cases_n; i++) {
		p = slot_for(s, sc, TABLE_CASE, view->cases[i].id);
		if (p) {
			p->c = &view->cases[i];
			note_origin(s, sc, p);
		}
	}
	for (size_t i = 0; i < view->evidence_n; i++) {
		p = view->evidence[i].evidence
			    ? slot_for(s, sc, TABLE_EVIDENCE, view->evidence[i].id)
			    : NULL;
		if (p) {
			p->ev = &view->evidence[i];
			note_origin(s, sc, p);
		}
	}
	*out = sc;
	return 0;
}

void scene_free(struct scene *sc)
{
	if (!sc)
		return;
	view_free(sc->view);
	free(sc);
}

/* Until scene_resume(); called in no section. */
static void wait_held(struct session *s)
{
	pthread_mutex_lock(&s->hold.lock);
	while (atomic_load(&s->hold.on))
		pthread_cond_wait(&s->hold.ended, &s->hold.lock);
	pthread_mutex_unlock(&s->hold.lock);
}

const struct scene *scene_enter(struct session *s, unsigned *token)
{
	*token = pin_enter(&s->pins);
	while (atomic_load(&s->hold.on)) {
		pin_leave(&s->pins, *token);
		wait_held(s);
		*token = pin_enter(&s->pins);
	}
	return atomic_load(&s->scene);
}

void scene_hold(struct session *s)
{
	pthread_mutex_lock(&s->hold.lock);
	atomic_store(&s->hold.on, true);
	pthread_mutex_unlock(&s->hold.lock);
	pin_wait(&s->pins);
}

void scene_resume(struct session *s)
{
	pthread_mutex_lock(&s->hold.lock);
	atomic_store(&s->hold.on, false);
	pthread_cond_broadcast(&s->hold.ended);
	pthread_mutex_unlock(&s->hold.lock);
}

void scene_leave(struct session *s, unsigned token)
{
	pin_leave(&s->pins, token);
}

const struct place *scene_place(const struct scene *sc, const struct node *n)
{
	static const struct place nowhere = {TABLE_NONE, NULL, NULL};

	return n->root || n->slot >= NODE_SLOTS ? &nowhere : &sc->at[n->slot];
}

const char *scene_name(const struct place *p)
{
	return p->kind == TABLE_CASE ? p->c->name : p->ev->name;
}

bool scene_parent_is(const struct scene *sc, const struct place *p, const struct node *dir)
{
	const struct place *in = scene_place(sc, dir);

	if (p->kind == TABLE_CASE)
		return dir->root && !sc->view->personal;
	if (p->kind != TABLE_EVIDENCE)
		return false;
	if (sc->view->personal)
		return dir->root;
	return in->kind == TABLE_CASE && dir->trace == PLACE_DIR && in->c->id == p->ev->case_id;
}

bool scene_has_notes(const struct scene *sc, const struct place *p, const struct node *dir)
{
	if (p->kind != TABLE_CASE || !p->c->has_notes)
		return false;
	return sc->view->personal ? dir->root
				  : dir->trace == PLACE_DIR && scene_place(sc, dir) == p;
}

const struct view_note *scene_note(const struct scene *sc, const struct node *n)
{
	const struct place *p = scene_place(sc, n);

	return p->kind == TABLE_CASE && trace_part(n->trace) == PLACE_NOTE_PART
		       ? view_note(p->c, trace_number(n->trace))
		       : NULL;
}

const char *scene_note_file(const struct view_note *n, char out[static NOTE_FILE_MAX])
{
	snprintf(out, NOTE_FILE_MAX, "%.16s" NOTE_SUFFIX, n->name);
	return out;
}

/* All are looked at, so that it takes the same for any name. */
const struct view_note *scene_note_named(
	const struct scene *sc, const struct node *dir, const char *name)
{
	const struct place *p = scene_place(sc, dir);
	const struct view_note *found = NULL;
	char file[NOTE_FILE_MAX];

	if (p->kind != TABLE_CASE || dir->trace != PLACE_NOTES)
		return NULL;
	for (size_t i = 0; i < p->c->notes_n; i++) {
		if (!strcmp(scene_note_file(&p->c->notes[i], file), name))
			found = &p->c->notes[i];
	}
	return found;
}

double scene_timeout(const struct session *s, const struct scene *sc)
{
	double longest = s->degraded & DEGRADED_NO_EPOCH ? TIMEOUT_NO_EPOCH : TIMEOUT_MAX;
	double left = 0;

	if (sc->view->next_boot_ns == INT64_MAX)
		return longest;
	left = (double)(sc->view->next_boot_ns - now_ns(CLOCK_BOOTTIME)) / 1e9;
	return left < 0 ? 0 : left < longest ? left : longest;
}
