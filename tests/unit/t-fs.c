/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-fs.c - file systems made by their own tools, read back
 *
 * Each image is made from files of known bytes (mke2fs -d, debugfs, ntfscp,
 * ntfs-3g, mtools); every name, size and byte is compared with them. Needs no
 * root but for what goes through /dev/fuse; a missing tool skips its part.
 */
#include "fs/fs.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/extent.h"
#include "image/raw.h"
#include "image/source.h"
#include "tap.h"

#define FOUND_MAX 300000

struct found {
	char *path;
	struct entry e; /* name and target are not kept, contents are */
	char *target;
	uint8_t *content;
};

struct image {
	struct image_file file;
	struct source *s;
	struct fs *f;
	struct found *v;
	size_t n;
	size_t problems;
	char path[65536];
	size_t up[8192];
	size_t depth;
	size_t owner; /* length of the path of what streams belong to */
};

static char dir[64];

__attribute__((format(printf, 1, 2))) static int run(const char *fmt, ...)
{
	char cmd[4096];
	size_t n = (size_t)snprintf(cmd, sizeof(cmd), "cd %s && (", dir);
	va_list ap;

	va_start(ap, fmt);
	n += (size_t)vsnprintf(cmd + n, sizeof(cmd) - n, fmt, ap);
	va_end(ap);
	snprintf(cmd + n, sizeof(cmd) - n, ") >/dev/null 2>&1");
	return system(cmd);
}

static bool have(const char *tool)
{
	return run("PATH=$PATH:/sbin:/usr/sbin command -v %s", tool) == 0;
}

/* --- a file of known bytes ------------------------------------------------------------------ */

static uint8_t *pattern(size_t n, unsigned seed)
{
	uint8_t *p = malloc(n + 1);
	uint64_t x = seed * 2654435761u + 88172645463325252u;

	if (!p)
		bail_out("no memory");
	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = (uint8_t)x;
	}
	return p;
}

static void put_file(const char *name, size_t n, unsigned seed)
{
	char path[8192];
	uint8_t *p = pattern(n, seed);
	FILE *out = NULL;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	out = fopen(path, "wb");
	if (!out || fwrite(p, 1, n, out) != n || fclose(out))
		bail_out("cannot write a file");
	free(p);
}

/* --- walk ----------------------------------------------------------------------------------- */

static int enter(void *ctx, const struct entry *e)
{
	struct image *i = ctx;
	size_t n = i->depth ? i->up[i->depth - 1] : 0;
	struct buf packed = BUF_INIT;
	struct cur c = {0};
	struct entry back;
	struct found *f = NULL;

	/* What the walk says must pass the check that guards the index. */
	entry_encode(&packed, e);
	c = cur_of(packed.data, packed.len);
	if (entry_decode(&c, source_size(i->s), &back))
		ok(false, "an entry that does not decode");
	buf_release(&packed);
	if (i->n >= FOUND_MAX || n + e->name_len + 2 > sizeof(i->path) || i->depth >= 8000)
		return -E2BIG;
	if (e->kind == ENTRY_STREAM) {
		n = i->owner;
		i->path[n++] = ':';
	} else if (n > 0) {
		i->path[n++] = '/';
	}
	memcpy(i->path + n, e->name, e->name_len);
	n += e->name_len;
	i->path[n] = '\0';
	i->up[i->depth++] = n;
	f = &i->v[i->n++];
	*f = (struct found){.path = strdup(i->path), .e = *e};
	f->target = strndup(e->target ? (const char *)e->target : "", e->target_len);
	f->content = malloc(e->content_len);
	if (!f->path || !f->target || !f->content)
		return -ENOMEM;
	memcpy(f->content, e->content, e->content_len);
	f->e.content = f->content;
	return 0;
}

static int leave(void *ctx)
{
	struct image *i = ctx;

	if (i->depth == 0)
		return -EBADMSG;
	i->depth--;
	if (i->v[i->n - 1].e.kind != ENTRY_STREAM || i->up[i->depth] < i->owner)
		i->owner = i->up[i->depth];
	return 0;
}

static int problem(void *ctx, const char *text)
{
	struct image *i = ctx;

	i->problems++;
	diag("problem: %s", text);
	return 0;
}

static bool image_open(struct image *i, const char *name)
{
	char path[8192];
	struct stat st;
	struct err e = {0};

	*i = (struct image){.v = NULL};
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	i->file.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (i->file.fd < 0 || fstat(i->file.fd, &st))
		return false;
	i->file.size = (uint64_t)st.st_size;
	i->v = calloc(FOUND_MAX, sizeof(*i->v));
	if (!i->v || raw_open(&i->file, 1, &i->s))
		bail_out("cannot open an image");
	if (fs_open(i->s, 0, source_size(i->s), NULL, &i->f, &e)) {
		diag("%s", err_text(&e, EIO));
		return false;
	}
	return true;
}

