/* SPDX-License-Identifier: Apache-2.0 */
/* unzip.c - small members of a zip file, expanded whole; see unzip.h. */
#include "container/unzip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

#include "base/buf.h"

#define END_RECORD    0x06054b50u
#define END_FIXED     22u
#define ENTRY         0x02014b50u
#define LOCAL         0x04034b50u
#define LOCAL_FIXED   30u
#define LOCAL_MAX     4096u /* bytes of a local header, its name and extra field with it */
#define DIRECTORY_MAX ((size_t)16 << 20)
#define PACKED_MAX    (UNZIP_MAX + UNZIP_MAX / 4)
#define DEFLATED      8u
#define STREAMED      0x0008u /* the local header has neither CRC nor sizes */
#define KNOWN_FLAGS   0x080eu /* that, how hard it was tried, names in UTF-8 */

/* What the directory says of a small deflated member. */
struct entry {
	uint32_t local; /* where its local header stands */
	uint32_t crc;
	uint32_t packed;
	uint32_t size;
	uint16_t flags;
	uint16_t name_len;
};

struct unzip {
	const struct source *s;
	struct entry *v; /* [n], by `local` */
	size_t n;
	struct buf packed;
	uint8_t *out; /* [UNZIP_MAX] */
};

/* ---- the directory ------------------------------------------------------------------------ */

/* The end record, if all of it is as plain as can be. Return: entries; 0: it is not. */
static size_t take_end(const struct source *s, uint64_t *off, size_t *len)
{
	const uint64_t size = source_size(s);
	uint8_t end[END_FIXED];
	struct cur c = cur_of(end, sizeof(end));
	uint32_t disks = 0;
	size_t here = 0;
	size_t n = 0;
	bool good = false;

	if (size < END_FIXED || source_read_all(s, end, END_FIXED, size - END_FIXED) != END_FIXED)
		return 0;
	good = cur_u32(&c) == END_RECORD;
	disks = cur_u32(&c);
	here = cur_u16(&c);
	n = cur_u16(&c);
	*len = cur_u32(&c);
	*off = cur_u32(&c);
	good = good && disks == 0 && here == n && n < UINT16_MAX && cur_u16(&c) == 0;
	return good && *len <= DIRECTORY_MAX && *off + *len == size - END_FIXED ? n : 0;
}

static bool is_small(const struct entry *e, uint16_t method)
{
	return method == DEFLATED && !(e->flags & ~KNOWN_FLAGS) && e->packed > 0 &&
	       e->packed <= PACKED_MAX && e->size > 0 && e->size <= UNZIP_MAX;
}

/* One entry; kept where its member is small. */
static bool take_entry(struct cur *c, struct unzip *u)
{
	struct entry e = {.local = 0};
	bool good = cur_u32(c) == ENTRY;
	uint16_t method = 0;
	size_t more = 0;

	cur_take(c, 4); /* versions */
	e.flags = cur_u16(c);
	method = cur_u16(c);
	cur_take(c, 4); /* time and date */
	e.crc = cur_u32(c);
	e.packed = cur_u32(c);
	e.size = cur_u32(c);
	e.name_len = cur_u16(c);
	more = cur_u16(c);
	more += cur_u16(c);
	cur_take(c, 8); /* disk, attributes */
	e.local = cur_u32(c);
	cur_take(c, e.name_len + more);
	if (!good || c->bad)
		return false;
	if (is_small(&e, method))
		u->v[u->n++] = e;
	return true;
}

static int by_local(const void *a, const void *b)
{
	const struct entry *x = a;
	const struct entry *y = b;

	return x->local < y->local ? -1 : x->local > y->local;
}

/* All entries, and nothing behind them; no two at one place. */
static bool take_entries(const uint8_t *p, size_t len, size_t n, struct unzip *u)
{
	struct cur c = cur_of(p, len);

	for (size_t i = 0; i < n; i++) {
		if (!take_entry(&c, u))
			return false;
	}
	if (cur_left(&c) > 0)
		return false;
	qsort(u->v, u->n, sizeof(*u->v), by_local);
	for (size_t i = 1; i < u->n; i++) {
		if (u->v[i - 1].local == u->v[i].local)
			return false;
	}
	return true;
}

struct unzip *unzip_open(const struct source *s)
{
	struct unzip *u = calloc(1, sizeof(*u));
	uint64_t off = 0;
	size_t len = 0;
	size_t n = take_end(s, &off, &len);
	uint8_t *p = n ? malloc(len + 1) : NULL;
	bool good = false;

	if (u && p) {
		u->s = s;
		u->v = calloc(n, sizeof(*u->v));
		u->out = malloc(UNZIP_MAX);
		good = u->v && u->out && source_read_all(s, p, len, off) == (ssize_t)len &&
		       take_entries(p, len, n, u);
	}
	free(p);
	if (good)
		return u;
	unzip_free(u);
	return NULL;
}

void unzip_free(struct unzip *u)
{
	if (!u)
		return;
	free(u->v);
	free(u->out);
	buf_release(&u->packed);
	free(u);
}

/* ---- a member ------------------------------------------------------------------------------ */

/* Of those whose local header begins before @at, the last one. */
static const struct entry *find(const struct unzip *u, uint64_t at)
{
	size_t low = 0;
	size_t high = u->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (u->v[mid].local < at)
			low = mid + 1;
		else
			high = mid;
	}
	return low > 0 ? &u->v[low - 1] : NULL;
}

/* Whether the local header, all of [@n] bytes, says what the directory says. */
static bool agrees(const uint8_t *p, size_t n, const struct entry *e)
{
	struct cur c = cur_of(p, n);
	bool good = cur_u32(&c) == LOCAL;
	bool sizes = true;

	cur_u16(&c); /* version */
	good = good && cur_u16(&c) == e->flags && cur_u16(&c) == DEFLATED;
	cur_u32(&c); /* time and date */
	sizes = cur_u32(&c) == e->crc;
	sizes = cur_u32(&c) == e->packed && sizes;
	sizes = cur_u32(&c) == e->size && sizes;
	good = good && cur_u16(&c) == e->name_len;
	cur_take(&c, (size_t)cur_u16(&c) + e->name_len);
	return good && !c.bad && cur_left(&c) == 0 && (sizes || (e->flags & STREAMED));
}

static bool expand(const uint8_t *p, const struct entry *e, uint8_t *out)
{
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	size_t used = 0;
	size_t got = 0;
	bool good = d && libdeflate_deflate_decompress_ex(
				 d, p, e->packed, out, e->size, &used, &got) == LIBDEFLATE_SUCCESS;

	libdeflate_free_decompressor(d);
	return good && used == e->packed && got == e->size &&
	       libdeflate_crc32(0, out, e->size) == e->crc;
}

int unzip_member(struct unzip *u, uint64_t at, uint64_t size, const uint8_t **out)
{
	const struct entry *e = find(u, at);
	size_t head = 0;
	size_t want = 0;

	if (!e || e->size != size || at - e->local > LOCAL_MAX)
		return 0;
	head = (size_t)(at - e->local);
	want = head + e->packed;
	buf_reset(&u->packed);
	if (buf_reserve(&u->packed, want) ||
		source_read_all(u->s, u->packed.data, want, e->local) != (ssize_t)want ||
		!agrees(u->packed.data, head, e))
		return 0;
	if (!expand(u->packed.data + head, e, u->out))
		return -1;
	*out = u->out;
	return 1;
}
