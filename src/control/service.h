/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.h - what serves a team: catalog, log, policy, evidence and sessions together
 *
 * Commands (control/commands.h) and the service's own threads change anything
 * only through here. Every act is checked, recorded, kept, applied, and in force
 * everywhere, before its function returns. Safe from several threads.
 */
#ifndef EVIDENCEFS_CONTROL_SERVICE_H
#define EVIDENCEFS_CONTROL_SERVICE_H

#include <stdint.h>
#include <sys/types.h>

#include "audit/audit.h"
#include "audit/query.h"
#include "base/err.h"
#include "catalog/model.h"
#include "catalog/store.h"
#include "policy/clock.h"
#include "policy/identity.h"
#include "policy/rules.h"
#include "starter/channel.h"

struct service;
struct awake;
struct evidence;
struct roads;
struct view;

/**
 * service_new() - open catalog and log, take up kept sessions, begin
 * @ch, @start, @awake: borrowed; @awake NULL: without
 */
int service_new(struct channel *ch, const struct channel_start *start, struct awake *awake,
	struct service **out, struct err *e);
/** service_end() - sessions go on for the next service when @keep; else they are unmounted. */
void service_end(struct service *s, bool keep);

/* Who asks, by SO_PEERCRED. */
struct caller {
	struct identity who;
	pid_t pid;
	bool root;
	bool officer; /* of the log: in the group `[log] officers` */
};

/**
 * service_caller() - who asks on a mount of one's own
 * Return: 1 and *@out; 0 it is a team's service, where users are looked up; -EPERM not his.
 */
int service_caller(struct service *s, uid_t uid, pid_t pid, struct caller *out, struct err *e);
/** service_case() - the case that is called @name, by who asks here; NULL. The model is held. */
const struct model_case *service_case(struct service *s, const char *name);

/**
 * service_do() - check, record, keep, apply one act; in force when it returns 0
 * @a: as rules_check() takes it; seq, times, object are filled in
 * A refusal is recorded.
 */
int service_do(struct service *s, const struct caller *c, struct act *a, struct err *e);
/**
 * service_do_all() - several acts of one kind that do not depend on each other: all, or none
 * Recorded, kept and in force together; what they withhold is compiled once. Marks and notes
 * are judged by what @c sees then.
 * @made: n, or 0 with an error.
 */
int service_do_all(struct service *s, const struct caller *c, struct act *acts, size_t n,
	size_t *made, struct err *e);
/** service_refused() - record that @c was refused something about @case_id (0: none). */
void service_refused(struct service *s, const struct caller *c, enum audit_type type,
	uint64_t case_id, int result);
/** service_query() - record that @c looked at the log or at rights. Return: 0; -EIO: say nothing.
 */
int service_query(struct service *s, const struct caller *c, uint64_t case_id, unsigned command);

/**
 * service_model() - what is in force, held for reading until service_model_done()
 * Do not call service_do() in between.
 */
const struct model *service_model(struct service *s);
void service_model_done(struct service *s);
struct moment service_now(struct service *s);
const struct clock *service_clock(struct service *s);
const struct config *service_config(struct service *s);
struct store *service_store(struct service *s);
struct audit_log *service_log(struct service *s);
/** service_log_dir() - where its segments are. */
const char *service_log_dir(struct service *s);

/* What long work tells while it goes on. Return: non-zero: give up. */
typedef int service_progress(void *ctx, const char *what, uint64_t done, uint64_t total);

/**
 * service_question() - the log as it can be asked; good as long as the service
 * All that was recorded by now is in it.
 */
int service_question(struct service *s, service_progress *progress, void *ctx, struct query **out,
	struct err *e);

/* What `add` found. */
struct service_added {
	uint64_t id;
	uint64_t case_id;
	char name[256];
	char format[16];
	uint64_t size;
	bool has_stored_md5, has_stored_sha1;
	uint8_t stored_md5[16], stored_sha1[20];
	struct act_totals totals;
	bool compared; /* there was something stored or given to compare totals with */
	bool match;    /* they agree with all of it */
	size_t volumes;
	uint64_t traces;
	double seconds;
};

/* What `add` is asked. */
struct service_add {
	const char *image; /* absolute path */
	const char *name;  /* NULL: from the file's name */
	const char *types;
	bool has_md5, has_sha1, has_sha256;
	uint8_t md5[16], sha1[20], sha256[32];
	bool accept_mismatch;
	const char *reason;
};

/** service_add() - open, index, hash, then the act. Returns when it is hashed. */
int service_add(struct service *s, const struct caller *c, const char *case_name,
	const struct service_add *what, service_progress *progress, void *ctx,
	struct service_added *out, struct err *e);
/**
 * service_verify() - read everything again
 * @match: whether the totals are as kept
 * @unreadable: bytes that could not be read: damaged, a segment that is missing, storage that is
 * away
 */
int service_verify(struct service *s, const struct caller *c, uint64_t evidence,
	service_progress *progress, void *ctx, bool *match, uint64_t *unreadable, struct err *e);
/** service_relocate() - the image is elsewhere now; its bytes are verified before use. */
int service_relocate(struct service *s, const struct caller *c, uint64_t evidence,
	const char *image, service_progress *progress, void *ctx, struct err *e);

/**
 * service_evidence() - open evidence by its number; good as long as the service
 * NULL: cannot be opened (its indexes are damaged or gone).
 */
struct evidence *service_evidence(struct service *s, uint64_t id);
/** service_visible() - whether @c sees a piece of evidence of a case, in his view as it is now. */
bool service_visible(
	struct service *s, const struct caller *c, uint64_t case_id, const char *evidence);
/** service_case_dir() - where what belongs to a case is kept beside the catalog; caller frees. */
int service_case_dir(struct service *s, uint64_t case_id, char **out);
/* What became of a scan, for its record. */
struct service_scanned {
	uint64_t case_id;
	uint8_t rules[32]; /* digest of the file */
	uint64_t hits;
	uint64_t marked;
	bool whole; /* it came to its end */
};
/** service_scanned() - record that @c has scanned, when it is known what his marks withhold; acts
 * of a scan do not wait for that each. Return: 0; -EIO. */
int service_scanned(struct service *s, const struct caller *c, const struct service_scanned *what);
/** service_note_scanned() - all of a piece of evidence was scanned: to be asked at its release. */
void service_note_scanned(struct service *s, uint64_t case_id, uint64_t evidence);
bool service_was_scanned(struct service *s, uint64_t case_id, uint64_t evidence);
/** service_view() - what @c sees now; view_free() it. Evidence in it stays open. */
int service_view(struct service *s, const struct caller *c, struct view **out);
/** service_is_withheld() - whether a trace is, by marks, now. Do not hold the model. */
bool service_is_withheld(struct service *s, uint64_t evidence, uint64_t trace);
/** service_roads() - what is withheld in a case, if also @more had been done; roads_free() it. Do
 * not hold the model. */
int service_roads(struct service *s, uint64_t case_id, const struct act *const *more, size_t n,
	struct roads **out);
/** service_broken() - report that nothing is served, and why. Return: 0 all is well. */
int service_broken(struct service *s, struct err *e);

struct service_status {
	bool healthy;
	char why[256]; /* "" healthy */
	unsigned sessions;
	unsigned workers;
	uint64_t log_size;             /* records */
	char log_head[AUDIT_TEXT_MAX]; /* the newest checkpoint: tree size, blank, root; "" none */
	uint64_t disk_free;
	unsigned cases;
};
void service_status(struct service *s, struct service_status *out);

#endif
