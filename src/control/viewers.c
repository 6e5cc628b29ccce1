/* SPDX-License-Identifier: Apache-2.0 */
/*
 * viewers.c - every user's session; see viewers.h.
 *
 * The thread that begins and ends mounts takes from two lists: users whose session has
 * ended go first, so that one who is granted something again is mounted again.
 */
#include "control/viewers.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/now.h"
#include "base/thread.h"
#include "mount/session.h"
#include "policy/view.h"

struct user {
	uid_t uid;
	struct viewers *all;
	struct session *session;
	struct session_hooks hooks;
	bool fresh; /* begun, and not refreshed yet */
	struct user *next;
};

struct viewers {
	struct viewers_opts o;
	struct view_masks *masks;
	pthread_mutex_t lock; /* over what follows */
	pthread_cond_t work;  /* for the thread */
	pthread_cond_t idle;
	struct user *first;
	struct user *ended; /* nothing is seen through them; to be unmounted */
	uid_t *wanted;      /* users to be mounted for */
	size_t wanted_n;
	bool busy; /* the thread is at one of them */
	bool stop;
	bool again;         /* something could not be done: try at the next refresh */
	_Atomic bool hangs; /* reads of a session that has ended hang in storage */
	bool held;
	_Atomic unsigned count;
	pthread_t thread;
	bool runs;
};

/* ---- what a session asks of the starter -------------------------------------------- */

static int on_exe(void *ctx, pid_t pid, uint64_t start_time, char *out, size_t size,
	struct audit_exe_file *file)
{
	const struct user *u = ctx;

	return channel_exe(u->all->o.ch, pid, start_time, out, size, file);
}

static void on_begun(void *ctx)
{
	const struct user *u = ctx;

	channel_begun(u->all->o.ch, u->uid);
}

/* ---- views ----------------------------------------------------------------------------- */

static struct evidence *open_evidence(void *ctx, const struct model_evidence *m)
{
	return registry_get(((struct viewers *)ctx)->o.registry, m);
}

static const struct withheld *withheld(void *ctx, const struct model_evidence *m)
{
	const struct viewers_opts *o = &((struct viewers *)ctx)->o;

	return o->withheld(o->withheld_ctx, m);
}

/* What @u may see; NULL: it cannot be told, so nothing. With the lock. */
static struct view *view_of(struct viewers *all, const struct model *m, const struct user *u,
	const struct moment *now, bool hurried)
{
	const struct view_sources src = {.evidence = open_evidence,
		.ctx = all,
		.clock = all->o.clock,
		.withheld = all->o.withheld ? withheld : NULL,
		.masks = all->masks,
		.hurried = hurried,
		.before = session_view(u->session)};
	const uid_t uid = u->uid;
	struct identity who = {.uid = uid};
	struct view *v = NULL;
	struct err e = {0};
	int r = people_identity(all->o.people, uid, &who);

	if (r == 0)
		r = view_compile(m, &who, now, &src, &v, &e);
	if (r && r != -ENOENT)
		fprintf(stderr, "evidencefsd: nothing is shown to uid %u: %s\n", (unsigned)uid,
			err_text(&e, r));
	if (r)
		all->again = true;
	identity_release(&who);
	return r ? NULL : v;
}

/* ---- one user's session ------------------------------------------------------------------ */

static uint64_t record(struct viewers *all, uid_t uid, bool begins)
{
	struct audit_event ev = {.type = AUDIT_SESSION,
		.decision = AUDIT_ALLOWED,
		.uid = uid,
		.gid = uid,
		.pid = (uint32_t)getpid(),
		.loginuid = AUDIT_NO_LOGINUID,
		.length = begins};

	return audit_append(all->o.log, &ev) ? 0 : ev.seq;
}

/* Takes the descriptors in @m. Requests wait for the first view. */
static int begin(struct user *u, const struct channel_session *m, struct err *e)
{
	const struct viewers_opts *all = &u->all->o;
	const struct session_opts o = {.uid = m->uid,
		.gid = m->gid,
		.degrade = all->degrade,
		.mountpoint = m->mountpoint,
		.log = all->log,
		.behind = all->behind,
		.fuse_fd = m->fuse_fd,
		.init = m->init,
		.init_len = m->init_len,
		.begun = m->begun,
		.table_fd = m->table_fd,
		.awake = all->awake,
		.privacy_txt = all->privacy_txt,
		.hooks = &u->hooks};
	int r = session_new(&o, NULL, &u->session, e);

	close(m->table_fd); /* it is mapped */
	if (r == 0)
		r = session_start(u->session, e);
	return r;
}

static struct user *user_new(struct viewers *all, uid_t uid)
{
	struct user *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->uid = uid;
	u->all = all;
	u->hooks = (struct session_hooks){.exe = on_exe, .begun = on_begun, .ctx = u};
	u->fresh = true;
	return u;
}

/* Nothing is seen through it any more, but for one that the next service is to serve. */
static void stop(struct user *u, bool keep)
{
	if (u->session && !session_stop(u->session, keep))
		u->all->hangs = true;
	session_free(u->session);
	u->session = NULL;
}

