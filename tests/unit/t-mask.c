/* SPDX-License-Identifier: Apache-2.0 */
/* t-mask.c - ranges that blank, compared byte by byte with a slow model, free records, sums; places
 * packed; names in what was a directory. */
#include <stdlib.h>
#include <string.h>

#include "serve/mask.h"
#include "serve/remnant_names.h"
#include "tap.h"

#define SPACE 4096u

static uint64_t seed = 7;

static unsigned rnd(unsigned below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

static void add(struct mask *m, uint64_t begin, uint64_t end, enum place_action a, uint32_t value)
{
	const struct mask_range r = {begin, end, value, a};

	mask_add(m, &r);
}

/* Whatever overlaps: what some range covers is blank, all else is as it was, in reads of any kind.
 */
static void test_random(void)
{
	bool same = true;

	for (unsigned round = 0; round < 300 && same; round++) {
		struct mask *m = mask_new(1);
		uint8_t want[SPACE];
		uint8_t got[SPACE];
		bool covered[SPACE] = {false};

		memset(want, 0xaa, sizeof(want));
		for (unsigned i = rnd(20); i > 0; i--) {
			uint64_t begin = rnd(SPACE - 200);
			uint64_t end = begin + 1 + rnd(200);

			add(m, begin, end, PLACE_ZERO, 0);
			memset(want + begin, 0, (size_t)(end - begin));
			memset(covered + begin, true, (size_t)(end - begin));
		}
		mask_settle(m);
		for (unsigned reads = 0; reads < 50 && same; reads++) {
			unsigned off = rnd(SPACE);
			unsigned len = 1 + rnd(SPACE - off);

			memset(got, 0xaa, sizeof(got));
			mask_apply(m, got, len, off);
			same = memcmp(got, want + off, len) == 0;
			if (mask_touches(m, off, off + len) !=
				(memchr(covered + off, true, len) != NULL))
				same = false;
		}
		mask_put(m);
	}
	ok(same, "random ranges blank what they cover, and nothing else");
}

static void test_order(void)
{
	struct mask *m = mask_new(1);
	uint8_t b[64];

	add(m, 10, 20, PLACE_FILL, 0xe5);
	add(m, 12, 40, PLACE_ZERO, 0);
	add(m, 38, 42, PLACE_XOR, 0x01020304); /* over what is blank: dropped */
	add(m, 50, 54, PLACE_XOR, 0x00ff00ff);
	add(m, 50, 54, PLACE_XOR, 0xff000000); /* sums add up */
	mask_settle(m);
	memset(b, 0x11, sizeof(b));
	mask_apply(m, b, sizeof(b), 0);
	ok(b[9] == 0x11 && b[10] == 0xe5 && b[39] == 0 && b[40] == 0x11,
		"the first of two is kept");
	ok(b[50] == (0x11 ^ 0xff) && b[51] == 0x11 && b[53] == (0x11 ^ 0xff),
		"sums change by all that is asked");
	memset(b, 0x11, sizeof(b));
	mask_apply(m, b, 1, 53);
	is_int(b[0], 0x11 ^ 0xff, "also in a read of its last byte alone");
	mask_put(m);
}

static void test_record(void)
{
	struct mask *m = mask_new(1);
	uint8_t b[3000];
	uint8_t part[100];

	add(m, 1000, 2024, PLACE_RECORD, 77);
	mask_settle(m);
	memset(b, 0xcc, sizeof(b));
	mask_apply(m, b, sizeof(b), 0);
	ok(memcmp(b + 1000, "FILE", 4) == 0 && b[999] == 0xcc && b[2024] == 0xcc, "a record");
	ok(b[1000 + 0x2c] == 77 && b[1000 + 0x16] == 0, "of its number, in nobody's use");
	ok(b[1000 + 0x30] == 1 && b[1000 + 510] == 1 && b[1000 + 1022] == 1 && b[1000 + 511] == 0,
		"with the mark at the end of each sector");
	mask_apply(m, part, sizeof(part), 1480);
	ok(memcmp(part, b + 1480, sizeof(part)) == 0, "a part of it is the same");
	mask_put(m);
}

static void test_same(void)
{
	struct mask *a = mask_new(2);
	struct mask *b = mask_new(2);

	ok(mask_same(NULL, NULL) && !mask_same(a, NULL), "one that is and one that is not");
	add(a, 1, 2, PLACE_ZERO, 0);
	ok(!mask_same(a, b), "ranges differ");
	add(b, 1, 2, PLACE_ZERO, 0);
	mask_add_blank(b, 5);
	mask_settle_blank(b);
	ok(!mask_same(a, b) && mask_blanks(b, 5) && !mask_blanks(b, 4), "traces differ");
	ok(!mask_streams(a, 0) && !mask_streams(a, SIZE_MAX), "no stream is masked");
	a->volumes[1] = true;
	ok(!mask_streams(a, 0) && mask_streams(a, 1) && mask_streams(a, SIZE_MAX), "one is");
	mask_put(mask_get(a));
	mask_put(a);
	mask_put(b);
}

/* What a file may show, and no byte stream. */
static void test_streams(void)
{
	struct mask *m = mask_new(1);
	struct mask *other = mask_new(1);
	uint8_t b[64];

	add(m, 10, 20, PLACE_FILL, 0xe5);
	add(other, 10, 20, PLACE_FILL, 0xe5);
	mask_add_streams(m, 40, 50);
	mask_add_streams(m, 15, 25);
	mask_settle(m);
	mask_settle(other);
	memset(b, 0x11, sizeof(b));
	mask_apply(m, b, sizeof(b), 0);
	ok(b[9] == 0x11 && b[10] == 0xe5 && b[19] == 0xe5 && b[20] == 0x11 && b[45] == 0x11,
		"a file shows them");
	mask_apply_stream(m, b, sizeof(b), 0);
	ok(b[14] == 0xe5 && b[15] == 0 && b[24] == 0 && b[25] == 0x11, "byte streams do not");
	ok(b[39] == 0x11 && b[40] == 0 && b[49] == 0 && b[50] == 0x11, "nor the next ones");
	memset(b, 0x11, sizeof(b));
	mask_apply_stream(m, b, 2, 49);
	ok(b[0] == 0 && b[1] == 0x11, "also in a read of the last byte alone");
	ok(!mask_touches(m, 20, 50) && mask_touches_stream(m, 24, 25) &&
			!mask_touches_stream(m, 25, 40) && !mask_touches_stream(NULL, 0, 100),
		"they touch byte streams alone");
	ok(!mask_same(m, other), "and make another mask of it");
	mask_put(m);
	mask_put(other);
}

static void test_places(void)
{
	static const struct place_at v[] = {
		{.offset = 100, .length = 10, .inode = 7},
		{.offset = 50,
			.length = 4,
			.inode = 7,
			.parent = 5,
			.action = PLACE_XOR,
			.value = 9},
		{.offset = 60,
			.length = 1,
			.action = PLACE_FILL,
			.value = 0xe5,
			.flags = PLACE_STALE},
		{.offset = 512, .length = 1024, .inode = 3, .action = PLACE_RECORD, .value = 3},
		{.offset = 4096,
			.length = 77,
			.inode = 9,
			.attr_type = 128,
			.attr_id = 4,
			.flags = PLACE_DATA},
	};
	struct place_state out = {.end = 0};
	struct place_state in = {.end = 0};
	struct place_at at;
	struct buf b = BUF_INIT;
	struct cur c;
	bool same = true;
	size_t cut = 0;

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++)
		place_put(&b, &out, &v[i]);
	c = cur_of(b.data, b.len);
	for (size_t i = 0; i < sizeof(v) / sizeof(*v) && same; i++)
		same = place_get(&c, &in, 8192, &at) == 1 && at.offset == v[i].offset &&
		       at.length == v[i].length && at.inode == v[i].inode &&
		       at.parent == v[i].parent && at.attr_type == v[i].attr_type &&
		       at.attr_id == v[i].attr_id && at.action == v[i].action &&
		       at.flags == v[i].flags && at.value == v[i].value;
	ok(same, "places come back as they were");
	is_int(place_get(&c, &in, 8192, &at), 0, "and then no more");
	c = cur_of(b.data, b.len);
	in = (struct place_state){.end = 0};
	for (int r = 1; r == 1;)
		r = place_get(&c, &in, 4100, &at);
	ok(cur_left(&c) == 0 && at.offset == 512, "one past the media is refused");
	for (size_t n = 1; n < b.len; n++) {
		int r = 1;

		c = cur_of(b.data, n);
		in = (struct place_state){.end = 0};
		while (r == 1)
			r = place_get(&c, &in, 8192, &at);
		cut += r < 0;
	}
	ok(cut + 4 == b.len - 1, "a cut batch is refused, but between places");
	buf_reset(&b);
	out = (struct place_state){.end = 0};
	place_put(&b, &out, &(struct place_at){.offset = 1, .length = 100, .action = PLACE_RECORD});
	c = cur_of(b.data, b.len);
	in = (struct place_state){.end = 0};
	ok(place_get(&c, &in, 8192, &at) < 0, "a record of no sector is refused");
	buf_release(&b);
}

