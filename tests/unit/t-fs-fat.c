/* SPDX-License-Identifier: Apache-2.0 */
/* t-fs-fat.c - FAT and exFAT made by mkfs, mtools and by hand, read back; needs no root. */
#include "tap.h"

#include "fs-help.h"

static void test_small_fat32(void)
{
	struct image i;

	put_file("few", 70000, 51);
	if (run("PATH=$PATH:/sbin:/usr/sbin && truncate -s 33M few.img && mkfs.vfat -F 32 few.img "
		"&& mmd -i few.img ::sub && mcopy -i few.img few ::sub/few")) {
		skip("no mkfs.vfat or mtools");
		return;
	}
	if (ok(image_open(&i, "few.img"), "FAT32 of fewer clusters than its kind has opens")) {
		is_str(fs_info(i.f)->type, "fat32", "as FAT32");
		image_walk(&i);
		is_file(&i, "sub/few", 0, 70000, 51);
	}
	image_close(&i);
}

static void test_atari(void)
{
	struct image i;

	put_file("tos", 9000, 52);
	if (run("PATH=$PATH:/sbin:/usr/sbin && truncate -s 8M atari.img && mkfs.vfat -A atari.img "
		"&& MTOOLS_SKIP_CHECK=1 mcopy -i atari.img tos ::tos")) {
		skip("mtools cannot write to Atari's FAT");
		return;
	}
	if (ok(image_open(&i, "atari.img"), "Atari's FAT opens")) {
		image_walk(&i);
		is_file(&i, "tos", 0, 9000, 52);
	}
	image_close(&i);
}

static void test_fat(unsigned bits, unsigned mib)
{
	struct image i;
	const struct found *f = NULL;
	char type[16];

	if (!have("mkfs.fat") || !have("mcopy")) {
		skip("mkfs.fat or mtools is not installed");
		return;
	}
	put_file("r", 200, 10);
	put_file("n", 700000, 11);
	snprintf(type, sizeof(type), "fat%u", bits);
	run("rm -f fat.img; truncate -s %uM fat.img && PATH=$PATH:/sbin:/usr/sbin; mkfs.fat -F%u "
	    "-n LABEL fat.img",
		mib, bits);
	run("export MTOOLS_SKIP_CHECK=1 TZ=UTC0 LC_ALL=C.UTF-8; touch -d '2020-02-02 02:02:02' n r;"
	    "mmd -i fat.img ::dir ::del && mcopy -m -i fat.img n '::dir/Langer Name mit "
	    "\xc3\xbc.txt' &&"
	    "mcopy -m -i fat.img r ::R && mcopy -i fat.img n ::gone && mdel -i fat.img ::gone;"
	    "mcopy -i fat.img r ::del/x && mdeltree -i fat.img ::del");
	if (!ok(image_open(&i, "fat.img"), "%s opens", type)) {
		image_close(&i);
		return;
	}
	is_str(fs_info(i.f)->type, type, "its type");
	is_str(fs_info(i.f)->label, "LABEL", "its label");
	is_int(strlen(fs_info(i.f)->id), 9, "its serial number");
	image_walk(&i);
	is_int(i.problems, 0, "no problems");
	is_file(&i, "dir/Langer Name mit \xc3\xbc.txt", 0, 700000, 11);
	is_file(&i, "R", 0, 200, 10);
	f = find(&i, "R", 0);
	ok(f && f->e.mtime.sec == 1580608922 && !f->e.ctime.known, "times are UTC");
	f = NULL;
	for (size_t k = 0; k < i.n; k++) {
		if (i.v[k].e.flags & ENTRY_DELETED && i.v[k].e.size == 700000)
			f = &i.v[k];
	}
	ok(f, "the deleted file is listed");
	image_close(&i);
}

static void exfat_file(uint8_t *p, bool deleted, uint8_t zone, const uint16_t *name, unsigned n)
{
	unsigned slots = (n + 14) / 15;
	uint8_t used = deleted ? 0 : 0x80;

	memset(p, 0, (size_t)(2 + slots) * 32);
	p[0] = (uint8_t)(0x05 | used);
	p[1] = (uint8_t)(1 + slots);
	p[4] = 0x20;
	for (int k = 0; k < 3; k++) /* 2021-06-15 12:30:10 */
		memcpy(p + 8 + 4 * k, "\xc5\x63\xcf\x52", 4);
	p[22] = p[23] = p[24] = zone;
	p[32] = (uint8_t)(0x40 | used);
	p[33] = 1;
	p[35] = (uint8_t)n;
	for (unsigned k = 0; k < n; k++) {
		uint8_t *s = p + 64 + k / 15 * 32;

		s[0] = (uint8_t)(0x41 | used);
		s[2 + k % 15 * 2] = (uint8_t)name[k];
		s[3 + k % 15 * 2] = (uint8_t)(name[k] >> 8);
	}
}

static void test_exfat(void)
{
	uint8_t b[512];
	uint8_t d[32 * 32];
	uint16_t name[30];
	char path[256];
	char want[64] = "";
	const struct found *f = NULL;
	struct image i;
	off_t root = 0;
	size_t pos = 0;
	int fd = -1;

	if (!have("mkfs.exfat") || run("truncate -s 8M ex.img && PATH=$PATH:/sbin:/usr/sbin; "
				       "mkfs.exfat -n Lab ex.img")) {
		skip("mkfs.exfat is not installed (package exfatprogs)");
		return;
	}
	snprintf(path, sizeof(path), "%s/ex.img", dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || pread(fd, b, sizeof(b), 0) != (ssize_t)sizeof(b))
		bail_out("cannot read back");
	root = (off_t)(b[0x58] | b[0x59] << 8 | b[0x5a] << 16) << b[0x6c];
	root += (off_t)((b[0x60] | b[0x61] << 8) - 2) << (b[0x6c] + b[0x6d]);
	if (pread(fd, d, sizeof(d), root) != (ssize_t)sizeof(d))
		bail_out("cannot read back");
	while (pos + 400 < sizeof(d) && d[pos])
		pos += 32;
	for (size_t k = 0; k < 30; k++) {
		name[k] = 0xfc;
		strcat(want, "\xc3\xbc");
	}
	exfat_file(d + pos, false, 0x80 | (0x7f & -32), name, 30);
	exfat_file(d + pos + 128, true, 0x80, name, 3);
	if (pwrite(fd, d, sizeof(d), root) != (ssize_t)sizeof(d))
		bail_out("cannot write");
	close(fd);
	if (ok(image_open(&i, "ex.img"), "exFAT opens")) {
		is_str(fs_info(i.f)->type, "exfat", "its type");
		is_str(fs_info(i.f)->label, "Lab", "its label");
		image_walk(&i);
		f = find(&i, want, 0);
		ok(f, "a name of 30 characters beyond ASCII");
		ok(f && f->e.mtime.sec == 1623760210 + 8 * 3600, "written eight hours west of UTC");
		f = find(&i, "\xc3\xbc\xc3\xbc\xc3\xbc", ENTRY_DELETED);
		ok(f && f->e.mtime.sec == 1623760210, "a deleted name");
		f = find(&i, "$ALLOC_BITMAP", 0);
		ok(f && f->e.flags & ENTRY_META && f->e.flags & ENTRY_VIRTUAL,
			"its own structures");
	}
	image_close(&i);
}

int main(void)
{
	place_make();
	test_small_fat32();
	test_atari();
	test_fat(12, 4);
	test_fat(16, 40);
	test_fat(32, 64);
	test_exfat();
	place_remove();
	return done_testing();
}
