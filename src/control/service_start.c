/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_start.c - how a service begins and ends
 *
 * The policy in force is read before anything is served. A catalog or log that
 * cannot be trusted does not end the service: it goes on, shows nobody anything,
 * and says why to whoever asks for its status.
 */
#include "control/service_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "audit/keep.h"
#include "base/file.h"
#include "base/now.h"
#include "control/acts.h"
#include "control/privacy.h"
#include "keyd/remote.h"
#include "mount/kernel.h"

static void break_down(struct service *s, const struct err *e, int r)
{
	if (s->broken[0])
		return;
	snprintf(s->broken, sizeof(s->broken), "%s", err_text(e, r));
	fprintf(stderr, "evidencefsd: nothing is served: %s\n", s->broken);
}

/* ---- catalog and log ------------------------------------------------------------- */

static void void_record(struct service *s, const struct audit_event *lost)
{
	struct audit_event ev = {.type = AUDIT_LOSS,
		.decision = AUDIT_ALLOWED,
		.uid = s->start->config.uid,
		.gid = s->start->config.gid,
		.pid = (uint32_t)getpid(),
		.loginuid = AUDIT_NO_LOGINUID,
		.case_id = lost->case_id,
		.object = lost->seq};

	audit_append_act(s->log, &ev);
	fprintf(stderr,
		"evidencefsd: the act of record %llu was never answered: it counts for nothing\n",
		(unsigned long long)lost->seq);
}

/* The acts of one command can stand there after an unclean end: they were never answered. */
static int void_lost(struct service *s, uint64_t from, struct err *e)
{
	struct acts_lost l = {.n = 0};
	int r = acts_find_lost(s->log_dir, from, audit_size(s->log), &l, e);

	for (size_t i = 0; r == 0 && i < l.n; i++)
		void_record(s, &l.v[i]);
	acts_lost_release(&l);
	return r;
}

/* To be kept by those who will ask one day whether the log is the one that began here. */
static void tell_origin(const struct service *s)
{
	char key[AUDIT_TEXT_MAX];
	char fingerprint[AUDIT_TEXT_MAX];

	audit_origin(s->log, key, fingerprint);
	fprintf(stderr,
		"evidencefsd: the access log begins; its origin key, to be kept elsewhere: %s "
		"(fingerprint %s)\n",
		key, fingerprint);
}

static int connect_keyd(void *ctx)
{
	return channel_keyd(ctx);
}

static int open_log(struct service *s, struct err *e)
{
	const struct config *c = &s->start->config;
	const struct audit_keep keep = {
		.compress = c->compress, .retention_ns = (int64_t)c->retention_s * 1000000000};
	struct keys *keys = NULL;
	bool first = false;
	int r = 0;

	if (asprintf(&s->log_dir, "%s/log", s->start->config.state_dir) < 0)
		return err_errno(e, ENOMEM, "log");
	r = audit_open(s->log_dir, &s->log, e);
	if (r == 0)
		audit_strict(s->log, s->start->config.strict);
	if (r == 0)
		audit_segment_size(s->log, s->start->config.segment_size);
	if (r == 0)
		r = remote_keys(connect_keyd, s->ch, &keys);
	if (r == 0)
		r = audit_seal(s->log, keys, &first, e);
	if (r == 0)
		r = audit_keep(s->log, &keep, e);
	if (r == 0 && audit_behind_new(s->log, &s->behind))
		r = err_errno(e, EAGAIN, "%s: no thread for its records", s->log_dir);
	if (r < 0) {
		audit_close(s->log); /* nothing is written behind what cannot be trusted */
		s->log = NULL;
	}
	if (r == 0 && first)
		tell_origin(s);
	return r;
}

/* Rows that are not what was recorded: nothing is served over them, and that is a record. */
static void record_mismatch(struct service *s)
{
	struct audit_event ev = {.type = AUDIT_VERIFY,
		.decision = AUDIT_DENIED,
		.uid = s->start->config.uid,
		.gid = s->start->config.gid,
		.pid = (uint32_t)getpid(),
		.loginuid = AUDIT_NO_LOGINUID,
		.result = -EBADMSG};

	audit_append_act(s->log, &ev);
}

static int check_catalog(struct service *s, struct err *e)
{
	const uint64_t end = audit_size(s->log);
	uint64_t from = 0;
	int r = acts_check(s->log_dir, end, s->store, &from, e);

	/* a new catalog of a mount of one's own has nothing to do with what the log has already */
	if (r == 0 && !(s->own && store_last(s->store) == 0))
		r = void_lost(s, from, e);
	if (r == -EBADMSG)
		record_mismatch(s);
	return r;
}

