/* SPDX-License-Identifier: Apache-2.0 */
/* service.c - acts and what is in force; see service.h. */
#include "control/service_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"
#include "control/personal.h"
#include "control/seen.h"
#include "mount/process.h"
#include "policy/view.h"

#define SETTLE_MS 2000  /* an act is answered when mounts have come and gone, or then */
#define MARKS_MS  400   /* requests wait so long for what marks withhold: then it is held */
#define MASKS_MS  30000 /* and an act is answered when nothing is held, or then */

static uint64_t service_policy(struct service *s)
{
	uint64_t version = 0;

	pthread_rwlock_rdlock(&s->lock);
	version = s->model.version;
	pthread_rwlock_unlock(&s->lock);
	return version;
}

/* ---- records --------------------------------------------------------------------- */

static uid_t uid_of(const struct service *s, const struct caller *c)
{
	return s->own ? personal_uid(s->own) : c->who.uid;
}

/* Who did it, by which program. */
static void describe(struct service *s, const struct caller *c, struct audit_event *ev)
{
	ev->uid = uid_of(s, c);
	ev->gid = c->who.gid;
	ev->pid = (uint32_t)c->pid;
	ev->loginuid = AUDIT_NO_LOGINUID;
	ev->policy = service_policy(s);
	process_describe(NULL, c->pid, ev);
	if (!ev->exe[0] && s->ch)
		channel_exe(
			s->ch, c->pid, ev->process_start, ev->exe, sizeof(ev->exe), &ev->exe_file);
}

int service_record(struct service *s, const struct caller *c, struct audit_event *ev)
{
	describe(s, c, ev);
	return audit_append_act(s->log, ev);
}

void service_refused(struct service *s, const struct caller *c, enum audit_type type,
	uint64_t case_id, int result)
{
	struct audit_event ev = {
		.type = type, .decision = AUDIT_DENIED, .case_id = case_id, .result = result};

	if (s->log)
		service_record(s, c, &ev);
}

int service_query(struct service *s, const struct caller *c, uint64_t case_id, unsigned command)
{
	struct audit_event ev = {.type = AUDIT_QUERY,
		.decision = AUDIT_ALLOWED,
		.case_id = case_id,
		.object = command};

	/* what was looked up before the question is in the log before it */
	audit_behind_flush(s->behind);
	return s->log && service_record(s, c, &ev) == 0 ? 0 : -EIO;
}

/* ---- acts --------------------------------------------------------------------------- */

static enum audit_type record_type(enum act_kind k)
{
	switch (k) {
	case ACT_CASE_CREATE:
	case ACT_CASE_OWNER:
	case ACT_CASE_OFFICER:
	case ACT_CASE_CLOSE:
		return AUDIT_CASE;
	case ACT_ADD:
		return AUDIT_ADD;
	case ACT_RELEASE:
		return AUDIT_RELEASE;
	case ACT_RELOCATE:
		return AUDIT_RELOCATE;
	case ACT_VERIFY:
		return AUDIT_VERIFY;
	case ACT_GRANT:
		return AUDIT_GRANT;
	case ACT_EXCLUDE:
		return AUDIT_EXCLUDE;
	case ACT_REVOKE:
		return AUDIT_REVOKE;
	case ACT_MARK:
		return AUDIT_MARK;
	case ACT_NOTE:
		return AUDIT_NOTE;
	}
	return AUDIT_CONFIG;
}

static bool takes_away(enum act_kind k)
{
	return k == ACT_REVOKE || k == ACT_EXCLUDE || k == ACT_CASE_CLOSE || k == ACT_CASE_OWNER ||
	       k == ACT_CASE_OFFICER || k == ACT_MARK;
}

int service_broken(struct service *s, struct err *e)
{
	int r = 0;

	pthread_rwlock_rdlock(&s->lock);
	if (s->broken[0])
		r = err_set(e, EIO, "nothing is served: %s", s->broken);
	pthread_rwlock_unlock(&s->lock);
	return r;
}

__attribute__((format(printf, 2, 3))) static void break_down(
	struct service *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	pthread_rwlock_wrlock(&s->lock);
	vsnprintf(s->broken, sizeof(s->broken), fmt, ap);
	pthread_rwlock_unlock(&s->lock);
	va_end(ap);
}

