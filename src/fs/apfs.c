/* SPDX-License-Identifier: Apache-2.0 */
/* apfs.c - an APFS container and the volumes that share it; see apfs.h. */
#include "fs/apfs.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"

#define DESC_MAX  8192u /* blocks of checkpoint descriptors that are looked through */
#define DEPTH_MAX 16u   /* of a B-tree */

#define TYPE_SUPER  0x01u
#define TYPE_OMAP   0x0bu
#define TYPE_VOLUME 0x0du

#define NODE_ROOT  0x1u
#define NODE_LEAF  0x2u
#define NODE_FIXED 0x4u
#define NODE_DATA  0x38u /* a node's header ends here */
#define NODE_INFO  40u   /* bytes at the end of a root */

#define INCOMPAT_VERSION1 0x001u
#define INCOMPAT_FUSION   0x100u
#define VOLUME_PLAIN      0x1u /* not encrypted */
#define VOLUME_HASHED     0x9u /* either: names are kept with their hashes */

struct pool {
	const struct source *s;
	uint64_t offset;
	uint64_t blocks; /* that lie in the image */
};

static uint64_t at(const uint8_t *p, size_t off, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[off + n];
	return v;
}

static bool read_block(const struct pool *p, uint64_t block, uint8_t out[APFS_BLOCK])
{
	return block < p->blocks &&
	       source_read_all(p->s, out, APFS_BLOCK, p->offset + block * APFS_BLOCK) == APFS_BLOCK;
}

/* Fletcher's sum over what stands behind it. */
static bool sum_fits(const uint8_t *b)
{
	uint64_t one = 0;
	uint64_t two = 0;
	uint64_t low = 0;
	uint64_t high = 0;

	for (size_t i = 8; i < APFS_BLOCK; i += 4) {
		one = (one + at(b, i, 4)) % UINT32_MAX;
		two = (two + one) % UINT32_MAX;
	}
	low = UINT32_MAX - (one + two) % UINT32_MAX;
	high = UINT32_MAX - (one + low) % UINT32_MAX;
	return at(b, 0, 8) == (high << 32 | low);
}

static bool is_super(const uint8_t *b)
{
	return memcmp(b + 32, "NXSB", 4) == 0 && at(b, 24, 2) == TYPE_SUPER;
}

/* The superblock with the highest transaction, of those in the descriptors' area. */
static void find_newest(const struct pool *p, struct apfs *a)
{
	uint64_t count = at(a->super, 0x68, 4) & 0x7fffffff;
	uint64_t base = at(a->super, 0x70, 8);
	bool sound = sum_fits(a->super);
	uint8_t b[APFS_BLOCK];

	/* The high bit says that the area is in pieces, which a tree lists. */
	if (at(a->super, 0x68, 4) >> 31 || count > DESC_MAX)
		return;
	for (uint64_t i = 0; i < count; i++) {
		if (!read_block(p, base + i, b) || !is_super(b) || at(b, 8, 8) != 1 ||
			at(b, 0x24, 4) != APFS_BLOCK || !sum_fits(b))
			continue;
		if (sound && at(b, 16, 8) <= at(a->super, 16, 8))
			continue;
		memcpy(a->super, b, APFS_BLOCK);
		a->newer = true;
		sound = true;
	}
}

/* --- object map ----------------------------------------------------------------------------- */

struct pair {
	uint64_t oid;
	uint64_t xid;
	const uint8_t *value; /* [16] in a leaf, [8] above */
};

/* Key and value number @i of a node with fixed sizes. */
static bool node_pair(const uint8_t *b, uint64_t i, struct pair *out)
{
	bool leaf = at(b, 0x20, 2) & NODE_LEAF;
	size_t end = APFS_BLOCK - (at(b, 0x20, 2) & NODE_ROOT ? NODE_INFO : 0);
	size_t toc = NODE_DATA + (size_t)at(b, 0x28, 2);
	size_t keys = toc + (size_t)at(b, 0x2a, 2);
	size_t key = 0;
	size_t back = 0;

	if (toc + i * 4 + 4 > end || keys > end)
		return false;
	key = keys + (size_t)at(b, toc + (size_t)i * 4, 2);
	back = (size_t)at(b, toc + (size_t)i * 4 + 2, 2);
	if (key + 16 > end || back > end || back < (leaf ? 16u : 8u))
		return false;
	*out = (struct pair){
		.oid = at(b, key, 8), .xid = at(b, key + 8, 8), .value = b + end - back};
	return true;
}

