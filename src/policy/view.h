/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view.h - what one user may see at one moment
 *
 * Compiled from the model, the user's identity and the clock; immutable from
 * then on. A piece of evidence is a sorted list of intervals of trace ids with
 * the rights on them, and a sorted list of directories that are there only
 * because they lead to something (passages). A decision is a binary search.
 */
#ifndef EVIDENCEFS_POLICY_VIEW_H
#define EVIDENCEFS_POLICY_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "catalog/model.h"
#include "policy/clock.h"
#include "policy/identity.h"
#include "serve/evidence.h"
#include "serve/mask.h"

/* In a range only: directories are there, by name. What a case's owner has everywhere. */
#define RIGHT_NAMES 0x80000000u

struct view_range {
	uint64_t first;
	uint64_t last;
	unsigned rights;
	/* the grant that gives it: read, deleted, raw; 0 none (personal mounts, owners' names) */
	uint64_t grant[3];
};

struct view_held; /* policy/view_held.c */

struct view_evidence {
	uint64_t id; /* in the catalog; in a personal mount 1, 2, ... */
	uint64_t case_id;
	char *name;
	struct evidence *evidence;        /* borrowed; see view_sources */
	uint8_t names_key[COMMIT_SECRET]; /* for commitments to names in the log */
	bool whole; /* every trace is visible, but for rights by kind (no exclusion, no part) */
	bool away;  /* its storage is away: names as ever, contents EIO */
	struct view_range *ranges;
	size_t ranges_n;
	uint64_t *passages;
	size_t passages_n;
	struct mask *mask; /* bytes of the media that are not shown; NULL: all are */
	uint64_t
		*closed; /* containers of which a member is not shown: their bytes are not either */
	size_t closed_n;
	struct view_held *held; /* it is not known of all contents yet: view_contents() */
};

/* A note that may be read. Texts are borrowed from the model. */
struct view_note {
	uint64_t id;
	const char *name; /* of the note itself: nothing of what it is about */
	const char *path;
	const char *text;
	const char *by_name;
	uid_t by_uid;
	int64_t ns;
	uint64_t grant; /* by which its trace is seen */
};

struct view_case {
	uint64_t id;
	char *name;
	char *access_txt;        /* ACCESS.txt as it is now */
	bool has_notes;          /* there is a folder of notes, which may be empty */
	struct view_note *notes; /* by id */
	size_t notes_n;
};

/* A name that is not shown: of a case, of evidence in one, of a note's file. */
struct view_hidden {
	uint64_t in_case;   /* where it stands; 0: it is a case's own */
	bool in_notes;      /* in that case's folder of notes */
	const char *name;   /* of a note without its suffix */
	uint64_t case_id;   /* of whose log it is */
	uint8_t digest[32]; /* of the evidence; zeros: it is none */
	uint64_t note;      /* 0: it is none */
};

struct view {
	uint64_t version; /* of the model it was made from */
	uid_t uid;
	bool hurried;            /* a mask was not made: compile again */
	bool personal;           /* a mount without cases: evidence stands in the root */
	struct view_case *cases; /* by name */
	size_t cases_n;
	struct view_evidence *evidence; /* by case name, then name */
	size_t evidence_n;
	struct view_hidden *hidden; /* of all names that it might have had; for the log alone */
	size_t hidden_n;
	int64_t next_boot_ns; /* when it changes by itself; INT64_MAX: never */
};

struct withheld; /* policy/roads.h */

/* Masks that were made lately: most refreshes change none. Safe from several threads. */
struct view_masks;
struct view_masks *view_masks_new(void);
/** view_masks_make() - those that a hurried compile did without. With no lock that a compile
 * holds. Return: how many. */
unsigned view_masks_make(struct view_masks *m);
/** view_masks_free() - NULL allowed. Before the evidence is closed. */
void view_masks_free(struct view_masks *m);

/* Where a compile finds the traces. */
struct view_sources {
	/** evidence() - open it; NULL: cannot be served now, and is left out. */
	struct evidence *(*evidence)(void *ctx, const struct model_evidence *m);
	void *ctx;
	const struct clock *clock; /* for clock_seen() */
	/** withheld() - what marks withhold of it from who lacks `privileged`; NULL nothing. The
	 * function may be NULL: there are no marks. */
	const struct withheld *(*withheld)(void *ctx, const struct model_evidence *m);
	struct view_masks *masks; /* NULL: the view is asked for names alone, and has no masks */
	bool hurried; /* masks that take long are not made: what they are about is held */
	const struct view *before; /* what the user sees up to now; NULL: nothing is known of it */
	uint64_t only_case;        /* 0: all of them */
	bool modest; /* `privileged` counts for nothing: who has it does not want to see what it
			shows */
};

