/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.h - the files that make up an image
 *
 * From the path of its first (or only) file: which format it has, and the
 * other segments beside it. Opens them read-only, O_NOATIME where allowed.
 * Parses nothing but the signature: the files are hostile.
 */
#ifndef EVIDENCEFS_IMAGE_FILES_H
#define EVIDENCEFS_IMAGE_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum image_format {
	IMAGE_RAW = 1, /* one file or .001 .002 ..., .000 ..., .aa .ab ..., xaa xab ... */
	IMAGE_EWF = 2  /* EWF-E01 (EnCase) and EWF-S01 (SMART) */
};

struct image_file {
	char *path; /* as found: directory of the first one, own name */
	int fd;
	uint64_t size; /* bytes */
	int64_t mtime_ns;
};

struct image_files {
	enum image_format format;
	struct image_file *v;
	size_t n;
};

/**
 * image_files_open() - find and open all segments
 * @path: the first segment; any other is refused with a word on which is first
 * @f:    filled; caller closes
 *
 * Return: 0. Errors, each with one line that says what to do: -ENOENT, -EACCES,
 * -EISDIR, -ENODATA empty, -ENXIO a segment in the middle is missing (named),
 * -EINVAL a later segment, or neither file nor block device,
 * -ENOTSUP a format that is recognised and not read (AFF, qcow2, vmdk,
 * vhd, dmg: says which tool converts it).
 */
int image_files_open(const char *path, struct image_files *f, struct err *e);
void image_files_close(struct image_files *f);

/**
 * image_files_name() - what an image is called: its file's name without the last extension
 * Dots at the begin are no extension's: "..dd" does not become ".". Cut between characters.
 * @out: at most IMAGE_NAME_BYTES and NUL
 */
#define IMAGE_NAME_BYTES 240 /* of a folder: leaves room for "-65535" */
void image_files_name(const char *path, char *out, size_t size);

/** image_format_name() - "raw", "split raw" is raw with n > 1, "ewf". */
const char *image_format_name(const struct image_files *f);

#endif
