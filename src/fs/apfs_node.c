/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apfs_node.c - is a node of an APFS B-tree what libtsk takes it for?
 *
 * libtsk follows every offset and length in a node without looking where it
 * ends. Nodes that would lead it out of the block are found here; whoever
 * reads for libtsk shows it zeros in their place, which it refuses.
 * Source: Apple File System Reference, "B-Trees", "File-System Objects",
 * "Extended Fields".
 */
#include "fs/apfs_node.h"

#define TYPE_ROOT 2u
#define TYPE_NODE 3u

#define TREE_OMAP      0x0bu
#define TREE_FILES     0x0eu
#define TREE_SNAPSHOTS 0x10u

#define FLAG_ROOT  0x1u
#define FLAG_LEAF  0x2u
#define FLAG_FIXED 0x4u

#define HEAD_BYTES 0x38u
#define INFO_BYTES 40u     /* at the end of a root */
#define NO_VALUE   0xffffu /* in the place of a value's offset */

#define SNAPSHOT_BYTES  50u
#define INODE_BYTES     92u
#define STREAM_BYTES    40u
#define XATTR_BYTES     4u
#define EXTENT_BYTES    24u
#define DIR_ENTRY_BYTES 18u

#define FIELD_NAME   4u
#define FIELD_STREAM 8u

struct node {
	const uint8_t *b;
	bool leaf;
	bool fixed;
	uint64_t n;
	size_t toc;
	size_t keys;
	size_t end; /* values lie before it, counted backwards */
};

struct record {
	const uint8_t *key;
	size_t key_len;
	size_t key_room; /* bytes from the key on to the block's end */
	const uint8_t *value;
	size_t value_len;
};

static uint64_t at(const uint8_t *p, size_t off, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[off + n];
	return v;
}

/* [len] bytes at @off, which end in a NUL and lie within [n]. */
static bool is_name(const uint8_t *p, size_t n, size_t off, size_t len)
{
	return len > 0 && off <= n && len <= n - off && p[off + len - 1] == '\0';
}

static bool read_head(const uint8_t *b, struct node *t)
{
	uint64_t flags = at(b, 0x20, 2);
	size_t toc_bytes = (size_t)at(b, 0x2a, 2);

	*t = (struct node){.b = b,
		.leaf = flags & FLAG_LEAF,
		.fixed = flags & FLAG_FIXED,
		.n = at(b, 0x24, 4),
		.toc = HEAD_BYTES + (size_t)at(b, 0x28, 2),
		.end = APFS_BLOCK - (flags & FLAG_ROOT ? INFO_BYTES : 0)};
	t->keys = t->toc + toc_bytes;
	return t->keys <= t->end && t->n <= toc_bytes / (t->fixed ? 4 : 8) &&
	       t->leaf == (at(b, 0x22, 2) == 0);
}

/* Record @i, its key and value within the block. */
static bool read_record(const struct node *t, uint64_t i, struct record *r)
{
	const uint8_t *e = t->b + t->toc + i * (t->fixed ? 4 : 8);
	size_t key = t->keys + (size_t)at(e, 0, 2);
	size_t back = (size_t)at(e, t->fixed ? 2 : 4, 2);

	r->key_len = t->fixed ? 16 : (size_t)at(e, 2, 2);
	r->value_len = !t->leaf ? 8 : t->fixed ? 16 : (size_t)at(e, 6, 2);
	if (key > t->end || r->key_len > t->end - key)
		return false;
	r->key = t->b + key;
	r->key_room = APFS_BLOCK - key;
	r->value = t->b + t->end;
	if (back == NO_VALUE && t->leaf && !t->fixed)
		r->value_len = 0;
	else if (back > t->end - t->keys || r->value_len > back)
		return false;
	else
		r->value -= back;
	return true;
}

