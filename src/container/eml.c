/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eml.c - a mail message in a file: its headers, bodies and attachments
 *
 * A folder without folders: headers.txt (the bytes as they stand), body.txt and
 * body.html, attachments under their own names, messages in it whole as .eml.
 * A locator is the number of a part, from 1, 0 for the headers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "container/container.h"
#include "container/locate.h"
#include "container/mail.h"
#include "container/mime.h"

#define BEFORE_MAX CONTAINER_HEAD
#define HEAD_MAX   (64 * 1024) /* bytes of a message in a message, for its subject */

struct container {
	const struct source *source;
	struct mime *mime;
	struct mime_reader *reader; /* of the part read last */
	size_t part;                /* from 1 */
	uint64_t at;                /* bytes of it read */
};

static bool eml_begins(const uint8_t *first)
{
	return mail_may_begin(first, CONTAINER_FIRST);
}

static bool eml_probe(const uint8_t *head, size_t n, const struct source *s)
{
	(void)s;
	return mail_is_message(head, n);
}

static int open_message(
	const struct source *s, struct container_budget *b, struct mime **out, struct err *e)
{
	uint8_t head[BEFORE_MAX];
	ssize_t n = source_read_all(s, head, sizeof(head), 0);
	uint64_t off = 0;

	if (n < 0)
		return err_set(e, EIO, "the message cannot be read");
	off = mail_before(head, (size_t)n);
	return mime_open(s, off, source_size(s) - off, b, out, e);
}

/* A part that is read while it is told. */
struct telling {
	struct mime_reader *reader;
	struct container_budget *budget;
};

static ssize_t read_part(void *ctx, void *buf, size_t len)
{
	const struct telling *t = ctx;
	ssize_t n = mime_read(t->reader, buf, len);

	return n > 0 && container_spend(t->budget, (uint64_t)n) < 0 ? -E2BIG : n;
}

static int tell(
	const struct container_visit *v, struct member *t, uint64_t part, const struct buf *name)
{
	uint32_t number = 0;
	int r = name->error ? name->error : locate_set(t, &part, 1);

	if (r < 0)
		return r;
	t->name = name->data;
	t->name_len = name->len;
	t->kind = ENTRY_FILE;
	return v->member(v->ctx, t, &number);
}

static int tell_headers(
	const struct mime *m, const struct source *s, const struct container_visit *v)
{
	struct locate_range r = {.source = s};
	struct member t = {
		.mtime = mime_date(m), .plain = true, .read = locate_range_read, .read_ctx = &r};
	struct buf name = BUF_INIT;
	int rc = 0;

	mime_headers(m, &r.off, &r.left);
	t.size = r.left;
	buf_puts(&name, "headers.txt");
	rc = tell(v, &t, 0, &name);
	buf_release(&name);
	return rc;
}

/* What a file of a type ends in, so that a desktop opens it. */
static const char *ending(const char *type)
{
	static const char *const of[][2] = {{"text/plain", ".txt"}, {"text/html", ".html"},
		{"text/calendar", ".ics"}, {"text/rtf", ".rtf"}, {"application/rtf", ".rtf"},
		{"application/pdf", ".pdf"}, {"application/zip", ".zip"},
		{"application/pkcs7-mime", ".p7m"}, {"application/pkcs7-signature", ".p7s"},
		{"application/pgp-signature", ".asc"}, {"application/ms-tnef", ".tnef"},
		{"image/png", ".png"}, {"image/jpeg", ".jpg"}, {"image/gif", ".gif"},
		{"message/delivery-status", ".txt"}, {"text/rfc822-headers", ".txt"}};

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		if (strcmp(type, of[i][0]) == 0)
			return of[i][1];
	}
	return "";
}

/* The subject of a message in the message, from its first bytes. */
static void name_message(const struct mime *m, size_t i, struct buf *name)
{
	struct mime_reader *r = NULL;
	struct source *s = NULL;
	struct mime *inner = NULL;
	uint8_t *head = malloc(HEAD_MAX);
	size_t n = 0;
	ssize_t got = 1;

	if (head && mime_part_open(m, i, &r) == 0) {
		while (n < HEAD_MAX && (got = mime_read(r, head + n, HEAD_MAX - n)) > 0)
			n += (size_t)got;
		n = mail_headers(head, n);
	}
	if (n > 0 && source_memory(head, n, &s) == 0)
		mime_open(s, 0, n, NULL, &inner, NULL);
	if (inner)
		mail_name(name, mime_subject(inner), strlen(mime_subject(inner)), ".eml");
	else
		mail_name(name, "", 0, ".eml");
	mime_close(inner);
	source_close(s);
	mime_reader_close(r);
	free(head);
}

/* What has been given a plain name already. */
struct bodies {
	bool text;
	bool html;
};

/* Return: whether the name is made up, and so may be told of several. */
static bool name_part(const struct mime *m, size_t i, struct bodies *had, struct buf *name)
{
	struct mime_part p = mime_part(m, i);
	bool *first = p.kind == MIME_TEXT ? &had->text : &had->html;
	bool again = false;

	if (p.kind == MIME_TEXT || p.kind == MIME_HTML) {
		again = *first;
		*first = true;
		buf_puts(name, p.kind == MIME_TEXT ? "body.txt" : "body.html");
		return again;
	}
	if (p.name && *p.name) {
		buf_puts(name, p.name);
		return false;
	}
	if (p.kind == MIME_MESSAGE)
		name_message(m, i, name);
	else
		mail_name(name, "part", 4, ending(p.type));
	return true;
}