static void image_walk(struct image *i)
{
	struct fs_sink sink = {enter, leave, problem, i};
	struct err e = {0};

	is_int(fs_walk(i->f, &sink, &e), 0, "walked");
	is_int(i->depth, 0, "every enter has its leave");
}

static void image_close(struct image *i)
{
	for (size_t k = 0; k < i->n; k++) {
		free(i->v[k].path);
		free(i->v[k].target);
		free(i->v[k].content);
	}
	free(i->v);
	fs_close(i->f);
	source_close(i->s);
	if (i->file.fd >= 0)
		close(i->file.fd);
}

static const struct found *find(const struct image *i, const char *path, uint32_t flags)
{
	for (size_t k = 0; k < i->n; k++) {
		if (strcmp(i->v[k].path, path) == 0 &&
			(i->v[k].e.flags & (ENTRY_DELETED | ENTRY_ORPHAN)) == flags)
			return &i->v[k];
	}
	return NULL;
}

static bool read_extents(const struct image *i, const struct entry *e, uint8_t *out)
{
	struct extent_map m;
	bool good = true;

	if (extent_map_decode(e->content, e->content_len, e->size, source_size(i->s), &m))
		return false;
	for (size_t k = 0; k < m.n && good; k++) {
		const struct extent *x = &m.v[k];

		if (x->kind == EXTENT_DATA)
			good = source_read_all(i->s, out + x->start, (size_t)x->length,
				       x->offset) == (ssize_t)x->length;
		else if (x->kind == EXTENT_ZERO)
			memset(out + x->start, 0, (size_t)x->length);
		else
			good = false;
	}
	extent_map_release(&m);
	return good;
}

/* Contents whole; in odd pieces where a worker must be asked. NULL: unreadable. */
static uint8_t *read_whole(const struct image *i, const struct entry *e)
{
	uint8_t *out = malloc((size_t)e->size + 1);
	uint64_t done = 0;
	bool good = out != NULL;

	switch ((enum content_tag)e->content[0]) {
	case CONTENT_EMPTY:
		break;
	case CONTENT_RESIDENT:
		memcpy(out, e->content + 1, (size_t)e->size);
		break;
	case CONTENT_EXTENTS:
		good = good && read_extents(i, e, out);
		break;
	case CONTENT_WORKER:
		while (good && done < e->size) {
			ssize_t n = fs_read(
				i->f, e->inode, e->attr_type, e->attr_id, out + done, 70001, done);

			good = n > 0;
			done += good ? (uint64_t)n : 0;
		}
		break;
	case CONTENT_ERROR:
		good = false;
	}
	if (good)
		return out;
	free(out);
	return NULL;
}

static void is_file(
	const struct image *i, const char *path, uint32_t flags, size_t n, unsigned seed)
{
	const struct found *f = find(i, path, flags);
	uint8_t *want = NULL;
	uint8_t *got = NULL;

	if (!ok(f, "%.80s is there", path))
		return;
	is_int(f->e.size, n, "its size");
	want = pattern(n, seed);
	got = f->e.size == n ? read_whole(i, &f->e) : NULL;
	ok(got && memcmp(got, want, n) == 0, "its bytes");
	free(want);
	free(got);
}

/* --- the library's functions that are defined again ----------------------------------------- */

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

/* --- ext ------------------------------------------------------------------------------------ */

/* --- sound, and refused by libtsk as they stand ---------------------------------------------- */

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

/* --- more than a volume has room for -------------------------------------------------------- */

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

/* --- NTFS ----------------------------------------------------------------------------------- */

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

/* --- FAT and exFAT -------------------------------------------------------------------------- */

static void test_fat(unsigned bits, unsigned mib)
{
	struct image i;
	const struct found *f = NULL;
	char type[16];

	if (!have("mkfs.fat") || !have("mcopy")) {
		skip("mkfs.fat or mtools is not installed");
		return;
	}
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

/* --- ISO 9660, made by hand ------------------------------------------------------------------ */

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

/* --- what is not read ----------------------------------------------------------------------- */

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
	snprintf(dir, sizeof(dir), "/tmp/t-fs.XXXXXX");
	if (!mkdtemp(dir))
		bail_out("cannot make a directory");
	test_fix();
	test_refused();
	test_room();
	test_small_fat32();
	test_hfs();
	test_ufs("1", "be");
	test_ufs("1", "le");
	test_ufs("2", "be");
	test_ufs("2", "le");
	test_atari();
	test_large_clusters(131072);
	test_large_clusters(2097152);
	test_ext_attributes();
	test_ext_tree();
	test_ext_fragmented();
	test_truncated();
	test_ntfs_tool();
	test_ntfs_mount();
	test_fat(12, 4);
	test_fat(16, 40);
	test_fat(32, 64);
	test_exfat();
	test_iso();
	run("cd / && rm -rf %s", dir);
	return done_testing();
}