/*
 * The record is there and the row is not: said so in the log, so that it counts for nothing.
 * If that cannot be said, no other act may follow: the next start says it, of one.
 */
static void void_act(struct service *s, const struct caller *c, const struct act *a, int result)
{
	struct audit_event ev = {.type = AUDIT_LOSS,
		.decision = AUDIT_ALLOWED,
		.case_id = a->case_id,
		.object = a->seq,
		.result = result};

	if (service_record(s, c, &ev))
		break_down(s, "act %llu is in the log and not in the catalog",
			(unsigned long long)a->seq);
}

/* Ids, times, and whether the model takes them. */
static int prepare_acts(
	struct service *s, const struct caller *c, struct act *acts, size_t n, struct err *e)
{
	struct moment now = clock_now(s->clock);
	uint64_t object = act_begins(acts[0].kind) ? store_next_objects(s->store, n) : 0;
	int r = 0;

	if (act_begins(acts[0].kind) && object == 0)
		return err_set(e, EIO, "the catalog cannot be written; nothing was changed");
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct act *a = &acts[i];

		if (digest_random(a->secret, sizeof(a->secret)))
			return err_set(e, EIO, "no random bytes; nothing was changed");
		if (object)
			a->object = object + i;
		if (a->kind == ACT_CASE_CREATE)
			a->case_id = a->object;
		a->ns = now.real_ns;
		a->boot_ns = now.boot_ns;
		a->by_uid = uid_of(s, c);
		snprintf(a->boot_id, sizeof(a->boot_id), "%s", s->start->boot_id);
		r = model_check(&s->model, a, e);
	}
	return r;
}

static void void_acts(
	struct service *s, const struct caller *c, const struct act *acts, size_t n, int result)
{
	for (size_t i = 0; i < n; i++)
		void_act(s, c, &acts[i], result);
}

/*
 * Their records: one sync for all. Each says how many stand before it, so that after an
 * unclean end those whose rows are missing are known to belong together.
 */
static int record_acts(
	struct service *s, const struct caller *c, struct act *acts, size_t n, struct err *e)
{
	struct audit_event ev = {.type = record_type(acts[0].kind), .decision = AUDIT_ALLOWED};
	struct store_link before;
	int r = store_newest(s->store, &before, e);

	if (r)
		return r;
	describe(s, c, &ev);
	for (size_t i = 0; i < n; i++) {
		ev.case_id = acts[i].case_id;
		ev.object = acts[i].object;
		ev.length = acts[i].kind;
		ev.offset = i;
		r = store_commitment(&before, &acts[i], ev.commitment);
		if (r == 0)
			r = i + 1 < n ? audit_append(s->log, &ev) : audit_append_act(s->log, &ev);
		if (r) {
			void_acts(s, c, acts, i, r);
			return err_set(
				e, EIO, "the access log cannot be written; nothing was changed");
		}
		acts[i].seq = ev.seq;
		before.seq = ev.seq;
		memcpy(before.commitment, ev.commitment, AUDIT_COMMITMENT);
	}
	return 0;
}

/* Records, then rows, then model. All of one kind. Called with `acting`. */
static int keep(struct service *s, const struct caller *c, struct act *acts, size_t n, size_t *made,
	struct err *e)
{
	int r = prepare_acts(s, c, acts, n, e);

	if (r == 0)
		r = record_acts(s, c, acts, n, e);
	if (r)
		return r;
	r = store_append_all(s->store, acts, n, e);
	if (r) {
		void_acts(s, c, acts, n, r);
		return r;
	}
	pthread_rwlock_wrlock(&s->lock);
	while (r == 0 && *made < n) {
		r = model_apply(&s->model, &acts[*made], e);
		*made += r == 0;
	}
	pthread_rwlock_unlock(&s->lock);
	if (r) /* it is in the catalog and not in force: nothing may be served over that */
		break_down(s, "act %llu could not be applied: %s",
			(unsigned long long)acts[*made].seq, err_text(e, r));
	return r;
}

int service_keep(struct service *s, const struct caller *c, struct act *a, struct err *e)
{
	size_t made = 0;

	return keep(s, c, a, 1, &made, e);
}