/**
 * view_compile() - the view of @who at @now
 * Pure but for reading indexes and NSS. In doubt (a path whose index cannot be read)
 * a grant gives nothing and an exclusion takes the whole piece of evidence.
 * Return: 0 and *@out, which may be empty (cases_n 0); -ENOMEM.
 */
int view_compile(const struct model *m, const struct identity *who, const struct moment *now,
	const struct view_sources *src, struct view **out, struct err *e);
/** view_personal() - everything of @evidence with @rights. */
int view_personal(uid_t uid, unsigned rights, struct evidence **evidence, size_t n,
	struct view **out, struct err *e);
/** view_empty() - nothing at all. Return: 0; -ENOMEM. */
int view_empty(uid_t uid, uint64_t version, struct view **out);
void view_free(struct view *v);

/* Who is meant by a subject: as subject_members(). */
struct view_people {
	int (*members)(void *ctx, const struct subject *s, uid_t **out, size_t *n);
	void *ctx;
};
/**
 * view_find() - what a path is for the view's user
 * @path: as below the case, "laptop/p2-ntfs/x"
 * @name_only: set when he sees no more of it than its name, as something that leads on
 * Return: 0 and *@ev, *@t, whose texts are not set; -ENOENT it is not there, or not for him: with
 * the same work; -EIO.
 */
int view_find(const struct view *v, uint64_t case_id, const char *path,
	const struct view_evidence **ev, struct trace *t, bool *name_only);

/** view_hidden() - the name that is hidden there; NULL: there is none. With the same work. */
const struct view_hidden *view_hidden(
	const struct view *v, uint64_t in_case, bool in_notes, const char *name);

/**
 * view_contents() - whether the contents of a trace that is seen, or where a link leads, may be
 * shown, but for what its mask blanks
 * While it is being found what else has the bytes of something hidden, what may have them is
 * held. Reads indexes then. A container with a member that is not shown is closed.
 * Return: 0; -EACCES held, closed, or it cannot be told.
 */
int view_contents(const struct view_evidence *ev, uint64_t trace);
/** view_held_same() - whether both hold the same contents. NULL allowed. */
bool view_held_same(const struct view_evidence *a, const struct view_evidence *b);

/** view_rights() - what the view's user holds on a trace; all grants taken together. */
unsigned view_rights(const struct view_evidence *ev, uint64_t trace);
/** view_note() - a note of a case by its number; NULL there is none, or none for him. */
const struct view_note *view_note(const struct view_case *c, uint64_t id);

/** view_users() - uids that hold a grant active at @now, or own a case that is open, or are its
 * privilege officer. Caller frees. @p: NULL: NSS is asked now. */
int view_users(const struct model *m, const struct moment *now, const struct clock *clock,
	const struct view_people *p, uid_t **uids, size_t *n, struct err *e);
/** view_next() - boot time when any grant or exclusion of the model may begin or end, or a warning
 * in ACCESS.txt; never at once, so that whoever waits for it does not run when a clock stands. */
int64_t view_next(const struct model *m, const struct moment *now, const struct clock *clock);

/**
 * view_seen_from() - the first trace from @from on that may be seen
 * @right: what traces of its part ask for (decide.h). Return: UINT64_MAX: there is none.
 */
uint64_t view_seen_from(const struct view_evidence *ev, uint64_t from, unsigned right);

/* An interval of traces. */
struct view_interval {
	uint64_t first;
	uint64_t last;
};
/** view_interval_place() - of [@n] in order and apart the first that does not end before @first;
 * @n none. */
size_t view_interval_place(const struct view_interval *v, size_t n, uint64_t first);
/**
 * view_scope() - the traces that a path names in a piece of evidence, as marks reach them by place
 * @path: below its folder; "" all of it
 * In order and apart; caller frees *@out. Return: 0, with @n 0 when there is nothing; -errno.
 */
int view_scope(struct evidence *ev, const char *path, struct view_interval **out, size_t *n);
/**
 * view_changes() - intervals of traces on which two views of one piece of evidence differ
 * Masks count: whole volumes then, and the byte streams.
 * @old, @new: NULL: it was not, or is no longer, in the view. Passages that differ are
 * intervals of one trace. Caller frees *@out.
 */
int view_changes(const struct view_evidence *old, const struct view_evidence *new,
	struct view_interval **out, size_t *n);

/** view_note_text() - a note as a file: who, when, about what, then after an empty line its text.
 * Every byte of it can be shown on a terminal. */
void view_note_text(const struct view_note *n, struct buf *out);

/**
 * access_text() - ACCESS.txt of one case: the user's own grants with reasons and ends,
 * a warning when one ends within a week or a day, and the standing sentence. Never
 * exclusions, marks or counts. Every byte of it can be shown on a terminal.
 */
void access_text(const struct model *m, const struct model_case *c, const struct identity *who,
	const struct moment *now, const struct clock *clock, struct buf *out);

#endif
