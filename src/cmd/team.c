/* SPDX-License-Identifier: Apache-2.0 */
/* team.c - commands that ask the service: command line, question, answer; see team.h. */
#include "cmd/team.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/progress.h"
#include "base/text.h"
#include "catalog/act.h"
#include "cmd/mountpoint.h"
#include "cmd/state_dir.h"
#include "control/client.h"
#include "control/personal.h"
#include "fs/kinds.h"

#define OPTION_FIRST 256 /* of what getopt_long() returns for options of the table */
#define OPTION_JSON  2
#define OPTION_HELP  3
#define OPTION_PLACE 4
#define OPTION_MOUNT 5

#define FILE_PIECE  ((size_t)60000) /* bytes: an argument takes no more than 65,536 */
#define FILE_PIECES 60

/* ---- the command line ------------------------------------------------------------------- */

void team_request_release(struct team_request *q)
{
	free(q->args);
	free(q->image);
	free(q->pieces);
	buf_release(&q->types);
	*q = (struct team_request){.n = 0};
}

static bool is_hex(const char *s, size_t digits)
{
	return strlen(s) == digits && strspn(s, "0123456789abcdefABCDEF") == digits;
}

/* What is wrong with a value, by its form alone; NULL: nothing. */
static const char *wrong_value(enum team_kind kind, const char *v)
{
	unsigned rights = 0;
	enum mark_state state = MARK_NONE;
	int64_t ns = 0;

	switch (kind) {
	case TEAM_TIME:
		return text_time_parse(v, 0, &ns, NULL)
			       ? "not a time: RFC 3339, a date, or relative like +8h"
			       : NULL;
	case TEAM_NUMBER:
		return v[0] && strspn(v, "0123456789") == strlen(v) ? NULL : "not a number";
	case TEAM_MD5:
		return is_hex(v, 32) ? NULL : "not 32 hex digits";
	case TEAM_SHA1:
		return is_hex(v, 40) ? NULL : "not 40 hex digits";
	case TEAM_SHA256:
		return is_hex(v, 64) ? NULL : "not 64 hex digits";
	case TEAM_ROLE:
		return rights_of_role(v, &rights) ? "not one of analyst, reviewer, auditor" : NULL;
	case TEAM_RIGHTS:
		return rights_parse(v, &rights) || rights == 0
			       ? "not of read, deleted, raw, privileged, notes, annotate, mark, "
				 "grant, audit"
			       : NULL;
	case TEAM_STATE:
		return mark_state_parse(v, &state) ? "not one of suspected, confirmed, rejected"
						   : NULL;
	case TEAM_FLAG:
	case TEAM_PATH:
		return NULL;
	case TEAM_TYPES:
		return kinds_forced(v, NULL);
	case TEAM_TEXT:
	case TEAM_IMAGE:
	case TEAM_FILE:
		break;
	}
	return v[0] ? NULL : "is empty";
}

/* The service is elsewhere: it opens images by absolute paths. */
static const char *absolute(struct team_request *q, const char *given)
{
	char *cwd = given[0] == '/' ? NULL : getcwd(NULL, 0);

	if (given[0] == '/')
		q->image = strdup(given);
	else if (cwd && asprintf(&q->image, "%s/%s", cwd, given) < 0)
		q->image = NULL;
	free(cwd);
	return q->image;
}

static void put(struct team_request *q, bool local, const char *name, const char *value)
{
	if (local)
		q->local[q->local_n++] = (struct control_arg){name, value};
	else
		q->args[q->n++] = (struct control_arg){name, value};
}

static int take_option(
	const struct command *c, struct team_request *q, const struct team_option *o, const char *v)
{
	const char *wrong = v ? wrong_value(o->kind, v) : NULL;

	if (wrong)
		return cmd_usage(c, "--%s %s: %s", o->name, v, wrong);
	if (o->kind == TEAM_TYPES) {
		buf_printf(&q->types, "%s%s", q->types.len > 0 ? "," : "", v);
		return 0;
	}
	if (team_value(q, o->name) || (o->kind == TEAM_FILE && q->file))
		return cmd_usage(c, "--%s is given twice", o->name);
	if (o->kind == TEAM_FILE) {
		q->file = v;
		q->file_arg = o->name;
		return 0;
	}
	put(q, o->local, o->name, v ? v : "");
	return 0;
}

static int take_word(
	const struct command *c, struct team_request *q, const struct team_word *w, const char *v)
{
	const char *wrong = wrong_value(w->kind, v);

	if (wrong)
		return cmd_usage(c, "%s%s%s: %s", w->name, v[0] ? " " : "", v, wrong);
	if (w->kind == TEAM_IMAGE) {
		v = absolute(q, v);
		if (!v)
			return cmd_usage(c, "%s: no current directory", w->name);
	}
	put(q, false, w->name, v);
	return 0;
}

