/* SPDX-License-Identifier: Apache-2.0 */
/* process.c - what /proc says of who asks; see process.h. */
#include "mount/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ssize_t read_proc(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t n = 0;
	int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	buf[n] = '\0';
	return n;
}

/* Field 22 of stat, counted behind the last ')': a name may hold anything. */
static uint64_t start_of(const char *stat)
{
	const char *p = strrchr(stat, ')');

	for (unsigned field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

void process_describe(pid_t pid, struct audit_event *ev)
{
	char text[1024];
	char path[64];
	ssize_t n = 0;

	if (pid <= 0)
		return;
	if (read_proc(pid, "stat", text, sizeof(text)) > 0)
		ev->process_start = start_of(text);
	if (read_proc(pid, "loginuid", text, sizeof(text)) > 0)
		ev->loginuid = (uint32_t)strtoul(text, NULL, 10);
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, ev->exe, sizeof(ev->exe) - 1);
	ev->exe[n > 0 ? n : 0] = '\0';
}
