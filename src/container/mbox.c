/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbox.c - an mbox file: its messages, each a file named after its subject
 *
 * What separates messages is mail_is_envelope()'s to say. A message is the
 * bytes behind its envelope line, without the empty line that ends it,
 * as Python's mailbox gives them: a quoted ">From " stays quoted, since nobody
 * can tell who quoted it. A locator is where it begins and how long it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "container/container.h"
#include "container/locate.h"
#include "container/mail.h"
#include "container/mime.h"

#define WINDOW    (256 * 1024)
#define AHEAD     1024 /* of the next line, at least, beside a line that may be an envelope */
#define HEAD_MAX  (256 * 1024)
#define NOT_FOUND UINT64_MAX

struct container {
	const struct source *source;
};

/* A window that moves over the file, a line at a time. */
struct lines {
	const struct source *source;
	struct container_budget *budget;
	uint8_t *window; /* [WINDOW] */
	uint64_t off;    /* of the window */
	size_t at, end;  /* in it */
	bool whole;      /* it ends where the file ends */
};

/* The message that lines are added to. */
struct message {
	uint64_t begin;
	uint64_t headers_end; /* NOT_FOUND: still in them */
	size_t blank;         /* bytes of the empty line that came last, 0: another line did */
};

static bool mbox_begins(const uint8_t *first)
{
	return memcmp(first, "From ", 5) == 0;
}

static bool mbox_probe(const uint8_t *head, size_t n, const struct source *s)
{
	size_t line = mail_line(head, n);

	(void)s;
	return line < n && mail_is_envelope(head, line, head + line, n - line, true);
}

/* See that a line and what follows it are in the window, as far as they fit into it. */
static int fill(struct lines *l)
{
	size_t left = l->end - l->at;
	ssize_t n = 0;

	if (l->whole || (memchr(l->window + l->at, '\n', left) && left > 2 * AHEAD &&
				mail_line(l->window + l->at, left) + AHEAD <= left))
		return 0;
	memmove(l->window, l->window + l->at, left);
	l->off += l->at;
	l->at = 0;
	n = source_read_all(l->source, l->window + left, WINDOW - left, l->off + left);
	if (n < 0)
		return (int)n;
	l->end = left + (size_t)n;
	l->whole = l->end < WINDOW;
	return container_spend(l->budget, (uint64_t)n);
}

static int tell(const struct lines *l, const struct message *m, uint64_t end,
	const struct container_visit *v)
{
	struct locate_range range = {.source = l->source, .off = m->begin, .left = end - m->begin};
	struct member t = {.made_up = true,
		.kind = ENTRY_FILE,
		.size = end - m->begin,

		.read = locate_range_read,
		.read_ctx = &range};
	uint64_t head = (m->headers_end < end ? m->headers_end : end) - m->begin;
	const uint64_t where[2] = {m->begin, end - m->begin};
	struct mime *mime = NULL;
	struct buf name = BUF_INIT;
	uint32_t number = 0;
	int r = 0;

	/* Only a name and a time: a message without either is told as well. */
	mime_open(l->source, m->begin, head < HEAD_MAX ? head : HEAD_MAX, NULL, &mime, NULL);
	mail_name(&name, mime ? mime_subject(mime) : "", mime ? strlen(mime_subject(mime)) : 0,
		".eml");
	if (mime)
		t.mtime = mime_date(mime);
	t.name = name.data;
	t.name_len = name.len;
	r = name.error ? name.error : locate_set(&t, where, 2);
	if (r == 0)
		r = v->member(v->ctx, &t, &number);
	buf_release(&name);
	mime_close(mime);
	return r;
}

static void add_line(struct message *m, const struct lines *l, size_t len)
{
	bool blank = mail_is_blank(l->window + l->at, len);

	m->blank = blank ? len : 0;
	if (blank && m->headers_end == NOT_FOUND)
		m->headers_end = l->off + l->at + len;
}

static int walk_lines(struct lines *l, const struct container_visit *v)
{
	struct message m = {.begin = NOT_FOUND};
	bool begins = true; /* what is in the window begins a line */
	int r = fill(l);

	while (r == 0 && l->at < l->end) {
		const uint8_t *p = l->window + l->at;
		size_t len = mail_line(p, l->end - l->at);
		bool first = m.begin == NOT_FOUND;

		if (begins && mail_is_envelope(p, len, p + len, l->end - l->at - len,
				      first || m.blank > 0)) {
			if (!first)
				r = tell(l, &m, l->off + l->at - m.blank, v);
			m = (struct message){
				.begin = l->off + l->at + len, .headers_end = NOT_FOUND};
		} else if (begins) {
			add_line(&m, l, len);
		}
		begins = p[len - 1] == '\n';
		l->at += len;
		r = r ? r : fill(l);
	}
	if (r == 0 && m.begin != NOT_FOUND)
		r = tell(l, &m, l->off + l->end - m.blank, v);
	return r;
}

static int mbox_walk(const struct source *s, struct container_budget *b,
	const struct container_visit *v, struct err *e)
{
	struct lines l = {.source = s, .budget = b, .window = malloc(WINDOW)};
	int r = 0;

	if (!l.window)
		return err_set(e, ENOMEM, "no memory for a mail folder");
	r = walk_lines(&l, v);
	free(l.window);
	if (r == -EIO)
		r = v->problem(v->ctx, "the mail folder cannot be read to its end");
	return r;
}

static int mbox_open(const struct source *s, struct container **out, struct err *e)
{
	struct container *c = calloc(1, sizeof(*c));

	if (!c)
		return err_set(e, ENOMEM, "no memory for a mail folder");
	c->source = s;
	*out = c;
	return 0;
}

static ssize_t mbox_read(struct container *c, struct container_budget *b, const uint8_t *locator,
	size_t locator_len, void *buf, size_t len, uint64_t off, struct err *e)
{
	uint64_t v[2] = {0};
	ssize_t n = -ENOENT;

	if (locate_get(locator, locator_len, v, 2) == 2)
		n = locate_range_at(c->source, b, v[0], v[1], buf, len, off);
	return n < 0 ? err_set(e, (int)-n, "the mail folder has no such message to read") : n;
}

static void mbox_close(struct container *c)
{
	free(c);
}

static const char *const suffixes[] = {"mbox", "mbx", "mbs", NULL};

const struct container_kind container_mbox = {
	.name = "mbox",
	.suffixes = suffixes,
	.begins = mbox_begins,
	.probe = mbox_probe,
	.walk = mbox_walk,
	.open = mbox_open,
	.read = mbox_read,
	.close = mbox_close,
};
