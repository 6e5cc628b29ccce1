/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.c - slow requests of the service; see jobs.h. */
#include "starter/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/now.h"
#include "base/thread.h"
#include "image/find.h"
#include "starter/users.h"

#define STACK_BYTES (512 * 1024)

struct job {
	struct jobs *jobs;
	int sock;
	uint32_t id;
	unsigned service;
	void (*run)(struct job *j);
	char path[4096];               /* image */
	struct channel_session wanted; /* mount */
};

/* What was not there or went wrong, in words; whoever asked may be gone. */
static void refuse(struct job *j, int r, const struct err *e)
{
	message_fail(j->sock, j->id, r, err_text(e, r));
}

/* ---- an image ----------------------------------------------------------- */

/* A file of the kernel's own making is no evidence: /proc/1/mem is a regular file. */
static bool is_made_up(int fd)
{
	static const unsigned long kinds[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC,
		TRACEFS_MAGIC, SECURITYFS_MAGIC, SELINUX_MAGIC, CGROUP_SUPER_MAGIC,
		CGROUP2_SUPER_MAGIC, BPF_FS_MAGIC, PSTOREFS_MAGIC, EFIVARFS_MAGIC, NSFS_MAGIC,
		DEVPTS_SUPER_MAGIC, 0x62656570 /* configfs */};
	struct statfs s;

	if (fstatfs(fd, &s) < 0)
		return true;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (((unsigned long)s.f_type & 0xffffffffu) == kinds[i])
			return true;
	}
	return false;
}

static int check_image(const struct job *j, const struct image_files *f, struct err *e)
{
	if (f->n > MESSAGE_SEGMENTS)
		return err_set(
			e, E2BIG, "%s: has more than %d segments", j->path, MESSAGE_SEGMENTS);
	for (size_t i = 0; i < f->n; i++) {
		if (is_made_up(f->v[i].fd))
			return err_set(e, EINVAL, "%s: is of the kernel's own making, no image",
				f->v[i].path);
	}
	return 0;
}

/* One PART from segment *@at on, as many as fit. */
static int send_part(struct job *j, const struct image_files *f, size_t *at)
{
	struct buf b = BUF_INIT;
	struct buf body = BUF_INIT;
	int fds[MESSAGE_FDS];
	uint32_t n = 0;
	int r = 0;

	for (; *at < f->n && n < MESSAGE_FDS; (*at)++, n++) {
		const struct image_file *v = &f->v[*at];

		if (body.len + strlen(v->path) + 32 > MESSAGE_MAX - MESSAGE_HEADER)
			break;
		buf_put_blob(&body, v->path, strlen(v->path));
		buf_put_u64(&body, v->size);
		buf_put_u64(&body, (uint64_t)v->mtime_ns);
		fds[n] = v->fd;
	}
	message_begin(&b, MESSAGE_PART, j->id);
	buf_put_u32(&b, n);
	buf_put(&b, body.data, body.len);
	r = body.error ? body.error : message_send(j->sock, &b, fds, n);
	buf_release(&body);
	buf_release(&b);
	return r;
}

static int send_image(struct job *j, const struct image_files *f)
{
	struct buf b = BUF_INIT;
	size_t at = 0;
	int r = 0;

	while (at < f->n && r == 0)
		r = send_part(j, f, &at);
	message_begin(&b, MESSAGE_DONE, j->id);
	buf_put_u8(&b, (uint8_t)f->format);
	buf_put_u32(&b, (uint32_t)f->n);
	if (r == 0)
		r = message_send(j->sock, &b, NULL, 0);
	buf_release(&b);
	return r;
}

static void run_image(struct job *j)
{
	struct image_files f = {.n = 0};
	struct err e = {0};
	char *name = NULL;
	int r = image_find(j->path, &f, &name, &e);

	if (r == 0) {
		r = check_image(j, &f, &e);
		if (r == 0)
			r = send_image(j, &f);
		image_files_close(&f);
	}
	if (r < 0)
		refuse(j, r, &e);
	free(name);
}

/* ---- a mount ------------------------------------------------------------ */

static int send_mount(void *ctx, const struct channel_session *s)
{
	struct job *j = ctx;
	struct buf b = BUF_INIT;
	const int fds[] = {s->fuse_fd, s->table_fd};
	int r = 0;

	message_begin(&b, MESSAGE_DONE, j->id);
	message_put_session(&b, s);
	r = message_send(j->sock, &b, fds, 2);
	buf_release(&b);
	return r;
}

/* Nobody is who the service says he is. */
static int check_user(const struct job *j, struct err *e)
{
	const struct channel_session *w = &j->wanted;
	const struct config *c = j->jobs->config;
	struct users_entry u = {.uid = 0};
	int r = 0;

	if (w->uid == 0 || w->uid == c->uid || w->uid == c->worker_uid || w->uid == c->keyd_uid ||
		w->uid >= UINT32_MAX)
		return err_set(e, EPERM, "uid %u gets no session", (unsigned)w->uid);
	r = users_by_uid(w->uid, &u);
	if (r < 0)
		return err_errno(e, -r, "uid %u cannot be looked up", (unsigned)w->uid);
	if (r == 0)
		return err_set(e, ENOENT, "there is no user with uid %u", (unsigned)w->uid);
	if (strcmp(u.name, w->name) != 0 || u.gid != w->gid || !users_name_ok(u.name))
		return err_set(e, EPERM, "uid %u has another name or group now", (unsigned)w->uid);
	return 0;
}

