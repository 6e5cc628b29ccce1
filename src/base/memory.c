/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c - how much memory the machine has left; see memory.h. */
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int value_of(const char *text, const char *name, uint64_t *bytes)
{
	const char *at = strstr(text, name);
	uint64_t kib = 0;

	if (!at || sscanf(at + strlen(name), ": %" SCNu64 " kB", &kib) != 1 ||
		__builtin_mul_overflow(kib, UINT64_C(1024), bytes))
		return -EBADMSG;
	return 0;
}

int memory_parse(const char *text, struct memory *m)
{
	struct memory found = {0, 0};
	int r = value_of(text, "MemTotal", &found.total);

	if (r == 0)
		r = value_of(text, "MemAvailable", &found.available);
	if (r == 0)
		*m = found;
	return r;
}

int memory_now(struct memory *m)
{
	char text[1024]; /* both stand in its first lines */
	int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	int r = n < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	if (r < 0)
		return r;
	text[n] = '\0';
	return memory_parse(text, m);
}

uint32_t memory_share(const struct memory *m, uint32_t all, uint32_t now)
{
	if (m->available < m->total / 16)
		return all / 8;
	return m->available > m->total / 8 ? all : now;
}
