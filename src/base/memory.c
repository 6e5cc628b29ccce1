/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c - how much memory is left to this process; see memory.h. */
#include "base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define GROUPS   "/sys/fs/cgroup"
#define FILE_MAX 65536u /* bytes of what the kernel tells, at most */

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

/* ---- control groups ------------------------------------------------------------------------ */

/* A file of a group; NULL: there is none. */
static char *group_text(const char *folder, const char *name)
{
	char *path = NULL;
	char *text = NULL;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return NULL;
	if (file_read(path, FILE_MAX, &text, NULL))
		text = NULL;
	free(path);
	return text;
}

/* The number in a file of a group; @none where there is no file, or it says "max". */
static uint64_t group_number(const char *folder, const char *name, uint64_t none)
{
	char *text = group_text(folder, name);
	uint64_t n = none;

	if (text && sscanf(text, "%" SCNu64, &n) != 1)
		n = none;
	free(text);
	return n;
}

/* A value of memory.stat: what begins a line and is followed by a blank. */
static uint64_t stat_value(const char *text, const char *name)
{
	size_t n = strlen(name);
	uint64_t value = 0;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, n) == 0 && line[n] == ' ')
			return sscanf(line + n, "%" SCNu64, &value) == 1 ? value : 0;
	}
	return 0;
}

/* What the group has taken and would give back: pages of files that are on a disk. */
static uint64_t group_cached(const char *folder)
{
	char *text = group_text(folder, "memory.stat");
	uint64_t n = stat_value(text, "inactive_file") + stat_value(text, "active_file");

	free(text);
	return n;
}

/* Return: whether it has a limit that is reached before the machine's memory is. */
static bool group_of(const char *folder, const struct memory *machine, struct memory *g)
{
	uint64_t max = group_number(folder, "memory.max", UINT64_MAX);
	uint64_t high = group_number(folder, "memory.high", UINT64_MAX);
	uint64_t limit = max < high ? max : high;
	uint64_t taken = group_number(folder, "memory.current", 0);
	uint64_t cached = group_cached(folder);

	if (limit >= machine->total)
		return false;
	taken -= cached < taken ? cached : taken;
	*g = (struct memory){.total = limit, .available = taken < limit ? limit - taken : 0};
	return true;
}

static double part_left(const struct memory *m)
{
	return m->total ? (double)m->available / (double)m->total : 0;
}

void memory_group(const char *root, const char *group, struct memory *m)
{
	struct memory least = *m;
	double part = part_left(m);
	char *folder = NULL;
	int n = asprintf(&folder, "%s%s", root, group);

	if (n < 0)
		return;
	for (char *end = folder + n; end > folder + strlen(root); end = strrchr(folder, '/')) {
		struct memory g = {0, 0};

		*end = '\0';
		if (!group_of(folder, m, &g))
			continue;
		if (g.total < least.total)
			least = g;
		if (part_left(&g) < part)
			part = part_left(&g);
	}
	free(folder);
	least.available = (uint64_t)(part * (double)least.total);
	*m = least;
}

/* Its line in /proc/self/cgroup; "" where version 2 is not in use. */
static void own_group(char *text, const char **group)
{
	char *at = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");

	*group = "";
	if (!at)
		return;
	at = strchr(at, '/');
	at[strcspn(at, "\n")] = '\0';
	*group = at;
}

int memory_now(struct memory *m)
{
	char *text = NULL;
	const char *group = NULL;
	int r = file_read("/proc/meminfo", FILE_MAX, &text, NULL);

	if (r == 0)
		r = memory_parse(text, m);
	free(text);
	text = NULL;
	if (r == 0 && file_read("/proc/self/cgroup", FILE_MAX, &text, NULL) == 0) {
		own_group(text, &group);
		memory_group(GROUPS, group, m);
	}
	free(text);
	return r;
}

uint32_t memory_share(const struct memory *m, uint64_t unit, uint32_t all, uint32_t now)
{
	uint64_t quarter = m->total / 4 / unit;

	if (all > quarter)
		all = (uint32_t)quarter;
	if (m->available < m->total / 16)
		return all / 8;
	return m->available > m->total / 8 || now > all ? all : now;
}
