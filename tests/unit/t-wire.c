/* SPDX-License-Identifier: Apache-2.0 */
/* t-wire.c - frames, HELLO, and the decoding of what a worker says */
#include "worker/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fs/entry.h"
#include "image/extent.h"
#include "tap.h"
#include "worker/hello.h"
#include "worker/reply.h"
#include "worker/sandbox.h"

static void pair(struct wire *service, struct wire *worker)
{
	int ends[2] = {-1, -1};

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		bail_out("socketpair");
	wire_init(service, ends[0], true);
	wire_init(worker, ends[1], false);
}

static int64_t soon(void)
{
	return wire_now_ms() + 2000;
}

static void parsing(void)
{
	static const uint8_t bytes[] = {3, 0, 0, 0, 137, 0, 'a', 'b', 'c', 'd'};
	static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 1, 0};
	struct frame f = {0};
	size_t used = 0;

	for (size_t n = 0; n < 9; n++)
		if (wire_parse(bytes, n, 100, &f, &used) != 0 || used != (n < 6 ? 6u : 9u))
			break;
		else if (n == 8)
			ok(true, "part of a frame: says how much is needed");
	is_int(wire_parse(bytes, sizeof(bytes), 100, &f, &used), 1, "a frame");
	ok(f.type == 137 && used == 9 && cur_left(&f.payload) == 3, "its type and payload");
	is_int(wire_parse(bytes, sizeof(bytes), 2, &f, &used), -EPROTO, "larger than allowed");
	is_int(wire_parse(huge, sizeof(huge), SIZE_MAX, &f, &used), -EPROTO, "larger than any");
}

static void put(struct wire *w, enum wire_type type, size_t n)
{
	struct buf *b = wire_begin(w, type);

	for (size_t i = 0; i < n; i++)
		buf_put_u8(b, (uint8_t)(i * 7));
	if (wire_end(w) < 0)
		bail_out("wire_end");
}

struct sending {
	struct wire *w;
	unsigned frames;
};

static void *send_many(void *arg)
{
	struct sending *s = arg;

	for (unsigned i = 0; i < s->frames; i++)
		put(s->w, (enum wire_type)(i % 1000), i * 37 % 5000);
	wire_flush(s->w, 0);
	return NULL;
}

static void batches(void)
{
	struct wire service;
	struct wire worker;
	struct sending s = {.w = &worker, .frames = 20000};
	struct frame f = {0};
	pthread_t t;
	unsigned good = 0;

	pair(&service, &worker);
	if (pthread_create(&t, NULL, send_many, &s))
		bail_out("pthread_create");
	for (unsigned i = 0; i < s.frames; i++) {
		size_t n = i * 37 % 5000;

		if (wire_recv(&service, 5000, soon(), &f) < 0)
			break;
		good += f.type == i % 1000 && cur_left(&f.payload) == n &&
			(n < 9 || f.payload.p[8] == 56);
	}
	pthread_join(t, NULL);
	is_int(good, s.frames, "20,000 frames of many sizes, in order");
	ok(!wire_pending(&service), "nothing is left");
	buf_reserve(wire_begin(&worker, WIRE_BYTES), WIRE_FRAME_MAX + 1);
	worker.out.len += WIRE_FRAME_MAX + 1;
	is_int(wire_end(&worker), -EMSGSIZE, "a frame that is too large is dropped");
	put(&worker, WIRE_LEAVE, 0);
	wire_flush(&worker, 0);
	ok(wire_recv(&service, 0, soon(), &f) == 0 && f.type == WIRE_LEAVE, "and the wire goes on");
	wire_release(&worker);
	is_int(wire_recv(&service, 10, soon(), &f), -EPIPE, "the other end is gone");
	put(&service, WIRE_SCAN, 4);
	is_int(wire_flush(&service, soon()), -EPIPE, "and cannot be written to, without a signal");
	wire_release(&service);
}

