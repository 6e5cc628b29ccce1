/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-index.c - a walk goes into an index (trace/build.h), and comes out of it as a
 * tree that can be served (trace/index.h).
 */
#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/db.h"
#include "base/digest.h"
#include "base/file.h"
#include "image/extent.h"
#include "trace/build.h"
#include "trace/id.h"
#include "trace/index.h"

#define DELETED_ROOT (UINT64_C(1) << TRACE_PART_SHIFT)
#define KIB          1024u

static const struct siphash_key key = {3, 4};
static const uint8_t empty[] = {CONTENT_EMPTY};
static const uint8_t worker[] = {CONTENT_WORKER};
static char dir[] = "/tmp/t-index.XXXXXX";
static char path[256];

/* ---- a walk ------------------------------------------------------------------------ */

static struct build *begin(void)
{
	struct build *b = NULL;
	struct err e = {.code = 0};
	const struct entry root = {.name = (const uint8_t *)"",
		.kind = ENTRY_DIR,
		.inode = 2,
		.content = empty,
		.content_len = 1};

	if (build_open(path, &key, &b, &e) || build_root(b, &root))
		bail_out(e.text);
	return b;
}

static struct entry entry_of(
	enum entry_kind kind, const char *name, uint64_t inode, uint32_t flags, uint64_t size)
{
	return (struct entry){.name = (const uint8_t *)name,
		.name_len = strlen(name),
		.kind = kind,
		.flags = flags,
		.inode = inode,
		.nlink = 1,
		.size = size,
		.mtime = {1700000000, (uint32_t)inode % 1000000000, true},
		.content = size ? worker : empty,
		.content_len = 1};
}

static void enter(struct build *b, const struct entry *e)
{
	if (build_enter(b, e))
		bail_out(build_error(b)->text);
}

static void leave(struct build *b)
{
	if (build_leave(b))
		bail_out(build_error(b)->text);
}

static void put(struct build *b, const struct entry *e)
{
	enter(b, e);
	leave(b);
}

static void add(struct build *b, enum entry_kind kind, const char *name, uint64_t inode,
	uint32_t flags, uint64_t size)
{
	const struct entry e = entry_of(kind, name, inode, flags, size);

	put(b, &e);
}

static void add_linked(
	struct build *b, const char *name, uint64_t inode, uint32_t flags, uint32_t nlink)
{
	struct entry e = entry_of(ENTRY_FILE, name, inode, flags, 10);

	e.nlink = nlink;
	put(b, &e);
}

static void down(struct build *b, const char *name, uint64_t inode, uint32_t flags)
{
	const struct entry e = entry_of(ENTRY_DIR, name, inode, flags, 0);

	enter(b, &e);
}

/* ---- an index ----------------------------------------------------------------------- */

struct reading {
	struct index *index;
	struct index_reader *r;
};

static struct reading finish(struct build *b)
{
	struct reading in = {NULL, NULL};
	struct err e = {.code = 0};

	if (build_finish(b, &e) || index_open(path, &in.index, &e) ||
		index_get_reader(in.index, &in.r))
		bail_out(e.text);
	return in;
}

static void done(struct reading *in)
{
	index_put_reader(in->index, in->r);
	index_close(in->index);
	unlink(path);
}

/* By shown names from a part's root. */
static int find(struct index_reader *r, uint64_t root, const char *where, struct trace *t)
{
	int rc = trace_get(r, root, t);

	while (rc == 0 && *where) {
		size_t n = strcspn(where, "/");

		rc = trace_lookup(r, t->id, where, n, t);
		where += n + (where[n] == '/');
	}
	return rc;
}

static void is_at(
	struct index_reader *r, uint64_t root, const char *where, uint64_t inode, const char *name)
{
	struct trace t;
	int rc = find(r, root, where, &t);

	ok(rc == 0 && t.inode == inode, "%s: %s", where, name);
	if (rc)
		diag("error %d", rc);
	else if (t.inode != inode)
		diag("inode %llu", (unsigned long long)t.inode);
}

static void is_absent(struct index_reader *r, uint64_t root, const char *where, const char *name)
{
	struct trace t;

	is_int(find(r, root, where, &t), -ENOENT, name);
}

