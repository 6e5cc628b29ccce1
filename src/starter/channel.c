/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.c - the service's end; see channel.h.
 *
 * Each request is a `struct call` on the stack of the thread that waits for it.
 * One thread takes the answers and hands each to its call. It is started by the
 * first request and not before: until the sandbox stands there is one thread.
 */
#include "starter/channel.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "starter/message.h"

/* A request that waits for its answer. */
struct call {
	uint32_t id;
	bool done;
	int result; /* 0; -errno, said in words in err */
	struct err err;
	struct buf answer;        /* payload of DONE */
	int fds[2];               /* of DONE */
	struct image_files files; /* of the PARTs */
	pthread_cond_t ready;
	struct call *next;
};

struct channel {
	int fd;
	pid_t starter;
	pthread_mutex_t lock; /* over all below */
	pthread_cond_t ended;
	struct call *calls;
	uint32_t next_id;
	pthread_t reader;
	bool reading;
	bool end;  /* asked to */
	bool gone; /* the starter, or what it says makes no sense */
	sem_t slow;
	struct spawner *spawner;
	_Atomic unsigned workers; /* that run now */
};

/* ---- answers ------------------------------------------------------------ */

static struct call *find_call(struct channel *c, uint32_t id)
{
	struct call *k = c->calls;

	while (k && k->id != id)
		k = k->next;
	return k;
}

static int keep_segment(struct message *m, size_t i, struct image_files *files)
{
	char path[4096];
	struct image_file f = {.fd = -1};
	struct image_file *v = NULL;
	int r = message_text(&m->payload, path, sizeof(path));

	f.size = cur_u64(&m->payload);
	f.mtime_ns = (int64_t)cur_u64(&m->payload);
	if (r < 0 || m->payload.bad || files->n >= MESSAGE_SEGMENTS)
		return -EPROTO;
	if ((files->n & (files->n + 1)) == 0) { /* 0, 1, 3, 7 ...: room for as many again */
		v = realloc(files->v, (2 * files->n + 2) * sizeof(*v));
		if (!v)
			return -ENOMEM;
		files->v = v;
	}
	f.path = strdup(path);
	if (!f.path)
		return -ENOMEM;
	f.fd = message_take_fd(m, i);
	files->v[files->n++] = f;
	return 0;
}

static void on_part(struct message *m, struct call *k)
{
	uint32_t n = cur_u32(&m->payload);
	int r = n == m->n_fds ? 0 : -EPROTO;

	if (m->lost_fds)
		r = -EMFILE;
	for (uint32_t i = 0; i < n && r == 0; i++)
		r = keep_segment(m, i, &k->files);
	if (r < 0 && k->result == 0)
		k->result = err_errno(&k->err, -r, "the starter opened the image");
}

static void on_done(struct message *m, struct call *k)
{
	buf_put(&k->answer, m->payload.p, cur_left(&m->payload));
	if (k->result == 0 && (m->lost_fds || k->answer.error))
		k->result = err_errno(&k->err, m->lost_fds ? EMFILE : ENOMEM,
			"what the starter gave cannot be taken");
	for (size_t i = 0; i < 2; i++)
		k->fds[i] = message_take_fd(m, i);
	k->done = true;
}

static void on_fail(struct message *m, struct call *k)
{
	char text[ERR_TEXT_MAX];
	int code = cur_u16(&m->payload);

	if (message_text(&m->payload, text, sizeof(text)) < 0 || code == 0 || code > 4095)
		k->result = err_set(&k->err, EPROTO, "the starter refused");
	else
		k->result = err_set(&k->err, code, "%s", text);
	k->done = true;
}

/* Return: 0; -EPROTO. The lock is held. */
static int hand_on(struct channel *c, struct message *m)
{
	struct call *k = NULL;

	if (m->type == MESSAGE_END) {
		c->end = true;
		pthread_cond_broadcast(&c->ended);
		return 0;
	}
	k = find_call(c, m->id);
	if (!k)
		return -EPROTO;
	if (m->type == MESSAGE_PART)
		on_part(m, k);
	else if (m->type == MESSAGE_DONE)
		on_done(m, k);
	else if (m->type == MESSAGE_FAIL)
		on_fail(m, k);
	else
		return -EPROTO;
	if (k->done)
		pthread_cond_signal(&k->ready);
	return 0;
}

