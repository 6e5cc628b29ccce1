/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unxz.h - a closed segment, compressed and not (liblzma)
 *
 * Whole segments only, in memory: they are bounded. The only file that knows
 * liblzma. docs/FORMAT.audit.md, "Files".
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
 * unxz() - one whole stream, and nothing behind it
 * @max: bytes that may come out of it
 * @out: caller frees
 * Return: 0; -EBADMSG it is none, or more comes out; -ENOMEM.
 */
int unxz(const uint8_t *p, size_t n, size_t max, uint8_t **out, size_t *out_n);
/** unxz_make() - the stream of [n] bytes. @out: caller frees. Return: 0; -ENOMEM; -EIO. */
int unxz_make(const uint8_t *p, size_t n, uint8_t **out, size_t *out_n);

#endif
