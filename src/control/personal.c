/* SPDX-License-Identifier: Apache-2.0 */
/*
 * personal.c - marks and notes on a mount of one's own; see personal.h.
 *
 * Root may have a mount of his own, and is nobody in a case: policy knows him here, and
 * only here, by a number that no user has.
 */
#include "control/personal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/now.h"
#include "base/thread.h"
#include "control/server.h"
#include "control/service_private.h"
#include "mount/session.h"
#include "policy/hold.h"
#include "serve/hashes.h"

#define ROOT_IN_CASE ((uid_t)UINT32_MAX - 2)
#define OWNER_UID    65534u
#define LOOK_NS      INT64_C(1000000000) /* so often, for hashes that have come */
#define LOOK_PART    10 /* of all time at most, to compile what is withheld by them */
#define BACKLOG      16

struct personal {
	struct personal_opts o;
	struct service *service;
	struct channel_start start;
	struct caller self; /* the one user, as policy knows him */
	uint64_t case_id;   /* 0: nothing was said of this evidence yet */
	struct view_masks *masks;
	int listen_fd;
	struct server *server;
	pthread_t look;
	bool looks;
	pthread_mutex_t lock; /* over stop */
	pthread_cond_t wake;
	bool stop;
	pthread_mutex_t opening; /* the catalog is made once */
};

/* ---- who, and what ------------------------------------------------------------------------ */

static const char *key_of(const struct evidence *ev)
{
	const char *slash = strrchr(ev->dir, '/');

	return slash ? slash + 1 : ev->dir;
}

static bool is_of(const struct model_evidence *me, const struct evidence *ev)
{
	return !strcmp(me->name, ev->name) && !strcmp(me->dir, key_of(ev));
}

static struct evidence *mounted(const struct personal *p, const struct model_evidence *me)
{
	for (size_t i = 0; i < p->o.n; i++) {
		if (me->case_id == p->case_id && is_of(me, p->o.evidence[i]))
			return p->o.evidence[i];
	}
	return NULL;
}

/* The case of just this evidence; 0 none. */
static uint64_t find_case(const struct personal *p, const struct model *m)
{
	for (size_t c = 0; c < m->cases_n; c++) {
		size_t all = 0;
		size_t same = 0;

		for (size_t i = 0; i < m->evidence_n; i++) {
			const struct model_evidence *me = &m->evidence[i];

			if (me->case_id != m->cases[c].id)
				continue;
			all++;
			for (size_t k = 0; k < p->o.n; k++)
				same += is_of(me, p->o.evidence[k]);
		}
		if (all == p->o.n && same == p->o.n)
			return m->cases[c].id;
	}
	return 0;
}

static int set_self(struct personal *p, struct err *e)
{
	uid_t uid = p->o.session->uid;
	int r = identity_of(uid, &p->self.who);

	if (r)
		return err_set(e, -r, "uid %u cannot be looked up", (unsigned)uid);
	p->self.pid = getpid();
	if (uid == 0)
		p->self.who.uid = ROOT_IN_CASE;
	return 0;
}

static int begin(struct personal *p, struct err *e);

int personal_caller(struct personal *p, uid_t uid, pid_t pid, struct caller *out, struct err *e)
{
	int r = 0;

	if (uid != p->o.session->uid)
		return err_set(e, EPERM, "this mount is of another user");
	r = identity_copy(&p->self.who, &out->who);
	out->pid = pid;
	if (r)
		return err_errno(e, -r, "command");
	pthread_mutex_lock(&p->opening);
	r = p->case_id ? 0 : begin(p, e);
	pthread_mutex_unlock(&p->opening);
	return r;
}

uint64_t personal_case(const struct personal *p)
{
	return p->case_id;
}

uid_t personal_uid(const struct personal *p)
{
	return p->o.session->uid;
}

struct evidence *personal_evidence(const struct personal *p, const struct model_evidence *me)
{
	return mounted(p, me);
}

/* ---- what the mount shows ------------------------------------------------------------------- */

static bool is_plain(const struct personal *p, const struct model *m)
{
	bool plain = true;

	for (size_t i = 0; i < m->marks_n; i++)
		plain = plain && m->marks[i].act.case_id != p->case_id;
	for (size_t i = 0; i < m->notes_n; i++)
		plain = plain && m->notes[i].act.case_id != p->case_id;
	return plain;
}

