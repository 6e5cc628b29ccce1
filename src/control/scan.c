/* SPDX-License-Identifier: Apache-2.0 */
/* scan.c - rules over the traces of a case; see scan.h. */
#include "control/scan_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/now.h"
#include "control/seen.h"
#include "policy/decide.h"
#include "policy/hold.h"

#define ACTS_MAX 5000 /* marks that are made at once */
#define PAUSE_MS 2000 /* between two times; more where making them takes long */
#define FIRST_MS 200  /* and to the first */

/* ---- hits ----------------------------------------------------------------------------------- */

bool scan_sees(const struct scan_job *s, const struct view_evidence *ev, uint64_t trace)
{
	const unsigned both = RIGHT_MARK | RIGHT_PRIVILEGED;

	return decide(s->view, ev, s->view->uid, trace, NULL) == DECIDE_ALLOW &&
	       (view_rights(ev, trace) & both) == both;
}

static int gather(struct scan_job *s, const char *path, const struct scan_rule *rule)
{
	struct act *a = NULL;

	if (array_room(&s->acts, sizeof(*s->acts), s->acts_n, &s->acts_cap))
		return -ENOMEM;
	a = &s->acts[s->acts_n];
	*a = (struct act){.kind = ACT_MARK,
		.case_id = s->o.case_id,
		.until_ns = TIME_NEVER,
		.mark_state = rule->state,
		.mark_origin = MARK_BY_RULE,
		.path = strdup(path),
		.basis = strdup(rule->text),
		.reason = strdup(s->reason)};
	s->acts_n++;
	return a->path && a->basis && a->reason ? 0 : -ENOMEM;
}

int scan_hit(struct scan_job *s, const struct view_evidence *ev, uint64_t trace, uint32_t rule)
{
	const struct scan_rule *r = &s->o.rules->v[rule];
	struct scan_count *count = &s->out->counts[rule];
	struct buf path = BUF_INIT;
	enum scan_hit hit = SCAN_AGAIN;
	int rc = seen_path(ev, trace, &path);

	if (rc == 0)
		rc = scan_found_add(&s->found, buf_cstr(&path), r->text, &hit);
	if (rc == 0 && hit == SCAN_NEW)
		rc = gather(s, buf_cstr(&path), r);
	if (rc == 0) {
		count->hits += hit != SCAN_AGAIN;
		count->marked += hit == SCAN_NEW;
	}
	buf_release(&path);
	return rc;
}

static void drop_acts(struct scan_job *s)
{
	while (s->acts_n > 0)
		act_release(&s->acts[--s->acts_n]);
}

int scan_settle(struct scan_job *s, bool now, struct err *e)
{
	int64_t begun = now_ms(CLOCK_MONOTONIC);
	size_t made = 0;
	int r = 0;

	if (!now && s->acts_n < ACTS_MAX && begun - s->kept_ms < s->pause_ms)
		return 0;
	if (s->acts_n > 0)
		r = service_do_all(s->o.service, s->o.caller, s->acts, s->acts_n, &made, e);
	drop_acts(s);
	if (r)
		return r;
	/* without it the next one begins anew: no reason to end this one */
	scan_keep_write(s->keep, &s->at, s->out->counts, s->o.rules->n);
	s->kept_ms = now_ms(CLOCK_MONOTONIC);
	s->pause_ms = 4 * (s->kept_ms - begun);
	if (s->pause_ms < PAUSE_MS)
		s->pause_ms = PAUSE_MS;
	return 0;
}

int scan_tell(void *job)
{
	struct scan_job *s = job;
	char what[300] = "scanning";

	if (s->at.evidence < s->targets_n)
		snprintf(what, sizeof(what), "scanning %s", s->targets[s->at.evidence].ev->name);
	if (s->o.progress && s->o.progress(s->o.ctx, what, s->at.done, s->total))
		s->given_up = true;
	return s->given_up;
}

/* ---- what is scanned, and for what ---------------------------------------------------------- */

static bool of_bytes(enum scan_kind kind, enum wire_pattern *out)
{
	switch (kind) {
	case SCAN_ADDRESS:
		*out = WIRE_ADDRESS;
		return true;
	case SCAN_DOMAIN:
		*out = WIRE_DOMAIN;
		return true;
	case SCAN_PHONE:
		*out = WIRE_PHONE;
		return true;
	case SCAN_KEYWORD:
		*out = WIRE_KEYWORD;
		return true;
	case SCAN_SHA256:
	case SCAN_PATH:
		break;
	}
	return false;
}