static void deadlines(void)
{
	struct wire service;
	struct wire worker;
	struct frame f = {0};
	int64_t began = wire_now_ms();

	pair(&service, &worker);
	is_int(wire_recv(&service, 10, began + 250, &f), -ETIMEDOUT, "silence has a deadline");
	ok(wire_now_ms() - began >= 250 && wire_now_ms() - began < 2000, "in time");
	if (write(worker.fd, "\x05\0\0\0\x01", 5) != 5)
		bail_out("write");
	is_int(wire_recv(&service, 10, wire_now_ms() + 150, &f), -ETIMEDOUT, "half a header too");
	put(&service, WIRE_HELLO, 8 << 20);
	is_int(wire_flush(&service, wire_now_ms() + 250), -ETIMEDOUT, "and a reader that stands");
	wire_release(&service);
	wire_release(&worker);
}

static bool same_file(int a, int b)
{
	struct stat x;
	struct stat y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino;
}

static void descriptors(void)
{
	struct wire service;
	struct wire worker;
	int fds[WIRE_FDS_MAX];
	int got[WIRE_FDS_MAX];
	struct frame f = {0};
	int fd = memfd_create("t-wire", MFD_CLOEXEC);

	pair(&service, &worker);
	for (size_t i = 0; i < WIRE_FDS_MAX; i++)
		fds[i] = fd;
	put(&service, WIRE_HELLO, 1000);
	wire_flush(&service, soon());
	is_int(wire_send_fds(&service, fds, WIRE_FDS_MAX, soon()), 0, "200 descriptors go");
	is_int(wire_send_fds(&service, fds, 1, soon()), 0, "and one");
	ok(wire_recv(&worker, 1000, 0, &f) == 0 && f.type == WIRE_HELLO, "the frame before them");
	is_int(wire_recv_fds(&worker, got, WIRE_FDS_MAX), WIRE_FDS_MAX, "200 come");
	ok(same_file(got[0], fd) && same_file(got[199], fd), "the same file");
	for (size_t i = 0; i < WIRE_FDS_MAX; i++)
		close(got[i]);
	is_int(wire_recv_fds(&worker, got, WIRE_FDS_MAX), 1, "one comes");
	close(got[0]);
	put(&service, WIRE_SCAN, 4);
	wire_flush(&service, soon());
	is_int(wire_recv_fds(&worker, got, WIRE_FDS_MAX), -EPROTO, "a frame without any");
	close(fd);
	wire_release(&service);
	wire_release(&worker);
}

static void hello(void)
{
	char a[] = "/evidence/a.E01";
	char b[] = "/evidence/a.E02";
	struct image_file seg[2] = {{.path = a, .size = 1000}, {.path = b, .size = UINT64_MAX}};
	struct hello in = {.parent = 77,
		.uid = SANDBOX_UID,
		.slot_bytes = 32768,
		.slots = 2048,
		.types = "p2=ntfs",
		.files = {.format = IMAGE_EWF, .v = seg, .n = 2}};
	struct hello out = {.slots = 1};
	struct buf bytes = BUF_INIT;
	struct cur c;
	bool refused = true;

	hello_encode(&bytes, &in);
	c = cur_of(bytes.data, bytes.len);
	is_int(hello_decode(&c, &out), 0, "HELLO is understood");
	ok(out.parent == 77 && out.uid == SANDBOX_UID && out.slots == 2048 &&
			out.slot_bytes == 32768 && strcmp(out.types, "p2=ntfs") == 0,
		"as it was said");
	ok(out.files.n == 2 && out.files.v[1].size == UINT64_MAX &&
			strcmp(out.files.v[1].path, b) == 0 && out.files.v[0].fd == -1,
		"with its segments");
	hello_release(&out);
	for (size_t n = 0; n < bytes.len; n++) {
		c = cur_of(bytes.data, n);
		refused = refused && hello_decode(&c, &out) < 0;
	}
	ok(refused, "cut anywhere it is refused");
	buf_release(&bytes);
}

