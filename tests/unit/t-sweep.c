/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-sweep.c - files hashed while an image goes by, against the hash of each file by itself
 *
 * Two volumes of files whose extents are drawn at random over one medium: in order, against
 * it, over each other, with holes, with bytes that cannot be read. The medium goes by in
 * pieces of any size, some of them unreadable.
 */
#include "tap.h"

#include <errno.h>

#include "base/digest.h"
#include "base/file.h"
#include "image/extent.h"
#include "serve/content.h"
#include "serve/sweep.h"
#include "serve/sweep_plan.h"
#include "trace/build.h"

#define MEDIA_BYTES 200000u
#define VOLUMES     2u
#define FILES       400u /* of each */
#define EXTENTS     9u
#define HOLE_MAX    (UINT64_C(1) << 20) /* sweep_plan.c */

struct model {
	uint64_t id;
	uint8_t sha256[32];
	bool suits;
	unsigned found;
	size_t n;
	struct extent v[EXTENTS];
};

static char dir[] = "/tmp/t-sweep.XXXXXX";
static uint8_t media[MEDIA_BYTES];
static struct model file[VOLUMES * FILES];
static uint64_t state = 1;

static uint64_t draw(uint64_t below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % below;
}

/* ---- the evidence ------------------------------------------------------------------------- */

