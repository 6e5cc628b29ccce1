/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.h - what the acts up to a moment amount to
 *
 * Acts applied one after the other; the same function builds what is in force
 * now and what was at any time before. Knows no clock: whether a grant is active
 * is for policy/ to say. Pointers into a model are good until the next apply; the texts
 * of marks and notes (not the structs) stay where they are until model_release().
 */
#ifndef EVIDENCEFS_CATALOG_MODEL_H
#define EVIDENCEFS_CATALOG_MODEL_H

#include "base/err.h"
#include "catalog/act.h"
#include "catalog/model_names.h"
#include "catalog/store.h"

/* Cases, evidence, grants, marks and notes each stand in order of their ids. */
struct model_case {
	uint64_t id;
	char *name;
	char *title; /* NULL: none */
	struct subject owner;
	struct subject officer; /* SUBJECT_NONE: none */
	uint32_t idle_days;
	int64_t created_ns;
	int64_t closed_ns; /* 0: open */
	int64_t last_act_ns;
};

struct model_evidence {
	uint64_t id;
	uint64_t case_id;
	char *name;
	char *image;
	char *dir;
	char *types;
	uint8_t digest[32];
	uint8_t secret[COMMIT_SECRET]; /* of the act that added it */
	struct act_totals totals;
	int64_t added_ns;
	int64_t released_ns; /* 0: held */
};

struct model_grant {
	struct act act;     /* as it was made: a GRANT or an EXCLUDE; object: its id */
	int64_t revoked_ns; /* 0: not */
	uid_t revoked_uid;
	char *revoked_by;
	char *revoke_reason;
};

/* Never changed: what is in force of them is for policy/marks.h to say. */
struct model_mark {
	struct act act; /* as it was made; object: its id */
};

struct model_note {
	struct act act;
};

struct model {
	uint64_t version; /* seq of the last act applied */
	struct model_case *cases;
	size_t cases_n, cases_cap;
	struct model_evidence *evidence;
	size_t evidence_n, evidence_cap;
	struct model_grant *grants;
	size_t grants_n, grants_cap;
	struct model_mark *marks;
	size_t marks_n, marks_cap;
	struct model_note *notes;
	size_t notes_n, notes_cap;
	struct model_names names; /* of cases and evidence */
};

void model_init(struct model *m);
void model_release(struct model *m);

/**
 * model_check() - could @a be the next act? Changes nothing.
 * For who is about to record it: what was recorded and cannot be applied ends the service.
 * seq and ns are not looked at when seq is 0. Who may do what is not asked here.
 *
 * Return: 0; -EBADMSG it refers to what does not exist, or contradicts: its case is not
 * there or closed, the id or name it begins is taken, evidence is of another case or
 * released already, a grant was ended already, has no subject, no rights, or ends before
 * it begins; a mark or a note is on nothing, or says nothing; a
 * note has no name of its kind.
 */
int model_check(const struct model *m, const struct act *a, struct err *e);
/**
 * model_apply() - one more act
 * Return: 0; -ENOMEM; -EBADMSG as model_check(), or it is not later than those before:
 * then the catalog is not sound, and nothing may be served over it. @m is as before.
 */
int model_apply(struct model *m, const struct act *a, struct err *e);
/** model_load() - every act of a store up to @until_ns, into a model that is empty. Return: as
 * model_apply() and store_each(); what was applied by then is in @m. */
int model_load(struct model *m, struct store *s, int64_t until_ns, struct err *e);

const struct model_case *model_case_named(const struct model *m, const char *name);
const struct model_case *model_case(const struct model *m, uint64_t id);
const struct model_evidence *model_evidence(const struct model *m, uint64_t id);
/** model_evidence_named() - @n bytes of @name: the first component of a path. */
const struct model_evidence *model_evidence_named(
	const struct model *m, uint64_t case_id, const char *name, size_t n);
const struct model_grant *model_grant(const struct model *m, uint64_t id);
const struct model_mark *model_mark(const struct model *m, uint64_t id);
const struct model_note *model_note(const struct model *m, uint64_t id);

#endif
