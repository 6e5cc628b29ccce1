/* SPDX-License-Identifier: Apache-2.0 */
/* mount_report.c - what `evidencefs mount` prints; see mount_job.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cmd/mount_job.h"

static void json_digest(struct json *j, const char *key, bool known, const void *p, size_t n)
{
	json_hex(j, key, known ? p : NULL, n);
}

static void print_json(const struct mount_job *job, const struct image *im)
{
	const struct manifest *m = &im->found.manifest;
	struct buf b = BUF_INIT;
	struct json j;

	json_begin(&j, &b);
	json_object(&j, NULL);
	json_str(&j, "case", "personal");
	json_str(&j, "evidence", im->name);
	json_str(&j, "format", m->format);
	json_u64(&j, "size", m->image.media_size);
	json_null(&j, "md5"); /* hashing goes on behind the mount */
	json_null(&j, "sha1");
	json_null(&j, "sha256");
	json_digest(&j, "stored_md5", m->image.has_md5, m->image.md5, sizeof(m->image.md5));
	json_digest(&j, "stored_sha1", m->image.has_sha1, m->image.sha1, sizeof(m->image.sha1));
	json_null(&j, "match");
	json_u64(&j, "volumes", m->n);
	json_u64(&j, "traces", im->found.traces);
	json_seconds(&j, "seconds", im->seconds);
	json_str(&j, "mountpoint", job->mountpoint);
	json_end(&j);
	json_line(&j);
	fputs(buf_cstr(&b), stdout);
	buf_release(&b);
}

static void print_volume(const struct manifest_volume *v)
{
	struct buf b = BUF_INIT;
	char size[TEXT_SIZE_MAX];

	buf_puts(&b, "  ");
	text_escape_str(&b, v->name);
	buf_printf(&b, "%*s%10s", (int)(18 > strlen(v->name) ? 18 - strlen(v->name) : 1), "",
		text_size_human(v->scan.length, size));
	if (v->scan.label[0]) {
		buf_puts(&b, "  \"");
		text_escape_str(&b, v->scan.label);
		buf_puts(&b, "\"");
	}
	if (!v->scan.known)
		buf_puts(&b, "  only its bytes are shown; EVIDENCE.txt says what is known");
	else if (v->ended[0])
		buf_puts(&b, "  incomplete; EVIDENCE.txt says why");
	puts(buf_cstr(&b));
	buf_release(&b);
}

static void print_people(const struct mount_job *job, const struct image *im)
{
	const struct manifest *m = &im->found.manifest;
	struct buf b = BUF_INIT;
	char size[TEXT_SIZE_MAX];
	bool recognised = false;

	text_escape_str(&b, im->name);
	buf_printf(&b, ": %s, %s, %" PRIu64 " traces, %s\n", m->format,
		text_size_human(m->image.media_size, size), im->found.traces,
		im->found.reused ? "indexed before" : "indexed now");
	fputs(buf_cstr(&b), stdout);
	for (size_t k = 0; k < m->n; k++) {
		recognised = recognised || m->volumes[k].scan.known;
		print_volume(&m->volumes[k]);
	}
	if (!recognised)
		puts("  no file system was recognised: image.raw has the bytes");
	buf_release(&b);
	(void)job;
}

void mount_report(const struct mount_job *j, const char *degraded)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < j->count; i++) {
		if (j->json)
			print_json(j, &j->images[i]);
		else
			print_people(j, &j->images[i]);
	}
	if (!j->json) {
		buf_puts(&b, "mounted on ");
		text_escape_str(&b, j->mountpoint);
		puts(buf_cstr(&b));
	}
	if (degraded[0])
		fprintf(stderr, "evidencefs: with this kernel: %s\n", degraded);
	fflush(stdout);
	buf_release(&b);
}
