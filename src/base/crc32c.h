/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crc32c.h - CRC-32C (Castagnoli), as in iSCSI: reflected 0x1edc6f41, both inverted
 *
 * Finds accidents, proves nothing: whoever can write a record can write its sum.
 * The processor's instruction is used where there is one.
 */
#ifndef EVIDENCEFS_BASE_CRC32C_H
#define EVIDENCEFS_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/**
 * crc32c() - sum of [n] bytes, going on from @crc
 * @crc: 0 to begin, or what stood before these bytes
 *
 * crc32c(0, "123456789", 9) is 0xe3069283.
 */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);
/** crc32c_table() - the same without the instruction; for tests. */
uint32_t crc32c_table(uint32_t crc, const void *p, size_t n);

#endif