static int type_of(const char *types, unsigned number, const char *want)
{
	char type[HELLO_TYPE_MAX] = "";
	int r = hello_type_of(types, number, type, NULL);

	return r == 1 ? strcmp(type, want) == 0 : r;
}

static void types(void)
{
	is_int(type_of(NULL, 0, ""), 0, "no types");
	is_int(type_of("p2=ntfs,p3=ext4", 3, "ext4"), 1, "the one of a volume");
	is_int(type_of("p2=ntfs,p3=ext4", 4, ""), 0, "none of another");
	is_int(type_of("p0=exfat", 0, "exfat"), 1, "volume 0");
	is_int(type_of("2=ntfs", 2, ""), -EINVAL, "no p");
	is_int(type_of("p=ntfs", 2, ""), -EINVAL, "no number");
	is_int(type_of("p2=", 2, ""), -EINVAL, "no type");
	is_int(type_of("p2=NTFS", 2, ""), -EINVAL, "capitals");
	is_int(type_of("p2=averyveryverylongtype", 2, ""), -EINVAL, "too long");
	is_int(type_of("p2=ntfs,,p3=ext4", 2, ""), -EINVAL, "an empty one");
	is_int(type_of("p99999999999=ntfs", 2, ""), -EINVAL, "a number that is none");
}

static const char *clean(const char *s, size_t size)
{
	static char out[64];

	reply_text(out, size, (const uint8_t *)s, strlen(s));
	return out;
}

static void texts(void)
{
	is_str(clean("caf\xc3\xa9 \xf0\x9f\x98\x80", 64), "caf\xc3\xa9 \xf0\x9f\x98\x80", "UTF-8");
	is_str(clean("a\nb\x1b[0m\x7f", 64), "a\\x0ab\\x1b[0m\\x7f", "controls");
	is_str(clean("\xc2\x85|\xe2\x80\xae", 64), "\\xc2\\x85|\\xe2\\x80\\xae", "C1, bidi");
	is_str(clean("\xff\xc3", 64), "\\xff\\xc3", "not UTF-8");
	is_str(clean("ab\xc3\xa9", 4), "ab", "cut between characters");
	is_str(clean("ab\xff", 6), "ab", "or escapes");
	is_str(clean("ab", 1), "", "to nothing");
}

static void ready(void)
{
	struct reply_ready r = {0};
	struct buf b = BUF_INIT;
	struct cur c;

	buf_put_u32(&b, WIRE_VERSION);
	buf_put_u32(&b, SANDBOX_NO_NEW_PRIVS | SANDBOX_SECCOMP);
	buf_put_u32(&b, 2);
	buf_put_u32(&b, 1000);
	c = cur_of(b.data, b.len);
	ok(reply_ready(&c, &r) == 0 && r.landlock_abi == 2 && r.uid == 1000, "READY");
	c = cur_of(b.data, b.len - 1);
	is_int(reply_ready(&c, &r), -EPROTO, "cut");
	b.data[4] = SANDBOX_NO_NEW_PRIVS | SANDBOX_LANDLOCK;
	c = cur_of(b.data, b.len);
	is_int(reply_ready(&c, &r), -EPROTO, "without seccomp");
	buf_release(&b);
}

static void filled(void)
{
	struct reply_chunk v = {0};
	struct buf b = BUF_INIT;
	struct cur c;

	is_int(reply_chunk_bytes(2, 3 * 4096, 4096), 4096, "a full chunk");
	is_int(reply_chunk_bytes(2, 2 * 4096 + 10, 4096), 10, "the last one");
	buf_put_u16(&b, 0);
	buf_put_u32(&b, 4096);
	buf_put_blob(&b, "", 0);
	c = cur_of(b.data, b.len);
	ok(reply_filled(&c, 4096, &v) == 0 && v.status == 0 && cur_left(&c) == 0, "FILLED");
	c = cur_of(b.data, b.len);
	is_int(reply_filled(&c, 4095, &v), -EPROTO, "of another length");
	b.data[0] = EIO;
	c = cur_of(b.data, b.len);
	is_int(reply_filled(&c, 4096, &v), -EPROTO, "bad, with bytes");
	buf_release(&b);
}

