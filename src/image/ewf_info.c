/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ewf_info.c - what an EWF image says about itself; see ewf_priv.h
 *
 * header and header2 hold the same text, zlib-compressed: lines, of which the
 * third names values by short keys and the fourth gives them, both separated by
 * tabs. header is in the code page of who wrote it (read as UTF-8, else Latin-1)
 * with dates in local time; header2 is UTF-16 with dates as seconds since 1970.
 * The device information and the case data of EWF2 are texts like header2, with
 * other keys, and say the sizes of the medium too.
 *
 * Source: EWF specification 3.2 (header), 3.3 (header2), 3.13 (hash), 3.14
 * (digest), 3.12 (error2); EWF2 specification 3.3 (device information), 3.4 (case
 * data), 3.8 (error table), 3.11 (MD5 hash), 3.12 (SHA1 hash).
 */
#include "image/ewf_priv.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define HEADER_STORED_MAX (1u << 20) /* bytes; more is no header */
#define HEADER_TEXT_MAX   (4u << 20)

struct key {
	char id[4];
	const char *word;
	bool date;
};

static const struct key keys[] = {
	{"c", "case number", false},
	{"n", "evidence number", false},
	{"a", "description", false},
	{"e", "examiner", false},
	{"t", "notes", false},
	{"md", "model", false},
	{"sn", "serial number", false},
	{"l", "device label", false},
	{"av", "software", false},
	{"ov", "os", false},
	{"m", "acquired", true},
	{"u", "system date", true},
	/* EWF2; those not here are as above */
	{"cn", "case number", false},
	{"en", "evidence number", false},
	{"nm", "description", false},
	{"ex", "examiner", false},
	{"nt", "notes", false},
	{"lb", "device label", false},
	{"os", "os", false},
	{"tt", "acquired", true},
	{"at", "system date", true},
};

/* One field: bytes up to a tab or the end of the line. */
struct field {
	const uint8_t *p;
	size_t n;
};

