/* SPDX-License-Identifier: Apache-2.0 */
/* describe.c - EVIDENCE.txt; see describe.h. */
#include "serve/describe.h"

#include <inttypes.h>
#include <string.h>

#include "base/digest.h"
#include "base/text.h"
#include "serve/hashes.h"

#define PROBLEMS_MAX 1000

static void line(struct buf *out, const char *name, const char *value)
{
	if (!value[0])
		return;
	buf_printf(out, "%-18s", name);
	text_escape_str(out, value);
	buf_puts(out, "\n");
}

static void line_size(struct buf *out, const char *name, uint64_t bytes)
{
	char human[TEXT_SIZE_MAX];

	buf_printf(
		out, "%-18s%" PRIu64 " bytes (%s)\n", name, bytes, text_size_human(bytes, human));
}

static void line_hex(struct buf *out, const char *name, const uint8_t *p, size_t n, const char *end)
{
	char hex[DIGEST_HEX_MAX];

	buf_printf(out, "%-18s%s%s\n", name, digest_hex(p, n, hex), end);
}

static void image_part(const struct evidence *ev, struct buf *out)
{
	const struct manifest *m = &ev->manifest;
	char when[TEXT_TIME_MAX];

	buf_puts(out, "IMAGE\n");
	line(out, "name", ev->name);
	line(out, "format", m->format);
	line_size(out, "media size", m->image.media_size);
	if (m->image.chunk_size)
		buf_printf(out, "%-18s%" PRIu32 " bytes\n", "chunk size", m->image.chunk_size);
	line(out, "partition table", m->image.table);
	line(out, "note", m->image.note);
	line(out, "indexed", text_time_rfc3339(m->ingested_sec, 0, when));
	line_hex(out, "index digest", m->digest, sizeof(m->digest), " (SHA-256 of the manifest)");
	for (size_t i = 0; i < m->segment_count; i++)
		line(out, i ? "" : "segments", m->segments[i].path);
	buf_puts(out, "\n");
}

static void acquisition_part(const struct evidence *ev, struct buf *out)
{
	const char *p = (const char *)ev->manifest.image.header.data;
	const char *end = p ? p + ev->manifest.image.header.len : NULL;

	if (!p || p == end)
		return;
	buf_puts(out, "ACQUISITION (as the image's header says)\n");
	while (p < end) {
		const char *key = p;
		const char *value = memchr(key, '\0', (size_t)(end - key));
		const char *stop = NULL;

		if (!value)
			break;
		value++;
		stop = memchr(value, '\0', (size_t)(end - value));
		if (!stop)
			break;
		line(out, key, value);
		p = stop + 1;
	}
	buf_puts(out, "\n");
}

static const char *verdict(bool known, const void *made, const void *stored, size_t n)
{
	if (!known)
		return "";
	return memcmp(made, stored, n) == 0 ? " (matches)" : " (DOES NOT MATCH)";
}

static void stored_totals(const struct evidence *ev, const struct hashes_status *s, struct buf *out)
{
	const struct scan *image = &ev->manifest.image;

	if (image->has_md5)
		line_hex(out, "stored MD5", image->md5, sizeof(image->md5),
			verdict(s->totals_known, s->md5, image->md5, sizeof(s->md5)));
	if (image->has_sha1)
		line_hex(out, "stored SHA-1", image->sha1, sizeof(image->sha1),
			verdict(s->totals_known, s->sha1, image->sha1, sizeof(s->sha1)));
	if (!image->has_md5 && !image->has_sha1 && image->chunk_size)
		buf_puts(out, "the image holds no stored hash\n");
}

static unsigned percent(const struct hashes_status *s)
{
	if (s->total == 0 || s->done >= s->total)
		return 100;
	return (unsigned)((double)s->done * 100.0 / (double)s->total);
}

static void progress_line(const struct hashes_status *s, struct buf *out)
{
	switch (s->state) {
	case HASHES_OFF:
		buf_puts(out, "not hashed (--no-hash)\n");
		break;
	case HASHES_CHECKING:
		buf_puts(out, "checking the index; hashing has not begun\n");
		break;
	case HASHES_IMAGE:
		buf_printf(out, "hashing the image: %u %% done\n", percent(s));
		break;
	case HASHES_TRACES:
		buf_printf(out, "hashing the contents of traces: %u %% done\n", percent(s));
		break;
	case HASHES_DONE:
		buf_puts(out, "hashing is complete\n");
		break;
	case HASHES_FAILED:
		buf_puts(out, "HASHING FAILED: ");
		text_escape_str(out, s->error);
		buf_puts(out, "; the next mount tries again\n");
		break;
	case HASHES_ELSEWHERE:
		buf_puts(out, "another mount of this image is hashing it\n");
		break;
	}
}

