/* SPDX-License-Identifier: Apache-2.0 */
/* places.c - where a file system keeps what it knows of a file; see places.h. */
#include "fs/places.h"

#include <errno.h>

/* A place takes at least this much of the volume, in the mean. */
#define BYTES_PER_PLACE 16u

static void flush(struct places *p)
{
	if (p->stopped == 0 && p->batch.error)
		p->stopped = p->batch.error;
	if (p->stopped == 0 && p->batch.len > 0)
		p->stopped = p->each(p->ctx, p->batch.data, p->batch.len);
	buf_reset(&p->batch);
	p->state = (struct place_state){.end = 0};
}

void places_put(struct places *p, const struct place_at *at)
{
	struct place_at in = *at;

	if (p->stopped || at->offset < p->f->offset || at->offset >= p->f->end)
		return;
	if (in.length > p->f->end - in.offset) {
		in.length = p->f->end - in.offset;
		if (in.action != PLACE_FILL && in.action != PLACE_KEEP)
			in.action = PLACE_ZERO;
	}
	if (in.length == 0)
		return;
	if (p->budget == 0) {
		p->stopped = -E2BIG;
		return;
	}
	p->budget--;
	place_put(&p->batch, &p->state, &in);
	if (p->batch.len > PLACE_BATCH - 128)
		flush(p);
}

void places_zero(struct places *p, uint64_t off, uint64_t length, uint64_t inode, unsigned flags)
{
	const struct place_at at = {
		.offset = off, .length = length, .inode = inode, .flags = flags};

	places_put(p, &at);
}

void places_keep(struct places *p, uint64_t off, uint64_t length)
{
	const struct place_at at = {.offset = off, .length = length, .action = PLACE_KEEP};

	places_put(p, &at);
}

bool places_read(const struct places *p, void *buf, size_t n, uint64_t off)
{
	return off >= p->f->offset && off <= p->f->end && n <= p->f->end - off &&
	       source_read_all(p->f->s, buf, n, off) == (ssize_t)n;
}

int fs_places(struct fs *f, int (*each)(void *ctx, const uint8_t *p, size_t n), void *ctx,
	uint32_t *cluster, uint64_t *base)
{
	struct places p = {.f = f,
		.each = each,
		.ctx = ctx,
		.budget = 65536 + (f->end - f->offset) / BYTES_PER_PLACE};
	int r = 0;

	switch (f->family) {
	case FAMILY_EXT:
		r = places_ext(&p, cluster, base);
		break;
	case FAMILY_NTFS:
		r = places_ntfs(&p, cluster, base);
		break;
	case FAMILY_FAT:
		r = places_fat(&p, cluster, base);
		break;
	case FAMILY_EXFAT:
		r = places_exfat(&p, cluster, base);
		break;
	default:
		break;
	}
	flush(&p);
	buf_release(&p.batch);
	if (p.stopped == -E2BIG)
		return 0;
	return p.stopped ? p.stopped : r;
}
