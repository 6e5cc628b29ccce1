/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive.c - zip, tar, cpio, 7z, RAR, ISO, and single compressed files, through libarchive
 *
 * The only file that includes <archive.h>. Which formats libarchive may try is
 * decided by archive_shape.h, so that it never guesses, nor runs a program. What is in a
 * gzip file of one member it is given expanded (gunzip.h). A member's locator is its place among
 * the archive's entries.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "container/archive_paths.h"
#include "container/archive_shape.h"
#include "container/container.h"
#include "container/gunzip.h"

#define BLOCK ((size_t)64 << 10)
#define SKIP  ((size_t)256 << 10)

struct shape {
	enum archive_layout layout;
	enum archive_packing packing;
};

static bool archive_probe(const uint8_t *head, size_t n, const struct source *s)
{
	return archive_packing_of(head, n) != PACKED_NOT ||
	       archive_layout_of(head, n, s) != LAYOUT_NONE;
}

/* ---- libarchive over a source -------------------------------------------------------------- */

struct container {
	const struct source *s;
	struct gunzip whole;     /* the same expanded, if it is a small gzip file */
	struct source *expanded; /* over that; NULL: it is not */
	size_t whole_max;        /* bytes that it may have so */
	bool tried;              /* to expand it so */
	bool single;             /* its one entry is what was expanded */
	struct archive *a;
	struct archive_entry *entry; /* borrowed from `a` */
	struct container_budget *b;  /* of the call that is under way */
	uint64_t pos;                /* in the source */
	uint64_t next;               /* place of the entry that comes next */
	uint64_t done;               /* bytes of the current entry that were given */
	const void *piece;           /* [piece_n] of it from byte piece_at on; libarchive's */
	size_t piece_n;
	uint64_t piece_at;
	uint8_t block[BLOCK];
};

/* What libarchive is given. */
static const struct source *given(const struct container *r)
{
	return r->expanded ? r->expanded : r->s;
}

static la_ssize_t on_read(struct archive *a, void *ctx, const void **out)
{
	struct container *r = ctx;
	ssize_t n = 0;

	if (r->pos < source_size(given(r)))
		n = source_pread(given(r), r->block, BLOCK, r->pos);
	if (n < 0 || (r->b && container_spend(r->b, 0))) {
		archive_set_error(a, n < 0 ? EIO : E2BIG, "%s",
			n < 0 ? "its bytes cannot be read" : "its limits are reached");
		return ARCHIVE_FATAL;
	}
	*out = r->block;
	r->pos += (uint64_t)n;
	return n;
}

static la_int64_t on_skip(struct archive *a, void *ctx, la_int64_t want)
{
	struct container *r = ctx;
	uint64_t left = source_size(given(r)) - r->pos;

	(void)a;
	if (want < 0)
		return 0;
	if ((uint64_t)want > left)
		want = (la_int64_t)left;
	r->pos += (uint64_t)want;
	return want;
}

static la_int64_t on_seek(struct archive *a, void *ctx, la_int64_t off, int whence)
{
	struct container *r = ctx;
	int64_t base = whence == SEEK_CUR   ? (int64_t)r->pos
		       : whence == SEEK_END ? (int64_t)source_size(given(r))
					    : 0;

	(void)a;
	if (__builtin_add_overflow(base, off, &base) || base < 0 ||
		(uint64_t)base > source_size(given(r)))
		return ARCHIVE_FATAL;
	r->pos = (uint64_t)base;
	return base;
}

static int allow_layout(struct archive *a, enum archive_layout l)
{
	switch (l) {
	case LAYOUT_ZIP:
		return archive_read_support_format_zip(a); /* without its directory, too */
	case LAYOUT_SEVEN:
		return archive_read_support_format_7zip(a);
	case LAYOUT_RAR:
		archive_read_support_format_rar(a);
		return archive_read_support_format_rar5(a);
	case LAYOUT_ISO:
		return archive_read_support_format_iso9660(a);
	case LAYOUT_TAR:
		return archive_read_support_format_tar(a);
	case LAYOUT_CPIO:
		return archive_read_support_format_cpio(a);
	case LAYOUT_RAW:
		archive_read_support_format_empty(a);
		return archive_read_support_format_raw(a);
	case LAYOUT_NONE:
		break;
	}
	return ARCHIVE_FATAL;
}

