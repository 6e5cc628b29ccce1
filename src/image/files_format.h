/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files_format.h - which format a file has, by its signature
 *
 * Reads at most its first and last 512 bytes. For image/files.c only. Whatever
 * is not recognised for certain is raw: a raw image is never refused by accident.
 */
#ifndef EVIDENCEFS_IMAGE_FILES_FORMAT_H
#define EVIDENCEFS_IMAGE_FILES_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/files.h"

/**
 * format_detect() - the format of an open file
 * Return: 0 and *@out; -ENOTSUP recognised and not read, @e says which tool
 * converts it; another -errno when the file cannot be read.
 */
int format_detect(const struct image_file *f, enum image_format *out, struct err *e);

/** format_is_ewf() - @p holds the first @n bytes of an EWF-E01 or EWF-S01 segment. */
bool format_is_ewf(const uint8_t *p, size_t n);

#endif
