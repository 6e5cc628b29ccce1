/* SPDX-License-Identifier: Apache-2.0 */
/* kernel.c - what the kernel's FUSE can do and libfuse does not know; see kernel.h. */
#include "mount/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"
#include "mount/attr.h"
#include "mount/fuse.h"
#include "mount/gate.h"

/* include/uapi/linux/fuse.h; numbers of the protocol, not of a machine */
#define OP_INIT              26u
#define OP_STATX             52u
#define HEADER_IN            40u /* struct fuse_in_header */
#define HEADER_OUT           16u /* struct fuse_out_header */
#define INIT_IN_FLAGS        (HEADER_IN + 12u)
#define INIT_IN_FLAGS2       (HEADER_IN + 16u)
#define INIT_OUT_SIZE        64u /* struct fuse_init_out */
#define INIT_OUT_FLAGS       12u
#define INIT_OUT_FLAGS2      32u
#define FLAG_INIT_EXT        (1u << 30)
#define FLAG2_DIRECT_IO_MMAP (1u << (36 - 32)) /* FUSE_DIRECT_IO_ALLOW_MMAP */
#define FLAG2_NO_EXPORT      (1u << (38 - 32)) /* FUSE_NO_EXPORT_SUPPORT */
#define PROTOCOL_STATX       39u               /* minor version that has STATX */
#define STATX_BODY           288u              /* struct fuse_statx_out */

static uint32_t get32(const uint8_t *p)
{
	struct cur c = cur_of(p, 4);

	return cur_u32(&c);
}

static uint64_t get64(const uint8_t *p)
{
	struct cur c = cur_of(p, 8);

	return cur_u64(&c);
}

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4); /* the kernel's byte order */
}

/* The INIT request: what the kernel offers. */
static void see_init(struct session *s, const uint8_t *req, size_t n)
{
	uint32_t flags2 = 0;
	unsigned missing = 0;

	if (n >= INIT_IN_FLAGS2 + 4 && (get32(req + INIT_IN_FLAGS) & FLAG_INIT_EXT))
		flags2 = get32(req + INIT_IN_FLAGS2);
	if (!(flags2 & FLAG2_DIRECT_IO_MMAP))
		missing |= DEGRADED_NO_SHARED_MMAP;
	if (!(flags2 & FLAG2_NO_EXPORT))
		missing |= DEGRADED_HANDLES;
	if (get32(req + HEADER_IN + 4) < PROTOCOL_STATX)
		missing |= DEGRADED_NO_STATX;
	s->degraded = missing | s->degrade;
	s->init_unique = get64(req + 8);
}

/* The INIT reply: libfuse's own, with the abilities that both sides have. */
static ssize_t write_init(struct session *s, int fd, const struct iovec *iov)
{
	uint8_t body[INIT_OUT_SIZE];
	uint32_t flags2 = 0;
	struct iovec out[2] = {iov[0], {body, sizeof(body)}};

	memcpy(body, iov[1].iov_base, sizeof(body));
	if (!(s->degraded & DEGRADED_NO_SHARED_MMAP))
		flags2 |= FLAG2_DIRECT_IO_MMAP;
	if (!(s->degraded & DEGRADED_HANDLES))
		flags2 |= FLAG2_NO_EXPORT;
	if (flags2) {
		put32(body + INIT_OUT_FLAGS, get32(body + INIT_OUT_FLAGS) | FLAG_INIT_EXT);
		put32(body + INIT_OUT_FLAGS2, get32(body + INIT_OUT_FLAGS2) | flags2);
	}
	s->init_unique = 0;
	return writev(fd, out, 2);
}

static ssize_t on_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct session *s = userdata;

	if (s->init_unique && count == 2 && iov[0].iov_len == HEADER_OUT &&
		iov[1].iov_len == INIT_OUT_SIZE &&
		get64((const uint8_t *)iov[0].iov_base + 8) == s->init_unique)
		return write_init(s, fd, iov);
	return writev(fd, iov, count);
}

static void put_statx_time(struct buf *b, const struct timespec *t)
{
	buf_put_u64(b, (uint64_t)t->tv_sec);
	buf_put_u32(b, (uint32_t)t->tv_nsec);
	buf_put_u32(b, 0);
}