int service_open_catalog(struct service *s, struct err *e)
{
	struct err unfit = {.code = 0};
	char *path = NULL;
	int loaded = 0;
	int r = asprintf(&path, "%s/catalog.db", s->start->config.state_dir) < 0
			? err_errno(e, ENOMEM, "catalog")
			: store_open(path, &s->store, e);

	if (r == 0)
		loaded = model_load(&s->model, s->store, TIME_NEVER, &unfit);
	/* of rows that fit nothing it is said which were changed, if any was */
	if (r == 0 && (loaded == 0 || loaded == -EBADMSG))
		r = check_catalog(s, e);
	if (r == 0 && loaded < 0)
		r = err_set(e, -loaded, "%s", err_text(&unfit, -loaded));
	free(path);
	return r;
}

static struct moment read_clocks(void)
{
	return (struct moment){
		.real_ns = now_ns(CLOCK_REALTIME), .boot_ns = now_ns(CLOCK_BOOTTIME)};
}

/* The first sight of this boot of the machine, by an earlier service or now. */
int service_open_clock(struct service *s, struct err *e)
{
	struct store_boot boot;
	struct moment first;
	int64_t highest = 0;
	int r = store_highest_time(s->store, &highest, e);

	s->looked_ns = highest;
	/* nobody turns it back by what he writes into the catalog */
	if (audit_time(s->log) > highest)
		highest = audit_time(s->log);
	if (r == 0)
		r = store_boot(s->store, s->start->boot_id, &boot, NULL);
	if (r == -ENOENT) {
		struct moment now = read_clocks();

		snprintf(boot.boot_id, sizeof(boot.boot_id), "%s", s->start->boot_id);
		boot.real_ns = now.real_ns > highest ? now.real_ns : highest;
		boot.boot_ns = now.boot_ns;
		r = store_boot_add(s->store, &boot, e);
	}
	if (r)
		return r;
	first = (struct moment){.real_ns = boot.real_ns, .boot_ns = boot.boot_ns};
	for (size_t i = 0; i < s->model.cases_n; i++) {
		if (s->model.cases[i].last_act_ns > highest)
			highest = s->model.cases[i].last_act_ns;
	}
	s->clock = clock_new(highest, &first, s->start->boot_id);
	return s->clock ? 0 : err_errno(e, ENOMEM, "clock");
}

/* What the policy needs to stand on. */
static int open_policy(struct service *s, struct err *e)
{
	int r = open_log(s, e);

	if (r == 0)
		r = service_open_catalog(s, e);
	if (r == 0)
		r = service_open_clock(s, e);
	return r;
}

/* ---- sessions ------------------------------------------------------------------------ */

static int open_sessions(struct service *s, struct awake *awake, struct err *e)
{
	static const struct people_source nss = {
		.identity = identity_of, .members = subject_members};
	struct viewers_opts o = {.ch = s->ch};
	const char *own = s->start->config.privacy_text;
	struct utsname kernel;
	int r = 0;

	if (s->start->config.degraded)
		r = kernel_degraded_parse(s->start->config.degraded, &o.degrade)
			    ? err_set(e, EINVAL, "degraded = %s: not one of the modes",
				      s->start->config.degraded)
			    : 0;
	if (uname(&kernel) == 0)
		s->degraded = o.degrade | kernel_lacks(kernel.release);
	if (r == 0)
		r = registry_new(s->ch, &s->start->config, &s->registry, e);
	if (r == 0)
		r = people_new(&nss, service_poke, s, &s->people, e);
	if (r == 0)
		r = service_finder_start(s, e);
	o.people = s->people;
	o.awake = awake;
	o.begun = service_poke;
	o.ctx = s;
	o.log = s->log;
	o.behind = s->behind;
	o.registry = s->registry;
	o.clock = s->clock;
	o.withheld = service_withheld;
	o.withheld_ctx = s;
	o.privacy_txt = own ? own : privacy_built_in();
	if (r == 0)
		r = viewers_new(&o, &s->viewers, e);
	return r;
}

static void drop_kept(struct service *s)
{
	for (size_t i = 0; i < s->start->sessions_n; i++) {
		const struct channel_session *k = &s->start->sessions[i];

		channel_unmount(s->ch, k->uid, NULL);
		close(k->fuse_fd);
		close(k->table_fd);
	}
}

