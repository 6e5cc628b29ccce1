/* SPDX-License-Identifier: Apache-2.0 */
/* heads.h - the file `checkpoints` of a log, read from its beginning or from its end. */
#ifndef EVIDENCEFS_AUDIT_HEADS_H
#define EVIDENCEFS_AUDIT_HEADS_H

#include "audit/note.h"
#include "base/err.h"

#define HEADS_FILE  "checkpoints"
#define HEADS_AHEAD 65536

struct heads {
	int fd;       /* -1: there is no such file */
	uint64_t pos; /* where the next note begins */
	uint64_t count;
	bool torn; /* heads_next() saw a part of one */
	size_t len;
	uint64_t base;
	char data[HEADS_AHEAD];
};

/** heads_open() - @dirfd, @file: as for openat(). Return: 0 even if there is none; -errno. */
int heads_open(int dirfd, const char *file, struct heads *h, struct err *e);
void heads_close(struct heads *h);
/** heads_next() - Return: 1 and *@out; 0 no more (a part of one counts as the end: @h->torn);
 * -EBADMSG; -EIO. May be asked again later. */
int heads_next(struct heads *h, const char *name, struct note *out, struct err *e);
/** heads_last() - the newest in @fd, and where whole ones end. @out->size 0: there is none.
 * Return: 0; -EBADMSG; -EIO. */
int heads_last(int fd, const char *name, struct note *out, uint64_t *end, struct err *e);

#endif
