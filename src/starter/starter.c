/* SPDX-License-Identifier: Apache-2.0 */
/* starter.c - the life of the process that is root; see starter.h. */
#include "starter/starter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/now.h"
#include "starter/launch.h"
#include "starter/notify.h"
#include "starter/starter_private.h"
#include "worker/spawn.h"

#define QUICK_MS  100   /* a service that lived no longer died at once */
#define PAUSE_MS  10    /* before the next, doubled each time ... */
#define PAUSE_MAX 1000  /* ... up to this */
#define END_MS    15000 /* for a service to end in order */
#define JOBS_MS   2000
#define FILES_MAX 1048576
#define BATCH     64 /* messages looked at before signals are again */
#define ENV_MAX   8

/* ---- the service -------------------------------------------------------- */

static int send_session(void *ctx, const struct channel_session *session)
{
	struct starter *s = ctx;
	struct buf b = BUF_INIT;
	const int fds[] = {session->fuse_fd, session->table_fd};
	int r = 0;

	message_begin(&b, MESSAGE_SESSION, 0);
	message_put_session(&b, session);
	r = message_send(s->channel, &b, fds, 2);
	buf_release(&b);
	return r;
}

static int send_start(struct starter *s)
{
	struct buf b = BUF_INIT;
	int r = 0;

	message_begin(&b, MESSAGE_START, 0);
	buf_put_u32(&b, MESSAGE_VERSION);
	buf_put_u32(&b, (uint32_t)getpid());
	buf_put_u32(&b, s->restarts);
	buf_put_blob(&b, s->boot_id, strlen(s->boot_id));
	config_encode(s->o.config, &b);
	buf_put_u32(&b, (uint32_t)sessions_count(&s->sessions));
	r = message_send(s->channel, &b, &s->place.socket, 1);
	buf_release(&b);
	return r < 0 ? r : sessions_each(&s->sessions, send_session, s);
}

/* What sanitizers are told, and nothing else of the starter's environment. */
static void make_env(const struct starter *s, char *tmp, size_t size, char **env)
{
	static const char *const kept[] = {
		"ASAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS=", "LSAN_OPTIONS="};
	static char tz[] = "TZ=UTC0";
	static char locale[] = "LC_ALL=C.UTF-8";
	size_t n = 0;

	snprintf(tmp, size, "SQLITE_TMPDIR=%s", s->o.config->state_dir);
	env[n++] = tz;
	env[n++] = locale;
	env[n++] = tmp;
	for (char **p = environ; *p; p++) {
		for (size_t i = 0; i < 4 && n < ENV_MAX - 1; i++) {
			if (strncmp(*p, kept[i], strlen(kept[i])) == 0)
				env[n++] = *p;
		}
	}
	env[n] = NULL;
}

static int launch_service(struct starter *s, int end)
{
	char tmp[4200];
	char *env[ENV_MAX];
	const struct launch l = {.program = s->service_program,
		.argv = s->o.service_argv,
		.env = env,
		.dir = s->place.state,
		.fds = {end, s->place.state}};

	make_env(s, tmp, sizeof(tmp), env);
	return launch(&l, &s->service);
}

/* When the next may be started: at once, unless they die one after the other. */
static void plan_next(struct starter *s)
{
	int64_t now = now_ms(CLOCK_MONOTONIC);
	int64_t pause = 0;

	s->quick = now - s->began_ms < QUICK_MS ? s->quick + 1 : 0;
	if (s->quick > 0) {
		pause = s->quick > 8 ? PAUSE_MAX : PAUSE_MS << (s->quick - 1);
		if (pause > PAUSE_MAX)
			pause = PAUSE_MAX;
		fprintf(stderr,
			"evidencefsd: the service died at once, %u times now: "
			"the next in %lld ms\n",
			s->quick, (long long)pause);
	}
	s->begin_at_ms = now + pause;
}

static void begin_service(struct starter *s)
{
	int ends[2] = {-1, -1};
	int r = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0;

	s->began_ms = now_ms(CLOCK_MONOTONIC);
	s->dying = (struct dying){.look_ms = s->began_ms + DYING_LOOK_MS};
	if (r == 0) {
		s->channel = ends[0];
		r = launch_service(s, ends[1]);
		close(ends[1]);
	}
	if (r < 0) {
		fprintf(stderr, "evidencefsd: the service cannot be started: %s\n", strerror(-r));
		if (s->channel >= 0)
			close(s->channel);
		s->channel = -1;
		s->service = 0;
		plan_next(s);
		return;
	}
	if (send_start(s) < 0) /* it ended, or does not listen: SIGCHLD tells */
		kill(s->service, SIGKILL);
}

