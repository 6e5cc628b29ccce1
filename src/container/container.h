/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container.h - archives and mail stores: the bytes of one file, and the members in it
 *
 * Runs in a worker only. A kind of container is one `struct container_kind` in
 * a file of its own (archive.c is the one that includes libarchive), and a row
 * in container.c. A kind is given a source of bytes that can be read anywhere,
 * tells its members in its own order, and reads one again by the locator that
 * it gave for it. It knows nothing of the file system the file stands in, nor
 * of what contains it: nesting is the walk's (container/walk.h).
 *
 * Bytes are hostile. A kind opens no file, starts no process, and looks at its
 * budget before it uses memory or time: what is in the way of the budget ends
 * the walk, and what was told before stays.
 */
#ifndef EVIDENCEFS_CONTAINER_CONTAINER_H
#define EVIDENCEFS_CONTAINER_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "fs/entry.h"
#include "image/extent.h"
#include "image/source.h"

#define CONTAINER_HEAD         4096                /* bytes that most kinds are told by */
#define CONTAINER_FIRST        512                 /* bytes that show most files to be none */
#define CONTAINER_LOCATOR_MAX  CONTENT_LOCATOR_MAX /* bytes of one locator */
#define CONTAINER_SIZE_UNKNOWN UINT64_MAX

/* What a container may cost, counted down. One is shared by a container and all that is in it. */
struct container_budget {
	uint64_t members;  /* that may still come */
	uint64_t bytes;    /* that may still be expanded, skipped ones included */
	int64_t until_ms;  /* CLOCK_MONOTONIC, milliseconds; 0: no end */
	const char *spent; /* what ran out first, for a person; NULL: nothing did */
	/* Called by container_spend(): says that the work goes on. NULL: nobody waits. */
	void (*alive)(void *ctx);
	void *ctx;
};

/**
 * container_spend() - @bytes were expanded (or parsed); call it about every 64 KiB
 * Return: 0; -E2BIG the budget is spent: give up with this.
 */
int container_spend(struct container_budget *b, uint64_t bytes);
/** container_count() - one more member; the walk calls it, kinds need not. Return: 0; -E2BIG. */
int container_count(struct container_budget *b);

/* One member, as its container tells it. Pointers are good during the call. */
struct member {
	uint32_t parent;     /* number of the folder it stands in; 0: the container itself */
	const uint8_t *name; /* one name, not a path: any bytes, may be empty */
	size_t name_len;
	bool made_up; /* the name is not in the container (a subject, a part): gets a hash */
	bool plain;   /* the container's own text (headers, a body): never a container itself */
	enum entry_kind kind; /* ENTRY_FILE, _DIR, _LINK, _SPECIAL */
	uint64_t size;        /* of its contents, or CONTAINER_SIZE_UNKNOWN */
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	struct entry_time mtime, atime, ctime, crtime;
	const uint8_t *target; /* ENTRY_LINK; as it stands there */
	size_t target_len;
	uint8_t locator[CONTAINER_LOCATOR_MAX]; /* by which the kind finds its contents again */
	size_t locator_len;
	bool encrypted;
	const char *problem; /* why its contents cannot be read ("encrypted"), or NULL */
	/*
	 * Its contents from the beginning, while it is told: bytes, 0 at the end, -errno.
	 * Whoever is told takes as much as he likes. NULL: none (a folder), or only by locator.
	 */
	ssize_t (*read)(void *ctx, void *buf, size_t len);
	void *read_ctx;
};

/* Who is told. Anything but 0 from either ends the walk, which returns it. */
struct container_visit {
	/* @number: of this member, from 1, for those that stand in it */
	int (*member)(void *ctx, const struct member *m, uint32_t *number);
	int (*problem)(void *ctx, const char *text); /* one line for EVIDENCE.txt */
	void *ctx;
};

/* What a member is to the message that it is of. */
enum container_role {
	ROLE_MEMBER = 0, /* something by itself: a file, an attachment, a message */
	ROLE_HEADERS,    /* the message's header fields, as they stand */
	ROLE_BODY,
	ROLE_RECIPIENTS, /* a line each, with addresses */
	ROLE_PROPERTIES, /* a line each, begun by its number ("0x0c1f: ...") */
	ROLE_WHOLE,      /* the message once more, whole */
};

/* A container that is open for reading; each kind's own. */
struct container;

struct container_kind {
	const char *name; /* "archive", "mbox", ... */
	/* How names of such files end ("zip"), the last one NULL: where contents are not looked at
	 * for want of time, only files of such names are. */
	const char *const *suffixes;

	/**
	 * begins() - whether a longer file whose first bytes are these may be one for which
	 * probe() has to see more; NULL: CONTAINER_FIRST bytes are enough for it
	 * @first: [CONTAINER_FIRST]
	 */
	bool (*begins)(const uint8_t *first);

	/**
	 * probe() - whether a file is one, by its bytes
	 * @head: [n] first bytes, n = min(CONTAINER_HEAD, size); CONTAINER_FIRST of a longer file
	 *        where no kind's begins() wants more
	 * @s:    all of them, for what stands further on (ISO: byte 32769): read little. Of a
	 *        member it may end early.
	 */
	bool (*probe)(const uint8_t *head, size_t n, const struct source *s);

	/**
	 * walk() - tell every member, folders before what is in them
	 * @s: borrowed
	 * Return: 0, also when it is damaged behind what was told (then a problem was told);
	 * what @v returned; -E2BIG budget; -EBADMSG it is none after all, -ENOTSUP this one cannot
	 * be read, -EACCES it is encrypted as a whole, with the reason in @e.
	 */
	int (*walk)(const struct source *s, struct container_budget *b,
		const struct container_visit *v, struct err *e);

	/** open() - for read(). @s: borrowed until close(). */
	int (*open)(const struct source *s, struct container **out, struct err *e);

	/**
	 * read() - bytes of one member
	 * @locator: what walk() gave; checked, since it comes back over a wire
	 * Goes on where the last read ended without beginning anew: a sequential reader costs
	 * one pass. So do members read in the order in which they were told.
	 * @b: as for walk()
	 * Return: bytes, fewer than @len only at the end; -EACCES encrypted; -EIO, -E2BIG, ...
	 */
	ssize_t (*read)(struct container *c, struct container_budget *b, const uint8_t *locator,
		size_t locator_len, void *buf, size_t len, uint64_t off, struct err *e);

	/** role() - what a member is, by its locator. NULL: all are ROLE_MEMBER. */
	enum container_role (*role)(
		struct container *c, const uint8_t *locator, size_t locator_len);

	void (*close)(struct container *c); /* NULL allowed */

	/* What libraries must load (character sets, locales) before the sandbox is entered, after
	 * which no file can be opened; NULL: nothing. */
	void (*prepare)(void);
};

extern const struct container_kind container_archive; /* archive.c: libarchive */
extern const struct container_kind container_pst;     /* pst.c: libpff */
extern const struct container_kind container_mbox;    /* mbox.c */
extern const struct container_kind container_eml;     /* eml.c: GMime */

/** container_detect() - the kind a source's bytes say it is, or NULL. */
const struct container_kind *container_detect(const struct source *s);

/** container_named() - whether a file's name ends as those of some kind do. */
bool container_named(const uint8_t *name, size_t n);

/** container_prepare() - prepare() of every kind. Before the sandbox is entered. */
void container_prepare(void);

#endif
