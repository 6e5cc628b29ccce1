/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orphan.c - deleted metadata that no name leads to
 *
 * One pass over unallocated metadata against the set of what names led to. It
 * is bounded: by what the volume has room for, since tables that lie over each
 * other make any number of inodes, and by time.
 * libtsk's own search walks all names again, and on FAT reads the volume from
 * end to end, which only a small volume is put through.
 */
#include "fs/tsk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/now.h"

#define APFS_PRIVATE_DIR 3
#define INODE_MIN        128                 /* bytes of the smallest inode of any kind */
#define PART             4096                /* inodes between two looks at the clock */
#define SECONDS_MIN      20                  /* for the search, and one more for each GiB */
#define FAT_SEARCH_MAX   (UINT64_C(1) << 30) /* bytes of a volume that is searched whole */

struct search {
	struct fs *f;
	struct walk *w;
	struct set later; /* left to their orphaned parent */
	uint64_t room;    /* inodes that may still be looked at */
	int64_t end_s;    /* on the clock, when the search is given up */
	bool spent;       /* one of the two is used up */
	bool last;        /* nothing is left to parents any more */
	int r;
};

/* Does an orphaned directory list @m? NTFS keeps a file's parent with it. */
static bool parent_lists(struct search *s, const TSK_FS_META *m)
{
	const TSK_FS_META_NAME_LIST *l = m->name2;
	TSK_FS_FILE *p = NULL;
	bool yes = false;

	if (s->f->family != FAMILY_NTFS || !l || l->par_inode == m->addr ||
		set_has(walk_named(s->w), l->par_inode))
		return false;
	p = tsk_fs_file_open_meta(s->f->tsk, NULL, l->par_inode);
	tsk_error_reset();
	if (!p)
		return false;
	yes = p->meta && p->meta->type == TSK_FS_META_TYPE_DIR &&
	      (p->meta->flags & TSK_FS_META_FLAG_UNALLOC) &&
	      ((l->par_seq + 1) & 0xffff) == (p->meta->seq & 0xffff);
	tsk_fs_file_close(p);
	return yes;
}

static TSK_WALK_RET_ENUM met(TSK_FS_FILE *file, void *ctx)
{
	struct search *s = ctx;
	const TSK_FS_META *m = file->meta;
	TSK_INUM_T addr = 0;
	char name[TSK_FS_META_NAME_LIST_NSIZE + 32];

	if (walk_spent(s->w))
		return TSK_WALK_STOP;
	if (!m || set_has(walk_named(s->w), m->addr))
		return TSK_WALK_CONT;
	addr = m->addr;
	if (!s->last && parent_lists(s, m)) {
		set_add(&s->later, addr);
		return TSK_WALK_CONT;
	}
	if (m->name2 && m->name2->name[0])
		snprintf(name, sizeof(name), "%.*s", TSK_FS_META_NAME_LIST_NSIZE - 1,
			m->name2->name);
	else
		snprintf(name, sizeof(name), "OrphanFile-%" PRIuINUM, addr);
	if (s->f->family == FAMILY_FAT || s->f->family == FAMILY_EXFAT)
		fatfs_dir_buf_add(s->f->tsk, TSK_FS_ORPHANDIR_INUM(s->f->tsk), addr);
	s->r = walk_orphan(s->w, addr, name);
	return s->r ? TSK_WALK_STOP : TSK_WALK_CONT;
}

/* Is there anything left to spend on @n inodes from @first on? Says so when not, once. */
static bool affords(struct search *s, TSK_INUM_T first, TSK_INUM_T n)
{
	if (s->spent || walk_spent(s->w))
		return false;
	s->spent = n > s->room || now_ns(CLOCK_MONOTONIC) / NOW_SECOND > s->end_s;
	if (!s->spent) {
		s->room -= n;
		return true;
	}
	s->r = walk_problem(s->w,
		n > s->room ? "orphans were searched for up to inode %llu only: the volume has no "
			      "room for more"
			    : "orphans were searched for up to inode %llu only: it took too long",
		(unsigned long long)first - 1);
	return false;
}

