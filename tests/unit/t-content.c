/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-content.c - the bytes of traces, from an index and a medium made for it.
 *
 * No mount and no worker: what only a worker can say is tested elsewhere.
 */
#include "tap.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "image/extent.h"
#include "serve/content.h"
#include "serve/foresee.h"
#include "trace/build.h"

#define MEDIA_BYTES  100000u
#define BAD_FROM     60000u /* this much of the medium cannot be read */
#define BAD_TO       61000u
#define IN_MEMORY    20300u
#define VOLUME_START 4096u
#define VOLUME_BYTES 90000u
#define RUN_FILES    300u /* in a folder, one behind the other */
#define RUN_BYTES    100u /* of each; where it lies: run_offset() */

static char dir[] = "/tmp/t-content.XXXXXX";
static uint8_t media[MEDIA_BYTES];

/* A medium of memory with a bad place: reads stop before it, or fail in it. */
static ssize_t bad_pread(const struct source *s, void *buf, size_t len, uint64_t off)
{
	(void)s;
	if (off >= BAD_FROM && off < BAD_TO)
		return -EIO;
	if (off < BAD_FROM && len > BAD_FROM - off)
		len = (size_t)(BAD_FROM - off);
	memcpy(buf, media + off, len);
	return (ssize_t)len;
}

/* All of it is in memory but its second half. */
static ssize_t bad_now(const struct source *s, void *buf, size_t len, uint64_t off)
{
	return off + len <= IN_MEMORY ? bad_pread(s, buf, len, off) : -EAGAIN;
}

static unsigned lent; /* pieces not yet back */

static ssize_t bad_lend(const struct source *s, size_t len, uint64_t off, struct loan *l)
{
	if (off + len > BAD_FROM && off < BAD_TO)
		return -EAGAIN;
	if (loan_add(l, media + off, len, s, off))
		return -EAGAIN;
	lent++;
	return (ssize_t)len;
}

static void bad_take_back(const struct source *s, const struct loan *l, size_t first, size_t n)
{
	(void)s, (void)l, (void)first;
	lent -= (unsigned)n;
}

static struct source_span expects[2 * RUN_FILES];
static size_t expects_n;

static void bad_expect(const struct source *s, const struct source_span *v, size_t n)
{
	(void)s;
	for (size_t i = 0; i < n && expects_n < 2 * RUN_FILES; i++)
		expects[expects_n++] = v[i];
}

static void bad_close(struct source *s)
{
	free(s);
}

static struct source *bad_source(void)
{
	static const struct source_ops ops = {.pread = bad_pread,
		.now = bad_now,
		.lend = bad_lend,
		.take_back = bad_take_back,
		.expect = bad_expect,
		.close = bad_close};
	struct source *s = calloc(1, sizeof(*s));

	if (!s)
		bail_out("no memory");
	s->ops = &ops;
	s->size = MEDIA_BYTES;
	return s;
}

/* ---- evidence ------------------------------------------------------------------------- */

static void put(struct build *b, const char *name, enum entry_kind kind, uint64_t size,
	const void *content, size_t len)
{
	const struct entry e = {.name = (const uint8_t *)name,
		.name_len = strlen(name),
		.kind = kind,
		.nlink = 1,
		.size = size,
		.content = content,
		.content_len = len};

	if (build_enter(b, &e) || build_leave(b))
		bail_out(build_error(b)->text);
}

static const struct extent pieces[] = {
	{.kind = EXTENT_DATA, .offset = 5000, .length = 3000},
	{.kind = EXTENT_ZERO, .length = 5000},
	{.kind = EXTENT_DATA, .offset = 100, .length = 1},
	{.kind = EXTENT_DATA, .offset = 20000, .length = 777},
	{.kind = EXTENT_ERROR, .length = 1000},
	{.kind = EXTENT_DATA, .offset = MEDIA_BYTES - 10, .length = 10},
};

#define PIECES (sizeof(pieces) / sizeof(pieces[0]))