/* Nothing is answered any more. The lock is held. */
static void give_up(struct channel *c)
{
	c->gone = true;
	pthread_cond_broadcast(&c->ended);
	for (struct call *k = c->calls; k; k = k->next) {
		if (k->done)
			continue;
		k->result = err_set(&k->err, EPIPE, "the starter is gone");
		k->done = true;
		pthread_cond_signal(&k->ready);
	}
}

static void *reader_main(void *arg)
{
	struct channel *c = arg;
	uint8_t *memory = malloc(MESSAGE_MAX);
	struct message m;
	int r = memory ? 0 : -ENOMEM;

	while (r == 0) {
		r = message_recv(c->fd, memory, &m, true);
		if (r < 0)
			break;
		pthread_mutex_lock(&c->lock);
		r = hand_on(c, &m);
		pthread_mutex_unlock(&c->lock);
		message_close_fds(&m);
	}
	pthread_mutex_lock(&c->lock);
	give_up(c);
	pthread_mutex_unlock(&c->lock);
	free(memory);
	return NULL;
}

/* Signals are for other threads. The lock is held. */
static int begin_reading(struct channel *c)
{
	sigset_t all;
	sigset_t old;
	int r = 0;

	if (c->reading)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&c->reader, NULL, reader_main, c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	c->reading = r == 0;
	return -r;
}

/* ---- requests ----------------------------------------------------------- */

static void call_init(struct call *k)
{
	*k = (struct call){.id = 0, .fds = {-1, -1}};
	pthread_cond_init(&k->ready, NULL);
}

/* What was not taken out of it goes. */
static void call_release(struct call *k)
{
	for (size_t i = 0; i < 2; i++) {
		if (k->fds[i] >= 0)
			close(k->fds[i]);
	}
	image_files_close(&k->files);
	buf_release(&k->answer);
	pthread_cond_destroy(&k->ready);
}

static int take_id(struct channel *c, struct call *k)
{
	int r = begin_reading(c);

	if (r < 0)
		return r;
	if (c->gone)
		return -EPIPE;
	do
		k->id = ++c->next_id;
	while (k->id == 0 || find_call(c, k->id));
	k->next = c->calls;
	c->calls = k;
	return 0;
}

static void leave(struct channel *c, struct call *k)
{
	struct call **at = &c->calls;

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
}

/* Send the request of @type with @body and wait. Return: 0, or -errno with k->err. */
static int ask(
	struct channel *c, struct call *k, enum message_type type, const struct buf *body, int fd)
{
	struct buf b = BUF_INIT;
	int r = 0;

	pthread_mutex_lock(&c->lock);
	r = take_id(c, k);
	pthread_mutex_unlock(&c->lock);
	if (r < 0)
		return err_errno(&k->err, -r, "the starter cannot be asked");
	message_begin(&b, type, k->id);
	if (body && body->error)
		r = body->error;
	else if (body)
		buf_put(&b, body->data, body->len);
	if (r == 0)
		r = message_send(c->fd, &b, &fd, fd >= 0);
	buf_release(&b);
	pthread_mutex_lock(&c->lock);
	while (r == 0 && !k->done)
		pthread_cond_wait(&k->ready, &c->lock);
	leave(c, k);
	pthread_mutex_unlock(&c->lock);
	if (r < 0)
		return err_errno(&k->err, -r, "the starter cannot be asked");
	return k->result;
}

static int ask_slowly(
	struct channel *c, struct call *k, enum message_type type, const struct buf *body)
{
	int r = 0;

	while (sem_wait(&c->slow) < 0 && errno == EINTR)
		;
	r = ask(c, k, type, body, -1);
	sem_post(&c->slow);
	return r;
}

/* A request of one number whose answer says nothing more. */
static int ask_about(struct channel *c, enum message_type type, uint32_t number, struct err *e)
{
	struct buf body = BUF_INIT;
	struct call k;
	int r = 0;

	call_init(&k);
	if (type != MESSAGE_READY)
		buf_put_u32(&body, number);
	r = ask(c, &k, type, &body, -1);
	if (r < 0)
		err_set(e, -r, "%s", err_text(&k.err, r));
	buf_release(&body);
	call_release(&k);
	return r;
}

