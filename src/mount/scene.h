/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scene.h - a view set up in its session: what stands in each slot now
 *
 * Immutable. A slot whose case or evidence is not in the view is empty: there is
 * no road from a node to anything that is not shown. Used between scene_enter()
 * and scene_leave() only.
 */
#ifndef EVIDENCEFS_MOUNT_SCENE_H
#define EVIDENCEFS_MOUNT_SCENE_H

#include "mount/pin.h"
#include "mount/session.h"
#include "mount/table.h"
#include "policy/view.h"

/* Traces of a slot that is no piece of evidence, and of one: its folder, its text. */
#define PLACE_DIR trace_id(0, TRACE_EVIDENCE_DIR)
#define PLACE_TXT trace_id(0, TRACE_EVIDENCE_TXT)
/* Of a case: its folder of notes, and part of the notes in it. */
#define PLACE_NOTES     trace_id(0, 2)
#define PLACE_NOTE_PART 1u
#define NOTES_NAME      "notes"
#define NOTE_SUFFIX     ".txt"

struct place {
	enum table_kind kind; /* TABLE_NONE: not in the view */
	const struct view_case *c;
	const struct view_evidence *ev;
};

struct scene {
	uint64_t serial; /* another one each time a scene is made */
	struct view *view;
	unsigned slots; /* those behind are empty */
	struct place at[NODE_SLOTS];
};

/**
 * scene_new() - give slots to what is new; @view is taken
 * What finds no slot is left out. One caller at a time.
 */
int scene_new(struct session *s, struct view *view, struct scene **out);
/** scene_free() - with its view. NULL allowed. */
void scene_free(struct scene *sc);

/** scene_enter() - the scene of now, good until scene_leave(). */
const struct scene *scene_enter(struct session *s, unsigned *token);
void scene_leave(struct session *s, unsigned token);
/**
 * scene_hold() - nobody is in a section when this returns, and who comes waits
 * Until scene_resume(). Sections must not nest, nor the kernel be told anything meanwhile:
 * it may wait for an answer that waits.
 */
void scene_hold(struct session *s);
void scene_resume(struct session *s);

/** scene_place() - what a node stands in; kind TABLE_NONE for the root and what is not there. */
const struct place *scene_place(const struct scene *sc, const struct node *n);
/** scene_name() - the folder's name of a case or a piece of evidence. */
const char *scene_name(const struct place *p);
/** scene_parent_is() - whether a place stands in the folder @dir: the root, or a case's. */
bool scene_parent_is(const struct scene *sc, const struct place *p, const struct node *dir);

/** scene_has_notes() - whether the folder of notes of a case in @p stands in the folder @dir. */
bool scene_has_notes(const struct scene *sc, const struct place *p, const struct node *dir);
/** scene_note() - the note that a node is; NULL: it is none, or none that is shown. */
const struct view_note *scene_note(const struct scene *sc, const struct node *n);

/** scene_note_file() - name of a note's file, into @out; returns @out. */
#define NOTE_FILE_MAX 32
const char *scene_note_file(const struct view_note *n, char out[static NOTE_FILE_MAX]);
/** scene_note_named() - the note whose file in the folder @dir has that name; NULL. */
const struct view_note *scene_note_named(
	const struct scene *sc, const struct node *dir, const char *name);

/** scene_timeout() - seconds the kernel may keep an answer: never past the next change. */
double scene_timeout(const struct session *s, const struct scene *sc);

#endif