static uint64_t pack(struct buf *b, const struct extent *v, size_t n)
{
	struct extent_writer w;
	uint64_t size = 0;

	extent_writer_begin(&w, b);
	for (size_t i = 0; i < n; i++) {
		extent_writer_add(&w, v[i].kind, v[i].offset, v[i].length);
		size += v[i].length;
	}
	extent_writer_end(&w);
	return size;
}

/* Files that follow each other in the index lie anywhere. */
static uint64_t run_offset(unsigned i)
{
	return 4096 + (uint64_t)(i * 7 % RUN_FILES) * 2 * RUN_BYTES;
}

/* Every tenth file has its bytes in the index, as small files of NTFS. */
static bool is_resident(unsigned i)
{
	return i % 10 == 7;
}

static void put_run(struct build *b, const struct entry *folder)
{
	if (build_enter(b, folder))
		bail_out(build_error(b)->text);
	for (unsigned i = 0; i < RUN_FILES; i++) {
		const struct extent x = {
			.kind = EXTENT_DATA, .offset = run_offset(i), .length = RUN_BYTES};
		struct buf packed = BUF_INIT;
		char name[16];

		snprintf(name, sizeof(name), "f%03u", i);
		if (is_resident(i))
			buf_put(&packed, "\002x", 2);
		else
			pack(&packed, &x, 1);
		put(b, name, ENTRY_FILE, is_resident(i) ? 1 : RUN_BYTES, packed.data, packed.len);
		buf_release(&packed);
	}
	if (build_leave(b))
		bail_out(build_error(b)->text);
}

static void build_volume(const char *path, const struct siphash_key *key)
{
	static const uint8_t empty[] = {CONTENT_EMPTY};
	static const uint8_t error[] = {CONTENT_ERROR};
	static const uint8_t resident[] = "\002resident bytes";
	static const struct extent over_bad[] = {
		{.kind = EXTENT_DATA, .offset = BAD_FROM - 500, .length = 2000}};
	static const struct extent unallocated[] = {
		{.kind = EXTENT_DATA, .offset = 70000, .length = 512},
		{.kind = EXTENT_DATA, .offset = 80000, .length = 512}};
	const struct entry root = {.kind = ENTRY_DIR, .content = empty, .content_len = 1};
	const struct entry run = {.name = (const uint8_t *)"run",
		.name_len = 3,
		.kind = ENTRY_DIR,
		.content = empty,
		.content_len = 1};
	struct build *b = NULL;
	struct buf packed = BUF_INIT;
	struct err e = {.code = 0};
	uint64_t size = 0;

	if (build_open(path, key, &b, &e) || build_root(b, &root))
		bail_out(e.text);
	size = pack(&packed, pieces, PIECES);
	put(b, "pieces", ENTRY_FILE, size, packed.data, packed.len);
	put(b, "empty", ENTRY_FILE, 0, empty, 1);
	put(b, "resident", ENTRY_FILE, sizeof(resident) - 2, resident, sizeof(resident) - 1);
	put(b, "error", ENTRY_FILE, 10000, error, 1);
	put(b, "folder", ENTRY_DIR, 0, empty, 1);
	buf_reset(&packed);
	size = pack(&packed, over_bad, 1);
	put(b, "over bad", ENTRY_FILE, size, packed.data, packed.len);
	put_run(b, &run);
	buf_reset(&packed);
	size = pack(&packed, unallocated, 2);
	if (build_unallocated(b, packed.data, packed.len, size) || build_finish(b, &e))
		bail_out(e.text);
	buf_release(&packed);
}

static struct evidence *open_evidence(void)
{
	struct image_file file = {
		.path = strdup("/evidence/disk.dd"), .fd = -1, .size = MEDIA_BYTES};
	struct image_files files = {.format = IMAGE_RAW, .v = &file, .n = 1};
	struct scan s = {.media_size = MEDIA_BYTES, .n = 2};
	const struct evidence_opts o = {.name = "disk"};
	struct evidence *ev = NULL;
	struct manifest m;
	struct err e = {.code = 0};
	char *path = manifest_index_path(dir, 0);

