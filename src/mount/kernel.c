/* SPDX-License-Identifier: Apache-2.0 */
/* kernel.c - what the kernel's FUSE can do and libfuse does not know; see kernel.h. */
#include "mount/kernel.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
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
#define FLAG2_HAS_RESEND     (1u << (39 - 32)) /* FUSE_HAS_RESEND */
#define FLAG2_NO_EXPORT      (1u << (38 - 32)) /* FUSE_NO_EXPORT_SUPPORT */
#define PROTOCOL_STATX       39u               /* minor version that has STATX */
#define NOTIFY_INVAL_ENTRY   3u
#define INVAL_ENTRY          16u /* struct fuse_notify_inval_entry_out */
#define EXPIRE_ONLY          1u  /* FUSE_EXPIRE_ONLY, Linux 6.2; before, names are dropped */
#define UNIQUE_RESENT        (UINT64_C(1) << 63) /* FUSE_UNIQUE_RESEND */

/* The request that this thread has read last: libfuse does not hand it on. */
static _Thread_local uint64_t request_unique;
static _Thread_local int request_noted = -1; /* its place in the table */

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
	if (s->team && !(flags2 & FLAG2_HAS_RESEND))
		missing |= DEGRADED_NO_RESEND;
	s->degraded = missing | s->degrade;
	s->init_unique = get64(req + 8);
}

