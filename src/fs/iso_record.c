/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iso_record.c - one ISO 9660 directory record; see iso_record.h
 * Source: ECMA-119 9.1; IEEE P1281 (SUSP), P1282 (Rock Ridge).
 */
#include "fs/iso_record.h"

#include <string.h>

#include "volume/utf16.h"

#define RECORD_MIN   33
#define CONTINUE_MAX 32 /* continuation areas of one record */

#define FLAG_DIRECTORY 0x02
#define FLAG_MORE      0x80

#define NAME_SELF   0x02
#define NAME_PARENT 0x04
#define LINK_ROOT   0x08

/* Where a record's fields go on. */
struct area {
	uint64_t block;
	uint32_t offset;
	uint32_t len;
};

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
	/* March is the first month: the leap day is then the year's last. */
	int64_t year = m <= 2 ? y - 1 : y;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t yoe = year - era * 400;
	int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static struct entry_time make_time(const int64_t v[6], int zone, uint32_t nsec)
{
	struct entry_time t = {.nsec = nsec};

	if (v[1] < 1 || v[1] > 12 || v[2] < 1 || v[2] > 31 || v[3] > 23 || v[4] > 59 || v[5] > 59)
		return t;
	t.sec = days_of(v[0], v[1], v[2]) * 86400 + v[3] * 3600 + v[4] * 60 + v[5];
	t.sec -= (int64_t)zone * 15 * 60;
	t.known = true;
	return t;
}

static struct entry_time short_time(const uint8_t *p)
{
	const int64_t v[6] = {1900 + (int64_t)p[0], p[1], p[2], p[3], p[4], p[5]};

	return make_time(v, (int8_t)p[6], 0);
}

static struct entry_time long_time(const uint8_t *p)
{
	static const size_t digits[7] = {4, 2, 2, 2, 2, 2, 2};
	int64_t v[7] = {0};

	for (size_t i = 0; i < 7; i++) {
		for (size_t k = 0; k < digits[i]; k++) {
			if (*p < '0' || *p > '9')
				return (struct entry_time){.known = false};
			v[i] = v[i] * 10 + (*p++ - '0');
		}
	}
	return make_time(v, (int8_t)*p, (uint32_t)v[6] * 10000000);
}

/* --- Rock Ridge fields ---------------------------------------------------------------------- */

static void times_field(const uint8_t *p, size_t n, struct iso_record *r)
{
	struct entry_time *const to[4] = {&r->crtime, &r->mtime, &r->atime, &r->ctime};
	size_t each = p[4] & 0x80 ? 17 : 7;
	size_t at = 5;

	for (size_t i = 0; i < 4; i++) {
		if (!(p[4] >> i & 1))
			continue;
		if (at + each > n)
			return;
		*to[i] = each == 7 ? short_time(p + at) : long_time(p + at);
		at += each;
	}
}

/* @open: the last component goes on. */
static void link_field(const uint8_t *p, size_t n, struct iso_record *r, bool *open)
{
	size_t at = 5;

	r->link = true;
	while (at + 2 <= n && at + 2 + p[at + 1] <= n) {
		uint8_t flags = p[at];
		size_t len = p[at + 1];

		if (r->target.len > 0 && !*open && r->target.data[r->target.len - 1] != '/')
			buf_put_u8(&r->target, '/');
		if (flags & LINK_ROOT)
			buf_puts(&r->target, "/");
		else if (flags & NAME_PARENT)
			buf_puts(&r->target, "..");
		else if (flags & NAME_SELF)
			buf_puts(&r->target, ".");
		else
			buf_put(&r->target, p + at + 2, len);
		*open = flags & 1;
		at += 2 + len;
	}
}

static void mode_field(const uint8_t *p, size_t n, struct iso_record *r)
{
	if (n < 36)
		return;
	r->mode = le32(p + 4);
	r->nlink = le32(p + 12);
	r->uid = le32(p + 20);
	r->gid = le32(p + 28);
}

static void field(const uint8_t *p, size_t n, struct iso_record *r, struct area *next, bool *open)
{
	if (memcmp(p, "NM", 2) == 0 && n > 5 && !(p[4] & (NAME_SELF | NAME_PARENT)))
		buf_put(&r->name, p + 5, n - 5);
	else if (memcmp(p, "PX", 2) == 0)
		mode_field(p, n, r);
	else if (memcmp(p, "TF", 2) == 0 && n > 5)
		times_field(p, n, r);
	else if (memcmp(p, "SL", 2) == 0 && n > 5)
		link_field(p, n, r, open);
	else if (memcmp(p, "CL", 2) == 0 && n >= 8)
		r->child = le32(p + 4);
	else if (memcmp(p, "RE", 2) == 0)
		r->relocated = true;
	else if (memcmp(p, "ZF", 2) == 0)
		r->compressed = true;
	else if (memcmp(p, "CE", 2) == 0 && n >= 28)
		*next = (struct area){le32(p + 4), le32(p + 12), le32(p + 20)};
}

