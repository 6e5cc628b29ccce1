/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_keep.h - how far a scan has come, so that the same one goes on there
 *
 * A file in the case's folder, named after what makes it the same scan: who asks, PATH, the
 * rules, the indexes and what of them he sees. It is a hint: what was marked since it was
 * written is found once more and not marked again, and without it a scan begins anew.
 */
#ifndef EVIDENCEFS_CONTROL_SCAN_KEEP_H
#define EVIDENCEFS_CONTROL_SCAN_KEEP_H

#include <stddef.h>
#include <stdint.h>

struct scan_count {
	uint64_t hits;
	uint64_t marked; /* of them new */
};

struct scan_progress {
	uint64_t evidence; /* place in the scan */
	uint64_t trace;    /* all before it was looked at */
	uint64_t done;     /* bytes */
	uint64_t unread;   /* traces that could not be read */
};

/**
 * scan_keep_name() - the file's path; caller frees
 * @what: [n] bytes that say which scan it is
 */
char *scan_keep_name(const char *dir, const void *what, size_t n);
/** scan_keep_read() - Return: 0; -ENOENT there is none, or none that can be used. @counts: [n] */
int scan_keep_read(const char *file, struct scan_progress *p, struct scan_count *counts, size_t n);
/** scan_keep_write() - in place of what was there. Return: 0; -errno. */
int scan_keep_write(
	const char *file, const struct scan_progress *p, const struct scan_count *counts, size_t n);
/** scan_keep_remove() - it has come to its end. */
void scan_keep_remove(const char *file);

#endif
