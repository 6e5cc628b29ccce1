/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve-session.c - a team's session and nothing around it, for tests/71-session.sh
 *
 * serve-session STATE IMAGE UID GID BEGUN [DEGRADED]
 *
 * In place of the service: takes over a mount on descriptor 3 with the table on 4 and the
 * kernel's INIT request on 5, and shows one piece of evidence, "disk" in case "case-042".
 * In place of the starter is tests/helpers/session.py. Reads words from stdin and
 * answers each with a line: the milliseconds it took, or "failed: ...".
 *	view all | none | names | nothing      (nothing: the case, without its evidence)
 *	view PATH...                           these, below the evidence's folder
 *	until SECONDS                          the view of now ends then, as far as it knows
 *	path PATH                              mark where a trace is: "FIRST LAST"
 *	stop keep | end
 * BEGUN "wait": the first view is not known at the start.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ingest/ingest.h"
#include "mount/session.h"
#include "serve/evidence.h"

#define FUSE_FD  3
#define TABLE_FD 4
#define INIT_FD  5

struct server {
	uid_t uid;
	struct image_files files;
	struct evidence *ev;
	struct audit_log *log;
	struct audit_behind *behind;
	struct session *session;
	uint64_t version;
	char words[4096]; /* of the view in force */
	double until;
};