int channel_image(struct channel *c, const char *path, struct image_files *out, struct err *e)
{
	struct buf body = BUF_INIT;
	struct cur answer;
	struct call k;
	int r = 0;

	call_init(&k);
	buf_put_blob(&body, path, strlen(path));
	r = ask_slowly(c, &k, MESSAGE_IMAGE, &body);
	answer = cur_of(k.answer.data, k.answer.len);
	if (r == 0) {
		k.files.format = (enum image_format)cur_u8(&answer);
		if (cur_u32(&answer) != k.files.n || answer.bad || k.files.n == 0)
			r = err_set(&k.err, EPROTO, "%s: the starter lost a segment", path);
	}
	if (r < 0) {
		err_set(e, -r, "%s", err_text(&k.err, r));
	} else {
		*out = k.files;
		k.files = (struct image_files){.n = 0};
	}
	buf_release(&body);
	call_release(&k);
	return r;
}

int channel_mount(struct channel *c, uid_t uid, gid_t gid, const char *name,
	struct channel_session *out, struct err *e)
{
	struct buf body = BUF_INIT;
	struct cur answer;
	struct call k;
	int r = 0;

	call_init(&k);
	buf_put_u32(&body, uid);
	buf_put_u32(&body, gid);
	buf_put_blob(&body, name, strlen(name));
	r = ask_slowly(c, &k, MESSAGE_MOUNT, &body);
	answer = cur_of(k.answer.data, k.answer.len);
	if (r == 0 && (message_session(&answer, out) < 0 || k.fds[0] < 0 || k.fds[1] < 0))
		r = err_set(&k.err, EPROTO, "the starter mounted, and says nothing of it");
	if (r < 0) {
		err_set(e, -r, "%s", err_text(&k.err, r));
	} else {
		out->fuse_fd = k.fds[0];
		out->table_fd = k.fds[1];
		k.fds[0] = -1;
		k.fds[1] = -1;
	}
	buf_release(&body);
	call_release(&k);
	return r;
}

int channel_begun(struct channel *c, uid_t uid)
{
	return ask_about(c, MESSAGE_BEGUN, uid, NULL);
}

int channel_unmount(struct channel *c, uid_t uid, struct err *e)
{
	return ask_about(c, MESSAGE_UNMOUNT, uid, e);
}

int channel_ready(struct channel *c)
{
	return ask_about(c, MESSAGE_READY, 0, NULL);
}

int channel_exe(struct channel *c, pid_t pid, uint64_t start_time, char *out, size_t size,
	struct audit_exe_file *file)
{
	struct buf body = BUF_INIT;
	struct cur answer;
	struct call k;
	int r = 0;

	call_init(&k);
	buf_put_u32(&body, (uint32_t)pid);
	buf_put_u64(&body, start_time);
	r = ask(c, &k, MESSAGE_EXE, &body, -1);
	answer = cur_of(k.answer.data, k.answer.len);
	if (r == 0)
		r = message_text(&answer, out, size);
	if (r == 0) {
		r = (int)strlen(out);
		file->major = cur_u32(&answer);
		file->minor = cur_u32(&answer);
		file->inode = cur_u64(&answer);
		file->ctime_ns = (int64_t)cur_u64(&answer);
	}
	buf_release(&body);
	call_release(&k);
	return r;
}

int channel_keyd(struct channel *c)
{
	struct call k;
	int r = 0;

	call_init(&k);
	r = ask(c, &k, MESSAGE_KEYD, NULL, -1);
	if (r == 0) {
		r = k.fds[0] < 0 ? -EPROTO : k.fds[0];
		k.fds[0] = -1;
	}
	call_release(&k);
	return r;
}

/* ---- workers ------------------------------------------------------------ */

static int run_worker(void *ctx, int sock, pid_t *pid)
{
	struct call k;
	struct cur answer;
	int r = 0;

	call_init(&k);
	r = ask(ctx, &k, MESSAGE_RUN, NULL, sock);
	answer = cur_of(k.answer.data, k.answer.len);
	if (r == 0) {
		*pid = (pid_t)cur_u32(&answer);
		((struct channel *)ctx)->workers++;
	}
	call_release(&k);
	return r;
}

static int reap_worker(void *ctx, pid_t pid, int *status)
{
	struct buf body = BUF_INIT;
	struct call k;
	struct cur answer;
	int r = 0;

	call_init(&k);
	buf_put_u32(&body, (uint32_t)pid);
	r = ask(ctx, &k, MESSAGE_REAP, &body, -1);
	answer = cur_of(k.answer.data, k.answer.len);
	if (r == 0) {
		*status = (int)cur_u32(&answer);
		((struct channel *)ctx)->workers--;
	}
	buf_release(&body);
	call_release(&k);
	return r;
}

