/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-blocks.c - hashes of blocks kept beside an index, against a model that has them in memory;
 * contents that stand within other files, found with and without them
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "image/extent.h"
#include "serve/blocks.h"
#include "serve/remnants.h"
#include "trace/build.h"

#define BLOCKS      320u
#define MEDIA_BYTES (BLOCKS * BLOCK_BYTES + 1000u) /* the last is not whole */

static char dir[] = "/tmp/t-blocks.XXXXXX";
static char path[64];
static uint8_t media[MEDIA_BYTES];
static uint64_t state = 3;

static uint64_t draw(uint64_t below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % below;
}

/* ---- the table ------------------------------------------------------------------------------- */

struct span2 {
	uint64_t begin, end; /* what cannot be read */
};

struct model {
	enum block_kind kind[BLOCKS];
	uint64_t hash[BLOCKS];
	unsigned next;
	bool wrong;
};

static bool is_bad(const struct span2 *bad, uint64_t off)
{
	return off >= bad->begin && off < bad->end;
}

/* The image, in pieces of any size, each read as a whole or not at all. */
static int go_by(struct blocks_writer *w, uint64_t most, const struct span2 *bad)
{
	uint64_t off = 0;
	int r = 0;

	while (r == 0 && off < MEDIA_BYTES) {
		uint64_t end = off + 1 + draw(most);
		uint8_t *piece = NULL;

		if (off < bad->begin && end > bad->begin)
			end = bad->begin;
		if (off < bad->end && end > bad->end && is_bad(bad, off))
			end = bad->end;
		if (end > MEDIA_BYTES)
			end = MEDIA_BYTES;
		piece = malloc((size_t)(end - off));
		if (!piece)
			bail_out("no memory");
		memcpy(piece, media + off, (size_t)(end - off));
		r = blocks_bytes(w, off, is_bad(bad, off) ? NULL : piece, end - off);
		free(piece);
		off = end;
	}
	return r;
}

static int make(uint64_t most, const struct span2 *bad)
{
	struct blocks_writer *w = NULL;
	int r = blocks_begin(dir, MEDIA_BYTES, &w);

	if (r == 0)
		r = go_by(w, most, bad);
	if (r == 0)
		r = blocks_keep(w, NULL);
	blocks_free(w);
	return r;
}

static void expect(struct model *m, const struct span2 *bad)
{
	*m = (struct model){.next = 0};
	for (unsigned i = 0; i < BLOCKS; i++) {
		const uint8_t *p = media + i * BLOCK_BYTES;
		bool same = true;

		for (unsigned k = 0; k < BLOCK_BYTES; k++) {
			same = same && p[k] == p[0];
			if (is_bad(bad, i * BLOCK_BYTES + k))
				m->kind[i] = BLOCK_UNREAD;
		}
		if (m->kind[i] == BLOCK_UNREAD)
			continue;
		m->kind[i] = !same ? BLOCK_HASHED : p[0] ? BLOCK_CONSTANT : BLOCK_ZERO;
		if (!same)
			block_kind(p, &m->hash[i]);
	}
}

static int on_blocks(
	void *ctx, enum block_kind kind, uint64_t first, uint64_t n, const uint64_t *hashes)
{
	struct model *m = ctx;

	m->wrong = m->wrong || first != m->next || n > BLOCKS - m->next;
	for (uint64_t i = 0; !m->wrong && i < n; i++) {
		m->wrong = m->kind[m->next] != kind ||
			   (kind == BLOCK_HASHED && hashes[i] != m->hash[m->next]);
		m->next++;
	}
	return 0;
}

static void test_table(void)
{
	static const struct span2 bad[] = {{0, 0}, {5 * BLOCK_BYTES + 7, 9 * BLOCK_BYTES},
		{100, 101}, {200 * BLOCK_BYTES, MEDIA_BYTES}};
	static const uint64_t most[] = {1, 700, BLOCK_BYTES, 3 * BLOCK_BYTES + 1, MEDIA_BYTES};
	bool sound = true;
	struct model m;

	for (unsigned i = 0; sound && i < 4; i++)
		for (unsigned k = 0; sound && k < 5; k++) {
			expect(&m, &bad[i]);
			sound = make(most[k], &bad[i]) == 0 &&
				blocks_each(dir, MEDIA_BYTES, on_blocks, &m) == 0 && !m.wrong &&
				m.next == BLOCKS;
		}
	ok(sound, "what goes by in pieces of any size is in the table, block by block");
	ok(make(5000, &bad[0]) == 0 && access(path, R_OK) == 0, "it is there");
}

static int each_again(uint64_t size)
{
	struct model m;

	expect(&m, &(struct span2){0, 0});
	return blocks_each(dir, size, on_blocks, &m);
}