static void fail(const char *what, const struct err *e)
{
	printf("failed: %s: %s\n", what, e ? err_text(e, EIO) : strerror(errno));
	fflush(stdout);
	exit(1);
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* ---- views, without a catalog ------------------------------------------------------- */

static void add_range(struct view_evidence *v, uint64_t first, uint64_t last, unsigned rights)
{
	v->ranges = reallocarray(v->ranges, v->ranges_n + 1, sizeof(*v->ranges));
	v->ranges[v->ranges_n++] = (struct view_range){
		.first = first, .last = last, .rights = rights, .grant = {17, 17, 17}};
}

static void add_passage(struct view_evidence *v, uint64_t id)
{
	for (size_t i = 0; i < v->passages_n; i++) {
		if (v->passages[i] == id)
			return;
	}
	v->passages = reallocarray(v->passages, v->passages_n + 1, sizeof(*v->passages));
	v->passages[v->passages_n++] = id;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct view_range *x = a;
	const struct view_range *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

static int compare_ids(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a;
	const uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The trace at a path, and the directories that lead to it. */
static bool find(struct server *s, const char *path, struct view_evidence *v, struct trace *t)
{
	struct evidence_cursor c;
	int r = 0;

	evidence_cursor_init(&c, s->ev);
	r = evidence_get(&c, trace_id(0, TRACE_EVIDENCE_DIR), t);
	while (r == 0 && *path) {
		size_t n = strcspn(path, "/");

		if (v)
			add_passage(v, t->id);
		r = evidence_lookup(&c, t->id, path, n, t);
		path += n + (path[n] == '/');
	}
	evidence_cursor_release(&c);
	return r == 0;
}

static void fill_evidence(struct server *s, struct view_evidence *v)
{
	const unsigned most = RIGHT_READ | RIGHT_DELETED | RIGHT_RAW;
	char words[sizeof(s->words)];
	char *next = NULL;
	struct trace t;

	*v = (struct view_evidence){
		.id = 5, .case_id = 7, .name = strdup("disk"), .evidence = s->ev};
	snprintf(words, sizeof(words), "%s", s->words);
	if (!strcmp(words, "all")) {
		v->whole = true;
		add_range(v, 0, UINT64_MAX, most);
		return;
	}
	if (!strcmp(words, "names")) {
		add_range(v, 0, UINT64_MAX, RIGHT_NAMES);
		return;
	}
	add_range(v, TRACE_EVIDENCE_TXT, TRACE_EVIDENCE_TXT, RIGHT_READ);
	for (char *w = strtok_r(words, " ", &next); w; w = strtok_r(NULL, " ", &next)) {
		if (!find(s, w, v, &t))
			fail(w, NULL);
		add_range(v, t.id, t.last, most);
	}
	qsort(v->ranges, v->ranges_n, sizeof(*v->ranges), compare_ranges);
	qsort(v->passages, v->passages_n, sizeof(*v->passages), compare_ids);
}

static struct view *make_view(struct server *s)
{
	struct view *v = NULL;

	if (view_empty(s->uid, ++s->version, &v))
		fail("view", NULL);
	if (s->until > 0)
		v->next_boot_ns = now_ns(CLOCK_BOOTTIME) + (int64_t)(s->until * 1e9);
	if (!strcmp(s->words, "none"))
		return v;
	v->cases = calloc(1, sizeof(*v->cases));
	v->cases[0].id = 7;
	v->cases[0].name = strdup("case-042");
	if (asprintf(&v->cases[0].access_txt, "You may see: %s\n", s->words) < 0)
		fail("view", NULL);
	v->cases_n = 1;
	if (!strcmp(s->words, "nothing"))
		return v;
	v->evidence = calloc(1, sizeof(*v->evidence));
	fill_evidence(s, &v->evidence[0]);
	v->evidence_n = 1;
	return v;
}

/* ---- begin -------------------------------------------------------------------------------- */

static void open_evidence(struct server *s, const char *state, const char *image)
{
	const char *worker = getenv("SERVE_WORKER");
	struct ingest_opts io = {.state = state, .worker = worker};
	struct evidence_opts eo = {.name = "disk", .worker = worker};
	struct ingest_result found = {0};
	struct err e = {0};
	char *log = NULL;

	if (image_files_open(image, &s->files, &e) || ingest(&s->files, &io, &found, &e) ||
		evidence_open(found.dir, &found.manifest, &s->files, &eo, &s->ev, &e))
		fail(image, &e);
	ingest_result_release(&found);
	if (asprintf(&log, "%s/log", state) < 0 || audit_open(log, &s->log, &e) ||
		audit_behind_new(s->log, &s->behind))
		fail("log", &e);
	free(log);
}

static int exe_of(void *ctx, pid_t pid, uint64_t start_time, char *out, size_t size,
	struct audit_exe_file *file)
{
	(void)ctx, (void)start_time, (void)file;
	return snprintf(out, size, "/told/%d", (int)pid);
}

static const struct session_hooks hooks = {.exe = exe_of};

static void begin(struct server *s, char **argv, const char *degraded)
{
	uint8_t init[512];
	ssize_t n = pread(INIT_FD, init, sizeof(init), 0);
	const struct session_opts o = {.uid = s->uid,
		.gid = (gid_t)atoi(argv[4]),
		.degrade = degraded ? (unsigned)strtoul(degraded, NULL, 0) : 0,
		.mountpoint = "the test's mount",
		.log = s->log,
		.behind = s->behind,
		.fuse_fd = FUSE_FD,
		.init = init,
		.init_len = n > 0 ? (size_t)n : 0,
		.begun = !strcmp(argv[5], "begun"),
		.table_fd = TABLE_FD,
		.privacy_txt = "What is recorded: everything.\n",
		.hooks = &hooks};
	bool wait = !strcmp(argv[5], "wait");
	struct err e = {0};

	if (session_new(&o, wait ? NULL : make_view(s), &s->session, &e) ||
		session_start(s->session, &e))
		fail("session", &e);
}

/* ---- words ----------------------------------------------------------------------------------- */

/* Return: whether to go on. */
static bool obey(struct server *s, char *line)
{
	struct trace t;

	if (!strncmp(line, "path ", 5)) {
		if (!find(s, line + 5, NULL, &t))
			fail(line + 5, NULL);
		printf("%" PRIu64 " %" PRIu64 " ", t.id, t.last);
	} else if (!strncmp(line, "until ", 6)) {
		s->until = atof(line + 6);
		session_set_view(s->session, make_view(s));
	} else if (!strncmp(line, "view ", 5)) {
		snprintf(s->words, sizeof(s->words), "%.4000s", line + 5);
		session_set_view(s->session, make_view(s));
	} else if (!strncmp(line, "stop ", 5)) {
		if (!session_stop(s->session, !strcmp(line + 5, "keep")))
			_exit(1); /* reads hang: they use all that follows */
		session_free(s->session);
		evidence_close(s->ev);
		audit_behind_free(s->behind);
		audit_close(s->log);
		image_files_close(&s->files);
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct server s = {.words = "all"};
	char line[sizeof(s.words) + 8];
	bool go_on = true;

	if (argc < 6)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	s.uid = (uid_t)atoi(argv[3]);
	if (getenv("SERVE_VIEW"))
		snprintf(s.words, sizeof(s.words), "%s", getenv("SERVE_VIEW"));
	open_evidence(&s, argv[1], argv[2]);
	begin(&s, argv, argv[6]);
	printf("ready\n");
	fflush(stdout);
	while (go_on && fgets(line, sizeof(line), stdin)) {
		int64_t begun = now_ns(CLOCK_MONOTONIC);

		line[strcspn(line, "\n")] = '\0';
		go_on = obey(&s, line);
		printf("%.3f\n", (double)(now_ns(CLOCK_MONOTONIC) - begun) / 1e6);
		fflush(stdout);
	}
	return 0;
}
