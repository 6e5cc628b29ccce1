/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fs-help.h - what the tests of file systems share: a folder for images, files of
 * known bytes, a walk kept in memory. Included once, after tap.h.
 *
 * Each image is made from files of known bytes by the file system's own tools;
 * every name, size and byte is compared with them. A missing tool skips its part.
 */
#ifndef EVIDENCEFS_TESTS_FS_HELP_H
#define EVIDENCEFS_TESTS_FS_HELP_H

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/fs.h"
#include "image/extent.h"
#include "image/raw.h"
#include "image/source.h"

#define FOUND_MAX 300000

struct found {
	char *path;
	struct entry e; /* name and target are not kept, contents are */
	char *target;
	uint8_t *content;
};

struct image {
	struct image_file file;
	struct source *s;
	struct fs *f;
	struct found *v;
	size_t n;
	size_t problems;
	char path[65536];
	size_t up[8192];
	size_t depth;
	size_t owner; /* length of the path of what streams belong to */
};

static char dir[64];

__attribute__((format(printf, 1, 2))) static inline int run(const char *fmt, ...)
{
	char cmd[4096];
	size_t n = (size_t)snprintf(cmd, sizeof(cmd), "cd %s && (", dir);
	va_list ap;

	va_start(ap, fmt);
	n += (size_t)vsnprintf(cmd + n, sizeof(cmd) - n, fmt, ap);
	va_end(ap);
	snprintf(cmd + n, sizeof(cmd) - n, ") >/dev/null 2>&1");
	return system(cmd);
}

static inline bool have(const char *tool)
{
	return run("PATH=$PATH:/sbin:/usr/sbin command -v %s", tool) == 0;
}

static inline uint8_t *pattern(size_t n, unsigned seed)
{
	uint8_t *p = malloc(n + 1);
	uint64_t x = seed * 2654435761u + 88172645463325252u;

	if (!p)
		bail_out("no memory");
	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = (uint8_t)x;
	}
	return p;
}

static inline void put_file(const char *name, size_t n, unsigned seed)
{
	char path[8192];
	uint8_t *p = pattern(n, seed);
	FILE *out = NULL;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	out = fopen(path, "wb");
	if (!out || fwrite(p, 1, n, out) != n || fclose(out))
		bail_out("cannot write a file");
	free(p);
}

static inline int enter(void *ctx, const struct entry *e)
{
	struct image *i = ctx;
	size_t n = i->depth ? i->up[i->depth - 1] : 0;
	struct buf packed = BUF_INIT;
	struct cur c = {0};
	struct entry back;
	struct found *f = NULL;

	/* What the walk says must pass the check that guards the index. */
	entry_encode(&packed, e);
	c = cur_of(packed.data, packed.len);
	if (entry_decode(&c, source_size(i->s), &back))
		ok(false, "an entry that does not decode");
	buf_release(&packed);
	if (i->n >= FOUND_MAX || n + e->name_len + 2 > sizeof(i->path) || i->depth >= 8000)
		return -E2BIG;
	if (e->kind == ENTRY_STREAM) {
		n = i->owner;
		i->path[n++] = ':';
	} else if (n > 0) {
		i->path[n++] = '/';
	}
	memcpy(i->path + n, e->name, e->name_len);
	n += e->name_len;
	i->path[n] = '\0';
	i->up[i->depth++] = n;
	f = &i->v[i->n++];
	*f = (struct found){.path = strdup(i->path), .e = *e};
	f->target = strndup(e->target ? (const char *)e->target : "", e->target_len);
	f->content = malloc(e->content_len);
	if (!f->path || !f->target || !f->content)
		return -ENOMEM;
	memcpy(f->content, e->content, e->content_len);
	f->e.content = f->content;
	return 0;
}

static inline int leave(void *ctx)
{
	struct image *i = ctx;

	if (i->depth == 0)
		return -EBADMSG;
	i->depth--;
	if (i->v[i->n - 1].e.kind != ENTRY_STREAM || i->up[i->depth] < i->owner)
		i->owner = i->up[i->depth];
	return 0;
}

static inline int problem(void *ctx, const char *text)
{
	struct image *i = ctx;

	i->problems++;
	diag("problem: %s", text);
	return 0;
}

