/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - what of a session outlives the process that serves it; see table.h. */
#include "mount/table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "trace/id.h"

#define MAGIC       UINT64_C(0x3262617473667665) /* "evfstab2" */
#define BLOCK_BITS  15u                          /* 32,768 traces, 4 KiB */
#define BLOCK_MASK  ((UINT64_C(1) << BLOCK_BITS) - 1)
#define WORDS       (1u << (BLOCK_BITS - 6))
#define NUMBER_BITS 32u
#define PART_BITS   21u
#define KEY_USED    (UINT64_C(1) << 63)

struct slot {
	_Atomic uint32_t kind; /* set last */
	uint32_t unused;
	uint64_t id;
};

struct block {
	_Atomic uint64_t word[WORDS];
};

struct shared {
	_Atomic uint64_t magic; /* set last */
	struct node_keys keys;
	_Atomic uint32_t high;
	_Atomic uint32_t missing;
	_Atomic uint64_t record;
	_Atomic uint64_t begun[TABLE_BEGUN];
	struct slot slot[NODE_SLOTS];
	/* open addressing: what a block holds; the block of the same place is it */
	_Atomic uint64_t key[TABLE_BLOCKS];
	_Alignas(4096) struct table_handle handle[TABLE_HANDLES];
	_Alignas(4096) struct block block[TABLE_BLOCKS];
};

struct session_table {
	struct shared *shared;
};

static int begin(struct shared *m, struct err *e)
{
	uint64_t magic = atomic_load(&m->magic);

	if (magic == MAGIC)
		return 0;
	if (magic)
		return err_set(e, EBADMSG, "the session's table is of another version");
	if (digest_random(&m->keys, sizeof(m->keys)))
		return err_set(e, EIO, "no random numbers from the system");
	atomic_store(&m->magic, MAGIC);
	return 0;
}

static int enlarge(int fd)
{
	struct stat st;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st))
		return -errno;
	if ((uint64_t)st.st_size >= sizeof(struct shared))
		return 0;
	return ftruncate(fd, (off_t)sizeof(struct shared)) ? -errno : 0;
}

int table_open(int fd, struct session_table **out, struct err *e)
{
	struct session_table *t = calloc(1, sizeof(*t));
	int kind = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	int r = enlarge(fd);
	void *p = MAP_FAILED;

	if (t && r == 0)
		p = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, kind | MAP_NORESERVE,
			fd, 0);
	if (p == MAP_FAILED) {
		r = r ? r : t ? -errno : -ENOMEM;
		free(t);
		return err_errno(e, -r, "the session's table");
	}
	t->shared = p;
	r = begin(t->shared, e);
	if (r) {
		table_close(t);
		return r;
	}
	*out = t;
	return 0;
}

void table_close(struct session_table *t)
{
	if (!t)
		return;
	munmap(t->shared, sizeof(*t->shared));
	free(t);
}

const struct node_keys *table_keys(const struct session_table *t)
{
	return &t->shared->keys;
}

/* ---- slots ----------------------------------------------------------------------- */

int table_slot(struct session_table *t, enum table_kind kind, uint64_t id)
{
	struct slot *slot = t->shared->slot;

	for (unsigned i = 0; i < NODE_SLOTS; i++) {
		uint32_t is = atomic_load(&slot[i].kind);

		if (is == kind && slot[i].id == id)
			return (int)i;
		if (is == TABLE_NONE) {
			slot[i].id = id;
			atomic_store(&slot[i].kind, kind);
			return (int)i;
		}
	}
	return -ENOSPC;
}

enum table_kind table_slot_kind(const struct session_table *t, unsigned slot, uint64_t *id)
{
	const struct slot *s = &t->shared->slot[slot];

	*id = s->id;
	return (enum table_kind)atomic_load(&s->kind);
}

/* ---- handles ---------------------------------------------------------------------- */

struct table_handle *table_handle(struct session_table *t, uint32_t index)
{
	return &t->shared->handle[index];
}

uint32_t table_high(const struct session_table *t)
{
	uint32_t high = atomic_load(&t->shared->high);

	return high < TABLE_HANDLES ? high : TABLE_HANDLES;
}

void table_set_high(struct session_table *t, uint32_t high)
{
	atomic_store(&t->shared->high, high);
}

void table_set_missing(struct session_table *t, uint32_t what)
{
	atomic_store(&t->shared->missing, what);
}

void table_set_record(struct session_table *t, uint64_t seq)
{
	atomic_store(&t->shared->record, seq);
}

uint64_t table_record(const struct session_table *t)
{
	return atomic_load(&t->shared->record);
}

uint32_t table_missing(const struct session_table *t)
{
	return atomic_load(&t->shared->missing);
}

/* ---- nodes handed out ---------------------------------------------------------------- */

static uint64_t key_of(const struct node *n)
{
	return KEY_USED | (uint64_t)n->slot << (PART_BITS + NUMBER_BITS - BLOCK_BITS) |
	       (uint64_t)trace_part(n->trace) << (NUMBER_BITS - BLOCK_BITS) |
	       trace_number(n->trace) >> BLOCK_BITS;
}

static unsigned key_slot(uint64_t key)
{
	return (unsigned)((key & ~KEY_USED) >> (PART_BITS + NUMBER_BITS - BLOCK_BITS));
}