/* Whose --mount is no place to ask, but an option like others. */
static bool has_own_mount(const struct team_command *t)
{
	bool has = false;

	for (size_t i = 0; i < TEAM_OPTIONS_MAX && t->options[i].name; i++)
		has |= !strcmp(t->options[i].name, "mount");
	return has;
}

static void options_of(const struct team_command *t, struct option *out)
{
	size_t n = 0;

	for (size_t i = 0; i < TEAM_OPTIONS_MAX && t->options[i].name; i++)
		out[n++] = (struct option){t->options[i].name,
			t->options[i].kind == TEAM_FLAG ? no_argument : required_argument, NULL,
			OPTION_FIRST + (int)i};
	out[n++] = (struct option){"json", no_argument, NULL, OPTION_JSON};
	out[n++] = (struct option){"socket", required_argument, NULL, OPTION_PLACE};
	if (!has_own_mount(t))
		out[n++] = (struct option){"mount", required_argument, NULL, OPTION_MOUNT};
	out[n++] = (struct option){"help", no_argument, NULL, OPTION_HELP};
	out[n] = (struct option){NULL, 0, NULL, 0};
}

/* Their short forms, as getopt_long() wants them. */
static void letters_of(const struct team_command *t, char out[static 2 * TEAM_OPTIONS_MAX + 1])
{
	for (size_t i = 0; i < TEAM_OPTIONS_MAX && t->options[i].name; i++) {
		if (!t->options[i].letter)
			continue;
		*out++ = t->options[i].letter;
		*out++ = ':';
	}
	*out = '\0';
}

static const struct team_option *option_of(const struct team_command *t, int o)
{
	if (o >= OPTION_FIRST)
		return &t->options[o - OPTION_FIRST];
	for (size_t i = 0; i < TEAM_OPTIONS_MAX && t->options[i].name; i++) {
		if (t->options[i].letter && t->options[i].letter == o)
			return &t->options[i];
	}
	return NULL;
}

