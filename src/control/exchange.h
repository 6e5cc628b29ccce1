/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.h - one request under way, and what handlers have in common
 *
 * A handler reads its arguments, acts through control/service.h, and gathers its
 * answer. It never sends while it holds the model.
 */
#ifndef EVIDENCEFS_CONTROL_EXCHANGE_H
#define EVIDENCEFS_CONTROL_EXCHANGE_H

#include "control/commands.h"
#include "control/row.h"
#include "control/service.h"

struct exchange {
	struct service *service;
	const struct caller *caller;
	const struct control_command *command;
	const struct control_request *q;
	struct answer *answer;
	uint64_t case_id; /* what a refusal is recorded about; 0: none, or none known */
	bool recorded;    /* the refusal is in the log already */
};

/* What the caller is in a case, for questions; acts are judged by rules_check(). */
struct sight {
	uint64_t id;
	bool root; /* the operator */
	bool log_officer;
	struct standing standing;
	bool any;        /* holds anything in it: may know that it exists */
	bool audit;      /* may look at all of its log and rights */
	bool audit_some; /* may look at its log below some paths, at least */
};

/** exchange_arg() - value of an argument; NULL. */
const char *exchange_arg(const struct exchange *x, const char *name);
/** exchange_count() - how often an argument was given. */
size_t exchange_count(const struct exchange *x, const char *name);
/** exchange_flag() - whether an argument without a value was given. */
bool exchange_flag(const struct exchange *x, const char *name);
/** exchange_time() - a TIME by the service's clock; *@out untouched where it was not given. */
int exchange_time(const struct exchange *x, const char *name, int64_t *out, struct err *e);
/** exchange_number() - decimal. Return: 0; -EINVAL. *@out untouched where it was not given. */
int exchange_number(
	const struct exchange *x, const char *name, uint64_t max, uint64_t *out, struct err *e);
/** exchange_who() - a WHO. Return: 0, subject_release() it; -ENOENT; -EINVAL. */
int exchange_who(const struct exchange *x, const char *name, struct subject *out, struct err *e);

/** exchange_sight() - what the caller is in @c; the model is held. */
void exchange_sight(const struct exchange *x, const struct model *m, const struct model_case *c,
	struct sight *out);
/** exchange_audits() - whether the caller may look at the whole log of any case. */
bool exchange_audits(const struct exchange *x);
/**
 * exchange_case() - the case named by argument `case`, for a question
 * Return: 0 and *@out; -ENOENT there is none, or none the caller may know of: same words.
 */
int exchange_case(struct exchange *x, const struct model *m, const struct model_case **out,
	struct sight *sight, struct err *e);
/** exchange_no_such_case() - the words for that. Return: -ENOENT. */
int exchange_no_such_case(const struct exchange *x, struct err *e);
/** exchange_refuse() - "you need ..." in the case. Return: -EPERM. */
int exchange_refuse(const struct exchange *x, const char *what, struct err *e);

/**
 * exchange_act() - begin an act: its kind, and the case named by argument `case`
 * A case that is not there is number 0: service_do() refuses it as it refuses one
 * the caller may not know of. act_release() @a whatever happens.
 */
void exchange_act(struct exchange *x, enum act_kind kind, struct act *a);
/** exchange_evidence() - number of the evidence named by argument `evidence`; 0: none. */
uint64_t exchange_evidence(struct exchange *x, uint64_t case_id);
/** exchange_text() - copy an argument into an act's text; where not given, nothing. */
int exchange_text(const struct exchange *x, const char *name, char **out, struct err *e);
/** exchange_do() - service_do(); its refusals are recorded. */
int exchange_do(struct exchange *x, struct act *a, struct err *e);

/** exchange_do_all() - service_do_all(); likewise. */
int exchange_do_all(struct exchange *x, struct act *acts, size_t n, size_t *made, struct err *e);

/** exchange_query() - record that the caller looks at the log or at rights, before he does. */
int exchange_query(struct exchange *x, uint64_t case_id, struct err *e);

/** exchange_rights() - put rights as a list. */
void exchange_rights(struct buf *row, const char *key, unsigned rights);

#endif
