/* SPDX-License-Identifier: Apache-2.0 */
/* serve_private.h - shared by the files that answer requests: serve.c (which opens, and scans),
 * serve_walk.c, serve_read.c. */
#ifndef EVIDENCEFS_WORKER_SERVE_PRIVATE_H
#define EVIDENCEFS_WORKER_SERVE_PRIVATE_H

#include <string.h>

#include "fs/fs.h"
#include "image/ewf.h"
#include "volume/volume.h"
#include "worker/members.h"
#include "worker/serve.h"
#include "worker/sieve.h"

/* What a worker has open of its image. */
struct image {
	const struct serve *s;
	struct source *media; /* NULL until the first request */
	struct ewf_info ewf;
	struct source tap; /* over media: what libraries read from */
	bool scanned;
	struct volume_table table;
	struct fs **fs;      /* [table.n], NULL until used */
	bool walking;        /* the root has been sent */
	uint64_t read_bytes; /* since then */
	int64_t spoke_ms;
	struct members_walk members; /* while walking */
	struct members_open opened;
	struct sieve *sieve; /* NULL: no PATTERNS have come */
	struct buf scratch;
};

/** serve_alive() - a container that expands has a budget of its own for time. @ctx: the image. */
void serve_alive(void *ctx);
/** serve_open_media() - once. Return: 0; -errno and @e. */
int serve_open_media(struct image *im, struct err *e);
/** serve_open_fs() - the file system at a place of the table, once. Return: 0; -errno and @e. */
int serve_open_fs(struct image *im, size_t volume, struct fs **out, struct err *e);

/* Return: 0; -errno: nothing can be said any more. */
int serve_send_fail(struct image *im, int r, const struct err *e);
int serve_send_empty(struct image *im, enum wire_type type);

static inline void put_text(struct buf *b, const char *s)
{
	buf_put_blob(b, s, strlen(s));
}

/* The requests, from behind their type on. Return: 0 answered; -errno: the end. */
int serve_walk(struct image *im, struct cur *c);
int serve_read(struct image *im, struct cur *c);
int serve_member(struct image *im, struct cur *c, enum wire_type with);
int serve_patterns(struct image *im, struct cur *c);
int serve_match(struct image *im, struct cur *c);
int serve_fill(struct image *im, struct cur *c);

#endif
