/* SPDX-License-Identifier: Apache-2.0 */
/* audit_log.c - audit verify, checkpoint, prove, timestamp, cosign, endorse; see audit_log.h. */
#include "cmd/audit_log.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/endorse.h"
#include "audit/stamp.h"
#include "audit/verify.h"
#include "base/digest.h"
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
	const char *file; /* timestamp, cosign */
	const char *response;
	const char *ca;
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
	static const char *const verbs[] = {
		"verify", "checkpoint", "prove", "timestamp", "cosign", "endorse"};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(verb, verbs[i]))
			return true;
	return false;
}

/* Without an anchor or key that was named, nothing is checked. */
static int take_file(struct request *q, const char *file, struct verify_text *out)
{
	struct err e = {0};
	char *text = NULL;
	int r = file_read(file, FILE_MAX, &text, &e);

	if (r) {
		cmd_fail(&e, r);
		return strcmp(q->verb, "verify") != 0 ? EXIT_FAILED : (int)VERDICT_UNKNOWN;
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
	case 'r':
		q->response = optarg;
		return 0;
	case 'c':
		q->ca = optarg;
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
	bool stamp = !strcmp(q->verb, "timestamp");
	bool cosign = !strcmp(q->verb, "cosign");
	bool endorse = !strcmp(q->verb, "endorse");

	if (optind + (prove || cosign || q->response ? 1 : 0) < argc)
		return cmd_usage(c, "%s: too many arguments", argv[argc - 1]);
	if (prove && (optind == argc || !argv[optind][0] ||
			     strspn(argv[optind], "0123456789") != strlen(argv[optind])))
		return cmd_usage(c, "audit prove needs the number of a record");
	if (prove && !q->out)
		return cmd_usage(c, "audit prove needs -o FILE");
	if ((cosign || q->response) && optind == argc)
		return cmd_usage(c, "audit %s%s needs a FILE: the checkpoint", q->verb,
			q->response ? " --response" : "");
	if ((q->response && !stamp) || (q->ca && !q->response))
		return cmd_usage(c, "--response is for audit timestamp, --ca for --response");
	if (endorse && !q->key.text)
		return cmd_usage(c, "audit endorse needs --key FILE: a private key of one's own");
	if (strcmp(q->verb, "verify") != 0 && ((q->key.text && !endorse) || q->anchors_n))
		return cmd_usage(c, "--key and --anchor are for audit verify");
	if ((cosign || endorse) && (q->log || q->out))
		return cmd_usage(c, "audit %s is asked of the service alone", q->verb);
	if (!strcmp(q->verb, "verify") && q->out)
		return cmd_usage(c, "-o is not for audit verify");
	return 0;
}

static int parse(const struct command *c, int argc, char **argv, struct request *q)
{
	static const struct option options[] = {{"log", required_argument, NULL, 'l'},
		{"key", required_argument, NULL, 'k'}, {"anchor", required_argument, NULL, 'a'},
		{"socket", required_argument, NULL, 's'},
		{"response", required_argument, NULL, 'r'}, {"ca", required_argument, NULL, 'c'},
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	int r = 0;
	int o = 0;

	opterr = 0;
	optind = 0;
	while (r == 0 && (o = getopt_long(argc, argv, "o:", options, NULL)) != -1)
		r = take_option(c, q, o);
	if (r == 0 && !q->help)
		r = check(c, q, argc, argv);
	if (r == 0 && optind < argc && !strcmp(q->verb, "prove"))
		q->seq = argv[optind];
	else if (r == 0 && optind < argc)
		q->file = argv[optind];
	return r;
}

/* ---- a time-stamp authority ----------------------------------------------------------------- */

/* FILE and, over it, FILE.tsq. */
static int write_request(const struct request *q, const char *text)
{
	struct buf request = BUF_INIT;
	struct err e = {0};
	char name[PATH_MAX];
	char tsq[PATH_MAX + 8];
	unsigned long long size = 0;
	int r = stamp_request(text, strlen(text), &request, &e);

	sscanf(text, "%*s %llu", &size);
	snprintf(name, sizeof(name), "checkpoint-%llu", size);
	if (q->out)
		snprintf(name, sizeof(name), "%s", q->out);
	snprintf(tsq, sizeof(tsq), "%s.tsq", name);
	if (r == 0)
		r = file_write(name, text, strlen(text), &e);
	if (r == 0)
		r = file_write(tsq, request.data, request.len, &e);
	buf_release(&request);
	if (r)
		return cmd_fail(&e, r);
	printf("%s\n%s\n", name, tsq);
	return fflush(stdout) ? EXIT_FAILED : 0;
}

/* An answer is no text. */
static int read_bytes(const char *path, struct buf *out, struct err *e)
{
	FILE *f = fopen(path, "re");
	int r = 0;

	if (!f)
		return err_errno(e, errno, "%s", path);
	r = buf_reserve(out, FILE_MAX);
	if (r == 0)
		out->len = fread(out->data, 1, FILE_MAX, f);
	if (r == 0 && (ferror(f) || out->len == FILE_MAX))
		r = -EFBIG;
	fclose(f);
	return r ? err_errno(e, -r, "%s", path) : 0;
}

static int check_response(const struct request *q)
{
	struct buf answer = BUF_INIT;
	struct buf at = BUF_INIT;
	struct err e = {0};
	char *text = NULL;
	char *ca = NULL;
	int r = file_read(q->file, FILE_MAX, &text, &e);

	if (r == 0 && q->ca)
		r = file_read(q->ca, FILE_MAX, &ca, &e);
	if (r == 0)
		r = read_bytes(q->response, &answer, &e);
	if (r == 0) {
		struct err why = {0};

		r = stamp_check(answer.data, answer.len, text, strlen(text), ca, &at, &why);
		if (r)
			err_set(&e, -r, "%s: %s", q->response, err_text(&why, r));
	}
	if (r)
		cmd_fail(&e, r);
	else
		printf("%s was there at %s%s\n", q->file, buf_cstr(&at),
			q->ca ? ""
			      : ", if the authority is to be believed: --ca FILE checks its "
				"signature");
	free(text);
	free(ca);
	buf_release(&answer);
	buf_release(&at);
	return r ? EXIT_FAILED : 0;
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

	if (r < 0)
		return cmd_fail(&e, r);
	return !strcmp(q->verb, "timestamp") ? write_request(q, text)
					     : put_out(q, text, strlen(text));
}

/* ---- from the service --------------------------------------------------------------------- */

struct asked {
	const struct request *q;
	int status; /* -1: not told */
	bool breach_told;
	struct audit_breach breach;
	enum record_role role;
};

static char *copy(const struct row_field *f)
{
	return f && f->kind == ROW_BYTES ? strndup((const char *)f->v.bytes.p,
						   (size_t)(f->v.bytes.end - f->v.bytes.p))
					 : NULL;
}

/* Hex digits that the service sent. */
static bool take_hex(const struct row *r, const char *name, uint8_t *out, size_t n)
{
	char *text = copy(row_get(r, name));
	bool good = text && strlen(text) == 2 * n;

	for (size_t i = 0; good && i < n; i++) {
		unsigned v = 0;

		good = sscanf(text + 2 * i, "%2x", &v) == 1;
		out[i] = (uint8_t)v;
	}
	free(text);
	return good;
}

static void take_breach(struct asked *a, const struct row *r)
{
	const struct row_field *seq = row_get(r, "seq");
	const struct row_field *role = row_get(r, "role");

	if (!seq || seq->kind != ROW_U64 || role->kind != ROW_U64 ||
		!take_hex(r, "key", a->breach.key, RECORD_KEY) ||
		!take_hex(r, "log", a->breach.log_id, RECORD_LOG_ID))
		return;
	a->breach.seq = seq->v.u;
	a->role = (enum record_role)role->v.u;
	a->breach_told = true;
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
		a->status = !strcmp(a->q->verb, "timestamp") ? write_request(a->q, text)
							     : put_out(a->q, text, strlen(text));
	if (row_get(r, "role"))
		take_breach(a, r);
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
	snprintf(command, sizeof(command), "audit %s",
		!strcmp(q->verb, "timestamp") ? "checkpoint" : q->verb);
	r = client_ask(socket_path(q), command, args, n, &sink, &e);
	buf_release(&anchors);
	if (r)
		cmd_fail(&e, r);
	else if (a.status >= 0)
		return a.status;
	return strcmp(q->verb, "verify") != 0 || r == -EPERM ? EXIT_FAILED : (int)VERDICT_UNKNOWN;
}

static int cosign(const struct request *q)
{
	struct asked a = {.q = q};
	const struct client_sink sink = {.row = on_row, .ctx = &a};
	struct control_arg arg = {"text", NULL};
	struct err e = {0};
	char *text = NULL;
	int r = file_read(q->file, FILE_MAX, &text, &e);

	arg.value = text;
	if (r == 0)
		r = client_ask(socket_path(q), "audit cosign", &arg, 1, &sink, &e);
	free(text);
	return r ? cmd_fail(&e, r) : 0;
}

/* The private key stays here: what is to be signed is asked for, then the signature is sent. */
static int endorse(const struct request *q)
{
	struct asked a = {.q = q};
	const struct client_sink sink = {.row = on_row, .ctx = &a};
	struct record_seal seal;
	char by[2 * RECORD_KEY + 1];
	char signature[2 * RECORD_SIGNATURE + 1];
	struct err e = {0};
	int r = client_ask(socket_path(q), "audit endorse", NULL, 0, &sink, &e);

	if (r == 0 && !a.breach_told)
		r = err_set(&e, EPROTO, "the service did not say what to sign");
	if (r == 0)
		r = audit_endorse_sign(q->key.text, &a.breach, a.role, &seal, &e);
	if (r == 0) {
		const struct control_arg args[] = {{"by", digest_hex(seal.next, RECORD_KEY, by)},
			{"signature", digest_hex(seal.signature, RECORD_SIGNATURE, signature)}};

		r = client_ask(socket_path(q), "audit endorse", args, 2, &sink, &e);
	}
	if (r)
		return cmd_fail(&e, r);
	printf("discontinuity %llu: endorsed as %s\n", (unsigned long long)a.breach.seq,
		a.role == RECORD_BY_OWNER ? "an owner" : "an auditor");
	return fflush(stdout) ? EXIT_FAILED : 0;
}

int audit_log_run(const struct command *c, int argc, char **argv)
{
	struct request q = {.verb = argv[1]};
	int r = parse(c, argc - 1, argv + 1, &q);

	if (r == 0 && q.help)
		r = cmd_help(c);
	else if (r == 0 && q.response)
		r = check_response(&q);
	else if (r == 0 && !strcmp(q.verb, "cosign"))
		r = cosign(&q);
	else if (r == 0 && !strcmp(q.verb, "endorse"))
		r = endorse(&q);
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
