/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake-worker.c - a worker that speaks nonsense, for t-client.c
 *
 * Which nonsense is said by the type forced on volume 0 (workers_opts.types =
 * "p0=MODE"), the one thing that reaches a worker from outside. Up to the point
 * where it misbehaves it follows docs/PROTOCOL.worker.md: an image of one
 * volume, and a walk of a root, a file and a directory.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/entry.h"
#include "image/extent.h"
#include "worker/hello.h"
#include "worker/sandbox.h"
#include "worker/wire.h"

struct fake {
	struct wire wire;
	struct hello hello;
	char mode[HELLO_TYPE_MAX];
	uint64_t media;
};

static bool is(const struct fake *f, const char *mode)
{
	return strcmp(f->mode, mode) == 0;
}

static void end(struct fake *f)
{
	if (wire_end(&f->wire) < 0)
		_exit(1);
}

static void flush(struct fake *f)
{
	if (wire_flush(&f->wire, 0) < 0)
		_exit(1);
}

static void empty(struct fake *f, enum wire_type type)
{
	wire_begin(&f->wire, type);
	end(f);
}

static void bytes(struct fake *f, const void *p, size_t n)
{
	flush(f);
	if (write(f->wire.fd, p, n) != (ssize_t)n)
		_exit(1);
}

static void silence(struct fake *f)
{
	flush(f);
	for (;;)
		pause();
}

static void text(struct buf *b, const char *s)
{
	buf_put_blob(b, s, strlen(s));
}

static void ready(struct fake *f)
{
	uint32_t applied = SANDBOX_NO_NEW_PRIVS | SANDBOX_SECCOMP;
	struct buf *b = NULL;

	if (is(f, "nosilence"))
		silence(f);
	if (is(f, "noexit"))
		_exit(3);
	b = wire_begin(&f->wire, WIRE_READY);
	buf_put_u32(b, is(f, "noversion") ? 77 : WIRE_VERSION);
	buf_put_u32(b, is(f, "nosandbox") ? 0 : applied);
	buf_put_u32(b, 0);
	buf_put_u32(b, 0);
	if (is(f, "nolength"))
		buf_put_u8(b, 0);
	end(f);
	flush(f);
}

static void volume(struct fake *f)
{
	struct buf *b = wire_begin(&f->wire, WIRE_VOLUME);

	buf_put_u32(b, 0);
	buf_put_u64(b, is(f, "scanoffset") ? f->media + 1 : 0);
	buf_put_u64(b, is(f, "scanlength") ? UINT64_MAX : f->media);
	buf_put_u8(b, is(f, "scanbool") ? 2 : 1);
	text(b, is(f, "scantype") ? "../etc" : "ext4");
	text(b, "tab\there \xff \xe2\x80\xae end");
	for (int i = 0; i < 3; i++)
		text(b, "");
	buf_put_u32(b, 4096);
	buf_put_u64(b, 1);
	end(f);
}

static void scan(struct fake *f, struct cur c)
{
	bool skip = cur_u32(&c) > 0;
	struct buf *b = NULL;

	if (is(f, "scanhuge"))
		bytes(f, "\xff\xff\xff\xff\x83\x00 and so on", 16);
	if (is(f, "scantext")) {
		bytes(f, "HTTP/1.1 200 OK\r\n\r\n", 19);
		silence(f);
	}
	b = wire_begin(&f->wire, WIRE_MEDIA);
	buf_put_u64(b, is(f, "scanmedia") ? f->media + 1 : f->media);
	buf_put_u32(b, is(f, "scanchunk") ? 32768 : 0);
	text(b, "none");
	text(b, "");
	for (int i = 0; i < 1 + 16 + 1 + 20; i++)
		buf_put_u8(b, 0);
	buf_put_u32(b, is(f, "scanpairs") ? 0x40000000 : 0);
	if (is(f, "scanshort"))
		b->len -= 3;
	end(f);
	flush(f);
	if (is(f, "scankill") && !skip)
		kill(getpid(), SIGKILL);
	for (unsigned n = 0; is(f, "scanvolumes") && n < 5000; n++)
		volume(f);
	volume(f);
	if (is(f, "scanwrong"))
		empty(f, WIRE_WALKED);
	empty(f, WIRE_SCANNED);
	if (is(f, "scanmore"))
		empty(f, WIRE_SCANNED);
}