	s.v = calloc(s.n, sizeof(*s.v));
	if (!s.v || !path)
		bail_out("no memory");
	s.v[0] = (struct scan_volume){.number = 1,
		.offset = VOLUME_START,
		.length = VOLUME_BYTES,
		.known = true,
		.type = "ext4"};
	s.v[1] = (struct scan_volume){
		.number = 2, .offset = MEDIA_BYTES - 100, .length = 100, .type = "unknown"};
	if (manifest_init(&m, &s, &files, &e))
		bail_out(e.text);
	build_volume(path, &m.key);
	if (evidence_open(dir, &m, NULL, &o, &ev, &e))
		bail_out(e.text);
	ev->media = bad_source();
	manifest_release(&m);
	free(file.path);
	free(path);
	return ev;
}

static uint64_t find(struct evidence *ev, uint64_t folder, const char *name)
{
	struct evidence_cursor c;
	struct trace t = {0};

	evidence_cursor_init(&c, ev);
	if (evidence_lookup(&c, folder, name, strlen(name), &t))
		bail_out(name);
	evidence_cursor_release(&c);
	return t.id;
}

static struct content *open_named(struct evidence *ev, uint64_t folder, const char *name)
{
	struct content *c = NULL;

	if (content_open(ev, find(ev, folder, name), &c))
		bail_out(name);
	return c;
}

/* ---- tests ------------------------------------------------------------------------------ */

/* What the pieces hold, and where they cannot be read. */
static uint64_t model(uint8_t *out, uint64_t *bad_from, uint64_t *bad_to)
{
	uint64_t at = 0;

	for (size_t i = 0; i < PIECES; i++) {
		size_t n = (size_t)pieces[i].length;

		memset(out + at, 0, n);
		if (pieces[i].kind == EXTENT_DATA)
			memcpy(out + at, media + pieces[i].offset, n);
		if (pieces[i].kind == EXTENT_ERROR) {
			*bad_from = at;
			*bad_to = at + n;
		}
		at += n;
	}
	return at;
}

static ssize_t expected(uint64_t off, size_t len, uint64_t size, uint64_t bad_from, uint64_t bad_to)
{
	uint64_t end = 0;

	if (off >= size)
		return 0;
	end = len > size - off ? size : off + len;
	if (off >= bad_from && off < bad_to)
		return len ? -EIO : 0;
	if (off < bad_from && end > bad_from)
		end = bad_from;
	return (ssize_t)(end - off);
}

static void test_pieces(struct evidence *ev, uint64_t root)
{
	static uint8_t want[16384];
	static uint8_t got[16384];
	struct content *c = open_named(ev, root, "pieces");
	const struct siphash_key key = {9, 9};
	uint64_t bad_from = 0;
	uint64_t bad_to = 0;
	uint64_t size = model(want, &bad_from, &bad_to);
	unsigned wrong = 0;

	ok(content_size(c) == size, "the size is the sum of the extents");
	is_int(content_read(c, got, sizeof(got), 0), (long long)bad_from,
		"a read ends before what cannot be read");
	is_int(content_read(c, got, 1, bad_from), -EIO, "which is an error from there");
	is_int(content_read(c, got, 1, bad_to - 1), -EIO, "to its last byte");
	is_int(content_read(c, got, 100, bad_to), 10, "what follows is read");
	is_int(content_read(c, got, 1, size), 0, "the end");
	is_int(content_read(c, got, 1, UINT64_MAX), 0, "far behind it");
	for (uint64_t i = 0; i < 20000; i++) {
		uint64_t r = siphash(&key, &i, sizeof(i));
		uint64_t off = r % (size + 20);
		size_t len = (size_t)((r >> 32) % (i % 2 ? 20 : size));
		ssize_t n = 0;

		memset(got, 0xee, len + 1);
		n = content_read(c, got, len, off);
		wrong += n != expected(off, len, size, bad_from, bad_to);
		wrong += n > 0 && memcmp(got, want + off, (size_t)n) != 0;
		wrong += got[len] != 0xee;
	}
	is_int(wrong, 0, "20,000 ranges: data, zeros, error and end as they must be");
	content_close(c);
}

