/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-unzip.c - which members of zip files are expanded whole, and that nobody can tell by what road
 *
 * What libarchive makes of the same members is asked with something in front of the file: then it
 * is not of the form whose members are expanded whole.
 */
#include "tap.h"

#include "base/buf.h"
#include "container/container.h"
#include "container/unzip.h"

#define CRC_HELLO 0x363a3020u /* of "hello\n", as crc32(1) and unzip -v say */
#define HELLO     "hello\n"
#define HELLO_LEN 6u
#define EXTRA_LEN 9u

enum {
	STREAMED = 1,  /* sizes and CRC stand behind the data, */
	SIGNED = 2,    /* with a signature */
	EXTRA = 4,     /* the local header has an extra field */
	STORED = 8,    /* not deflated */
	ENCRYPTED = 16 /* says that it is */
};

/* A zip file in memory, of members that all contain "hello\n". */
struct zip {
	struct buf file;
	struct buf directory;
	uint64_t at; /* of the data of the member that came last */
	unsigned n;
};

static size_t put_data(struct buf *b, unsigned how)
{
	static const uint8_t deflated[] = {1, 6, 0, 0xf9, 0xff, 'h', 'e', 'l', 'l', 'o', '\n'};

	if (how & STORED)
		buf_puts(b, HELLO);
	else
		buf_put(b, deflated, sizeof(deflated));
	return how & STORED ? HELLO_LEN : sizeof(deflated);
}

static void put_common(struct buf *b, unsigned how, uint32_t crc, size_t packed, const char *name)
{
	const bool later = how & STREAMED;

	buf_put_u16(b, 20);
	buf_put_u16(b, (uint16_t)((later ? 8 : 0) | (how & ENCRYPTED ? 1 : 0)));
	buf_put_u16(b, how & STORED ? 0 : 8);
	buf_put_u32(b, 0x21);
	buf_put_u32(b, later ? 0 : crc);
	buf_put_u32(b, later ? 0 : (uint32_t)packed);
	buf_put_u32(b, later ? 0 : HELLO_LEN);
	buf_put_u16(b, (uint16_t)strlen(name));
}

static void put_member(struct zip *z, const char *name, unsigned how, uint32_t crc)
{
	const uint32_t begin = (uint32_t)z->file.len;
	struct buf data = BUF_INIT;
	size_t packed = put_data(&data, how);

	buf_put_u32(&z->file, 0x04034b50);
	put_common(&z->file, how, crc, packed, name);
	buf_put_u16(&z->file, how & EXTRA ? EXTRA_LEN : 0);
	buf_puts(&z->file, name);
	if (how & EXTRA)
		buf_put(&z->file, "\x55\x54\5\0\1\1\2\3\4", EXTRA_LEN);
	z->at = z->file.len;
	buf_put(&z->file, data.data, data.len);
	if (how & SIGNED)
		buf_put_u32(&z->file, 0x08074b50);
	if (how & STREAMED) {
		buf_put_u32(&z->file, crc);
		buf_put_u32(&z->file, (uint32_t)packed);
		buf_put_u32(&z->file, HELLO_LEN);
	}
	buf_put_u32(&z->directory, 0x02014b50);
	buf_put_u16(&z->directory, 0x314); /* made on Unix */
	put_common(&z->directory, how & ~(unsigned)STREAMED, crc, packed, name);
	if (how & STREAMED)
		z->directory.data[z->directory.len - 22] |= 8;
	buf_put(&z->directory, "\0\0\0\0\0\0\0\0\0\0\xa4\x81", 12);
	buf_put_u32(&z->directory, begin);
	buf_puts(&z->directory, name);
	buf_release(&data);
	z->n++;
}

static void finish(struct zip *z)
{
	const uint32_t at = (uint32_t)z->file.len;

	buf_put(&z->file, z->directory.data, z->directory.len);
	buf_put_u32(&z->file, 0x06054b50);
	buf_put_u32(&z->file, 0);
	buf_put_u16(&z->file, (uint16_t)z->n);
	buf_put_u16(&z->file, (uint16_t)z->n);
	buf_put_u32(&z->file, (uint32_t)z->directory.len);
	buf_put_u32(&z->file, at);
	buf_put_u16(&z->file, 0);
	if (z->file.error || z->directory.error)
		bail_out("no memory");
}

static void release(struct zip *z)
{
	buf_release(&z->file);
	buf_release(&z->directory);
	*z = (struct zip){.file = BUF_INIT};
}

/* What unzip_member() returns of the member that came last. */
static int whole(const struct zip *z, size_t n, uint64_t at, uint64_t size)
{
	const uint8_t *out = NULL;
	struct source *s = NULL;
	struct unzip *u = NULL;
	int r = 0;

	if (source_memory(z->file.data, n, &s))
		bail_out("no memory");
	u = unzip_open(s);
	r = u ? unzip_member(u, at, size, &out) : 0;
	if (r == 1 && memcmp(out, HELLO, HELLO_LEN) != 0)
		r = -99;
	unzip_free(u);
	source_close(s);
	return r;
}