static struct evidence *open_evidence(void *ctx, const struct model_evidence *me)
{
	return mounted(ctx, me);
}

static const struct withheld *withheld(void *ctx, const struct model_evidence *me)
{
	return service_withheld(((struct personal *)ctx)->service, me);
}

/* By the one user's number, under which the kernel asks; and by numbers of evidence that stay the
 * same when a catalog is made. */
static void make_own(const struct personal *p, struct view *v)
{
	v->personal = true;
	v->uid = p->o.session->uid;
	for (size_t i = 0; i < v->evidence_n; i++) {
		for (size_t k = 0; k < p->o.n; k++) {
			if (v->evidence[i].evidence == p->o.evidence[k])
				v->evidence[i].id = k + 1;
		}
	}
	for (size_t i = 0; i < v->cases_n; i++)
		v->cases[i].has_notes = v->cases[i].notes_n > 0;
}

static int compile(struct personal *p, const struct model *m, const struct moment *now,
	bool hurried, struct view **out, struct err *e)
{
	const unsigned rights =
		RIGHT_READ | RIGHT_DELETED | RIGHT_RAW | (p->o.privileged ? RIGHT_PRIVILEGED : 0);
	const struct view_sources src = {.evidence = open_evidence,
		.ctx = p,
		.clock = p->service->clock,
		.withheld = withheld,
		.masks = p->masks,
		.hurried = hurried,
		.before = session_view(p->o.session),
		.only_case = p->case_id,
		.modest = !p->o.privileged};
	int r = 0;

	if (p->case_id == 0 || is_plain(p, m))
		return view_personal(p->o.session->uid, rights, p->o.evidence, p->o.n, out, e);
	r = view_compile(m, &p->self.who, now, &src, out, e);
	if (r == 0)
		make_own(p, *out);
	return r;
}

void personal_hold(struct personal *p)
{
	session_hold(p->o.session);
}

bool personal_show(
	struct personal *p, const struct model *m, const struct moment *now, bool hurried)
{
	struct view *v = NULL;
	bool held = false;

	if (!m || compile(p, m, now, hurried, &v, NULL))
		v = NULL; /* then nothing is shown */
	held = v && v->hurried;
	session_set_view(p->o.session, v);
	return held;
}

struct view_masks *personal_masks(struct personal *p)
{
	return p->masks;
}

/* ---- the catalog ---------------------------------------------------------------------------- */

static int keep(struct personal *p, struct act *a, struct err *e)
{
	int r = service_keep(p->service, &p->self, a, e);

	act_release(a);
	return r;
}

static char *copy(const char *text, int *r)
{
	char *c = strdup(text);

	if (!c)
		*r = -ENOMEM;
	return c;
}

static struct subject user(const char *name, uid_t uid, int *r)
{
	return (struct subject){
		.kind = SUBJECT_USER, .typed = copy(name, r), .name = copy(name, r), .id = uid};
}

static struct act act_of(const struct personal *p, enum act_kind kind, int *r)
{
	return (struct act){.kind = kind,
		.case_id = p->case_id,
		.until_ns = TIME_NEVER,
		.reason = copy("a mount of one's own", r),
		.by_name = copy(p->self.who.name, r)};
}

static int add_evidence(struct personal *p, const struct evidence *ev, uint64_t *id, struct err *e)
{
	int r = 0;
	struct act a = act_of(p, ACT_ADD, &r);
	struct act release = act_of(p, ACT_RELEASE, &r);

	a.name = copy(ev->name, &r);
	a.image = copy(ev->name, &r);
	a.dir = copy(key_of(ev), &r);
	memcpy(a.digest, ev->manifest.digest, sizeof(a.digest));
	if (r == 0)
		r = service_keep(p->service, &p->self, &a, e);
	*id = a.object;
	release.object = a.object;
	act_release(&a);
	if (r == 0)
		return keep(p, &release, e);
	act_release(&release);
	return r;
}