static int takes(void *ctx, const struct entry *e)
{
	(void)ctx;
	(void)e;
	return 0;
}

static int leaves(void *ctx)
{
	(void)ctx;
	return 0;
}

static int keep_reason(void *ctx, const char *reason)
{
	buf_puts(ctx, reason);
	return 0;
}

static int say(struct reply_walk *w, enum wire_type type, const struct buf *payload)
{
	struct frame f = {.type = (uint16_t)type,
		.payload = cur_of(payload ? payload->data : NULL, payload ? payload->len : 0)};
	struct err e = {0};
	bool failed = false;

	return reply_walk(w, &f, &failed, &e);
}

static void unopened(void)
{
	static const uint8_t none[] = {CONTENT_EMPTY};
	struct buf told = BUF_INIT;
	const struct walk_sink sink = {.root = takes,
		.enter = takes,
		.leave = leaves,
		.unopened = keep_reason,
		.ctx = &told};
	struct reply_walk w = {.sink = &sink, .media_size = 4096};
	struct entry e = {.kind = ENTRY_DIR, .nlink = 1, .content = none, .content_len = 1};
	struct buf dir = BUF_INIT;
	struct buf file = BUF_INIT;
	struct buf why = BUF_INIT;
	struct buf begin = BUF_INIT;

	buf_put_u64(&begin, 4096);
	buf_put_blob(&why, "enc\x1brypted", 10);
	entry_encode(&dir, &e);
	e.kind = ENTRY_FILE;
	e.name = (const uint8_t *)"a";
	e.name_len = 1;
	entry_encode(&file, &e);
	ok(say(&w, WIRE_BEGIN, &begin) == 0 && say(&w, WIRE_ROOT, &dir) == 0, "a walk");
	is_int(say(&w, WIRE_ENTER, &file), 0, "a file");
	is_int(say(&w, WIRE_UNOPENED, &why), -EPROTO, "unopened before it was left");
	is_int(say(&w, WIRE_LEAVE, NULL), 0, "left");
	is_int(say(&w, WIRE_UNOPENED, &why), 0, "unopened");
	is_str(buf_cstr(&told), "enc\\x1brypted", "the reason can be shown");
	is_int(say(&w, WIRE_UNOPENED, &why), -EPROTO, "but not twice");
	buf_release(&told);
	buf_release(&dir);
	buf_release(&file);
	buf_release(&why);
	buf_release(&begin);
}

static void ids(void)
{
	struct buf b = BUF_INIT;
	struct buf out = BUF_INIT;
	struct buf large = BUF_INIT;
	struct cur c;

	c = cur_of(NULL, 0);
	is_int(reply_ids(&c, &out), 0, "no message ids");
	buf_put_blob(&b, "a@b", 3);
	buf_put_blob(&b, "c", 1);
	c = cur_of(b.data, b.len);
	ok(reply_ids(&c, &out) == 2 && out.len == b.len && !memcmp(out.data, b.data, b.len), "two");
	c = cur_of(b.data, b.len - 1);
	is_int(reply_ids(&c, &out), -EPROTO, "cut");
	buf_put_blob(&b, "", 0);
	c = cur_of(b.data, b.len);
	is_int(reply_ids(&c, &out), -EPROTO, "an empty one");
	for (int i = 0; i < REPLY_IDS + 1; i++)
		buf_put_blob(&large, "x", 1);
	c = cur_of(large.data, large.len);
	is_int(reply_ids(&c, &out), -EPROTO, "too many");
	buf_release(&b);
	buf_release(&out);
	buf_release(&large);
}

int main(void)
{
	alarm(120);
	parsing();
	batches();
	deadlines();
	descriptors();
	hello();
	types();
	texts();
	ready();
	filled();
	unopened();
	ids();
	return done_testing();
}