static void test_unfinished(void)
{
	struct blocks_writer *w = NULL;
	char partial[80];

	snprintf(partial, sizeof(partial), "%s.partial", path);
	unlink(path);
	is_int(each_again(MEDIA_BYTES), -ENOENT, "there is none");
	is_int(blocks_begin(dir, MEDIA_BYTES, &w), 0, "one is begun");
	is_int(blocks_bytes(w, 0, media, 3 * BLOCK_BYTES + 5), 0, "a part goes by");
	is_int(blocks_bytes(w, 0, media, 1), -EINVAL, "and not once more");
	ok(blocks_keep(w, NULL) < 0, "it cannot be kept before its end");
	blocks_free(w);
	ok(access(path, F_OK) && access(partial, F_OK), "and leaves nothing");
	is_int(blocks_begin("/nowhere/at/all", 1, &w), -ENOENT, "nowhere to make it");
	blocks_free(NULL);
}

/* Bytes of it changed, its end cut off: it is never taken for whole. */
static void test_damage(void)
{
	char *whole = NULL;
	struct stat st;
	bool found = true;
	int fd = -1;

	if (make(5000, &(struct span2){0, 0}) || stat(path, &st))
		bail_out("no table");
	fd = open(path, O_RDWR);
	whole = malloc((size_t)st.st_size);
	if (fd < 0 || !whole || pread(fd, whole, (size_t)st.st_size, 0) != st.st_size)
		bail_out("no table");
	for (off_t i = 0; found && i < st.st_size; i += i < 64 ? 1 : 1 + (off_t)draw(40)) {
		char c = (char)(whole[i] ^ (1 << draw(8)));

		found = pwrite(fd, &c, 1, i) == 1 && each_again(MEDIA_BYTES) == -EBADMSG &&
			pwrite(fd, whole + i, 1, i) == 1;
	}
	ok(found, "a table with a byte changed is damaged");
	for (off_t i = st.st_size - 1; found && i >= 0; i -= 1 + (off_t)draw(40))
		found = ftruncate(fd, i) == 0 && each_again(MEDIA_BYTES) == -EBADMSG;
	ok(found, "and one that ends early");
	ok(pwrite(fd, whole, (size_t)st.st_size, 0) == st.st_size && each_again(MEDIA_BYTES) == 0,
		"as it was it is not");
	is_int(each_again(MEDIA_BYTES - 1), -EBADMSG, "of an image of another size it is");
	ok(pwrite(fd, "", 1, st.st_size) == 1 && each_again(MEDIA_BYTES) == -EBADMSG,
		"with more behind it, too");
	close(fd);
	free(whole);
}

/* ---- contents within other files ----------------------------------------------------------- */

#define LETTER       20000u
#define LETTER_AT    (2 * BLOCK_BYTES + 512)
#define LARGE_AT     (100 * BLOCK_BYTES)
#define LARGE_BYTES  (100 * BLOCK_BYTES)
#define FREE_AT      (300 * BLOCK_BYTES + 77)
#define VOLUME_BYTES (MEDIA_BYTES - 512)

static uint8_t letter[LETTER];
static uint64_t letter_id;
static uint64_t large_read; /* bytes of what has nothing of it */
static struct span2 fault;  /* what cannot be read */

static ssize_t faulty_pread(const struct source *s, void *buf, size_t len, uint64_t off)
{
	(void)s;
	if (is_bad(&fault, off))
		return -EIO;
	if (off < fault.begin && len > fault.begin - off)
		len = (size_t)(fault.begin - off);
	if (off < LARGE_AT + LARGE_BYTES && off + len > LARGE_AT)
		large_read += len;
	memcpy(buf, media + off, len);
	return (ssize_t)len;
}

static void faulty_close(struct source *s)
{
	free(s);
}

static struct source *faulty_source(void)
{
	static const struct source_ops ops = {.pread = faulty_pread, .close = faulty_close};
	struct source *s = calloc(1, sizeof(*s));

	if (!s)
		bail_out("no memory");
	s->ops = &ops;
	s->size = MEDIA_BYTES;
	return s;
}

/* Where letter bytes [from, from + n) are put; what is around them is of nothing. */
struct planted {
	uint64_t at;
	uint64_t from;
	uint64_t n;
	bool found;  /* within a file */
	bool remain; /* where no file is */
};