/* The user is the officer: with `annotate` and `audit` he has all that is of use to one. */
static int make_case(struct personal *p, struct err *e)
{
	const struct model *m = &p->service->model;
	uint64_t *covers = calloc(p->o.n + 1, sizeof(*covers));
	int r = covers ? 0 : -ENOMEM;
	struct act made = act_of(p, ACT_CASE_CREATE, &r);
	struct act officer;
	struct act grant;
	char name[64] = PERSONAL_CASE;

	for (unsigned n = 2; model_case_named(m, name); n++)
		snprintf(name, sizeof(name), PERSONAL_CASE "-%u", n);
	made.name = copy(name, &r);
	made.who = user("nobody", OWNER_UID, &r);
	if (r == 0)
		r = service_keep(p->service, &p->self, &made, e);
	p->case_id = r == 0 ? made.object : 0;
	act_release(&made);
	officer = act_of(p, ACT_CASE_OFFICER, &r);
	officer.who = user(p->self.who.name, p->self.who.uid, &r);
	r = r ? r : service_keep(p->service, &p->self, &officer, e);
	act_release(&officer);
	for (size_t i = 0; r == 0 && i < p->o.n; i++)
		r = add_evidence(p, p->o.evidence[i], &covers[i], e);
	grant = act_of(p, ACT_GRANT, &r);
	grant.who = user(p->self.who.name, p->self.who.uid, &r);
	grant.rights = HOLD_REVIEWER | RIGHT_ANNOTATE | RIGHT_AUDIT;
	grant.covers = covers;
	grant.covers_n = p->o.n;
	r = r ? r : service_keep(p->service, &p->self, &grant, e);
	act_release(&grant);
	if (r)
		p->case_id = 0;
	return r == -ENOMEM ? err_errno(e, ENOMEM, "the case of this mount") : r;
}

static int open_catalog(struct personal *p, struct err *e)
{
	int r = p->service->store ? 0 : service_open_catalog(p->service, e);

	if (r == 0)
		r = service_finder_start(p->service, e);
	if (r == 0 && !p->service->clock)
		r = service_open_clock(p->service, e);
	if (r == 0)
		p->case_id = find_case(p, &p->service->model);
	return r;
}

/* The first command of all on this evidence. */
static int begin(struct personal *p, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&p->service->acting);
	r = open_catalog(p, e);
	if (r == 0 && p->case_id == 0)
		r = make_case(p, e);
	pthread_mutex_unlock(&p->service->acting);
	return r;
}

/* ---- hashes that come later -------------------------------------------------------------------
 */

/*
 * Copies are followed as far as hashes are known: those of a new mount come behind it. What is
 * looked for in free space is found behind, too.
 */
static uint64_t found(const struct personal *p)
{
	struct hashes_status h;
	uint64_t n = p->service->searches ? searches_done(p->service->searches) : 0;

	for (size_t i = 0; i < p->o.n; i++) {
		if (!p->o.evidence[i]->hashes)
			continue;
		hashes_status(p->o.evidence[i]->hashes, &h);
		n += h.traces_hashed + h.traces_unreadable;
	}
	return n;
}

/* With the lock. */
static void wait_for(struct personal *p, int64_t ns)
{
	int64_t until = now_ns(CLOCK_MONOTONIC) + ns;
	struct timespec t = now_at(until);

	while (!p->stop && pthread_cond_timedwait(&p->wake, &p->lock, &t) == 0)
		;
}

static uint64_t found_now(struct personal *p)
{
	uint64_t n = 0;

	pthread_mutex_lock(&p->service->acting);
	n = p->case_id ? found(p) : 0;
	pthread_mutex_unlock(&p->service->acting);
	return n;
}

static void follow(struct personal *p)
{
	struct service *s = p->service;

	pthread_mutex_lock(&s->acting);
	if (s->model.marks_n > 0 && service_marks_refresh(s, 0))
		service_refresh(s);
	pthread_mutex_unlock(&s->acting);
	service_marks_settled(s, FINDER_ALWAYS);
}