static int allow_packing(struct archive *a, enum archive_packing p)
{
	switch (p) {
	case PACKED_GZIP:
		return archive_read_append_filter(a, ARCHIVE_FILTER_GZIP);
	case PACKED_BZIP2:
		return archive_read_append_filter(a, ARCHIVE_FILTER_BZIP2);
	case PACKED_XZ:
		return archive_read_append_filter(a, ARCHIVE_FILTER_XZ);
	case PACKED_ZSTD:
		return archive_read_append_filter(a, ARCHIVE_FILTER_ZSTD);
	case PACKED_NOT:
		break;
	}
	return ARCHIVE_OK;
}

static int failure(struct archive *a, struct err *e)
{
	const char *text = archive_error_string(a);
	int code = archive_errno(a);

	return err_set(e, code == E2BIG || code == ENOMEM ? code : EBADMSG, "%s",
		text ? text : "it cannot be read");
}

static int begin(struct container *r, const struct shape *shape, struct err *e)
{
	int rc = 0;

	r->a = archive_read_new();
	r->single = r->expanded && shape->layout == LAYOUT_RAW;
	r->pos = r->next = r->done = r->piece_at = 0;
	r->piece_n = 0;
	if (!r->a)
		return err_set(e, ENOMEM, "no memory");
	rc = allow_layout(r->a, shape->layout);
	if (rc >= ARCHIVE_WARN)
		rc = allow_packing(r->a, shape->packing);
	archive_read_set_callback_data(r->a, r);
	archive_read_set_read_callback(r->a, on_read);
	archive_read_set_skip_callback(r->a, on_skip);
	archive_read_set_seek_callback(r->a, on_seek);
	if (rc >= ARCHIVE_WARN)
		rc = archive_read_open1(r->a);
	return rc < ARCHIVE_WARN ? failure(r->a, e) : 0;
}

static void end(struct container *r)
{
	if (r->a)
		archive_read_free(r->a);
	r->a = NULL;
	r->entry = NULL;
}

/* What is compressed: an archive, or one file. */
static int shape_of_packed(struct container *r, struct shape *shape, struct err *e)
{
	uint8_t head[ARCHIVE_INSIDE] = {0};
	size_t n = 0;
	int rc = 0;

	shape->layout = LAYOUT_RAW;
	rc = begin(r, shape, e);
	if (rc == 0)
		rc = archive_read_next_header(r->a, &r->entry);
	if (rc != 0 && rc != ARCHIVE_WARN) /* nothing is in it, or it cannot be expanded */
		n = sizeof(head);
	if (rc < ARCHIVE_WARN)
		rc = failure(r->a, e);
	else
		rc = 0;
	while (rc == 0 && n < sizeof(head)) {
		la_ssize_t k = archive_read_data(r->a, head + n, sizeof(head) - n);

		if (k <= 0)
			break; /* what is wrong is told by whoever reads it */
		n += (size_t)k;
	}
	end(r);
	if (rc)
		return rc;
	shape->layout = archive_layout_inside(head, n);
	return 0;
}

/* A small gzip file is expanded at once, and from then on not compressed. Tried once: what cannot
 * be is libarchive's. Return: whether it is. */
static bool expand_small(struct container *r)
{
	if (r->expanded || r->tried)
		return r->expanded != NULL;
	r->tried = true;
	if (r->b && container_spend(r->b, 0))
		return false;
	if (!gunzip_whole(r->s, r->whole_max, &r->whole)) {
		if (r->b)
			container_spend(r->b, r->whole.n);
		return false;
	}
	if (source_memory(r->whole.bytes, r->whole.n, &r->expanded)) {
		gunzip_release(&r->whole);
		return false;
	}
	return true;
}

static struct shape shape_of_expanded(const struct container *r)
{
	const size_t n = r->whole.n < ARCHIVE_INSIDE ? r->whole.n : ARCHIVE_INSIDE;

	return (struct shape){archive_layout_inside(r->whole.bytes, n), PACKED_NOT};
}

static int open_archive(struct container *r, struct err *e)
{
	uint8_t head[CONTAINER_HEAD];
	struct shape shape = {LAYOUT_NONE, PACKED_NOT};
	ssize_t n = source_read_all(r->s, head, sizeof(head), 0);
	int rc = 0;

	if (n < 0)
		return err_set(e, EIO, "its bytes cannot be read");
	shape.packing = archive_packing_of(head, (size_t)n);
	if (shape.packing == PACKED_NOT)
		shape.layout = archive_layout_of(head, (size_t)n, r->s);
	else if (shape.packing == PACKED_GZIP && expand_small(r))
		shape = shape_of_expanded(r);
	else
		rc = shape_of_packed(r, &shape, e);
	if (rc == 0 && shape.layout == LAYOUT_NONE)
		rc = err_set(e, EBADMSG, "it is no archive");
	return rc ? rc : begin(r, &shape, e);
}