/* The INIT reply: libfuse's own, with the abilities that both sides have. */
static ssize_t write_init(struct session *s, int fd, const struct iovec *iov)
{
	uint8_t body[INIT_OUT_SIZE];
	uint32_t flags2 = 0;
	struct iovec out[2] = {iov[0], {body, sizeof(body)}};
	ssize_t n = 0;

	memcpy(body, iov[1].iov_base, sizeof(body));
	if (!(s->degraded & DEGRADED_NO_SHARED_MMAP))
		flags2 |= FLAG2_DIRECT_IO_MMAP;
	if (!(s->degraded & DEGRADED_HANDLES))
		flags2 |= FLAG2_NO_EXPORT;
	if (s->team && !(s->degraded & DEGRADED_NO_RESEND))
		flags2 |= FLAG2_HAS_RESEND;
	if (flags2) {
		put32(body + INIT_OUT_FLAGS, get32(body + INIT_OUT_FLAGS) | FLAG_INIT_EXT);
		put32(body + INIT_OUT_FLAGS2, get32(body + INIT_OUT_FLAGS2) | flags2);
	}
	s->init_unique = 0;
	n = writev(fd, out, 2);
	if (n >= 0 || errno != ENOENT)
		return n;
	s->begun = true; /* an earlier service answered it */
	return (ssize_t)(out[0].iov_len + out[1].iov_len);
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

static int statx_body(struct session *s, const struct scene *sc, const struct asker *who,
	uint64_t id, struct buf *body)
{
	const struct node n = node_parse(session_keys(s), id);
	struct timespec btime = {0, 0};
	struct stat st;
	bool born = false;
	int r = attr_of_node(s, sc, who, &n, &st, &btime, &born);

	if (r == 0)
		put_statx(body, &st, born ? &btime : NULL, attr_timeout(s, sc, &n));
	return r ? r : body->error;
}

static void answer_statx(struct session *s, int fd, const uint8_t *req)
{
	const struct asker who = {
		.uid = get32(req + 24), .gid = get32(req + 28), .pid = (pid_t)get32(req + 32)};
	struct buf body = BUF_INIT;
	struct buf head = BUF_INIT;
	struct iovec iov[2];
	unsigned token = 0;
	const struct scene *sc = scene_enter(s, &token);
	int r = s->degraded & DEGRADED_NO_STATX ? -ENOSYS
						: statx_body(s, sc, &who, get64(req + 16), &body);

	if (r)
		buf_reset(&body);
	buf_put_u32(&head, (uint32_t)(HEADER_OUT + body.len));
	buf_put_u32(&head, (uint32_t)r);
	buf_put_u64(&head, get64(req + 8));
	iov[0] = (struct iovec){head.data, head.len};
	iov[1] = (struct iovec){body.data, body.len};
	if (head.error == 0 && writev(fd, iov, body.len ? 2 : 1) < 0 && errno != ENOENT)
		s->write_faults++;
	scene_leave(s, token);
	buf_release(&body);
	buf_release(&head);
}

/* The INIT request that the starter has read. */
static ssize_t read_saved(struct session *s, void *buf, size_t len)
{
	ssize_t n = s->init_len < len ? (ssize_t)s->init_len : -1;

	if (n > 0)
		memcpy(buf, s->init, (size_t)n);
	free(s->init);
	s->init = NULL;
	errno = EIO;
	return n;
}

/* Return: whether libfuse is to have it. */
static bool look_at(struct session *s, int fd, const uint8_t *req, size_t n)
{
	uint32_t op = get32(req + 4);

	request_unique = get64(req + 8);
	if (s->degraded & DEGRADED_NO_RESEND)
		request_noted = table_begin(s->table, request_unique);
	if (op == OP_INIT)
		see_init(s, req, n);
	else if (op == OP_STATX)
		answer_statx(s, fd, req);
	return op != OP_STATX;
}

/* Threads are cancelled while they wait here, and nowhere else. */
static ssize_t on_read(int fd, void *buf, size_t len, void *userdata)
{
	struct session *s = userdata;
	bool pass = false;
	ssize_t n = 0;
	int before = 0;

	do {
		table_end(s->table, request_noted);
		request_noted = -1;
		n = s->init ? read_saved(s, buf, len) : read(fd, buf, len);
		if (n < (ssize_t)HEADER_IN)
			return n;
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
		pass = look_at(s, fd, buf, (size_t)n);
		pthread_setcancelstate(before, NULL);
	} while (!pass);
	return n;
}

uint64_t kernel_unique(bool *again)
{
	if (again)
		*again = request_unique & UNIQUE_RESENT;
	return request_unique & ~UNIQUE_RESENT;
}

int kernel_take_note(void)
{
	int note = request_noted;

	request_noted = -1;
	return note;
}

void kernel_end_note(struct session *s, int note)
{
	table_end(s->table, note);
}

/* A reply, or with @unique 0 a notice, that is nothing but its header. */
static int write_header(struct session *s, uint32_t error, uint64_t unique)
{
	struct buf b = BUF_INIT;
	ssize_t n = 0;

	buf_put_u32(&b, HEADER_OUT);
	buf_put_u32(&b, error);
	buf_put_u64(&b, unique);
	n = b.error ? -1 : write(fuse_session_fd(s->fuse), b.data, b.len);
	buf_release(&b);
	return n < 0 ? -errno : 0;
}

int kernel_notify(struct session *s, enum kernel_notice what)
{
	return write_header(s, what, 0);
}

/* struct fuse_notify_inval_entry_out and the name; expired, not dropped: cwd lives on. */
void kernel_forget_name(struct session *s, uint64_t dir, const void *name, size_t n)
{
	struct buf b = BUF_INIT;

	buf_put_u32(&b, (uint32_t)(HEADER_OUT + INVAL_ENTRY + n + 1));
	buf_put_u32(&b, NOTIFY_INVAL_ENTRY);
	buf_put_u64(&b, 0);
	buf_put_u64(&b, dir);
	buf_put_u32(&b, (uint32_t)n);
	buf_put_u32(&b, EXPIRE_ONLY);
	buf_put(&b, name, n);
	buf_put_u8(&b, 0);
	/* ENOENT: the kernel has no such name */
	if (b.error == 0 && write(fuse_session_fd(s->fuse), b.data, b.len) < 0 && errno != ENOENT)
		s->write_faults++;
	buf_release(&b);
}

void kernel_fail(struct session *s, uint64_t unique, int error)
{
	write_header(s, (uint32_t)error, unique);
}

int kernel_attach(struct session *s, struct err *e)
{
	static const struct fuse_custom_io io = {.writev = on_writev, .read = on_read};
	int fd = s->team ? s->fuse_fd : fuse_session_fd(s->fuse);
	int r = fuse_session_custom_io(s->fuse, &io, fd);

	return r ? err_set(e, EIO, "libfuse refuses to be wrapped") : 0;
}

const char *kernel_missing(unsigned degraded, char *out, size_t size)
{
	snprintf(out, size, "%s%s%s%s%s",
		degraded & DEGRADED_NO_SHARED_MMAP ? "; no shared mappings (Linux 6.6)" : "",
		degraded & DEGRADED_NO_STATX ? "; birth times as xattr only (Linux 6.6)" : "",
		degraded & DEGRADED_HANDLES ? "; file handles refused here (Linux 6.9)" : "",
		degraded & DEGRADED_NO_RESEND ? "; a restart can cost one error (Linux 6.9)" : "",
		degraded & DEGRADED_NO_EPOCH ? "; names kept for a second (Linux 6.16)" : "");
	return out[0] ? out + 2 : out;
}

unsigned kernel_lacks(const char *release)
{
	static const struct {
		unsigned long major, minor;
		unsigned lacks; /* before that */
	} since[] = {{6, 6, DEGRADED_NO_SHARED_MMAP | DEGRADED_NO_STATX},
		{6, 9, DEGRADED_HANDLES | DEGRADED_NO_RESEND}, {6, 16, DEGRADED_NO_EPOCH}};
	char *end = NULL;
	unsigned long major = strtoul(release, &end, 10);
	unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	unsigned lacks = 0;

	for (size_t i = 0; i < sizeof(since) / sizeof(since[0]); i++) {
		if (major < since[i].major || (major == since[i].major && minor < since[i].minor))
			lacks |= since[i].lacks;
	}
	return lacks;
}

int kernel_degraded_parse(const char *list, unsigned *flags)
{
	static const struct {
		const char *name;
		unsigned flag;
	} modes[] = {
		{"no-shared-mmap", DEGRADED_NO_SHARED_MMAP},
		{"no-statx", DEGRADED_NO_STATX},
		{"handles", DEGRADED_HANDLES},
		{"no-resend", DEGRADED_NO_RESEND},
		{"no-epoch", DEGRADED_NO_EPOCH},
		{"all", DEGRADED_ALL},
	};

	while (*list) {
		size_t n = strcspn(list, ",");
		unsigned flag = 0;

		for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
			if (strlen(modes[i].name) == n && !strncmp(list, modes[i].name, n))
				flag = modes[i].flag;
		}
		if (!flag)
			return -EINVAL;
		*flags |= flag;
		list += n + (list[n] == ',');
	}
	return 0;
}
