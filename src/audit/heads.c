/* SPDX-License-Identifier: Apache-2.0 */
/* heads.c - the file `checkpoints` of a log; see heads.h. */
#include "audit/heads.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/segment.h"

#define TAIL_BYTES 4096 /* holds several notes */

int heads_open(int dirfd, const char *file, struct heads *h, struct err *e)
{
	h->fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC);
	h->pos = h->base = h->count = 0;
	h->len = 0;
	h->torn = false;
	if (h->fd < 0 && errno != ENOENT)
		return err_errno(e, errno, "%s: cannot open", file);
	return 0;
}

void heads_close(struct heads *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
}

static int fill(struct heads *h, struct err *e)
{
	ssize_t n = segment_pread(h->fd, h->data, HEADS_AHEAD, h->pos);

	h->base = h->pos;
	h->len = n > 0 ? (size_t)n : 0;
	if (n >= 0)
		return 0;
	err_errno(e, (int)-n, HEADS_FILE ": cannot read");
	return -EIO;
}

int heads_next(struct heads *h, const char *name, struct note *out, struct err *e)
{
	size_t skip = (size_t)(h->pos - h->base);
	int used = 0;

	h->torn = false;
	if (h->fd < 0)
		return 0;
	if (skip + TAIL_BYTES > h->len) {
		if (fill(h, e) < 0)
			return -EIO;
		skip = 0;
	}
	if (skip >= h->len)
		return 0;
	used = note_decode(name, h->data + skip, h->len - skip, false, out);
	if (used < 0)
		return err_set(e, EBADMSG,
			HEADS_FILE ": no checkpoint at offset %" PRIu64 " (checkpoint %" PRIu64 ")",
			h->pos, h->count + 1);
	h->torn = used == 0;
	h->pos += (unsigned)used;
	h->count += used > 0;
	return used > 0;
}

/* Whether a note begins at @p[i]: its first line. */
static bool begins(const char *name, const char *p, size_t n, size_t i, uint64_t base)
{
	size_t length = strlen(name);

	return (i > 0 ? p[i - 1] == '\n' : base == 0) && n - i > length &&
	       !memcmp(p + i, name, length) && p[i + length] == '\n';
}

int heads_last(int fd, const char *name, struct note *out, uint64_t *end, struct err *e)
{
	char data[TAIL_BYTES];
	struct stat st;
	uint64_t base = 0;
	ssize_t n = 0;

	out->size = 0;
	*end = 0;
	if (fstat(fd, &st) < 0)
		return err_errno(e, errno, HEADS_FILE);
	base = st.st_size > TAIL_BYTES ? (uint64_t)st.st_size - TAIL_BYTES : 0;
	n = segment_pread(fd, data, sizeof(data), base);
	if (n < 0)
		return err_errno(e, (int)-n, HEADS_FILE);
	for (size_t i = (size_t)n; i-- > 0;) {
		int used = begins(name, data, (size_t)n, i, base)
				   ? note_decode(name, data + i, (size_t)n - i, false, out)
				   : 0;
		size_t rest = (size_t)n - i - (size_t)(used > 0 ? used : 0);
		struct note none;

		if (used <= 0 && (used < 0 || i > 0))
			continue;
		if (note_decode(name, data + (size_t)n - rest, rest, false, &none) != 0)
			break;
		*end = base + (size_t)n - rest;
		return 0;
	}
	return n == 0 ? 0 : err_set(e, EBADMSG, HEADS_FILE ": does not end in a checkpoint");
}
