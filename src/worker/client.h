/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - the service's side of the workers that parse one image
 *
 * Every worker is a process of its own (evidencefs-worker) under seccomp,
 * landlock and rlimits, on descriptors passed to it; see docs/PROTOCOL.worker.md.
 * What it says is decoded and checked here before anybody uses it. A worker
 * that dies, hangs past its deadline or breaks the protocol is killed and the
 * request tried once on a fresh one; the second failure is the caller's error.
 * Links neither libtsk nor any image library. Safe from several threads unless
 * said otherwise. A process that uses it must not ignore SIGCHLD nor wait for
 * children it did not start, and forks before workers_new() or not at all.
 */
#ifndef EVIDENCEFS_WORKER_CLIENT_H
#define EVIDENCEFS_WORKER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "fs/entry.h"
#include "image/extent.h"
#include "image/files.h"
#include "image/source.h"
#include "worker/spawn.h"
#include "worker/wire.h"

struct workers; /* the workers of one image */

struct workers_opts {
	const char *program; /* of the worker; NULL: beside /proc/self/exe, else pkglibexecdir */
	unsigned count;      /* workers that serve reads at most; 0: one a cpu, 4 to 8 */
	size_t cache_bytes;  /* shared chunk cache of an EWF image; 0: 64 MiB */
	const char *types;   /* NULL, or "p2=ntfs,p3=ext4": forced file-system types */
	uid_t uid;           /* what workers become when started by root; 0: 65430 */
	struct spawner *spawner; /* starts them in place of this process; borrowed; NULL */
	/* For every wait in place of the usual 10 s and 30 s, and of the 5 minutes that a worker
	 * is given which waits for storage and does not compute; 0: those. */
	unsigned deadline_ms;
	/* Told of faults in the evidence (bad chunk, worker lost on an object), one line of
	 * words; may be called from any thread; NULL: nobody. */
	void (*fault)(void *ctx, const char *text);
	/* Called several times a second while a worker is waited for, and as its answer comes, by
	 * every thread that waits; non-zero ends the request with -EINTR; NULL: nobody. */
	int (*tick)(void *ctx);
	void *ctx;
};

/**
 * workers_new() - make ready; the first worker starts with the first request
 * @files: the image; borrowed, must outlive the workers
 * Return: 0 and *@out; -ENOENT no worker program; -EINVAL types not of that form.
 */
int workers_new(const struct image_files *files, const struct workers_opts *opts,
	struct workers **out, struct err *e);
/**
 * workers_sandbox() - what holds the workers, in words
 * "seccomp, landlock 6, no_new_privs, limits, uid 65430", with what is missing on
 * this kernel said ("no landlock"); "" before the first worker was started.
 */
void workers_sandbox(struct workers *w, char *text, size_t n);
/** workers_free() - ends every worker (by its pid) and waits for it. NULL allowed. */
void workers_free(struct workers *w);

/* What a volume is, as found by the scan. */
struct scan_volume {
	unsigned number; /* as fdisk; 0 without a table */
	uint64_t offset; /* image bytes */
	uint64_t length; /* bytes */
	bool known;      /* a file system was recognised and opened */
	char type[16];   /* fs_info.type, or "unknown" */
	char desc[128];  /* the partition table's words */
	char label[256];
	char id[64];
	char note[1024]; /* what a reader should know; for unknown ones: what is known */
	uint32_t block_size;
	uint64_t blocks;
};

struct scan {
	uint64_t media_size;
	uint32_t chunk_size; /* 0: raw */
	char table[16];      /* kind of partition table, "none" */
	char note[512];
	bool has_md5;
	uint8_t md5[16]; /* stored in the image */
	bool has_sha1;
	uint8_t sha1[20];
	struct buf header; /* "key\0value\0" pairs, UTF-8 without control characters */
	struct scan_volume *v;
	size_t n;
};

/**
 * workers_scan() - the image and its volumes. Caller: scan_release().
 * A volume that kills two workers is unknown, its note says so, fault() is told.
 * Return: 0; what opening the image gave (ewf.h), in its words; -EIO workers lost; -EINTR.
 */
int workers_scan(struct workers *w, struct scan *s, struct err *e);
void scan_release(struct scan *s);

