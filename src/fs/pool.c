/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.c - volumes that share a container (APFS), through libtsk's pools
 *
 * libtsk believes the container's first block; it is shown the superblock that
 * was written last in its place. Free space belongs to the container: it is
 * listed with the first volume that can be read.
 */
#include "fs/pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/apfs_node.h"

#define SNAPSHOTS_MAX 500 /* lines */

unsigned fs_pool_volumes(const struct source *s, uint64_t offset, uint64_t length)
{
	struct apfs *a = NULL;
	unsigned n = 1;
	uint64_t end = source_size(s);

	if (offset >= end)
		return n;
	if (length < end - offset)
		end = offset + length;
	a = malloc(sizeof(*a));
	if (a && apfs_read(s, offset, end, a, NULL) == 0 && a->n > 0)
		n = a->n;
	free(a);
	return n;
}

/* The volume, if it is one that libtsk can be given; else @why not. */
static const struct apfs_volume *choose(struct fs *f, char *why, size_t n)
{
	const struct apfs_volume *v = &f->apfs->v[f->member < APFS_VOLUMES_MAX ? f->member : 0];
	struct err e = {0};
	int r = apfs_read(f->s, f->offset, f->end, f->apfs, &e);

	f->unread = r == -ENOENT;
	if (r) {
		snprintf(why, n, "%.200s", e.text);
	} else if (f->member >= f->apfs->n) {
		f->unread = true;
		snprintf(why, n, "an APFS container without volumes");
	} else if (v->block == 0) {
		snprintf(why, n, "the superblock of volume %u of %u cannot be found", f->member + 1,
			f->apfs->n);
	} else if (v->encrypted) {
		f->unread = true;
		snprintf(
			why, n, "APFS volume '%.80s', encrypted: recognised and not read", v->name);
	} else if (v->lost) {
		snprintf(why, n, "the files of volume '%.80s' cannot be found", v->name);
	} else {
		return v;
	}
	return NULL;
}

bool pool_open(struct fs *f, char *why, size_t n)
{
	const struct tsk_img_check nodes = {.from = f->offset,
		.step = APFS_BLOCK,
		.size = APFS_BLOCK,
		.unsound = apfs_node_unsound};
	const struct apfs_volume *v = NULL;

	f->apfs = calloc(1, sizeof(*f->apfs));
	if (!f->apfs)
		return false;
	v = choose(f, why, n);
	if (!v)
		return false;
	if (f->apfs->newer)
		tsk_img_patch(f->img, f->offset, f->apfs->super, APFS_BLOCK);
	tsk_img_check(f->img, &nodes);
	tsk_error_reset();
	f->pool = tsk_pool_open_img_sing(f->img, (TSK_OFF_T)f->offset, TSK_POOL_TYPE_APFS);
	if (f->pool)
		f->pool_img = f->pool->get_img_info(f->pool, v->block);
	if (f->pool_img)
		f->tsk = tsk_fs_open_img(f->pool_img, 0, TSK_FS_TYPE_APFS);
	return f->tsk != NULL;
}

void pool_close(struct fs *f)
{
	if (f->pool_img)
		tsk_img_close(f->pool_img);
	f->pool_img = NULL;
	if (f->pool)
		tsk_pool_close(f->pool);
	f->pool = NULL;
	free(f->apfs);
	f->apfs = NULL;
}

const struct apfs_volume *pool_volume(const struct fs *f)
{
	return f->apfs ? &f->apfs->v[f->member] : NULL;
}

bool pool_lists_free(const struct fs *f)
{
	return f->member == f->apfs->first_open;
}

static void put_note(struct fs *f, const char *text)
{
	size_t used = strlen(f->info.note);

	snprintf(f->info.note + used, sizeof(f->info.note) - used, "%s%s", used ? "; " : "", text);
}

void pool_note(struct fs *f)
{
	const struct apfs_volume *v = pool_volume(f);
	char text[160];

	if (f->apfs->newer)
		put_note(f, "the container's first superblock is not its latest: the latest was "
			    "used");
	if (v->foreign_names)
		put_note(f, "its names are kept in a way that may be misread");
	if (v->snapshots > 0) {
		snprintf(text, sizeof(text), "%llu snapshots, which are named and not read",
			(unsigned long long)v->snapshots);
		put_note(f, text);
	}
	if (!pool_lists_free(f)) {
		snprintf(text, sizeof(text),
			"the container's free space stands with volume %u of %u",
			f->apfs->first_open + 1, f->apfs->n);
		put_note(f, text);
	}
}

static int snapshot_line(struct walk *w, const apfs_snapshot *s)
{
	time_t at = (time_t)(s->timestamp / 1000000000);
	char when[32] = "";
	struct tm tm;

	if (gmtime_r(&at, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return walk_problem(w, "snapshot '%.255s' of %s (transaction %llu): not read",
		s->name ? s->name : "", when, (unsigned long long)s->snap_xid);
}

int pool_snapshots(struct fs *f, struct walk *w)
{
	apfs_snapshot_list *list = NULL;
	int r = 0;

	if (!f->apfs || pool_volume(f)->snapshots == 0)
		return 0;
	tsk_error_reset();
	if (tsk_apfs_list_snapshots(f->tsk, &list) || !list) {
		tsk_error_reset();
		return walk_problem(w, "its snapshots cannot be listed");
	}
	for (size_t i = 0; i < list->num_snapshots && i < SNAPSHOTS_MAX && r == 0; i++)
		r = snapshot_line(w, &list->snapshots[i]);
	tsk_apfs_free_snapshot_list(list);
	return r;
}
