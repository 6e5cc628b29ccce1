/* SPDX-License-Identifier: Apache-2.0 */
/* scan_rules.c - what a scan looks for; see scan_rules.h. */
#include "control/scan_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/digest.h"
#include "base/glob.h"
#include "base/text.h"

#define PHONE_MIN 5 /* digits */
#define PHONE_MAX 15
#define WORD_MAX  680 /* bytes of a keyword */

/* A line, or what is left of it. */
struct piece {
	const char *p;
	size_t n;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct piece trimmed(struct piece s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s.p++, s.n--;
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* A # begins a comment where it begins the line, or has a blank before it. */
static struct piece without_comment(struct piece s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '#' && (i == 0 || is_blank(s.p[i - 1])))
			s.n = i;
	}
	return trimmed(s);
}

static struct piece first_word(struct piece *s)
{
	struct piece w = {s->p, 0};

	while (w.n < s->n && !is_blank(s->p[w.n]))
		w.n++;
	s->p += w.n;
	s->n -= w.n;
	*s = trimmed(*s);
	return w;
}

static bool is(struct piece s, const char *word)
{
	return strlen(word) == s.n && memcmp(s.p, word, s.n) == 0;
}

static bool has(struct piece s, char c)
{
	return s.n > 0 && memchr(s.p, c, s.n) != NULL;
}

/* ---- values: what is wrong with one, in words; NULL: nothing ------------------------------- */

static const char *wrong_address(struct piece v)
{
	if (has(v, ' ') || has(v, '\t'))
		return "an address has no blanks: name@host, * for any part of it";
	if (!has(v, '@') && !has(v, '*'))
		return "an address is name@host, * for any part of it; or is it a domain?";
	return glob_wrong(v.p, v.n);
}

static const char *wrong_domain(struct piece v)
{
	if (has(v, '@') || has(v, ' ') || has(v, '\t'))
		return "a domain is what stands behind the @ of an address, * for any part of it";
	return glob_wrong(v.p, v.n);
}

static const char *wrong_phone(struct piece v)
{
	size_t plus = v.p[0] == '+';

	for (size_t i = plus; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return "a phone number is digits alone: it is found however they are "
			       "grouped";
	}
	return v.n - plus < PHONE_MIN || v.n - plus > PHONE_MAX
		       ? "a phone number has 5 to 15 digits"
		       : NULL;
}

static const char *wrong_keyword(struct piece v)
{
	if (v.n > WORD_MAX)
		return "a keyword has at most 680 bytes";
	for (size_t i = 0; i < v.n;) {
		uint32_t code = 0;
		size_t n = text_next(v.p + i, v.n - i, &code);

		if (n == 0)
			return "it is not UTF-8";
		if (code > 0x7f || (code >= '0' && code <= '9') ||
			((code | 0x20) >= 'a' && (code | 0x20) <= 'z'))
			return text_is_utf8(v.p, v.n) ? NULL : "it is not UTF-8";
		i += n;
	}
	return "a keyword has a letter or a digit";
}

static const char *wrong_sha256(struct piece v)
{
	if (v.n != 64)
		return "not 64 hex digits";
	for (size_t i = 0; i < v.n; i++) {
		if (text_hex_digit(v.p[i]) < 0)
			return "not 64 hex digits";
	}
	return NULL;
}

static const char *wrong_path(struct piece v)
{
	if (v.p[0] == '/')
		return "a path begins with the name of the evidence, without a slash; * is any "
		       "part of it, slashes too";
	return glob_wrong(v.p, v.n);
}

