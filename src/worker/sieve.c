/* SPDX-License-Identifier: Apache-2.0 */
/* sieve.c - which of many patterns a trace meets; see sieve.h. */
#include "worker/sieve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/glob.h"
#include "container/mail.h"
#include "container/mime.h"
#include "text/match.h"
#include "text/text.h"
#include "worker/wire.h"

#define LINES_MAX ((size_t)1 << 20) /* bytes of recipients or properties that are looked at */

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* An address, or a domain; borrowed from the payload's copy. */
struct pattern {
	uint32_t id;
	const char *text;
	size_t n;
};

struct patterns {
	struct pattern *v;
	size_t n, cap;
};

struct sieve {
	char *texts; /* all of the payload */
	uint32_t n;  /* patterns */
	struct match *match;
	bool words;               /* there is something to be found in text */
	struct patterns exact[2]; /* [0] addresses, [1] domains: without wildcards, sorted */
	struct patterns globs[2];
	uint8_t *met;  /* [n] of the trace under way */
	uint32_t *ids; /* [n] those that are, as they came */
	uint32_t ids_n;
	bool document; /* it is one, and its text meets something */
};

/* ---- patterns ------------------------------------------------------------------------------- */

static int compare(const char *a, size_t a_n, const char *b, size_t b_n)
{
	int r = strncasecmp(a, b, a_n < b_n ? a_n : b_n);

	return r ? r : a_n < b_n ? -1 : a_n > b_n;
}

static int by_text(const void *a, const void *b)
{
	const struct pattern *x = a;
	const struct pattern *y = b;

	return compare(x->text, x->n, y->text, y->n);
}

static bool is_glob(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strchr("*?[\\", text[i]))
			return true;
	}
	return false;
}

static int add(struct sieve *s, uint8_t kind, const char *text, size_t n, uint32_t id)
{
	bool domain = kind == WIRE_DOMAIN;
	struct patterns *p = is_glob(text, n) ? &s->globs[domain] : &s->exact[domain];
	int r = 0;

	if (n == 0 || n > WIRE_PATTERN_MAX || memchr(text, 0, n))
		return -EPROTO;
	if (kind == WIRE_PHONE || kind == WIRE_KEYWORD) {
		s->words = true;
		r = match_add(
			s->match, kind == WIRE_PHONE ? MATCH_PHONE : MATCH_KEYWORD, text, n, id);
		return r == -EINVAL ? 0 : r; /* what cannot stand in any text is met in none */
	}
	if (kind != WIRE_ADDRESS && !domain)
		return -EPROTO;
	if (array_room(&p->v, sizeof(*p->v), p->n, &p->cap))
		return -ENOMEM;
	p->v[p->n++] = (struct pattern){id, text, n};
	return 0;
}

static int take_all(struct sieve *s, struct cur *c)
{
	int r = match_new(&s->match);

	for (uint32_t i = 0; r == 0 && i < s->n; i++) {
		uint8_t kind = cur_u8(c);
		size_t n = 0;
		const char *text = (const char *)cur_blob(c, &n);

		r = c->bad ? -EPROTO : add(s, kind, text, n, i);
	}
	if (r == 0 && cur_left(c) > 0)
		r = -EPROTO;
	for (int k = 0; k < 2; k++) {
		if (s->exact[k].n > 0)
			qsort(s->exact[k].v, s->exact[k].n, sizeof(struct pattern), by_text);
	}
	return r ? r : match_ready(s->match);
}

int sieve_new(struct cur *c, struct sieve **out)
{
	struct sieve *s = calloc(1, sizeof(*s));
	size_t left = cur_left(c);
	struct cur own;
	int r = 0;

	if (!s)
		return -ENOMEM;
	s->texts = malloc(left + 1);
	if (s->texts) {
		memcpy(s->texts, c->p, left);
		own = cur_of(s->texts, left);
		s->n = cur_u32(&own);
		if (own.bad || s->n == 0 || s->n > WIRE_PATTERNS_MAX)
			r = -EPROTO;
	}
	if (r == 0) {
		s->met = calloc(s->n + 1, 1);
		s->ids = calloc(s->n + 1, sizeof(*s->ids));
		r = s->texts && s->met && s->ids ? take_all(s, &own) : -ENOMEM;
	}
	if (r) {
		sieve_free(s);
		return r;
	}
	*out = s;
	return 0;
}