/* Number of traces below @id, each where its numbers say; -1 when one is not. */
static int64_t count_below(struct index_reader *r, uint64_t id)
{
	struct trace d;
	struct trace t;
	uint64_t from = id + 1;
	int64_t count = 0;
	int rc = trace_get(r, id, &d);

	while (rc == 0 && (rc = trace_child(r, &d, from, &t)) == 0) {
		uint8_t name[256];
		size_t n = t.name_len;
		uint64_t child = t.id;
		uint64_t last = t.last;
		int64_t more = 0;
		bool folder = t.kind == ENTRY_DIR;

		if (child != from || t.parent != id || last > d.last || n == 0 || n > 255 ||
			(!folder && last != child))
			return -1;
		memcpy(name, t.name, n);
		if (trace_lookup(r, id, name, n, &t) || t.id != child)
			return -1;
		more = folder ? count_below(r, child) : 0;
		if (more < 0)
			return -1;
		count += 1 + more;
		from = last + 1;
	}
	return rc == -ENOENT && from == d.last + 1 ? count : -1;
}

static unsigned files_in(const char *where)
{
	DIR *d = opendir(where);
	const struct dirent *e = NULL;
	unsigned n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

/* ---- tests ----------------------------------------------------------------------------- */

static void walk_small(struct build *b)
{
	struct entry link = entry_of(ENTRY_LINK, "link", 16, 0, 0);

	link.target = (const uint8_t *)"/a/f";
	link.target_len = 4;
	down(b, "a", 10, 0);
	add(b, ENTRY_FILE, "f", 11, 0, 100);
	add(b, ENTRY_STREAM, "stream", 11, 0, 5);
	add(b, ENTRY_FILE, "gone", 12, ENTRY_DELETED, 7);
	add(b, ENTRY_STREAM, "stream", 12, 0, 6);
	down(b, "sub", 13, 0);
	add(b, ENTRY_FILE, "gone", 14, ENTRY_DELETED, 0);
	leave(b);
	leave(b);
	add(b, ENTRY_STREAM, "of a", 10, 0, 1);
	add(b, ENTRY_SPECIAL, "device", 15, 0, 0);
	down(b, "lost", 20, ENTRY_DELETED);
	add(b, ENTRY_FILE, "inner", 21, ENTRY_DELETED, 9);
	leave(b);
	put(b, &link);
	add(b, ENTRY_FILE, "orphan", 30, ENTRY_DELETED | ENTRY_ORPHAN, 3);
	add(b, ENTRY_STREAM, "stream", 30, ENTRY_DELETED | ENTRY_ORPHAN, 2);
	down(b, "orphans too", 31, ENTRY_DELETED | ENTRY_ORPHAN);
	add(b, ENTRY_FILE, "child", 32, ENTRY_DELETED | ENTRY_ORPHAN, 3);
	leave(b);
}

static void test_allocated(struct index_reader *r)
{
	static const struct {
		const char *where;
		uint64_t id, last;
	} want[] = {{"", 0, 7}, {"a", 1, 4}, {"a/f", 2, 2}, {"a/f:stream", 3, 3}, {"a/sub", 4, 4},
		{"a:of a", 5, 5}, {"device", 6, 6}, {"link", 7, 7}};
	struct trace t;
	unsigned wrong = 0;

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		wrong += find(r, 0, want[i].where, &t) || t.id != want[i].id ||
			 t.last != want[i].last;
	is_int(wrong, 0, "ids are preorder numbers, subtrees are intervals");
	is_int(count_below(r, 0), 7, "hopping over intervals meets each once");
	is_int(find(r, 0, "a/f", &t), 0, "a file");
	ok(t.kind == ENTRY_FILE && t.size == 100 && t.inode == 11 && t.flags == 0 && t.nlink == 1 &&
			t.first == t.id && t.parent == 1 && !t.original && t.mtime.known &&
			t.mtime.sec == 1700000000 && t.mtime.nsec == 11 && !t.crtime.known,
		"is as it was found");
	is_int(find(r, 0, "link", &t), 0, "a link");
	ok(t.target_len == 4 && !memcmp(t.target, "/a/f", 4), "has its target");
	is_absent(r, 0, "a/gone", "nothing deleted in the allocated tree");
	is_absent(r, 0, "lost", "no deleted folder either");
	is_absent(r, 0, "A", "names are bytes");
	is_int(trace_get(r, 8, &t), -ENOENT, "no trace behind the last");
	is_int(trace_get(r, DELETED_ROOT << 1, &t), -ENOENT, "no third part");
}

static void test_deleted(struct index_reader *r)
{
	struct trace t;

	is_int(count_below(r, DELETED_ROOT), 12, "the deleted tree, numbered likewise");
	is_at(r, DELETED_ROOT, "a/gone", 12, "a deleted file, below the folder it was in");
	is_at(r, DELETED_ROOT, "a/gone:stream", 12, "its stream, though not marked deleted itself");
	is_at(r, DELETED_ROOT, "a/sub/gone", 14, "one further down");
	is_at(r, DELETED_ROOT, "a", 10, "the folder, with its inode");
	is_at(r, DELETED_ROOT, "lost/inner", 21, "what was in a deleted folder");
	is_at(r, DELETED_ROOT, "$Orphans/orphan", 30, "an orphan");
	is_at(r, DELETED_ROOT, "$Orphans/orphan:stream", 30, "its stream");
	is_at(r, DELETED_ROOT, "$Orphans/orphans too/child", 32, "what is below one");
	is_absent(r, DELETED_ROOT, "a/f", "nothing allocated in the deleted tree");
	is_absent(r, DELETED_ROOT, "device", "nor a folder's allocated neighbours");
	is_int(find(r, DELETED_ROOT, "a", &t), 0, "a folder that leads to deleted entries");
	ok((t.flags & ENTRY_VIRTUAL) && !(t.flags & ENTRY_DELETED), "is not deleted itself");
	is_int(find(r, DELETED_ROOT, "a/gone:stream", &t), 0, "a stream of a deleted file");
	ok((t.flags & ENTRY_DELETED) && t.size == 6 && t.kind == ENTRY_STREAM,
		"is deleted with it");
}

/* A place in one directory is no place in another. */
static void test_places(struct index_reader *r)
{
	struct trace root;
	struct trace a;
	struct trace t;

	is_int(find(r, 0, "a", &a) | find(r, 0, "", &root), 0, "two folders");
	is_int(trace_child(r, &a, root.id, &t), -ENOENT, "a place before a folder");
	is_int(trace_child(r, &a, a.last + 1, &t), -ENOENT, "one behind it");
	is_int(trace_child(r, &a, DELETED_ROOT + 1, &t), -ENOENT, "one in another part");
	is_int(trace_child(r, &root, a.id + 1, &t), -EBADMSG, "one inside a child's subtree");
}

static void test_small(void)
{
	struct build *b = begin();
	struct index_counts c;
	struct reading in;
	struct trace t;

	walk_small(b);
	is_int((long long)build_traces(b), 17, "17 entries taken");
	in = finish(b);
	is_int(files_in(dir), 1, "one file, nothing beside it");
	test_allocated(in.r);
	test_deleted(in.r);
	test_places(in.r);
	is_int(index_counts(in.r, &c), 0, "counts");
	ok(c.allocated == 8 && c.deleted == 12 && c.with_contents == 9 && c.content_bytes == 136 &&
			c.problems == 0,
		"are right");
	is_int(find(in.r, 0, "a/f", &t) | find(in.r, DELETED_ROOT, "a/gone", &t), 0,
		"left at rest");
	done(&in);
}

static void test_contents(void)
{
	uint8_t large[5 * KIB] = {CONTENT_RESIDENT};
	static const uint8_t small[] = {CONTENT_RESIDENT, 'a', 0, 'b'};
	struct build *b = begin();
	struct buf got = BUF_INIT;
	struct reading in;
	struct trace t;
	struct entry e;

	memset(large + 1, 'x', sizeof(large) - 1);
	e = entry_of(ENTRY_FILE, "small", 11, 0, sizeof(small) - 1);
	e.content = small;
	e.content_len = sizeof(small);
	put(b, &e);
	e = entry_of(ENTRY_FILE, "large", 12, 0, sizeof(large) - 1);
	e.content = large;
	e.content_len = sizeof(large);
	put(b, &e);
	e.flags = ENTRY_DELETED;
	put(b, &e);
	in = finish(b);
	is_int(find(in.r, 0, "small", &t) | trace_open(in.r, t.id, &t, &got), 0, "a small content");
	ok(got.len == sizeof(small) && !memcmp(got.data, small, got.len), "comes back");
	buf_reset(&got);
	is_int(find(in.r, 0, "large", &t) | trace_open(in.r, t.id, &t, &got), 0, "a large one");
	ok(got.len == sizeof(large) && !memcmp(got.data, large, got.len), "too");
	buf_reset(&got);
	is_int(find(in.r, DELETED_ROOT, "large", &t) | trace_open(in.r, t.id, &t, &got), 0,
		"a deleted file's");
	ok(got.len == sizeof(large) && !memcmp(got.data, large, got.len), "and that");
	is_int(trace_open(in.r, 77, &t, &got), -ENOENT, "what is not there has none");
	buf_release(&got);
	done(&in);
}

static void test_twins(void)
{
	struct build *b = begin();
	struct reading in;
	struct trace d;
	struct trace t;
	uint64_t from = 1;
	unsigned renamed = 0;

	add(b, ENTRY_FILE, "x", 11, 0, 0);
	add(b, ENTRY_FILE, "x", 12, 0, 0);
	down(b, "x", 13, 0);
	add(b, ENTRY_FILE, "child", 14, 0, 0);
	add(b, ENTRY_FILE, "x", 15, 0, 0);
	leave(b);
	add(b, ENTRY_FILE, "a%2Fb", 16, 0, 0);
	add(b, ENTRY_FILE, "a/b", 17, 0, 0);
	add(b, ENTRY_FILE, "x", 18, ENTRY_DELETED, 0);
	add(b, ENTRY_FILE, "x", 19, ENTRY_DELETED, 0);
	add(b, ENTRY_FILE, "..", 20, 0, 0);
	in = finish(b);
	is_at(in.r, 0, "x", 11, "the first of several keeps the name");
	is_at(in.r, 0, "a%2Fb", 16, "also of those that only look alike");
	is_at(in.r, 0, "%2E%2E", 20, "a name that no component can be");
	is_at(in.r, DELETED_ROOT, "x", 18, "in the deleted tree too");
	is_int(count_below(in.r, 0), 8, "all are there, each found by its name");
	is_int(count_below(in.r, DELETED_ROOT), 2, "there too");
	trace_get(in.r, 0, &d);
	while (trace_child(in.r, &d, from, &t) == 0) {
		const char *disk = t.inode == 17 ? "a/b" : t.inode == 20 ? ".." : "x";
		uint64_t inode = t.inode;

		from = t.last + 1;
		if (inode == 11 || inode == 16)
			ok(!t.original, "inode %u has no other name", (unsigned)inode);
		else
			ok(t.original && t.original_len == strlen(disk) &&
					!memcmp(t.original, disk, t.original_len),
				"inode %u keeps the name it has on the disk", (unsigned)inode);
		if (inode == 12 || inode == 13 || inode == 17)
			renamed += t.name_len > 9 && t.name[t.name_len - 9] == '~';
	}
	is_int(renamed, 3, "three are shown with a hash");
	done(&in);
}

static void test_hard_links(void)
{
	struct build *b = begin();
	struct entry stream = entry_of(ENTRY_STREAM, "s", 11, 0, 4);
	struct reading in;
	struct trace t;

	stream.attr_type = 128;
	stream.attr_id = 4;
	add_linked(b, "one", 11, 0, 3);
	put(b, &stream);
	down(b, "d", 12, 0);
	add_linked(b, "two", 11, 0, 3);
	put(b, &stream);
	leave(b);
	add_linked(b, "old name", 11, ENTRY_DELETED | ENTRY_REALLOC, 3);
	add_linked(b, "three", 11, 0, 3);
	add_linked(b, "alone", 13, 0, 2);
	add_linked(b, "gone 1", 14, ENTRY_DELETED, 2);
	add_linked(b, "gone 2", 14, ENTRY_DELETED, 2);
	in = finish(b);
	find(in.r, 0, "one", &t);
	ok(t.nlink == 3 && t.first == 1, "three names of one inode are counted, the first leads");
	find(in.r, 0, "d/two", &t);
	ok(t.nlink == 3 && t.first == 1 && t.id != 1, "all of them say so");
	find(in.r, 0, "three", &t);
	ok(t.nlink == 3 && t.first == 1, "the last too");
	find(in.r, 0, "d/two:s", &t);
	ok(t.nlink == 2 && t.first == 2, "a stream under two names is one, and not its owner");
	find(in.r, 0, "alone", &t);
	ok(t.nlink == 1 && t.first == t.id, "a name whose others were not found is alone");
	find(in.r, DELETED_ROOT, "old name", &t);
	ok(t.nlink == 1 && t.first == t.id, "a deleted name whose inode serves another file too");
	find(in.r, DELETED_ROOT, "gone 2", &t);
	ok(t.nlink == 2 && trace_part(t.first) == 1 && t.first != t.id,
		"deleted names of one inode find each other");
	done(&in);
}

static void count_text(void *ctx, const char *text)
{
	unsigned *n = ctx;

	*n += !strcmp(text, *n == 0 ? "first" : "second");
}

struct aparts {
	struct index_apart v[8];
	size_t n;
};

static int keep_apart(void *ctx, const struct index_apart *a)
{
	struct aparts *k = ctx;

	if (k->n < 8)
		k->v[k->n] = *a;
	return ++k->n == 9 ? 77 : 0;
}

/* Tops of metadata, in both trees, and the folder of orphans; nothing below a top. */
static void test_apart(void)
{
	struct build *b = begin();
	struct aparts got = {.n = 0};
	struct reading in;
	struct trace t;

	add(b, ENTRY_FILE, "$MFT", 3, ENTRY_META, 1);
	add(b, ENTRY_STREAM, "s", 3, ENTRY_META, 1);
	down(b, "$Extend", 4, ENTRY_META);
	down(b, "$Deleted", 5, ENTRY_META);
	add(b, ENTRY_FILE, "x", 6, ENTRY_META, 1);
	add(b, ENTRY_FILE, "gone", 7, ENTRY_META | ENTRY_DELETED, 1);
	leave(b);
	leave(b);
	down(b, "a", 8, 0);
	add(b, ENTRY_FILE, "link to $MFT", 3, ENTRY_META, 1);
	add(b, ENTRY_FILE, "plain", 9, 0, 1);
	leave(b);
	down(b, "lost", 10, ENTRY_META | ENTRY_DELETED);
	add(b, ENTRY_FILE, "below", 11, ENTRY_META | ENTRY_DELETED, 1);
	leave(b);
	add(b, ENTRY_FILE, "orphan", 12, ENTRY_DELETED | ENTRY_ORPHAN, 1);
	in = finish(b);
	is_int(index_apart(in.r, keep_apart, &got), 0, "what stands apart");
	is_int((long long)got.n, 7, "is noted by its tops");
	ok(find(in.r, 0, "$Extend", &t) == 0 && got.v[2].first == t.id && got.v[2].last == t.last &&
			t.last == t.id + 2,
		"a folder with all below it");
	ok(find(in.r, 0, "a/link to $MFT", &t) == 0 && got.v[3].first == t.id,
		"wherever in the tree");
	ok(find(in.r, DELETED_ROOT, "$Extend/$Deleted/gone", &t) == 0 && got.v[4].first == t.id &&
			!got.v[4].orphans,
		"in the deleted tree too");
	ok(find(in.r, DELETED_ROOT, "$Orphans", &t) == 0 && got.v[5].first == t.id &&
			got.v[5].last == t.last && got.v[5].orphans && !got.v[6].orphans,
		"orphans, as such");
	got.n = 8;
	is_int(index_apart(in.r, keep_apart, &got), 77, "ends when it is told to");
	done(&in);
}

static void test_rest(void)
{
	static const uint8_t free_units[] = {CONTENT_EXTENTS, 4096 << 2 & 0x7f, 1};
	struct build *b = begin();
	struct buf got = BUF_INIT;
	struct index_counts c;
	struct reading in;
	struct trace t;
	uint64_t size = 0;
	uint64_t after = 0;
	uint64_t sum = 0;
	unsigned n = 0;

	add(b, ENTRY_FILE, "a", 11, 0, 1);
	add(b, ENTRY_FILE, "empty", 12, 0, 0);
	add(b, ENTRY_FILE, "bad clusters", 13, ENTRY_NOHASH, 1000);
	down(b, "d", 14, 0);
	add(b, ENTRY_STREAM, "s", 11, 0, 20);
	leave(b);
	add(b, ENTRY_FILE, "gone", 15, ENTRY_DELETED, 300);
	is_int(build_problem(b, "first") | build_problem(b, "second"), 0, "two problems");
	is_int(build_unallocated(b, free_units, sizeof(free_units), 4096), 0, "unallocated units");
	in = finish(b);
	is_int(index_problems(in.r, 10, count_text, &n), 0, "problems");
	is_int(n, 2, "come back in order");
	n = 0;
	index_problems(in.r, 1, count_text, &n);
	is_int(n, 1, "as many as are asked for");
	is_int(trace_unallocated(in.r, &got, &size), 0, "unallocated units");
	ok(size == 4096 && got.len == sizeof(free_units) && !memcmp(got.data, free_units, got.len),
		"come back");
	while (trace_next_file(in.r, after, &t) == 0) {
		ok(t.id > after || n == 1, "in the order of ids");
		after = t.id;
		sum += t.size;
	}
	is_int((long long)sum, 321,
		"files to hash: with bytes, deleted ones, no empty ones, no $Bad");
	is_int(index_counts(in.r, &c), 0, "counts");
	ok(c.with_contents == 3 && c.content_bytes == 321 && c.problems == 2, "agree");
	buf_release(&got);
	done(&in);
	b = begin();
	in = finish(b);
	is_int(trace_unallocated(in.r, &got, &size), -ENOENT, "none were told");
	is_int(count_below(in.r, 0), 0, "an empty volume");
	is_int(count_below(in.r, DELETED_ROOT), 0, "with nothing deleted");
	done(&in);
}

static void test_deep(void)
{
	struct build *b = begin();
	struct reading in;
	struct trace t;
	int rc = 0;

	for (unsigned i = 0; i < 1500; i++)
		down(b, "d", 100 + i, 0);
	add(b, ENTRY_FILE, "bottom", 11, 0, 0);
	add(b, ENTRY_FILE, "gone", 12, ENTRY_DELETED, 0);
	for (unsigned i = 0; i < 1500; i++)
		leave(b);
	in = finish(b);
	is_int(count_below(in.r, 0), 1501, "1,500 levels");
	is_int(count_below(in.r, DELETED_ROOT), 1501, "all of which lead to a deleted file");
	rc = trace_get(in.r, DELETED_ROOT, &t);
	for (unsigned i = 0; rc == 0 && i < 1500; i++)
		rc = trace_lookup(in.r, t.id, "d", 1, &t);
	is_int(rc ? rc : trace_lookup(in.r, t.id, "gone", 4, &t), 0, "which is found there");
	done(&in);
}

static void test_wide(void)
{
	struct build *b = begin();
	struct reading in;
	struct trace t;
	char name[32];
	unsigned wrong = 0;

	down(b, "d", 10, 0);
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "file %u", i);
		add(b, ENTRY_FILE, name, 1000 + i, 0, 0);
	}
	leave(b);
	add(b, ENTRY_FILE, "behind", 11, 0, 0);
	in = finish(b);
	is_int(count_below(in.r, 1), 100000, "100,000 names in one folder");
	for (unsigned i = 0; i < 100000; i += 997) {
		snprintf(name, sizeof(name), "d/file %u", i);
		wrong += find(in.r, 0, name, &t) || t.inode != 1000 + i;
	}
	is_int(wrong, 0, "found by name");
	is_at(in.r, 0, "behind", 11, "and what comes after them");
	done(&in);
}