/* The first trace of a block. */
static uint64_t key_trace(uint64_t key)
{
	unsigned part = (unsigned)(key >> (NUMBER_BITS - BLOCK_BITS)) & ((1u << PART_BITS) - 1);
	uint64_t number = (key & ((UINT64_C(1) << (NUMBER_BITS - BLOCK_BITS)) - 1)) << BLOCK_BITS;

	return trace_id(part, number);
}

static struct block *block_of(struct shared *m, uint64_t key)
{
	uint32_t at = (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 40) % TABLE_BLOCKS;

	for (uint32_t i = 0; i < TABLE_BLOCKS; i++, at = (at + 1) % TABLE_BLOCKS) {
		uint64_t is = atomic_load_explicit(&m->key[at], memory_order_acquire);

		if (is == 0 && atomic_compare_exchange_strong(&m->key[at], &is, key))
			return &m->block[at];
		if (is == key)
			return &m->block[at];
	}
	return NULL;
}

int table_mark(struct session_table *t, const struct node *n)
{
	struct block *b = NULL;
	uint64_t bit = trace_number(n->trace) & BLOCK_MASK;
	uint64_t mask = UINT64_C(1) << (bit % 64);

	if (n->root)
		return 0;
	b = block_of(t->shared, key_of(n));
	if (!b)
		return -ENOMEM;
	/* mostly it was handed out before: then nothing is written */
	if (!(atomic_load_explicit(&b->word[bit / 64], memory_order_relaxed) & mask))
		atomic_fetch_or(&b->word[bit / 64], mask);
	return 0;
}

static void tell_word(uint64_t word, uint64_t first, struct node n, const struct view_interval *in,
	table_marked_fn *fn, void *ctx)
{
	while (word) {
		n.trace = first + (uint64_t)__builtin_ctzll(word);
		if (n.trace >= in->first && n.trace <= in->last)
			fn(ctx, &n);
		word &= word - 1;
	}
}

static void tell_block(struct shared *m, uint32_t at, const struct view_interval *in,
	table_marked_fn *fn, void *ctx)
{
	uint64_t begin = key_trace(atomic_load(&m->key[at]));
	uint64_t from = in->first > begin ? (in->first - begin) / 64 : 0;
	uint64_t to = in->last - begin > BLOCK_MASK ? WORDS - 1 : (in->last - begin) / 64;
	const struct node n = {.slot = key_slot(atomic_load(&m->key[at]))};

	for (uint64_t w = from; w <= to; w++)
		tell_word(atomic_load(&m->block[at].word[w]), begin + w * 64, n, in, fn, ctx);
}

/* The first of the intervals that ends at @trace or behind it. */
static size_t first_from(const struct view_interval *in, size_t n, uint64_t trace)
{
	size_t low = 0;

	while (low < n) {
		size_t mid = low + (n - low) / 2;

		if (in[mid].last < trace)
			low = mid + 1;
		else
			n = mid;
	}
	return low;
}

static int compare_keys(const void *a, const void *b, void *keys)
{
	uint64_t x = ((_Atomic uint64_t *)keys)[*(const uint32_t *)a];
	uint64_t y = ((_Atomic uint64_t *)keys)[*(const uint32_t *)b];

	return (x > y) - (x < y);
}

/* The blocks of a slot, by their traces. Return: how many; -ENOMEM. */
static ssize_t blocks_of(struct shared *m, unsigned slot, uint32_t **out)
{
	uint32_t *v = NULL;
	uint32_t n = 0;

	for (uint32_t at = 0; at < TABLE_BLOCKS; at++) {
		uint64_t key = atomic_load(&m->key[at]);

		n += key != 0 && key_slot(key) == slot;
	}
	v = calloc(n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	*out = v;
	n = 0;
	for (uint32_t at = 0; at < TABLE_BLOCKS; at++) {
		uint64_t key = atomic_load(&m->key[at]);

		if (key != 0 && key_slot(key) == slot)
			v[n++] = at;
	}
	qsort_r(v, n, sizeof(*v), compare_keys, m->key);
	return n;
}

int table_marked(struct session_table *t, unsigned slot, const struct view_interval *in, size_t n,
	table_marked_fn *fn, void *ctx)
{
	struct shared *m = t->shared;
	uint32_t *blocks = NULL;
	ssize_t count = n > 0 ? blocks_of(m, slot, &blocks) : 0;

	for (ssize_t k = 0; k < count; k++) {
		uint64_t begin = key_trace(atomic_load(&m->key[blocks[k]]));

		for (size_t i = first_from(in, n, begin);
			i < n && in[i].first <= begin + BLOCK_MASK; i++)
			tell_block(m, blocks[k], &in[i], fn, ctx);
	}
	free(blocks);
	return count < 0 ? (int)count : 0;
}

/* ---- requests begun -------------------------------------------------------------------- */

int table_begin(struct session_table *t, uint64_t unique)
{
	for (unsigned i = 0; i < TABLE_BEGUN; i++) {
		uint64_t none = 0;

		if (atomic_load_explicit(&t->shared->begun[i], memory_order_relaxed) == 0 &&
			atomic_compare_exchange_strong(&t->shared->begun[i], &none, unique))
			return (int)i;
	}
	return -1;
}

void table_end(struct session_table *t, int place)
{
	if (place >= 0)
		atomic_store(&t->shared->begun[place], 0);
}

uint64_t table_left(struct session_table *t)
{
	for (unsigned i = 0; i < TABLE_BEGUN; i++) {
		uint64_t unique = atomic_exchange(&t->shared->begun[i], 0);

		if (unique)
			return unique;
	}
	return 0;
}
