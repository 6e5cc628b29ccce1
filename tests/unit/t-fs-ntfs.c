/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-fs-ntfs.c - NTFS made by mkntfs, ntfscp and ntfs-3g, read back; needs no root but
 * for what goes through /dev/fuse.
 */
#include "tap.h"

#include "fs-help.h"

/* Clusters of 2 MiB; the attributes' update sequences still count 512 bytes. */
static void test_large_clusters(unsigned cluster)
{
	char name[32];
	struct image i;

	put_file("wide", 5000001, 53);
	put_file("thin", 300, 54);
	if (run("PATH=$PATH:/sbin:/usr/sbin && rm -f wide.img && truncate -s 300M wide.img && "
		"mkntfs -q -F -c %u -L wide wide.img && ntfscp -f wide.img wide wide && "
		"ntfscp -f wide.img thin thin",
		    cluster)) {
		skip("no mkntfs or ntfscp");
		return;
	}
	snprintf(name, sizeof(name), "%u KiB", cluster / 1024);
	if (ok(image_open(&i, "wide.img"), "NTFS with clusters of %s opens", name)) {
		is_int(fs_info(i.f)->block_size, cluster, "block size");
		is_str(fs_info(i.f)->label, "wide", "label");
		image_walk(&i);
		is_file(&i, "wide", 0, 5000001, 53);
		is_file(&i, "thin", 0, 300, 54);
		is_int(i.problems, 0, "no problems");
	}
	image_close(&i);
}

static void test_ntfs_tool(void)
{
	struct image i;
	const struct found *f = NULL;

	if (!have("mkntfs") || !have("ntfscp")) {
		skip("mkntfs or ntfscp is not installed (package ntfs-3g)");
		return;
	}
	put_file("r", 200, 10);
	put_file("n", 700000, 11);
	run("truncate -s 20M nt.img && PATH=$PATH:/sbin:/usr/sbin; mkntfs -q -F -L 'La\xc3\xbc' "
	    "nt.img && ntfscp nt.img r r && ntfscp nt.img n n && ntfscp -N ads nt.img n r");
	if (!ok(image_open(&i, "nt.img"), "NTFS opens")) {
		image_close(&i);
		return;
	}
	is_str(fs_info(i.f)->type, "ntfs", "its type");
	is_str(fs_info(i.f)->label, "La\xc3\xbc", "its label");
	is_int(strlen(fs_info(i.f)->id), 16, "its serial number");
	image_walk(&i);
	is_int(i.problems, 0, "no problems");
	is_file(&i, "r", 0, 200, 10);
	is_file(&i, "n", 0, 700000, 11);
	is_file(&i, "r:ads", 0, 700000, 11);
	f = find(&i, "r", 0);
	ok(f && f->content[0] == CONTENT_RESIDENT, "a small file's bytes are resident");
	f = find(&i, "n", 0);
	ok(f && f->content[0] == CONTENT_EXTENTS, "a larger one's are extents");
	f = find(&i, "r:ads", 0);
	ok(f && f->e.kind == ENTRY_STREAM && !(f->e.flags & ENTRY_META), "a stream");
	f = find(&i, "$MFT", 0);
	ok(f && f->e.flags & ENTRY_META, "$MFT is the file system's own");
	f = find(&i, "$BadClus:$Bad", 0);
	ok(f && f->e.flags & ENTRY_NOHASH && f->e.size > 20000000 && f->e.content_len < 16,
		"$BadClus:$Bad has its size, and zeros");
	ok(find(&i, "$Secure:$SII", 0) && find(&i, "$Secure:$SDS", 0), "indexes that are not $I30");
	image_close(&i);
}

static bool ntfs_mounted(void)
{
	return run("mkdir -p m && PATH=$PATH:/sbin:/usr/sbin; ntfs-3g -o "
		   "compression,streams_interface=windows nt2.img m") == 0;
}

static void test_ntfs_mount(void)
{
	struct image i;
	const struct found *f = NULL;

	if (!have("ntfs-3g") || !have("setfattr") || access("/dev/fuse", R_OK | W_OK) ||
		run("truncate -s 60M nt2.img && PATH=$PATH:/sbin:/usr/sbin; mkntfs -q -F "
		    "nt2.img") ||
		!ntfs_mounted()) {
		skip("no mounts of ntfs-3g here");
		return;
	}
	run("cd m; mkdir c d; setfattr -h -v 0x00000800 -n system.ntfs_attrib_be c;"
	    "yes compressible | head -c 1000000 >c/f; cp ../n c/n; cp ../n a; ln a b;"
	    "ln a 'long name of it'; truncate -s 6G sparse; ln -s ../x link; cp ../r d3;"
	    "printf s >d3:st; mkdir dd; printf t >dd:st; cp ../r dd/in;"
	    "cp ../n d/gone; cp ../r d/small; sync; rm -r d; sync");
	run("umount m || fusermount -u m");
	if (!ok(image_open(&i, "nt2.img"), "NTFS opens")) {
		image_close(&i);
		return;
	}
	image_walk(&i);
	is_int(i.problems, 0, "no problems");
	is_file(&i, "c/n", 0, 700000, 11);
	is_file(&i, "a", 0, 700000, 11);
	f = find(&i, "long name of it", 0);
	is_int(f ? f->e.nlink : 0, 3, "three names");
	f = find(&i, "c/f", 0);
	ok(f && f->content[0] == CONTENT_WORKER && f->e.flags & ENTRY_COMPRESSED, "compressed");
	if (f) {
		uint8_t *got = read_whole(&i, &f->e);

		ok(got && f->e.size == 1000000 &&
				memcmp(got + 13 * 70000, "compressible\n", 13) == 0,
			"its bytes");
		free(got);
	}
	f = find(&i, "sparse", 0);
	ok(f && f->e.size == UINT64_C(6) << 30, "sparse, and larger than the volume");
	f = find(&i, "link", 0);
	ok(f && f->e.kind == ENTRY_LINK && strcmp(f->target, "../x") == 0, "a link");
	is_file(&i, "d/gone", ENTRY_DELETED, 700000, 11);
	is_file(&i, "d/small", ENTRY_DELETED, 200, 10);
	ok(find(&i, "d3:st", 0) && find(&i, "dd:st", 0), "streams of a file and of a directory");
	image_close(&i);
}

int main(void)
{
	place_make();
	test_large_clusters(131072);
	test_large_clusters(2097152);
	test_ntfs_tool();
	test_ntfs_mount();
	place_remove();
	return done_testing();
}
