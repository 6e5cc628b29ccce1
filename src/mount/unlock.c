/* SPDX-License-Identifier: Apache-2.0 */
/* unlock.c - a mount whose process was killed and cannot end; see unlock.h. */
#include "mount/unlock.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* include/uapi/linux/fuse.h */
#define OP_READ        15u
#define NOTIFY_RESEND  7
#define READ_LOCKOWNER 2u                   /* in read_flags: a call asked, no page fault */
#define REQUEST_BYTES  ((1u << 20) + 8192u) /* more than any may have */

struct header_in { /* struct fuse_in_header */
	uint32_t len, opcode;
	uint64_t unique, node;
	uint32_t uid, gid, pid, padding;
};

struct read_in { /* struct fuse_read_in */
	uint64_t handle, offset;
	uint32_t size, read_flags;
	uint64_t lock_owner;
	uint32_t flags, padding;
};

struct header_out { /* struct fuse_out_header */
	uint32_t len;
	int32_t error;
	uint64_t unique;
};

/* Return: 1 it was such a read, and is ended; 0 another request, left as it is. */
static int end_read(int fd, const uint8_t *request, size_t n)
{
	struct header_out out = {.len = sizeof(out), .error = -EIO};
	struct header_in head;
	struct read_in in;

	if (n < sizeof(head) + sizeof(in))
		return 0;
	memcpy(&head, request, sizeof(head));
	memcpy(&in, request + sizeof(head), sizeof(in));
	if (head.opcode != OP_READ || (in.read_flags & READ_LOCKOWNER))
		return 0;
	out.unique = head.unique;
	return write(fd, &out, sizeof(out)) == sizeof(out);
}

int unlock_pages(int fd)
{
	const struct header_out resend = {.len = sizeof(resend), .error = NOTIFY_RESEND};
	struct pollfd f = {.fd = fd, .events = POLLIN};
	uint8_t *request = malloc(REQUEST_BYTES);
	ssize_t n = 1;
	int ended = 0;
	int r = 0;

	if (!request)
		return -ENOMEM;
	if (write(fd, &resend, sizeof(resend)) != sizeof(resend))
		r = -errno;
	while (r == 0 && poll(&f, 1, 0) == 1 && (f.revents & POLLIN)) {
		n = read(fd, request, REQUEST_BYTES);
		if (n < 0 && errno != EINTR && errno != ENOENT)
			r = -errno;
		if (n > 0)
			ended += end_read(fd, request, (size_t)n);
	}
	free(request);
	return r < 0 ? r : ended;
}
