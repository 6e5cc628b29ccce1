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

static void hash_part(struct evidence *ev, struct buf *out)
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
	if (s.traces_hashed || s.traces_unreadable)
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

static void volume_part(struct evidence *ev, unsigned k, struct buf *out)
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

static void volume_problems(struct evidence *ev, unsigned k, struct buf *out)
{
	struct evidence_cursor c;
	struct index_reader *reader = NULL;
	struct index_counts n = {0};

	evidence_cursor_init(&c, ev);
	if (evidence_reader(&c, trace_of_index(k, 0), &reader) == 0 &&
		index_counts(reader, &n) == 0 && n.problems > 0) {
		buf_printf(out, "%s:\n", ev->manifest.volumes[k].name);
		index_problems(reader, PROBLEMS_MAX, put_problem, out);
		if (n.problems > PROBLEMS_MAX)
			buf_printf(out, "  and %" PRIu64 " more\n", n.problems - PROBLEMS_MAX);
	}
	evidence_cursor_release(&c);
}

static void problem_part(struct evidence *ev, struct buf *out)
{
	size_t start = 0;
	size_t kept = 0;

	buf_puts(out, "PROBLEMS\n");
	start = out->len;
	pthread_mutex_lock(&ev->lock);
	kept = ev->fault_count < EVIDENCE_FAULTS_MAX ? ev->fault_count : EVIDENCE_FAULTS_MAX;
	for (size_t i = 0; i < kept; i++)
		put_problem(out, ev->faults[i]);
	if (ev->fault_count > kept)
		buf_printf(out, "  and %zu more\n", ev->fault_count - kept);
	pthread_mutex_unlock(&ev->lock);
	for (unsigned k = 0; k < ev->manifest.n; k++)
		volume_problems(ev, k, out);
	if (out->len == start)
		buf_puts(out, "none\n");
}

void describe(struct evidence *ev, struct buf *out)
{
	bool recognised = false;

	image_part(ev, out);
	acquisition_part(ev, out);
	hash_part(ev, out);
	for (unsigned k = 0; k < ev->manifest.n; k++) {
		recognised = recognised || ev->manifest.volumes[k].scan.known;
		volume_part(ev, k, out);
	}
	if (!recognised)
		buf_puts(out, "No file system was recognised in this image: image.raw has its "
			      "bytes.\n\n");
	problem_part(ev, out);
}

uint64_t describe_size(struct evidence *ev)
{
	struct buf b = BUF_INIT;
	uint64_t n = 0;

	describe(ev, &b);
	n = b.len;
	buf_release(&b);
	return n;
}