/* Names that are there and names that are not, at every place in the order of names. */
static void test_same_work(void)
{
	struct build *b = begin();
	struct reading in;
	struct trace t;
	char name[32];
	uint64_t steps = 0;
	unsigned others = 0;
	unsigned wrong = 0;

	down(b, "d", 10, 0);
	for (unsigned i = 0; i < 2000; i += 2) {
		snprintf(name, sizeof(name), "file %04u", i);
		add(b, ENTRY_FILE, name, 1000 + i, 0, 0);
	}
	leave(b);
	in = finish(b);
	if (trace_lookup(in.r, 0, "d", 1, &t))
		bail_out("no folder");
	for (unsigned i = 0; i < 2000; i++) {
		uint64_t folder = t.id;
		struct trace near;
		int rc = 0;

		snprintf(name, sizeof(name), "file %04u", i);
		index_steps(in.r);
		rc = trace_nearest(in.r, folder, name, strlen(name), &near);
		if (i == 0)
			steps = index_steps(in.r);
		else
			others += index_steps(in.r) != steps;
		wrong += rc != (i % 2 == 0);
		/* what stands before it */
		wrong += near.parent != folder || near.inode != 1000 + i - i % 2;
	}
	is_int(wrong, 0, "a name that is there is found, of one that is not the one before it");
	ok(others == 0, "in the same number of steps, %llu", (unsigned long long)steps);
	ok(steps > 0 && trace_nearest(in.r, t.id, "a", 1, &t) == 0 &&
			index_steps(in.r) + 5 >= steps,
		"in as many before the first name of a folder");
	is_int(trace_nearest(in.r, 0, "", 0, &t), 0, "the empty name is nowhere");
	done(&in);
}