static void put_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_put_u8(b, (uint8_t)c);
	} else if (c < 0x800) {
		buf_put_u8(b, (uint8_t)(0xc0 | c >> 6));
		buf_put_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_put_u8(b, (uint8_t)(0xe0 | c >> 12));
		buf_put_u8(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
		buf_put_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
	} else {
		buf_put_u8(b, (uint8_t)(0xf0 | c >> 18));
		buf_put_u8(b, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
		buf_put_u8(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
		buf_put_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
	}
}

/* UTF-16 with an optional byte order mark (little endian without) to UTF-8. */
static void utf16_to_utf8(const uint8_t *p, size_t n, struct buf *out)
{
	bool big = n >= 2 && p[0] == 0xfe && p[1] == 0xff;
	uint32_t high = 0;

	for (size_t i = 0; i + 1 < n; i += 2) {
		uint32_t c = big ? (uint32_t)p[i] << 8 | p[i + 1] : (uint32_t)p[i + 1] << 8 | p[i];

		if (c == 0xfeff)
			continue;
		if (c >= 0xd800 && c < 0xdc00) {
			high = c;
			continue;
		}
		if (c >= 0xdc00 && c < 0xe000)
			c = high ? 0x10000 + ((high - 0xd800) << 10) + (c - 0xdc00) : 0xfffd;
		high = 0;
		put_utf8(out, c);
	}
}

/* Bytes of the UTF-8 sequence at @p, 0 when it is none. */
static size_t utf8_length(const uint8_t *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (n == 0 || p[0] > 0xf4 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static void bytes_to_utf8(const uint8_t *p, size_t n, struct buf *out)
{
	size_t at = 0;
	size_t len = 0;

	while (at < n && (len = utf8_length(p + at, n - at)) > 0)
		at += len;
	if (at == n) {
		buf_put(out, p, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		put_utf8(out, p[i]);
}

/* A value without control characters, those of Latin-1 (U+0080 to U+009F) included. */
static void put_clean(struct buf *b, struct field f)
{
	for (size_t i = 0; i < f.n; i++) {
		if (f.p[i] < 0x20 || f.p[i] == 0x7f)
			continue;
		if (f.p[i] == 0xc2 && i + 1 < f.n && f.p[i + 1] < 0xa0) {
			i++;
			continue;
		}
		buf_put_u8(b, f.p[i]);
	}
}

static bool leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Our own calendar: gmtime_r() reads time zone files, which a sandbox forbids. */
static void put_utc(struct buf *b, int64_t t)
{
	static const uint8_t lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t days = t / 86400;
	int rest = (int)(t % 86400);
	int64_t year = 1970;
	int month = 0;

	for (; days >= 365 + leap(year); year++)
		days -= 365 + leap(year);
	while (days >= lengths[month] + (month == 1 && leap(year))) {
		days -= lengths[month] + (month == 1 && leap(year));
		month++;
	}
	buf_printf(b, "%04d-%02d-%02d %02d:%02d:%02d UTC", (int)year, month + 1, (int)days + 1,
		rest / 3600, rest / 60 % 60, rest % 60);
}

/* "1703051193" is seconds since 1970; "2023 12 20 15 46 33" is local time. */
static bool put_date(struct buf *b, struct field f)
{
	char text[32] = "";
	int v[6] = {0};
	int64_t t = 0;

	if (f.n == 0 || f.n >= sizeof(text))
		return false;
	memcpy(text, f.p, f.n);
	if (sscanf(text, "%4d %2d %2d %2d %2d %2d", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5]) ==
			6 &&
		strchr(text, ' ')) {
		buf_printf(b, "%04d-%02d-%02d %02d:%02d:%02d", v[0], v[1], v[2], v[3], v[4], v[5]);
		return true;
	}
	for (size_t i = 0; i < f.n; i++) {
		if (f.n > 11 || text[i] < '0' || text[i] > '9')
			return false;
		t = t * 10 + (text[i] - '0');
	}
	put_utc(b, t);
	return true;
}

/* The next field of a line; the tab behind it is passed. Return: false at the end. */
static bool next_field(struct field *line, struct field *out)
{
	const uint8_t *tab = NULL;

	if (!line->p)
		return false;
	tab = line->n ? memchr(line->p, '\t', line->n) : NULL;
	*out = (struct field){line->p, tab ? (size_t)(tab - line->p) : line->n};
	if (tab)
		*line = (struct field){tab + 1, line->n - out->n - 1};
	else
		*line = (struct field){NULL, 0};
	return true;
}

/* Line @want (from 1) of the text, without CR and LF. */
static struct field line_of(const struct buf *text, unsigned want)
{
	const uint8_t *p = text->data;
	size_t left = text->len;

	for (unsigned i = 1; p && left > 0; i++) {
		const uint8_t *nl = memchr(p, '\n', left);
		size_t n = nl ? (size_t)(nl - p) : left;

		if (i == want)
			return (struct field){p, n > 0 && p[n - 1] == '\r' ? n - 1 : n};
		if (!nl)
			break;
		p += n + 1;
		left -= n + 1;
	}
	return (struct field){NULL, 0};
}

static const struct key *key_of(struct field f)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strlen(keys[i].id) == f.n && memcmp(keys[i].id, f.p, f.n) == 0)
			return &keys[i];
	return NULL;
}

static void parse_header(const struct buf *text, struct buf *out)
{
	struct field names = line_of(text, 3);
	struct field values = line_of(text, 4);
	struct field name;
	struct field value;

	while (next_field(&names, &name) && next_field(&values, &value)) {
		const struct key *k = key_of(name);

		if (!k || value.n == 0)
			continue;
		buf_put(out, k->word, strlen(k->word) + 1);
		if (!k->date || !put_date(out, value))
			put_clean(out, value);
		buf_put_u8(out, 0);
	}
}

/* As it is stored. Return: bytes and *@out (caller frees); 0 unreadable; -ENOMEM. */
static ssize_t read_section(const struct ewf_section *s, uint8_t **out)
{
	*out = malloc((size_t)s->length + 1);
	if (!*out)
		return -ENOMEM;
	return ewf_pread_exact(s->segment, *out, (size_t)s->length, s->payload)
		       ? 0
		       : (ssize_t)s->length;
}

/* Inflates a section whole. Return: bytes and *@out (caller frees); 0 damaged; -ENOMEM. */
static ssize_t inflate_section(const struct ewf_section *s, uint8_t **out)
{
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	uint8_t *stored = NULL;
	ssize_t stored_n = read_section(s, &stored);
	enum libdeflate_result r = LIBDEFLATE_INSUFFICIENT_SPACE;
	size_t max = 1 << 14;
	uint8_t *text = NULL;
	size_t n = 0;
	ssize_t result = d ? stored_n : -ENOMEM;

	if (result <= 0)
		goto out;
	result = 0;
	while (result == 0 && r == LIBDEFLATE_INSUFFICIENT_SPACE && max < HEADER_TEXT_MAX) {
		max *= 4;
		free(text);
		text = malloc(max);
		if (!text)
			result = -ENOMEM;
		else
			r = libdeflate_zlib_decompress_ex(
				d, stored, (size_t)stored_n, text, max, NULL, &n);
	}
	if (r == LIBDEFLATE_SUCCESS && n > 0) {
		*out = text;
		text = NULL;
		result = (ssize_t)n;
	}
out:
	free(text);
	free(stored);
	if (d)
		libdeflate_free_decompressor(d);
	return result;
}

int ewf_info_header(const struct ewf_section *s, bool utf16, struct ewf_info *info)
{
	struct buf text = BUF_INIT;
	struct buf values = BUF_INIT;
	uint8_t *raw = NULL;
	ssize_t n = 0;

	if (s->length > HEADER_STORED_MAX)
		return 0;
	n = inflate_section(s, &raw);
	if (n <= 0)
		return (int)n;
	if (utf16)
		utf16_to_utf8(raw, (size_t)n, &text);
	else
		bytes_to_utf8(raw, (size_t)n, &text);
	free(raw);
	parse_header(&text, &values);
	n = text.error ? text.error : values.error;
	buf_release(&text);
	/* The copies of a header are the same; one that says nothing replaces none. */
	if (n || values.len == 0) {
		buf_release(&values);
		return (int)n;
	}
	buf_release(&info->header);
	info->header = values;
	return 0;
}

/* Reads a payload of @n bytes that ends in the checksum of what stands before it. */
static bool read_checked(const struct ewf_section *s, uint8_t *p, size_t n)
{
	struct cur c;

	if (s->length < n || ewf_pread_exact(s->segment, p, n, s->payload))
		return false;
	c = cur_of(p + n - 4, 4);
	return cur_u32(&c) == libdeflate_adler32(1, p, n - 4);
}

static bool all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

void ewf_info_hash(const struct ewf_section *s, struct ewf_info *info)
{
	uint8_t p[36];

	if (!read_checked(s, p, sizeof(p)) || all_zero(p, 16))
		return;
	memcpy(info->md5, p, 16);
	info->has_md5 = true;
}

void ewf_info_digest(const struct ewf_section *s, struct ewf_info *info)
{
	uint8_t p[80];

	if (!read_checked(s, p, sizeof(p)))
		return;
	if (!info->has_md5 && !all_zero(p, 16)) {
		memcpy(info->md5, p, 16);
		info->has_md5 = true;
	}
	if (!all_zero(p + 16, 20)) {
		memcpy(info->sha1, p + 16, 20);
		info->has_sha1 = true;
	}
}

/*
 * Runs of sectors that could not be read when the image was made: first sector
 * and how many, in @count entries of @entry bytes behind a head of @head bytes.
 * The first sector is 32 bits long, in EWF2 64, the number of sectors 32.
 * Return: sectors; 0 when they cannot be read.
 */
static uint64_t sum_runs(const struct ewf_section *s, size_t head, uint32_t count, size_t entry)
{
	size_t number = entry == 16 ? 8 : 4;
	uint64_t left = (uint64_t)count * entry;
	uint64_t at = s->payload + head;
	uint64_t sum = 0;
	uint8_t runs[4096];

	if (s->length < head || left > s->length - head)
		return 0;
	while (left > 0) {
		size_t n = left < sizeof(runs) ? (size_t)left : sizeof(runs);

		if (ewf_pread_exact(s->segment, runs, n, at))
			return 0;
		for (size_t i = 0; i < n; i += entry) {
			struct cur c = cur_of(runs + i + number, 4);

			sum += cur_u32(&c);
		}
		at += n;
		left -= n;
	}
	return sum;
}

void ewf_info_error2(const struct ewf_section *s, struct ewf_info *info)
{
	uint8_t head[520] = {0};
	struct cur c = cur_of(head, sizeof(head));

	if (read_checked(s, head, sizeof(head)))
		info->acquiry_errors = sum_runs(s, sizeof(head), cur_u32(&c), 8);
}

/* ---- EWF2 --------------------------------------------------------------------------------- */

/* A decimal number; 0 when it is none. */
static uint64_t number_of(struct field f)
{
	uint64_t v = 0;

	for (size_t i = 0; i < f.n; i++)
		if (f.p[i] < '0' || f.p[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, f.p[i] - '0', &v))
			return 0;
	return v;
}

static void parse_geometry(const struct buf *text, struct ewf2_geometry *g)
{
	const struct {
		const char *id;
		uint64_t *value;
	} known[] = {
		{"ts", &g->sectors},
		{"bp", &g->bytes_per_sector},
		{"sb", &g->sectors_per_chunk},
		{"tb", &g->chunks},
	};
	struct field names = line_of(text, 3);
	struct field values = line_of(text, 4);
	struct field name;
	struct field value;

	while (next_field(&names, &name) && next_field(&values, &value))
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (name.n == 2 && memcmp(name.p, known[i].id, 2) == 0)
				*known[i].value = number_of(value);
}

int ewf2_info_text(const struct ewf_section *s, bool deflated, struct ewf_info *info,
	struct ewf2_geometry *geometry)
{
	struct buf text = BUF_INIT;
	uint8_t *raw = NULL;
	ssize_t n = 0;

	if (s->length > HEADER_STORED_MAX)
		return 0;
	n = deflated ? inflate_section(s, &raw) : read_section(s, &raw);
	if (n > 0) {
		utf16_to_utf8(raw, (size_t)n, &text);
		parse_header(&text, &info->header);
		parse_geometry(&text, geometry);
		n = text.error ? text.error : info->header.error;
	}
	free(raw);
	buf_release(&text);
	return n < 0 ? (int)n : 0;
}

void ewf2_info_md5(const struct ewf_section *s, struct ewf_info *info)
{
	uint8_t p[20];

	if (!read_checked(s, p, sizeof(p)) || all_zero(p, 16))
		return;
	memcpy(info->md5, p, 16);
	info->has_md5 = true;
}

void ewf2_info_sha1(const struct ewf_section *s, struct ewf_info *info)
{
	uint8_t p[24];

	if (!read_checked(s, p, sizeof(p)) || all_zero(p, 20))
		return;
	memcpy(info->sha1, p, 20);
	info->has_sha1 = true;
}

void ewf2_info_errors(const struct ewf_section *s, struct ewf_info *info)
{
	uint8_t head[20] = {0};
	struct cur c = cur_of(head, sizeof(head));

	if (read_checked(s, head, sizeof(head)))
		info->acquiry_errors = sum_runs(s, 32, cur_u32(&c), 16);
}