static void unmount(struct viewers *all, uid_t uid)
{
	struct err e = {0};

	if (channel_unmount(all->o.ch, uid, &e))
		fprintf(stderr, "evidencefsd: session of uid %u: %s\n", (unsigned)uid, e.text);
}

/* With the mount that @m says. Return: 0 and *@out, in no list yet; else it is unmounted. */
static int take_mount(
	struct viewers *all, const struct channel_session *m, struct user **out, struct err *e)
{
	struct user *u = user_new(all, m->uid);
	int r = 0;

	if (u) {
		r = begin(u, m, e);
	} else {
		r = err_errno(e, ENOMEM, "session");
		close(m->fuse_fd);
		close(m->table_fd);
	}
	if (r == 0) {
		*out = u;
		return 0;
	}
	if (u)
		stop(u, false);
	free(u);
	unmount(all, m->uid);
	return r;
}

/* With the lock. */
static void enter(struct viewers *all, struct user *u)
{
	u->next = all->first;
	all->first = u;
	all->count++;
}

void viewers_adopt(struct viewers *all, const struct channel_session *s)
{
	struct user *u = NULL;
	struct err e = {0};
	int r = take_mount(all, s, &u, &e);

	pthread_mutex_lock(&all->lock);
	if (r)
		fprintf(stderr, "evidencefsd: session of uid %u is ended: %s\n", (unsigned)s->uid,
			err_text(&e, r));
	else
		enter(all, u);
	pthread_mutex_unlock(&all->lock);
}

static bool is_in(uid_t uid, const uid_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (v[i] == uid)
			return true;
	}
	return false;
}

static bool has_session(const struct viewers *all, uid_t uid)
{
	for (const struct user *u = all->first; u; u = u->next) {
		if (u->uid == uid)
			return true;
	}
	return false;
}

/* ---- mounts come and go ------------------------------------------------------------------- */

/* Without the lock: NSS, the starter and the kernel may take their time. */
static int mount_for(struct viewers *all, uid_t uid, struct user **out, struct err *e)
{
	struct channel_session mounted = {.fuse_fd = -1, .table_fd = -1};
	struct identity who = {.uid = uid};
	int r = people_identity(all->o.people, uid, &who);

	if (r == 0)
		r = channel_mount(all->o.ch, uid, who.gid, who.name, &mounted, e);
	if (r == 0)
		r = take_mount(all, &mounted, out, e);
	identity_release(&who);
	return r;
}

/* With the lock, which is let go meanwhile. */
static void begin_one(struct viewers *all)
{
	uid_t uid = all->wanted[--all->wanted_n];
	struct user *u = NULL;
	struct err e = {0};
	int r = 0;

	if (has_session(all, uid)) /* wanted once more while it was begun */
		return;
	pthread_mutex_unlock(&all->lock);
	r = mount_for(all, uid, &u, &e);
	if (r == 0)
		session_set_record(u->session, record(all, uid, true));
	else
		fprintf(stderr, "evidencefsd: no session for uid %u: %s\n", (unsigned)uid,
			err_text(&e, r));
	pthread_mutex_lock(&all->lock);
	if (r)
		all->again = true;
	else
		enter(all, u);
	if (r == 0) {
		pthread_mutex_unlock(&all->lock);
		all->o.begun(all->o.ctx);
		pthread_mutex_lock(&all->lock);
	}
}

static void end_one(struct viewers *all)
{
	struct user *u = all->ended;

	all->ended = u->next;
	pthread_mutex_unlock(&all->lock);
	stop(u, false); /* a thread of it may be waiting for storage */
	unmount(all, u->uid);
	record(all, u->uid, false);
	free(u);
	pthread_mutex_lock(&all->lock);
}

static bool is_settled(const struct viewers *all)
{
	bool fresh = false;

	for (const struct user *u = all->first; u; u = u->next)
		fresh |= u->fresh;
	return !fresh && !all->busy && !all->ended && all->wanted_n == 0;
}

static void *mounts_main(void *arg)
{
	struct viewers *all = arg;

	pthread_mutex_lock(&all->lock);
	while (!all->stop) {
		all->busy = all->ended || all->wanted_n > 0;
		if (all->ended)
			end_one(all);
		else if (all->wanted_n > 0)
			begin_one(all);
		else
			pthread_cond_wait(&all->work, &all->lock);
		all->busy = false;
		pthread_cond_broadcast(&all->idle);
	}
	pthread_mutex_unlock(&all->lock);
	return NULL;
}

void viewers_settled(struct viewers *all, unsigned ms)
{
	struct timespec until = now_plus(CLOCK_MONOTONIC, ms * NOW_MS);

	pthread_mutex_lock(&all->lock);
	while (!is_settled(all) && pthread_cond_timedwait(&all->idle, &all->lock, &until) == 0)
		;
	pthread_mutex_unlock(&all->lock);
}

