/* SPDX-License-Identifier: Apache-2.0 */
/* t-extent.c - packed extents: round trips, malformed input, finding. */
#include <errno.h>

#include "image/extent.h"
#include "tap.h"

#define IMAGE (UINT64_C(1) << 40)

static uint64_t seed = 42;

static uint64_t rnd(uint64_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (seed >> 16) % below;
}

static int decode(struct buf *b, uint64_t size, uint64_t image, struct extent_map *m)
{
	return extent_map_decode(b->data, b->len, size, image, m);
}

static void test_merge(void)
{
	struct buf b = BUF_INIT;
	struct extent_writer w;
	struct extent_map m = {NULL, 0};

	extent_writer_begin(&w, &b);
	extent_writer_add(&w, EXTENT_DATA, 8192, 4096);
	extent_writer_add(&w, EXTENT_DATA, 12288, 4096); /* goes on */
	extent_writer_add(&w, EXTENT_DATA, 0, 0);        /* nothing */
	extent_writer_add(&w, EXTENT_ZERO, 0, 100);
	extent_writer_add(&w, EXTENT_ZERO, 0, 50); /* goes on */
	extent_writer_add(&w, EXTENT_DATA, 512, 10);
	extent_writer_add(&w, EXTENT_ERROR, 0, 5);
	extent_writer_end(&w);
	is_int(b.error, 0, "written");
	is_int(decode(&b, 8357, IMAGE, &m), 0, "decoded");
	is_int(m.n, 4, "neighbours are merged");
	ok(m.n == 4 && m.v[0].offset == 8192 && m.v[0].length == 8192 && m.v[0].start == 0,
		"the first extent");
	ok(m.n == 4 && m.v[1].kind == EXTENT_ZERO && m.v[1].length == 150 && m.v[1].start == 8192,
		"the hole");
	ok(m.n == 4 && m.v[2].offset == 512 && m.v[2].start == 8342, "an extent that goes back");
	ok(m.n == 4 && m.v[3].kind == EXTENT_ERROR && m.v[3].length == 5, "what cannot be read");
	ok(extent_map_find(&m, 0) == &m.v[0] && extent_map_find(&m, 8191) == &m.v[0] &&
			extent_map_find(&m, 8192) == &m.v[1] &&
			extent_map_find(&m, 8342) == &m.v[2] &&
			extent_map_find(&m, 8356) == &m.v[3],
		"found at their borders");
	ok(extent_map_find(&m, 8357) == NULL && extent_map_find(&m, UINT64_MAX) == NULL,
		"nothing past the end");
	extent_map_release(&m);
	ok(extent_map_find(&m, 0) == NULL, "nothing in an empty map");
	buf_release(&b);
}

/* Random extents that do not merge; decoded, each must be what was written. */
static bool round_trip(size_t n)
{
	struct extent in[40];
	struct buf b = BUF_INIT;
	struct extent_writer w;
	struct extent_map m = {NULL, 0};
	uint64_t pos = 0;
	bool good = true;

	extent_writer_begin(&w, &b);
	for (size_t i = 0; i < n; i++) {
		in[i] = (struct extent){.start = pos, .length = 1 + rnd(1u << 30)};
		in[i].kind = i % 2 ? EXTENT_DATA : (rnd(2) ? EXTENT_ZERO : EXTENT_ERROR);
		if (in[i].kind == EXTENT_DATA)
			in[i].offset = rnd(IMAGE - in[i].length + 1);
		extent_writer_add(&w, in[i].kind, in[i].offset, in[i].length);
		pos += in[i].length;
	}
	extent_writer_end(&w);
	good = decode(&b, pos, IMAGE, &m) == 0 && m.n == n;
	for (size_t i = 0; good && i < n; i++)
		good = m.v[i].start == in[i].start && m.v[i].length == in[i].length &&
		       m.v[i].kind == in[i].kind && m.v[i].offset == in[i].offset &&
		       extent_map_find(&m, in[i].start + rnd(in[i].length)) == &m.v[i];
	extent_map_release(&m);
	if (good && n > 0)
		good = decode(&b, pos + 1, IMAGE, &m) == -EBADMSG &&
		       decode(&b, pos - 1, IMAGE, &m) == -EBADMSG;
	for (size_t cut = 0; good && cut < b.len; cut++) {
		int r = extent_map_decode(b.data, cut, pos, IMAGE, &m);

		good = r == -EBADMSG || (n == 0 && r == 0);
	}
	buf_release(&b);
	return good;
}