/* struct fuse_statx_out: validity, then struct fuse_statx. */
static void put_statx(
	struct buf *b, const struct stat *st, const struct timespec *btime, double valid)
{
	buf_put_u64(b, (uint64_t)valid);
	buf_put_u32(b, 0);
	buf_put_u32(b, 0);
	buf_put_u64(b, 0);
	buf_put_u64(b, 0);
	buf_put_u32(b, STATX_BASIC_STATS | (btime ? STATX_BTIME : 0));
	buf_put_u32(b, (uint32_t)st->st_blksize);
	buf_put_u64(b, 0); /* attributes */
	buf_put_u32(b, (uint32_t)st->st_nlink);
	buf_put_u32(b, st->st_uid);
	buf_put_u32(b, st->st_gid);
	buf_put_u16(b, (uint16_t)st->st_mode);
	buf_put_u16(b, 0);
	buf_put_u64(b, st->st_ino);
	buf_put_u64(b, (uint64_t)st->st_size);
	buf_put_u64(b, (uint64_t)st->st_blocks);
	buf_put_u64(b, 0); /* attributes_mask */
	put_statx_time(b, &st->st_atim);
	put_statx_time(b, btime ? btime : &(struct timespec){0, 0});
	put_statx_time(b, &st->st_ctim);
	put_statx_time(b, &st->st_mtim);
	for (unsigned i = 0; i < 4; i++)
		buf_put_u32(b, 0); /* device numbers */
	for (unsigned i = 0; i < 14; i++)
		buf_put_u64(b, 0);
}

static int statx_body(struct session *s, const struct asker *who, uint64_t id, struct buf *body)
{
	struct timespec btime = {0, 0};
	struct stat st;
	double valid = 0;
	bool born = false;
	int r = attr_of_node(s, who, id, &st, &btime, &born, &valid);

	if (r == 0)
		put_statx(body, &st, born ? &btime : NULL, valid);
	return r ? r : body->error;
}

static void answer_statx(struct session *s, int fd, const uint8_t *req)
{
	const struct asker who = {
		.uid = get32(req + 24), .gid = get32(req + 28), .pid = (pid_t)get32(req + 32)};
	struct buf body = BUF_INIT;
	struct buf head = BUF_INIT;
	struct iovec iov[2];
	int r = s->degraded & DEGRADED_NO_STATX ? -ENOSYS
						: statx_body(s, &who, get64(req + 16), &body);

	if (r)
		buf_reset(&body);
	buf_put_u32(&head, (uint32_t)(HEADER_OUT + body.len));
	buf_put_u32(&head, (uint32_t)r);
	buf_put_u64(&head, get64(req + 8));
	iov[0] = (struct iovec){head.data, head.len};
	iov[1] = (struct iovec){body.data, body.len};
	if (head.error == 0 && writev(fd, iov, body.len ? 2 : 1) < 0 && errno != ENOENT)
		s->write_faults++;
	buf_release(&body);
	buf_release(&head);
}

static ssize_t on_read(int fd, void *buf, size_t len, void *userdata)
{
	struct session *s = userdata;

	for (;;) {
		ssize_t n = read(fd, buf, len);

		if (n < (ssize_t)HEADER_IN)
			return n;
		switch (get32((const uint8_t *)buf + 4)) {
		case OP_STATX:
			answer_statx(s, fd, buf);
			continue;
		case OP_INIT:
			see_init(s, buf, (size_t)n);
			return n;
		default:
			return n;
		}
	}
}

int kernel_attach(struct session *s, struct err *e)
{
	static const struct fuse_custom_io io = {.writev = on_writev, .read = on_read};
	int r = fuse_session_custom_io(s->fuse, &io, fuse_session_fd(s->fuse));

	return r ? err_set(e, EIO, "libfuse refuses to be wrapped") : 0;
}

const char *kernel_missing(unsigned degraded, char *out, size_t size)
{
	snprintf(out, size, "%s%s%s",
		degraded & DEGRADED_NO_SHARED_MMAP ? "; no shared mappings (Linux 6.6)" : "",
		degraded & DEGRADED_NO_STATX ? "; birth times as xattr only (Linux 6.6)" : "",
		degraded & DEGRADED_HANDLES ? "; file handles refused here (Linux 6.9)" : "");
	return out[0] ? out + 2 : out;
}
