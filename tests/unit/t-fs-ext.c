/* SPDX-License-Identifier: Apache-2.0 */
/* t-fs-ext.c - ext2, ext3, ext4 made by mke2fs and debugfs, read back; needs no root. */
#include "tap.h"

#include "fs-help.h"

static void poke32(const char *name, long at, uint32_t v)
{
	char path[200];
	uint8_t b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
	FILE *f = NULL;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r+b");
	if (!f || fseek(f, at, SEEK_SET) || fwrite(b, 1, 4, f) != 4 || fclose(f))
		bail_out("cannot change an image");
}

static void test_room(void)
{
	struct image i;

	if (run("PATH=$PATH:/sbin:/usr/sbin; rm -f room.img; truncate -s 200k room.img && mke2fs "
		"-q -F -t ext2 -b 1024 -N 64 -I 128 -O none room.img && cp room.img size.img")) {
		skip("no mke2fs");
		return;
	}
	/* Groups of 8 blocks that say they have 8,192 inodes each. */
	poke32("room.img", 1024 + 0x20, 8);
	poke32("room.img", 1024 + 0x24, 8);
	poke32("room.img", 1024 + 0x28, 8192);
	poke32("room.img", 1024, 8192 * 24);
	if (ok(image_open(&i, "room.img"), "ext2 with tables over each other opens")) {
		image_walk(&i);
		ok(i.problems > 0, "the search for orphans ends early, and says so");
	}
	image_close(&i);
	run("PATH=$PATH:/sbin:/usr/sbin; debugfs -w -R 'sif / size 0x7ffffc00' size.img");
	if (ok(image_open(&i, "size.img"), "ext2 whose root is larger than it opens")) {
		image_walk(&i);
		is_int(i.n, 0, "the root is not listed");
		is_int(i.problems, 1, "and it says so");
	}
	image_close(&i);
}

static void test_ext_attributes(void)
{
	const struct found *f = NULL;
	struct image i;

	run("mkdir -p attrs && echo hello >attrs/one");
	put_file("big", 900, 41);
	put_file("middle", 700, 42);
	if (run("truncate -s 64M attr.img && PATH=$PATH:/sbin:/usr/sbin && mke2fs -q -t ext4 -I "
		"256 -O ea_inode -d attrs attr.img && debugfs -w -R 'ea_set one user.note said' "
		"attr.img && debugfs -w -R 'ea_set -f middle one security.middle' attr.img && "
		"debugfs -w -R 'ea_set -f big one trusted.big' attr.img && debugfs -w -R 'ea_set / "
		"user.root top' attr.img")) {
		skip("debugfs sets no attributes here");
		return;
	}
	if (ok(image_open(&i, "attr.img"), "ext4 with attributes opens")) {
		image_walk(&i);
		f = find(&i, "one:user.note", 0);
		ok(f && f->e.kind == ENTRY_STREAM && f->e.size == 4 &&
				f->content[0] == CONTENT_RESIDENT &&
				memcmp(f->content + 1, "said", 4) == 0,
			"one in the inode");
		is_file(&i, "one:security.middle", 0, 700, 42);
		is_file(&i, "one:trusted.big", 0, 900, 41);
		ok(find(&i, ":user.root", 0), "the root's own");
		is_int(i.problems, 0, "no problems");
	}
	image_close(&i);
}

static void test_ext_tree(void)
{
	const struct found *f = NULL;
	struct image i;
	char deep[2048] = "tree/deep";
	char byte = 0;

	run("mkdir -p tree/sub/empty tree/deep");
	put_file("tree/small", 10, 1);
	put_file("tree/sub/large", 3000000, 2);
	put_file("tree/ctl\x01\n^\xff", 100, 3);
	run("ln -s 'a\x01^\xff' tree/short; ln -s %0100d tree/long; ln tree/small tree/sub/other",
		7);
	run("truncate -s 6G tree/sparse; mkfifo tree/fifo; echo x >>tree/sparse");
	for (int k = 0; k < 300; k++)
		strcat(deep, "/d");
	run("mkdir -p %s", deep);
	put_file(strcat(deep, "/bottom"), 5, 4);
	if (run("truncate -s 64M ext.img && PATH=$PATH:/sbin:/usr/sbin mke2fs -q -t ext4 -L lab -d "
		"tree ext.img")) {
		skip("mke2fs -d does not work");
		return;
	}
	run("PATH=$PATH:/sbin:/usr/sbin; debugfs -w -R 'sif small mtime 0x2a05f200' ext.img;"
	    "debugfs -w -R 'sif small mtime_extra 0x1d6f3455' ext.img");
	if (!ok(image_open(&i, "ext.img"), "ext4 opens")) {
		image_close(&i);
		return;
	}
	is_str(fs_info(i.f)->type, "ext4", "its type");
	is_str(fs_info(i.f)->label, "lab", "its label");
	is_int(strlen(fs_info(i.f)->id), 36, "its UUID");
	image_walk(&i);
	is_int(i.problems, 0, "no problems");
	is_file(&i, "small", 0, 10, 1);
	is_file(&i, "sub/other", 0, 10, 1);
	is_file(&i, "sub/large", 0, 3000000, 2);
	is_file(&i, "ctl\x01\n^\xff", 0, 100, 3);
	is_file(&i, deep + strlen("tree/"), 0, 5, 4);
	f = find(&i, "small", 0);
	is_int(f ? f->e.nlink : 0, 2, "two names");
	ok(f && f->e.mtime.known && f->e.mtime.sec == 5000000000 && f->e.mtime.nsec == 123456789,
		"a time beyond 2038, to the nanosecond");
	f = find(&i, "short", 0);
	is_str(f ? f->target : "", "a\x01^\xff", "a short link's own bytes");
	f = find(&i, "long", 0);
	is_int(f ? strlen(f->target) : 0, 100, "a long link");
	f = find(&i, "sparse", 0);
	ok(f && f->e.size == (UINT64_C(6) << 30) + 2 && f->e.flags & ENTRY_SPARSE &&
			f->e.content_len < 64,
		"a sparse file over 4 GiB in few bytes");
	f = find(&i, "fifo", 0);
	ok(f && f->e.kind == ENTRY_SPECIAL && f->e.size == 0, "a fifo");
	f = find(&i, "sub/empty", 0);
	ok(f && f->e.kind == ENTRY_DIR && !(f->e.flags & ENTRY_UNREADABLE), "an empty directory");
	is_int(fs_read(i.f, 999999, 1, 0, &byte, 1, 0), -ENOENT, "no such inode");
	image_close(&i);
}

