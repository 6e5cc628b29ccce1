/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unxz.h - a closed segment, compressed and not (liblzma)
 *
 * Whole segments only: they are bounded. What is in the stream is in the order of columns.h.
 * The only file that knows liblzma. docs/FORMAT.audit.md, "Compressed segments".
 */
#ifndef EVIDENCEFS_AUDIT_UNXZ_H
#define EVIDENCEFS_AUDIT_UNXZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNXZ_MAGIC 6 /* bytes by which a stream is known */

/** unxz_is() - whether [n] bytes begin an .xz stream. */
bool unxz_is(const uint8_t *p, size_t n);
/**
 * unxz() - the segment in one whole stream, and nothing behind it; on several processors
 * @max: bytes that it may have
 * @out: caller frees
 * Return: 0; -EBADMSG it is none, or more comes out; -ENOMEM.
 */
int unxz(const uint8_t *p, size_t n, size_t max, uint8_t **out, size_t *out_n);
/** unxz_begin() - the head (RECORD_UNIT bytes) of a segment whose stream begins with [n] bytes.
 * Return: 0; -EBADMSG these do not have it; -ENOMEM. */
int unxz_begin(const uint8_t *p, size_t n, uint8_t *out);

/* Whether to give up; asked now and then. NULL: no. */
typedef bool unxz_stop(void *ctx);

/**
 * unxz_pack() - the stream of a segment
 * @in, @out: open files, both from byte 0 on; @out is empty
 * Return: 0; -ECANCELED; -ENOMEM; -EBADMSG it is not a head and whole records; -errno of reading
 * and writing.
 */
int unxz_pack(int in, int out, unxz_stop *stop, void *ctx);
/** unxz_same() - is the stream in @packed that of all bytes of @plain? Return: 0; -EBADMSG it is
 * not; else as unxz_pack(). */
int unxz_same(int packed, int plain, unxz_stop *stop, void *ctx);

#endif
