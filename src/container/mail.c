/* SPDX-License-Identifier: Apache-2.0 */
/* mail.c - how mail is told from other text, and what its members are called; see mail.h. */
#include "container/mail.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"

#define FIELD_MAX    76
#define ENVELOPE_MAX 512 /* bytes of an envelope line that are looked at */
#define NAME_MAX_LEN 120
#define STRAY_MAX    2 /* lines among headers that are none */

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

size_t mail_line(const uint8_t *p, size_t n)
{
	const uint8_t *end = n ? memchr(p, '\n', n) : NULL;

	return end ? (size_t)(end - p) + 1 : n;
}

bool mail_is_blank(const uint8_t *line, size_t n)
{
	return (n == 1 && line[0] == '\n') || (n == 2 && line[0] == '\r' && line[1] == '\n');
}

/* Bytes that may be a field's name; *@colon: where its colon should stand, which may be at @n. */
static size_t name_of_field(const uint8_t *line, size_t n, size_t *colon)
{
	size_t len = 0;

	while (len < n && len <= FIELD_MAX && line[len] > ' ' && line[len] < 0x7f &&
		line[len] != ':')
		len++;
	*colon = len;
	while (*colon < n && (line[*colon] == ' ' || line[*colon] == '\t'))
		(*colon)++;
	return len;
}

size_t mail_field(const uint8_t *line, size_t n)
{
	size_t colon = 0;
	size_t len = name_of_field(line, n, &colon);

	return len > 0 && len <= FIELD_MAX && colon < n && line[colon] == ':' ? len : 0;
}

static bool is_one_of(const uint8_t *name, size_t n, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(list[i]) == n && strncasecmp((const char *)name, list[i], n) == 0)
			return true;
	}
	return false;
}

/* Which of the fields that tell mail from other headers; 0: none of them. */
static unsigned telling(const uint8_t *name, size_t n)
{
	static const char *const fields[] = {"From", "To", "Subject", "Message-ID", "Received",
		"Return-Path", "Delivered-To", "MIME-Version", "Date", "Cc", "Bcc", "Sender",
		"Reply-To", "X-Mozilla-Status", "In-Reply-To", "References", "X-Mailer",
		"DKIM-Signature", "Resent-From", "Resent-To", "X-Original-To", "X-Sender",
		"X-Priority"};

	for (size_t i = 0; i < LENGTH(fields); i++) {
		if (is_one_of(name, n, &fields[i], 1))
			return 1u << i;
	}
	return 0;
}

static bool is_type(const uint8_t *name, size_t n)
{
	static const char *const types[] = {"Content-Type", "Content-Transfer-Encoding"};

	return is_one_of(name, n, types, LENGTH(types));
}

bool mail_field_known(const uint8_t *name, size_t n)
{
	static const char *const more[] = {"Status", "Content-Length", "Content-Disposition",
		"Comments", "Keywords", "Errors-To", "Lines", "Organization", "Precedence",
		"Envelope-To", "Delivery-Date", "Authentication-Results"};

	return telling(name, n) || is_type(name, n) || is_one_of(name, n, more, LENGTH(more)) ||
	       (n > 2 && strncasecmp((const char *)name, "X-", 2) == 0) ||
	       (n > 7 && strncasecmp((const char *)name, "Resent-", 7) == 0) ||
	       (n > 5 && strncasecmp((const char *)name, "List-", 5) == 0) ||
	       (n > 4 && strncasecmp((const char *)name, "ARC-", 4) == 0);
}

static bool begins(const uint8_t *p, size_t n, const char *with)
{
	size_t len = strlen(with);

	return n >= len && memcmp(p, with, len) == 0;
}

size_t mail_before(const uint8_t *p, size_t n)
{
	size_t at = begins(p, n, "\xef\xbb\xbf") ? 3 : 0;

	while (at < n && (p[at] == '\n' || p[at] == '\r'))
		at++;
	if (begins(p + at, n - at, "From ") || begins(p + at, n - at, ">From "))
		at += mail_line(p + at, n - at);
	return at;
}

size_t mail_headers(const uint8_t *p, size_t n)
{
	for (size_t at = 0, len = 0; at < n; at += len) {
		len = mail_line(p + at, n - at);
		if (mail_is_blank(p + at, len))
			return at + len;
	}
	return n;
}

