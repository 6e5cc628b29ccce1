/* SPDX-License-Identifier: Apache-2.0 */
/*
 * members.h - containers among the files that a walk finds, and bytes of their members
 *
 * The worker's side. While a volume is walked each file is looked at behind its
 * LEAVE: if it is a container, its members are told there, as container/walk.h
 * has them. Before that the service is told which file it is: if this process
 * does not survive it, the next one is told to leave that file alone.
 */
#ifndef EVIDENCEFS_WORKER_MEMBERS_H
#define EVIDENCEFS_WORKER_MEMBERS_H

#include "container/walk.h"
#include "fs/fs.h"
#include "worker/wire.h"

struct members_walk {
	const struct source *media;
	struct fs *fs;
	enum wire_heads heads;
	const uint64_t *skip; /* [skip_n] ordinals of files that are left alone */
	size_t skip_n;
	int (*enter)(void *ctx, const struct entry *e); /* as in container_sink */
	int (*leave)(void *ctx);
	int (*problem)(void *ctx, const char *text); /* one line, with the path in it */
	/** unopened() - what was left last holds something that nobody has looked into. */
	int (*unopened)(void *ctx, const char *reason);
	/** met() - file @ordinal is a container and about to be opened. Return: 0; -errno. */
	int (*met)(void *ctx, uint64_t ordinal);
	void (*alive)(void *ctx);
	void *ctx;
	/* its own: begin with zeros */
	uint64_t ordinal;    /* entries so far */
	uint64_t bytes_left; /* that all containers together may still expand to */
	struct buf path;     /* of the folder that is open */
	struct buf marks;    /* lengths of `path` at each level */
	struct buf name;     /* of the file that is open, and what it has: */
	struct buf content;
	uint64_t size;
	uint64_t inode;
	uint32_t attr_type, attr_id;
	uint32_t flags;
	struct entry_time mtime;
	bool open;
};

void members_begin(struct members_walk *w);
/** members_enter() - the walk entered @e. Return: 0; -ENOMEM. */
int members_enter(struct members_walk *w, const struct entry *e);
/** members_leave() - behind its LEAVE. Return: 0; what those returned; -ENOMEM. */
int members_leave(struct members_walk *w);
void members_end(struct members_walk *w);

/* What is open of containers, from one read to the next. Begin with zeros. */
struct members_open {
	struct members_kept {
		struct buf key;
		struct members_file *file;
		uint64_t used;
	} v[4];
	uint64_t uses;
};

/* Where the bytes of a trace are: a place (docs/PROTOCOL.worker.md). */
struct members_place {
	uint32_t volume;
	uint64_t inode;
	uint32_t attr_type, attr_id;
	uint64_t size;
	const uint8_t *content;
	size_t content_len;
	struct cur steps; /* [n], each: u64 size, blob locator */
	unsigned n;
};

/** members_place_decode() - Return: 0; -EPROTO. */
int members_place_decode(struct cur *c, struct members_place *out);

/* The payload of MEMBER. */
struct members_ask {
	struct members_place at;
	uint64_t off;
	uint32_t len;
};

/** members_ask_decode() - Return: 0; -EPROTO. */
int members_ask_decode(struct cur *c, struct members_ask *out);
/** members_limits() - what one request may cost of a file of @size bytes. @alive: as in budgets. */
void members_limits(uint64_t size, void (*alive)(void *ctx), void *ctx, struct container_budget *b);
/**
 * members_read() - Return: bytes, fewer than asked only at the end; -errno.
 * @fs: of the volume; NULL: none is needed
 */
ssize_t members_read(struct members_open *m, const struct source *media, struct fs *fs,
	const struct members_ask *a, void (*alive)(void *ctx), void *ctx, void *buf, struct err *e);
/** members_ids() - message ids in [n] bytes that begin a message, as IDS has them; none where they
 * are no message. */
void members_ids(const uint8_t *p, size_t n, struct buf *out);

/* A trace that is open. */
struct members_source {
	struct source *s;
	enum container_role role; /* of a member in its container */
	struct fs *fs;            /* its own: */
	uint64_t inode;
	uint32_t attr_type, attr_id;
};

/**
 * members_source_open() - all of a trace's bytes, whether or not it is a member
 * @b: what reading it may cost
 * Use nothing else of @m until members_source_close(). Return: 0 and *@out; -errno.
 */
int members_source_open(struct members_open *m, const struct source *media, struct fs *fs,
	const struct members_place *at, const struct container_budget *b,
	struct members_source *out, struct err *e);
void members_source_close(struct members_source *s);
/** members_forget() - close all of it. */
void members_forget(struct members_open *m);

#endif
