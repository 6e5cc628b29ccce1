/* SPDX-License-Identifier: Apache-2.0 */
/* t-manifest.c - what is kept of a piece of evidence comes back, and damage is noticed. */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/db.h"
#include "base/digest.h"
#include "base/file.h"
#include "ingest/manifest.h"

static char dir[] = "/tmp/t-manifest.XXXXXX";

static struct scan_volume volume_of(unsigned number, const char *type, uint64_t offset)
{
	struct scan_volume v = {.number = number,
		.offset = offset,
		.length = UINT64_C(5) << 40,
		.known = strcmp(type, "unknown") != 0,
		.block_size = 4096,
		.blocks = UINT64_C(1) << 40};

	snprintf(v.type, sizeof(v.type), "%s", type);
	snprintf(v.desc, sizeof(v.desc), "Linux \"data\" (0x83)");
	snprintf(v.label, sizeof(v.label),
		"Gr\xc3\xbc\xc3\x9f"
		"e");
	snprintf(v.id, sizeof(v.id), "0123-4567");
	snprintf(v.note, sizeof(v.note), "%1000s", "long");
	return v;
}

static void make(struct manifest *m)
{
	struct image_file files[2] = {{.path = strdup("/evidence/with\nnewline.E01"), .size = 7},
		{.path = strdup("/evidence/\xff.E02"), .size = 1}};
	struct image_files f = {.format = IMAGE_EWF, .v = files, .n = 2};
	struct scan s = {.media_size = UINT64_C(6) << 40, .chunk_size = 32768, .has_md5 = true};
	struct err e = {.code = 0};

	snprintf(s.table, sizeof(s.table), "gpt");
	snprintf(s.note, sizeof(s.note), "the backup table is damaged");
	memset(s.md5, 0xab, sizeof(s.md5));
	buf_put(&s.header,
		"case\0"
		"42\0",
		8);
	s.n = 4;
	s.v = calloc(s.n, sizeof(*s.v));
	if (!s.v)
		bail_out("no memory");
	s.v[0] = volume_of(1, "fat32", 1048576);
	s.v[1] = volume_of(2, "apfs", UINT64_C(1) << 40);
	s.v[2] = volume_of(2, "apfs", (UINT64_C(1) << 40) + 4096);
	s.v[3] = volume_of(5, "unknown", UINT64_C(2) << 40);
	is_int(manifest_init(m, &s, &f, &e), 0, "made from a scan");
	ok(!s.v && s.n == 0, "which it has taken");
	snprintf(m->volumes[0].ended, sizeof(m->volumes[0].ended), "the worker died");
	memset(m->volumes[1].digest, 0x5a, sizeof(m->volumes[1].digest));
	free(files[0].path);
	free(files[1].path);
}

static bool same_volume(const struct manifest_volume *a, const struct manifest_volume *b)
{
	return a->scan.number == b->scan.number && a->scan.offset == b->scan.offset &&
	       a->scan.length == b->scan.length && a->scan.known == b->scan.known &&
	       a->scan.block_size == b->scan.block_size && a->scan.blocks == b->scan.blocks &&
	       !strcmp(a->scan.type, b->scan.type) && !strcmp(a->scan.desc, b->scan.desc) &&
	       !strcmp(a->scan.label, b->scan.label) && !strcmp(a->scan.id, b->scan.id) &&
	       !strcmp(a->scan.note, b->scan.note) && !strcmp(a->name, b->name) &&
	       !strcmp(a->ended, b->ended) && !memcmp(a->digest, b->digest, 32);
}