/* It has been reaped: nothing that it asked for goes on. */
static void service_ended(struct starter *s, int status)
{
	bool expected = s->ending && WIFEXITED(status) && WEXITSTATUS(status) == 0;

	if (!expected && WIFSIGNALED(status))
		fprintf(stderr, "evidencefsd: the service died (signal %d, %s)\n", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else if (!expected)
		fprintf(stderr, "evidencefsd: the service ended (status %d)\n",
			WEXITSTATUS(status));
	if (s->channel >= 0)
		close(s->channel);
	s->channel = -1;
	s->service = 0;
	workers_leave(&s->workers);
	s->number = sessions_next_service(&s->sessions);
	s->restarts++;
	if (!s->ending)
		plan_next(s);
}

/* Nothing is heard of it any more; slow requests that are under way notice. */
static void hang_up(struct starter *s)
{
	if (s->channel < 0)
		return;
	shutdown(s->channel, SHUT_RDWR);
	close(s->channel);
	s->channel = -1;
}

/* It broke the rules, or is deaf: SIGCHLD comes. */
static void shoot(struct starter *s, const char *why)
{
	fprintf(stderr, "evidencefsd: the service %s, and is ended\n", why);
	kill(s->service, SIGKILL);
	hang_up(s);
}

static void listen_to_service(struct starter *s)
{
	for (int i = 0; i < BATCH && s->channel >= 0; i++) {
		struct message m;
		int r = message_recv(s->channel, s->memory, &m, false);

		if (r == -EAGAIN)
			return;
		if (r == -EPIPE) {
			/* its end: SIGCHLD comes, or is made to come */
			if (!s->ending)
				kill(s->service, SIGKILL);
			hang_up(s);
			return;
		}
		if (r == 0) {
			r = requests_handle(s, &m);
			message_close_fds(&m);
		}
		if (r < 0 && r != -EPIPE) {
			shoot(s, r == -EPROTO ? "asks for what cannot be" : "takes no answer");
			return;
		}
	}
}

/* ---- signals ------------------------------------------------------------ */

static void end(struct starter *s)
{
	struct buf b = BUF_INIT;

	if (s->ending) { /* asked twice: no more waiting */
		s->end_by_ms = now_ms(CLOCK_MONOTONIC);
		return;
	}
	s->ending = true;
	s->end_by_ms = now_ms(CLOCK_MONOTONIC) + END_MS;
	notify_state("STOPPING=1");
	message_begin(&b, MESSAGE_END, 0);
	if (s->channel >= 0 && message_send(s->channel, &b, NULL, 0) < 0)
		s->end_by_ms = now_ms(CLOCK_MONOTONIC);
	buf_release(&b);
}

static void take_signals(struct starter *s)
{
	struct signalfd_siginfo i;
	int status = 0;

	while (read(s->signals, &i, sizeof(i)) == (ssize_t)sizeof(i)) {
		if (i.ssi_signo == SIGTERM || i.ssi_signo == SIGINT)
			end(s);
	}
	/* one SIGCHLD may stand for several */
	if (s->service > 0 && waitpid(s->service, &status, WNOHANG) == s->service)
		service_ended(s, status);
	workers_collect(&s->workers, requests_reaped, s);
	keyd_child_collect(&s->keyd, now_ms(CLOCK_MONOTONIC));
}

static int block_signals(struct starter *s, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signals < 0 ? err_errno(e, errno, "signalfd") : 0;
}

/* ---- its life ----------------------------------------------------------- */

/* How long to wait for something to happen. */
static int time_left(const struct starter *s)
{
	int64_t keyd = keyd_child_due(&s->keyd);
	int64_t until = s->service > 0 ? s->dying.look_ms : s->begin_at_ms;
	int64_t left = 0;

	if (s->ending && (s->service <= 0 || s->end_by_ms < until))
		until = s->end_by_ms;
	if (!s->ending && keyd < until)
		until = keyd;
	left = until - now_ms(CLOCK_MONOTONIC);
	return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static void step(struct starter *s)
{
	struct pollfd f[2] = {
		{.fd = s->signals, .events = POLLIN}, {.fd = s->channel, .events = POLLIN}};

	if (poll(f, 2, time_left(s)) < 0)
		return;
	/* what it asked before it ended is still done: an unmount, say */
	if (f[1].revents && s->channel >= 0)
		listen_to_service(s);
	if (f[0].revents)
		take_signals(s);
	if (s->service > 0)
		dying_step(&s->dying, s->service, &s->sessions, now_ms(CLOCK_MONOTONIC));
	if (!s->ending)
		keyd_child_step(&s->keyd, now_ms(CLOCK_MONOTONIC));
	if (!s->ending && s->service == 0 && now_ms(CLOCK_MONOTONIC) >= s->begin_at_ms)
		begin_service(s);
	if (s->ending && s->service > 0 && now_ms(CLOCK_MONOTONIC) >= s->end_by_ms) {
		shoot(s, "does not end");
		s->end_by_ms = now_ms(CLOCK_MONOTONIC) + END_MS;
	}
}

/* Workers are killed already; their ends are waited for, so that nothing is left. */
static void bury_workers(struct starter *s)
{
	int64_t until = now_ms(CLOCK_MONOTONIC) + JOBS_MS;

	workers_leave(&s->workers);
	while (s->workers.n > 0 && now_ms(CLOCK_MONOTONIC) < until) {
		struct pollfd f = {.fd = s->signals, .events = POLLIN};

		poll(&f, 1, 100);
		take_signals(s);
	}
}

int starter_run(struct starter *s, struct err *e)
{
	unsigned left = 0;
	int r = block_signals(s, e);

	if (r < 0)
		return r;
	s->number = s->sessions.service;
	keyd_child_step(&s->keyd, now_ms(CLOCK_MONOTONIC));
	begin_service(s);
	while (!s->ending || s->service > 0)
		step(s);
	bury_workers(s);
	keyd_child_stop(&s->keyd);
	left = sessions_unmount_all(&s->sessions);
	return left > 0 ? err_set(e, EBUSY, "%u sessions could not be unmounted", left) : 0;
}

static void raise_limit(void)
{
	struct rlimit l = {0};
	struct rlimit more = {.rlim_cur = FILES_MAX, .rlim_max = FILES_MAX};

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return;
	if (l.rlim_max >= FILES_MAX || setrlimit(RLIMIT_NOFILE, &more) < 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

static int open_programs(struct starter *s, struct err *e)
{
	char *worker = spawner_program(s->o.worker);

	s->service_program = launch_program(s->o.service ? s->o.service : "/proc/self/exe", e);
	if (s->service_program < 0) {
		free(worker);
		return s->service_program;
	}
	if (!worker)
		return err_set(e, ENOENT,
			"evidencefs-worker: no such program, or it cannot be run; it belongs "
			"beside "
			"evidencefsd: install evidencefs again, or build it (make)");
	s->worker_program = launch_program(worker, e);
	free(worker);
	return s->worker_program < 0 ? s->worker_program : 0;
}

static int read_boot_id(struct starter *s, struct err *e)
{
	char *text = NULL;
	int r = file_read("/proc/sys/kernel/random/boot_id", 64, &text, e);

	if (r == 0)
		snprintf(s->boot_id, sizeof(s->boot_id), "%.36s", text);
	free(text);
	return r;
}

/* Whether systemd listens there for us. */
static bool is_control(int fd, const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNSPEC};
	socklen_t n = sizeof(a);
	int on = 0;
	socklen_t k = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &k) == 0 && on &&
	       getsockname(fd, (struct sockaddr *)&a, &n) == 0 && a.sun_family == AF_UNIX &&
	       strncmp(a.sun_path, path, sizeof(a.sun_path)) == 0;
}

/* Of what systemd gave: the control socket, taken out of it. Return: -1: there is none. */
static int take_control(struct notify_given *given, const char *path)
{
	for (size_t i = 0; i < given->n; i++) {
		int fd = given->v[i].fd;

		if (is_control(fd, path)) {
			given->v[i].fd = -1;
			return fd;
		}
	}
	return -1;
}

/* Sessions that systemd kept are taken up, those of a dead starter taken away. */
static int take_sessions(struct starter *s, struct notify_given *given, struct err *e)
{
	/* as the kernel names it in the list of mounts */
	s->root = realpath(s->o.config->mount_root, NULL);
	if (!s->root)
		return err_errno(e, errno, "mount_root = %s", s->o.config->mount_root);
	s->sessions.root = s->root;
	sessions_take_up(&s->sessions, given);
	return sessions_clear(&s->sessions, e);
}

static void drop_given(struct notify_given *given)
{
	for (size_t i = 0; i < given->n; i++) {
		if (given->v[i].fd >= 0)
			close(given->v[i].fd);
	}
	free(given->v);
}

static int open_all(struct starter *s, struct err *e)
{
	const struct config *c = s->o.config;
	struct notify_given given;
	int r = s->memory ? notify_given(&given) : -ENOMEM;

	if (r < 0)
		return err_errno(e, -r, "cannot begin");
	r = read_boot_id(s, e);
	if (r == 0)
		r = open_programs(s, e);
	if (r == 0)
		r = place_open(&s->place, c, take_control(&given, c->socket), e);
	if (r == 0)
		r = keyd_child_open(&s->keyd, c, s->o.keyd, e);
	if (r == 0)
		r = take_sessions(s, &given, e);
	drop_given(&given);
	return r;
}

int starter_open(const struct starter_opts *o, struct starter **out, struct err *e)
{
	struct starter *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return err_set(e, ENOMEM, "no memory");
	s->o = *o;
	s->place = (struct place){.state = -1, .mounts = -1, .socket = -1};
	s->channel = -1;
	s->signals = -1;
	s->service_program = -1;
	s->worker_program = -1;
	keyd_child_init(&s->keyd);
	sessions_init(&s->sessions, NULL);
	jobs_init(&s->jobs, o->config, &s->sessions);
	s->memory = malloc(MESSAGE_MAX);
	raise_limit();
	r = open_all(s, e);
	if (r < 0)
		starter_close(s);
	else
		*out = s;
	return r;
}

void starter_close(struct starter *s)
{
	const int fds[] = {s ? s->channel : -1, s ? s->signals : -1, s ? s->service_program : -1,
		s ? s->worker_program : -1};

	if (!s)
		return;
	place_close(&s->place);
	keyd_child_close(&s->keyd);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	if (!jobs_wait(&s->jobs, JOBS_MS))
		return; /* one waits for a medium or a network, and would look at what is freed */
	sessions_release(&s->sessions);
	free(s->workers.v);
	free(s->root);
	free(s->memory);
	free(s);
}