static const struct planted planted[] = {
	/* with something behind it, at a sector */
	{.at = 20 * BLOCK_BYTES + 3 * 512, .n = LETTER, .found = true},
	/* in the middle of a backup, and a part of it */
	{.at = 40 * BLOCK_BYTES, .n = LETTER, .found = true},
	{.at = 50 * BLOCK_BYTES, .from = 4096 + 512, .n = 2 * BLOCK_BYTES + 9, .found = true},
	/* less than a block, and at no sector: a block is never whole */
	{.at = 60 * BLOCK_BYTES + 512, .n = BLOCK_BYTES},
	{.at = 64 * BLOCK_BYTES + 1, .n = LETTER},
	/* in pieces, in a file of two extents */
	{.at = 75 * BLOCK_BYTES, .n = 3 * BLOCK_BYTES, .found = true},
	{.at = 70 * BLOCK_BYTES,
		.from = 3 * BLOCK_BYTES,
		.n = LETTER - 3 * BLOCK_BYTES,
		.found = true},
	/* in the file system's own */
	{.at = 90 * BLOCK_BYTES, .n = LETTER},
	/* where no file is */
	{.at = FREE_AT, .n = LETTER, .remain = true},
};

#define PLANTED (sizeof(planted) / sizeof(planted[0]))

static void put(struct build *b, const char *name, const struct extent *v, size_t n, unsigned flags)
{
	static unsigned inode = 10;
	struct extent_writer w;
	struct buf packed = BUF_INIT;
	struct entry e = {.name = (const uint8_t *)name,
		.name_len = strlen(name),
		.kind = ENTRY_FILE,
		.nlink = 1,
		.flags = (uint16_t)flags,
		.inode = ++inode};

	extent_writer_begin(&w, &packed);
	for (size_t i = 0; i < n; i++) {
		extent_writer_add(&w, v[i].kind, v[i].offset, v[i].length);
		e.size += v[i].length;
	}
	extent_writer_end(&w);
	e.content = packed.data;
	e.content_len = packed.len;
	if (build_enter(b, &e) || build_leave(b))
		bail_out(build_error(b)->text);
	buf_release(&packed);
}

static struct extent data(uint64_t offset, uint64_t length)
{
	return (struct extent){.kind = EXTENT_DATA, .offset = offset, .length = length};
}

static void build_volume(const struct siphash_key *key)
{
	static const uint8_t empty[] = {CONTENT_EMPTY};
	const struct entry root = {.kind = ENTRY_DIR, .content = empty, .content_len = 1};
	const struct extent own = data(LETTER_AT, LETTER);
	const struct extent tail = data(20 * BLOCK_BYTES + 3 * 512, LETTER + 3000);
	const struct extent backup = data(38 * BLOCK_BYTES, 32 * BLOCK_BYTES);
	const struct extent two[] = {
		data(75 * BLOCK_BYTES, 3 * BLOCK_BYTES), data(70 * BLOCK_BYTES, 4 * BLOCK_BYTES)};
	const struct extent system = data(90 * BLOCK_BYTES, 6 * BLOCK_BYTES);
	const struct extent large = data(LARGE_AT, LARGE_BYTES);
	char *index = manifest_index_path(dir, 0);
	struct build *b = NULL;
	struct err e = {.code = 0};

	if (!index || build_open(index, key, &b, &e) || build_root(b, &root))
		bail_out(e.text);
	put(b, "backup", &backup, 1, 0);
	put(b, "large", &large, 1, 0);
	put(b, "letter", &own, 1, 0);
	put(b, "own", &system, 1, ENTRY_META);
	put(b, "tail", &tail, 1, 0);
	put(b, "two", two, 2, 0);
	if (build_finish(b, &e))
		bail_out(e.text);
	free(index);
}

static struct evidence *open_evidence(void)
{
	struct image_file image = {
		.path = strdup("/evidence/disk.dd"), .fd = -1, .size = MEDIA_BYTES};
	struct image_files files = {.format = IMAGE_RAW, .v = &image, .n = 1};
	struct scan s = {.media_size = MEDIA_BYTES, .n = 1};
	const struct evidence_opts o = {.name = "disk"};
	struct evidence_cursor c;
	struct evidence *ev = NULL;
	struct manifest m;
	struct trace t;
	struct err e = {.code = 0};

	s.v = calloc(1, sizeof(*s.v));
	if (!s.v)
		bail_out("no memory");
	s.v[0] = (struct scan_volume){.number = 1,
		.offset = 512,
		.length = VOLUME_BYTES,
		.block_size = 512,
		.known = true,
		.type = "ext4"};
	if (manifest_init(&m, &s, &files, &e))
		bail_out(e.text);
	build_volume(&m.key);
	if (evidence_open(dir, &m, NULL, &o, &ev, &e))
		bail_out(e.text);
	ev->media = faulty_source();
	evidence_cursor_init(&c, ev);
	if (evidence_lookup(&c, trace_of_index(0, 0), "letter", 6, &t))
		bail_out("no letter");
	letter_id = t.id;
	evidence_cursor_release(&c);
	manifest_release(&m);
	free(image.path);
	return ev;
}

