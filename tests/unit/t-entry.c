/* SPDX-License-Identifier: Apache-2.0 */
/* t-entry.c - the packed form of an entry: what goes in comes out, what is damaged does not pass.
 */
#include "tap.h"

#include <errno.h>
#include <sys/stat.h>

#include "fs/entry.h"
#include "image/extent.h"

#define IMAGE_SIZE UINT64_C(1000000)

static const uint8_t empty[] = {CONTENT_EMPTY};
static const uint8_t member[] = {CONTENT_MEMBER, 7};
static const uint8_t resident[] = {CONTENT_RESIDENT, 'h', 'e', 'l', 'l', 'o'};

static void make_extents(struct buf *b)
{
	struct extent_writer w;

	extent_writer_begin(&w, b);
	extent_writer_add(&w, EXTENT_DATA, 4096, 8192);
	extent_writer_add(&w, EXTENT_ZERO, 0, 1000);
	extent_writer_add(&w, EXTENT_DATA, 512, 100);
	extent_writer_add(&w, EXTENT_ERROR, 0, 7);
	extent_writer_end(&w);
}

/* A file with everything in it. */
static struct entry full_entry(const struct buf *extents)
{
	return (struct entry){
		.name = (const uint8_t *)"letter\xff.txt",
		.name_len = 11,
		.kind = ENTRY_FILE,
		.flags = ENTRY_DELETED | ENTRY_SPARSE,
		.inode = UINT64_C(1) << 48,
		.seq = 65535,
		.mode = S_IFREG | 0644,
		.uid = UINT32_MAX,
		.gid = 1000,
		.nlink = 3,
		.size = 8192 + 1000 + 100 + 7,
		.mtime = {-11644473600, 999999999, true},
		.atime = {1709543553, 123456700, true},
		.ctime = {0, 0, true},
		.crtime = {0, 0, false},
		.attr_type = 128,
		.attr_id = 5,
		.content = extents->data,
		.content_len = extents->len,
	};
}

static struct entry small_entry(enum entry_kind kind)
{
	return (struct entry){.name = (const uint8_t *)"x",
		.name_len = 1,
		.kind = kind,
		.content = empty,
		.content_len = sizeof(empty)};
}

static int decode(const struct buf *b, struct entry *e)
{
	struct cur c = cur_of(b->data, b->len);

	return entry_decode(&c, IMAGE_SIZE, e);
}

static bool same_time(const struct entry_time *a, const struct entry_time *b)
{
	return a->known == b->known && a->sec == b->sec && a->nsec == b->nsec;
}

static bool same_bytes(const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
	return an == bn && (an == 0 || memcmp(a, b, an) == 0);
}

static bool same_entry(const struct entry *a, const struct entry *b)
{
	return same_bytes(a->name, a->name_len, b->name, b->name_len) &&
	       same_bytes(a->target, a->target_len, b->target, b->target_len) &&
	       same_bytes(a->content, a->content_len, b->content, b->content_len) &&
	       a->kind == b->kind && a->flags == b->flags && a->inode == b->inode &&
	       a->seq == b->seq && a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
	       a->nlink == b->nlink && a->size == b->size && a->attr_type == b->attr_type &&
	       a->attr_id == b->attr_id && same_time(&a->mtime, &b->mtime) &&
	       same_time(&a->atime, &b->atime) && same_time(&a->ctime, &b->ctime) &&
	       same_time(&a->crtime, &b->crtime);
}

static void is_round(const struct entry *e, const char *name)
{
	struct buf b = BUF_INIT;
	struct entry got;

	entry_encode(&b, e);
	ok(b.error == 0 && decode(&b, &got) == 0 && same_entry(e, &got),
		"%s comes out as it went in", name);
	buf_release(&b);
}

static void is_rejected(const struct entry *e, const char *name)
{
	struct buf b = BUF_INIT;
	struct entry got;

	entry_encode(&b, e);
	is_int(decode(&b, &got), -EBADMSG, name);
	buf_release(&b);
}

