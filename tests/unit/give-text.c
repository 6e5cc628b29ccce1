/* SPDX-License-Identifier: Apache-2.0 */
/*
 * give-text.c - the text of a file, for tests with other programs
 *
 *	give-text FILE
 *
 * Exit status 1, and a reason on standard error, where there is more than was given.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container/walk.h"
#include "text/text.h"

static int print(void *ctx, const char *utf8, size_t n)
{
	return fwrite(utf8, 1, n, ctx) == n ? 0 : -EIO;
}

int main(int argc, char **argv)
{
	const struct text_sink sink = {.piece = print, .ctx = stdout};
	struct container_budget b = {.members = 0};
	struct source *s = NULL;
	struct err e = {0};
	struct stat st = {0};
	int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	void *p = NULL;
	int r = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		fprintf(stderr, "usage: give-text FILE\n");
		return 2;
	}
	if (st.st_size > 0)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED || source_memory(p, (size_t)st.st_size, &s) < 0)
		return 2;
	container_prepare();
	text_prepare();
	container_limits((uint64_t)st.st_size, &b);
	r = text_extract(s, &b, &sink, &e);
	if (r != 0)
		fprintf(stderr, "give-text: %s: %s\n", argv[1], err_text(&e, r));
	source_close(s);
	return r != 0;
}