/* The last pair that is not behind (@oid, @xid). */
static bool node_find(const uint8_t *b, uint64_t oid, uint64_t xid, struct pair *out)
{
	uint64_t n = at(b, 0x24, 4);
	bool found = false;

	for (uint64_t i = 0; i < n && i < APFS_BLOCK / 4; i++) {
		struct pair p;

		if (!node_pair(b, i, &p))
			return false;
		if (p.oid > oid || (p.oid == oid && p.xid > xid))
			break;
		*out = p;
		found = true;
	}
	return found;
}

/* Where object @oid lay when transaction @xid was written; 0: not known. */
static uint64_t omap_find(const struct pool *p, uint64_t omap, uint64_t oid, uint64_t xid)
{
	uint8_t b[APFS_BLOCK];
	struct pair found;
	uint64_t block = 0;

	if (!read_block(p, omap, b) || at(b, 24, 2) != TYPE_OMAP)
		return 0;
	block = at(b, 0x30, 8);
	for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
		if (!read_block(p, block, b) || !(at(b, 0x20, 2) & NODE_FIXED) ||
			!node_find(b, oid, xid, &found))
			return 0;
		if (at(b, 0x20, 2) & NODE_LEAF)
			return found.oid == oid ? at(found.value, 8, 8) : 0;
		block = at(found.value, 0, 8);
	}
	return 0;
}

/* What libtsk goes by: nothing newer than the map's own root. */
static uint64_t omap_xid(const struct pool *p, uint64_t omap)
{
	uint8_t b[APFS_BLOCK];

	if (!read_block(p, omap, b) || !read_block(p, at(b, 0x30, 8), b))
		return 0;
	return at(b, 16, 8);
}

/* --- volumes -------------------------------------------------------------------------------- */

static void read_volume(const struct pool *p, uint64_t block, struct apfs_volume *v)
{
	uint8_t b[APFS_BLOCK];

	if (block == 0 || !read_block(p, block, b) || memcmp(b + 32, "APSB", 4) != 0 ||
		at(b, 24, 2) != TYPE_VOLUME)
		return;
	v->block = block;
	memcpy(v->name, b + 0x2c0, sizeof(v->name) - 1);
	memcpy(v->uuid, b + 0xf0, sizeof(v->uuid));
	v->snapshots = at(b, 0xd8, 8);
	v->lost = omap_find(p, at(b, 0x80, 8), at(b, 0x88, 8), omap_xid(p, at(b, 0x80, 8))) == 0;
	v->encrypted = !(at(b, 0x108, 8) & VOLUME_PLAIN);
	v->foreign_names = !(at(b, 0x38, 8) & VOLUME_HASHED);
}

static void read_volumes(const struct pool *p, struct apfs *a)
{
	uint64_t max = at(a->super, 0xb4, 4);
	uint64_t xid = at(a->super, 16, 8);

	if (max > APFS_VOLUMES_MAX)
		max = APFS_VOLUMES_MAX;
	for (size_t i = 0; i < max; i++) {
		uint64_t oid = at(a->super, 0xb8 + i * 8, 8);

		if (oid != 0)
			read_volume(
				p, omap_find(p, at(a->super, 0xa0, 8), oid, xid), &a->v[a->n++]);
	}
	while (a->first_open < a->n &&
		(!a->v[a->first_open].block || a->v[a->first_open].encrypted))
		a->first_open++;
}

int apfs_read(const struct source *s, uint64_t offset, uint64_t end, struct apfs *a, struct err *e)
{
	struct pool p = {.s = s, .offset = offset, .blocks = (end - offset) / APFS_BLOCK};
	uint64_t size = 0;

	*a = (struct apfs){.n = 0};
	if (!read_block(&p, 0, a->super) || !is_super(a->super))
		return err_set(e, ENOENT, "no APFS container");
	size = at(a->super, 0x24, 4);
	if (size != APFS_BLOCK)
		return err_set(e, ENOENT,
			"an APFS container with blocks of %u bytes: recognised and not read",
			(unsigned)size);
	find_newest(&p, a);
	if (!sum_fits(a->super))
		return err_set(e, EBADMSG, "an APFS container whose superblocks are all damaged");
	if (at(a->super, 0x40, 8) & INCOMPAT_VERSION1)
		return err_set(e, ENOENT,
			"an APFS container of a version before the first release: recognised and "
			"not read");
	if (at(a->super, 0x40, 8) & INCOMPAT_FUSION)
		return err_set(e, ENOENT,
			"an APFS container on two disks (Fusion): recognised and not read");
	a->blocks = at(a->super, 0x28, 8);
	read_volumes(&p, a);
	return 0;
}
