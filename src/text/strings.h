/* SPDX-License-Identifier: Apache-2.0 */
/* strings.h - runs of text in bytes that are not text; what a run is stands in plain.h. */
#ifndef EVIDENCEFS_TEXT_STRINGS_H
#define EVIDENCEFS_TEXT_STRINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/out.h"

/** strings_8bit() - runs in [n] bytes, each on a line. */
void strings_8bit(const uint8_t *p, size_t n, struct out *out);
/** strings_16bit() - the same of units of two bytes, from @p on. */
void strings_16bit(const uint8_t *p, size_t n, bool big_endian, struct out *out);

#endif