/* Receives one volume's walk, as fs/fs.h `struct fs_sink` says; each entry decoded and checked. */
struct walk_sink {
	int (*root)(void *ctx, const struct entry *e);
	int (*enter)(void *ctx, const struct entry *e);
	int (*leave)(void *ctx);
	int (*problem)(void *ctx, const char *text);
	/* what was left last holds something that nobody has looked into; NULL: not wanted */
	int (*unopened)(void *ctx, const char *reason);
	/* once, after the walk: packed extents of the unallocated data units; not called when
	 * they cannot be listed (then problem() was) */
	int (*unallocated)(void *ctx, const uint8_t *content, size_t len, uint64_t size);
	/* after that: batches of places (image/place.h), checked; NULL: not wanted */
	int (*places)(void *ctx, const uint8_t *packed, size_t len);
	/* once: all places have come; not called when they cannot be told. @cluster: bytes of an
	 * allocation unit, of which one begins at image byte @base */
	int (*placed)(void *ctx, uint32_t cluster, uint64_t base);
	void *ctx;
};

/* Files whose containers are left alone, since a worker was lost over them. */
struct walk_opts {
	enum wire_heads heads;
	uint64_t skip[WIRE_SKIP_MAX]; /* as `met` said */
	size_t skip_n;
	uint64_t met; /* set: the file whose container was open when the walk ended; 0: none */
};

/**
 * workers_walk() - walk volume @volume (index into scan.v), on a fresh worker
 * One try: the caller drops what it has and tries again, or keeps what came.
 * Deadline by progress: 10 s to open, then 30 s without a frame.
 *
 * Return: 0 complete; a sink's non-zero return; -EINTR; -ETIMEDOUT hung; -EPIPE died
 * (@e: with which signal, after which entry); -EPROTO said nonsense; else what
 * the file system gave (-ENOENT not recognised, -EIO, -EBADMSG, ...).
 */
int workers_walk(struct workers *w, size_t volume, struct walk_opts *o,
	const struct walk_sink *sink, struct err *e);

/**
 * workers_read() - a range of a trace that extents cannot say (CONTENT_WORKER)
 * Return: bytes, short only at the end; -ENOENT no such attribute; -EIO, also
 * after the second failure.
 */
ssize_t workers_read(struct workers *w, size_t volume, uint64_t inode, uint32_t attr_type,
	uint32_t attr_id, void *buf, size_t len, uint64_t off);

/* A file (n 0), or a member of a container, by the way that leads to it. */
struct member_step {
	uint64_t size; /* of that member */
	uint8_t locator[CONTENT_LOCATOR_MAX];
	size_t locator_len;
};

struct member_way {
	size_t volume;
	uint64_t inode; /* of the file, for contents that a file system is asked for */
	uint32_t attr_type;
	uint32_t attr_id;
	uint64_t size;                               /* of the file */
	struct buf content;                          /* packed */
	struct member_step steps[CONTENT_STEPS_MAX]; /* from the file on; the last one is it */
	unsigned n;
};

/** member_way_put() - append a place, as the worker's protocol has it. */
void member_way_put(struct buf *b, const struct member_way *way);
/** workers_member() - a range of a member. Return: as workers_read(). */
ssize_t workers_member(
	struct workers *w, const struct member_way *way, void *buf, size_t len, uint64_t off);

/**
 * workers_ids() - message ids in the header fields with which a member begins
 * Its own and those it refers to, each a blob, appended to @out.
 * Return: how many; -ENOMEM; -EIO.
 */
int workers_ids(struct workers *w, const struct member_way *way, struct buf *out);

/**
 * workers_source() - the media as a source for the serving process
 * @media_size, @chunk_size: from the scan (kept with the index)
 *
 * Raw: pread on the descriptors. EWF: chunks inflated by workers into shared
 * memory and kept there in a cache; a hit costs no message; a large read is
 * shared out among the workers, and successive ones read ahead. All sources of one
 * image share the cache. Must be closed before workers_free().
 */
int workers_source(struct workers *w, uint64_t media_size, uint32_t chunk_size, struct source **out,
	struct err *e);

#endif