static int take_options(const struct command *c, int argc, char **argv, struct team_request *q)
{
	struct option options[TEAM_OPTIONS_MAX + 5];
	char letters[2 * TEAM_OPTIONS_MAX + 1];
	int r = 0;
	int o = 0;

	options_of(q->command, options);
	letters_of(q->command, letters);
	opterr = 0;
	optind = 0; /* from the beginning: also when called a second time */
	while (r == 0 && (o = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (o == OPTION_HELP)
			return cmd_help(c) + 1;
		if (o == OPTION_JSON)
			q->json = true;
		else if (o == OPTION_PLACE)
			q->socket = optarg;
		else if (o == OPTION_MOUNT)
			q->mount = optarg;
		else if (option_of(q->command, o))
			r = take_option(c, q, option_of(q->command, o), optarg);
		else
			r = cmd_usage(c, "%s: not an option of %s, or it lacks its value",
				argv[optind - 1], q->command->command);
	}
	return r ? r + 1 : 0;
}

static int take_words(const struct command *c, int argc, char **argv, struct team_request *q)
{
	const struct team_word *w = q->command->words;
	const struct team_word *end = w + sizeof(q->command->words) / sizeof(*w);
	bool some = false; /* of a word that may come several times */
	int r = 0;

	for (int i = optind; r == 0 && i < argc; i++) {
		if (w == end || !w->name)
			return cmd_usage(c, "%s: too many arguments", argv[i]) + 1;
		if (q->n == CONTROL_ARGS_MAX - TEAM_OPTIONS_MAX)
			return cmd_usage(c, "%s: too many at once", argv[i]) + 1;
		r = take_word(c, q, w, argv[i]);
		some = w->many;
		w += !w->many;
	}
	if (r == 0 && !some && w < end && w->name && !w->optional)
		r = cmd_usage(c, "%s needs its %s", q->command->command, w->name);
	return r ? r + 1 : 0;
}

static int check_all(const struct command *c, struct team_request *q)
{
	const char *wrong = NULL;

	if (q->types.len > 0)
		put(q, false, "type", buf_cstr(&q->types));
	for (size_t i = 0; i < TEAM_OPTIONS_MAX && q->command->options[i].name; i++) {
		const struct team_option *o = &q->command->options[i];

		if (o->needed && !team_value(q, o->name) && !(o->kind == TEAM_FILE && q->file))
			return cmd_usage(c, "%s needs --%s", q->command->command, o->name) + 1;
	}
	wrong = q->command->check ? q->command->check(q) : NULL;
	return wrong ? cmd_usage(c, "%s", wrong) + 1 : 0;
}

/* "case" "create" or "grant" alone. Return: how many of argv its words are; 0: neither. */
static int find_command(const struct command *c, int argc, char **argv, struct team_request *q)
{
	char two[CONTROL_COMMAND_MAX + 1];

	q->command = team_command(c->name);
	if (q->command)
		return 1;
	if (argc < 2)
		return 0;
	snprintf(two, sizeof(two), "%s %s", c->name, argv[1]);
	q->command = team_command(two);
	return q->command ? 2 : 0;
}

int team_parse(const struct command *c, int argc, char **argv, struct team_request *out)
{
	int used = 0;
	int r = 0;

	*out = (struct team_request){.n = 0};
	used = find_command(c, argc, argv, out);
	if (used == 0 && argc > 1 && !strcmp(argv[1], "--help"))
		return cmd_help(c) + 1;
	if (used == 0 && argc > 1)
		return cmd_usage(c, "%s %s: no such command", c->name, argv[1]) + 1;
	if (used == 0)
		return cmd_usage(c, "%s: what is to be done?", c->name) + 1;
	argc -= used - 1;
	argv += used - 1;
	out->args = calloc((size_t)argc + TEAM_OPTIONS_MAX + FILE_PIECES, sizeof(*out->args));
	r = out->args ? take_options(c, argc, argv, out) : cmd_fail(NULL, -ENOMEM) + 1;
	if (r == 0)
		r = take_words(c, argc, argv, out);
	if (r == 0)
		r = check_all(c, out);
	if (r)
		team_request_release(out);
	return r;
}

/* ---- a file that is sent -------------------------------------------------------------------- */

static int read_all(const char *path, struct buf *out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : 1;

	while (n > 0 && out->len <= FILE_PIECE * FILE_PIECES) {
		if (buf_reserve(out, FILE_PIECE))
			break;
		n = read(fd, out->data + out->len, FILE_PIECE);
		if (n > 0)
			out->len += (size_t)n;
	}
	if (n < 0)
		n = err_errno(e, errno, "%s", path);
	else if (out->error)
		n = err_errno(e, ENOMEM, "%s", path);
	else if (out->len > FILE_PIECE * FILE_PIECES)
		n = err_set(e, EFBIG, "%s: more than %zu bytes: share it out among several files",
			path, FILE_PIECE * FILE_PIECES);
	if (fd >= 0)
		close(fd);
	return n < 0 ? (int)n : 0;
}

/* A byte that no argument has. */
static int check_text(const struct team_request *q, const struct buf *b, struct err *e)
{
	const uint8_t *nul = b->len > 0 ? memchr(b->data, 0, b->len) : NULL;
	size_t line = 1;

	for (const uint8_t *p = b->data; nul && p < nul; p++)
		line += *p == '\n';
	if (b->len == 0)
		return err_set(e, EINVAL, "%s: it is empty", q->file);
	return nul ? err_set(e, EINVAL, "%s: line %zu: a byte that is no text", q->file, line) : 0;
}

static int take_file(struct team_request *q, struct err *e)
{
	struct buf b = BUF_INIT;
	int r = read_all(q->file, &b, e);
	char *to = NULL;

	if (r == 0)
		r = check_text(q, &b, e);
	if (r == 0) {
		q->pieces = to = malloc(b.len + FILE_PIECES);
		r = to ? 0 : err_errno(e, ENOMEM, "%s", q->file);
	}
	for (size_t at = 0; r == 0 && at < b.len; at += FILE_PIECE) {
		size_t n = b.len - at < FILE_PIECE ? b.len - at : FILE_PIECE;

		memcpy(to, b.data + at, n);
		to[n] = '\0';
		put(q, false, q->file_arg, to);
		to += n + 1;
	}
	buf_release(&b);
	return r;
}

/* ---- the answer ------------------------------------------------------------------------------ */

struct answer {
	const struct team_sink *sink;
	struct progress progress;
	enum progress_unit unit; /* where a total is known */
	bool moving;             /* a bar stands on the terminal */
};

static void end_progress(struct answer *a)
{
	if (a->moving)
		progress_end(&a->progress);
	a->moving = false;
}

static void on_row(void *ctx, const struct row *r)
{
	struct answer *a = ctx;

	end_progress(a);
	a->sink->row(a->sink->ctx, r);
}

static void on_text(void *ctx, const char *p, size_t n)
{
	struct answer *a = ctx;

	end_progress(a);
	if (a->sink->text)
		a->sink->text(a->sink->ctx, p, n);
}

static void on_note(void *ctx, const char *p, size_t n)
{
	struct buf b = BUF_INIT;

	end_progress(ctx);
	text_escape(&b, p, n);
	fprintf(stderr, "evidencefs: %s\n", buf_cstr(&b));
	buf_release(&b);
}

static void on_progress(void *ctx, const struct control_progress *p)
{
	struct answer *a = ctx;
	struct buf what = BUF_INIT;

	if (a->sink->place && !strcmp(p->what, "following")) {
		a->sink->place(a->sink->ctx, p->done);
		return;
	}
	text_escape_str(&what, p->what);
	if (a->moving && (a->progress.total != p->total ||
				 strncmp(a->progress.what, buf_cstr(&what), 32) != 0))
		end_progress(a);
	if (!a->moving)
		progress_begin(
			&a->progress, p->what, p->total, p->total > 0 ? a->unit : PROGRESS_ENTRIES);
	a->moving = true;
	progress_update(&a->progress, p->done);
	buf_release(&what);
}

static const char *socket_path(const struct team_request *q)
{
	const char *named = getenv("EVIDENCEFS_SOCKET");

	if (q->socket)
		return q->socket;
	return named && named[0] ? named : CLIENT_SOCKET;
}

/* A path below the mount point is one of the case. */
static void strip_paths(const struct team_request *q, const char *mountpoint)
{
	size_t n = strlen(mountpoint);

	for (size_t i = 0; i < q->n; i++) {
		struct control_arg *a = &q->args[i];

		if (strcmp(a->name, "path") && strcmp(a->name, "why"))
			continue;
		if (!strncmp(a->value, mountpoint, n) && a->value[n] == '/')
			a->value += n + 1;
	}
}

/* Its socket is in the folder of its state, which may have a long path: this process goes there. */
static int enter_mount(const struct team_request *q, struct err *e)
{
	char *mountpoint = NULL;
	char *dir = NULL;
	char type[64] = "";
	int r = mountpoint_path(q->mount, &mountpoint, e);

	if (r == 0)
		r = mountpoint_type(mountpoint, type, e);
	if (r == 0 && !mountpoint_is_ours(type))
		r = err_set(e, ENOENT, "nothing of evidencefs is mounted on %s", mountpoint);
	if (r == 0)
		r = state_find_mount_dir(NULL, mountpoint, &dir, e);
	if (r == 0 && chdir(dir))
		r = err_errno(e, errno, "%s", dir);
	if (r == 0)
		strip_paths(q, mountpoint);
	free(mountpoint);
	free(dir);
	return r;
}

static int find_service(const struct team_request *q, const char **path, struct err *e)
{
	*path = q->mount ? PERSONAL_SOCKET : socket_path(q);
	if (q->mount && q->socket)
		return err_set(e, EINVAL, "either --mount or --socket");
	return q->mount ? enter_mount(q, e) : 0;
}

int team_rows(const struct team_request *q, const struct team_sink *to, struct err *e)
{
	struct answer a = {
		.sink = to, .unit = q->command->records ? PROGRESS_ENTRIES : PROGRESS_BYTES};
	const struct client_sink sink = {.row = on_row,
		.text = on_text,
		.note = on_note,
		.progress = on_progress,
		.ctx = &a};
	const char *path = NULL;
	int r = find_service(q, &path, e);

	if (r == 0)
		r = client_ask(path, q->command->command, q->args, q->n, &sink, e);
	end_progress(&a);
	return r;
}

int team_fail(const struct team_request *q, int r, const struct err *e)
{
	struct err said = {0};

	err_set(&said, -r, "%s: %s", q->command->command, err_text(e, r));
	return cmd_fail(&said, r);
}

static void show_row(void *ctx, const struct row *r)
{
	print_row(ctx, r);
}

static void show_text(void *ctx, const char *p, size_t n)
{
	print_text(ctx, p, n);
}

int team_ask(struct team_request *q)
{
	struct print print = {
		.json = q->json, .id = q->command->id, .columns = q->command->columns};
	const struct team_sink sink = {.row = show_row, .text = show_text, .ctx = &print};
	struct err e = {0};
	struct err unwritten = {0};
	int r = q->file ? take_file(q, &e) : 0;
	int written = 0;

	if (r == 0)
		r = team_rows(q, &sink, &e);
	written = print_end(&print, &unwritten);

	if (r)
		return team_fail(q, r, &e);
	return written ? cmd_fail(&unwritten, written) : 0;
}

int cmd_team(const struct command *c, int argc, char **argv)
{
	struct team_request q;
	int r = team_parse(c, argc, argv, &q);

	if (r)
		return r - 1;
	r = team_ask(&q);
	team_request_release(&q);
	return r;
}
