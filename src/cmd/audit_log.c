/* SPDX-License-Identifier: Apache-2.0 */
/* audit_log.c - audit verify, checkpoint, prove; see audit_log.h. */
#include "cmd/audit_log.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/verify.h"
#include "base/file.h"
#include "base/text.h"
#include "control/client.h"

#define ANCHORS_MAX 16
#define FILE_MAX    (1 << 16) /* bytes of a key or an anchor */

struct request {
	char *verb;
	const char *log;
	const char *out;
	const char *seq;
	const char *socket;
	bool json;
	bool help;
	struct verify_text key;
	struct verify_text anchors[ANCHORS_MAX];
	size_t anchors_n;
	char *owned[ANCHORS_MAX + 1]; /* texts */
	size_t owned_n;
};

bool audit_log_is(const char *verb)
{
	return !strcmp(verb, "verify") || !strcmp(verb, "checkpoint") || !strcmp(verb, "prove");
}

/* Without an anchor or key that was named, nothing is checked. */
static int take_file(struct request *q, const char *file, struct verify_text *out)
{
	struct err e = {0};
	char *text = NULL;
	int r = file_read(file, FILE_MAX, &text, &e);

	if (r) {
		cmd_fail(&e, r);
		return VERDICT_UNKNOWN;
	}
	q->owned[q->owned_n++] = text;
	*out = (struct verify_text){file, text};
	return 0;
}

static int take_option(const struct command *c, struct request *q, int o)
{
	switch (o) {
	case 'l':
		q->log = optarg;
		return 0;
	case 'o':
		q->out = optarg;
		return 0;
	case 's':
		q->socket = optarg;
		return 0;
	case 'j':
		q->json = true;
		return 0;
	case 'h':
		q->help = true;
		return 0;
	case 'k':
		return q->key.text ? cmd_usage(c, "--key is given twice")
				   : take_file(q, optarg, &q->key);
	case 'a':
		return q->anchors_n == ANCHORS_MAX
			       ? cmd_usage(c, "--anchor: at most %d", ANCHORS_MAX)
			       : take_file(q, optarg, &q->anchors[q->anchors_n++]);
	default:
		return cmd_usage(c, "%s: not an option of audit %s, or it lacks its value", q->verb,
			q->verb);
	}
}

static int check(const struct command *c, const struct request *q, int argc, char **argv)
{
	bool prove = !strcmp(q->verb, "prove");

	if (optind + (prove ? 1 : 0) < argc)
		return cmd_usage(c, "%s: too many arguments", argv[argc - 1]);
	if (prove && (optind == argc || !argv[optind][0] ||
			     strspn(argv[optind], "0123456789") != strlen(argv[optind])))
		return cmd_usage(c, "audit prove needs the number of a record");
	if (prove && !q->out)
		return cmd_usage(c, "audit prove needs -o FILE");
	if (strcmp(q->verb, "verify") != 0 && (q->key.text || q->anchors_n))
		return cmd_usage(c, "--key and --anchor are for audit verify");
	if (!strcmp(q->verb, "verify") && q->out)
		return cmd_usage(c, "-o is not for audit verify");
	return 0;
}

