/* SPDX-License-Identifier: Apache-2.0 */
/* unxz.c - a closed segment, compressed and not; see unxz.h. */
#include "audit/unxz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lzma.h>

#include "audit/columns.h"
#include "audit/record.h"
#include "base/file.h"
#include "base/thread.h"

#define PRESET       0           /* nonces do not compress, the rest does at any preset */
#define MEMORY_BYTES (64u << 20) /* for decoding: what a preset of 6 needs is a sixth of it */
#define THREADS_MAX  4
#define CHUNK        ((size_t)64 << 10)

bool unxz_is(const uint8_t *p, size_t n)
{
	static const uint8_t magic[UNXZ_MAGIC] = {0xfd, '7', 'z', 'X', 'Z', 0};

	return n >= UNXZ_MAGIC && memcmp(p, magic, UNXZ_MAGIC) == 0;
}

static int error_of(lzma_ret r)
{
	return r == LZMA_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static ssize_t read_some(int fd, void *p, size_t n)
{
	ssize_t r = 0;

	do
		r = read(fd, p, n);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

/* ---- uncompressing ---------------------------------------------------------------------- */

/* A stream that is being decoded. */
struct flow {
	lzma_stream s;
	int fd;   /* where more of it comes from; -1: all of it is at hand */
	bool all; /* of it is at hand */
	bool ended;
	uint8_t from[CHUNK];
	unxz_stop *stop;
	void *ctx;
};

/* What comes out, in order. Return: 0 or -errno. */
typedef int take_bytes(void *to, const uint8_t *p, size_t n);

static lzma_ret begin_decoder(lzma_stream *s)
{
#if LZMA_VERSION >= UINT32_C(50040002) /* 5.4.0 */
	const lzma_mt mt = {.threads = thread_cpus(THREADS_MAX),
		.memlimit_threading = 2 * (uint64_t)MEMORY_BYTES,
		.memlimit_stop = MEMORY_BYTES};

	return lzma_stream_decoder_mt(s, &mt);
#else
	return lzma_stream_decoder(s, MEMORY_BYTES, 0);
#endif
}

static int refill(struct flow *f)
{
	ssize_t n = 0;

	if (f->all || f->s.avail_in > 0)
		return 0;
	if (f->stop && f->stop(f->ctx))
		return -ECANCELED;
	n = read_some(f->fd, f->from, sizeof(f->from));
	if (n < 0)
		return (int)n;
	f->s.next_in = f->from;
	f->s.avail_in = (size_t)n;
	f->all = n == 0;
	return 0;
}

/* The next @n bytes. Return: 1; 0 the stream ended before them, and nothing stands behind it;
 * -errno. */
static int pull(struct flow *f, uint8_t *p, size_t n)
{
	f->s.next_out = p;
	f->s.avail_out = n;
	while (f->s.avail_out > 0 && !f->ended) {
		lzma_ret r = LZMA_OK;
		int rc = refill(f);

		if (rc < 0)
			return rc;
		r = lzma_code(&f->s, f->all ? LZMA_FINISH : LZMA_RUN);
		if (r != LZMA_OK && r != LZMA_STREAM_END)
			return error_of(r);
		if (r == LZMA_STREAM_END && (rc = refill(f)) < 0)
			return rc;
		f->ended = r == LZMA_STREAM_END;
		if (f->ended && f->s.avail_in > 0)
			return -EBADMSG;
	}
	return f->s.avail_out == 0 ? 1 : f->s.avail_out == n ? 0 : -EBADMSG;
}

static int pull_all(struct flow *f, uint8_t *p, size_t n)
{
	int rc = pull(f, p, n);

	return rc == 0 ? -EBADMSG : rc < 0 ? rc : 0;
}

/* The records of one group, as they come and as they were. */
struct group {
	uint8_t *columns, *joined;
	size_t columns_room, joined_room;
	size_t n; /* bytes, joined */
};

static int make_room(uint8_t **p, size_t *room, size_t n)
{
	uint8_t *more = n > *room ? realloc(*p, n) : *p;

	if (!more)
		return -ENOMEM;
	*p = more;
	*room = n > *room ? n : *room;
	return 0;
}

/* The next group. Return: as pull(). */
static int pull_group(struct flow *f, struct group *g)
{
	uint8_t head[COLUMNS_HEAD];
	int64_t records = 0;
	int64_t rest = 0;
	size_t first = 0;
	int rc = pull(f, head, sizeof(head));

	if (rc <= 0)
		return rc;
	records = columns_head(head);
	if (records < 0)
		return (int)records;
	first = (size_t)records * RECORD_UNIT;
	rc = make_room(&g->columns, &g->columns_room, first);
	if (rc == 0)
		rc = pull_all(f, g->columns, first);
	if (rc < 0)
		return rc;
	rest = columns_rest(g->columns, (size_t)records);
	if (rest < 0)
		return (int)rest;
	g->n = first + (size_t)rest;
	rc = make_room(&g->columns, &g->columns_room, g->n);
	if (rc == 0)
		rc = make_room(&g->joined, &g->joined_room, g->n);
	if (rc == 0 && rest)
		rc = pull_all(f, g->columns + first, (size_t)rest);
	if (rc < 0)
		return rc;
	columns_join(g->columns, g->columns + first, (size_t)records, g->joined);
	return 1;
}

/* All of it, to @take: the head, then group by group. */
static int flow_run(struct flow *f, take_bytes *take, void *to)
{
	uint8_t head[RECORD_UNIT];
	struct group g = {.n = 0};
	int rc = begin_decoder(&f->s) == LZMA_OK ? 0 : -ENOMEM;

	if (rc == 0)
		rc = pull_all(f, head, sizeof(head));
	if (rc == 0)
		rc = take(to, head, sizeof(head));
	while (rc == 0 && (rc = pull_group(f, &g)) == 1)
		rc = take(to, g.joined, g.n);
	lzma_end(&f->s);
	free(g.columns);
	free(g.joined);
	return rc;
}

struct grown {
	uint8_t *p;
	size_t n, room, max;
};

static int take_grown(void *to, const uint8_t *p, size_t n)
{
	struct grown *g = to;
	size_t room = g->room;

	if (n > g->max - g->n)
		return -EBADMSG;
	while (room < g->n + n)
		room = room ? 2 * room : CHUNK;
	if (room > g->room) {
		uint8_t *more = realloc(g->p, room);

		if (!more)
			return -ENOMEM;
		g->p = more;
		g->room = room;
	}
	memcpy(g->p + g->n, p, n);
	g->n += n;
	return 0;
}

int unxz(const uint8_t *p, size_t n, size_t max, uint8_t **out, size_t *out_n)
{
	struct flow *f = calloc(1, sizeof(*f));
	struct grown g = {.max = max};
	int rc = -ENOMEM;

	if (f) {
		*f = (struct flow){.s = LZMA_STREAM_INIT, .fd = -1, .all = true};
		f->s.next_in = p;
		f->s.avail_in = n;
		rc = flow_run(f, take_grown, &g);
		free(f);
	}
	if (rc < 0) {
		free(g.p);
		return rc;
	}
	*out = g.p;
	*out_n = g.n;
	return 0;
}

int unxz_begin(const uint8_t *p, size_t n, uint8_t *out)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_ret r = lzma_stream_decoder(&s, MEMORY_BYTES, 0);
	int rc = 0;

	s.next_in = p;
	s.avail_in = n;
	s.next_out = out;
	s.avail_out = RECORD_UNIT;
	while (r == LZMA_OK && s.avail_out > 0)
		r = lzma_code(&s, LZMA_RUN);
	if (s.avail_out > 0)
		rc = r == LZMA_MEM_ERROR ? -ENOMEM : -EBADMSG;
	lzma_end(&s);
	return rc;
}

/* The next bytes of the file @to are these. */
static int compare_bytes(void *to, const uint8_t *p, size_t n)
{
	uint8_t plain[CHUNK];
	size_t got = 0;

	while (got < n) {
		size_t want = n - got < sizeof(plain) ? n - got : sizeof(plain);
		ssize_t r = read_some(*(const int *)to, plain, want);

		if (r <= 0)
			return r < 0 ? (int)r : -EBADMSG;
		if (memcmp(plain, p + got, (size_t)r) != 0)
			return -EBADMSG;
		got += (size_t)r;
	}
	return 0;
}

int unxz_same(int packed, int plain, unxz_stop *stop, void *ctx)
{
	struct flow *f = NULL;
	uint8_t more = 0;
	ssize_t n = 0;
	int rc = 0;

	if (lseek(packed, 0, SEEK_SET) < 0 || lseek(plain, 0, SEEK_SET) < 0)
		return -errno;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	*f = (struct flow){.s = LZMA_STREAM_INIT, .fd = packed, .stop = stop, .ctx = ctx};
	rc = flow_run(f, compare_bytes, &plain);
	free(f);
	if (rc < 0)
		return rc;
	/* neither has more */
	n = read_some(plain, &more, 1);
	return n < 0 ? (int)n : n == 0 ? 0 : -EBADMSG;
}

/* ---- compressing -------------------------------------------------------------------------- */

/* Blocks of [@block] bytes, that can be decoded side by side. */
static lzma_ret begin_encoder(lzma_stream *s, size_t block)
{
	lzma_options_lzma lzma;
	lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &lzma}, {LZMA_VLI_UNKNOWN, NULL}};
	const lzma_mt mt = {
		.threads = 1, .block_size = block, .filters = filters, .check = LZMA_CHECK_CRC32};

	if (lzma_lzma_preset(&lzma, PRESET))
		return LZMA_OPTIONS_ERROR;
	/* in a column a byte's place says nothing of it */
	lzma.lc = 0;
	lzma.lp = 0;
	lzma.pb = 0;
	return lzma_stream_encoder_mt(s, &mt);
}