/* Whether a loan of @n bytes holds @want. */
static bool loan_holds(const struct loan *l, const uint8_t *want, size_t n)
{
	size_t done = 0;

	for (size_t i = 0; i < l->n; i++) {
		size_t len = l->piece[i].iov_len;

		if (len > n - done || memcmp(l->piece[i].iov_base, want + done, len) != 0)
			return false;
		done += len;
	}
	return done == n && l->bytes == n;
}

/* Now, or lent: the same bytes as by reading, or neither. */
static void test_pieces_at_hand(struct evidence *ev, uint64_t root)
{
	static uint8_t want[16384];
	static uint8_t got[16384];
	struct content *c = open_named(ev, root, "pieces");
	const struct siphash_key key = {8, 8};
	uint64_t bad_from = 0;
	uint64_t bad_to = 0;
	uint64_t size = model(want, &bad_from, &bad_to);
	unsigned wrong = 0;
	unsigned now = 0;
	unsigned loans = 0;

	for (uint64_t i = 0; i < 20000; i++) {
		uint64_t r = siphash(&key, &i, sizeof(i));
		uint64_t off = r % (size + 20);
		size_t len = (size_t)((r >> 32) % (i % 2 ? 20 : size));
		ssize_t right = expected(off, len, size, bad_from, bad_to);
		ssize_t n = content_now(c, got, len, off);
		struct loan l = {.n = 0};
		ssize_t m = content_lend(c, len, off, &l);

		wrong += n != right && n != -EAGAIN;
		wrong += n > 0 && memcmp(got, want + off, (size_t)n) != 0;
		now += n > 0;
		/* all or nothing */
		wrong += m != -EAGAIN && (m != right || !loan_holds(&l, want + off, (size_t)m));
		wrong += m == -EAGAIN && (l.n > 0 || lent > 0);
		wrong += m != -EAGAIN && off < bad_from && off + len > bad_from;
		loans += m > 0;
		loan_return(&l);
		wrong += lent != 0;
	}
	is_int(wrong, 0, "20,000 ranges: right, or not at hand; every loan came back");
	ok(now > 1000 && now < 19000, "some are at hand, some are not");
	ok(loans > 1000 && loans < 19000, "some are lent, some are not");
	content_close(c);
}

static void test_bad_medium(struct evidence *ev, uint64_t root)
{
	uint8_t got[2000];
	struct content *c = open_named(ev, root, "over bad");

	is_int(content_read(c, got, sizeof(got), 0), 500,
		"a read ends before a bad place of the medium");
	ok(!memcmp(got, media + BAD_FROM - 500, 500), "with what is before it");
	is_int(content_read(c, got, 10, 500), -EIO, "the place itself is an error");
	is_int(content_read(c, got, 10, 1499), -EIO, "to its end");
	is_int(content_read(c, got, 1000, 1500), 500, "and what lies behind is read");
	ok(!memcmp(got, media + BAD_TO, 500), "as it is");
	content_close(c);
}

static void test_kinds(struct evidence *ev, uint64_t root)
{
	uint8_t got[64];
	struct content *c = open_named(ev, root, "empty");

	ok(content_size(c) == 0 && content_read(c, got, 10, 0) == 0, "an empty file");
	content_close(c);
	c = open_named(ev, root, "resident");
	is_int(content_read(c, got, sizeof(got), 0), 14, "resident bytes");
	ok(!memcmp(got, "resident bytes", 14), "as they are");
	ok(content_read(c, got, 5, 9) == 5 && !memcmp(got, "bytes", 5), "from the middle");
	is_int(content_read(c, got, 5, 14), 0, "to their end");
	content_close(c);
	c = open_named(ev, root, "error");
	ok(content_size(c) == 10000, "a file that cannot be read keeps its size");
	is_int(content_read(c, got, 10, 0), -EIO, "and every read is an error");
	is_int(content_read(c, got, 10, 9999), -EIO, "to its last byte");
	content_close(c);
	is_int(content_open(ev, find(ev, root, "folder"), &c), -EISDIR, "a folder has no bytes");
	is_int(content_open(ev, root, &c), -EISDIR, "nor has a volume's root");
	is_int(content_open(ev, root + 1000, &c), -ENOENT, "nor what is not there");
	is_int(content_open(ev, trace_id(77, 0), &c), -ENOENT, "nor a volume that is not there");
	content_close(NULL);
}