static int set_by_name(struct act *a, const struct caller *c, struct err *e)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", (unsigned)c->who.uid);
	free(a->by_name);
	a->by_name = strdup(c->who.name ? c->who.name : number);
	return a->by_name ? 0 : err_errno(e, ENOMEM, "act");
}

/* What is said of a trace is said by who sees it. */
static bool needs_sight(enum act_kind k)
{
	return k == ACT_MARK || k == ACT_NOTE;
}

/* Called with `acting`. @v: what @c sees, once it was asked for. */
static int check(
	struct service *s, const struct caller *c, struct act *a, struct view **v, struct err *e)
{
	struct moment now = clock_now(s->clock);
	int r = rules_check(&s->model, &c->who, a, &now, s->clock, e);

	if (r == 0 && needs_sight(a->kind) && !*v && service_view(s, c, v))
		r = err_set(e, EIO, "what you see cannot be told now");
	if (r == 0 && needs_sight(a->kind))
		r = seen_act(*v, a, e);
	if (r)
		service_refused(s, c, record_type(a->kind), a->case_id, r);
	return r;
}

/* Called with `acting`. */
static int check_all(
	struct service *s, const struct caller *c, struct act *acts, size_t n, struct err *e)
{
	struct view *v = NULL;
	int r = service_broken(s, e);

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = set_by_name(&acts[i], c, e);
		if (r == 0)
			r = check(s, c, &acts[i], &v, e);
	}
	view_free(v);
	return r;
}

/* So that nobody has to be asked who that is while others wait. */
static void ask_who(struct service *s, const struct act *a)
{
	uid_t *members = NULL;
	size_t n = 0;

	if (s->people && a->kind == ACT_GRANT &&
		people_members(s->people, &a->who, &members, &n) == 0)
		free(members);
}

/* In the log nothing of it is read after the record of its end. */
static void hold(struct service *s, enum act_kind k)
{
	if (!takes_away(k))
		return;
	pthread_mutex_lock(&s->showing);
	if (s->own)
		personal_hold(s->own);
	else
		viewers_hold(s->viewers);
	pthread_mutex_unlock(&s->showing);
}

/* A scan marks many times, and waits when it has ended (service_scanned()). */
static bool is_scan(const struct act *acts, size_t n)
{
	return n > 0 && acts[0].kind == ACT_MARK && acts[0].mark_origin == MARK_BY_RULE;
}

static bool waits_for_marks(const struct act *acts, size_t n)
{
	return n > 0 && acts[0].kind == ACT_MARK && !is_scan(acts, n);
}

int service_do_all(struct service *s, const struct caller *c, struct act *acts, size_t n,
	size_t *made, struct err *e)
{
	bool held = false;
	int r = 0;

	*made = 0;
	for (size_t i = 0; i < n; i++)
		ask_who(s, &acts[i]);
	pthread_mutex_lock(&s->acting);
	r = check_all(s, c, acts, n, e);
	if (r == 0 && n > 0) {
		hold(s, acts[0].kind);
		r = keep(s, c, acts, n, made, e);
		if (!s->broken[0])
			service_marks_refresh(s, MARKS_MS);
		held = service_refresh(s); /* also after a fault: nothing is shown then */
	}
	pthread_mutex_unlock(&s->acting);
	if (r == 0 && waits_for_marks(acts, n))
		service_marks_wait(s);
	else if (r == 0 && held && !is_scan(acts, n))
		service_marks_settled(s, MASKS_MS);
	if (r == 0 && s->viewers)
		viewers_settled(s->viewers, SETTLE_MS);
	return r;
}

int service_do(struct service *s, const struct caller *c, struct act *a, struct err *e)
{
	size_t made = 0;

	return service_do_all(s, c, a, 1, &made, e);
}

/* Called with `showing`. */
bool service_show(struct service *s, bool hurried)
{
	struct moment now = clock_now(s->clock);
	struct model nothing;
	int64_t next = 0;
	bool held = false;

	model_init(&nothing);
	hurried = hurried && s->finder;
	pthread_rwlock_rdlock(&s->lock);
	if (s->own)
		held = personal_show(s->own, s->broken[0] ? NULL : &s->model, &now, hurried);
	else
		held = viewers_refresh(
			s->viewers, s->broken[0] ? &nothing : &s->model, &now, hurried);
	next = view_next(&s->model, &now, s->clock);
	pthread_rwlock_unlock(&s->lock);
	pthread_mutex_lock(&s->ticking);
	s->shown = now;
	s->next_boot_ns = next;
	pthread_cond_broadcast(&s->tick);
	pthread_mutex_unlock(&s->ticking);
	if (held)
		finder_poke(s->finder);
	return held;
}

