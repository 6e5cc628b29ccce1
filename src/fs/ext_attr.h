/* SPDX-License-Identifier: Apache-2.0 */
/* ext_attr.h - extended attributes of ext2/3/4, as streams. Private to this folder. */
#ifndef EVIDENCEFS_FS_EXT_ATTR_H
#define EVIDENCEFS_FS_EXT_ATTR_H

#include "fs/tsk.h"

/**
 * ext_attr_streams() - hand out the attributes of inode @addr
 * @stream: an entry to be filled with name, size and contents
 *
 * Return: 0; 1 when some are damaged; what @sink returned, -ENOMEM.
 */
int ext_attr_streams(
	struct fs *f, const struct fs_sink *sink, uint64_t addr, const struct entry *stream);

/* Attributes have no numbers: this type, and a number made from the name. */
#define EXT_ATTR_TYPE 0xeau
/** ext_attr_id() - from its name space and name. */
uint32_t ext_attr_id(unsigned number, const uint8_t *name, size_t n);

#endif
