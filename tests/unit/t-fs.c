/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-fs.c - HFS+, UFS and ISO 9660 read back, what is refused, the functions of libtsk that are
 * defined again. ext, NTFS and FAT have programs of their own (t-fs-*.c).
 */
#include <dlfcn.h>

#include "tap.h"

#include "fs-help.h"

static void test_fix(void)
{
	static const char *const names[] = {"tsk_fs_attr_add_run", "tsk_fs_attr_append_run",
		"tsk_fs_dir_add", "tsk_fs_dir_contains", "tsk_fs_dir_alloc", "tsk_fs_dir_realloc",
		"tsk_UTF16toUTF8", "fatfs_cleanup_ascii", "hfs_UTF16toUTF8"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		void *p = dlsym(RTLD_DEFAULT, names[i]);
		Dl_info d = {0};

		ok(p && dladdr(p, &d) && !strstr(d.dli_fname, "libtsk"),
			"%s of this program takes effect", names[i]);
	}
}

/* makefs puts UFS2's superblock where only NetBSD looks first. */
static void test_ufs(const char *version, const char *order)
{
	struct image i;

	run("rm -rf bsd bsd.img && mkdir -p bsd/sub");
	put_file("bsd/sub/file", 500000, 55);
	if (run("makefs -t ffs -B %s -s 20m -o version=%s bsd.img bsd", order, version)) {
		skip("no makefs");
		return;
	}
	if (ok(image_open(&i, "bsd.img"), "UFS%s, %s, opens", version, order)) {
		ok(strncmp(fs_info(i.f)->type, "ufs", 3) == 0 &&
				fs_info(i.f)->type[3] == version[0],
			"as what it is");
		is_int(strlen(fs_info(i.f)->id), 16, "with its number");
		image_walk(&i);
		is_file(&i, "sub/file", 0, 500000, 55);
		is_int(i.problems, 0, "no problems");
	}
	image_close(&i);
}

/* xorriso can put an HFS+ volume beside the names of ISO 9660. */
static uint64_t hfs_offset(const struct image *i)
{
	uint8_t b[4];

	for (uint64_t at = 0; at + 1028 < source_size(i->s); at += 512) {
		if (source_read_all(i->s, b, 4, at + 1024) == 4 && memcmp(b, "H+\0\4", 4) == 0)
			return at;
	}
	return 0;
}

static void test_hfs(void)
{
	struct err e = {0};
	struct image i;

	run("rm -rf mac && mkdir -p mac/sub");
	put_file("mac/ctl\x01\x02^", 100, 56);
	put_file("mac/sub/file", 9000, 57);
	if (run("xorriso -as mkisofs -r -hfsplus -V volume -o mac.img mac")) {
		skip("no xorriso");
		return;
	}
	if (ok(image_open(&i, "mac.img"), "ISO 9660 with HFS+ opens")) {
		uint64_t at = hfs_offset(&i);

		fs_close(i.f);
		i.f = NULL;
		if (ok(fs_open(i.s, at, source_size(i.s) - at, NULL, &i.f, &e) == 0,
			    "HFS+ opens")) {
			is_str(fs_info(i.f)->type, "hfsplus", "type");
			is_str(fs_info(i.f)->label, "volume", "label");
			image_walk(&i);
			is_file(&i, "ctl\x01\x02^", 0, 100, 56);
			is_file(&i, "sub/file", 0, 9000, 57);
		}
	}
	image_close(&i);
}

static void put_both(uint8_t *p, uint32_t v)
{
	for (int k = 0; k < 4; k++) {
		p[k] = (uint8_t)(v >> (8 * k));
		p[7 - k] = p[k];
	}
}

/* One record at @p; @use: its system use area. Value: its length. */
static size_t iso_record(uint8_t *p, uint32_t extent, uint32_t size, int flags, const char *name,
	size_t name_len, const char *use, size_t use_len)
{
	size_t at = 33 + name_len + (name_len % 2 == 0);
	size_t len = (at + use_len + 1) / 2 * 2;

	p[0] = (uint8_t)len;
	put_both(p + 2, extent);
	put_both(p + 10, size);
	memcpy(p + 18, "\x79\x06\x0f\x0c\x1e\x0a\x04", 7); /* 2021-06-15 12:30:10, UTC+1 */
	p[25] = (uint8_t)flags;
	p[32] = (uint8_t)name_len;
	memcpy(p + 33, name, name_len);
	memcpy(p + at, use, use_len);
	return len;
}