static void test_abort(void)
{
	struct build *b = begin();
	struct err e = {.code = 0};
	char other[512];

	walk_small(b);
	ok(files_in(dir) > 0, "an index being written");
	build_abort(b);
	is_int(files_in(dir), 0, "given up: nothing is left");
	build_abort(NULL);
	snprintf(other, sizeof(other), "%s.partial", path);
	is_int(file_write(other, "left by an interruption", 23, &e), 0,
		"what an interruption left");
	b = begin();
	walk_small(b);
	is_int(build_finish(b, &e), 0, "is no hindrance");
	is_int(files_in(dir), 1, "and is gone");
	unlink(path);
	is_int(build_open("/nowhere/at/all", &key, &b, &e), -ENOENT, "no folder to write to");
	ok(strstr(e.text, "/nowhere/at/all") != NULL, "is named: %s", e.text);
	err_clear(&e);
	is_int(build_open(path, &key, &b, &e), 0, "an index without a root");
	is_int(build_finish(b, &e), -EPROTO, "is none");
	is_int(files_in(dir), 0, "and leaves nothing");
}

static void test_early_end(void)
{
	struct build *b = begin();
	struct reading in;

	down(b, "a", 10, 0);
	down(b, "b", 11, 0);
	add(b, ENTRY_FILE, "f", 12, 0, 0);
	down(b, "gone", 13, ENTRY_DELETED);
	add(b, ENTRY_FILE, "g", 14, ENTRY_DELETED, 0);
	in = finish(b);
	is_int(count_below(in.r, 0), 3, "a walk that ended in the middle: its folders are closed");
	is_at(in.r, 0, "a/b/f", 12, "what came is there");
	is_at(in.r, DELETED_ROOT, "a/b/gone/g", 14, "deleted too");
	done(&in);
}

