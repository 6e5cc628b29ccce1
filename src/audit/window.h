/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window.h - space ahead in a file, zeros, that records are stored into through a mapping
 *
 * A store takes a tenth of the time of a write(2), and like what was written it is in the
 * file when the process is killed at the next moment. What reads the file meanwhile, by a
 * mapping or not, sees a record whole or as one that is not there yet.
 *
 * A store is refused by a signal, not by an error. So all that can be refused comes before:
 * the caller has taken the space (reserve.h), the zeros are written, and only file systems
 * that keep what they gave are stored into. A SIGBUS all the same (the storage is gone, the
 * file was cut by somebody) is an error of window_store().
 */
#ifndef EVIDENCEFS_AUDIT_WINDOW_H
#define EVIDENCEFS_AUDIT_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WINDOW_PAGE  ((uint64_t)4096)
#define WINDOW_BYTES (16 * WINDOW_PAGE)

/* An empty one is all zeros. */
struct window {
	uint8_t *map;
	uint64_t from, to; /* what is mapped of the file */
};

/** window_can() - whether the file system of @fd keeps the space that it gave to a file. */
bool window_can(int fd);

/**
 * window_move() - zeros are written from @end up to @to, and mapped
 * @end: of what is in the file; @to: a multiple of WINDOW_PAGE
 * Installs what SIGBUS is taken by, in the whole process, at its first call.
 * Return: 0; -errno: there is no window (-EINVAL: pages are larger here), and zeros may be
 * behind @end.
 */
int window_move(struct window *w, int fd, uint64_t end, uint64_t to);

/**
 * window_store() - the record [n] at @p, at byte @off of the file, within the window
 * What tells a record from none (RECORD_BEGUN) is stored last.
 * Return: 0; -EIO: a part of it may be there.
 */
int window_store(struct window *w, const uint8_t *p, size_t n, uint64_t off);

/** window_close() - nothing is mapped; the file stays as it is. */
void window_close(struct window *w);

#endif