static void record_start(struct service *s)
{
	struct audit_event ev = {.type = AUDIT_START,
		.decision = AUDIT_ALLOWED,
		.uid = s->start->config.uid,
		.gid = s->start->config.gid,
		.pid = (uint32_t)getpid(),
		.loginuid = AUDIT_NO_LOGINUID,
		.object = s->start->restarts,
		.offset = s->start->config.strict,
		.length = s->degraded,
		.policy = s->model.version};

	if (audit_append_act(s->log, &ev) == 0)
		store_raise_checked(s->store, ev.seq, NULL);
	s->started = true;
}

/* ---- all of it ------------------------------------------------------------------------- */

static struct service *begin(struct channel *ch, const struct channel_start *start)
{
	struct service *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->ch = ch;
	s->start = start;
	model_init(&s->model);
	pthread_mutex_init(&s->acting, NULL);
	pthread_mutex_init(&s->showing, NULL);
	pthread_rwlock_init(&s->lock, NULL);
	pthread_mutex_init(&s->ticking, NULL);
	service_clock_init(s);
	return s;
}

int service_new(struct channel *ch, const struct channel_start *start, struct awake *awake,
	struct service **out, struct err *e)
{
	struct service *s = begin(ch, start);
	struct err why = {0};
	int r = 0;

	if (!s)
		return err_errno(e, ENOMEM, "service");
	if (asprintf(&s->cases_dir, "%s/cases", start->config.state_dir) < 0)
		r = err_errno(&why, ENOMEM, "service");
	if (r == 0)
		r = open_policy(s, &why);
	if (r == 0)
		r = open_sessions(s, awake, &why);
	if (r == 0)
		r = service_follow_start(s, &why);
	if (r) {
		break_down(s, &why, r);
		drop_kept(s);
	} else {
		record_start(s);
		for (size_t i = 0; i < start->sessions_n; i++)
			viewers_adopt(s->viewers, &start->sessions[i]);
		pthread_mutex_lock(&s->acting);
		service_marks_refresh(s, MARKS_START_MS);
		pthread_mutex_unlock(&s->acting);
		pthread_mutex_lock(&s->showing);
		service_show(s, false);
		pthread_mutex_unlock(&s->showing);
		/* without it nothing would end by time */
		r = service_clock_start(s, e);
		if (r) {
			service_end(s, true);
			return r;
		}
	}
	*out = s;
	return 0;
}

static void record_stop(struct service *s)
{
	struct audit_event ev = {.type = AUDIT_STOP,
		.decision = AUDIT_ALLOWED,
		.uid = s->start->config.uid,
		.gid = s->start->config.gid,
		.pid = (uint32_t)getpid(),
		.loginuid = AUDIT_NO_LOGINUID,
		.policy = s->model.version};

	/* an act that could not be voided is for the next start */
	if (audit_append_act(s->log, &ev) == 0 && !s->broken[0])
		store_raise_checked(s->store, ev.seq, NULL);
}

static void release(struct service *s)
{
	store_close(s->store);
	clock_free(s->clock);
	model_release(&s->model);
	pthread_cond_destroy(&s->tick);
	pthread_mutex_destroy(&s->ticking);
	pthread_rwlock_destroy(&s->lock);
	pthread_mutex_destroy(&s->showing);
	pthread_mutex_destroy(&s->acting);
	free(s->active);
	free(s->log_dir);
	free(s->cases_dir);
	free(s);
}

void service_end(struct service *s, bool keep)
{
	bool hangs = false;

	if (!s)
		return;
	service_clock_stop(s);
	service_follow_stop(s);
	service_finder_stop(s);
	hangs = !viewers_end(s->viewers, keep);
	people_free(s->people);
	service_marks_end(s);
	hangs = !searches_free(s->searches) || hangs;
	if (!hangs)
		registry_free(s->registry);
	audit_behind_free(s->behind);
	if (s->log && s->started)
		record_stop(s);
	audit_close(s->log);
	release(s);
}

/* ---- a mount of one's own ---------------------------------------------------------------- */

int service_new_personal(struct personal *own, const struct channel_start *start,
	struct audit_log *log, struct service **out, struct err *e)
{
	struct service *s = begin(NULL, start);

	if (!s)
		return err_errno(e, ENOMEM, "mount");
	s->own = own;
	s->log = log;
	if (asprintf(&s->log_dir, "%s/log", start->config.state_dir) < 0) {
		s->log_dir = NULL;
		service_free_personal(s);
		return err_errno(e, ENOMEM, "mount");
	}
	*out = s;
	return 0;
}

bool service_free_personal(struct service *s)
{
	if (!s)
		return true;
	service_finder_stop(s);
	if (!searches_free(s->searches))
		return false;
	service_marks_end(s);
	release(s);
	return true;
}
