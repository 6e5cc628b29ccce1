/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence.h - one piece of evidence, open for serving
 *
 * The traces of all its volumes and what the mount adds (EVIDENCE.txt,
 * image.raw, byte streams of volumes) as one tree of trace ids (trace/id.h).
 * Knows nothing of FUSE, of users, or of who may see what. Safe from several
 * threads; a cursor belongs to one.
 */
#ifndef EVIDENCEFS_SERVE_EVIDENCE_H
#define EVIDENCEFS_SERVE_EVIDENCE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/files.h"
#include "image/source.h"
#include "ingest/manifest.h"
#include "trace/id.h"
#include "trace/index.h"
#include "worker/client.h"

#define EVIDENCE_FAULTS_MAX 1000
#define EVIDENCE_LOOK_S     10

struct hashes; /* serve/hashes.h */
struct claims; /* serve/claims.h */

struct evidence_volume {
	struct index *index; /* NULL: not recognised */
	char deleted_name[64];
	char unallocated_name[64];
	char raw_name[64];
	uint64_t unallocated_size;
	bool maskable;         /* its byte streams can be shown to who may not see all of it */
	struct claims *claims; /* NULL until they are asked for; under `claiming` */
};

/* Folders of members: serve/containers.h. */
struct container_folder;
struct containers {
	struct container_folder *v; /* by id */
	size_t n, cap;
	struct units *units;
};

/* Whether files are opened one behind the other (serve/foresee.h): traces. */
struct foresight {
	_Atomic uint64_t last; /* the one that was opened last */
	_Atomic unsigned hits; /* opens in a row that went on from the one before */
	_Atomic uint64_t to;   /* up to this one contents are expected */
	_Atomic bool busy;     /* somebody is saying so */
};

struct evidence {
	char name[256]; /* the folder it is shown as */
	char *dir;      /* STATE/evidence/KEY */
	const struct image_files *files;
	struct manifest manifest;
	struct workers *workers;
	_Atomic(struct source *) media;  /* NULL: its storage is away; set once (evidence_attach) */
	struct evidence_volume *volumes; /* manifest.n of them */
	struct hashes *hashes;
	struct containers containers;
	struct foresight foresight;
	pthread_mutex_t claiming; /* over claims of volumes */
	pthread_mutex_t lock;     /* over faults, looking */
	pthread_cond_t looked;    /* `looking` has ended */
	bool looking;             /* its storage is being looked for, the first time */
	char *faults[EVIDENCE_FAULTS_MAX];
	size_t fault_count;   /* may be more than are kept */
	_Atomic bool damaged; /* an index is not what its digest says: nothing is served */
};

struct evidence_opts {
	const char *name;
	const char *types;
	const char *worker;      /* as workers_opts.program */
	struct spawner *spawner; /* as workers_opts.spawner; NULL */
	uid_t uid;               /* as workers_opts.uid */
	unsigned workers;        /* as workers_opts.count */
	size_t cache_bytes;      /* as workers_opts.cache_bytes */
	bool hash;               /* false: no hash totals, no hashes of traces (--no-hash) */
	bool blocks;             /* with the hashes, those of blocks (serve/blocks.h) */
	bool attach_later;       /* its storage may be away: evidence_attach() when it is there */
};

/**
 * evidence_open() - open for serving
 * @dir, @m: from ingest(); @m's contents are taken
 * @f:       the image; borrowed. NULL: names and attributes only, no contents
 *           (-EIO) until evidence_attach()
 */
int evidence_open(const char *dir, struct manifest *m, const struct image_files *f,
	const struct evidence_opts *o, struct evidence **out, struct err *e);
/**
 * evidence_attach() - its storage is there: from now on contents can be read
 * Once for each evidence, opened with `attach_later`; while others use it.
 * @f: borrowed until evidence_close()
 */
int evidence_attach(struct evidence *ev, const struct image_files *f, const struct evidence_opts *o,
	struct err *e);
/** evidence_away() - opened with `attach_later`, and its storage was not found for now. */
void evidence_away(struct evidence *ev);
/**
 * evidence_media() - the image's bytes
 * While its storage is looked for the first time, this waits for it, EVIDENCE_LOOK_S at
 * most: a service that begins again gives no error for what it is about to find.
 * Return: NULL: it is away.
 */
struct source *evidence_media(struct evidence *ev);
/** evidence_close() - every cursor and content must be released. NULL allowed. */
void evidence_close(struct evidence *ev);

/** evidence_fault() - note a fault in the evidence for EVIDENCE.txt; once for each text. */
void evidence_fault(struct evidence *ev, const char *text);

/* A thread's place in the indexes, held for one request. */
struct evidence_cursor {
	struct evidence *ev;
	unsigned volume;
	struct index_reader *reader;
};

void evidence_cursor_init(struct evidence_cursor *c, struct evidence *ev);
void evidence_cursor_release(struct evidence_cursor *c);

/**
 * evidence_get() - one trace
 * Ids in @t are the evidence's. Return: 0; -ENOENT; -EIO.
 */
int evidence_get(struct evidence_cursor *c, uint64_t id, struct trace *t);
/**
 * evidence_nearest() - the child of that name; where there is none, another trace, found
 * with the same work (trace_nearest)
 * Return: 1 it is that child; 0 there is none; -ENOTDIR, -ENOENT no such directory; -EIO.
 */
int evidence_nearest(
	struct evidence_cursor *c, uint64_t dir, const void *name, size_t n, struct trace *t);
/** evidence_lookup() - evidence_nearest(), with -ENOENT where there is none. */
int evidence_lookup(
	struct evidence_cursor *c, uint64_t dir, const void *name, size_t n, struct trace *t);
/**
 * evidence_child() - the next child of a directory
 * @pos: 0 to begin; moved behind the child that is returned
 * Return: 0; -ENOENT no more; -EIO.
 */
int evidence_child(
	struct evidence_cursor *c, const struct trace *dir, uint64_t *pos, struct trace *t);

/**
 * evidence_child_at() - the child of a directory in a volume that trace @id is, or is below
 * @pos: as evidence_child() goes on behind it
 * Return: 0; -ENOENT @id is not below it; -EIO.
 */
int evidence_child_at(struct evidence_cursor *c, const struct trace *dir, uint64_t id,
	uint64_t *pos, struct trace *t);
/** evidence_position() - what evidence_child() is given to go on at trace @id of a volume. */
static inline uint64_t evidence_position(uint64_t id)
{
	return trace_to_index(id);
}

/** evidence_reader() - the index reader of the volume that trace @id lies in. Borrowed. */
int evidence_reader(struct evidence_cursor *c, uint64_t id, struct index_reader **out);

/**
 * evidence_path() - append a trace's path below the evidence's folder
 * "p2-ntfs/Users/x", nothing for the folder itself.
 */
int evidence_path(struct evidence_cursor *c, uint64_t id, struct buf *out);
/** evidence_depth() - directories between a trace and its volume's root. -errno. */
int evidence_depth(struct evidence_cursor *c, const struct trace *t);

/** evidence_is_live() - whether a trace's contents change: EVIDENCE.txt. */
static inline bool evidence_is_live(uint64_t id)
{
	return id == trace_id(0, TRACE_EVIDENCE_TXT);
}

#endif