static const struct {
	const char *name;
	const char *(*wrong)(struct piece v);
} kinds[] = {
	[SCAN_ADDRESS] = {"address", wrong_address},
	[SCAN_DOMAIN] = {"domain", wrong_domain},
	[SCAN_PHONE] = {"phone", wrong_phone},
	[SCAN_KEYWORD] = {"keyword", wrong_keyword},
	[SCAN_SHA256] = {"sha256", wrong_sha256},
	[SCAN_PATH] = {"path", wrong_path},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- lines -------------------------------------------------------------------------------- */

/* "-> confirmed" at its end is taken off. Return: NULL, or what is wrong. */
static const char *take_state(struct piece *s, enum mark_state *state)
{
	for (size_t i = s->n; i-- > 1;) {
		struct piece to = {s->p + i + 1, s->n - i - 1};

		if (s->p[i] != '>' || s->p[i - 1] != '-' || (i > 1 && !is_blank(s->p[i - 2])))
			continue;
		if (!is(trimmed(to), "confirmed"))
			return "behind -> comes confirmed, and nothing else";
		*state = MARK_CONFIRMED;
		s->n = i - 1;
		*s = trimmed(*s);
		break;
	}
	return NULL;
}

static int wrong(struct err *e, size_t line, const char *what)
{
	return err_set(e, EINVAL, "line %zu of the rules: %s; nothing was changed", line, what);
}

static int find_kind(struct piece word, size_t line, enum scan_kind *out, struct err *e)
{
	char shown[40] = "";

	for (size_t k = 0; k < KINDS; k++) {
		if (is(word, kinds[k].name)) {
			*out = (enum scan_kind)k;
			return 0;
		}
	}
	for (size_t i = 0; i < word.n && i + 1 < sizeof(shown); i++)
		shown[i] = word.p[i] > ' ' && word.p[i] < 0x7f ? word.p[i] : '?';
	return err_set(e, EINVAL,
		"line %zu of the rules: %s: not one of address, domain, phone, keyword, sha256, "
		"path; nothing was changed",
		line, shown);
}

/* The rule's own text, its value in it. */
static int add(struct scan_rules *r, struct piece whole, struct piece value, struct scan_rule rule,
	struct err *e)
{
	if (r->n == SCAN_RULES_MAX)
		return wrong(e, rule.line, "more rules than one scan takes");
	rule.text = strndup(whole.p, whole.n);
	if (!rule.text || array_room(&r->v, sizeof(*r->v), r->n, &r->cap)) {
		free(rule.text);
		return err_errno(e, ENOMEM, "rules");
	}
	rule.value = rule.text + (value.p - whole.p);
	rule.value_n = value.n;
	for (size_t i = 0; rule.kind == SCAN_SHA256 && i < sizeof(rule.sha256); i++)
		rule.sha256[i] = (uint8_t)(text_hex_digit(value.p[2 * i]) << 4 |
					   text_hex_digit(value.p[2 * i + 1]));
	r->v[r->n++] = rule;
	return 0;
}

static int take_line(struct scan_rules *r, struct piece line, size_t number, struct err *e)
{
	struct scan_rule rule = {.line = number, .state = MARK_SUSPECTED};
	struct piece whole = without_comment(line);
	struct piece value = whole;
	const char *bad = NULL;
	int rc = 0;

	if (whole.n == 0)
		return 0;
	if (memchr(line.p, 0, line.n))
		return wrong(e, number, "a byte that is no text");
	if (whole.n > SCAN_RULE_MAX)
		return wrong(e, number, "a rule is too long");
	rc = find_kind(first_word(&value), number, &rule.kind, e);
	if (rc)
		return rc;
	bad = take_state(&value, &rule.state);
	if (!bad && value.n == 0)
		bad = "it has no value";
	if (!bad)
		bad = kinds[rule.kind].wrong(value);
	return bad ? wrong(e, number, bad) : add(r, whole, value, rule, e);
}

static int by_text(const void *a, const void *b)
{
	const struct scan_rule *x = a;
	const struct scan_rule *y = b;
	int r = strcmp(x->text, y->text);

	return r ? r : x->line < y->line ? -1 : x->line > y->line;
}

static int by_line(const void *a, const void *b)
{
	const struct scan_rule *x = a;
	const struct scan_rule *y = b;

	return x->line < y->line ? -1 : x->line > y->line;
}

/* What stands there twice counts once. */
static void drop_twins(struct scan_rules *r)
{
	size_t kept = 0;

	qsort(r->v, r->n, sizeof(*r->v), by_text);
	for (size_t i = 0; i < r->n; i++) {
		if (kept > 0 && strcmp(r->v[i].text, r->v[kept - 1].text) == 0)
			free(r->v[i].text);
		else
			r->v[kept++] = r->v[i];
	}
	r->n = kept;
	qsort(r->v, r->n, sizeof(*r->v), by_line);
}

int scan_rules_parse(const char *file, size_t n, struct scan_rules *out, struct err *e)
{
	struct scan_rules r = {.n = 0};
	size_t line = 0;
	int rc = 0;

	digest_sha256(file, n, r.digest);
	if (n >= 3 && memcmp(file, "\xef\xbb\xbf", 3) == 0)
		file += 3, n -= 3;
	while (rc == 0 && n > 0) {
		const char *end = memchr(file, '\n', n);
		struct piece p = {file, end ? (size_t)(end - file) : n};

		rc = take_line(&r, p, ++line, e);
		n -= p.n + (end != NULL);
		file += p.n + (end != NULL);
	}
	if (rc == 0 && r.n == 0)
		rc = err_set(e, EINVAL, "there are no rules in the file");
	if (rc) {
		scan_rules_release(&r);
		return rc;
	}
	drop_twins(&r);
	*out = r;
	return 0;
}

void scan_rules_release(struct scan_rules *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->v[i].text);
	free(r->v);
	*r = (struct scan_rules){.n = 0};
}
