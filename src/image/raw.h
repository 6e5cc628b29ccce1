/* SPDX-License-Identifier: Apache-2.0 */
/* raw.h - raw and split raw media: segments end to end, by pread on descriptors. */
#ifndef EVIDENCEFS_IMAGE_RAW_H
#define EVIDENCEFS_IMAGE_RAW_H

#include "image/files.h"
#include "image/source.h"

/**
 * raw_open() - a source over raw segments
 * @seg: [n] segments in order; descriptors and sizes are copied, the
 *       descriptors stay the caller's and must outlive the source
 * Return: 0 and *@out; -ENOMEM; -EOVERFLOW when the sizes do not fit.
 * pread: a file that has become shorter than @seg said is -EIO.
 */
int raw_open(const struct image_file *seg, size_t n, struct source **out);

#endif
