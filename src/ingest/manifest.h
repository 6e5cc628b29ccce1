/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.h - what is known of one piece of evidence, beside its indexes
 *
 * Written once, when every volume has its index; immutable from then on. The
 * SHA-256 of the file is the evidence's index digest: it covers the digest of
 * each index. docs/FORMAT.index.md describes the file.
 */
#ifndef EVIDENCEFS_INGEST_MANIFEST_H
#define EVIDENCEFS_INGEST_MANIFEST_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/siphash.h"
#include "image/files.h"
#include "worker/client.h"

struct manifest_volume {
	struct scan_volume scan;
	char name[48];      /* as shown: "p2-ntfs" */
	uint8_t digest[32]; /* SHA-256 of its index file; zeros for unknown ones */
	char ended[512];    /* "" or why its walk ended early */
};

struct manifest {
	char format[16];        /* "raw", "split raw", "ewf" */
	int64_t ingested_sec;   /* real time */
	struct siphash_key key; /* of short hashes in names */
	struct scan image;      /* its v is unused: see volumes */
	struct manifest_volume *volumes;
	size_t n;
	struct {
		char *path;
		uint64_t size;
	} * segments;
	size_t segment_count;
	uint8_t digest[32]; /* SHA-256 of the manifest file; set by write and read */
};

/**
 * manifest_init() - from a scan; takes the scan's contents (@s is emptied)
 * Names the volumes p<n>-<type>.
 */
int manifest_init(struct manifest *m, struct scan *s, const struct image_files *f, struct err *e);
/** manifest_write() - as DIR/manifest.db, whole or not at all. */
int manifest_write(struct manifest *m, const char *dir, struct err *e);
/** manifest_read() - Return: 0; -ENOENT none; -EBADMSG damaged or of another version. */
int manifest_read(struct manifest *m, const char *dir, struct err *e);
void manifest_release(struct manifest *m);

/** manifest_index_path() - DIR/volume-K.idx; caller frees. NULL without memory. */
char *manifest_index_path(const char *dir, size_t volume);

#endif
