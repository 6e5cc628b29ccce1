/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fix_runs.c - libtsk's run lists, defined again
 *
 * The library calls its own functions through the dynamic linker, and is
 * linked without -Bsymbolic: the definitions of a program that exports its
 * symbols win. These replace two functions of libtsk 4.11.1:
 *
 * tsk_fs_attr_add_run()    refuses the second block of an ext4 extent tree,
 *                          since all blocks of the tree are handed to it as
 *                          offset 0: a file of more extents than fit into one
 *                          block then has no attribute and reads as empty.
 * tsk_fs_attr_append_run() forgets where the list ends and walks it for each
 *                          run: quadratic on a fragmented ext2 file.
 */
#include "fs/tsk.h"

#include <stdlib.h>

uint8_t tsk_fs_attr_add_run(TSK_FS_INFO *fs, TSK_FS_ATTR *a, TSK_FS_ATTR_RUN *chain);
void tsk_fs_attr_append_run(TSK_FS_INFO *fs, TSK_FS_ATTR *a, TSK_FS_ATTR_RUN *chain);

static TSK_FS_ATTR_RUN *last_of(TSK_FS_ATTR_RUN *r)
{
	while (r->next)
		r = r->next;
	return r;
}

/* The list's end, kept in the attribute; NULL when the list is empty. */
static TSK_FS_ATTR_RUN *tail_of(TSK_FS_ATTR *a)
{
	if (!a->nrd.run)
		return NULL;
	if (!a->nrd.run_end)
		a->nrd.run_end = a->nrd.run;
	a->nrd.run_end = last_of(a->nrd.run_end);
	return a->nrd.run_end;
}

static TSK_FS_ATTR_RUN *filler(TSK_DADDR_T offset, TSK_DADDR_T len)
{
	TSK_FS_ATTR_RUN *r = calloc(1, sizeof(*r));

	if (r) {
		r->flags = TSK_FS_ATTR_RUN_FLAG_FILLER;
		r->offset = offset;
		r->len = len;
	}
	return r;
}

static uint8_t refuse(const char *why)
{
	tsk_error_reset();
	tsk_error_set_errno(TSK_ERR_FS_GENFS);
	tsk_error_set_errstr("%s", why);
	return 1;
}

static void link_after(TSK_FS_ATTR *a, TSK_FS_ATTR_RUN *prev, TSK_FS_ATTR_RUN *r)
{
	if (prev)
		prev->next = r;
	else
		a->nrd.run = r;
}

/* Behind the end of the list, with a filler for what has not been seen yet. */
static uint8_t put_last(
	TSK_FS_ATTR *a, TSK_FS_ATTR_RUN *tail, TSK_DADDR_T end, TSK_FS_ATTR_RUN *chain)
{
	if (chain->offset > end) {
		TSK_FS_ATTR_RUN *gap = filler(end, chain->offset - end);

		if (!gap)
			return refuse("out of memory");
		link_after(a, tail, gap);
		tail = gap;
	}
	link_after(a, tail, chain);
	a->nrd.run_end = last_of(chain);
	return 0;
}

/* In the place of a part of the filler @fill, whose predecessor is @prev. */
static uint8_t put_into(TSK_FS_ATTR *a, TSK_FS_ATTR_RUN *prev, TSK_FS_ATTR_RUN *fill,
	TSK_FS_ATTR_RUN *chain, TSK_DADDR_T chain_end)
{
	TSK_DADDR_T fill_end = fill->offset + fill->len;
	TSK_FS_ATTR_RUN *last = last_of(chain);
	TSK_FS_ATTR_RUN *rest = NULL;

	if (chain_end > fill_end)
		return refuse("runs overlap");
	if (chain_end < fill_end) {
		rest = filler(chain_end, fill_end - chain_end);
		if (!rest)
			return refuse("out of memory");
		rest->next = fill->next;
	} else {
		rest = fill->next;
	}
	last->next = rest;
	if (chain->offset > fill->offset) {
		fill->len = chain->offset - fill->offset;
		fill->next = chain;
	} else {
		link_after(a, prev, chain);
		free(fill);
	}
	/* The filler may have been the end, and may be gone. */
	a->nrd.run_end = last;
	tail_of(a);
	return 0;
}

uint8_t tsk_fs_attr_add_run(TSK_FS_INFO *fs, TSK_FS_ATTR *a, TSK_FS_ATTR_RUN *chain)
{
	TSK_FS_ATTR_RUN *prev = NULL;
	TSK_FS_ATTR_RUN *tail = NULL;
	TSK_DADDR_T end = 0;
	TSK_DADDR_T chain_end = 0;

	(void)fs;
	if (!a || !chain)
		return refuse("no attribute or no run to add");
	tail = tail_of(a);
	if (tail)
		end = tail->offset + tail->len;
	/* The blocks of an extent tree have no place in a file: one after the other. */
	if (a->type == TSK_FS_ATTR_TYPE_UNIX_EXTENT && chain->offset == 0)
		chain->offset = end;
	chain_end = last_of(chain)->offset + last_of(chain)->len;
	if (chain_end < chain->offset)
		return refuse("a run's length is out of range");
	if (chain->offset >= end)
		return put_last(a, tail, end, chain);
	for (TSK_FS_ATTR_RUN *r = a->nrd.run; r; prev = r, r = r->next) {
		if (r->offset + r->len <= chain->offset)
			continue;
		if (r->flags & TSK_FS_ATTR_RUN_FLAG_FILLER && r->offset <= chain->offset)
			return put_into(a, prev, r, chain, chain_end);
		if (r->addr != chain->addr || r->len != chain->len || r->offset != chain->offset)
			return refuse("runs overlap");
		/* The same run twice: NTFS lists may repeat a record. */
		tsk_fs_attr_run_free(chain);
		return 0;
	}
	return refuse("a run lies nowhere");
}

void tsk_fs_attr_append_run(TSK_FS_INFO *fs, TSK_FS_ATTR *a, TSK_FS_ATTR_RUN *chain)
{
	TSK_FS_ATTR_RUN *tail = NULL;
	TSK_DADDR_T at = 0;

	(void)fs;
	if (!a || !chain)
		return;
	tail = tail_of(a);
	if (tail)
		at = tail->offset + tail->len;
	link_after(a, tail, chain);
	for (TSK_FS_ATTR_RUN *r = chain; r; r = r->next) {
		r->offset = at;
		at += r->len;
		a->nrd.run_end = r;
	}
}