static void test_round_trip(struct manifest *m)
{
	struct manifest got;
	struct err e = {.code = 0};
	uint8_t digest[32];
	char path[256];

	is_str(m->format, "ewf", "format");
	is_str(m->volumes[0].name, "p1-fat32", "a volume's name");
	is_str(m->volumes[1].name, "p2-apfs-1", "the first volume of a pool");
	is_str(m->volumes[2].name, "p2-apfs-2", "its second");
	is_str(m->volumes[3].name, "p5-unknown", "an unknown one");
	is_int(manifest_read(&got, dir, &e), -ENOENT, "none yet");
	is_int(manifest_write(m, dir, &e), 0, "written");
	snprintf(path, sizeof(path), "%s/manifest.db.partial", dir);
	ok(access(path, F_OK) != 0, "nothing half-written stays");
	is_int(manifest_read(&got, dir, &e), 0, "read");
	ok(got.image.media_size == m->image.media_size && got.image.chunk_size == 32768 &&
			got.ingested_sec == m->ingested_sec && !strcmp(got.image.table, "gpt") &&
			!strcmp(got.image.note, m->image.note) && !strcmp(got.format, "ewf"),
		"what is known of the image");
	ok(got.image.has_md5 && !got.image.has_sha1 && !memcmp(got.image.md5, m->image.md5, 16),
		"its stored hash, and that there is no other");
	ok(got.image.header.len == m->image.header.len &&
			!memcmp(got.image.header.data, m->image.header.data, m->image.header.len),
		"its acquisition data");
	ok(got.key.k0 == m->key.k0 && got.key.k1 == m->key.k1, "the key of short hashes");
	ok(got.segment_count == 2 && !strcmp(got.segments[0].path, m->segments[0].path) &&
			!strcmp(got.segments[1].path, m->segments[1].path) &&
			got.segments[0].size == 7,
		"its segments, whatever their names");
	ok(got.n == 4, "its volumes");
	for (size_t i = 0; i < got.n && i < m->n; i++)
		ok(same_volume(&got.volumes[i], &m->volumes[i]), "volume %zu", i);
	snprintf(path, sizeof(path), "%s/manifest.db", dir);
	is_int(digest_file(path, digest, &e), 0, "the file's digest");
	ok(!memcmp(digest, m->digest, 32) && !memcmp(digest, got.digest, 32),
		"is the manifest's when written and when read");
	manifest_release(&got);
}

static void put_byte(int fd, off_t at, uint8_t v)
{
	if (pwrite(fd, &v, 1, at) != 1)
		bail_out("cannot change the test file");
}

/* A damaged manifest is refused, or at least has another digest: never taken for the true one. */
static void test_damage(const struct manifest *m)
{
	char path[256];
	struct stat st;
	unsigned refused = 0;
	unsigned tried = 0;
	unsigned wrong = 0;
	int fd = -1;

	snprintf(path, sizeof(path), "%s/manifest.db", dir);
	fd = open(path, O_RDWR);
	if (fd < 0 || fstat(fd, &st))
		bail_out("the manifest is not where it should be");
	for (off_t at = 0; at < st.st_size; at += at < 512 ? 1 : 97) {
		struct manifest got;
		uint8_t old = 0;
		int r = 0;

		if (pread(fd, &old, 1, at) != 1)
			bail_out("cannot read the test file");
		put_byte(fd, at, old ^ 0xff);
		r = manifest_read(&got, dir, NULL);
		tried++;
		refused += r < 0;
		if (r == 0) {
			wrong += memcmp(got.digest, m->digest, 32) == 0;
			manifest_release(&got);
		}
		put_byte(fd, at, old);
	}
	ok(wrong == 0 && refused > 0,
		"%u bytes changed, one at a time: %u refused, %u seen by the digest", tried,
		refused, tried - refused);
	for (unsigned i = 0; i < 64; i++)
		put_byte(fd, i, 0x55);
	{
		struct manifest got;
		struct err e = {.code = 0};

		is_int(manifest_read(&got, dir, &e), -EBADMSG, "a file that is no manifest");
		ok(e.code && strstr(e.text, path), "is named: %s", e.text);
	}
	close(fd);
}

static void test_version(struct manifest *m)
{
	struct manifest got;
	struct err e = {.code = 0};
	struct db *d = NULL;
	char path[256];

	snprintf(path, sizeof(path), "%s/manifest.db", dir);
	is_int(manifest_write(m, dir, &e), 0, "written over");
	is_int(db_open(path, DB_WRITE, &d, &e), 0, "changed");
	is_int(db_exec(d, "UPDATE head SET value=99 WHERE key='version'", &e), 0,
		"to a later version");
	db_close(d);
	is_int(manifest_read(&got, dir, &e), -EBADMSG, "which is refused");
	ok(strstr(e.text, "version 99") != NULL, "in words: %s", e.text);
	is_int(manifest_write(m, "/nowhere/at/all", NULL), -ENOENT, "no folder to write to");
}

int main(void)
{
	struct manifest m;

	if (!mkdtemp(dir))
		bail_out("no folder for the test");
	make(&m);
	test_round_trip(&m);
	test_damage(&m);
	test_version(&m);
	manifest_release(&m);
	file_remove_tree(dir, NULL);
	return done_testing();
}