static int sort_rules(struct scan_job *s)
{
	const struct scan_rules *rules = s->o.rules;

	s->patterns = calloc(rules->n, sizeof(*s->patterns));
	s->pattern_rules = calloc(rules->n, sizeof(*s->pattern_rules));
	s->paths = calloc(rules->n, sizeof(*s->paths));
	s->out->counts = calloc(rules->n, sizeof(*s->out->counts));
	if (!s->patterns || !s->pattern_rules || !s->paths || !s->out->counts)
		return -ENOMEM;
	for (size_t i = 0; i < rules->n; i++) {
		const struct scan_rule *r = &rules->v[i];
		struct matching_pattern p = {.text = r->value, .n = r->value_n};

		s->hashes = s->hashes || r->kind == SCAN_SHA256;
		s->words = s->words || r->kind == SCAN_KEYWORD || r->kind == SCAN_PHONE;
		if (of_bytes(r->kind, &p.kind)) {
			s->pattern_rules[s->patterns_n] = (uint32_t)i;
			s->patterns[s->patterns_n++] = p;
		} else if (r->kind == SCAN_PATH) {
			s->paths[s->paths_n++] = (uint32_t)i;
		}
	}
	return 0;
}

static int add_target(struct scan_job *s, const struct view_evidence *ev, const char *below)
{
	struct scan_target *t = &s->targets[s->targets_n];

	t->ev = ev;
	s->targets_n++;
	return view_scope(ev->evidence, below, &t->v, &t->n);
}

static int find_targets(struct scan_job *s, struct err *e)
{
	const struct view_evidence *only = NULL;
	size_t first = s->o.path ? path_first(s->o.path) : 0;
	bool name_only = false;
	struct trace t;
	int r = s->o.path ? view_find(s->view, s->o.case_id, s->o.path, &only, &t, &name_only) : 0;

	if (r == -ENOENT)
		return seen_nothing(s->o.path, e);
	s->targets = calloc(s->view->evidence_n + 1, sizeof(*s->targets));
	if (r == 0 && !s->targets)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < s->view->evidence_n; i++) {
		const struct view_evidence *ev = &s->view->evidence[i];

		if (ev->case_id == s->o.case_id && (!only || ev == only))
			r = add_target(
				s, ev, only ? s->o.path + first + (s->o.path[first] == '/') : "");
	}
	if (r == 0 && s->targets_n == 0)
		return err_set(e, ENOENT, "there is no evidence in the case that you see");
	return r ? err_errno(e, -r, "what is to be scanned") : 0;
}

/* ---- how much it is ------------------------------------------------------------------------- */

static int add_size(void *ctx, const struct index_item *item)
{
	uint64_t *total = ctx;

	if ((item->kind == ENTRY_FILE || item->kind == ENTRY_STREAM) &&
		!(item->flags & ENTRY_NOHASH))
		*total += item->size;
	return 0;
}

/* All contents of a target, as scan_walk() counts them. */
static int measure(const struct scan_target *t, uint64_t *total)
{
	struct evidence *ev = t->ev->evidence;
	struct evidence_cursor c;
	int r = 0;

	evidence_cursor_init(&c, ev);
	for (unsigned part = 1; r == 0 && part <= 2 * ev->manifest.n; part++) {
		uint64_t low = trace_id(part, 0);
		uint64_t high = trace_id(part, TRACE_NUMBER_MASK);
		struct index_reader *reader = NULL;

		if (!ev->volumes[(part - 1) / 2].index)
			continue;
		r = evidence_reader(&c, low, &reader);
		for (size_t i = 0; r == 0 && i < t->n; i++) {
			uint64_t first = t->v[i].first > low ? t->v[i].first : low;
			uint64_t last = t->v[i].last < high ? t->v[i].last : high;

			if (first <= last)
				r = index_items(reader, trace_to_index(first), trace_to_index(last),
					add_size, total);
		}
	}
	evidence_cursor_release(&c);
	return r;
}

/* ---- which scan it is ----------------------------------------------------------------------- */

static void put_target(struct buf *b, const struct model *m, const struct scan_target *t)
{
	const struct model_evidence *me = model_evidence(m, t->ev->id);

	buf_put_u64(b, t->ev->id);
	if (me)
		buf_put(b, me->digest, sizeof(me->digest));
	buf_put_u64(b, t->ev->ranges_n);
	for (size_t i = 0; i < t->ev->ranges_n; i++) {
		buf_put_u64(b, t->ev->ranges[i].first);
		buf_put_u64(b, t->ev->ranges[i].last);
		buf_put_u32(b, t->ev->ranges[i].rights);
	}
}

/* Where an earlier one was given up, if it was. */
static int take_up(struct scan_job *s)
{
	struct buf which = BUF_INIT;
	char *dir = NULL;
	int r = service_case_dir(s->o.service, s->o.case_id, &dir);
	const struct model *m = service_model(s->o.service);

	buf_put_u64(&which, s->o.case_id);
	buf_put_u64(&which, s->view->uid);
	buf_put_blob(&which, s->o.path ? s->o.path : "", s->o.path ? strlen(s->o.path) : 0);
	buf_put(&which, s->o.rules->digest, sizeof(s->o.rules->digest));
	for (size_t i = 0; i < s->targets_n; i++)
		put_target(&which, m, &s->targets[i]);
	if (r == 0)
		r = which.error;
	if (r == 0)
		r = scan_found_init(&s->found, m, s->o.case_id);
	service_model_done(s->o.service);
	if (r == 0) {
		s->keep = scan_keep_name(dir, which.data, which.len);
		r = s->keep ? 0 : -ENOMEM;
	}
	if (r == 0)
		s->out->resumed =
			scan_keep_read(s->keep, &s->at, s->out->counts, s->o.rules->n) == 0;
	free(dir);
	buf_release(&which);
	return r;
}