static int tell_part(const struct mime *m, size_t i, struct bodies *had, struct container_budget *b,
	const struct container_visit *v)
{
	struct member t = {.size = CONTAINER_SIZE_UNKNOWN, .mtime = mime_date(m)};
	struct mime_part p = mime_part(m, i);
	struct telling r = {.budget = b};
	struct buf name = BUF_INIT;
	int rc = mime_part_open(m, i, &r.reader);

	if (rc < 0)
		return rc;
	t.made_up = name_part(m, i, had, &name);
	t.read = read_part;
	t.read_ctx = &r;
	t.encrypted = p.encrypted;
	t.plain = p.kind == MIME_TEXT || p.kind == MIME_HTML;
	rc = tell(v, &t, i + 1, &name);
	buf_release(&name);
	mime_reader_close(r.reader);
	return rc;
}

static int eml_walk(const struct source *s, struct container_budget *b,
	const struct container_visit *v, struct err *e)
{
	struct mime *m = NULL;
	struct bodies had = {.text = false};
	int r = open_message(s, b, &m, e);

	if (r == 0)
		r = tell_headers(m, s, v);
	for (size_t i = 0; r == 0 && i < mime_parts(m); i++)
		r = tell_part(m, i, &had, b, v);
	mime_close(m);
	return r;
}

static int eml_open(const struct source *s, struct container **out, struct err *e)
{
	struct container *c = calloc(1, sizeof(*c));
	int r = 0;

	if (!c)
		return err_set(e, ENOMEM, "no memory for a message");
	c->source = s;
	r = open_message(s, NULL, &c->mime, e);
	if (r < 0) {
		free(c);
		return r;
	}
	*out = c;
	return 0;
}

/* Bring the reader to @off of a part, from where it is if that is before. */
static int seek(struct container *c, struct container_budget *b, size_t part, uint64_t off)
{
	uint8_t skipped[16 * 1024];

	if (!c->reader || c->part != part || c->at > off) {
		int r = 0;

		mime_reader_close(c->reader);
		c->reader = NULL;
		r = mime_part_open(c->mime, part - 1, &c->reader);
		if (r < 0)
			return r;
		c->part = part;
		c->at = 0;
	}
	while (c->at < off) {
		uint64_t left = off - c->at;
		ssize_t n = mime_read(c->reader, skipped,
			left < sizeof(skipped) ? (size_t)left : sizeof(skipped));

		if (n <= 0)
			return (int)n;
		c->at += (uint64_t)n;
		if (container_spend(b, (uint64_t)n) < 0)
			return -E2BIG;
	}
	return 1;
}

static ssize_t eml_read(struct container *c, struct container_budget *b, const uint8_t *locator,
	size_t locator_len, void *buf, size_t len, uint64_t off, struct err *e)
{
	uint64_t part = 0;
	uint64_t begin = 0;
	uint64_t size = 0;
	size_t done = 0;
	ssize_t n = 0;

	if (locate_get(locator, locator_len, &part, 1) < 0 || part > mime_parts(c->mime))
		return err_set(e, ENOENT, "the message has no such part");
	mime_headers(c->mime, &begin, &size);
	if (part == 0)
		return locate_range_at(c->source, b, begin, size, buf, len, off);
	n = seek(c, b, (size_t)part, off);
	while (n > 0 && done < len) {
		n = mime_read(c->reader, (uint8_t *)buf + done, len - done);
		if (n > 0) {
			done += (size_t)n;
			c->at += (uint64_t)n;
			if (container_spend(b, (uint64_t)n) < 0)
				n = -E2BIG;
		}
	}
	return n < 0 ? err_set(e, (int)-n, "the part cannot be read") : (ssize_t)done;
}

static enum container_role eml_role(struct container *c, const uint8_t *locator, size_t locator_len)
{
	uint64_t part = 0;
	enum mime_kind kind = MIME_FILE;

	if (locate_get(locator, locator_len, &part, 1) < 0 || part > mime_parts(c->mime))
		return ROLE_MEMBER;
	if (part == 0)
		return ROLE_HEADERS;
	kind = mime_part(c->mime, (size_t)part - 1).kind;
	return kind == MIME_TEXT || kind == MIME_HTML ? ROLE_BODY : ROLE_MEMBER;
}

static void eml_close(struct container *c)
{
	if (!c)
		return;
	mime_reader_close(c->reader);
	mime_close(c->mime);
	free(c);
}

static const char *const suffixes[] = {"eml", "mht", "mhtml", NULL};

const struct container_kind container_eml = {
	.name = "eml",
	.suffixes = suffixes,
	.begins = eml_begins,
	.probe = eml_probe,
	.walk = eml_walk,
	.open = eml_open,
	.read = eml_read,
	.role = eml_role,
	.close = eml_close,
	.prepare = mime_prepare,
};