void sieve_free(struct sieve *s)
{
	if (!s)
		return;
	match_free(s->match);
	for (int k = 0; k < 2; k++) {
		free(s->exact[k].v);
		free(s->globs[k].v);
	}
	free(s->met);
	free(s->ids);
	free(s->texts);
	free(s);
}

/* ---- what is met ---------------------------------------------------------------------------- */

static void meet(void *ctx, unsigned id)
{
	struct sieve *s = ctx;

	if (id < s->n && !s->met[id]) {
		s->met[id] = 1;
		s->ids[s->ids_n++] = id;
	}
}

static void meet_patterns(struct sieve *s, bool domain, const char *text, size_t n)
{
	const struct patterns *e = &s->exact[domain];
	const struct pattern key = {0, text, n};
	const struct pattern *at =
		e->n > 0 ? bsearch(&key, e->v, e->n, sizeof(key), by_text) : NULL;

	/* the same in another case, or with another state: they stand side by side */
	while (at && at > e->v && by_text(at - 1, &key) == 0)
		at--;
	for (; at && at < e->v + e->n && by_text(at, &key) == 0; at++)
		meet(s, at->id);
	for (size_t i = 0; i < s->globs[domain].n; i++) {
		const struct pattern *p = &s->globs[domain].v[i];

		if (!s->met[p->id] && glob_match(p->text, p->n, text, n, true))
			meet(s, p->id);
	}
}

static bool wants_addresses(const struct sieve *s)
{
	return s->exact[0].n + s->exact[1].n + s->globs[0].n + s->globs[1].n > 0;
}

/* Fields whose @ is of an identifier or a signature, and what a person wrote. */
static bool says_nothing(const char *field)
{
	static const char *const names[] = {"Message-ID", "Resent-Message-ID",
		"Original-Message-ID", "Content-ID", "References", "In-Reply-To", "Thread-Index",
		"Thread-Topic", "Subject", "Comments", "Keywords", "DKIM-Signature",
		"DomainKey-Signature", "Authentication-Results", "Received-SPF", "List-ID"};

	for (size_t i = 0; i < LENGTH(names); i++) {
		if (strcasecmp(field, names[i]) == 0)
			return true;
	}
	return strncasecmp(field, "ARC-", 4) == 0;
}

static int on_address(void *ctx, const struct mime_address *a)
{
	struct sieve *s = ctx;
	const char *at = strrchr(a->address, '@');

	if (!at || (a->field && says_nothing(a->field)))
		return 0;
	meet_patterns(s, false, a->address, strlen(a->address));
	meet_patterns(s, true, at + 1, strlen(at + 1));
	return 0;
}

/* ---- words ---------------------------------------------------------------------------------- */

static void match_words(struct sieve *s, const char *text, size_t n)
{
	if (!s->words)
		return;
	match_begin(s->match);
	match_feed(s->match, text, n);
	match_end(s->match, meet, s);
}

/* Numbers in other fields are dates and identifiers. */
static bool says_words(const char *field)
{
	static const char *const names[] = {"Subject", "Comments", "Keywords", "Thread-Topic",
		"Organization", "From", "Sender", "Reply-To", "To", "Cc", "Bcc"};

	for (size_t i = 0; i < LENGTH(names); i++) {
		if (strcasecmp(field, names[i]) == 0)
			return true;
	}
	return false;
}

static int on_field(void *ctx, const char *field, const char *value)
{
	if (says_words(field))
		match_words(ctx, value, strlen(value));
	return 0;
}

static int on_piece(void *ctx, const char *utf8, size_t n)
{
	const struct sieve *s = ctx;

	match_feed(s->match, utf8, n);
	return 0;
}

static bool match_text(struct sieve *s, const struct sieve_trace *t)
{
	const struct text_sink sink = {on_piece, s};
	struct err e = {0};
	int r = 0;

	if (!s->words)
		return true;
	match_begin(s->match);
	r = text_extract(t->s, t->budget, &sink, &e);
	match_end(s->match, meet, s);
	return r == 0;
}

/* ---- one trace ------------------------------------------------------------------------------ */