static void test_nonsense(void)
{
	struct build *b = begin();
	struct entry e = entry_of(ENTRY_FILE, "f", 11, 0, 0);

	enter(b, &e);
	is_int(build_enter(b, &e), -EPROTO, "a file cannot hold another");
	ok(build_error(b)->code == EPROTO, "and it is told: %s", build_error(b)->text);
	build_abort(b);
	b = begin();
	leave(b);
	is_int(build_leave(b), -EPROTO, "more leaves than enters");
	build_abort(b);
	b = begin();
	leave(b);
	is_int(build_enter(b, &e), -EPROTO, "an entry behind the root");
	build_abort(b);
}

static void test_open(void)
{
	struct index *x = NULL;
	struct err e = {.code = 0};
	struct db *d = NULL;
	struct reading in;

	is_int(index_open(path, &x, &e), -ENOENT, "no index");
	err_clear(&e);
	is_int(file_write(path, "this is not an index but a line of text", 39, &e), 0, "a text");
	ok(index_open(path, &x, &e) < 0, "is none: %s", e.text);
	unlink(path);
	in = finish(begin());
	index_put_reader(in.index, in.r);
	index_close(in.index);
	if (db_open(path, DB_WRITE, &d, &e) ||
		db_exec(d, "UPDATE head SET value=99 WHERE key='version'", &e))
		bail_out(e.text);
	db_close(d);
	err_clear(&e);
	is_int(index_open(path, &x, &e), -EBADMSG, "a later version is refused");
	ok(strstr(e.text, path) != NULL, "and named: %s", e.text);
	unlink(path);
	index_close(NULL);
}