static int parse(const struct command *c, int argc, char **argv, struct request *q)
{
	static const struct option options[] = {{"log", required_argument, NULL, 'l'},
		{"key", required_argument, NULL, 'k'}, {"anchor", required_argument, NULL, 'a'},
		{"socket", required_argument, NULL, 's'}, {"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int r = 0;
	int o = 0;

	opterr = 0;
	optind = 0;
	while (r == 0 && (o = getopt_long(argc, argv, "o:", options, NULL)) != -1)
		r = take_option(c, q, o);
	if (r == 0 && !q->help)
		r = check(c, q, argc, argv);
	if (r == 0 && optind < argc)
		q->seq = argv[optind];
	return r;
}

/* ---- from the files ----------------------------------------------------------------------- */

static void print_line(void *ctx, const char *text)
{
	struct buf b = BUF_INIT;

	(void)ctx;
	text_escape_str(&b, text);
	printf("%s\n", buf_cstr(&b));
	buf_release(&b);
}

static int verify_files(const struct request *q)
{
	const struct verify_opts o = {.key = q->key,
		.anchors = q->anchors,
		.anchors_n = q->anchors_n,
		.line = print_line};
	struct err e = {0};
	enum verdict v = audit_verify(q->log, &o, &e);
	struct err said = {0};

	if (v == VERDICT_TAMPERED)
		err_set(&said, EBADMSG, "audit verify: tampered: %s", err_text(&e, EBADMSG));
	if (v == VERDICT_UNKNOWN)
		err_set(&said, EIO, "audit verify: cannot be checked: %s", err_text(&e, EIO));
	if (said.code)
		cmd_fail(&said, -said.code);
	return fflush(stdout) ? (int)VERDICT_UNKNOWN : (int)v;
}

static int put_out(const struct request *q, const void *p, size_t n)
{
	struct err e = {0};
	int r = 0;

	if (q->out)
		r = file_write(q->out, p, n, &e);
	else if (fwrite(p, 1, n, stdout) != n || fflush(stdout))
		r = err_errno(&e, errno, "standard output");
	return r ? cmd_fail(&e, r) : 0;
}

static int prove_files(const struct request *q)
{
	struct buf proof = BUF_INIT;
	struct err e = {0};
	int r = audit_prove(q->log, strtoull(q->seq, NULL, 10), &proof, &e);

	r = r ? cmd_fail(&e, r) : put_out(q, proof.data, proof.len);
	buf_release(&proof);
	return r;
}

static int checkpoint_files(const struct request *q)
{
	char text[NOTE_MAX];
	struct err e = {0};
	int r = audit_newest(q->log, text, &e);

	return r < 0 ? cmd_fail(&e, r) : put_out(q, text, strlen(text));
}

/* ---- from the service --------------------------------------------------------------------- */

struct asked {
	const struct request *q;
	int status; /* -1: not told */
};

static char *copy(const struct row_field *f)
{
	return f && f->kind == ROW_BYTES ? strndup((const char *)f->v.bytes.p,
						   (size_t)(f->v.bytes.end - f->v.bytes.p))
					 : NULL;
}

static void on_row(void *ctx, const struct row *r)
{
	struct asked *a = ctx;
	const struct row_field *verdict = row_get(r, "verdict");
	char *line = copy(row_get(r, "line"));
	char *text = copy(row_get(r, "text"));
	char *why = copy(row_get(r, "why"));

	if (line)
		print_line(NULL, line);
	if (text)
		a->status = put_out(a->q, text, strlen(text));
	if (verdict && verdict->kind == ROW_U64)
		a->status = (int)verdict->v.u;
	if (why) {
		struct err e = {0};

		err_set(&e, EIO, "audit verify: %s: %s",
			a->status == (int)VERDICT_TAMPERED ? "tampered" : "cannot be checked", why);
		cmd_fail(&e, -EIO);
	}
	free(line);
	free(text);
	free(why);
}

static const char *socket_path(const struct request *q)
{
	const char *named = getenv("EVIDENCEFS_SOCKET");

	return q->socket ? q->socket : named && named[0] ? named : CLIENT_SOCKET;
}

static int ask(const struct request *q)
{
	struct asked a = {.q = q, .status = -1};
	const struct client_sink sink = {.row = on_row, .ctx = &a};
	struct control_arg args[3];
	struct buf anchors = BUF_INIT;
	struct err e = {0};
	char command[CONTROL_COMMAND_MAX + 1];
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < q->anchors_n; i++)
		buf_puts(&anchors, q->anchors[i].text);
	if (q->anchors_n)
		args[n++] = (struct control_arg){"anchor", buf_cstr(&anchors)};
	if (q->key.text)
		args[n++] = (struct control_arg){"key", q->key.text};
	if (q->seq)
		args[n++] = (struct control_arg){"seq", q->seq};
	snprintf(command, sizeof(command), "audit %s", q->verb);
	r = client_ask(socket_path(q), command, args, n, &sink, &e);
	buf_release(&anchors);
	if (r)
		cmd_fail(&e, r);
	else if (a.status >= 0)
		return a.status;
	return strcmp(q->verb, "verify") != 0 || r == -EPERM ? EXIT_FAILED : (int)VERDICT_UNKNOWN;
}

int audit_log_run(const struct command *c, int argc, char **argv)
{
	struct request q = {.verb = argv[1]};
	int r = parse(c, argc - 1, argv + 1, &q);

	if (r == 0 && q.help)
		r = cmd_help(c);
	else if (r == 0 && !q.log)
		r = ask(&q);
	else if (r == 0 && !strcmp(q.verb, "verify"))
		r = verify_files(&q);
	else if (r == 0 && !strcmp(q.verb, "prove"))
		r = prove_files(&q);
	else if (r == 0)
		r = checkpoint_files(&q);
	while (q.owned_n > 0)
		free(q.owned[--q.owned_n]);
	return r;
}