static void put_entry(struct fake *f, enum wire_type type, const struct entry *e)
{
	entry_encode(wire_begin(&f->wire, type), e);
	end(f);
}

static void file(struct fake *f, const char *name, size_t name_len, uint64_t offset, uint64_t size)
{
	struct buf content = BUF_INIT;
	struct extent_writer w;
	struct entry e = {.name = (const uint8_t *)name,
		.name_len = name_len,
		.kind = ENTRY_FILE,
		.inode = 12,
		.nlink = 1,
		.size = size};

	extent_writer_begin(&w, &content);
	extent_writer_add(&w, EXTENT_DATA, offset, size);
	extent_writer_end(&w);
	if (is(f, "walksize"))
		e.size++;
	e.content = content.data;
	e.content_len = content.len;
	put_entry(f, WIRE_ENTER, &e);
	buf_release(&content);
}

static void directory(struct fake *f, enum wire_type type, const char *name, enum entry_kind kind)
{
	static const uint8_t nothing[] = {CONTENT_EMPTY};
	struct entry e = {.name = (const uint8_t *)name,
		.name_len = strlen(name),
		.kind = kind,
		.inode = 2,
		.content = nothing,
		.content_len = 1};

	put_entry(f, type, &e);
}

/* Where a walk goes wrong right after its root. */
static void walk_wrong(struct fake *f)
{
	static char big[1 << 20];

	if (is(f, "walkname")) {
		memset(big, 'n', sizeof(big));
		file(f, big, sizeof(big), 0, 512);
	}
	if (is(f, "walkextent"))
		file(f, "out", 3, f->media - 100, 512);
	if (is(f, "walksize"))
		file(f, "size", 4, 0, 512);
	if (is(f, "walkleave"))
		empty(f, WIRE_LEAVE);
	if (is(f, "walkroot"))
		directory(f, WIRE_ROOT, "", ENTRY_DIR);
	if (is(f, "walkbelow")) {
		file(f, "a", 1, 0, 512);
		file(f, "b", 1, 0, 512);
	}
	if (is(f, "walkstream")) {
		directory(f, WIRE_ENTER, "d", ENTRY_DIR);
		directory(f, WIRE_ENTER, "s", ENTRY_STREAM);
	}
	while (is(f, "walkdeep"))
		directory(f, WIRE_ENTER, "d", ENTRY_DIR);
	while (is(f, "walkendless")) {
		file(f, "again", 5, 0, 512);
		empty(f, WIRE_LEAVE);
	}
	if (is(f, "walkjunk")) {
		memset(big, 0xa5, sizeof(big));
		bytes(f, big, sizeof(big));
	}
	if (is(f, "walkproblem")) {
		text(wire_begin(&f->wire, WIRE_PROBLEM), "bad \x1b[31m \xff name");
		end(f);
	}
	for (int i = 0; is(f, "walkslow") && i < 4; i++) {
		empty(f, WIRE_ALIVE);
		flush(f);
		usleep(200000);
	}
}