static int archive_open_one(const struct source *s, struct container **out, struct err *e)
{
	struct container *r = calloc(1, sizeof(*r));

	if (!r)
		return err_set(e, ENOMEM, "no memory");
	r->s = s;
	r->whole_max = GUNZIP_KEEP;
	*out = r;
	return 0;
}

static void archive_close_one(struct container *r)
{
	if (!r)
		return;
	end(r);
	source_close(r->expanded);
	gunzip_release(&r->whole);
	free(r);
}

/* Name and time of its one member, as libarchive takes them where it expands itself. */
static void take_gzip_header(struct container *r)
{
	if (r->whole.name)
		archive_entry_set_pathname(r->entry, r->whole.name);
	if (r->whole.mtime)
		archive_entry_set_mtime(r->entry, r->whole.mtime, 0);
}

/* The next entry. Return: 1; 0 there is none; -errno. *@warn: what is odd about it, or NULL. */
static int next_entry(struct container *r, const char **warn, struct err *e)
{
	int rc = ARCHIVE_RETRY;

	*warn = NULL;
	for (unsigned i = 0; rc == ARCHIVE_RETRY && i < 16; i++)
		rc = archive_read_next_header(r->a, &r->entry);
	r->done = r->piece_n = r->piece_at = 0;
	if (rc == ARCHIVE_EOF)
		return 0;
	if (rc < ARCHIVE_WARN)
		return failure(r->a, e);
	if (rc == ARCHIVE_WARN)
		*warn = archive_error_string(r->a);
	if (r->single)
		take_gzip_header(r);
	r->next++;
	return 1;
}

/* ---- contents ---------------------------------------------------------------------------- */

/* Of the block that libarchive gave last, or zeros before it. Return: bytes; 0 all of it was. */
static size_t from_piece(struct container *r, uint8_t *buf, size_t len)
{
	uint64_t in = 0;

	if (r->done < r->piece_at) { /* a hole */
		if (len > r->piece_at - r->done)
			len = (size_t)(r->piece_at - r->done);
		memset(buf, 0, len);
		return len;
	}
	in = r->done - r->piece_at;
	if (in >= r->piece_n)
		return 0;
	if (len > r->piece_n - in)
		len = (size_t)(r->piece_n - in);
	memcpy(buf, (const uint8_t *)r->piece + in, len);
	return len;
}

/* Return: 1; 0 at the end; -errno. */
static int next_piece(struct container *r, struct err *e)
{
	la_int64_t at = 0;
	int rc = archive_read_data_block(r->a, &r->piece, &r->piece_n, &at);

	r->piece_at = at > 0 ? (uint64_t)at : 0;
	if (rc == ARCHIVE_OK && r->piece_at >= r->done)
		return 1;
	r->piece_n = 0;
	if (rc == ARCHIVE_EOF) /* behind the last there may be a hole */
		return r->piece_at > r->done;
	r->piece_at = 0;
	return rc == ARCHIVE_OK ? err_set(e, EBADMSG, "its pieces are out of order")
				: failure(r->a, e);
}

/* The next bytes of the current entry; those before a fault are given. */
static ssize_t read_on(struct container *r, void *buf, size_t len, struct err *e)
{
	size_t done = 0;

	while (done < len) {
		size_t n = from_piece(r, (uint8_t *)buf + done, len - done);
		int rc = n > 0 ? 1 : next_piece(r, e);

		if (rc == 0)
			break;
		if (n > 0 && r->b && container_spend(r->b, n))
			rc = err_set(e, E2BIG, "%s", r->b->spent);
		if (rc < 0)
			return done > 0 ? (ssize_t)done : rc;
		done += n;
		r->done += n;
	}
	return (ssize_t)done;
}

static ssize_t read_told(void *ctx, void *buf, size_t len)
{
	struct container *r = ctx;

	return read_on(r, buf, len, NULL);
}

/* ---- telling members ------------------------------------------------------------------------ */

static void put_place(struct member *m, uint64_t place)
{
	m->locator_len = 0;
	for (; place > 0 || m->locator_len == 0; place >>= 8)
		m->locator[m->locator_len++] = (uint8_t)place;
}