static inline bool image_open(struct image *i, const char *name)
{
	char path[8192];
	struct stat st;
	struct err e = {0};

	*i = (struct image){.v = NULL};
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	i->file.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (i->file.fd < 0 || fstat(i->file.fd, &st))
		return false;
	i->file.size = (uint64_t)st.st_size;
	i->v = calloc(FOUND_MAX, sizeof(*i->v));
	if (!i->v || raw_open(&i->file, 1, &i->s))
		bail_out("cannot open an image");
	if (fs_open(i->s, 0, source_size(i->s), NULL, &i->f, &e)) {
		diag("%s", err_text(&e, EIO));
		return false;
	}
	return true;
}

static inline void image_walk(struct image *i)
{
	struct fs_sink sink = {enter, leave, problem, i};
	struct err e = {0};

	is_int(fs_walk(i->f, &sink, &e), 0, "walked");
	is_int(i->depth, 0, "every enter has its leave");
}

static inline void image_close(struct image *i)
{
	for (size_t k = 0; k < i->n; k++) {
		free(i->v[k].path);
		free(i->v[k].target);
		free(i->v[k].content);
	}
	free(i->v);
	fs_close(i->f);
	source_close(i->s);
	if (i->file.fd >= 0)
		close(i->file.fd);
}

static inline const struct found *find(const struct image *i, const char *path, uint32_t flags)
{
	for (size_t k = 0; k < i->n; k++) {
		if (strcmp(i->v[k].path, path) == 0 &&
			(i->v[k].e.flags & (ENTRY_DELETED | ENTRY_ORPHAN)) == flags)
			return &i->v[k];
	}
	return NULL;
}

static inline bool read_extents(const struct image *i, const struct entry *e, uint8_t *out)
{
	struct extent_map m;
	bool good = true;

	if (extent_map_decode(e->content, e->content_len, e->size, source_size(i->s), &m))
		return false;
	for (size_t k = 0; k < m.n && good; k++) {
		const struct extent *x = &m.v[k];

		if (x->kind == EXTENT_DATA)
			good = source_read_all(i->s, out + x->start, (size_t)x->length,
				       x->offset) == (ssize_t)x->length;
		else if (x->kind == EXTENT_ZERO)
			memset(out + x->start, 0, (size_t)x->length);
		else
			good = false;
	}
	extent_map_release(&m);
	return good;
}

/* Contents whole; in odd pieces where a worker must be asked. NULL: unreadable. */
static inline uint8_t *read_whole(const struct image *i, const struct entry *e)
{
	uint8_t *out = malloc((size_t)e->size + 1);
	uint64_t done = 0;
	bool good = out != NULL;

	switch ((enum content_tag)e->content[0]) {
	case CONTENT_EMPTY:
		break;
	case CONTENT_RESIDENT:
		memcpy(out, e->content + 1, (size_t)e->size);
		break;
	case CONTENT_EXTENTS:
		good = good && read_extents(i, e, out);
		break;
	case CONTENT_WORKER:
		while (good && done < e->size) {
			ssize_t n = fs_read(
				i->f, e->inode, e->attr_type, e->attr_id, out + done, 70001, done);

			good = n > 0;
			done += good ? (uint64_t)n : 0;
		}
		break;
	case CONTENT_MEMBER: /* no file system has them */
	case CONTENT_ERROR:
		good = false;
	}
	if (good)
		return out;
	free(out);
	return NULL;
}

static inline void is_file(
	const struct image *i, const char *path, uint32_t flags, size_t n, unsigned seed)
{
	const struct found *f = find(i, path, flags);
	uint8_t *want = NULL;
	uint8_t *got = NULL;

	if (!ok(f, "%.80s is there", path))
		return;
	is_int(f->e.size, n, "its size");
	want = pattern(n, seed);
	got = f->e.size == n ? read_whole(i, &f->e) : NULL;
	ok(got && memcmp(got, want, n) == 0, "its bytes");
	free(want);
	free(got);
}

static inline void place_make(void)
{
	snprintf(dir, sizeof(dir), "/tmp/t-fs.XXXXXX");
	if (!mkdtemp(dir))
		bail_out("cannot make a directory");
}

static inline void place_remove(void)
{
	run("cd / && rm -rf %s", dir);
}

#endif