static void overall(const struct evidence *ev, const struct hashes_status *s, struct buf *out)
{
	const struct scan *image = &ev->manifest.image;
	bool mismatch = false;

	if (!s->totals_known || (!image->has_md5 && !image->has_sha1))
		return;
	mismatch = (image->has_md5 && memcmp(s->md5, image->md5, sizeof(s->md5)) != 0) ||
		   (image->has_sha1 && memcmp(s->sha1, image->sha1, sizeof(s->sha1)) != 0);
	buf_puts(out, mismatch ? "VERIFICATION FAILED: the media is not what was acquired\n"
			       : "verified: the media is what was acquired\n");
}

static void hash_part(struct evidence *ev, const struct describe_filter *f, struct buf *out)
{
	struct hashes_status s;

	if (!ev->hashes)
		return;
	hashes_status(ev->hashes, &s);
	buf_puts(out, "HASH TOTALS\n");
	stored_totals(ev, &s, out);
	if (s.totals_known) {
		line_hex(out, "MD5", s.md5, sizeof(s.md5), "");
		line_hex(out, "SHA-1", s.sha1, sizeof(s.sha1), "");
		line_hex(out, "SHA-256", s.sha256, sizeof(s.sha256), "");
	}
	if (s.unreadable_bytes)
		buf_printf(out,
			"VERIFICATION FAILED: %" PRIu64
			" bytes of the media cannot be read, so there are no totals\n",
			s.unreadable_bytes);
	overall(ev, &s, out);
	progress_line(&s, out);
	if (!f && (s.traces_hashed || s.traces_unreadable))
		buf_printf(out,
			"traces hashed: %" PRIu64
			", not hashed (unreadable, or larger than the media): "
			"%" PRIu64 "\n",
			s.traces_hashed, s.traces_unreadable);
	buf_puts(out, "\n");
}

static void volume_counts(struct evidence *ev, unsigned k, struct buf *out)
{
	struct evidence_cursor c;
	struct index_reader *reader = NULL;
	struct index_counts n = {0};

	evidence_cursor_init(&c, ev);
	if (evidence_reader(&c, trace_of_index(k, 0), &reader) == 0 &&
		index_counts(reader, &n) == 0)
		buf_printf(out, "%-18s%" PRIu64 " allocated, %" PRIu64 " deleted\n", "traces",
			n.allocated, n.deleted);
	evidence_cursor_release(&c);
}

static void volume_part(
	struct evidence *ev, unsigned k, const struct describe_filter *f, struct buf *out)
{
	const struct manifest_volume *v = &ev->manifest.volumes[k];

	buf_puts(out, "VOLUME ");
	text_escape_str(out, v->name);
	buf_puts(out, "\n");
	line(out, "in the table", v->scan.desc);
	buf_printf(out, "%-18sbyte %" PRIu64 "\n", "begins at", v->scan.offset);
	line_size(out, "length", v->scan.length);
	if (!v->scan.known && !v->ended[0])
		buf_puts(out, "not recognised: only its bytes are shown\n");
	else if (!v->scan.known)
		buf_puts(out, "could not be read: only its bytes are shown\n");
	line(out, "label", v->scan.label);
	line(out, "serial or UUID", v->scan.id);
	if (v->scan.block_size)
		buf_printf(out, "%-18s%" PRIu32 " bytes, %" PRIu64 " of them\n", "block size",
			v->scan.block_size, v->scan.blocks);
	line(out, "note", v->scan.note);
	if (v->ended[0])
		line(out, "ENDED EARLY", v->ended);
	if (!f) /* a count would tell of what is hidden */
		volume_counts(ev, k, out);
	buf_puts(out, "\n");
}

static void put_problem(void *ctx, const char *text)
{
	struct buf *out = ctx;

	buf_puts(out, "  ");
	text_escape_str(out, text);
	buf_puts(out, "\n");
}

/* Problems as a viewer may see them. */
struct seen_problems {
	struct evidence *ev;
	unsigned volume;
	const struct describe_filter *f;
	struct buf *out;
};

static bool shown(const struct describe_filter *f, uint64_t trace, bool by_name)
{
	return !f || f->shows(f->ctx, trace, by_name);
}

/* A path of @n bytes within a part of a volume. Return: 0 and *@id; -ENOENT; -EIO. */
static int find_path(
	struct evidence_cursor *c, unsigned part, const char *path, size_t n, uint64_t *id)
{
	uint64_t at = trace_id(part, 0);
	struct trace t;