static bool get_place(const uint8_t *p, size_t n, uint64_t *place)
{
	*place = 0;
	for (size_t i = 0; i < n && i < 8; i++)
		*place |= (uint64_t)p[i] << (8 * i);
	return n > 0 && n <= 8;
}

static struct entry_time time_of(bool known, time_t sec, long nsec)
{
	struct entry_time t = {.known = known};

	if (known) {
		t.sec = sec;
		t.nsec = nsec >= 0 && nsec < 1000000000 ? (uint32_t)nsec : 0;
	}
	return t;
}

static void take_times(struct member *m, struct archive_entry *x)
{
	m->mtime = time_of(
		archive_entry_mtime_is_set(x), archive_entry_mtime(x), archive_entry_mtime_nsec(x));
	m->atime = time_of(
		archive_entry_atime_is_set(x), archive_entry_atime(x), archive_entry_atime_nsec(x));
	m->ctime = time_of(
		archive_entry_ctime_is_set(x), archive_entry_ctime(x), archive_entry_ctime_nsec(x));
	m->crtime = time_of(archive_entry_birthtime_is_set(x), archive_entry_birthtime(x),
		archive_entry_birthtime_nsec(x));
}

static enum entry_kind kind_of(struct archive_entry *x)
{
	switch (archive_entry_filetype(x)) {
	case AE_IFDIR:
		return ENTRY_DIR;
	case AE_IFLNK:
		return ENTRY_LINK;
	case AE_IFREG:
	case 0:
		return archive_entry_symlink(x) ? ENTRY_LINK : ENTRY_FILE;
	default:
		return ENTRY_SPECIAL;
	}
}

static const char *path_of(struct archive_entry *x)
{
	const char *path = archive_entry_pathname(x);

	return path ? path : archive_entry_pathname_utf8(x);
}

/* A further name of a member: its contents are that one's. */
static void take_hard_link(struct member *m, struct archive_entry *x, const struct archive_paths *p)
{
	const char *target = archive_entry_hardlink(x);
	const struct archive_place *at = target ? archive_paths_find(p, target) : NULL;

	if (!target || (archive_entry_size_is_set(x) && archive_entry_size(x) > 0))
		return; /* a hard link may bring its contents */
	m->kind = ENTRY_FILE;
	m->read = NULL;
	if (!at || !at->readable) {
		m->size = 0;
		m->problem = "a further name of what is not there";
		return;
	}
	m->size = at->size;
	memcpy(m->locator, at->locator, at->locator_len);
	m->locator_len = at->locator_len;
}

static void take_contents(struct container *r, struct member *m, struct archive_entry *x)
{
	if (m->kind == ENTRY_LINK) {
		const char *target = archive_entry_symlink(x);

		m->target = (const uint8_t *)(target ? target : "");
		m->target_len = target ? strlen(target) : 0;
	}
	if (m->kind != ENTRY_FILE)
		return;
	m->size = CONTAINER_SIZE_UNKNOWN;
	if (archive_entry_size_is_set(x) && archive_entry_size(x) >= 0)
		m->size = (uint64_t)archive_entry_size(x);
	m->encrypted = archive_entry_is_data_encrypted(x) > 0 ||
		       archive_entry_is_metadata_encrypted(x) > 0;
	if (m->encrypted)
		m->problem = "encrypted";
	else
		m->read = read_told;
	m->read_ctx = r;
	if (m->problem && m->size == CONTAINER_SIZE_UNKNOWN)
		m->size = 0;
}

static int tell_entry(struct container *r, struct archive_paths *p, const struct container_visit *v)
{
	struct archive_entry *x = r->entry;
	const char *path = path_of(x);
	struct member m = {.kind = kind_of(x),
		.mode = (uint32_t)archive_entry_mode(x),
		.uid = (uint32_t)archive_entry_uid(x),
		.gid = (uint32_t)archive_entry_gid(x)};

	put_place(&m, r->next - 1);
	take_times(&m, x);
	take_contents(r, &m, x);
	take_hard_link(&m, x, p);
	return archive_paths_tell(p, path ? path : "", &m, v);
}

/* What libarchive says may name a member: that is not repeated, who reads it may not see it. */
static int say(const struct container_visit *v, const char *text, uint64_t place)
{
	char line[512];
	bool plain = !strpbrk(text, "'\"`()");

	snprintf(line, sizeof(line), "entry %llu: %s", (unsigned long long)place,
		plain ? text : "damaged or odd");
	return v->problem(v->ctx, line);
}

