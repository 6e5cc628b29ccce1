/* SPDX-License-Identifier: Apache-2.0 */
/* mount_report.c - what `evidencefs mount` prints; see mount_job.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cmd/mount_job.h"
#include "serve/hashes.h"

static void json_digest(struct json *j, const char *key, bool known, const void *p, size_t n)
{
	json_hex(j, key, known ? p : NULL, n);
}

/* Whether the media is what was acquired; null as long as one of the two is not known. */
static void json_match(struct json *j, const struct scan *m, const struct hashes_status *h)
{
	if (!h->totals_known || (!m->has_md5 && !m->has_sha1))
		json_null(j, "match");
	else
		json_bool(j, "match",
			(!m->has_md5 || memcmp(m->md5, h->md5, sizeof(h->md5)) == 0) &&
				(!m->has_sha1 || memcmp(m->sha1, h->sha1, sizeof(h->sha1)) == 0));
}

static void put_json(const struct mount_job *job, const struct image *im, struct buf *out)
{
	const struct manifest *m = &im->found.manifest;
	struct hashes_status known;
	struct json j;

	/* what earlier mounts have made: hashing goes on behind this one */
	hashes_known(im->found.dir, &known);
	json_begin(&j, out);
	json_object(&j, NULL);
	json_str(&j, "case", "personal");
	json_str(&j, "evidence", im->name);
	json_str(&j, "format", m->format);
	json_u64(&j, "size", m->image.media_size);
	json_digest(&j, "md5", known.totals_known, known.md5, sizeof(known.md5));
	json_digest(&j, "sha1", known.totals_known, known.sha1, sizeof(known.sha1));
	json_digest(&j, "sha256", known.totals_known, known.sha256, sizeof(known.sha256));
	json_digest(&j, "stored_md5", m->image.has_md5, m->image.md5, sizeof(m->image.md5));
	json_digest(&j, "stored_sha1", m->image.has_sha1, m->image.sha1, sizeof(m->image.sha1));
	json_match(&j, &m->image, &known);
	json_u64(&j, "volumes", m->n);
	json_u64(&j, "traces", im->found.traces);
	json_seconds(&j, "seconds", im->seconds);
	json_str(&j, "mountpoint", job->mountpoint);
	json_end(&j);
	json_line(&j);
}

static void put_volume(const struct manifest_volume *v, struct buf *out)
{
	char size[TEXT_SIZE_MAX];

	buf_puts(out, "  ");
	text_escape_str(out, v->name);
	buf_printf(out, "%*s%10s", (int)(18 > strlen(v->name) ? 18 - strlen(v->name) : 1), "",
		text_size_human(v->scan.length, size));
	if (v->scan.label[0]) {
		buf_puts(out, "  \"");
		text_escape_str(out, v->scan.label);
		buf_puts(out, "\"");
	}
	if (!v->scan.known)
		buf_puts(out, "  only its bytes are shown; EVIDENCE.txt says what is known");
	else if (v->ended[0])
		buf_puts(out, "  incomplete; EVIDENCE.txt says why");
	buf_puts(out, "\n");
}

static void put_people(const struct image *im, struct buf *out)
{
	const struct manifest *m = &im->found.manifest;
	char size[TEXT_SIZE_MAX];
	bool recognised = false;

	text_escape_str(out, im->name);
	buf_printf(out, ": %s, %s, %" PRIu64 " traces, %s\n", m->format,
		text_size_human(m->image.media_size, size), im->found.traces,
		im->found.reused ? "indexed before" : "indexed now");
	for (size_t k = 0; k < m->n; k++) {
		recognised = recognised || m->volumes[k].scan.known;
		put_volume(&m->volumes[k], out);
	}
	if (!recognised)
		buf_puts(out, "  no file system was recognised: image.raw has the bytes\n");
}

void mount_report_make(struct mount_job *j)
{
	struct buf *out = &j->report;

	for (size_t i = 0; i < j->count; i++) {
		if (j->json)
			put_json(j, &j->images[i], out);
		else
			put_people(&j->images[i], out);
	}
	if (!j->json) {
		buf_puts(out, "mounted on ");
		text_escape_str(out, j->mountpoint);
		buf_puts(out, "\n");
	}
}

void mount_report_print(struct mount_job *j, const char *degraded)
{
	fputs(buf_cstr(&j->report), stdout);
	if (degraded[0])
		fprintf(stderr, "evidencefs: with this kernel: %s\n", degraded);
	fflush(stdout);
}
