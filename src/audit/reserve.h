/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reserve.h - space behind the end of a file that grows, taken before it is needed
 *
 * The file's size does not change: a reader sees nothing of it. Where the file system
 * knows no such thing there is none.
 */
#ifndef EVIDENCEFS_AUDIT_RESERVE_H
#define EVIDENCEFS_AUDIT_RESERVE_H

#include <stdint.h>

/**
 * reserve_take() - @want bytes behind @end are the file's
 * @allocated: up to where they are; 0: not known. Raised.
 * Return: 0; -ENOSPC, -EDQUOT there are not as many; -EOPNOTSUPP no such thing here; -errno.
 */
int reserve_take(int fd, uint64_t end, uint64_t want, uint64_t *allocated);
/** reserve_drop() - what is left of it is given back. @allocated becomes 0. */
void reserve_drop(int fd, uint64_t end, uint64_t *allocated);

#endif
