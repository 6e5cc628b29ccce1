/* SPDX-License-Identifier: Apache-2.0 */
/*
 * give-text.c - the text of a file, for tests with other programs
 *
 *	give-text FILE
 *
 * As a worker does it: in the sandbox, which allows to write to a pipe, not to a file. Exit
 * status 1, and a last line "! REASON", where there is more than was given.
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
#include "worker/sandbox.h"

static int print(void *ctx, const char *utf8, size_t n)
{
	(void)ctx;
	while (n > 0) {
		ssize_t r = write(STDOUT_FILENO, utf8, n);

		if (r <= 0)
			return -EIO;
		utf8 += r;
		n -= (size_t)r;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct text_sink sink = {.piece = print};
	struct container_budget b = {.members = 0};
	const struct sandbox_opts o = {.socket = STDOUT_FILENO, .memory_bytes = SANDBOX_MEMORY};
	struct sandbox_state state;
	struct source *s = NULL;
	char line[ERR_TEXT_MAX + 8];
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
	r = sandbox_enter(&o, &state, &e);
	if (r == 0)
		r = text_extract(s, &b, &sink, &e);
	if (r != 0)
		print(NULL, line,
			(size_t)snprintf(line, sizeof(line), "\n! %s\n", err_text(&e, r)));
	_exit(r != 0); /* as a worker does: handlers may do what the filter forbids */
}