static void test_ext_fragmented(void)
{
	char path[256];
	FILE *c = NULL;
	struct image i;
	const struct found *f = NULL;
	struct buf b = BUF_INIT;
	uint64_t size = 0;
	uint64_t want = 0;
	struct extent_map m = {0};
	struct err e = {0};
	FILE *p = NULL;

	if (!have("debugfs")) {
		skip("debugfs is not installed (package e2fsprogs)");
		return;
	}
	put_file("block", 1024, 5);
	put_file("big", 2500000, 6);
	snprintf(path, sizeof(path), "%s/cmd", dir);
	c = fopen(path, "w");
	if (!c)
		bail_out("cannot write");
	for (int k = 0; k < 6000; k++)
		fprintf(c, "write block s%05d\n", k);
	for (int k = 0; k < 6000; k += 2)
		fprintf(c, "rm s%05d\n", k);
	fprintf(c, "write big big\n");
	fclose(c);
	run("truncate -s 64M frag.img && PATH=$PATH:/sbin:/usr/sbin; mke2fs -q -t ext4 -b 1024 -O "
	    "^has_journal frag.img && debugfs -w -f cmd frag.img");
	if (!ok(image_open(&i, "frag.img"), "a fragmented ext4 opens")) {
		image_close(&i);
		return;
	}
	image_walk(&i);
	is_file(&i, "big", 0, 2500000, 6);
	f = find(&i, "big", 0);
	ok(f && !extent_map_decode(f->content, f->e.content_len, f->e.size, source_size(i.s), &m) &&
			m.n > 400,
		"in %zu extents", m.n);
	extent_map_release(&m);
	is_file(&i, "s05999", 0, 1024, 5);
	is_int(fs_unallocated(i.f, &b, &size, &e), 0, "free blocks listed");
	snprintf(path, sizeof(path),
		"PATH=$PATH:/sbin:/usr/sbin dumpe2fs -h %s/frag.img 2>/dev/null | sed -n 's/^Free "
		"blocks: *//p'",
		dir);
	p = popen(path, "r");
	if (p && fscanf(p, "%lu", &want) != 1)
		want = 0;
	if (p)
		pclose(p);
	is_int(size / 1024, want, "as many as dumpe2fs counts");
	buf_release(&b);
	image_close(&i);
}

/* An image cut off in the middle: errors where there is nothing, no shorter files. */
static void test_truncated(void)
{
	struct image i;
	const struct found *f = NULL;
	struct extent_map m = {0};
	bool error = false;

	run("cp ext.img cut.img && truncate -s 9M cut.img");
	if (!ok(image_open(&i, "cut.img"), "a cut-off image opens")) {
		image_close(&i);
		return;
	}
	ok(strstr(fs_info(i.f)->note, "more than there are"),
		"and says that it is larger than that");
	image_walk(&i);
	for (size_t k = 0; k < i.n; k++) {
		if (strcmp(i.v[k].path, "sub/large") == 0)
			f = &i.v[k];
	}
	if (f && f->content[0] == CONTENT_EXTENTS &&
		!extent_map_decode(f->content, f->e.content_len, f->e.size, source_size(i.s), &m)) {
		for (size_t k = 0; k < m.n; k++)
			error = error || m.v[k].kind == EXTENT_ERROR;
		is_int(f->e.size, 3000000, "its size stays");
		ok(error || m.n > 0, "what lies behind the end is an error");
		extent_map_release(&m);
	}
	image_close(&i);
}

int main(void)
{
	place_make();
	test_room();
	test_ext_attributes();
	test_ext_tree();
	test_ext_fragmented();
	test_truncated();
	place_remove();
	return done_testing();
}
