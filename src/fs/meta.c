/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta.c - metadata of an entry: times, mode, owner, names, link targets
 *
 * NTFS times and link targets come from the attributes' own bytes: libtsk
 * keeps seconds in 32 bits and does not read reparse points.
 */
#include "fs/tsk.h"

#include <stdio.h>
#include <string.h>

#include "volume/utf16.h"

#define FAST_LINK_BYTES 60 /* of an ext inode's block numbers, which a shorter target replaces */

#define REPARSE_MOUNT_POINT 0xa0000003u
#define REPARSE_SYMLINK     0xa000000cu
#define FILE_SYSTEM         0x4u
#define INDEX_LAST          0x2u
#define REPARSE_LX_SYMLINK  0xa000001du

/*
 * libtsk refuses a record with a run longer than the volume, which a sparse
 * file may well have; what a run may reach is checked where it is packed.
 */
TSK_FS_FILE *meta_load(struct fs *f, TSK_FS_FILE *file, TSK_INUM_T addr)
{
	TSK_DADDR_T blocks = f->tsk->block_count;
	TSK_FS_FILE *got = NULL;

	/* exFAT's reader loses the list it finds here. */
	if (f->family == FAMILY_EXFAT && file && file->meta && file->meta->attr) {
		tsk_fs_attrlist_free(file->meta->attr);
		file->meta->attr = NULL;
	}
	tsk_error_reset();
	got = tsk_fs_file_open_meta(f->tsk, file, addr);
	if ((!got || !got->meta) && f->family == FAMILY_NTFS) {
		char why[256];

		snprintf(why, sizeof(why), "%.255s",
			tsk_error_get_errstr() ? tsk_error_get_errstr() : "");
		f->tsk->block_count = INT64_MAX;
		tsk_error_reset();
		got = tsk_fs_file_open_meta(f->tsk, file, addr);
		f->tsk->block_count = blocks;
		if (!got)
			tsk_error_set_errstr("%s", why);
	}
	return got && got->meta ? got : NULL;
}

static const TSK_FS_ATTR *resident(const TSK_FS_META *m, TSK_FS_ATTR_TYPE_ENUM type)
{
	for (const TSK_FS_ATTR *a = m->attr ? m->attr->head : NULL; a; a = a->next) {
		if ((a->flags & TSK_FS_ATTR_INUSE) && a->type == type &&
			(a->flags & TSK_FS_ATTR_RES) && a->size >= 0 &&
			(uint64_t)a->size <= a->rd.buf_size)
			return a;
	}
	return NULL;
}

static struct entry_time time_of(time_t sec, uint32_t nsec)
{
	struct entry_time t = {.sec = sec, .nsec = nsec % 1000000000, .known = true};

	/* Zero is how libtsk says that the disk has none. */
	if (sec == 0 && nsec == 0)
		t.known = false;
	return t;
}

/* One that was never set is 1601-01-01, and shown so by Windows and ntfs-3g too. */
static void ntfs_times(const TSK_FS_META *m, struct entry *e)
{
	const TSK_FS_ATTR *a = resident(m, TSK_FS_ATTR_TYPE_NTFS_SI);
	struct cur c = {0};

	if (!a || a->size < 32)
		return;
	c = cur_of(a->rd.buf, (size_t)a->size);
	e->crtime = entry_filetime(cur_u64(&c));
	e->mtime = entry_filetime(cur_u64(&c));
	e->ctime = entry_filetime(cur_u64(&c));
	e->atime = entry_filetime(cur_u64(&c));
}

/* Two bits of the nanosecond word carry on where 32 bits of seconds end. */
static struct entry_time ext_time(const uint8_t *inode, size_t sec_at, size_t extra_at)
{
	struct cur c = cur_of(inode + sec_at, 4);
	uint32_t sec = cur_u32(&c);
	uint32_t extra = 0;
	struct entry_time t = {.known = false};

	if (extra_at > 0) {
		c = cur_of(inode + extra_at, 4);
		extra = cur_u32(&c);
	}
	t.sec = (int64_t)(int32_t)sec + ((int64_t)(extra & 3) << 32);
	t.nsec = extra >> 2 < 1000000000 ? extra >> 2 : 0;
	t.known = sec != 0 || extra != 0;
	return t;
}

static void ext_times(const struct fs *f, const TSK_FS_META *m, struct entry *e)
{
	uint8_t i[EXT_INODE_BYTES];
	unsigned extra = 0; /* bytes of the inode beyond the first 128 */

	if (f->ext.inode_size <= 128 || !ext_read_inode(f, m->addr, i))
		return;
	extra = (unsigned)i[128] | (unsigned)i[129] << 8;
	e->ctime = ext_time(i, 12, extra >= 8 ? 132 : 0);
	e->mtime = ext_time(i, 16, extra >= 12 ? 136 : 0);
	e->atime = ext_time(i, 8, extra >= 16 ? 140 : 0);
	if (extra >= 24)
		e->crtime = ext_time(i, 144, 148);
}