static bool inode_sound(const struct record *r)
{
	const uint8_t *v = r->value;
	size_t n = r->value_len;
	size_t fields = 0;
	size_t data = 0;

	if (n <= INODE_BYTES)
		return n == INODE_BYTES;
	if (n < INODE_BYTES + 4)
		return false;
	fields = (size_t)at(v, INODE_BYTES, 2);
	data = INODE_BYTES + 4 + fields * 4;
	for (size_t i = 0; i < fields; i++) {
		const uint8_t *field = v + INODE_BYTES + 4 + i * 4;
		size_t len = 0;

		if (data > n)
			return false;
		len = (size_t)at(field, 2, 2);
		if (len > n - data || (field[0] == FIELD_STREAM && len < STREAM_BYTES) ||
			(field[0] == FIELD_NAME && !is_name(v, n, data, len)))
			return false;
		data += (len + 7) / 8 * 8;
	}
	return true;
}

static bool xattr_sound(const struct record *r)
{
	size_t len = r->value_len >= XATTR_BYTES ? (size_t)at(r->value, 2, 2) : 0;
	uint64_t flags = r->value_len >= XATTR_BYTES ? at(r->value, 0, 2) : 0;

	if (r->value_len < XATTR_BYTES || r->key_len < 10 ||
		!is_name(r->key, r->key_len, 10, (size_t)at(r->key, 8, 2)))
		return false;
	if (flags & 2)
		return len <= r->value_len - XATTR_BYTES;
	return r->value_len >= XATTR_BYTES + 8 + STREAM_BYTES;
}

/* Names with hashes; or without, which libtsk reads two bytes too far on. */
static bool name_sound(const struct record *r)
{
	size_t hashed = 0;

	if (r->key_len < 12 || r->value_len < DIR_ENTRY_BYTES)
		return false;
	hashed = (size_t)at(r->key, 8, 4) & 0x3ff;
	return is_name(r->key, r->key_len, 12, hashed) ||
	       (is_name(r->key, r->key_len, 10, (size_t)at(r->key, 8, 2)) &&
		       hashed <= r->key_room - 12);
}

static bool file_record_sound(const struct record *r)
{
	const uint8_t *v = r->value;
	size_t n = r->value_len;

	if (r->key_len < 8)
		return false;
	switch (r->key[7] >> 4) {
	case 1: /* snapshot */
		return n > SNAPSHOT_BYTES && is_name(v, n, SNAPSHOT_BYTES, (size_t)at(v, 48, 2));
	case 3:
		return inode_sound(r);
	case 4:
		return xattr_sound(r);
	case 8: /* extent */
		return r->key_len >= 16 && n >= EXTENT_BYTES;
	case 9:
		return name_sound(r);
	default: /* not read */
		return true;
	}
}

/* In order: a search that ends early and one that does not find the same. */
static bool follows(const struct record *r, const struct record *before)
{
	uint64_t oid = at(r->key, 0, 8);

	if (!before->key)
		return true;
	return oid > at(before->key, 0, 8) ||
	       (oid == at(before->key, 0, 8) && at(r->key, 8, 8) > at(before->key, 8, 8));
}

static bool is_sound(const uint8_t *b)
{
	uint64_t tree = at(b, 28, 4);
	struct record before = {.key = NULL};
	struct node t;

	if ((tree != TREE_OMAP && tree != TREE_FILES && tree != TREE_SNAPSHOTS) ||
		!read_head(b, &t) || t.fixed != (tree == TREE_OMAP))
		return false;
	for (uint64_t i = 0; i < t.n; i++) {
		struct record r;

		if (!read_record(&t, i, &r))
			return false;
		if (t.fixed ? !follows(&r, &before) : t.leaf && !file_record_sound(&r))
			return false;
		if (!t.fixed && r.key_len < 8)
			return false;
		before = r;
	}
	return true;
}

bool apfs_node_unsound(const uint8_t *b, size_t n)
{
	uint64_t type = n == APFS_BLOCK ? at(b, 24, 2) : 0;

	return (type == TYPE_ROOT || type == TYPE_NODE) && !is_sound(b);
}