static int by_offset(const void *a, const void *b)
{
	const struct extent *x = a;
	const struct extent *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static struct extent draw_data(void)
{
	uint64_t most = draw(3) > 0 ? 700 : MEDIA_BYTES / 3;
	uint64_t length = 1 + draw(most);

	return (struct extent){.kind = EXTENT_DATA,
		.length = length,
		/* many begin at one place, so that it alone fills a small plan */
		.offset = draw(8) ? draw(MEDIA_BYTES - length + 1) : 512};
}

/* Extents that do not run into each other: the writer would make one of them. */
static void draw_extents(struct model *f)
{
	uint64_t end = 0;
	size_t n = 1 + (draw(2) ? 0 : draw(EXTENTS));

	for (size_t i = 0; i < n; i++)
		f->v[i] = draw_data();
	if (draw(4))
		qsort(f->v, n, sizeof(f->v[0]), by_offset);
	for (size_t i = 0; i < n; i++) {
		if (f->v[i].offset < end && draw(16)) /* in order, but for some */
			continue;
		if (f->v[i].offset == end && f->n > 0)
			continue;
		f->v[f->n++] = f->v[i];
		end = f->v[i].offset + f->v[i].length;
	}
	for (size_t i = 0; i < f->n; i++) {
		if (draw(12) == 0)
			f->v[i] = (struct extent){.kind = EXTENT_ZERO, .length = 1 + draw(9000)};
		else if (draw(60) == 0)
			f->v[i] = (struct extent){.kind = EXTENT_ERROR, .length = 1 + draw(9000)};
		else if (draw(60) == 0)
			f->v[i] = (struct extent){.kind = EXTENT_ZERO, .length = HOLE_MAX + 1};
	}
}

/* What sweep_suits() is to say, by its words. */
static bool is_suitable(const struct model *f)
{
	uint64_t end = 0;
	uint64_t holes = 0;
	bool data = false;

	for (size_t i = 0; i < f->n; i++) {
		const struct extent *x = &f->v[i];

		if (x->kind == EXTENT_ERROR || (x->kind == EXTENT_DATA && x->offset < end))
			return false;
		if (x->kind == EXTENT_ZERO)
			holes += x->length;
		data = data || x->kind == EXTENT_DATA;
		end = x->kind == EXTENT_DATA ? x->offset + x->length : end;
	}
	return data && holes <= HOLE_MAX;
}

static void hash_model(struct model *f)
{
	static const uint8_t zeros[HOLE_MAX + 1];
	struct digest *d = digest_new(DIGEST_SHA256);

	if (!d)
		bail_out("no memory");
	for (size_t i = 0; i < f->n; i++)
		digest_update(d, f->v[i].kind == EXTENT_DATA ? media + f->v[i].offset : zeros,
			(size_t)f->v[i].length);
	digest_final(d, f->sha256);
	digest_free(d);
}

static void put_file(struct build *b, unsigned number, struct model *f)
{
	struct extent_writer w;
	struct buf packed = BUF_INIT;
	char name[32];
	struct entry e = {.name = (const uint8_t *)name, .kind = ENTRY_FILE, .nlink = 1};

	draw_extents(f);
	f->suits = is_suitable(f);
	hash_model(f);
	extent_writer_begin(&w, &packed);
	for (size_t i = 0; i < f->n; i++) {
		extent_writer_add(&w, f->v[i].kind, f->v[i].offset, f->v[i].length);
		e.size += f->v[i].length;
	}
	extent_writer_end(&w);
	e.name_len = (size_t)snprintf(name, sizeof(name), "%06u", number);
	e.inode = 10 + number;
	e.content = packed.data;
	e.content_len = packed.len;
	if (build_enter(b, &e) || build_leave(b))
		bail_out(build_error(b)->text);
	buf_release(&packed);
}

static void build_volume(unsigned k, const struct siphash_key *key)
{
	static const uint8_t empty[] = {CONTENT_EMPTY};
	static const uint8_t resident[] = "\002resident";
	const struct entry root = {.kind = ENTRY_DIR, .content = empty, .content_len = 1};
	const struct entry small = {.name = (const uint8_t *)"zzz",
		.name_len = 3,
		.kind = ENTRY_FILE,
		.nlink = 1,
		.inode = 5,
		.size = sizeof(resident) - 2,
		.content = resident,
		.content_len = sizeof(resident) - 1};
	char *path = manifest_index_path(dir, k);
	struct build *b = NULL;
	struct err e = {.code = 0};

	if (!path || build_open(path, key, &b, &e) || build_root(b, &root))
		bail_out(e.text);
	for (unsigned i = 0; i < FILES; i++)
		put_file(b, i, &file[k * FILES + i]);
	if (build_enter(b, &small) || build_leave(b) || build_finish(b, &e))
		bail_out(e.text);
	free(path);
}

static void name_files(struct evidence *ev)
{
	for (unsigned i = 0; i < VOLUMES * FILES; i++) {
		struct evidence_cursor c;
		struct trace t;
		char name[32];

		evidence_cursor_init(&c, ev);
		snprintf(name, sizeof(name), "%06u", i % FILES);
		if (evidence_lookup(&c, trace_of_index(i / FILES, 0), name, strlen(name), &t))
			bail_out(name);
		file[i].id = t.id;
		evidence_cursor_release(&c);
	}
}

static struct evidence *open_evidence(void)
{
	struct image_file image = {
		.path = strdup("/evidence/disk.dd"), .fd = -1, .size = MEDIA_BYTES};
	struct image_files files = {.format = IMAGE_RAW, .v = &image, .n = 1};
	struct scan s = {.media_size = MEDIA_BYTES, .n = VOLUMES};
	const struct evidence_opts o = {.name = "disk"};
	struct evidence *ev = NULL;
	struct manifest m;
	struct err e = {.code = 0};

	s.v = calloc(s.n, sizeof(*s.v));
	if (!s.v)
		bail_out("no memory");
	for (unsigned k = 0; k < VOLUMES; k++)
		s.v[k] = (struct scan_volume){
			.number = k + 1, .length = MEDIA_BYTES, .known = true, .type = "ext4"};
	if (manifest_init(&m, &s, &files, &e))
		bail_out(e.text);
	for (unsigned k = 0; k < VOLUMES; k++)
		build_volume(k, &m.key);
	if (evidence_open(dir, &m, NULL, &o, &ev, &e))
		bail_out(e.text);
	name_files(ev);
	manifest_release(&m);
	free(image.path);
	return ev;
}

/* ---- sweeps --------------------------------------------------------------------------------- */

struct gap {
	uint64_t begin, end;
};

struct run {
	struct sweep_opts o;
	struct gap gap[2]; /* of bytes that cannot be read, in order */
	unsigned wrong;    /* hashes */
	unsigned calls;
	unsigned fail_at; /* the call of found() that is to fail; 0: none */
};

static struct model *model_of(uint64_t id)
{
	for (unsigned i = 0; i < VOLUMES * FILES; i++)
		if (file[i].id == id)
			return &file[i];
	return NULL;
}

static int on_found(void *ctx, uint64_t id, const uint8_t sha256[static 32])
{
	struct run *r = ctx;
	struct model *f = model_of(id);

	if (++r->calls == r->fail_at)
		return -ENOSPC;
	if (!f || memcmp(f->sha256, sha256, 32) != 0)
		r->wrong++;
	else
		f->found++;
	return 0;
}

static bool is_third(void *ctx, uint64_t id)
{
	(void)ctx;
	return id % 3 == 0;
}

/* The medium, in pieces of any size, each read as a whole or not at all. */
static int go_by(struct sweep *s, const struct run *r)
{
	static const uint64_t most[] = {64, 1000, 4096, MEDIA_BYTES};
	uint64_t size = most[draw(4)];
	uint64_t off = 0;
	int rc = 0;

	while (rc == 0 && off < MEDIA_BYTES) {
		uint64_t end = off + 1 + draw(size);
		bool bad = false;

		for (unsigned i = 0; i < 2; i++) {
			const struct gap *g = &r->gap[i];

			bad = bad || (off >= g->begin && off < g->end);
			if (off < g->begin && end > g->begin)
				end = g->begin;
			if (off < g->end && end > g->end)
				end = g->end;
		}
		if (end > MEDIA_BYTES)
			end = MEDIA_BYTES;
		/* a piece of its own, so that reading past it is noticed */
		uint8_t *piece = malloc((size_t)(end - off));

		if (!piece)
			bail_out("no memory");
		memcpy(piece, media + off, (size_t)(end - off));
		rc = sweep_bytes(s, off, bad ? NULL : piece, end - off);
		free(piece);
		off = end;
	}
	return rc;
}

static int sweep(struct evidence *ev, struct run *r)
{
	struct sweep *s = NULL;
	int rc = 0;

	for (unsigned i = 0; i < VOLUMES * FILES; i++)
		file[i].found = 0;
	r->o.found = on_found;
	r->o.ctx = r;
	rc = sweep_new(ev, &r->o, &s);
	if (rc == 0)
		rc = go_by(s, r);
	sweep_free(s);
	return rc;
}

static bool is_touched(const struct model *f, const struct run *r)
{
	for (size_t i = 0; i < f->n; i++)
		for (unsigned k = 0; k < 2; k++)
			if (f->v[i].kind == EXTENT_DATA && f->v[i].offset < r->gap[k].end &&
				f->v[i].offset + f->v[i].length > r->gap[k].begin)
				return true;
	return false;
}

/* Each file that it may find was found once, no other, and none with another hash. */
static bool is_complete(const struct run *r)
{
	for (unsigned i = 0; i < VOLUMES * FILES; i++) {
		bool want = file[i].suits && !is_touched(&file[i], r) &&
			    !(r->o.known && r->o.known(NULL, file[i].id));

		if (file[i].found != want)
			return false;
	}
	return r->wrong == 0;
}

static bool is_sound(const struct run *r)
{
	for (unsigned i = 0; i < VOLUMES * FILES; i++)
		if (file[i].found > (file[i].suits && !is_touched(&file[i], r)))
			return false;
	return r->wrong == 0;
}

static struct run draw_gaps(void)
{
	struct run r = {.wrong = 0};
	uint64_t at = 0;

	for (unsigned i = 0; i < 2; i++) {
		r.gap[i].begin = at + draw(MEDIA_BYTES / 3);
		at = r.gap[i].end = r.gap[i].begin + draw(3000);
	}
	return r;
}

static void test_sweeps(struct evidence *ev)
{
	bool whole = true;
	bool known = true;
	bool gaps = true;
	bool planned = true;

	for (unsigned i = 0; i < 6; i++) {
		struct run r = {.wrong = 0};
		struct run again = {.o = {.known = is_third}};
		struct run holed = draw_gaps();
		struct run small = draw_gaps();

		whole = whole && sweep(ev, &r) == 0 && is_complete(&r);
		known = known && sweep(ev, &again) == 0 && is_complete(&again);
		gaps = gaps && sweep(ev, &holed) == 0 && is_complete(&holed);
		small.o.planned_max = 220 + draw(300); /* more than begin at one place */
		planned = planned && sweep(ev, &small) == 0 && is_complete(&small);
	}
	ok(whole, "every file in the image's order is hashed, and right");
	ok(known, "but those that have a hash already");
	ok(gaps, "and those that have a part in what could not be read");
	ok(planned, "a plan that holds a part of them at a time finds the same");
}

static void test_bounds(struct evidence *ev)
{
	bool sound = true;
	unsigned least = VOLUMES * FILES;

	for (unsigned i = 0; i < 6; i++) {
		struct run r = draw_gaps();
		unsigned n = 0;

		r.o.planned_max = 2 + draw(20);
		r.o.open_max = 1 + draw(5);
		sound = sound && sweep(ev, &r) == 0 && is_sound(&r);
		for (unsigned k = 0; k < VOLUMES * FILES; k++)
			n += file[k].found;
		least = n < least ? n : least;
	}
	ok(sound, "with little room what is found is right, and found once");
	ok(least > 0, "and something is (%u)", least);
}

static void test_failure(struct evidence *ev)
{
	struct run r = {.fail_at = 20};

	is_int(sweep(ev, &r), -ENOSPC, "what found() returns ends it");
	is_int(r.calls, 20, "there and then");
}

int main(void)
{
	struct evidence *ev = NULL;
	unsigned suit = 0;

	for (size_t i = 0; i < sizeof(media); i++)
		media[i] = (uint8_t)draw(256);
	if (!mkdtemp(dir))
		bail_out("no folder for the test");
	ev = open_evidence();
	for (unsigned i = 0; i < VOLUMES * FILES; i++)
		suit += file[i].suits;
	ok(suit > FILES && suit < VOLUMES * FILES - 50,
		"files of both kinds (%u suit the order of the image)", suit);
	test_sweeps(ev);
	test_bounds(ev);
	test_failure(ev);
	evidence_close(ev);
	file_remove_tree(dir, NULL);
	return done_testing();
}