static void *look_main(void *arg)
{
	struct personal *p = arg;
	uint64_t seen = 0;
	int64_t pause = LOOK_NS;

	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		uint64_t now = 0;

		wait_for(p, pause);
		pause = LOOK_NS;
		now = found_now(p);
		if (p->stop || now == seen)
			continue;
		seen = now;
		pthread_mutex_unlock(&p->lock);
		pause = now_ns(CLOCK_MONOTONIC);
		follow(p);
		pause = (now_ns(CLOCK_MONOTONIC) - pause) * LOOK_PART;
		pause = pause < LOOK_NS ? LOOK_NS : pause;
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* ---- begin and end --------------------------------------------------------------------------- */

static int read_boot_id(char out[static 37], struct err *e)
{
	char *text = NULL;
	int r = file_read("/proc/sys/kernel/random/boot_id", 64, &text, e);

	if (r == 0)
		snprintf(out, 37, "%.36s", text);
	free(text);
	return r;
}

static int set_config(struct personal *p, struct err *e)
{
	struct config *c = &p->start.config;
	int r = config_defaults(c);

	if (r)
		return err_errno(e, -r, "mount");
	free(c->state_dir);
	free(c->mount_root);
	c->state_dir = strdup(p->o.dir);
	c->mount_root = strdup(p->o.session->mountpoint);
	c->uid = p->o.session->uid;
	c->gid = p->o.session->gid;
	p->start.listen_fd = -1;
	return c->state_dir && c->mount_root ? read_boot_id(p->start.boot_id, e)
					     : err_errno(e, ENOMEM, "mount");
}

/* What was said of this evidence before is in force before anything is shown. */
static int take_up(struct personal *p, struct err *e)
{
	char *path = NULL;
	bool there = false;
	int r = 0;

	if (asprintf(&path, "%s/catalog.db", p->o.dir) < 0)
		return err_errno(e, ENOMEM, "mount");
	there = access(path, F_OK) == 0;
	free(path);
	if (!there)
		return 0;
	pthread_mutex_lock(&p->service->acting);
	r = open_catalog(p, e);
	if (r == 0) {
		service_marks_refresh(p->service, MARKS_START_MS);
		pthread_mutex_lock(&p->service->showing);
		service_show(p->service, false);
		pthread_mutex_unlock(&p->service->showing);
	}
	pthread_mutex_unlock(&p->service->acting);
	return r;
}

int personal_new(const struct personal_opts *o, struct personal **out, struct err *e)
{
	struct personal *p = calloc(1, sizeof(*p));
	int r = 0;

	if (!p)
		return err_errno(e, ENOMEM, "mount");
	p->o = *o;
	p->listen_fd = -1;
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->opening, NULL);
	thread_cond_init(&p->wake);
	p->masks = view_masks_new();
	r = p->masks ? set_config(p, e) : err_errno(e, ENOMEM, "mount");
	if (r == 0)
		r = set_self(p, e);
	if (r == 0)
		r = service_new_personal(p, &p->start, o->session->log, &p->service, e);
	if (r == 0)
		r = take_up(p, e);
	if (r) {
		personal_free(p);
		return r;
	}
	*out = p;
	return 0;
}

/* In a folder that only its user enters; found through a descriptor, as its path may be long. */
static int listen_in(const char *dir, int *out, struct err *e)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = at < 0 || fd < 0 ? -errno : 0;

	if (r == 0) {
		unlinkat(at, PERSONAL_SOCKET, 0);
		snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/" PERSONAL_SOCKET, at);
		if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) || listen(fd, BACKLOG))
			r = -errno;
	}
	if (at >= 0)
		close(at);
	if (r == 0) {
		*out = fd;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	return err_errno(e, -r, "%s/" PERSONAL_SOCKET, dir);
}

int personal_start(struct personal *p, struct err *e)
{
	int r = listen_in(p->o.dir, &p->listen_fd, e);

	if (r == 0)
		r = server_new(p->listen_fd, p->service, NULL, &p->server, e);
	if (r)
		return r;
	r = thread_start(&p->look, look_main, p);
	p->looks = r == 0;
	return r ? err_errno(e, r, "the thread that looks for hashes") : 0;
}

void personal_stop(struct personal *p)
{
	if (!p)
		return;
	server_free(p->server);
	p->server = NULL;
	if (p->listen_fd >= 0)
		close(p->listen_fd);
	p->listen_fd = -1;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	if (p->service)
		service_finder_stop(p->service);
	if (p->looks)
		pthread_join(p->look, NULL);
	p->looks = false;
}

bool personal_free(struct personal *p)
{
	if (!p)
		return true;
	personal_stop(p);
	if (!service_free_personal(p->service))
		return false;
	view_masks_free(p->masks);
	identity_release(&p->self.who);
	config_release(&p->start.config);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->opening);
	pthread_mutex_destroy(&p->lock);
	free(p);
	return true;
}