static void run_mount(struct job *j)
{
	struct err e = {0};
	int r = check_user(j, &e);
	int n = 0;

	if (r == 0) {
		n = snprintf(j->wanted.mountpoint, sizeof(j->wanted.mountpoint), "%s/%s",
			j->jobs->sessions->root, j->wanted.name);
		if (n < 0 || (size_t)n >= sizeof(j->wanted.mountpoint))
			r = err_set(&e, ENAMETOOLONG, "mount_root is too long");
	}
	if (r == 0)
		r = sessions_mount(j->jobs->sessions, j->service, &j->wanted, send_mount, j, &e);
	if (r < 0)
		refuse(j, r, &e);
}

/* ---- threads ------------------------------------------------------------ */

void jobs_init(struct jobs *j, const struct config *c, struct sessions *s)
{
	*j = (struct jobs){.config = c, .sessions = s};
	pthread_mutex_init(&j->lock, NULL);
	thread_cond_init(&j->fewer);
}

static void *job_main(void *arg)
{
	struct job *j = arg;
	struct jobs *all = j->jobs;

	j->run(j);
	close(j->sock);
	free(j);
	pthread_mutex_lock(&all->lock);
	all->running--;
	pthread_cond_broadcast(&all->fewer);
	pthread_mutex_unlock(&all->lock);
	return NULL;
}

static int begin_thread(struct job *j)
{
	pthread_attr_t at;
	pthread_t thread;
	int r = pthread_attr_init(&at);

	if (r)
		return -r;
	pthread_attr_setstacksize(&at, STACK_BYTES);
	pthread_attr_setdetachstate(&at, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&thread, &at, job_main, j);
	pthread_attr_destroy(&at);
	return -r;
}

/* Takes @j. Signals are blocked in the main thread, and so in all. */
static void begin(struct job *j)
{
	struct jobs *all = j->jobs;
	int r = 0;

	pthread_mutex_lock(&all->lock);
	if (all->running >= 2 * MESSAGE_SLOW) /* some may be of a service that is gone */
		r = -EBUSY;
	else
		all->running++;
	pthread_mutex_unlock(&all->lock);
	if (r == 0 && j->sock < 0)
		r = -EMFILE;
	else if (r == 0)
		r = begin_thread(j);
	if (r == 0)
		return;
	if (r != -EBUSY) {
		pthread_mutex_lock(&all->lock);
		all->running--;
		pthread_mutex_unlock(&all->lock);
	}
	if (j->sock >= 0) {
		refuse(j, r, NULL);
		close(j->sock);
	}
	free(j);
}

static struct job *job_new(struct jobs *all, int sock, unsigned service, uint32_t id)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j) {
		message_fail(sock, id, -ENOMEM, "the starter has no memory");
		return NULL;
	}
	j->jobs = all;
	j->sock = fcntl(sock, F_DUPFD_CLOEXEC, 3);
	j->id = id;
	j->service = service;
	return j;
}

static int job_bad(struct job *j)
{
	if (j->sock >= 0)
		close(j->sock);
	free(j);
	return -EPROTO;
}

int jobs_image(struct jobs *all, int sock, unsigned service, struct message *m)
{
	struct job *j = job_new(all, sock, service, m->id);

	if (!j)
		return 0;
	j->run = run_image;
	if (message_text(&m->payload, j->path, sizeof(j->path)) < 0 || cur_left(&m->payload) > 0)
		return job_bad(j);
	if (j->path[0] != '/') {
		message_fail(sock, m->id, -EINVAL, "an image is opened by its absolute path");
		job_bad(j);
		return 0;
	}
	begin(j);
	return 0;
}

int jobs_mount(struct jobs *all, int sock, unsigned service, struct message *m)
{
	struct job *j = job_new(all, sock, service, m->id);

	if (!j)
		return 0;
	j->run = run_mount;
	j->wanted.uid = cur_u32(&m->payload);
	j->wanted.gid = cur_u32(&m->payload);
	if (message_text(&m->payload, j->wanted.name, sizeof(j->wanted.name)) < 0 ||
		m->payload.bad || cur_left(&m->payload) > 0)
		return job_bad(j);
	begin(j);
	return 0;
}

bool jobs_wait(struct jobs *j, int ms)
{
	struct timespec until = now_plus(CLOCK_MONOTONIC, ms * NOW_MS);
	bool none = false;

	pthread_mutex_lock(&j->lock);
	while (j->running > 0 && pthread_cond_timedwait(&j->fewer, &j->lock, &until) != ETIMEDOUT)
		;
	none = j->running == 0;
	pthread_mutex_unlock(&j->lock);
	return none;
}