static int on_member(void *ctx, const struct member *m, uint32_t *number)
{
	struct buf *b = ctx;
	char bytes[16] = "";
	ssize_t n = m->read ? m->read(m->read_ctx, bytes, sizeof(bytes) - 1) : 0;

	buf_printf(b, "%.*s %lld %s%s|", (int)m->name_len, (const char *)m->name,
		(long long)m->size, n < 0 ? "fault" : bytes, m->problem ? m->problem : "");
	*number = 1;
	return 0;
}

static int on_problem(void *ctx, const char *text)
{
	buf_printf(ctx, "problem: %s|", text);
	return 0;
}

/* "NAME SIZE CONTENTS|" of each member, as the archive's walk tells it. */
static void walk_bytes(const struct buf *file, struct buf *out)
{
	const struct container_visit v = {on_member, on_problem, out};
	struct source *s = NULL;
	struct err e = {0};

	buf_reset(out);
	if (source_memory(file->data, file->len, &s))
		bail_out("no memory");
	if (container_archive.walk(s, NULL, &v, &e))
		buf_printf(out, "error: %s", e.text);
	source_close(s);
}

/* The same by either road; what libarchive says is @out. */
static void walk(const struct zip *z, struct buf *out, const char *title)
{
	struct buf behind = BUF_INIT;
	struct buf ours = BUF_INIT;

	walk_bytes(&z->file, &ours);
	buf_puts(&behind, "#!/bin/sh\n");
	buf_put(&behind, z->file.data, z->file.len);
	walk_bytes(&behind, out);
	is_str(buf_cstr(&ours), buf_cstr(out), title);
	buf_release(&behind);
	buf_release(&ours);
}

static void test_forms(void)
{
	static const struct {
		unsigned how;
		int whole;
		const char *title;
	} of[] = {{0, 1, "plain"}, {EXTRA, 1, "an extra field"},
		{STREAMED, 1, "sizes behind the data"}, {STREAMED | SIGNED, 1, "the same, signed"},
		{STREAMED | SIGNED | EXTRA, 1, "all there is"},
		{STORED, 0, "stored: left to libarchive"},
		{ENCRYPTED, 0, "encrypted: left to libarchive"}};

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		struct zip z = {.file = BUF_INIT};
		struct buf told = BUF_INIT;

		put_member(&z, "letter.txt", of[i].how, CRC_HELLO);
		finish(&z);
		is_int(whole(&z, z.file.len, z.at, HELLO_LEN), of[i].whole, of[i].title);
		walk(&z, &told, "told as libarchive tells it");
		if (!(of[i].how & ENCRYPTED))
			is_str(buf_cstr(&told), "letter.txt 6 " HELLO "|", "which is so");
		buf_release(&told);
		release(&z);
	}
}

static void test_refused(void)
{
	struct zip z = {.file = BUF_INIT};
	int taken = 0;

	put_member(&z, "first.txt", 0, CRC_HELLO);
	put_member(&z, "a.txt", EXTRA, CRC_HELLO);
	finish(&z);
	is_int(whole(&z, z.file.len, z.at, HELLO_LEN), 1, "whole");
	for (size_t n = 0; n < z.file.len; n++)
		taken += whole(&z, n, z.at, HELLO_LEN) != 0;
	is_int(taken, 0, "cut anywhere");
	for (uint64_t at = z.at - 40; at < z.at + 40; at++)
		taken += at != z.at && whole(&z, z.file.len, at, HELLO_LEN) != 0;
	is_int(taken, 0, "another place");
	is_int(whole(&z, z.file.len, z.at, HELLO_LEN - 1), 0, "fewer bytes");
	is_int(whole(&z, z.file.len, z.at, HELLO_LEN + 1), 0, "more bytes");
	buf_put_u8(&z.file, 'x');
	is_int(whole(&z, z.file.len, z.at, HELLO_LEN), 0, "something behind it");
	release(&z);
	put_member(&z, "a", 0, CRC_HELLO);
	buf_put(&z.directory, z.directory.data, z.directory.len);
	z.n++;
	finish(&z);
	is_int(whole(&z, z.file.len, z.at, HELLO_LEN), 0, "two entries for one member");
	release(&z);
}

