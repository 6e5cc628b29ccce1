/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ewf_table.c - where a chunk lies, by the chunk tables; see ewf_priv.h
 *
 * An entry is 32 bits: the offset of a chunk from the table's base, the top bit
 * set when it is compressed. How long the chunk is follows from the entry after
 * it. EnCase 6.7 wrote `sectors` sections longer than 2 GiB: from the chunk
 * that passes 0x7fffffff on, all 32 bits are offset and no chunk is compressed.
 * The point shows as an entry that, without its top bit, is below the one
 * before it.
 *
 * An entry of EWF2 is 16 bytes: offset, size and flags; a chunk of one pattern is
 * not stored, and the pattern stands for the offset.
 *
 * Source: EWF specification 3.9 (table section), and the behaviour of libewf;
 * EWF2 specification 3.7 (sector table).
 */
#include "image/ewf_priv.h"

#include <errno.h>
#include <libdeflate.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

#define OFFSET_MASK 0x7fffffffu

/* Flags of an entry of EWF2. */
#define FLAG_COMPRESSED 1u
#define FLAG_CHECKSUM   2u
#define FLAG_PATTERN    4u /* with FLAG_COMPRESSED */

int ewf_pread_exact(const struct ewf_segment *s, void *p, size_t n, uint64_t off)
{
	size_t done = 0;

	if (off > s->size || n > s->size - off)
		return -EIO;
	while (done < n) {
		ssize_t r = pread(s->fd, (uint8_t *)p + done, n - done, (off_t)(off + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return -EIO;
		done += (size_t)r;
	}
	return 0;
}

/* What is carried from one piece of a table to the next. */
struct scan {
	uint32_t checksum;
	uint32_t index;    /* entries seen */
	uint32_t previous; /* offset of the last one */
	uint32_t overflow; /* first entry that is all offset; UINT32_MAX: none yet */
	uint64_t limit;    /* no offset reaches this */
};

static void scan_piece(struct scan *s, const uint8_t *p, size_t n)
{
	struct cur c = cur_of(p, n);

	s->checksum = libdeflate_adler32(s->checksum, p, n);
	while (s->overflow == UINT32_MAX && cur_left(&c) > 0) {
		uint32_t entry = cur_u32(&c);
		uint32_t offset = entry & OFFSET_MASK;

		if (offset < s->previous && entry > OFFSET_MASK && entry < s->limit)
			s->overflow = s->index;
		s->previous = offset;
		s->index++;
	}
}

/*
 * Verifies one copy, of entries of @entry bytes. Return: 0 and *@overflow; -EIO
 * unreadable or damaged.
 */
static int check_copy(const struct ewf_segment *seg, const struct ewf_copy *copy, uint32_t count,
	size_t entry, uint32_t *overflow)
{
	struct scan scan = {.checksum = 1, .overflow = UINT32_MAX};
	uint64_t left = (uint64_t)count * entry;
	uint64_t at = copy->entries;
	uint8_t piece[16384];
	struct cur c;

	if (at == 0)
		return -EIO;
	scan.limit = seg->size > copy->base ? seg->size - copy->base : 0;
	while (left > 0) {
		size_t n = left < sizeof(piece) ? (size_t)left : sizeof(piece);

		if (ewf_pread_exact(seg, piece, n, at))
			return -EIO;
		scan_piece(&scan, piece, n);
		at += n;
		left -= n;
	}
	if (copy->has_checksum) {
		if (ewf_pread_exact(seg, piece, 4, at))
			return -EIO;
		c = cur_of(piece, 4);
		if (cur_u32(&c) != scan.checksum)
			return -EIO;
	}
	*overflow = scan.overflow;
	return 0;
}

static uint64_t table_state(const struct ewf *w, struct ewf_table *t)
{
	uint64_t state = atomic_load_explicit(&t->state, memory_order_relaxed);
	const struct ewf_segment *seg = &w->segments[t->segment];
	size_t entry = w->v2 ? EWF2_ENTRY : 4;
	uint32_t overflow = 0;

	if (state)
		return state;
	if (check_copy(seg, &t->copy[0], t->count, entry, &overflow) == 0)
		state = TABLE_FIRST;
	else if (check_copy(seg, &t->copy[1], t->count, entry, &overflow) == 0)
		state = TABLE_SECOND;
	else
		state = TABLE_BAD;
	state |= (uint64_t)overflow << 32;
	atomic_store_explicit(&t->state, state, memory_order_relaxed);
	return state;
}

static struct ewf_table *table_of(const struct ewf *w, uint64_t chunk)
{
	size_t lo = 0;
	size_t hi = w->n_tables;

	if (chunk >= w->table_chunks)
		return NULL;
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (w->tables[mid].first <= chunk)
			lo = mid;
		else
			hi = mid;
	}
	return &w->tables[lo];
}

/*
 * Where the data that holds @off ends: the `sectors` section, or without one
 * the table itself (EWF-S01, EnCase 1), or whatever precedes the table.
 */
static uint64_t data_end(const struct ewf_table *t, uint64_t off)
{
	if (off >= t->sectors && off < t->sectors_end)
		return t->sectors_end;
	return off < t->at ? t->at : t->end;
}

/* Entry @i of a verified copy, and how far it is to the next one; 0 when unknown. */
static int read_entry(const struct ewf *w, const struct ewf_table *t, const struct ewf_copy *copy,
	uint32_t i, uint32_t overflow, struct ewf_place *p)
{
	bool last = i + 1 == t->count;
	uint8_t raw[8] = {0};
	struct cur c = cur_of(raw, last ? 4 : 8);
	uint32_t entry = 0;
	uint32_t offset = 0;
	uint32_t next = 0;

	if (ewf_pread_exact(
		    &w->segments[t->segment], raw, last ? 4 : 8, copy->entries + (uint64_t)i * 4))
		return -EIO;
	entry = cur_u32(&c);
	offset = i >= overflow ? entry : entry & OFFSET_MASK;
	if (!last) {
		next = cur_u32(&c);
		next = i + 1 >= overflow ? next : next & OFFSET_MASK;
	}
	p->packing = i < overflow && entry > OFFSET_MASK ? EWF_DEFLATED : EWF_PLAIN;
	p->stored = next > offset ? next - offset : 0;
	return __builtin_add_overflow(copy->base, offset, &p->offset) ? -EIO : 0;
}

uint32_t ewf_stored_max(uint32_t chunk_size)
{
	return chunk_size + chunk_size / 1000 + 1024;
}

/* Entry @i of EWF2. Return: 0; -EIO unreadable. */
static int read_entry2(
	const struct ewf_segment *seg, const struct ewf_table *t, uint32_t i, struct ewf_place *p)
{
	uint8_t raw[EWF2_ENTRY] = {0};
	struct cur c = cur_of(raw, sizeof(raw));
	uint32_t flags = 0;

	if (ewf_pread_exact(seg, raw, sizeof(raw), t->copy[0].entries + (uint64_t)i * sizeof(raw)))
		return -EIO;
	p->offset = cur_u64(&c);
	p->stored = cur_u32(&c);
	flags = cur_u32(&c);
	p->unchecked = !(flags & FLAG_CHECKSUM);
	if (!(flags & FLAG_COMPRESSED))
		return 0;
	p->packing = flags & FLAG_PATTERN ? EWF_PATTERN : EWF_DEFLATED;
	if (flags & FLAG_PATTERN) {
		memcpy(p->pattern, raw, sizeof(p->pattern));
		p->stored = 0;
	}
	return 0;
}

/* What the entry says must lie in the segment, and be no more than a chunk can take. */
static int bound_place2(const struct ewf *w, const struct ewf_segment *seg, struct ewf_place *p)
{
	if (p->packing == EWF_PATTERN)
		return 0;
	return p->stored == 0 || p->stored > ewf_stored_max(w->chunk_size) ||
			       p->offset > seg->size || p->stored > seg->size - p->offset
		       ? -EIO
		       : 0;
}

/* Where an entry says no end, the chunk ends with the data, or where no chunk is longer. */
static int bound_place(const struct ewf *w, const struct ewf_segment *seg,
	const struct ewf_table *t, struct ewf_place *p)
{
	uint64_t end = data_end(t, p->offset);

	if (end > seg->size)
		end = seg->size;
	if (p->offset >= end)
		return -EIO;
	if (p->stored == 0 || p->stored > end - p->offset)
		p->stored = end - p->offset > UINT32_MAX ? UINT32_MAX : (uint32_t)(end - p->offset);
	if (p->stored > ewf_stored_max(w->chunk_size))
		p->stored = ewf_stored_max(w->chunk_size);
	return 0;
}

int ewf_table_find(const struct ewf *w, uint64_t chunk, struct ewf_place *out, struct err *e)
{
	struct ewf_table *t = table_of(w, chunk);
	const struct ewf_segment *seg = NULL;
	struct ewf_place p = {0};
	uint64_t state = 0;
	uint32_t i = 0;

	if (!t)
		return err_set(e, EIO, "chunk %llu is in no table of the image",
			(unsigned long long)chunk);
	seg = &w->segments[t->segment];
	p.segment = t->segment;
	i = (uint32_t)(chunk - t->first);
	state = table_state(w, t);
	if ((uint32_t)state == TABLE_BAD)
		return err_set(e, EIO, "%s (segment %u): the chunk table at offset %llu is damaged",
			seg->path, t->segment + 1, (unsigned long long)t->at);
	if (w->v2 ? read_entry2(seg, t, i, &p)
		  : read_entry(w, t, &t->copy[(uint32_t)state == TABLE_SECOND], i,
			    (uint32_t)(state >> 32), &p))
		return err_set(e, EIO,
			"%s (segment %u): the chunk table at offset %llu is unreadable", seg->path,
			t->segment + 1, (unsigned long long)t->at);
	if (w->v2 ? bound_place2(w, seg, &p) : bound_place(w, seg, t, &p))
		return err_set(e, EIO,
			"%s (segment %u): chunk %llu would lie at offset %llu, outside", seg->path,
			t->segment + 1, (unsigned long long)chunk, (unsigned long long)p.offset);
	*out = p;
	return 0;
}