static void walk(struct fake *f)
{
	struct buf *b = wire_begin(&f->wire, WIRE_BEGIN);

	buf_put_u64(b, is(f, "walkmedia") ? f->media * 2 : f->media);
	end(f);
	if (is(f, "walkfail")) {
		b = wire_begin(&f->wire, WIRE_FAIL);
		buf_put_u16(b, EPIPE);
		text(b, "no such \x01thing");
		end(f);
		return;
	}
	if (!is(f, "walknoroot"))
		directory(f, WIRE_ROOT, "", is(f, "walkfile") ? ENTRY_SPECIAL : ENTRY_DIR);
	walk_wrong(f);
	file(f, "file", 4, 0, 512);
	if (is(f, "walksilence"))
		silence(f);
	if (is(f, "walkdeath")) {
		flush(f);
		signal(SIGSEGV, SIG_DFL); /* a sanitizer would take it */
		kill(getpid(), SIGSEGV);
	}
	empty(f, WIRE_LEAVE);
	directory(f, WIRE_ENTER, "dir", ENTRY_DIR);
	if (!is(f, "walkopen"))
		empty(f, WIRE_LEAVE);
	b = wire_begin(&f->wire, WIRE_UNALLOCATED);
	buf_put_u64(b, is(f, "walkunalloc") ? 5 : 0);
	buf_put_u8(b, CONTENT_EMPTY);
	end(f);
	empty(f, WIRE_WALKED);
}

static void read_answer(struct fake *f, struct cur c)
{
	struct buf *b = NULL;
	uint32_t len = 0;

	cur_take(&c, 28);
	len = cur_u32(&c);
	if (is(f, "readsilence"))
		silence(f);
	if (is(f, "readdeath"))
		_exit(0);
	b = wire_begin(&f->wire, is(f, "readtype") ? WIRE_FILLED : WIRE_BYTES);
	for (uint32_t i = 0; i < len + (is(f, "readlong") ? 1 : 0); i++)
		buf_put_u8(b, 'x');
	end(f);
	if (is(f, "readmore"))
		empty(f, WIRE_LEAVE);
}

static void fill_answer(struct fake *f, struct cur c)
{
	struct buf *b = wire_begin(&f->wire, WIRE_FILLED);
	uint32_t n = cur_u32(&c);

	if (is(f, "filldeath"))
		_exit(0);
	for (uint32_t i = 0; i < n - (is(f, "fillfew") ? 1 : 0); i++) {
		uint64_t chunk = cur_u64(&c);
		bool bad = is(f, "fillbad") && chunk == 2;

		cur_u32(&c);
		if (is(f, "fillkill") && chunk == 2)
			_exit(0);
		buf_put_u16(b, bad ? EIO : 0);
		buf_put_u32(b, bad ? 0 : f->hello.slot_bytes - (is(f, "fillshort") ? 1 : 0));
		text(b, bad ? "checksum" : "");
	}
	end(f);
}

static int connect_to_service(struct fake *f)
{
	int fds[WIRE_FDS_MAX];
	struct frame frame;
	int r = 0;

	wire_init(&f->wire, WIRE_FD, false);
	r = wire_recv(&f->wire, WIRE_FRAME_MAX, 0, &frame);
	if (r < 0 || frame.type != WIRE_HELLO || hello_decode(&frame.payload, &f->hello) < 0)
		return -1;
	hello_type_of(f->hello.types, 0, f->mode, NULL);
	for (size_t n = f->hello.files.n + (f->hello.slots > 0); n > 0; n -= (size_t)r) {
		r = wire_recv_fds(&f->wire, fds, WIRE_FDS_MAX);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < f->hello.files.n; i++)
		f->media += f->hello.files.v[i].size;
	return 0;
}

int main(void)
{
	struct fake f = {.media = 0};
	struct frame frame;

	if (connect_to_service(&f) < 0)
		return 1;
	ready(&f);
	while (wire_recv(&f.wire, WIRE_FRAME_MAX, 0, &frame) == 0) {
		if (frame.type == WIRE_SCAN)
			scan(&f, frame.payload);
		else if (frame.type == WIRE_WALK)
			walk(&f);
		else if (frame.type == WIRE_READ)
			read_answer(&f, frame.payload);
		else if (frame.type == WIRE_FILL)
			fill_answer(&f, frame.payload);
		flush(&f);
	}
	return 0;
}