static int walk_entries(struct container *r, struct archive_paths *p,
	const struct container_visit *v, struct err *e)
{
	struct err why = {0};
	const char *warn = NULL;
	int rc = 0;

	while ((rc = next_entry(r, &warn, &why)) == 1) {
		if (warn && (rc = say(v, warn, r->next)) != 0)
			return rc;
		rc = tell_entry(r, p, v);
		if (rc)
			return rc;
	}
	if (rc == 0 || (r->b && r->b->spent))
		return rc == 0 ? 0 : -E2BIG;
	if (r->next == 0)
		return err_set(e, -rc, "%s", err_text(&why, rc));
	return say(v, err_text(&why, rc), r->next + 1); /* damaged: what came before stays */
}

static int archive_walk(const struct source *s, struct container_budget *b,
	const struct container_visit *v, struct err *e)
{
	struct container *r = NULL;
	struct archive_paths *p = archive_paths_new();
	int rc = p ? archive_open_one(s, &r, e) : err_set(e, ENOMEM, "no memory");

	if (r) {
		r->b = b;
		r->whole_max = GUNZIP_PASS;
		rc = open_archive(r, e);
		if (rc == 0)
			rc = walk_entries(r, p, v, e);
	}
	archive_paths_free(p);
	archive_close_one(r);
	return rc;
}

/* ---- reading one again ------------------------------------------------------------------------
 */

/* To the entry at @place; begins anew only when that lies behind. */
static int find_entry(struct container *r, uint64_t place, uint64_t off, struct err *e)
{
	const char *warn = NULL;
	int rc = 1;

	if (r->a && r->entry && r->next == place + 1 && off >= r->done)
		return 0;
	if (!r->a || r->next > place) {
		end(r);
		rc = open_archive(r, e);
		if (rc)
			return rc;
		rc = 1;
	}
	while (rc == 1 && r->next <= place)
		rc = next_entry(r, &warn, e);
	if (rc == 0)
		rc = err_set(e, EIO, "the archive ends before it");
	return rc < 0 ? rc : 0;
}

static int skip_to(struct container *r, uint64_t off, struct err *e)
{
	uint8_t *waste = r->done < off ? malloc(SKIP) : NULL;
	int rc = 0;

	if (r->done < off && !waste)
		return err_set(e, ENOMEM, "no memory");
	while (rc == 0 && r->done < off) {
		uint64_t left = off - r->done;
		ssize_t n = read_on(r, waste, left < SKIP ? (size_t)left : SKIP, e);

		if (n <= 0)
			rc = n < 0 ? (int)n
				   : err_set(e, EIO, "it ends before byte %llu",
					     (unsigned long long)off);
	}
	free(waste);
	return rc;
}

static ssize_t archive_read_one(struct container *r, struct container_budget *b,
	const uint8_t *locator, size_t locator_len, void *buf, size_t len, uint64_t off,
	struct err *e)
{
	uint64_t place = 0;
	ssize_t n = 0;

	if (!get_place(locator, locator_len, &place))
		return err_set(e, EINVAL, "no entry of an archive");
	r->b = b;
	n = find_entry(r, place, off, e);
	if (n == 0)
		n = skip_to(r, off, e);
	if (n == 0)
		n = read_on(r, buf, len, e);
	if (n < 0)
		end(r); /* libarchive does not go on after a fault */
	r->b = NULL;
	return n;
}

/* ---- before the sandbox ------------------------------------------------------------------------
 */

/* Names are converted as the locale says: libarchive has no other way to say UTF-8. */
static void archive_prepare(void)
{
	setlocale(LC_CTYPE, "C.UTF-8");
}

static const char *const suffixes[] = {"zip", "jar", "war", "ear", "apk", "xpi", "epub", "cbz",
	"docx", "docm", "xlsx", "xlsm", "pptx", "pptm", "odt", "ods", "odp", "odg", "7z", "rar",
	"tar", "tgz", "tbz", "tbz2", "txz", "tzst", "gz", "bz2", "xz", "zst", "cpio", "iso", NULL};

const struct container_kind container_archive = {
	.name = "archive",
	.suffixes = suffixes,
	.begins = archive_needs_more,
	.probe = archive_probe,
	.walk = archive_walk,
	.open = archive_open_one,
	.read = archive_read_one,
	.close = archive_close_one,
	.prepare = archive_prepare,
};