bool service_refresh(struct service *s)
{
	bool held = false;

	pthread_mutex_lock(&s->showing);
	held = service_show(s, true);
	pthread_mutex_unlock(&s->showing);
	return held;
}

/* ---- what is in force ------------------------------------------------------------------- */

const struct model *service_model(struct service *s)
{
	pthread_rwlock_rdlock(&s->lock);
	return &s->model;
}

void service_model_done(struct service *s)
{
	pthread_rwlock_unlock(&s->lock);
}

struct moment service_now(struct service *s)
{
	return clock_now(s->clock);
}

const struct clock *service_clock(struct service *s)
{
	return s->clock;
}

const struct config *service_config(struct service *s)
{
	return &s->start->config;
}

struct store *service_store(struct service *s)
{
	return s->store;
}

struct audit_log *service_log(struct service *s)
{
	return s->log;
}

const char *service_log_dir(struct service *s)
{
	return s->log_dir;
}

struct evidence *service_open(struct service *s, const struct model_evidence *me)
{
	return s->own ? personal_evidence(s->own, me) : registry_get(s->registry, me);
}

int service_caller(struct service *s, uid_t uid, pid_t pid, struct caller *out, struct err *e)
{
	int r = s->own ? personal_caller(s->own, uid, pid, out, e) : 0;

	return s->own && r == 0 ? 1 : r;
}

const struct model_case *service_case(struct service *s, const char *name)
{
	if (s->own)
		return strcmp(name, PERSONAL_CASE) ? NULL
						   : model_case(&s->model, personal_case(s->own));
	return model_case_named(&s->model, name);
}

struct evidence *service_evidence(struct service *s, uint64_t id)
{
	const struct model_evidence *m = NULL;
	struct evidence *ev = NULL;

	pthread_rwlock_rdlock(&s->lock);
	m = model_evidence(&s->model, id);
	ev = m && !s->broken[0] ? service_open(s, m) : NULL;
	pthread_rwlock_unlock(&s->lock);
	return ev;
}

bool service_visible(
	struct service *s, const struct caller *c, uint64_t case_id, const char *evidence)
{
	struct view *v = NULL;
	bool sees = false;

	if (service_view(s, c, &v))
		v = NULL;
	for (size_t i = 0; v && i < v->evidence_n; i++)
		sees |= v->evidence[i].case_id == case_id && !strcmp(v->evidence[i].name, evidence);
	view_free(v);
	return sees;
}

void service_status(struct service *s, struct service_status *out)
{
	struct statvfs disk;
	char text[AUDIT_TEXT_MAX];
	char size[24] = "";
	char root[48] = "";

	*out = (struct service_status){.healthy = false};
	out->sessions = s->viewers ? viewers_count(s->viewers) : 0;
	out->log_size = s->log ? audit_size(s->log) : 0;
	out->log_head[0] = '\0';
	if (s->log && audit_checkpoint(s->log, text))
		sscanf(text, "%*s %20s %44s", size, root);
	if (root[0])
		snprintf(out->log_head, sizeof(out->log_head), "%s %s", size, root);
	if (statvfs(s->start->config.state_dir, &disk) == 0)
		out->disk_free = (uint64_t)disk.f_bavail * disk.f_frsize;
	pthread_rwlock_rdlock(&s->lock);
	out->healthy = !s->broken[0];
	snprintf(out->why, sizeof(out->why), "%.255s", s->broken);
	for (size_t i = 0; i < s->model.cases_n; i++)
		out->cases += s->model.cases[i].closed_ns == 0;
	pthread_rwlock_unlock(&s->lock);
	if (out->healthy && s->log && audit_fault(s->log, text)) {
		out->healthy = false;
		snprintf(out->why, sizeof(out->why), "nothing is served: %.230s", text);
	}
	out->workers = s->ch ? channel_workers(s->ch) : 0;
}