static void make_iso(uint8_t *m)
{
	uint8_t *d = m + 18 * 2048;
	uint8_t *pvd = m + 16 * 2048;

	memcpy(pvd,
		"\x01"
		"CD001\x01",
		7);
	memcpy(pvd + 40, "LABEL ", 6);
	put_both(pvd + 80, 24);
	iso_record(pvd + 156, 18, 2048, 2, "", 1, "", 0);
	memcpy(m + 17 * 2048,
		"\xff"
		"CD001\x01",
		7);
	d += iso_record(d, 18, 2048, 2, "", 1, "SP\x07\x01\xbe\xef\x00", 7);
	d += iso_record(d, 18, 2048, 2, "\x01", 1, "", 0);
	d += iso_record(d, 20, 5, 0, "A.;1", 4, "NM\x0b\x01\x00Lo\xc3\xbcng", 11);
	d += iso_record(d, 20, 2048, 0x80, "M.;1", 4, "", 0);
	d += iso_record(d, 22, 10, 0, "M.;1", 4, "", 0);
	d += iso_record(d, 0, 0, 0, "L.;1", 4,
		"SL\x0e\x01\x00\x04\x00\x00\x05"
		"b/c^d",
		14);
	d += iso_record(d, 18, 2048, 2, "LOOP", 4, "", 0);
	iso_record(d, 900000, 100, 0, "FAR.TXT;1", 9, "", 0);
	for (size_t k = 0; k < 2058; k++)
		m[20 * 2048 + k] = (uint8_t)k;
	for (size_t k = 0; k < 10; k++)
		m[22 * 2048 + k] = 0xee;
}

static void test_iso(void)
{
	static uint8_t m[24 * 2048];
	struct image i = {.file.fd = -1};
	struct err e = {0};
	const struct found *f = NULL;
	uint8_t *got = NULL;

	make_iso(m);
	i.v = calloc(FOUND_MAX, sizeof(*i.v));
	if (!i.v || source_memory(m, sizeof(m), &i.s))
		bail_out("no memory");
	if (!ok(fs_open(i.s, 0, sizeof(m), NULL, &i.f, &e) == 0, "ISO 9660 opens")) {
		image_close(&i);
		return;
	}
	is_str(fs_info(i.f)->type, "iso9660", "its type");
	is_str(fs_info(i.f)->label, "LABEL", "its label");
	image_walk(&i);
	is_int(i.n, 5, "five names");
	is_int(i.problems, 1, "one problem: a directory in a circle");
	f = find(&i, "Lo\xc3\xbcng", 0);
	ok(f && f->e.size == 5, "a Rock Ridge name");
	ok(f && f->e.mtime.sec == 1623760210 - 3600, "a time in its zone");
	f = find(&i, "M", 0);
	ok(f && f->e.size == 2058, "a file of two extents");
	got = f ? read_whole(&i, &f->e) : NULL;
	ok(got && got[2047] == 0xff && got[2048] == 0xee, "its bytes");
	free(got);
	f = find(&i, "L", 0);
	is_str(f ? f->target : "", "../b/c^d", "a link");
	f = find(&i, "FAR.TXT", 0);
	ok(f && f->e.size == 100 && !read_whole(&i, &f->e), "an extent outside is an error");
	image_close(&i);
}

static void is_refused(const void *p, size_t n, size_t off, int code, const char *words)
{
	uint8_t *m = calloc(1, 1 << 20);
	struct source *s = NULL;
	struct fs *f = NULL;
	struct err e = {0};

	if (!m || source_memory(m, 1 << 20, &s))
		bail_out("no memory");
	memcpy(m + off, p, n);
	is_int(fs_open(s, 0, 1 << 20, NULL, &f, &e), -code, words);
	ok(strstr(err_text(&e, code), words), "says \"%s\"", err_text(&e, code));
	fs_close(f);
	source_close(s);
	free(m);
}

static void test_refused(void)
{
	is_refused("", 0, 0, ENOENT, "no file system recognised");
	is_refused("-FVE-FS-", 8, 3, ENOENT, "BitLocker");
	is_refused("LUKS\xba\xbe", 6, 0, ENOENT, "LUKS");
	is_refused("LABELONE", 8, 512, ENOENT, "LVM2");
	is_refused("_BHRfS_M", 8, 0x10040, ENOENT, "btrfs");
	is_refused("XFSB", 4, 0, ENOENT, "XFS");
	is_refused("NXSB", 4, 32, ENOENT, "APFS");
	is_refused("SWAPSPACE2", 10, 4086, ENOENT, "swap");
	is_refused("NTFS    ", 8, 3, EBADMSG, "ntfs, but damaged");
}

int main(void)
{
	place_make();
	test_fix();
	test_refused();
	test_hfs();
	test_ufs("1", "be");
	test_ufs("1", "le");
	test_ufs("2", "be");
	test_ufs("2", "le");
	test_iso();
	place_remove();
	return done_testing();
}
