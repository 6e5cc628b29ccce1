/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-index.c - an index of as many traces as wanted, for the scaling part of tools/bench
 *
 * The index of the first volume of an image that was ingested before (and has no
 * file system) is replaced by a made-up one, written by the ingest's own writer:
 * files of 4 KiB with one run each, 100 in a directory, 100 directories in one
 * above. File n is d<n/10000>/d<n/100>/f<n>, each number as seven digits.
 *
 *	bench-index FILES STATE/evidence/KEY
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/digest.h"
#include "image/extent.h"
#include "ingest/manifest.h"
#include "trace/build.h"

#define PER_DIR    100u
#define FILE_BYTES 4096u
#define TIME       1700000000

static const uint8_t empty[] = {CONTENT_EMPTY};

struct maker {
	struct build *build;
	uint64_t inode;
	uint64_t at; /* image bytes: where the next file lies */
	uint64_t end;
	uint64_t begin;
	struct buf content;
};

static struct entry entry_of(struct maker *k, enum entry_kind kind, const char *name)
{
	struct entry_time t = {TIME + (int64_t)(k->inode % 100000), 123456700, true};

	return (struct entry){.name = (const uint8_t *)name,
		.name_len = strlen(name),
		.kind = kind,
		.inode = ++k->inode,
		.mode = kind == ENTRY_DIR ? S_IFDIR | 0755 : S_IFREG | 0644,
		.uid = 1000,
		.gid = 1000,
		.nlink = 1,
		.mtime = t,
		.atime = t,
		.ctime = t,
		.crtime = t,
		.content = empty,
		.content_len = 1};
}

static int make_file(struct maker *k, uint64_t n)
{
	struct extent_writer w;
	struct entry e;
	char name[32];
	int r = 0;

	snprintf(name, sizeof(name), "f%07" PRIu64, n);
	e = entry_of(k, ENTRY_FILE, name);
	if (k->at + FILE_BYTES > k->end)
		k->at = k->begin;
	buf_reset(&k->content);
	extent_writer_begin(&w, &k->content);
	extent_writer_add(&w, EXTENT_DATA, k->at, FILE_BYTES);
	extent_writer_end(&w);
	k->at += FILE_BYTES;
	e.size = FILE_BYTES;
	e.content = k->content.data;
	e.content_len = k->content.len;
	r = k->content.error ? k->content.error : build_enter(k->build, &e);
	return r ? r : build_leave(k->build);
}

static int enter_dir(struct maker *k, uint64_t n)
{
	struct entry e;
	char name[32];

	snprintf(name, sizeof(name), "d%07" PRIu64, n);
	e = entry_of(k, ENTRY_DIR, name);
	return build_enter(k->build, &e);
}

static int make_tree(struct maker *k, uint64_t files)
{
	const struct entry root = entry_of(k, ENTRY_DIR, "");
	int r = build_root(k->build, &root);

	for (uint64_t n = 0; r == 0 && n < files; n++) {
		if (n % (PER_DIR * PER_DIR) == 0) {
			if (n > 0)
				r = build_leave(k->build);
			if (r == 0)
				r = enter_dir(k, n / (PER_DIR * PER_DIR));
		}
		if (r == 0 && n % PER_DIR == 0)
			r = enter_dir(k, n / PER_DIR);
		if (r == 0)
			r = make_file(k, n);
		if (r == 0 && (n % PER_DIR == PER_DIR - 1 || n == files - 1))
			r = build_leave(k->build);
	}
	return r;
}

static int make_index(struct manifest *m, const char *path, uint64_t files, struct err *e)
{
	struct manifest_volume *v = &m->volumes[0];
	struct maker k = {.begin = v->scan.offset,
		.at = v->scan.offset,
		.end = v->scan.offset + v->scan.length};
	int r = build_open(path, &m->key, &k.build, e);

	if (r)
		return r;
	r = make_tree(&k, files);
	if (r) {
		err_set(e, -r, "%s", err_text(build_error(k.build), r));
		build_abort(k.build);
	} else {
		r = build_finish(k.build, e);
	}
	buf_release(&k.content);
	if (r == 0)
		r = digest_file(path, v->digest, e);
	return r;
}

static int replace(const char *dir, uint64_t files, struct err *e)
{
	struct manifest m = {.n = 0};
	char *path = NULL;
	int r = manifest_read(&m, dir, e);

	if (r == 0 && m.n == 0)
		r = err_set(e, EINVAL, "%s: the image has no volume", dir);
	if (r == 0 && !(path = manifest_index_path(dir, 0)))
		r = err_errno(e, ENOMEM, "%s", dir);
	if (r == 0)
		r = make_index(&m, path, files, e);
	if (r == 0) {
		m.volumes[0].scan.known = true;
		snprintf(m.volumes[0].scan.type, sizeof(m.volumes[0].scan.type), "made");
		snprintf(m.volumes[0].name, sizeof(m.volumes[0].name), "made");
		r = manifest_write(&m, dir, e);
	}
	free(path);
	manifest_release(&m);
	return r;
}

int main(int argc, char **argv)
{
	struct err e = {.code = 0};
	int r = 0;

	if (argc != 3) {
		fprintf(stderr, "usage: bench-index FILES STATE/evidence/KEY\n");
		return 2;
	}
	r = replace(argv[2], strtoull(argv[1], NULL, 10), &e);
	if (r)
		fprintf(stderr, "bench-index: %s\n", err_text(&e, r));
	return r != 0;
}