/* A file whose local header and directory say different things is libarchive's to judge. */
static void test_differs(void)
{
	static const struct {
		size_t at; /* in the directory's entry */
		uint8_t by;
		unsigned how;
		int want;
		const char *title;
	} of[] = {{16, 1, 0, 0, "another CRC"}, {20, 1, 0, 0, "another packed size"},
		{24, 1, 0, 0, "another size"}, {10, 8, 0, 0, "another method"},
		{28, 1, 0, 0, "a longer name"},
		{16, 1, STREAMED | SIGNED, -1, "another CRC than behind the data"},
		{20, 0xff, STREAMED | SIGNED, -1, "fewer packed bytes than are there"}};

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		struct zip z = {.file = BUF_INIT};
		struct buf told = BUF_INIT;

		put_member(&z, "a", of[i].how, CRC_HELLO);
		z.directory.data[of[i].at] = (uint8_t)(z.directory.data[of[i].at] + of[i].by);
		finish(&z);
		is_int(whole(&z, z.file.len, z.at, HELLO_LEN), of[i].want, of[i].title);
		walk(&z, &told, "told as libarchive tells it");
		buf_release(&told);
		release(&z);
	}
}

/* A stored member, whose extra field holds a header that says that it is deflated. */
static void test_forged(void)
{
	static const char extra[] = "\x77\x77\x2d\0"
				    "PK\3\4\x14\0\0\0\x08\0\x21\0\0\0\x20\x30\x3a\x36\x0b\0\0\0"
				    "\x0b\0\0\0\1\0\x0e\0"
				    "aPADDING-PADDIN";
	struct zip z = {.file = BUF_INIT};
	struct buf told = BUF_INIT;
	const uint16_t len = sizeof(extra) - 1;

	z.n = 1;
	buf_put_u32(&z.file, 0x04034b50);
	put_common(&z.file, STORED, CRC_HELLO, HELLO_LEN, "a");
	buf_put_u16(&z.file, len);
	buf_puts(&z.file, "a");
	buf_put(&z.file, extra, len);
	z.at = z.file.len;
	buf_puts(&z.file, HELLO);
	buf_put_u32(&z.directory, 0x02014b50);
	buf_put_u16(&z.directory, 0x314);
	put_common(&z.directory, STORED, CRC_HELLO, HELLO_LEN, "a");
	buf_put(&z.directory, "\0\0\0\0\0\0\0\0\0\0\xa4\x81\0\0\0\0a", 17);
	finish(&z);
	is_int(whole(&z, z.file.len, z.at, HELLO_LEN), 0, "a header in a header");
	walk(&z, &told, "told as libarchive tells it");
	is_str(buf_cstr(&told), "a 6 " HELLO "|", "which is so");
	buf_release(&told);
	release(&z);
}

/* One after the other, by either road, and read again in any order by locator. */
static void test_several(void)
{
	struct zip z = {.file = BUF_INIT};
	struct buf told = BUF_INIT;
	struct buf got = BUF_INIT;
	struct source *s = NULL;
	struct container *c = NULL;

	put_member(&z, "a", 0, CRC_HELLO);
	put_member(&z, "b", STORED, CRC_HELLO);
	put_member(&z, "c", STREAMED | SIGNED | EXTRA, CRC_HELLO);
	put_member(&z, "nam\xe9", 0, CRC_HELLO);
	finish(&z);
	walk(&z, &told, "told as libarchive tells it");
	ok(strncmp(buf_cstr(&told), "a 6 hello\n|b 6 hello\n|c 6 hello\n|", 33) == 0, "one by one");
	ok(strstr(buf_cstr(&told) + 33, " 6 hello\n|") != NULL, "a name that is not UTF-8");
	if (source_memory(z.file.data, z.file.len, &s) || container_archive.open(s, &c, NULL))
		bail_out("open");
	for (size_t i = 0; i < 8; i++) {
		const uint8_t place = (uint8_t[]){2, 0, 1, 1, 3, 0, 0, 2}[i];
		const uint64_t off = (uint64_t[]){3, 0, 2, 5, 0, 4, 1, 6}[i];
		char bytes[16] = "";

		if (container_archive.read(c, NULL, &place, 1, bytes, 15, off, NULL) < 0)
			strcpy(bytes, "fault");
		buf_printf(&got, "%s,", bytes);
	}
	is_str(buf_cstr(&got), "lo\n,hello\n,llo\n,\n,hello\n,o\n,ello\n,,", "read anywhere");
	container_archive.close(c);
	source_close(s);
	buf_release(&told);
	buf_release(&got);
	release(&z);
}

/* Damage is libarchive's to tell. */
static void test_damaged(void)
{
	struct zip z = {.file = BUF_INIT};
	struct buf told = BUF_INIT;

	put_member(&z, "a", 0, CRC_HELLO);
	put_member(&z, "b", 0, CRC_HELLO);
	z.file.data[z.at] = 7; /* a kind of block that there is not */
	put_member(&z, "c", 0, CRC_HELLO);
	finish(&z);
	walk(&z, &told, "told as libarchive tells it");
	is_str(buf_cstr(&told), "a 6 hello\n|b 6 fault|c 6 hello\n|",
		"a damaged one costs those beside it nothing");
	buf_release(&told);
	release(&z);
}

int main(void)
{
	container_prepare();
	test_forms();
	test_refused();
	test_differs();
	test_forged();
	test_several();
	test_damaged();
	return done_testing();
}