static void fields(const uint8_t *p, size_t n, struct iso_record *r, struct area *next, bool *open)
{
	while (n >= 4 && p[2] >= 4 && p[2] <= n) {
		size_t len = p[2];

		if (memcmp(p, "ST", 2) == 0)
			return;
		field(p, len, r, next, open);
		p += len;
		n -= len;
	}
}

static void rock_ridge(
	const struct iso_reading *how, const uint8_t *p, size_t n, struct iso_record *r)
{
	struct area next = {0};
	bool open = false;
	uint8_t b[ISO_BLOCK];

	fields(p, n, r, &next, &open);
	for (int i = 0; i < CONTINUE_MAX && next.len > 0; i++) {
		struct area a = next;

		next = (struct area){0};
		if (a.offset >= ISO_BLOCK || a.len > ISO_BLOCK - a.offset ||
			!how->read(how->ctx, a.block, b))
			return;
		fields(b + a.offset, a.len, r, &next, &open);
	}
}

/* --- names ---------------------------------------------------------------------------------- */

/* Without the version that every name of a file ends with, and a dot before nothing. */
static void trim(struct buf *b)
{
	size_t n = b->len;

	while (n > 0 && b->data[n - 1] >= '0' && b->data[n - 1] <= '9')
		n--;
	if (n > 0 && n < b->len && b->data[n - 1] == ';')
		b->len = n - 1;
	if (b->len > 1 && b->data[b->len - 1] == '.')
		b->len--;
}

static void plain_name(const struct iso_reading *how, const uint8_t *p, size_t n, struct buf *out)
{
	if (how->joliet) {
		while (n >= 2) {
			uint8_t utf8[4];
			size_t used = 0;
			uint32_t c = utf16_next(p, n, 1, &used);

			buf_put(out, utf8, utf8_encode(c, utf8));
			p += used;
			n -= used;
		}
	} else {
		buf_put(out, p, n);
	}
	trim(out);
}

static size_t system_use(const uint8_t *p)
{
	size_t at = RECORD_MIN + (size_t)p[32];

	return at + (p[32] % 2 == 0);
}

bool iso_record_parse(
	const struct iso_reading *how, const uint8_t *p, size_t n, struct iso_record *r)
{
	struct buf name = r->name;
	struct buf target = r->target;
	size_t use = 0;

	if (n < RECORD_MIN + 1 || p[0] < RECORD_MIN + 1 || p[0] > n || p[32] == 0 ||
		RECORD_MIN + (size_t)p[32] > p[0])
		return false;
	*r = (struct iso_record){.len = p[0], .name = name, .target = target};
	buf_reset(&r->name);
	buf_reset(&r->target);
	/* An extended attribute record stands before the contents. */
	r->extent = (uint64_t)le32(p + 2) + p[1];
	r->size = le32(p + 10);
	r->mtime = short_time(p + 18);
	r->directory = p[25] & FLAG_DIRECTORY;
	r->more = p[25] & FLAG_MORE;
	r->self = p[32] == 1 && p[33] <= 1;
	use = system_use(p) + how->skip;
	if (how->rock && use < p[0])
		rock_ridge(how, p + use, p[0] - use, r);
	if (r->name.len == 0)
		plain_name(how, p + RECORD_MIN, p[32], &r->name);
	return !r->name.error && !r->target.error && (r->name.len > 0 || r->self);
}

int iso_record_skip(const uint8_t *p, size_t n)
{
	size_t use = 0;

	if (n < RECORD_MIN + 1 || p[0] > n || p[0] < RECORD_MIN + 1)
		return -1;
	use = system_use(p);
	/* CD-ROM XA puts 14 bytes of its own before. */
	for (int xa = 0; xa <= 14; xa += 14) {
		if (use + (size_t)xa + 7 <= p[0] &&
			memcmp(p + use + xa, "SP\x07\x01\xbe\xef", 6) == 0)
			return xa == 0 ? p[use + 6] : xa;
	}
	return -1;
}

void iso_record_release(struct iso_record *r)
{
	buf_release(&r->name);
	buf_release(&r->target);
}