static uint32_t ntfs_names(const TSK_FS_META *m)
{
	uint32_t n = 0;

	for (const TSK_FS_META_NAME_LIST *l = m->name2; l; l = l->next)
		n++;
	return n ? n : 1;
}

static enum entry_kind kind_of(TSK_FS_META_TYPE_ENUM type)
{
	switch (type) {
	case TSK_FS_META_TYPE_DIR:
	case TSK_FS_META_TYPE_VIRT_DIR:
		return ENTRY_DIR;
	case TSK_FS_META_TYPE_LNK:
		return ENTRY_LINK;
	case TSK_FS_META_TYPE_REG:
	case TSK_FS_META_TYPE_VIRT:
	case TSK_FS_META_TYPE_UNDEF:
	case TSK_FS_META_TYPE_SHAD:
		return ENTRY_FILE;
	case TSK_FS_META_TYPE_FIFO:
	case TSK_FS_META_TYPE_CHR:
	case TSK_FS_META_TYPE_BLK:
	case TSK_FS_META_TYPE_SOCK:
	case TSK_FS_META_TYPE_WHT:
		return ENTRY_SPECIAL;
	}
	return ENTRY_FILE;
}

static uint32_t mode_type(TSK_FS_META_TYPE_ENUM type)
{
	switch ((int)type) {
	case TSK_FS_META_TYPE_DIR:
	case TSK_FS_META_TYPE_VIRT_DIR:
		return 0040000;
	case TSK_FS_META_TYPE_LNK:
		return 0120000;
	case TSK_FS_META_TYPE_FIFO:
		return 0010000;
	case TSK_FS_META_TYPE_CHR:
		return 0020000;
	case TSK_FS_META_TYPE_BLK:
		return 0060000;
	case TSK_FS_META_TYPE_SOCK:
		return 0140000;
	default:
		return 0100000;
	}
}

void meta_entry(const struct fs *f, const TSK_FS_META *m, struct entry *e)
{
	e->kind = kind_of(m->type);
	e->inode = m->addr;
	e->seq = f->family == FAMILY_NTFS ? m->seq : 0;
	e->mode = ((uint32_t)m->mode & 07777) | mode_type(m->type);
	e->uid = m->uid;
	e->gid = m->gid;
	e->nlink = m->nlink > 0 ? (uint32_t)m->nlink : 0;
	e->mtime = time_of(m->mtime, m->mtime_nano);
	e->atime = time_of(m->atime, m->atime_nano);
	e->ctime = time_of(m->ctime, m->ctime_nano);
	e->crtime = time_of(m->crtime, m->crtime_nano);
	if (m->flags & TSK_FS_META_FLAG_COMP)
		e->flags |= ENTRY_COMPRESSED;
	if (m->type == TSK_FS_META_TYPE_VIRT || m->type == TSK_FS_META_TYPE_VIRT_DIR)
		e->flags |= ENTRY_VIRTUAL;
	if (f->family == FAMILY_NTFS) {
		e->nlink = ntfs_names(m);
		ntfs_times(m, e);
	}
	if (f->family == FAMILY_EXT)
		ext_times(f, m, e);
	/* A directory's count is of what is in it. */
	if (f->family == FAMILY_APFS && e->kind == ENTRY_DIR)
		e->nlink = 1;
}

/* Windows' way of writing a target -> with slashes, without the object manager's prefix. */
static bool windows_target(struct fs *f, const uint8_t *p, size_t n)
{
	static const uint8_t prefix[] = {'\\', 0, '?', 0, '?', 0, '\\', 0};

	if (n >= sizeof(prefix) && memcmp(p, prefix, sizeof(prefix)) == 0) {
		p += sizeof(prefix);
		n -= sizeof(prefix);
	}
	utf16le_put(&f->target, p, n);
	for (size_t i = 0; i < f->target.len; i++) {
		if (f->target.data[i] == '\\')
			f->target.data[i] = '/';
	}
	return f->target.len > 0 && !f->target.error;
}

static bool reparse_target(struct fs *f, const uint8_t *p, size_t n)
{
	struct cur c = cur_of(p, n);
	uint32_t tag = cur_u32(&c);
	size_t len = cur_u16(&c);
	size_t sub_off = 0;
	size_t sub_len = 0;
	size_t print_off = 0;
	size_t print_len = 0;

	cur_u16(&c);
	if (c.bad || len > cur_left(&c))
		return false;
	c.end = c.p + len;
	if (tag == REPARSE_LX_SYMLINK && cur_u32(&c) == 2) {
		buf_put(&f->target, c.p, cur_left(&c));
		return f->target.len > 0 && !f->target.error;
	}
	if (tag != REPARSE_SYMLINK && tag != REPARSE_MOUNT_POINT)
		return false;
	sub_off = cur_u16(&c);
	sub_len = cur_u16(&c);
	print_off = cur_u16(&c);
	print_len = cur_u16(&c);
	if (tag == REPARSE_SYMLINK)
		cur_u32(&c);
	if (c.bad)
		return false;
	len = cur_left(&c);
	if (print_len > 0 && print_off <= len && print_len <= len - print_off &&
		windows_target(f, c.p + print_off, print_len))
		return true;
	buf_reset(&f->target);
	return sub_len > 0 && sub_off <= len && sub_len <= len - sub_off &&
	       windows_target(f, c.p + sub_off, sub_len);
}