static void test_round_trip(void)
{
	static const uint8_t one[] = {CONTENT_WORKER};
	static const uint8_t error[] = {CONTENT_ERROR};
	struct buf extents = BUF_INIT;
	struct entry e;

	make_extents(&extents);
	e = full_entry(&extents);
	is_round(&e, "a file in extents");
	e = small_entry(ENTRY_DIR);
	is_round(&e, "a directory");
	e.name_len = 0;
	is_round(&e, "a root, without a name");
	e = small_entry(ENTRY_SPECIAL);
	is_round(&e, "a device");
	e = small_entry(ENTRY_LINK);
	e.target = (const uint8_t *)"../a\0b";
	e.target_len = 6;
	is_round(&e, "a link with a NUL in its target");
	e = small_entry(ENTRY_STREAM);
	e.content = resident;
	e.content_len = sizeof(resident);
	e.size = 5;
	is_round(&e, "a resident stream");
	e = small_entry(ENTRY_FILE);
	e.size = INT64_MAX;
	e.content = one;
	e.content_len = 1;
	is_round(&e, "the largest file, asked of a worker");
	e.content = error;
	e.flags = ENTRY_FLAGS_ALL & ~ENTRY_CONTAINER;
	is_round(&e, "an unreadable file with every flag");
	e.size = 5;
	e.content = member;
	e.content_len = sizeof(member);
	is_round(&e, "a member");
	buf_release(&extents);
}

static void test_rules(void)
{
	static uint8_t name[ENTRY_NAME_MAX + 1];
	struct buf extents = BUF_INIT;
	struct entry e;

	make_extents(&extents);
	e = small_entry((enum entry_kind)0);
	is_rejected(&e, "kind 0");
	e = small_entry((enum entry_kind)6);
	is_rejected(&e, "an unknown kind");
	e = small_entry(ENTRY_FILE);
	e.size = 5;
	e.content = member;
	e.content_len = sizeof(member);
	is_rejected(&e, "contents of a member that is none");
	e.flags = ENTRY_MEMBER;
	is_rejected(&e, "a member that a file system has");
	e.flags = ENTRY_MEMBER | ENTRY_VIRTUAL | ENTRY_CONTAINER;
	is_rejected(&e, "a file as a folder of members");
	e.flags = ENTRY_MEMBER | ENTRY_VIRTUAL;
	e.content_len = 1;
	is_rejected(&e, "a member without a locator");
	e = small_entry(ENTRY_FILE);
	e.flags = ENTRY_FLAGS_ALL + 1;
	is_rejected(&e, "an unknown flag");
	e = small_entry(ENTRY_FILE);
	e.name = name;
	e.name_len = sizeof(name);
	is_rejected(&e, "a name that is too long");
	e = small_entry(ENTRY_FILE);
	e.target = (const uint8_t *)"x";
	e.target_len = 1;
	is_rejected(&e, "a file with a link's target");
	e = small_entry(ENTRY_FILE);
	e.mtime = (struct entry_time){1, 1000000000, true};
	is_rejected(&e, "a second of 1,000,000,001 ns");
	e = small_entry(ENTRY_FILE);
	e.size = 1;
	is_rejected(&e, "bytes in an empty content");
	e = small_entry(ENTRY_FILE);
	e.content_len = 0;
	is_rejected(&e, "no content at all");
	e = small_entry(ENTRY_FILE);
	e.content = resident;
	e.content_len = sizeof(resident);
	e.size = 4;
	is_rejected(&e, "a size that is not that of the resident bytes");
	e = small_entry(ENTRY_DIR);
	e.content = resident;
	e.content_len = sizeof(resident);
	e.size = 5;
	is_rejected(&e, "a directory with bytes");
	e = full_entry(&extents);
	e.size++;
	is_rejected(&e, "extents that do not add up to the size");
	e = full_entry(&extents);
	e.content_len--;
	is_rejected(&e, "extents cut off");
	buf_release(&extents);
}

static void try_extent(uint64_t offset, uint64_t length, int want, const char *name)
{
	struct buf extents = BUF_INIT;
	struct buf b = BUF_INIT;
	struct extent_writer w;
	struct entry e = small_entry(ENTRY_FILE);
	struct entry got;

	extent_writer_begin(&w, &extents);
	extent_writer_add(&w, EXTENT_DATA, offset, length);
	extent_writer_end(&w);
	e.size = length;
	e.content = extents.data;
	e.content_len = extents.len;
	entry_encode(&b, &e);
	is_int(decode(&b, &got), want, name);
	buf_release(&b);
	buf_release(&extents);
}

static void test_bounds(void)
{
	try_extent(0, IMAGE_SIZE, 0, "the whole image");
	try_extent(IMAGE_SIZE - 1, 1, 0, "its last byte");
	try_extent(IMAGE_SIZE, 1, -EBADMSG, "the byte behind it");
	try_extent(IMAGE_SIZE - 1, 2, -EBADMSG, "one byte too many");
	try_extent(INT64_MAX, 2, -EBADMSG, "far outside");
	try_extent(UINT64_MAX - 10, 100, -EBADMSG, "past the largest number");
}

static bool inside(const struct buf *b, const uint8_t *p, size_t n)
{
	return n == 0 || (p >= b->data && n <= b->len && p - b->data <= (ptrdiff_t)(b->len - n));
}