struct met {
	size_t begin[8], end[8], source[8];
	size_t n;
};

static int met_one(void *ctx, size_t begin, size_t end, size_t source)
{
	struct met *m = ctx;

	if (m->n == 8)
		return -1;
	m->begin[m->n] = begin;
	m->end[m->n] = end;
	m->source[m->n++] = source;
	return 0;
}

static void test_names(void)
{
	struct remnant_names *l = NULL;
	uint8_t p[600];
	struct met m = {.n = 0};
	static const uint8_t wide[] = {'g', 0, 'r', 0, 0xfc, 0, 0xdf, 0, 0x3d, 0xd8, 0x00, 0xde};

	is_int(remnant_names_new(&l), 0, "names");
	is_int(remnant_names_add(l, (const uint8_t *)"letter.txt", 10, 1), 0, "one");
	is_int(remnant_names_add(l, (const uint8_t *)"gr\xc3\xbc\xc3\x9f\xf0\x9f\x98\x80", 10, 2),
		0, "one that is not ASCII");
	is_int(remnant_names_add(l, (const uint8_t *)"abc", 3, 3), 0, "one that is too short");
	memset(p, 0xaa, sizeof(p));
	memcpy(p + 100, "\x0a\x01letter.txt", 12);  /* as ext has it */
	memcpy(p + 150, "\x0b\x01letter.txtx", 13); /* a longer one */
	memcpy(p + 200, "\x0a\x20letter.txt", 12);  /* no kind that there is */
	p[300] = sizeof(wide) / 2;
	p[301] = 0;
	memcpy(p + 302, wide, sizeof(wide)); /* as NTFS has it */
	memcpy(p + 400,
		"\x03\x01"
		"abc",
		5);
	is_int(remnant_names_look(l, p, sizeof(p), 0, sizeof(p), met_one, &m), 0, "looked for");
	ok(m.n == 2 && m.source[0] == 1 && m.begin[0] == 94 && m.end[0] == 112,
		"an entry of ext is found, with its inode");
	ok(m.n == 2 && m.source[1] == 2 && m.begin[1] == 236 && m.end[1] == 302 + sizeof(wide),
		"one of NTFS, with its times");
	m.n = 0;
	remnant_names_look(l, p, 111, 0, 111, met_one, &m);
	remnant_names_look(l, p, sizeof(p), 101, 300, met_one, &m);
	is_int((long long)m.n, 0, "not where it is cut off, nor where it does not begin");
	remnant_names_free(l);
	remnant_names_free(NULL);
}

int main(void)
{
	test_random();
	test_order();
	test_record();
	test_same();
	test_streams();
	test_places();
	test_names();
	return done_testing();
}