static void test_same(void)
{
	uint8_t first[32];
	uint8_t second[32];

	for (unsigned i = 0; i < 2; i++) {
		struct build *b = begin();

		walk_small(b);
		if (build_finish(b, NULL) || digest_file(path, i ? second : first, NULL))
			bail_out("no index");
		unlink(path);
	}
	ok(!memcmp(first, second, 32), "the same walk and key give the same index, byte for byte");
}

/* ---- any tree ----------------------------------------------------------------------------- */

static uint64_t draw(uint64_t below)
{
	static uint64_t turn;

	turn++;
	return siphash(&key, &turn, sizeof(turn)) % below;
}

struct planned {
	char where[512];
	bool deleted;
	uint64_t inode;
};

static void plan(
	struct planned *p, const char *above, const char *name, bool deleted, uint64_t inode)
{
	snprintf(p->where, sizeof(p->where), "%.400s%s%s", above, above[0] ? "/" : "", name);
	p->deleted = deleted;
	p->inode = inode;
}

/* Random files, folders, streams and deletions; the model says where each must be. */
static void test_any(void)
{
	enum { N = 4000, DEPTH = 12 };
	static struct planned all[N];
	struct planned stack[DEPTH + 1] = {{.where = ""}};
	struct build *b = begin();
	struct reading in;
	struct trace t;
	unsigned depth = 0;
	unsigned wrong = 0;
	bool orphans = false;

	for (unsigned i = 0; i < N; i++) {
		const struct planned *up = &stack[depth];
		bool deleted = up->deleted || draw(5) == 0;
		uint32_t flags = deleted ? ENTRY_DELETED : 0;
		char name[64];

		orphans = orphans || (i > N * 9 / 10 && depth == 0);
		snprintf(name, sizeof(name), "%c%u", orphans ? 'o' : 'n', i);
		if (orphans) {
			deleted = true;
			flags = ENTRY_DELETED | ENTRY_ORPHAN;
			plan(&all[i], depth ? up->where : "$Orphans", name, true, 100 + i);
		} else {
			plan(&all[i], up->where, name, deleted, 100 + i);
		}
		if (depth < DEPTH && draw(3) == 0) {
			down(b, name, 100 + i, flags);
			stack[++depth] = all[i];
			continue;
		}
		add(b, ENTRY_FILE, name, 100 + i, flags, draw(2));
		while (i + 1 < N && draw(4) == 0) {
			char whole[80];

			i++;
			snprintf(whole, sizeof(whole), "%s:s%u", name, i);
			plan(&all[i], orphans && !depth ? "$Orphans" : up->where, whole, deleted,
				100 + i);
			add(b, ENTRY_STREAM, strchr(whole, ':') + 1, 100 + i, flags, 1);
		}
		while (depth > 0 && draw(3) == 0) {
			leave(b);
			depth--;
		}
	}
	while (depth-- > 0)
		leave(b);
	in = finish(b);
	ok(count_below(in.r, 0) > 0 && count_below(in.r, DELETED_ROOT) > 0,
		"a tree of 4,000 random entries is numbered without a gap");
	for (unsigned i = 0; i < N; i++) {
		wrong += find(in.r, all[i].deleted ? DELETED_ROOT : 0, all[i].where, &t) ||
			 t.inode != all[i].inode;
		if (!all[i].deleted)
			continue;
		wrong += find(in.r, 0, all[i].where, &t) == 0;
	}
	is_int(wrong, 0, "and each stands where it was found, in the one tree it belongs to");
	done(&in);
}

int main(void)
{
	if (!mkdtemp(dir))
		bail_out("no folder for the test");
	snprintf(path, sizeof(path), "%s/volume-0.idx", dir);
	test_small();
	test_contents();
	test_twins();
	test_hard_links();
	test_rest();
	test_apart();
	test_deep();
	test_wide();
	test_same_work();
	test_abort();
	test_early_end();
	test_nonsense();
	test_open();
	test_same();
	test_any();
	file_remove_tree(dir, NULL);
	return done_testing();
}