static void is_range(struct evidence *ev, const char *name, size_t from, size_t n)
{
	static uint8_t got[MEDIA_BYTES];
	struct content *c = open_named(ev, trace_id(0, TRACE_EVIDENCE_DIR), name);
	size_t done = 0;
	bool good = content_size(c) == n;

	while (done < n) {
		ssize_t more = content_read(c, got + done, n - done, done);

		if (more == -EIO && from + done >= BAD_FROM && from + done < BAD_TO) {
			memcpy(got + done, media + from + done, BAD_TO - from - done);
			more = (ssize_t)(BAD_TO - from - done);
		}
		if (more <= 0)
			break;
		done += (size_t)more;
	}
	ok(good && done == n && !memcmp(got, media + from, n), "%s", name);
	content_close(c);
}

static void test_streams(struct evidence *ev)
{
	uint8_t got[2048];
	struct content *c = NULL;

	is_range(ev, "image.raw", 0, MEDIA_BYTES);
	is_range(ev, "p1-ext4.raw", VOLUME_START, VOLUME_BYTES);
	is_range(ev, "p2-unknown.raw", MEDIA_BYTES - 100, 100);
	c = open_named(ev, trace_id(0, TRACE_EVIDENCE_DIR), "p1-ext4.unallocated");
	is_int(content_read(c, got, sizeof(got), 0), 1024, "unallocated units");
	ok(!memcmp(got, media + 70000, 512) && !memcmp(got + 512, media + 80000, 512),
		"one behind the other");
	content_close(c);
	c = open_named(ev, trace_id(0, TRACE_EVIDENCE_DIR), "EVIDENCE.txt");
	is_int(content_read(c, got, 10, content_size(c) - 1), 1,
		"EVIDENCE.txt ends where its size says");
	content_close(c);
	is_int(content_open(ev, trace_id(0, TRACE_EVIDENCE_DIR), &c), -EISDIR,
		"the evidence's folder");
	is_int(content_open(ev, trace_id(0, TRACE_VOLUME_RAW(9)), &c), -ENOENT, "a tenth volume");
	is_int(content_open(ev, trace_id(0, 7), &c), -ENOENT, "a number that means nothing");
}

static void test_paths(struct evidence *ev, uint64_t root)
{
	struct evidence_cursor c;
	struct buf b = BUF_INIT;

	evidence_cursor_init(&c, ev);
	is_int(evidence_path(&c, find(ev, root, "resident"), &b), 0, "a path");
	is_str(buf_cstr(&b), "p1-ext4/resident", "is that below the evidence's folder");
	buf_reset(&b);
	is_int(evidence_path(&c, trace_id(0, TRACE_EVIDENCE_DIR), &b), 0, "the folder's own");
	is_str(buf_cstr(&b), "", "is nothing");
	is_int(evidence_path(&c, root + 1000, &b), -ENOENT, "what is not there has none");
	evidence_cursor_release(&c);
	buf_release(&b);
}

/* How often the file was expected before now. */
static unsigned expected_times(unsigned i)
{
	unsigned n = 0;

	for (size_t k = 0; k < expects_n; k++)
		n += expects[k].off == run_offset(i) && expects[k].len == RUN_BYTES;
	return n;
}

static void opened(struct evidence *ev, uint64_t id)
{
	struct foreseen next;

	if (foresee(ev, id, &next))
		foreseen_expect(&next);
}