static int search_part(struct search *s, TSK_INUM_T first, TSK_INUM_T last)
{
	uint8_t failed = 0;
	const char *why = NULL;

	tsk_error_reset();
	failed = tsk_fs_meta_walk(
		s->f->tsk, first, last, TSK_FS_META_FLAG_UNALLOC | TSK_FS_META_FLAG_USED, met, s);
	if (s->r || !failed)
		return s->r;
	why = tsk_error_get_errstr();
	s->r = walk_problem(s->w,
		"the search for orphans left out %" PRIuINUM " to %" PRIuINUM ": %.300s", first,
		last, why ? why : "no reason given");
	tsk_error_reset();
	return s->r;
}

static int search_range(struct search *s, TSK_INUM_T first, TSK_INUM_T last)
{
	/* FAT reads its directories anew for each part. */
	bool whole = s->f->family == FAMILY_FAT || s->f->family == FAMILY_EXFAT;

	if (whole || s->f->family == FAMILY_YAFFS)
		return search_part(s, first, last);
	while (first <= last && s->r == 0) {
		TSK_INUM_T n = last - first < PART ? last - first + 1 : PART;

		if (!affords(s, first, n))
			return s->r;
		search_part(s, first, first + n - 1);
		if (n > UINT64_MAX - first)
			break;
		first += n;
	}
	return s->r;
}

/*
 * ext by groups: most of a large volume's inode tables were never used, and
 * their descriptors say so.
 */
static int search_ext(struct search *s)
{
	const struct ext *x = &s->f->ext;
	int r = 0;

	for (uint32_t i = 0; i < x->groups && r == 0 && !s->spent; i++) {
		struct ext_group g;
		uint64_t first = (uint64_t)i * x->group_inodes + 1;
		uint64_t last = first + x->group_inodes - 1;

		if (!ext_read_group(s->f, i, &g))
			return walk_problem(s->w,
				"orphans were searched for up to inode %llu only: the group "
				"descriptors behind cannot be read",
				(unsigned long long)first - 1);
		if (g.inodes_uninit || g.unused >= x->group_inodes)
			continue;
		last -= g.unused;
		/* libtsk's last number is no inode. */
		if (last >= s->f->tsk->last_inum)
			last = s->f->tsk->last_inum - 1;
		if (first <= last)
			r = search_range(s, first, last);
	}
	return r;
}

static int search(struct search *s)
{
	if (s->f->family == FAMILY_EXT && s->f->ext.usable)
		return search_ext(s);
	return search_range(s, s->f->tsk->first_inum, s->f->tsk->last_inum);
}

/* Files that were deleted while they were open wait in a directory without a name. */
static int apfs_waiting(struct fs *f, struct walk *w)
{
	TSK_FS_DIR *d = tsk_fs_dir_open_meta(f->tsk, APFS_PRIVATE_DIR);
	int r = 0;

	tsk_error_reset();
	for (size_t i = 0; d && i < d->names_used && r == 0; i++) {
		if (!set_has(walk_named(w), d->names[i].meta_addr))
			r = walk_orphan(w, d->names[i].meta_addr, d->names[i].name);
	}
	tsk_fs_dir_close(d);
	return r;
}

int orphan_walk(struct fs *f, struct walk *w)
{
	struct search s = {.f = f, .w = w};
	int r = 0;

	if (f->family == FAMILY_APFS)
		return apfs_waiting(f, w);
	if (f->family == FAMILY_HFS)
		return 0; /* nothing deleted is kept */
	if ((f->family == FAMILY_FAT || f->family == FAMILY_EXFAT) &&
		f->end - f->offset > FAT_SEARCH_MAX)
		return walk_problem(w, "orphans were not searched for: the volume is larger than "
				       "1 GiB and would have to be read whole");
	s.room = (f->end - f->offset) / INODE_MIN + PART;
	s.end_s = now_ns(CLOCK_MONOTONIC) / NOW_SECOND + SECONDS_MIN +
		  (int64_t)((f->end - f->offset) >> 30);
	r = search(&s);
	/* Orphans whose parents lead in a circle, or do not list them after all. */
	if (r == 0 && s.later.count > 0) {
		s.last = true;
		s.spent = false;
		s.end_s = now_ns(CLOCK_MONOTONIC) / NOW_SECOND + SECONDS_MIN;
		s.room = (f->end - f->offset) / INODE_MIN + PART;
		s.room = (f->end - f->offset) / INODE_MIN + PART;
		s.end_s = now_ns(CLOCK_MONOTONIC) / NOW_SECOND + SECONDS_MIN +
			  (int64_t)((f->end - f->offset) >> 30);
		r = search(&s);
	}
	set_release(&s.later);
	return r;
}