unsigned channel_workers(struct channel *c)
{
	return c->workers;
}

struct spawner *channel_spawner(struct channel *c)
{
	return c->spawner;
}

/* ---- begin and end ------------------------------------------------------ */

static int take_start(struct channel *c, struct message *m, struct channel_start *s, size_t *n)
{
	struct config config;
	uint32_t version = cur_u32(&m->payload);
	int r = 0;

	c->starter = (pid_t)cur_u32(&m->payload);
	s->restarts = cur_u32(&m->payload);
	if (m->type != MESSAGE_START || version != MESSAGE_VERSION || m->n_fds != 1 ||
		message_text(&m->payload, s->boot_id, sizeof(s->boot_id)) < 0)
		return -EPROTO;
	r = config_decode(&m->payload, &config);
	if (r < 0)
		return r;
	s->config = config;
	*n = cur_u32(&m->payload);
	if (m->payload.bad || *n > 1000000)
		return -EPROTO;
	s->sessions = calloc(*n + 1, sizeof(*s->sessions));
	s->listen_fd = message_take_fd(m, 0);
	return s->sessions ? 0 : -ENOMEM;
}

static int take_session(struct message *m, struct channel_start *s)
{
	struct channel_session *k = &s->sessions[s->sessions_n];

	if (m->lost_fds)
		return -EMFILE;
	if (m->type != MESSAGE_SESSION || m->n_fds != 2 || message_session(&m->payload, k) < 0)
		return -EPROTO;
	k->fuse_fd = message_take_fd(m, 0);
	k->table_fd = message_take_fd(m, 1);
	s->sessions_n++;
	return 0;
}

static int receive_start(struct channel *c, struct channel_start *s)
{
	uint8_t *memory = malloc(MESSAGE_MAX);
	struct message m;
	size_t n = 0;
	int r = memory ? message_recv(c->fd, memory, &m, true) : -ENOMEM;

	if (r == 0) {
		r = take_start(c, &m, s, &n);
		message_close_fds(&m);
	}
	while (r == 0 && s->sessions_n < n) {
		r = message_recv(c->fd, memory, &m, true);
		if (r < 0)
			break;
		r = take_session(&m, s);
		message_close_fds(&m);
	}
	free(memory);
	return r;
}

static void close_start(struct channel_start *s)
{
	for (size_t i = 0; i < s->sessions_n; i++) {
		close(s->sessions[i].fuse_fd);
		close(s->sessions[i].table_fd);
	}
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	channel_start_release(s);
}

int channel_open(int fd, struct channel **out, struct channel_start *start, struct err *e)
{
	struct channel *c = calloc(1, sizeof(*c));
	struct channel_start got = {.listen_fd = -1};
	int r = c ? 0 : -ENOMEM;

	if (c) {
		pthread_mutex_init(&c->lock, NULL);
		pthread_cond_init(&c->ended, NULL);
		sem_init(&c->slow, 0, MESSAGE_SLOW);
		c->fd = fd;
		r = receive_start(c, &got);
	}
	if (r == 0) {
		const struct spawner_ops ops = {
			.run = run_worker, .reap = reap_worker, .parent = c->starter, .ctx = c};

		r = spawner_over(&ops, &c->spawner);
	}
	if (r < 0) {
		err_errno(e, -r, "what the starter says first cannot be taken");
		close_start(&got);
		channel_close(c);
		return r;
	}
	*start = got;
	*out = c;
	return 0;
}

void channel_start_release(struct channel_start *s)
{
	config_release(&s->config);
	free(s->sessions);
	s->sessions = NULL;
	s->sessions_n = 0;
}

pid_t channel_starter(const struct channel *c)
{
	return c->starter;
}

bool channel_wait(struct channel *c)
{
	bool asked = false;

	pthread_mutex_lock(&c->lock);
	if (begin_reading(c) < 0)
		c->gone = true;
	while (!c->end && !c->gone)
		pthread_cond_wait(&c->ended, &c->lock);
	asked = c->end;
	pthread_mutex_unlock(&c->lock);
	return asked;
}

void channel_close(struct channel *c)
{
	if (!c)
		return;
	shutdown(c->fd, SHUT_RDWR);
	if (c->reading)
		pthread_join(c->reader, NULL);
	close(c->fd);
	spawner_free(c->spawner);
	sem_destroy(&c->slow);
	pthread_cond_destroy(&c->ended);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