/* [n] bytes into the stream, what comes out of it to @out. */
static int push(lzma_stream *s, const uint8_t *p, size_t n, lzma_action action, int out,
	unxz_stop *stop, void *ctx)
{
	uint8_t to[CHUNK];
	lzma_ret r = LZMA_OK;
	int rc = 0;

	s->next_in = p;
	s->avail_in = n;
	while (rc == 0 && (action == LZMA_FINISH ? r == LZMA_OK : s->avail_in > 0)) {
		if (stop && stop(ctx))
			return -ECANCELED;
		s->next_out = to;
		s->avail_out = sizeof(to);
		r = lzma_code(s, action);
		if (r != LZMA_OK && r != LZMA_STREAM_END)
			return error_of(r);
		rc = file_write_all(out, to, sizeof(to) - s->avail_out);
	}
	return rc;
}

/* Fill [room] bytes, of which @have are there. Return: how many are; -errno. */
static ssize_t fill(int in, uint8_t *p, size_t have, size_t room)
{
	while (have < room) {
		ssize_t n = read_some(in, p + have, room - have);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

/* The records of @in, group by group, of @room bytes at most. */
static int push_groups(lzma_stream *s, int in, int out, uint8_t *plain, uint8_t *columns,
	size_t room, unxz_stop *stop, void *ctx)
{
	size_t left = 0;
	ssize_t have = 0;
	int rc = 0;

	while (rc == 0 && (have = fill(in, plain, left, room)) > 0) {
		size_t records = 0;
		int64_t n = columns_count(plain, (size_t)have, &records);

		if (n <= 0)
			return -EBADMSG;
		columns_split(plain, records, columns);
		rc = push(s, columns, COLUMNS_HEAD + (size_t)n, LZMA_RUN, out, stop, ctx);
		left = (size_t)(have - n);
		memmove(plain, plain + n, left);
	}
	return have < 0 ? (int)have : rc;
}

/* Of the records in one group: those of a small segment are one, and take no more memory. */
static int group_room(int in, size_t *room)
{
	struct stat st;

	if (fstat(in, &st))
		return -errno;
	*room = (uint64_t)st.st_size < COLUMNS_BYTES_MAX ? (size_t)st.st_size : COLUMNS_BYTES_MAX;
	*room = *room < RECORD_UNIT ? RECORD_UNIT : *room;
	return 0;
}

int unxz_pack(int in, int out, unxz_stop *stop, void *ctx)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_ret r = LZMA_MEM_ERROR;
	uint8_t *columns = NULL;
	uint8_t *plain = NULL;
	size_t room = 0;
	ssize_t n = 0;
	int rc = group_room(in, &room);

	if (rc)
		return rc;
	plain = malloc(room);
	columns = malloc(COLUMNS_HEAD + room);
	if (plain && columns)
		r = begin_encoder(&s, room);
	rc = r == LZMA_OK ? 0 : error_of(r);
	if (rc == 0) {
		n = fill(in, plain, 0, RECORD_UNIT);
		rc = n < 0 ? (int)n : n < RECORD_UNIT ? -EBADMSG : 0;
	}
	if (rc == 0)
		rc = push(&s, plain, RECORD_UNIT, LZMA_RUN, out, stop, ctx);
	if (rc == 0)
		rc = push_groups(&s, in, out, plain, columns, room, stop, ctx);
	if (rc == 0)
		rc = push(&s, NULL, 0, LZMA_FINISH, out, stop, ctx);
	lzma_end(&s);
	free(plain);
	free(columns);
	return rc;
}