static bool content_promised(const struct entry *e)
{
	struct extent_map m;
	uint64_t sum = 0;
	bool good = true;

	switch ((enum content_tag)e->content[0]) {
	case CONTENT_EMPTY:
		return e->size == 0;
	case CONTENT_RESIDENT:
		return e->size == e->content_len - 1;
	case CONTENT_WORKER:
	case CONTENT_ERROR:
		return e->content_len == 1;
	case CONTENT_MEMBER:
		return (e->flags & ENTRY_MEMBER) && e->kind == ENTRY_FILE && e->content_len > 1 &&
		       e->content_len <= 1 + CONTENT_LOCATOR_MAX;
	case CONTENT_EXTENTS:
		break;
	}
	if (extent_map_decode(e->content, e->content_len, e->size, IMAGE_SIZE, &m))
		return false;
	for (size_t i = 0; i < m.n; i++) {
		good = good && m.v[i].length > 0 && m.v[i].start == sum;
		sum += m.v[i].length;
		if (m.v[i].kind == EXTENT_DATA)
			good = good && m.v[i].offset <= IMAGE_SIZE &&
			       m.v[i].length <= IMAGE_SIZE - m.v[i].offset;
	}
	extent_map_release(&m);
	return good && sum == e->size;
}

/* What the header promises of anything that was decoded. */
static bool promised(const struct buf *b, const struct entry *e)
{
	const struct entry_time *times[] = {&e->mtime, &e->atime, &e->ctime, &e->crtime};

	for (size_t i = 0; i < 4; i++) {
		if (times[i]->nsec > 999999999)
			return false;
	}
	return inside(b, e->name, e->name_len) && inside(b, e->target, e->target_len) &&
	       e->content && e->content_len > 0 && inside(b, e->content, e->content_len) &&
	       e->name_len <= ENTRY_NAME_MAX && e->target_len <= ENTRY_NAME_MAX &&
	       e->content_len <= ENTRY_CONTENT_MAX && e->size <= INT64_MAX &&
	       e->kind >= ENTRY_FILE && e->kind <= ENTRY_SPECIAL &&
	       !(e->flags & ~ENTRY_FLAGS_ALL) && (e->kind == ENTRY_LINK || e->target_len == 0) &&
	       (e->kind == ENTRY_FILE || e->kind == ENTRY_STREAM || e->size == 0) &&
	       content_promised(e);
}

/* A copy of its own size, so that a step outside is seen by the sanitizer. */
static int decode_copy(const uint8_t *p, size_t n, bool *bad)
{
	struct buf copy = BUF_INIT;
	struct entry e;
	int r = 0;

	buf_put(&copy, p, n);
	r = decode(&copy, &e);
	if (r != 0 && r != -EBADMSG)
		*bad = true;
	if (r == 0 && !promised(&copy, &e))
		*bad = true;
	buf_release(&copy);
	return r;
}

static void damage(const struct entry *e, const char *name)
{
	struct buf b = BUF_INIT;
	unsigned whole = 0;
	unsigned passed = 0;
	unsigned broken = 0;

	entry_encode(&b, e);
	for (size_t n = 0; n < b.len; n++) {
		bool bad = false;

		whole += decode_copy(b.data, n, &bad) == 0;
		broken += bad;
	}
	is_int(whole, 0, name);
	for (size_t i = 0; i < b.len; i++) {
		uint8_t old = b.data[i];

		for (unsigned v = 0; v < 256; v++) {
			bool bad = false;

			b.data[i] = (uint8_t)v;
			passed += decode_copy(b.data, b.len, &bad) == 0;
			broken += bad;
		}
		b.data[i] = old;
	}
	ok(broken == 0,
		"each byte made every other byte: rejected, or still what was promised (%u)",
		passed);
	buf_put_u8(&b, 0);
	{
		bool bad = false;

		is_int(decode_copy(b.data, b.len, &bad), -EBADMSG, "nor may anything follow");
	}
	buf_release(&b);
}

static void test_damage(void)
{
	struct buf extents = BUF_INIT;
	struct entry e;

	make_extents(&extents);
	e = full_entry(&extents);
	damage(&e, "no beginning of a file's entry passes");
	e = small_entry(ENTRY_LINK);
	e.target = (const uint8_t *)"/etc/hostname";
	e.target_len = 13;
	damage(&e, "nor of a link's");
	e = small_entry(ENTRY_STREAM);
	e.content = resident;
	e.content_len = sizeof(resident);
	e.size = 5;
	damage(&e, "nor of a stream's");
	buf_release(&extents);
}

int main(void)
{
	test_round_trip();
	test_rules();
	test_bounds();
	test_damage();
	return done_testing();
}
