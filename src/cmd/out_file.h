/* SPDX-License-Identifier: Apache-2.0 */
/* out_file.h - where a command writes what is long: a file that is whole or not there, or stdout.
 */
#ifndef EVIDENCEFS_CMD_OUT_FILE_H
#define EVIDENCEFS_CMD_OUT_FILE_H

#include <stddef.h>

#include "base/err.h"

struct out_file {
	int fd;
	char *path; /* NULL: standard output */
	char *part; /* its name until it is whole */
};

/** out_file_open() - @path NULL: standard output. A file that is there stays until the end. */
int out_file_open(struct out_file *f, const char *path, struct err *e);
int out_file_write(struct out_file *f, const void *p, size_t n, struct err *e);
/**
 * out_file_close() - synced, and under its name; or removed, where something has failed
 * @r: 0, or why it is given up. Return: @r; -errno.
 */
int out_file_close(struct out_file *f, int r, struct err *e);

#endif