/*
 * Links that Unix systems write on NTFS: a system file whose contents are a
 * mark and the target. ntfs-3g shows them as links.
 */
static bool interix_target(struct fs *f, const TSK_FS_META *m)
{
	static const uint8_t mark[8] = {'I', 'n', 't', 'x', 'L', 'N', 'K', 1};
	const TSK_FS_ATTR *a = resident(m, TSK_FS_ATTR_TYPE_NTFS_DATA);
	const TSK_FS_ATTR *si = resident(m, TSK_FS_ATTR_TYPE_NTFS_SI);
	struct cur c = {0};

	if (!a || !si || si->size < 36 || (a->name && a->name[0]) ||
		a->size <= (TSK_OFF_T)sizeof(mark) || memcmp(a->rd.buf, mark, sizeof(mark)) != 0)
		return false;
	c = cur_of(si->rd.buf + 32, 4);
	if (!(cur_u32(&c) & FILE_SYSTEM))
		return false;
	utf16le_put(&f->target, a->rd.buf + sizeof(mark), (size_t)a->size - sizeof(mark));
	return f->target.len > 0 && !f->target.error;
}

static bool ntfs_target(struct fs *f, const TSK_FS_META *m)
{
	const TSK_FS_ATTR *a = NULL;
	uint8_t big[17 * 1024]; /* a reparse point has 16 KiB at most */
	ssize_t n = 0;

	for (a = m->attr ? m->attr->head : NULL; a; a = a->next) {
		if ((a->flags & TSK_FS_ATTR_INUSE) && a->type == TSK_FS_ATTR_TYPE_NTFS_REPARSE)
			break;
	}
	if (!a)
		return interix_target(f, m);
	if (a->size <= 8 || (uint64_t)a->size > sizeof(big))
		return false;
	n = tsk_fs_attr_read(a, 0, (char *)big, (size_t)a->size, TSK_FS_FILE_READ_FLAG_NONE);
	if (n != a->size) {
		tsk_error_reset();
		return false;
	}
	return reparse_target(f, big, (size_t)n);
}

/*
 * The target's own bytes: libtsk's copy has '^' for control characters. Short
 * targets stand in the inode, longer ones are the link's contents.
 */
static bool ext_target(struct fs *f, TSK_FS_FILE *file)
{
	const TSK_FS_META *m = file->meta;
	uint64_t size = m->size > 0 ? (uint64_t)m->size : 0;
	const TSK_FS_ATTR *a = NULL;
	uint8_t i[EXT_INODE_BYTES];

	if (size == 0 || size > ENTRY_NAME_MAX)
		return false;
	if (m->link && strlen(m->link) == size && !strchr(m->link, '^'))
		return false;
	if (size < FAST_LINK_BYTES && !(m->content_type & TSK_FS_META_CONTENT_TYPE_EXT4_EXTENTS)) {
		if (!ext_read_inode(f, m->addr, i))
			return false;
		buf_put(&f->target, i + 40, (size_t)size);
		return !f->target.error;
	}
	a = tsk_fs_file_attr_get(file);
	if (!a || (uint64_t)a->size != size || buf_reserve(&f->target, (size_t)size) ||
		tsk_fs_attr_read(a, 0, (char *)f->target.data, (size_t)size,
			TSK_FS_FILE_READ_FLAG_NONE) != (ssize_t)size) {
		tsk_error_reset();
		return false;
	}
	f->target.len = (size_t)size;
	return true;
}

bool meta_has_children(const TSK_FS_META *m)
{
	const TSK_FS_ATTR *a = resident(m, TSK_FS_ATTR_TYPE_NTFS_IDXROOT);
	struct cur c = {0};
	uint32_t first = 0;

	if (!a)
		return false;
	/* Behind a header of 16 bytes the node: where entries begin, then flags at 12. */
	c = cur_of(a->rd.buf, (size_t)a->size);
	cur_take(&c, 16);
	first = cur_u32(&c);
	cur_take(&c, 8);
	if (cur_u8(&c) & 1)
		return true;
	c = cur_of(a->rd.buf, (size_t)a->size);
	if (!cur_take(&c, 16) || !cur_take(&c, first) || !cur_take(&c, 12))
		return false;
	return !(cur_u16(&c) & INDEX_LAST) && !c.bad;
}

bool meta_target(struct fs *f, TSK_FS_FILE *file)
{
	const TSK_FS_META *m = file->meta;

	buf_reset(&f->target);
	if (f->family == FAMILY_NTFS)
		return ntfs_target(f, m);
	if (m->type != TSK_FS_META_TYPE_LNK)
		return false;
	if (f->family == FAMILY_EXT && ext_target(f, file))
		return true;
	buf_reset(&f->target);
	if (m->link) {
		size_t n = strlen(m->link);

		buf_put(&f->target, m->link, n < ENTRY_NAME_MAX ? n : ENTRY_NAME_MAX);
	}
	return true;
}
