/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - runs a fuzz target over the files named on the command line
 *
 * Linked with any fuzz-*.c in place of libFuzzer, when built with -DFUZZ_REPLAY:
 * found inputs stay tested with every compiler.
 */
#ifdef FUZZ_REPLAY

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static int replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t size = 0;
	size_t cap = 0;
	int r = 0;

	while (f && r == 0 && !feof(f) && !ferror(f)) {
		if (size == cap) {
			uint8_t *more = realloc(data, cap = cap ? cap * 2 : 65536);

			if (!more) {
				r = -1;
				break;
			}
			data = more;
		}
		size += fread(data + size, 1, cap - size, f);
	}
	if (!f || r || ferror(f)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		r = -1;
	} else {
		LLVMFuzzerTestOneInput(data, size);
	}
	if (f)
		fclose(f);
	free(data);
	return r;
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= replay(argv[i]);
	printf("%d inputs replayed\n", argc - 1);
	return failed ? 1 : 0;
}

#else
typedef int replay_is_only_built_with_FUZZ_REPLAY;
#endif