/* One at a time in a case: what another is about to mark is no news. */
static int wait_for_others(struct scan_job *s, struct err *e)
{
	const struct timespec pause = {.tv_nsec = 50 * NOW_MS};
	char *dir = NULL;
	char *lock = NULL;
	int r = service_case_dir(s->o.service, s->o.case_id, &dir);

	if (r == 0 && asprintf(&lock, "%s/scan.lock", dir) < 0)
		r = -ENOMEM;
	while (r == 0 && (s->lock = file_lock(lock, 0, NULL)) == -EAGAIN) {
		if (s->o.progress &&
			s->o.progress(s->o.ctx, "waiting for another scan of the case", 0, 0))
			r = err_set(e, EPIPE, "given up");
		nanosleep(&pause, NULL);
	}
	if (r == 0 && s->lock < 0)
		r = err_errno(e, -s->lock, "%s", lock);
	free(lock);
	free(dir);
	return r;
}

static int begin(struct scan_job *s, struct err *e)
{
	char hex[DIGEST_HEX_MAX];
	int r = sort_rules(s);

	if (r == 0)
		r = wait_for_others(s, e);

	if (r == 0 && service_view(s->o.service, s->o.caller, &s->view))
		return err_set(e, EIO, "what you see cannot be told now");
	if (r == 0)
		r = find_targets(s, e);
	if (r)
		return e->code ? r : err_errno(e, -r, "scan");
	for (size_t i = 0; s->patterns_n > 0 && i < s->targets_n; i++) {
		if (!evidence_media(s->targets[i].ev->evidence))
			return err_set(e, EIO,
				"the image of %s is away: its contents cannot be searched",
				s->targets[i].ev->name);
	}
	for (size_t i = 0; r == 0 && s->patterns_n > 0 && i < s->targets_n; i++)
		r = measure(&s->targets[i], &s->total);
	snprintf(s->reason, sizeof(s->reason), "scan, rules %s",
		digest_hex(s->o.rules->digest, sizeof(s->o.rules->digest), hex));
	if (r == 0)
		r = take_up(s);
	s->kept_ms = now_ms(CLOCK_MONOTONIC);
	s->pause_ms = FIRST_MS;
	return r ? err_errno(e, -r, "scan") : 0;
}

static void end(struct scan_job *s)
{
	if (s->lock >= 0)
		close(s->lock);
	drop_acts(s);
	free(s->acts);
	for (size_t i = 0; i < s->targets_n; i++)
		free(s->targets[i].v);
	free(s->targets);
	scan_found_release(&s->found);
	free(s->patterns);
	free(s->pattern_rules);
	free(s->paths);
	free(s->keep);
	view_free(s->view);
}

/* Marks and place are kept; the record says how far it came. */
static int finish(struct scan_job *s, int r, struct err *e)
{
	struct service_scanned what = {.case_id = s->o.case_id, .whole = r == 0};
	struct err late = {0};
	int kept = r == 0 || r == -EPIPE ? scan_settle(s, true, &late) : 0;

	if (kept && (r == 0 || r == -EPIPE)) {
		r = err_set(e, -kept, "%s", err_text(&late, kept));
		what.whole = false;
	}
	for (size_t i = 0; i < s->o.rules->n; i++) {
		what.hits += s->out->counts[i].hits;
		what.marked += s->out->counts[i].marked;
	}
	s->out->hits = what.hits;
	s->out->marked = what.marked;
	s->out->unread = s->at.unread;
	memcpy(what.rules, s->o.rules->digest, sizeof(what.rules));
	if (service_scanned(s->o.service, s->o.caller, &what) && r == 0)
		r = err_set(e, EIO, "the access log cannot be written");
	for (size_t i = 0; r == 0 && s->out->unseen == 0 && i < s->targets_n; i++) {
		if (s->targets[i].n > 0 && s->targets[i].v[0].last == UINT64_MAX)
			service_note_scanned(s->o.service, s->o.case_id, s->targets[i].ev->id);
	}
	if (r == 0)
		scan_keep_remove(s->keep);
	return r;
}

int scan_run(const struct scan_opts *o, struct scan_result *out, struct err *e)
{
	struct scan_job s = {.o = *o, .out = out, .lock = -1};
	int r = 0;

	*out = (struct scan_result){.hits = 0};
	r = begin(&s, e);
	if (r == 0) {
		while (r == 0 && s.at.evidence < s.targets_n) {
			r = scan_walk(&s, &s.targets[s.at.evidence], e);
			if (r == 0) {
				s.at.evidence++;
				s.at.trace = 0;
			}
		}
		if (s.given_up)
			r = err_set(e, EPIPE, "given up: the same command goes on from here");
		r = finish(&s, r, e);
	}
	end(&s);
	return r;
}
