/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount.c - `evidencefs mount`: ingest what is new, mount, serve.
 *
 * The ingest runs in the process that was typed, so that Ctrl-C ends it. Then
 * a child serves; the parent waits for its word that the tree can be read,
 * prints what was found, and returns. The child holds nothing of the caller's.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/now.h"
#include "base/progress.h"
#include "base/text.h"
#include "cmd/mount_job.h"
#include "cmd/mountpoint.h"
#include "cmd/state_dir.h"
#include "control/personal.h"
#include "image/find.h"
#include "mount/awake.h"
#include "mount/kernel.h"
#include "mount/session.h"
#include "serve/hashes.h"

#define HASHING_ENDS_S 3 /* that its next block is waited for at the end */

static volatile sig_atomic_t stop_asked;

static void on_stop(int sig)
{
	(void)sig;
	stop_asked = 1;
}

/* What fills up is the disk of the state: say how to go on. */
static int fail(const struct err *e, int r)
{
	struct err more = {0};

	if (r != -ENOSPC && r != -EDQUOT)
		return cmd_fail(e, r);
	err_set(&more, -r, "%s; make room there, or name another folder with --state DIR",
		err_text(e, r));
	return cmd_fail(&more, r);
}

/* ---- options ----------------------------------------------------------------------- */

static int add_degraded(const struct command *c, struct mount_job *j, const char *arg)
{
	return kernel_degraded_parse(arg, &j->degrade)
		       ? cmd_usage(c, "--degraded %s: not one of the modes", arg)
		       : 0;
}

