/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-gunzip.c - which gzip files are expanded whole, and that nobody can tell by what road
 *
 * What libarchive makes of the same bytes is asked with one byte behind them: then it is not of
 * the form that is expanded whole, and libarchive, which reads past it, does it.
 */
#include "tap.h"

#include "base/buf.h"
#include "container/container.h"
#include "container/gunzip.h"

#define CRC_HELLO 0x363a3020u /* of "hello\n", as crc32(1) and gzip -lv say */
#define TIME      1000000000u

enum { HCRC = 2, EXTRA = 4, NAME = 8, COMMENT = 16 };

/* One member: "hello\n" stored, with a header that has the @flags. */
static void put_gzip(struct buf *b, unsigned flags, uint32_t time, const char *name, uint32_t crc)
{
	static const uint8_t stored[] = {1, 6, 0, 0xf9, 0xff, 'h', 'e', 'l', 'l', 'o', '\n'};

	buf_put(b, "\x1f\x8b\x08", 3);
	buf_put_u8(b, (uint8_t)flags);
	buf_put_u32(b, time);
	buf_put(b, "\0\3", 2);
	if (flags & EXTRA)
		buf_put(b, "\3\0abc", 5);
	if (flags & NAME)
		buf_put(b, name, strlen(name) + 1);
	if (flags & COMMENT)
		buf_put(b, "comment", 8);
	if (flags & HCRC)
		buf_put(b, "\x12\x34", 2);
	buf_put(b, stored, sizeof(stored));
	buf_put_u32(b, crc);
	buf_put_u32(b, 6);
}

/* As "NAME|time|contents" of its one member; "" it is not expanded whole. */
static void expand(const struct buf *b, size_t n, char *out, size_t size)
{
	struct source *s = NULL;
	struct gunzip g = {.bytes = NULL};

	out[0] = '\0';
	if (source_memory(b->data, n, &s))
		bail_out("no memory");
	if (gunzip_whole(s, GUNZIP_KEEP, &g))
		snprintf(out, size, "%s|%u|%.*s", g.name ? g.name : "data", g.mtime, (int)g.n,
			(const char *)g.bytes);
	gunzip_release(&g);
	source_close(s);
}

struct told {
	char *out;
	size_t size;
};

static int on_member(void *ctx, const struct member *m, uint32_t *number)
{
	struct told *t = ctx;
	char bytes[64] = "";
	ssize_t n = m->read(m->read_ctx, bytes, sizeof(bytes) - 1);

	snprintf(t->out, t->size, "%.*s|%lld|%.*s", (int)m->name_len, (const char *)m->name,
		m->mtime.known ? (long long)m->mtime.sec : 0, n > 0 ? (int)n : 0, bytes);
	*number = 1;
	return 0;
}

static int on_problem(void *ctx, const char *text)
{
	(void)ctx;
	diag("%s", text);
	return 0;
}

/* The same, as the archive's walk tells it. */
static void walk(const struct buf *b, char *out, size_t size)
{
	struct told t = {out, size};
	const struct container_visit v = {on_member, on_problem, &t};
	struct source *s = NULL;

	out[0] = '\0';
	if (source_memory(b->data, b->len, &s))
		bail_out("no memory");
	container_archive.walk(s, NULL, &v, NULL);
	source_close(s);
}

static void check_form(unsigned flags, uint32_t time, const char *name, const char *title)
{
	struct buf b = BUF_INIT;
	char want[128];
	char whole[128];
	char told[128];
	char libarchive[128];

	put_gzip(&b, flags, time, name, CRC_HELLO);
	snprintf(want, sizeof(want), "%s|%u|hello\n", flags & NAME ? name : "data", time);
	expand(&b, b.len, whole, sizeof(whole));
	walk(&b, told, sizeof(told));
	buf_put_u8(&b, 'x');
	expand(&b, b.len, libarchive, sizeof(libarchive));
	is_str(libarchive, "", "with a byte more it is left to libarchive");
	walk(&b, libarchive, sizeof(libarchive));
	is_str(whole, want, title);
	is_str(told, libarchive, "as libarchive tells it");
	buf_release(&b);
}

