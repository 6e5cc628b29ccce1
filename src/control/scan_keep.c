/* SPDX-License-Identifier: Apache-2.0 */
/* scan_keep.c - how far a scan has come; see scan_keep.h. */
#include "control/scan_keep.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/file.h"

#define HEAD "evidencefs scan 1"

char *scan_keep_name(const char *dir, const void *what, size_t n)
{
	char hex[DIGEST_HEX_MAX];
	uint8_t digest[32];
	char *name = NULL;

	digest_sha256(what, n, digest);
	digest_hex(digest, 16, hex);
	return asprintf(&name, "%s/scan-%s", dir, hex) < 0 ? NULL : name;
}

static bool take_counts(char *text, struct scan_count *counts, size_t n)
{
	char *left = NULL;

	for (char *line = strtok_r(text, "\n", &left); line; line = strtok_r(NULL, "\n", &left)) {
		struct scan_count c;
		size_t i = 0;

		if (sscanf(line, "%zu %" SCNu64 " %" SCNu64, &i, &c.hits, &c.marked) != 3 || i >= n)
			return false;
		counts[i] = c;
	}
	return true;
}

int scan_keep_read(const char *file, struct scan_progress *p, struct scan_count *counts, size_t n)
{
	struct scan_progress got;
	char *text = NULL;
	char *rest = NULL;
	int r = file_read(file, (size_t)8 << 20, &text, NULL) ? -ENOENT : 0;

	if (r == 0 && sscanf(text, HEAD " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
			      &got.evidence, &got.trace, &got.done, &got.unread) != 4)
		r = -ENOENT;
	rest = r == 0 ? strchr(text, '\n') : NULL;
	if (r == 0 && (!rest || !take_counts(rest + 1, counts, n))) {
		memset(counts, 0, n * sizeof(*counts));
		r = -ENOENT;
	}
	if (r == 0)
		*p = got;
	free(text);
	return r;
}

int scan_keep_write(
	const char *file, const struct scan_progress *p, const struct scan_count *counts, size_t n)
{
	struct buf text = BUF_INIT;
	int r = 0;

	buf_printf(&text, HEAD " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", p->evidence,
		p->trace, p->done, p->unread);
	for (size_t i = 0; i < n; i++) {
		if (counts[i].hits > 0)
			buf_printf(&text, "%zu %" PRIu64 " %" PRIu64 "\n", i, counts[i].hits,
				counts[i].marked);
	}
	r = text.error ? text.error : file_write(file, text.data, text.len, NULL);
	buf_release(&text);
	return r;
}

void scan_keep_remove(const char *file)
{
	unlink(file);
}