static bool match_message(struct sieve *s, const struct sieve_trace *t)
{
	uint8_t head[CONTAINER_HEAD];
	ssize_t n = source_read_all(t->s, head, sizeof(head), 0);
	uint64_t off = n > 0 ? mail_before(head, (size_t)n) : 0;
	struct mime *m = NULL;
	struct err e = {0};

	if (n < 0 || mime_open(t->s, off, source_size(t->s) - off, t->budget, &m, &e))
		return false;
	if (wants_addresses(s))
		mime_addresses(m, on_address, s);
	mime_fields(m, on_field, s);
	mime_close(m);
	return true;
}

/* Whether a line of properties.txt is one that says who sent or received. */
static bool is_person(const char *line)
{
	static const char *const tags[] = {"0x0040", "0x0042", "0x0044", "0x0050", "0x0065",
		"0x0076", "0x0078", "0x0c1a", "0x0c1f", "0x0e02", "0x0e03", "0x0e04", "0x3003",
		"0x39fe", "0x5d01", "0x5d02", "0x5d07", "0x5d08", "0x5d09", "0x5d0a"};

	for (size_t i = 0; i < LENGTH(tags); i++) {
		if (strncmp(line, tags[i], 6) == 0)
			return true;
	}
	return false;
}

/* Of an item of an Outlook store: what it says beside header fields. */
static bool match_lines(struct sieve *s, const struct sieve_trace *t)
{
	uint64_t size = source_size(t->s);
	size_t want = size < LINES_MAX ? (size_t)size : LINES_MAX;
	char *text = malloc(want + 1);
	ssize_t n = text ? source_read_all(t->s, text, want, 0) : -ENOMEM;

	if (n > 0)
		text[n] = '\0';
	for (char *line = text, *end = NULL; n > 0 && line; line = end) {
		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		if (t->role == ROLE_RECIPIENTS || is_person(line))
			mime_addresses_in(line, on_address, s);
	}
	free(text);
	return n >= 0 && want == size;
}

/* What a container is by itself, beside its members: a message, or an office document. */
static bool match_container(struct sieve *s, const struct sieve_trace *t)
{
	const struct container_kind *kind = container_detect(t->s);
	uint32_t met = 0;
	bool read = true;

	if (kind == &container_eml)
		return match_message(s, t) && (t->has_members || match_text(s, t));
	if (t->has_members && kind && kind != &container_archive)
		return true;
	met = s->ids_n;
	read = match_text(s, t);
	s->document = t->has_members && s->ids_n > met;
	return read;
}

static bool match_contents(struct sieve *s, const struct sieve_trace *t)
{
	switch (t->role) {
	case ROLE_HEADERS: /* the message's own fields, decoded, say it */
		return true;
	case ROLE_RECIPIENTS:
	case ROLE_PROPERTIES:
		return (!wants_addresses(s) || match_lines(s, t)) && match_text(s, t);
	case ROLE_BODY:
		return match_text(s, t);
	case ROLE_WHOLE:
	case ROLE_MEMBER:
		break;
	}
	return match_container(s, t);
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

bool sieve_run(struct sieve *s, const struct sieve_trace *t, struct buf *out)
{
	uint8_t bits = 0;
	bool read = !t->unread;

	if (t->role == ROLE_MEMBER) /* the others' were made here */
		match_words(s, (const char *)t->name, t->name_len);
	if (t->s)
		read = match_contents(s, t);
	if (t->s && t->role != ROLE_MEMBER)
		bits |= WIRE_OWN_TEXT;
	if (t->s && t->role == ROLE_WHOLE)
		bits |= WIRE_REPEATS;
	if (!read)
		bits |= WIRE_UNREAD;
	if (s->document)
		bits |= WIRE_DOCUMENT;
	s->document = false;
	if (s->ids_n > 0)
		qsort(s->ids, s->ids_n, sizeof(*s->ids), by_id);
	buf_put_u8(out, bits);
	buf_put_u32(out, s->ids_n);
	for (uint32_t i = 0; i < s->ids_n; i++) {
		buf_put_u32(out, s->ids[i]);
		s->met[s->ids[i]] = 0;
	}
	s->ids_n = 0;
	return read;
}