static void test_forms(void)
{
	check_form(0, 0, "", "neither name nor time");
	check_form(NAME, TIME, "letter.txt", "both");
	check_form(NAME, 0xfffffff0u, "a", "a time after 2038");
	check_form(EXTRA | COMMENT, TIME, "", "an extra field and a comment");
	check_form(EXTRA | NAME | COMMENT | HCRC, TIME, "nam\xc3\xa9", "all there is");
	check_form(NAME, TIME, "nam\xe9", "a name that is not UTF-8");
}

static void refused(const struct buf *b, size_t n, const char *title)
{
	char got[128];

	expand(b, n, got, sizeof(got));
	is_str(got, "", title);
}

static void test_refused(void)
{
	struct buf b = BUF_INIT;
	size_t one = 0;
	int taken = 0;

	put_gzip(&b, NAME, TIME, "a", CRC_HELLO);
	one = b.len;
	for (size_t n = 0; n < one; n++) {
		char got[128];

		expand(&b, n, got, sizeof(got));
		taken += got[0] != '\0';
	}
	is_int(taken, 0, "cut anywhere");
	put_gzip(&b, NAME, TIME, "b", CRC_HELLO);
	refused(&b, b.len, "two members");
	b.data[one] = 0;
	refused(&b, one + 1, "something behind it");
	b.data[one - 4]++;
	refused(&b, one, "another size");
	b.data[one - 4]--;
	memset(b.data + one - 4, 0xff, 4);
	refused(&b, one, "a size that is out of bounds");
	buf_reset(&b);
	put_gzip(&b, 0, 0, "", CRC_HELLO + 1);
	refused(&b, b.len, "another CRC");
	buf_reset(&b);
	put_gzip(&b, 0x20, 0, "", CRC_HELLO);
	refused(&b, b.len, "a flag that nobody knows");
	buf_release(&b);
}

/* Of the one member, bytes at @off; as "BYTES", or "-ERRNO". */
static void read_at(struct container *c, uint64_t off, char *out, size_t size)
{
	static const uint8_t first = 0; /* its locator */
	ssize_t n = container_archive.read(c, NULL, &first, 1, out, size - 1, off, NULL);

	if (n < 0)
		snprintf(out, size, "%zd", n);
	else
		out[n] = '\0';
}

/* Forwards, backwards and behind the end: a read that lies behind begins anew. */
static void test_read(size_t more, const char *title)
{
	struct buf b = BUF_INIT;
	struct source *s = NULL;
	struct container *c = NULL;
	char got[6][32];

	put_gzip(&b, NAME, TIME, "a", CRC_HELLO);
	for (size_t i = 0; i < more; i++)
		buf_put_u8(&b, 'x');
	if (source_memory(b.data, b.len, &s) || container_archive.open(s, &c, NULL))
		bail_out("open");
	for (size_t i = 0; i < 6; i++)
		read_at(c, (uint64_t[]){3, 0, 5, 6, 1, 4}[i], got[i], sizeof(got[i]));
	ok(!strcmp(got[0], "lo\n") && !strcmp(got[1], "hello\n") && !strcmp(got[2], "\n") &&
			!strcmp(got[3], "") && !strcmp(got[4], "ello\n") && !strcmp(got[5], "o\n"),
		"read anywhere: %s", title);
	container_archive.close(c);
	source_close(s);
	buf_release(&b);
}

/* What has no bytes: nothing is in it, as libarchive says of it. */
static void test_empty(void)
{
	static const char empty[] = "\x1f\x8b\x08\0\0\0\0\0\0\3\3\0\0\0\0\0\0\0\0\0";
	struct buf b = BUF_INIT;
	char got[128];

	buf_put(&b, empty, sizeof(empty) - 1);
	expand(&b, b.len, got, sizeof(got));
	is_str(got, "data|0|", "no bytes at all");
	walk(&b, got, sizeof(got));
	is_str(got, "", "then there is no member");
	buf_put_u8(&b, 'x');
	walk(&b, got, sizeof(got));
	is_str(got, "", "nor does libarchive tell of one");
	buf_release(&b);
}

int main(void)
{
	container_prepare();
	test_forms();
	test_read(0, "expanded whole");
	test_read(1, "by libarchive");
	test_empty();
	test_refused();
	return done_testing();
}