	while (n > 0) {
		const char *slash = memchr(path, '/', n);
		size_t len = slash ? (size_t)(slash - path) : n;
		int r = evidence_lookup(c, at, path, len, &t);

		if (r)
			return r;
		at = t.id;
		len += slash != NULL;
		path += len;
		n -= len;
	}
	*id = at;
	return 0;
}

/*
 * A line begins with a path, then ": ". A name may hold that too: every path that it may
 * mean must be seen, and nothing behind the shortest may look like more of a path.
 */
static bool problem_seen(const struct seen_problems *s, const char *text)
{
	struct evidence_cursor c;
	bool seen = false;
	bool hidden = false;
	uint64_t id = 0;

	evidence_cursor_init(&c, s->ev);
	for (const char *p = strstr(text, ": "); p; p = strstr(p + 1, ": ")) {
		for (unsigned part = 1 + 2 * s->volume; part <= 2 + 2 * s->volume; part++) {
			if (p == text || find_path(&c, part, text, (size_t)(p - text), &id))
				continue;
			hidden = hidden || strchr(p, '/') || !shown(s->f, id, false);
			seen = true;
		}
	}
	evidence_cursor_release(&c);
	return seen && !hidden;
}

static void put_seen_problem(void *ctx, const char *text)
{
	const struct seen_problems *s = ctx;

	if (!s->f || problem_seen(s, text))
		put_problem(s->out, text);
}

static void volume_problems(
	struct evidence *ev, unsigned k, const struct describe_filter *f, struct buf *out)
{
	struct seen_problems seen = {ev, k, f, out};
	struct evidence_cursor c;
	struct index_reader *reader = NULL;
	struct index_counts n = {0};
	size_t begin = out->len;
	size_t empty = 0;

	evidence_cursor_init(&c, ev);
	if (evidence_reader(&c, trace_of_index(k, 0), &reader) == 0 &&
		index_counts(reader, &n) == 0 && n.problems > 0) {
		buf_printf(out, "%s:\n", ev->manifest.volumes[k].name);
		empty = out->len;
		index_problems(reader, PROBLEMS_MAX, put_seen_problem, &seen);
		if (!f && n.problems > PROBLEMS_MAX)
			buf_printf(out, "  and %" PRIu64 " more\n", n.problems - PROBLEMS_MAX);
		if (out->len == empty)
			out->len = begin;
	}
	evidence_cursor_release(&c);
}

static void fault_lines(struct evidence *ev, struct buf *out)
{
	size_t kept = 0;

	pthread_mutex_lock(&ev->lock);
	kept = ev->fault_count < EVIDENCE_FAULTS_MAX ? ev->fault_count : EVIDENCE_FAULTS_MAX;
	for (size_t i = 0; i < kept; i++)
		put_problem(out, ev->faults[i]);
	if (ev->fault_count > kept)
		buf_printf(out, "  and %zu more\n", ev->fault_count - kept);
	pthread_mutex_unlock(&ev->lock);
}

/* Whether anything of a volume is there for a viewer. */
static bool volume_shown(const struct describe_filter *f, unsigned k)
{
	return shown(f, trace_id(1 + 2 * k, 0), true) || shown(f, trace_id(2 + 2 * k, 0), true) ||
	       shown(f, trace_id(0, TRACE_VOLUME_RAW((uint64_t)k)), false) ||
	       shown(f, trace_id(0, TRACE_VOLUME_UNALLOCATED((uint64_t)k)), false);
}

static void problem_part(struct evidence *ev, const struct describe_filter *f, struct buf *out)
{
	size_t start = 0;

	buf_puts(out, "PROBLEMS\n");
	start = out->len;
	if (!f) /* faults met while reading name no trace */
		fault_lines(ev, out);
	for (unsigned k = 0; k < ev->manifest.n; k++) {
		if (volume_shown(f, k))
			volume_problems(ev, k, f, out);
	}
	if (f)
		buf_puts(out, "problems outside this view are not listed\n");
	if (out->len == start)
		buf_puts(out, "none\n");
}

void describe(struct evidence *ev, const struct describe_filter *f, struct buf *out)
{
	bool recognised = false;

	image_part(ev, out);
	acquisition_part(ev, out);
	hash_part(ev, f, out);
	for (unsigned k = 0; k < ev->manifest.n; k++) {
		recognised = recognised || ev->manifest.volumes[k].scan.known;
		if (volume_shown(f, k))
			volume_part(ev, k, f, out);
	}
	if (!recognised)
		buf_puts(out, "No file system was recognised in this image: image.raw has its "
			      "bytes.\n\n");
	problem_part(ev, f, out);
}

uint64_t describe_size(struct evidence *ev)
{
	struct buf b = BUF_INIT;
	uint64_t n = 0;

	describe(ev, NULL, &b);
	n = b.len;
	buf_release(&b);
	return n;
}