static void plant(void)
{
	for (size_t i = 0; i < sizeof(letter); i++)
		letter[i] = (uint8_t)draw(256);
	memset(letter + BLOCK_BYTES, 0, BLOCK_BYTES); /* also what is nothing of it */
	memcpy(media + LETTER_AT, letter, sizeof(letter));
	for (size_t i = 0; i < PLANTED; i++) {
		const struct planted *p = &planted[i];

		memcpy(media + p->at, letter + p->from, p->n);
		/* it ends there, and begins there */
		media[p->at + p->n] =
			p->from + p->n < LETTER ? (uint8_t)~letter[p->from + p->n] : 1;
		media[p->at - 1] = p->from > 0 ? (uint8_t)~letter[p->from - 1] : 1;
	}
}

/* Whether just what was planted is found. @more: this too. */
static void finds(struct evidence *ev, const struct span2 *more, const char *what)
{
	static uint8_t want[MEDIA_BYTES];
	static uint8_t got[MEDIA_BYTES];
	const struct remnant_source source = {.ev = ev, .trace = letter_id};
	_Atomic bool stop = false;
	struct remnants found = {NULL, 0, 0};
	unsigned wrong = 0;
	int r = 0;

	memset(want, 0, sizeof(want));
	memset(got, 0, sizeof(got));
	for (size_t i = 0; i < PLANTED; i++) {
		const struct planted *p = &planted[i];

		if (p->found || p->remain)
			memset(want + p->at, p->found ? 1 : 2, p->n);
	}
	if (more->end > more->begin)
		memset(want + more->begin, 1, more->end - more->begin);
	large_read = 0;
	r = remnants_find(ev, &source, 1, &stop, &found);
	for (size_t i = 0; i < found.n; i++)
		memset(got + found.v[i].begin, found.v[i].shared ? 1 : 2,
			found.v[i].end - found.v[i].begin);
	for (size_t i = 0; i < sizeof(want); i++) {
		if (want[i] != got[i] && wrong++ < 3)
			diag("byte %zu: %u, not %u", i, got[i], want[i]);
	}
	ok(r == 0 && wrong == 0, "%s", what);
	free(found.v);
}

static void damage(void)
{
	int fd = open(path, O_RDWR);
	uint8_t c = 0;

	if (fd < 0 || pread(fd, &c, 1, 500) != 1)
		bail_out("no table");
	c ^= 1;
	if (pwrite(fd, &c, 1, 500) != 1)
		bail_out("no table");
	close(fd);
}

static void test_find(void)
{
	static const struct span2 none;
	static const struct span2 passed = {39 * BLOCK_BYTES + 9, 43 * BLOCK_BYTES};
	struct evidence *ev = NULL;

	plant();
	ev = open_evidence();
	unlink(path);
	finds(ev, &none, "without a table, files are read");
	ok(large_read >= LARGE_BYTES, "all of them");
	if (make(5000, &none))
		bail_out("no table");
	finds(ev, &none, "with it the same is found");
	is_int(large_read, 0, "and what has nothing of it is not read");
	damage();
	finds(ev, &none, "one that is damaged is not relied on");
	ok(large_read >= LARGE_BYTES, "all of them are read again");
	if (make(5000, &passed))
		bail_out("no table");
	finds(ev, &none, "what it could not read is read");
	is_int(large_read, 0, "and nothing else");
	if (make(5000, &none))
		bail_out("no table");
	/* one block of the letter in the backup: by its hash alone */
	fault = (struct span2){42 * BLOCK_BYTES, 43 * BLOCK_BYTES};
	finds(ev, &fault, "what cannot be read any more is taken by its hash");
	fault = none;
	evidence_close(ev);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(media); i++)
		media[i] = (uint8_t)draw(256);
	memset(media + 10 * BLOCK_BYTES, 0, 7 * BLOCK_BYTES);
	memset(media + 30 * BLOCK_BYTES, 0xff, BLOCK_BYTES);
	memset(media + 31 * BLOCK_BYTES, 0xee, 2 * BLOCK_BYTES);
	memset(media + (BLOCKS - 2) * BLOCK_BYTES, 0, 2 * BLOCK_BYTES);
	if (!mkdtemp(dir))
		bail_out("no folder for the test");
	snprintf(path, sizeof(path), "%s/blocks", dir);
	test_table();
	test_unfinished();
	test_damage();
	test_find();
	file_remove_tree(dir, NULL);
	return done_testing();
}