/* "Content-Type: multipart/...": what a signature keeps of a message has only this. */
static bool is_multipart(const uint8_t *line, size_t n, size_t name)
{
	static const char multipart[] = "multipart/";
	const size_t len = sizeof(multipart) - 1;

	if (name != 12 || strncasecmp((const char *)line, "Content-Type", 12) != 0)
		return false;
	for (size_t at = name + 1; at + len <= n; at++) {
		if (line[at] != ' ' && line[at] != '\t')
			return strncasecmp((const char *)line + at, multipart, len) == 0;
	}
	return false;
}

bool mail_may_begin(const uint8_t *p, size_t n)
{
	size_t at = mail_before(p, n);
	size_t colon = 0;
	size_t len = name_of_field(p + at, n - at, &colon);

	return len <= FIELD_MAX && (at + colon == n || mail_field(p + at, n - at) > 0);
}

bool mail_is_message(const uint8_t *p, size_t n)
{
	const unsigned date = telling((const uint8_t *)"Date", 4);
	unsigned seen = 0;
	unsigned bad = 0;
	bool type = false;
	bool multi = false;

	for (size_t at = mail_before(p, n), len = 0; at < n; at += len) {
		size_t name = mail_field(p + at, n - at);

		len = mail_line(p + at, n - at);
		if (seen && (p[at] == ' ' || p[at] == '\t'))
			continue; /* the line before goes on */
		/* A line that went astray is no end of the headers: mail is full of them. */
		if (name == 0 && seen && bad++ < STRAY_MAX && !mail_is_blank(p + at, len))
			continue;
		if (name == 0)
			break;
		seen |= telling(p + at, name);
		type = type || is_type(p + at, name);
		multi = multi || is_multipart(p + at, len, name);
		/* Bit 31 stands for a field that tells nothing: lines may go on behind it. */
		seen |= 1u << 31;
	}
	seen &= ~(1u << 31);
	return __builtin_popcount(seen) >= 2 || (type && (seen & ~date)) || multi;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* A month, a time of day and a year, in whatever order. */
static bool has_date(const uint8_t *p, size_t n)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	bool month = false;
	bool clock = false;
	bool year = false;

	for (size_t i = 1; i < n; i++) {
		size_t left = n - i;

		if (p[i - 1] != ' ')
			continue;
		for (size_t k = 0; left >= 4 && p[i + 3] == ' ' && k < 12; k++)
			month = month || memcmp(p + i, months + 3 * k, 3) == 0;
		clock = clock || (left >= 4 && is_digit(p[i]) && p[i + 1] == ':') ||
			(left >= 5 && is_digit(p[i]) && is_digit(p[i + 1]) && p[i + 2] == ':' &&
				is_digit(p[i + 3]) && is_digit(p[i + 4]));
		year = year || (left >= 4 && (p[i] == '1' || p[i] == '2') && is_digit(p[i + 1]) &&
				       is_digit(p[i + 2]) && is_digit(p[i + 3]) &&
				       (left == 4 || !is_digit(p[i + 4])));
	}
	return month && clock && year;
}

bool mail_is_envelope(
	const uint8_t *line, size_t n, const uint8_t *next, size_t next_n, bool after_blank)
{
	size_t name = mail_field(next, next_n);

	if (!begins(line, n, "From "))
		return false;
	if (has_date(line, n < ENVELOPE_MAX ? n : ENVELOPE_MAX) && (after_blank || name))
		return true;
	return after_blank &&
	       ((name && mail_field_known(next, name)) || begins(next, next_n, ">From "));
}

void mail_name(struct buf *out, const char *text, size_t n, const char *end)
{
	size_t start = out->len;
	const char *p = text;

	while (n > 0 && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
		p++, n--;
	while (n > 0) {
		uint32_t code = 0;
		size_t len = text_next(p, n, &code);
		bool shown = len > 0 && !text_is_control(code) && code != '/';

		len = len ? len : 1;
		if (out->len - start + len > NAME_MAX_LEN)
			break;
		buf_put(out, shown ? p : "_", shown ? len : 1);
		p += len;
		n -= len;
	}
	while (out->len > start && out->data[out->len - 1] == ' ')
		out->len--;
	if (out->len == start)
		buf_puts(out, "message");
	buf_puts(out, end);
}