/* ---- all of them ----------------------------------------------------------------------------- */

void viewers_hold(struct viewers *all)
{
	pthread_mutex_lock(&all->lock);
	all->held = true;
	for (struct user *u = all->first; u; u = u->next)
		session_hold(u->session);
	pthread_mutex_unlock(&all->lock);
}

bool viewers_held(struct viewers *all)
{
	bool held = false;

	pthread_mutex_lock(&all->lock);
	held = all->held;
	pthread_mutex_unlock(&all->lock);
	return held;
}

static bool show(struct viewers *all, const struct model *m, const struct moment *now, bool hurried)
{
	bool held = false;

	for (struct user *u = all->first; u; u = u->next) {
		struct view *v = view_of(all, m, u, now, hurried);

		held = held || (v && v->hurried);
		session_swap_view(u->session, v);
	}
	for (struct user *u = all->first; u; u = u->next) {
		session_settle(u->session);
		u->fresh = false;
	}
	all->held = false;
	return held;
}

struct view_masks *viewers_masks(struct viewers *all)
{
	return all->masks;
}

/* Sessions of users that are not in @uids end. */
static void end_others(struct viewers *all, const uid_t *uids, size_t n)
{
	for (struct user **link = &all->first; *link;) {
		struct user *u = *link;

		if (is_in(u->uid, uids, n)) {
			link = &u->next;
			continue;
		}
		*link = u->next;
		all->count--;
		session_set_view(u->session, NULL);
		u->next = all->ended;
		all->ended = u;
	}
}

/* @uids is used up: what is left in it is wanted. */
static void want(struct viewers *all, uid_t *uids, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (!has_session(all, uids[i]))
			uids[kept++] = uids[i];
	}
	free(all->wanted);
	all->wanted = uids;
	all->wanted_n = kept;
}

static int members_of(void *ctx, const struct subject *s, uid_t **out, size_t *n)
{
	return people_members(ctx, s, out, n);
}

bool viewers_refresh(
	struct viewers *all, const struct model *m, const struct moment *now, bool hurried)
{
	const struct view_people people = {members_of, all->o.people};
	struct err e = {0};
	uid_t *uids = NULL;
	size_t n = 0;
	bool held = false;
	int r = 0;

	pthread_mutex_lock(&all->lock);
	all->again = false;
	held = show(all, m, now, hurried);
	r = view_users(m, now, all->o.clock, &people, &uids, &n, &e);
	if (r) { /* no session begins or ends; each shows what its own user may see */
		fprintf(stderr, "evidencefsd: who holds grants cannot be told: %s\n",
			err_text(&e, r));
		all->again = true;
	} else {
		end_others(all, uids, n);
		want(all, uids, n);
	}
	pthread_cond_signal(&all->work);
	pthread_cond_broadcast(&all->idle);
	pthread_mutex_unlock(&all->lock);
	return held;
}

bool viewers_again(struct viewers *all)
{
	bool again = false;

	pthread_mutex_lock(&all->lock);
	again = all->again;
	pthread_mutex_unlock(&all->lock);
	return again;
}

unsigned viewers_count(const struct viewers *all)
{
	return all->count;
}

/* ---- begin and end ------------------------------------------------------------------------ */

int viewers_new(const struct viewers_opts *o, struct viewers **out, struct err *e)
{
	struct viewers *all = calloc(1, sizeof(*all));

	if (!all)
		return err_errno(e, ENOMEM, "sessions");
	all->o = *o;
	all->masks = view_masks_new();
	if (!all->masks) {
		free(all);
		return err_errno(e, ENOMEM, "sessions");
	}
	pthread_mutex_init(&all->lock, NULL);
	pthread_cond_init(&all->work, NULL);
	thread_cond_init(&all->idle);
	all->runs = pthread_create(&all->thread, NULL, mounts_main, all) == 0;
	if (!all->runs) {
		viewers_end(all, true);
		return err_errno(e, EAGAIN, "the thread that begins and ends mounts");
	}
	*out = all;
	return 0;
}

bool viewers_end(struct viewers *all, bool keep)
{
	bool hangs = false;

	if (!all)
		return true;
	pthread_mutex_lock(&all->lock);
	all->stop = true;
	pthread_cond_signal(&all->work);
	pthread_mutex_unlock(&all->lock);
	if (all->runs)
		pthread_join(all->thread, NULL);
	while (all->first) {
		struct user *u = all->first;

		all->first = u->next;
		all->count--;
		if (keep) {
			stop(u, true);
			free(u);
		} else {
			u->next = all->ended;
			all->ended = u;
		}
	}
	pthread_mutex_lock(&all->lock);
	while (all->ended)
		end_one(all);
	pthread_mutex_unlock(&all->lock);
	free(all->wanted);
	view_masks_free(all->masks);
	pthread_cond_destroy(&all->idle);
	pthread_cond_destroy(&all->work);
	pthread_mutex_destroy(&all->lock);
	hangs = all->hangs;
	free(all);
	return !hangs;
}
