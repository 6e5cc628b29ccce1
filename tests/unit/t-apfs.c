/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-apfs.c - APFS containers built byte by byte, read back
 *
 * Nothing in Debian writes files to APFS: the containers here are made of as
 * few blocks as a reader needs. mkapfs, where it is, gives a real one without
 * files, for its free space.
 * Source: Apple File System Reference.
 */
#include "fs/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/apfs.h"
#include "image/extent.h"
#include "image/raw.h"
#include "image/source.h"
#include "tap.h"

#define BLOCKS 64
#define DATA   40 /* first block of contents */
#define FILES  13 /* the node of the first volume's files */

/* One image in memory, and the node that is being filled. */
struct image {
	uint8_t b[BLOCKS][4096];
	uint8_t *node;
	size_t n; /* records in it */
	size_t key;
	size_t value;
};

static void put(uint8_t *p, size_t off, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[off + i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get(const uint8_t *p, size_t off, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[off + n];
	return v;
}

static void seal(uint8_t *b)
{
	uint64_t one = 0;
	uint64_t two = 0;
	uint64_t low = 0;

	for (size_t i = 8; i < 4096; i += 4) {
		one = (one + get(b, i, 4)) % UINT32_MAX;
		two = (two + one) % UINT32_MAX;
	}
	low = UINT32_MAX - (one + two) % UINT32_MAX;
	put(b, 0, low, 4);
	put(b, 4, UINT32_MAX - (one + low) % UINT32_MAX, 4);
}

static void head(uint8_t *b, uint64_t oid, uint64_t xid, unsigned type, unsigned sub)
{
	memset(b, 0, 4096);
	put(b, 8, oid, 8);
	put(b, 16, xid, 8);
	put(b, 24, type, 4);
	put(b, 28, sub, 4);
}

/* --- B-trees of one node -------------------------------------------------------------------- */

#define TOC_BYTES 512

static void node_begin(struct image *m, unsigned block, unsigned sub, bool fixed)
{
	m->node = m->b[block];
	m->n = m->key = m->value = 0;
	head(m->node, block, 1, 0x40000002, sub);
	put(m->node, 0x20, fixed ? 7 : 3, 2);
	put(m->node, 0x2a, TOC_BYTES, 2);
	put(m->node, 0x34, 0xffff, 2);
	put(m->node, 4096 - 36, 4096, 4);
	put(m->node, 4096 - 32, fixed ? 16 : 0, 4);
	put(m->node, 4096 - 28, fixed ? 16 : 0, 4);
	put(m->node, 4096 - 8, 1, 8);
}

static void node_add(struct image *m, const void *key, size_t kn, const void *value, size_t vn)
{
	bool fixed = get(m->node, 0x20, 2) & 4;
	size_t toc = 0x38 + m->n * (fixed ? 4 : 8);

	memcpy(m->node + 0x38 + TOC_BYTES + m->key, key, kn);
	m->value += vn;
	memcpy(m->node + 4096 - 40 - m->value, value, vn);
	put(m->node, toc, m->key, 2);
	if (fixed) {
		put(m->node, toc + 2, m->value, 2);
	} else {
		put(m->node, toc + 2, kn, 2);
		put(m->node, toc + 4, m->value, 2);
		put(m->node, toc + 6, vn, 2);
	}
	m->key += kn;
	m->n++;
	put(m->node, 0x24, m->n, 4);
	put(m->node, 4096 - 16, m->n, 8);
	seal(m->node);
}

static void omap(struct image *m, unsigned block, unsigned tree)
{
	head(m->b[block], block, 1, 0x4000000b, 0);
	put(m->b[block], 0x30, tree, 8);
	seal(m->b[block]);
	node_begin(m, tree, 0x0b, true);
}

static void omap_add(struct image *m, uint64_t oid, uint64_t xid, uint64_t block)
{
	uint8_t k[16];
	uint8_t v[16];

	put(k, 0, oid, 8);
	put(k, 8, xid, 8);
	put(v, 0, 0, 4);
	put(v, 4, 4096, 4);
	put(v, 8, block, 8);
	node_add(m, k, 16, v, 16);
}

/* --- records of a volume -------------------------------------------------------------------- */

#define INODE  3u
#define XATTR  4u
#define EXTENT 8u
#define NAME   9u

#define FILE_MODE 0100640u
#define DIR_MODE  0040750u
#define LINK_MODE 0120777u

static size_t key_of(uint8_t *k, uint64_t id, uint64_t type)
{
	put(k, 0, id | type << 60, 8);
	return 8;
}

static void inode(struct image *m, uint64_t id, uint64_t parent, unsigned mode, uint64_t size)
{
	uint8_t k[8];
	uint8_t v[92 + 4 + 4 + 40] = {0};

	put(v, 0, parent, 8);
	put(v, 8, id, 8);
	for (size_t i = 0; i < 4; i++)
		put(v, 16 + i * 8, 1600000000000000000u + (i + 1) * 1000000001u, 8);
	put(v, 56, 1, 4);
	put(v, 72, 501, 4);
	put(v, 76, 20, 4);
	put(v, 80, mode, 2);
	/* One extended field: the contents' sizes. */
	put(v, 92, 1, 2);
	put(v, 94, 40, 2);
	v[96] = 8;
	put(v, 98, 40, 2);
	put(v, 100, size, 8);
	put(v, 108, (size + 4095) / 4096 * 4096, 8);
	node_add(m, k, key_of(k, id, INODE), v, size || mode == FILE_MODE ? sizeof(v) : 92);
}

static void name(struct image *m, uint64_t dir, const char *s, uint64_t id, unsigned type)
{
	uint8_t k[300];
	uint8_t v[18];
	size_t n = strlen(s) + 1;

	key_of(k, dir, NAME);
	put(k, 8, n, 4);
	memcpy(k + 12, s, n);
	put(v, 0, id, 8);
	put(v, 8, 0, 8);
	put(v, 16, type, 2);
	node_add(m, k, 12 + n, v, 18);
}

static void xattr(struct image *m, uint64_t id, const char *s, const void *p, size_t len)
{
	uint8_t k[300];
	uint8_t v[600];
	size_t n = strlen(s) + 1;

	key_of(k, id, XATTR);
	put(k, 8, n, 2);
	memcpy(k + 10, s, n);
	put(v, 0, 2, 2);
	put(v, 2, len, 2);
	memcpy(v + 4, p, len);
	node_add(m, k, 10 + n, v, 4 + len);
}

static void extent(struct image *m, uint64_t id, uint64_t at, uint64_t len, uint64_t block)
{
	uint8_t k[16];
	uint8_t v[24] = {0};

	key_of(k, id, EXTENT);
	put(k, 8, at, 8);
	put(v, 0, len, 8);
	put(v, 8, block, 8);
	node_add(m, k, 16, v, 24);
}

/* "raw" deflate of one stored block, behind zlib's two bytes. */
static size_t stored(uint8_t *out, const char *s)
{
	size_t n = strlen(s);
	uint32_t a = 1;
	uint32_t b = 0;

	memcpy(out, "fpmc\3\0\0\0", 8);
	put(out, 8, n, 8);
	put(out, 16, 0x0178, 2);
	out[18] = 1;
	put(out, 19, n, 2);
	put(out, 21, ~n, 2);
	memcpy(out + 23, s, n);
	for (size_t i = 0; i < n; i++) {
		a = (a + (uint8_t)s[i]) % 65521;
		b = (b + a) % 65521;
	}
	for (size_t i = 0; i < 4; i++)
		out[23 + n + i] = (uint8_t)((b << 16 | a) >> (24 - 8 * i));
	return 27 + n;
}

static void tree(struct image *m, unsigned block, uint64_t oid)
{
	uint8_t packed[300];
	size_t n = stored(packed, "said once, kept small");

	node_begin(m, block, 0x0e, false);
	put(m->node, 8, oid, 8);
	put(m->node, 24, 2, 4);
	inode(m, 2, 1, DIR_MODE, 0);
	name(m, 2, "a\nb", 16, 8);
	name(m, 2, "dir", 17, 4);
	name(m, 2, "link", 18, 10);
	name(m, 2, "packed", 19, 8);
	name(m, 2, "sparse", 20, 8);
	name(m, 2, "strange", 21, 8);
	inode(m, 3, 1, DIR_MODE, 0);
	name(m, 3, "0x16-dead", 22, 8);
	inode(m, 16, 2, FILE_MODE, 5000);
	xattr(m, 16, "com.apple.ResourceFork", "fork", 4);
	xattr(m, 16, "user.note", "said", 4);
	extent(m, 16, 0, 4096, DATA + 1);
	extent(m, 16, 4096, 4096, DATA);
	inode(m, 17, 2, DIR_MODE, 0);
	name(m, 17, "inner", 16, 8);
	inode(m, 18, 2, LINK_MODE, 0);
	xattr(m, 18, "com.apple.fs.symlink", "dir/inner", 10);
	inode(m, 19, 2, FILE_MODE, 0);
	xattr(m, 19, "com.apple.decmpfs", packed, n);
	inode(m, 20, 2, FILE_MODE, 12288);
	extent(m, 20, 0, 8192, 0);
	extent(m, 20, 8192, 4096, DATA + 2);
	inode(m, 21, 2, FILE_MODE, 0);
	memcpy(packed, "fpmc\x0b\0\0\0", 8);
	xattr(m, 21, "com.apple.decmpfs", packed, n);
	inode(m, 22, 3, FILE_MODE, 100);
	extent(m, 22, 0, 4096, DATA + 3);
}

/* --- volumes and container ------------------------------------------------------------------ */

/* Five blocks from @block on: superblock, object map and its tree, files, snapshots. */
static void volume(struct image *m, unsigned block, uint64_t oid, const char *label, bool secret)
{
	uint8_t *b = m->b[block];
	uint8_t k[8];
	uint8_t v[50 + 8] = {0};

	omap(m, block + 1, block + 2);
	omap_add(m, oid + 100, 1, block + 3);
	tree(m, block + 3, oid + 100);
	node_begin(m, block + 4, 0x10, false);
	key_of(k, 7, 1);
	put(v, 16, 1600000000000000000u, 8);
	put(v, 48, 8, 2);
	memcpy(v + 50, "monday!", 8);
	node_add(m, k, 8, v, sizeof(v));
	head(b, oid, 1, 0x0d, 0);
	memcpy(b + 32, "APSB", 4);
	put(b, 0x38, 1, 8);
	put(b, 0x58, 5, 8);
	put(b, 0x80, block + 1, 8);
	put(b, 0x88, oid + 100, 8);
	put(b, 0x98, block + 4, 8);
	put(b, 0xb0, 30, 8);
	put(b, 0xd8, 1, 8);
	memset(b + 0xf0, 0x11, 16);
	put(b, 0x108, secret ? 0 : 1, 8);
	memcpy(b + 0x2c0, label, strlen(label));
	seal(b);
}

static void super(struct image *m, unsigned block, uint64_t xid, uint64_t omap_block, unsigned n)
{
	uint8_t *b = m->b[block];

	head(b, 1, xid, 0x80000001, 0);
	memcpy(b + 32, "NXSB", 4);
	put(b, 0x24, 4096, 4);
	put(b, 0x28, BLOCKS, 8);
	put(b, 0x40, 2, 8);
	put(b, 0x68, 4, 4);
	put(b, 0x70, 1, 8);
	put(b, 0xa0, omap_block, 8);
	put(b, 0xb4, 100, 4);
	for (unsigned i = 0; i < n; i++)
		put(b, 0xb8 + (i + (i > 0)) * 8, 1026 + i * 1000, 8);
	seal(b);
}

/* The first block is older than the newest checkpoint, and knows of no volumes. */
static struct image *container(unsigned volumes)
{
	static const char *const label[] = {"Macintosh HD", "secret", "Data"};
	struct image *m = calloc(1, sizeof(*m));

	if (!m)
		bail_out("no memory");
	omap(m, 6, 7);
	super(m, 0, 1, 6, 0);
	omap(m, 8, 9);
	for (unsigned i = 0; i < volumes; i++)
		omap_add(m, 1026 + i * 1000, 1, 10 + i * 5);
	super(m, 2, 3, 8, volumes);
	super(m, 3, 2, 6, 0);
	for (unsigned i = 0; i < volumes; i++)
		volume(m, 10 + i * 5, 1026 + i * 1000, label[i], i == 1);
	for (unsigned i = 0; i < 4; i++)
		memset(m->b[DATA + i], 'A' + (int)i, 4096);
	return m;
}

/* --- what a walk says ----------------------------------------------------------------------- */

#define FOUND_MAX 64

struct found {
	char name[64];
	enum entry_kind kind;
	uint32_t flags;
	uint64_t size;
	int64_t mtime;
	uint32_t nlink;
	char target[64];
	uint8_t content[256];
	size_t content_len;
	uint64_t inode;
	uint32_t type;
	uint32_t id;
};

struct walked {
	struct found v[FOUND_MAX];
	size_t n;
	char problems[1024];
};

static int enter(void *ctx, const struct entry *e)
{
	struct walked *w = ctx;
	struct found *f = &w->v[w->n];

	if (w->n == FOUND_MAX || e->content_len > sizeof(f->content))
		return -E2BIG;
	*f = (struct found){.kind = e->kind,
		.flags = e->flags,
		.size = e->size,
		.mtime = e->mtime.sec,
		.nlink = e->nlink,
		.inode = e->inode,
		.type = e->attr_type,
		.id = e->attr_id,
		.content_len = e->content_len};
	snprintf(f->name, sizeof(f->name), "%.*s", (int)e->name_len, (const char *)e->name);
	snprintf(f->target, sizeof(f->target), "%.*s", (int)e->target_len,
		e->target ? (const char *)e->target : "");
	memcpy(f->content, e->content, e->content_len);
	w->n++;
	return 0;
}

static int leave(void *ctx)
{
	(void)ctx;
	return 0;
}

static int problem(void *ctx, const char *text)
{
	struct walked *w = ctx;
	size_t n = strlen(w->problems);

	snprintf(w->problems + n, sizeof(w->problems) - n, "%s\n", text);
	return 0;
}

static const struct found *find(const struct walked *w, const char *s)
{
	for (size_t i = 0; i < w->n; i++) {
		if (strcmp(w->v[i].name, s) == 0)
			return &w->v[i];
	}
	ok(false, "%s is there", s);
	return NULL;
}

static void walk(struct fs *f, struct walked *w)
{
	const struct fs_sink sink = {enter, leave, problem, w};
	struct err e = {0};

	*w = (struct walked){.n = 0};
	is_int(fs_walk(f, &sink, &e), 0, "walked");
}

/* The bytes at both ends of each extent. */
static void is_extents(const struct image *m, const struct found *f, const char *want)
{
	struct extent_map map;
	char got[64] = "";
	size_t n = 0;

	if (extent_map_decode(f->content, f->content_len, f->size, sizeof(m->b), &map)) {
		ok(false, "extents of %s", f->name);
		return;
	}
	for (size_t i = 0; i < map.n && n < sizeof(got) - 1; i++) {
		const struct extent *x = &map.v[i];

		got[n++] = x->kind == EXTENT_ZERO ? '0'
			   : x->kind == EXTENT_ERROR
				   ? '!'
				   : (char)m->b[x->offset / 4096][x->offset % 4096];
	}
	is_str(got, want, "where its bytes lie");
	extent_map_release(&map);
}

static void check_files(const struct image *m, struct fs *f, const struct walked *w)
{
	const struct found *x = find(w, "a\nb");
	char text[64] = "";

	if (x) {
		is_int(x->size, 5000, "a file in two pieces: size");
		is_int(x->mtime, 1600000002, "modified");
		is_extents(m, x, "BA");
	}
	x = find(w, "com.apple.ResourceFork");
	ok(x && x->kind == ENTRY_STREAM && x->size == 4, "a resource fork is a stream");
	x = find(w, "user.note");
	ok(x && x->kind == ENTRY_STREAM && x->content[0] == CONTENT_RESIDENT &&
			memcmp(x->content + 1, "said", 4) == 0,
		"so is an attribute");
	x = find(w, "dir");
	ok(x && x->kind == ENTRY_DIR && x->nlink == 1, "a directory");
	x = find(w, "inner");
	ok(x && x->inode == 16, "a second name of a file");
	x = find(w, "link");
	ok(x && x->kind == ENTRY_LINK && strcmp(x->target, "dir/inner") == 0, "a link");
	x = find(w, "packed");
	if (x) {
		is_int(x->size, 21, "a compressed file: size");
		is_int(fs_read(f, x->inode, x->type, x->id, text, 60, 0), 21, "its length");
		is_str(text, "said once, kept small", "its bytes");
	}
	x = find(w, "sparse");
	if (x)
		is_extents(m, x, "0C");
	x = find(w, "strange");
	ok(x && x->content[0] == CONTENT_ERROR && x->size == 21 && (x->flags & ENTRY_UNREADABLE),
		"compressed by an unknown method: unreadable, not empty");
	x = find(w, "0x16-dead");
	ok(x && (x->flags & ENTRY_ORPHAN) && x->size == 100, "deleted while open: an orphan");
}

static void test_files(void)
{
	struct image *m = container(1);
	struct source *s = NULL;
	struct fs *f = NULL;
	struct walked w;
	struct err e = {0};

	if (source_memory(m->b, sizeof(m->b), &s))
		bail_out("no memory");
	is_int(fs_pool_volumes(s, 0, sizeof(m->b)), 1, "one volume, in the newest checkpoint");
	if (ok(fs_open(s, 0, sizeof(m->b), NULL, &f, &e) == 0, "it opens")) {
		is_str(fs_info(f)->type, "apfs", "type");
		is_str(fs_info(f)->label, "Macintosh HD", "label");
		is_str(fs_info(f)->id, "11111111-1111-1111-1111-111111111111", "UUID");
		ok(strstr(fs_info(f)->note, "not its latest"), "says that the first is older");
		ok(strstr(fs_info(f)->note, "1 snapshots"), "says that there is a snapshot");
		walk(f, &w);
		ok(strstr(w.problems, "snapshot 'monday!' of 2020-09-13T12:26:40Z"), "names it");
		check_files(m, f, &w);
	} else {
		diag("%s", e.text);
	}
	fs_close(f);
	source_close(s);
	free(m);
}

static void test_members(void)
{
	struct image *m = container(3);
	struct source *s = NULL;
	struct fs *f = NULL;
	struct err e = {0};

	if (source_memory(m->b, sizeof(m->b), &s))
		bail_out("no memory");
	is_int(fs_pool_volumes(s, 0, sizeof(m->b)), 3, "three volumes");
	if (!ok(fs_open_member(s, 0, sizeof(m->b), 2, NULL, &f, &e) == 0, "the third opens"))
		diag("%s", e.text);
	if (f)
		is_str(fs_info(f)->label, "Data", "and is the third");
	fs_close(f);
	f = NULL;
	is_int(fs_open_member(s, 0, sizeof(m->b), 1, NULL, &f, &e), -ENOENT, "the second does not");
	is_str(e.text, "APFS volume 'secret', encrypted: recognised and not read", "why");
	source_close(s);
	free(m);
}

static void test_refused(void)
{
	struct image *m = container(1);
	struct source *s = NULL;
	struct fs *f = NULL;
	struct err e = {0};

	if (source_memory(m->b, sizeof(m->b), &s))
		bail_out("no memory");
	memset(m->b[8], 0, 4096);
	is_int(fs_open(s, 0, sizeof(m->b), NULL, &f, &e), -EBADMSG, "no object map: not opened");
	m->b[0][100]++;
	m->b[2][100]++;
	m->b[3][100]++;
	err_clear(&e);
	ok(fs_open(s, 0, sizeof(m->b), NULL, &f, &e) < 0, "superblocks damaged: not opened");
	is_int(fs_pool_volumes(s, 0, sizeof(m->b)), 1, "and one place");
	super(m, 0, 9, 8, 0);
	put(m->b[0], 0x24, 16384, 4);
	seal(m->b[0]);
	err_clear(&e);
	ok(fs_open(s, 0, sizeof(m->b), NULL, &f, &e) < 0 && strstr(e.text, "16384"),
		"large blocks: said so");
	source_close(s);
	free(m);
}

/* Memory that a damaged size asks for is refused here as in a worker. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

/* Return: did it open? Whatever it says, it must come back. */
static bool walk_damaged(struct image *m)
{
	const struct fs_sink sink = {enter, leave, problem, NULL};
	struct fs_sink at = sink;
	struct source *s = NULL;
	struct fs *f = NULL;
	struct walked w = {.n = 0};
	bool opened = false;

	at.ctx = &w;
	if (source_memory(m->b, sizeof(m->b), &s))
		bail_out("no memory");
	opened = fs_open(s, 0, sizeof(m->b), NULL, &f, NULL) == 0;
	if (opened)
		fs_walk(f, &at, NULL);
	fs_close(f);
	source_close(s);
	return opened;
}

static void test_damage(void)
{
	unsigned opened = 0;

	for (unsigned i = 0; i < 15; i++) {
		struct image *m = container(1);

		for (size_t k = 0x20; k < 4096; k += 37)
			m->b[i][k] ^= 0x55;
		seal(m->b[i]);
		opened += walk_damaged(m);
		free(m);
	}
	ok(opened > 0, "damaged blocks: %u of 15 containers still open", opened);
}

/* Offsets and lengths in the node of files, which libtsk follows anywhere. */
static void test_node(void)
{
	static const uint8_t values[] = {0, 1, 0x7f, 0xff};
	struct image *m = container(1);
	unsigned opened = 0;
	unsigned lost = 0;

	for (size_t k = 0x20; k < 4096; k += k < 0x400 || k > 3000 ? 1 : 64) {
		uint8_t was = m->b[FILES][k];

		m->b[FILES][k] = values[k % 4];
		seal(m->b[FILES]);
		if (walk_damaged(m))
			opened++;
		else
			lost++;
		m->b[FILES][k] = was;
	}
	ok(opened > 0 && lost > 0, "one byte of a node: %u open, %u do not", opened, lost);
	free(m);
}

static void test_free(void)
{
	char path[] = "/tmp/t-apfs.XXXXXX";
	struct image_file file = {.fd = mkstemp(path)};
	struct buf free_space = BUF_INIT;
	struct source *s = NULL;
	struct fs *f = NULL;
	struct err e = {0};
	char cmd[200];
	uint64_t size = 0;

	file.size = 512u << 20;
	snprintf(cmd, sizeof(cmd), "PATH=$PATH:/sbin:/usr/sbin mkapfs -L made %s >/dev/null 2>&1",
		path);
	if (file.fd < 0 || ftruncate(file.fd, (off_t)file.size) || system(cmd) != 0) {
		skip("no mkapfs here");
	} else if (raw_open(&file, 1, &s) == 0 &&
		   ok(fs_open(s, 0, file.size, NULL, &f, &e) == 0, "mkapfs's container opens")) {
		is_int(fs_unallocated(f, &free_space, &size, &e), 0, "its free space is listed");
		ok(size > file.size / 10 * 9 && size < file.size, "nearly all of it");
	}
	fs_close(f);
	source_close(s);
	buf_release(&free_space);
	close(file.fd);
	unlink(path);
}

int main(void)
{
	test_files();
	test_members();
	test_refused();
	test_damage();
	test_node();
	test_free();
	return done_testing();
}
