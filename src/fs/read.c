/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read.c - contents that extents cannot say, through libtsk
 *
 * The file read last stays open: a compressed file is asked for in ranges, and
 * loading its attributes for each would cost more than the ranges.
 */
#include "fs/tsk.h"

#include <errno.h>
#include <limits.h>

static const TSK_FS_ATTR *attr_of(TSK_FS_FILE *file, uint32_t type, uint32_t id)
{
	const TSK_FS_ATTR *a = NULL;

	if (id > UINT16_MAX)
		return NULL;
	a = tsk_fs_file_attr_get_type(file, (TSK_FS_ATTR_TYPE_ENUM)type, (uint16_t)id, 1);
	tsk_error_reset();
	return a;
}

static TSK_FS_FILE *file_of(struct fs *f, uint64_t inode)
{
	if (f->reading && f->reading->meta && f->reading->meta->addr == inode)
		return f->reading;
	if (f->reading)
		tsk_fs_file_close(f->reading);
	f->reading = meta_load(f, NULL, inode);
	return f->reading;
}

ssize_t fs_read(struct fs *f, uint64_t inode, uint32_t attr_type, uint32_t attr_id, void *buf,
	size_t len, uint64_t off)
{
	TSK_FS_FILE *file = f->tsk ? file_of(f, inode) : NULL;
	const TSK_FS_ATTR *a = NULL;
	ssize_t n = 0;

	if (!file || !file->meta)
		return -ENOENT;
	a = attr_of(file, attr_type, attr_id);
	if (!a)
		return -ENOENT;
	if (a->size <= 0 || off >= (uint64_t)a->size)
		return 0;
	if (len > (uint64_t)a->size - off)
		len = (size_t)((uint64_t)a->size - off);
	if (len > SSIZE_MAX)
		len = SSIZE_MAX;
	tsk_img_trust(f->img, true);
	n = tsk_fs_attr_read(a, (TSK_OFF_T)off, buf, len, TSK_FS_FILE_READ_FLAG_NONE);
	tsk_img_trust(f->img, false);
	tsk_error_reset();
	/* Short before the end is a fault: nothing may look like a shorter file. */
	return n == (ssize_t)len ? n : -EIO;
}