/* Storage that does not answer holds one thread. */
static void test_foreseen_once(struct evidence *ev, uint64_t root)
{
	uint64_t run = find(ev, root, "run");
	struct foreseen next;
	struct foreseen other;
	unsigned n = 0;
	unsigned i = 0;

	opened(ev, root);
	while (i < RUN_FILES && !foresee(ev, run + 1 + i, &next))
		i++;
	if (!ok(i < RUN_FILES, "something is foreseen"))
		return;
	for (; i < RUN_FILES; i++)
		n += foresee(ev, run + 1 + i, &other);
	is_int(n, 0, "and nothing more until that was said");
	foreseen_drop(&next);
	opened(ev, root);
	for (i = 0; i < RUN_FILES && n == 0; i++)
		n += foresee(ev, run + 1 + i, &other);
	is_int(n, 1, "then it goes on");
	if (n > 0)
		foreseen_drop(&other);
	opened(ev, root);
	expects_n = 0;
	for (i = 0; i < 100; i++)
		opened(ev, run + 1);
	is_int((long long)expects_n, 0, "of one file that is opened again and again nothing is");
}

static void test_foreseen(struct evidence *ev, uint64_t root)
{
	uint64_t run = find(ev, root, "run");
	unsigned late = 0;
	unsigned twice = 0;
	size_t before = 0;

	for (unsigned i = 0; i < RUN_FILES; i++)
		opened(ev, run + 1 + i * 67 % RUN_FILES);
	is_int((long long)expects_n, 0, "of files that are opened anywhere nothing is foreseen");
	for (unsigned i = 0; i < RUN_FILES; i++) {
		late += i >= 8 && !is_resident(i) && expected_times(i) != 1;
		opened(ev, run + 1 + i);
		if (i == 0)
			before = expects_n;
	}
	is_int((long long)before, 0, "nor of the first of a run");
	is_int((long long)late, 0, "one behind the other each is expected before it is opened");
	for (unsigned i = 0; i < RUN_FILES; i++)
		twice += expected_times(i) > 1 || (is_resident(i) && expected_times(i) > 0);
	is_int((long long)twice, 0, "once, and none whose bytes are at hand");
	/* four readers take the files in turn */
	expects_n = 0;
	late = 0;
	opened(ev, root);
	for (unsigned i = 0; i < RUN_FILES; i++) {
		const unsigned k = i / 4 * 4 + (3 - i % 4);

		late += i >= 16 && !is_resident(k) && expected_times(k) != 1;
		opened(ev, run + 1 + k);
	}
	is_int((long long)late, 0, "likewise where four take them in turn");
	expects_n = 0;
	for (unsigned i = 1; i < 10; i++)
		opened(ev, trace_id(77, i));
	opened(ev, trace_id(0, TRACE_IMAGE_RAW));
	is_int((long long)expects_n, 0, "of what is not there nothing");
}

static void is_named(struct evidence *ev, uint64_t folder, const char *name, const char *want)
{
	struct content *c = open_named(ev, folder, name);
	size_t n = 0;
	const void *p = content_name(c, &n);

	ok(want ? p && n == strlen(want) && !memcmp(p, want, n) : !p, "the name of %s", name);
	content_close(c);
}

static void test_names(struct evidence *ev, uint64_t root)
{
	is_named(ev, root, "resident", "resident");
	is_named(ev, root, "over bad", "over bad");
	is_named(ev, trace_id(0, TRACE_EVIDENCE_DIR), "image.raw", NULL);
}

int main(void)
{
	struct evidence *ev = NULL;
	uint64_t root = trace_id(1, 0);

	for (size_t i = 0; i < sizeof(media); i++)
		media[i] = (uint8_t)(i * 31 + i / 256 * 7 + 1);
	if (!mkdtemp(dir))
		bail_out("no folder for the test");
	ev = open_evidence();
	test_pieces(ev, root);
	test_pieces_at_hand(ev, root);
	test_bad_medium(ev, root);
	test_kinds(ev, root);
	test_streams(ev);
	test_paths(ev, root);
	test_names(ev, root);
	test_foreseen(ev, root);
	test_foreseen_once(ev, root);
	evidence_close(ev);
	file_remove_tree(dir, NULL);
	return done_testing();
}
