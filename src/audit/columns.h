/* SPDX-License-Identifier: Apache-2.0 */
/*
 * columns.h - records in the order in which they are compressed
 *
 * docs/FORMAT.audit.md, "Compressed segments": of a group of records their first units byte
 * by byte, then what is behind those. What does not compress (nonces, sums) stands together
 * and is stored; the rest is mostly the same byte again and again. Pure.
 */
#ifndef EVIDENCEFS_AUDIT_COLUMNS_H
#define EVIDENCEFS_AUDIT_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

#define COLUMNS_BYTES_MAX ((size_t)16 << 20) /* of the records in one group */
#define COLUMNS_HEAD      8                  /* bytes: how many records there are in a group */

/**
 * columns_count() - how many whole records [n] bytes begin with
 * Return: their bytes; -EBADMSG one is of no units, or of too many.
 */
int64_t columns_count(const uint8_t *p, size_t n, size_t *records);
/** columns_split() - a group of @records records at @p, to [COLUMNS_HEAD + their bytes] at @out. */
void columns_split(const uint8_t *p, size_t records, uint8_t *out);

/** columns_head() - how many records a group has, 1 or more. Return: or -EBADMSG. */
int64_t columns_head(const uint8_t head[static COLUMNS_HEAD]);
/** columns_rest() - bytes behind the first units of a group, which are at @first. Return: or
 * -EBADMSG: also when the group is larger than one may be. */
int64_t columns_rest(const uint8_t *first, size_t records);
/** columns_join() - what columns_split() took, but for its head: first units, and what is behind.
 */
void columns_join(const uint8_t *first, const uint8_t *rest, size_t records, uint8_t *out);

#endif