static void test_round_trips(void)
{
	bool good = true;

	for (size_t i = 0; good && i < 500; i++)
		good = round_trip(i % 40);
	ok(good, "500 random maps come back; no part of one, no other size is taken for it");
}

static void refused(const char *name, const void *p, size_t n, uint64_t size)
{
	struct extent_map m = {NULL, 0};

	is_int(extent_map_decode(p, n, size, 4096, &m), -EBADMSG, name);
	ok(m.v == NULL && m.n == 0, "out-parameter left alone");
}

static void test_malformed(void)
{
	struct extent_map m = {NULL, 0};
	/* length << 2 | kind; offset as zigzag */
	const uint8_t other_tag[] = {CONTENT_RESIDENT, 1 << 2, 0};
	const uint8_t empty_extent[] = {CONTENT_EXTENTS, 0 << 2, 0};
	const uint8_t bad_kind[] = {CONTENT_EXTENTS, 1 << 2 | 3};
	const uint8_t before[] = {CONTENT_EXTENTS, 1 << 2, 1};
	const uint8_t behind[] = {CONTENT_EXTENTS, 16 << 2, 0xe2, 0x3f}; /* offset 4081 */
	const uint8_t fits[] = {CONTENT_EXTENTS, 16 << 2, 0xe0, 0x3f};   /* offset 4080 */
	const uint8_t endless[] = {
		CONTENT_EXTENTS, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const uint8_t wide[] = {CONTENT_EXTENTS, 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0x01, 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};

	refused("nothing at all", "", 0, 0);
	refused("another tag", other_tag, sizeof(other_tag), 1);
	refused("an extent without length", empty_extent, sizeof(empty_extent), 0);
	refused("an unknown kind", bad_kind, sizeof(bad_kind), 1);
	refused("before the image", before, sizeof(before), 1);
	refused("behind the image", behind, sizeof(behind), 16);
	refused("an endless number", endless, sizeof(endless), 1);
	refused("lengths that would wrap", wide, sizeof(wide), 100);
	is_int(extent_map_decode(fits, sizeof(fits), 16, 4096, &m), 0, "up to the image's end");
	extent_map_release(&m);
	is_int(extent_map_decode("\x01", 1, 0, 4096, &m), 0, "no extents for no bytes");
	extent_map_release(&m);
	refused("no extents for some bytes", "\x01", 1, 5);
}

/* Bytes at random: whatever is accepted must keep its promises. */
static void test_random(void)
{
	bool good = true;

	for (int i = 0; good && i < 200000; i++) {
		struct extent_map m = {NULL, 0};
		uint8_t p[24];
		size_t n = 1 + rnd(sizeof(p) - 1);
		uint64_t size = rnd(2000);
		uint64_t pos = 0;

		for (size_t j = 0; j < n; j++)
			p[j] = (uint8_t)rnd(256);
		p[0] = CONTENT_EXTENTS;
		if (extent_map_decode(p, n, size, 4096, &m))
			continue;
		for (size_t j = 0; j < m.n; j++) {
			good = good && m.v[j].start == pos && m.v[j].length > 0;
			good = good && (m.v[j].kind != EXTENT_DATA ||
					       m.v[j].offset + m.v[j].length <= 4096);
			pos += m.v[j].length;
		}
		good = good && pos == size;
		extent_map_release(&m);
	}
	ok(good, "what is decoded from random bytes is sorted, whole and inside the image");
}

int main(void)
{
	test_merge();
	test_round_trips();
	test_malformed();
	test_random();
	return done_testing();
}