/* Return: 0 go on; else an exit status + 1. */
static int parse(const struct command *c, int argc, char **argv, struct mount_job *j)
{
	static const struct option options[] = {{"foreground", no_argument, NULL, 'f'},
		{"json", no_argument, NULL, 'j'}, {"state", required_argument, NULL, 's'},
		{"privileged", no_argument, NULL, 'p'}, {"no-hash", no_argument, NULL, 'n'},
		{"type", required_argument, NULL, 't'}, {"degraded", required_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int o = 0;
	int r = 0;

	opterr = 0;
	while (r == 0 && (o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'f')
			j->foreground = true;
		else if (o == 'j')
			j->json = true;
		else if (o == 's')
			j->state_given = optarg;
		else if (o == 'p')
			j->privileged = true;
		else if (o == 'n')
			j->no_hash = true;
		else if (o == 't')
			r = mount_types_add(c, j, optarg);
		else if (o == 'd')
			r = add_degraded(c, j, optarg);
		else if (o == 'h')
			return cmd_help(c) + 1;
		else
			r = cmd_usage(c, "%s: not an option of mount, or it lacks its value",
				argv[optind - 1]);
	}
	if (r == 0 && argc - optind < 2)
		r = cmd_usage(c, "mount needs at least one image and a mount point");
	if (r == 0 && (size_t)(argc - optind - 1) > NODE_SLOTS)
		r = cmd_usage(c, "at most %u images in one mount", NODE_SLOTS);
	return r ? r + 1 : 0;
}

/* ---- before the ingest ----------------------------------------------------------------- */

/* The folder of an image: what it is called, "-2" for a second one. */
static void name_image(struct mount_job *j, size_t i, const char *file)
{
	char base[256];
	char *name = j->images[i].name;
	size_t size = sizeof(j->images[i].name);

	image_files_name(file, base, sizeof(base));
	snprintf(name, size, "%s", base);
	/* `notes` stands beside the evidence */
	for (unsigned twin = 2, k = 0; k <= i; k++) {
		if (strcmp(k < i ? j->images[k].name : "notes", name) != 0)
			continue;
		snprintf(name, size, "%.240s-%u", base, twin++);
		k = (unsigned)-1; /* look again from the first */
	}
}

/*
 * Workers that root starts run under another uid, which a mount of evidencefs does not
 * serve: what lies in one would look as if all of it were damaged.
 */
static int check_readable(const struct image_files *f, struct err *e)
{
	if (geteuid() != 0 || fgetxattr(f->v[0].fd, "user.evidencefs.mode", NULL, 0) < 0)
		return 0;
	return err_set(e, EACCES,
		"%s lies in a mount of evidencefs, which serves nobody but its owner, and not the "
		"workers that root starts; copy it elsewhere, or mount both as an ordinary user",
		f->v[0].path);
}

static int open_images(struct mount_job *j, char **argv, struct err *e)
{
	int r = 0;

	j->images = calloc(j->count, sizeof(*j->images));
	if (!j->images)
		return err_errno(e, ENOMEM, "mount");
	for (size_t i = 0; r == 0 && i < j->count; i++) {
		char *name = NULL;

		r = image_find(argv[i], &j->images[i].files, &name, e);
		if (r == 0)
			r = check_readable(&j->images[i].files, e);
		if (r == 0)
			name_image(j, i, name);
		free(name);
	}
	return r;
}

/* Images of thousands of segments need as many descriptors. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int find_mountpoint(struct mount_job *j, const char *given, struct err *e)
{
	struct err why = {0};
	int r = mountpoint_path(given, &j->mountpoint, &why);

	if (r == -ENOENT)
		return err_set(e, ENOENT,
			"%s: there is no such folder; make it (mkdir), or name another as mount "
			"point",
			given);
	return r ? err_set(e, -r, "%s", err_text(&why, r)) : 0;
}

static int prepare(struct mount_job *j, char **argv, struct err *e)
{
	int r = find_mountpoint(j, argv[j->count], e);

	if (r == 0)
		r = mountpoint_check(j->mountpoint, e);
	if (r == 0)
		r = open_images(j, argv, e);
	if (r == 0)
		r = state_dir(j->state_given, true, &j->state, e);
	if (r == 0)
		r = state_mount_dir(j->state, j->mountpoint, &j->mount_dir, e);
	if (r == 0) {
		j->lock = state_mount_begin(j->mount_dir, j->mountpoint, e);
		r = j->lock < 0 ? j->lock : 0;
	}
	return r;
}

/* ---- the ingest ------------------------------------------------------------------------- */

struct shown {
	struct progress bar;
	const char *image;
	bool begun;
	bool walks;
};

static void show_progress(void *ctx, const char *volumes, uint64_t traces)
{
	struct shown *s = ctx;
	char what[256];

	if (!s->begun || s->walks != (volumes != NULL)) {
		if (s->begun)
			progress_end(&s->bar);
		if (volumes)
			snprintf(what, sizeof(what), "indexing %.100s/%s", s->image, volumes);
		else
			snprintf(what, sizeof(what), "opening %.180s", s->image);
		progress_begin(&s->bar, what, 0, volumes ? PROGRESS_ENTRIES : PROGRESS_TIME);
		s->begun = true;
		s->walks = volumes != NULL;
	}
	progress_update(&s->bar, traces);
}

static int ingest_all(struct mount_job *j, struct err *e)
{
	struct sigaction act = {.sa_handler = on_stop};
	struct sigaction old_int;
	struct sigaction old_term;
	int r = 0;

	sigaction(SIGINT, &act, &old_int);
	sigaction(SIGTERM, &act, &old_term);
	for (size_t i = 0; r == 0 && i < j->count; i++) {
		struct shown shown = {.image = j->images[i].name};
		const struct ingest_opts o = {.state = j->state,
			.types = mount_types(j),
			.quick = j->no_hash,
			.stop = &stop_asked,
			.progress = show_progress,
			.ctx = &shown};
		int64_t begun = now_ns(CLOCK_MONOTONIC);

		r = ingest(&j->images[i].files, &o, &j->images[i].found, e);
		if (shown.begun)
			progress_end(&shown.bar);
		j->images[i].seconds = now_since(begun);
	}
	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGTERM, &old_term, NULL);
	if (r == 0 && stop_asked)
		r = err_set(e, EINTR, "interrupted; nothing is mounted");
	return r;
}

/* ---- serving ------------------------------------------------------------------------------- */

struct service {
	struct evidence **evidence;
	size_t count;
	struct session *session;
	struct personal *personal; /* marks and notes */
	struct awake *awake;       /* NULL: without */
};

/* Whether all hashing has come to its end: a read may be one that storage does not answer. */
static bool hashing_ended(struct service *v)
{
	struct timespec until = now_plus(CLOCK_REALTIME, HASHING_ENDS_S * NOW_SECOND);
	bool ended = true;

	for (size_t i = 0; i < v->count; i++)
		hashes_stop(v->evidence[i]->hashes, NULL);
	for (size_t i = 0; i < v->count; i++)
		ended = hashes_stop(v->evidence[i]->hashes, &until) && ended;
	return ended;
}

/* Everything is closed and @lock given back; the process ends with @status if it must be at once.
 */
static void service_end(struct service *v, int lock, int status)
{
	bool unused = true;

	personal_stop(v->personal);
	session_free(v->session);
	unused = personal_free(v->personal);
	if (!hashing_ended(v) || !unused) {
		close(lock);
		_exit(status);
	}
	for (size_t i = 0; i < v->count; i++)
		evidence_close(v->evidence[i]);
	free(v->evidence);
	awake_free(v->awake);
}

static int open_evidence(struct mount_job *j, struct service *v, struct err *e)
{
	int r = 0;

	v->evidence = calloc(j->count, sizeof(struct evidence *));
	if (!v->evidence)
		return err_errno(e, ENOMEM, "mount");
	for (size_t i = 0; r == 0 && i < j->count; i++) {
		struct image *im = &j->images[i];
		const struct evidence_opts o = {.name = im->name,
			.types = mount_types(j),
			.hash = !j->no_hash,
			.blocks = !j->no_hash};

		r = evidence_open(
			im->found.dir, &im->found.manifest, &im->files, &o, &v->evidence[i], e);
		if (r == 0) {
			v->count++;
			r = state_note_evidence(j->mount_dir, v->evidence[i], e);
		}
	}
	return r;
}

static int new_session(struct mount_job *j, struct service *v, struct err *e)
{
	const unsigned rights =
		RIGHT_READ | RIGHT_DELETED | RIGHT_RAW | (j->privileged ? RIGHT_PRIVILEGED : 0);
	const struct session_opts o = {.uid = getuid(),
		.gid = getgid(),
		.degrade = j->degrade,
		.state_dir = j->mount_dir,
		.mountpoint = j->mountpoint,
		.lock_fd = j->lock,
		.awake = v->awake,
		.fuse_fd = -1,
		.table_fd = -1};
	struct view *view = NULL;
	int r = view_personal(o.uid, rights, v->evidence, v->count, &view, e);

	return r ? r : session_new(&o, view, &v->session, e);
}

static int new_personal(struct mount_job *j, struct service *v, struct err *e)
{
	const struct personal_opts o = {.session = v->session,
		.dir = j->mount_dir,
		.evidence = v->evidence,
		.n = v->count,
		.privileged = j->privileged};

	return personal_new(&o, &v->personal, e);
}

static int service_begin(struct mount_job *j, struct service *v, struct err *e)
{
	int r = open_evidence(j, v, e);

	if (r == 0)
		v->awake = awake_new("");
	if (r == 0)
		r = new_session(j, v, e);
	if (r == 0)
		r = new_personal(j, v, e);
	if (r == 0)
		r = session_mount(v->session, e);
	if (r == 0)
		r = personal_start(v->personal, e);
	for (size_t i = 0; r == 0 && i < v->count; i++)
		r = hashes_start(v->evidence[i]->hashes, e);
	return r;
}

/*
 * Serves in this process until the end. @say is told once: 0, or what failed;
 * when nobody listens any more, it returns non-zero and there is nothing to serve.
 */
static int serve(struct mount_job *j, int (*say)(void *ctx, int r, const char *text), void *ctx)
{
	struct service v = {0};
	struct err e = {0};
	char degraded[256];
	int r = 0;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	r = service_begin(j, &v, &e);
	if (r)
		say(ctx, r, err_text(&e, r));
	else
		r = say(ctx, 0, kernel_missing(v.session->degraded, degraded, sizeof(degraded)));
	if (r == 0)
		r = session_run(v.session);
	service_end(&v, j->lock, r ? EXIT_FAILED : 0);
	return r;
}

/* What the parent is told: a code, then text. A parent that is gone was interrupted. */
static int say_pipe(void *ctx, int r, const char *text)
{
	int *fd = ctx;
	struct buf b = BUF_INIT;
	ssize_t n = 0;

	buf_put_u32(&b, (uint32_t)-r);
	buf_puts(&b, text);
	n = write(*fd, b.data, b.len);
	buf_release(&b);
	close(*fd);
	*fd = -1;
	/* the caller's terminal and files are let go */
	if (r == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		for (int i = 0; i < 3; i++)
			dup2(null, i);
		close(null);
	}
	return n < 0 ? -EPIPE : 0;
}

static int say_here(void *ctx, int r, const char *text)
{
	struct mount_job *j = ctx;
	struct err e = {0};

	if (r) {
		err_set(&e, -r, "%s", text);
		fail(&e, r);
	} else {
		mount_report_print(j, text);
	}
	return 0;
}

/* Return: exit status; -EINTR when asked to stop before the child had a word. */
static int wait_for_child(struct mount_job *j, pid_t child, int fd)
{
	uint8_t word[ERR_TEXT_MAX + 8];
	struct err e = {0};
	size_t n = 0;
	ssize_t got = 0;

	do {
		got = read(fd, word + n, sizeof(word) - 1 - n);
		n += got > 0 ? (size_t)got : 0;
	} while (got > 0 || (got < 0 && errno == EINTR && !stop_asked));
	if (got < 0 && n == 0 && stop_asked)
		return -EINTR;
	if (n < 4) {
		waitpid(child, NULL, 0);
		return cmd_fail(
			&e, err_set(&e, EIO, "the mounting process died before it was ready"));
	}
	word[n] = '\0';
	if (word[0] | word[1] | word[2] | word[3]) {
		struct cur c = cur_of(word, 4);
		int code = (int)cur_u32(&c);

		waitpid(child, NULL, 0);
		return fail(&e, err_set(&e, code, "%s", (const char *)word + 4));
	}
	mount_report_print(j, (const char *)word + 4);
	return 0;
}

static int serve_behind(struct mount_job *j)
{
	const struct sigaction act = {.sa_handler = on_stop};
	struct err e = {0};
	int fds[2];
	pid_t child = 0;
	int status = 0;

	fflush(NULL);
	if (pipe2(fds, O_CLOEXEC))
		return cmd_fail(&e, err_errno(&e, errno, "mount"));
	child = fork();
	if (child < 0)
		return cmd_fail(&e, err_errno(&e, errno, "mount"));
	if (child == 0) {
		close(fds[0]);
		setsid();
		status = chdir("/");
		status = serve(j, say_pipe, &fds[1]) ? EXIT_FAILED : 0;
		_exit(status);
	}
	close(fds[1]);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	status = wait_for_child(j, child, fds[0]);
	close(fds[0]);
	if (status == -EINTR) { /* it has nobody to tell, and ends */
		waitpid(child, NULL, 0);
		status = cmd_fail(&e, err_set(&e, EINTR, "interrupted; nothing is mounted"));
	}
	return status;
}

static void job_release(struct mount_job *j)
{
	for (size_t i = 0; j->images && i < j->count; i++) {
		ingest_result_release(&j->images[i].found);
		image_files_close(&j->images[i].files);
	}
	free(j->images);
	free(j->state);
	free(j->mountpoint);
	free(j->mount_dir);
	buf_release(&j->types);
	buf_release(&j->report);
	if (j->lock >= 0)
		close(j->lock);
}

int cmd_mount(const struct command *c, int argc, char **argv)
{
	struct mount_job j = {.lock = -1};
	struct err e = {0};
	int r = parse(c, argc, argv, &j);
	int status = 0;

	if (r) {
		buf_release(&j.types);
		return r - 1;
	}
	raise_limits();
	j.count = (size_t)(argc - optind - 1);
	r = prepare(&j, argv + optind, &e);
	if (r == 0)
		r = ingest_all(&j, &e);
	if (r == 0)
		r = mount_types_check(&j, &e);
	if (r == 0)
		mount_report_make(&j);
	if (r)
		status = fail(&e, r);
	else if (j.foreground)
		status = serve(&j, say_here, &j) ? EXIT_FAILED : 0;
	else
		status = serve_behind(&j);
	job_release(&j);
	return status;
}
