/* SPDX-License-Identifier: Apache-2.0 */
/* files.c - the files that make up an image; see files.h. */
#include "image/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "image/files_format.h"
#include "image/files_series.h"

/* One name in the directory that counts in the series. */
struct member {
	uint32_t number;
	char *name;
};

struct members {
	struct member *v; /* sorted by number, each number once */
	size_t n;
	size_t cap;
};

static void members_release(struct members *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->v[i].name);
	free(m->v);
	*m = (struct members){NULL, 0, 0};
}

static int file_size(int fd, const struct stat *st, uint64_t *out)
{
	uint64_t size = 0;
	off_t end = 0;

	if (S_ISREG(st->st_mode)) {
		*out = (uint64_t)st->st_size;
		return 0;
	}
	if (ioctl(fd, BLKGETSIZE64, &size) == 0) {
		*out = size;
		return 0;
	}
	end = lseek(fd, 0, SEEK_END);
	if (end < 0)
		return -errno;
	*out = (uint64_t)end;
	return 0;
}

/* O_NONBLOCK: a fifo that lies about as evidence must not hold us. */
static int open_read_only(const char *path)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int fd = open(path, flags | O_NOATIME);

	if (fd < 0 && errno == EPERM) /* only the owner may ask for O_NOATIME */
		fd = open(path, flags);
	return fd < 0 ? -errno : fd;
}

static int open_error(const char *path, int code, struct err *e)
{
	switch (code) {
	case ENOENT:
		return err_set(e, ENOENT, "%s: no such file", path);
	case EACCES:
		return err_set(e, EACCES, "%s: may not be read by uid %u; give it read permission",
			path, (unsigned)geteuid());
	case EMFILE:
		return err_set(e, EMFILE,
			"%s: too many open files; raise the limit (ulimit -n, LimitNOFILE=)", path);
	default:
		return err_errno(e, code, "%s: cannot be opened", path);
	}
}

/* What is open must be a file or a block device with something in it. */
static int inspect(struct image_file *f, struct err *e)
{
	struct stat st = {0};
	int r = 0;

	if (fstat(f->fd, &st) < 0)
		return err_errno(e, errno, "%s: cannot be examined", f->path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, EISDIR, "%s is a directory; name the image file in it", f->path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(e, EINVAL, "%s is neither a file nor a block device", f->path);
	r = file_size(f->fd, &st, &f->size);
	if (r)
		return err_errno(e, -r, "%s: its size cannot be found", f->path);
	if (f->size == 0)
		return err_set(e, ENODATA, "%s is empty; copy it again from its origin", f->path);
	if (f->size > INT64_MAX)
		return err_set(e, EFBIG, "%s is too large", f->path);
	f->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	return 0;
}

static void file_close(struct image_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
}

/* Takes @path; *@out is untouched on failure. */
static int file_open(char *path, struct image_file *out, struct err *e)
{
	struct image_file f = {.path = path, .fd = -1};
	int r = 0;

	if (!path)
		return err_set(e, ENOMEM, "out of memory");
	r = open_read_only(path);
	if (r < 0) {
		r = open_error(path, -r, e);
	} else {
		f.fd = r;
		r = inspect(&f, e);
	}
	if (r)
		file_close(&f);
	else
		*out = f;
	return r;
}

/* Bytes of @path before its last component, the slash included. */
static size_t dir_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

static char *sibling(const char *path, const char *name)
{
	size_t dir = dir_len(path);
	size_t n = strlen(name) + 1;
	char *p = malloc(dir + n);

	if (!p)
		return NULL;
	memcpy(p, path, dir);
	memcpy(p + dir, name, n);
	return p;
}

static int member_add(struct members *m, uint32_t number, const char *name)
{
	char *copy = NULL;

	if (array_room(&m->v, sizeof(*m->v), m->n, &m->cap))
		return -ENOMEM;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	m->v[m->n++] = (struct member){.number = number, .name = copy};
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const struct member *x = a;
	const struct member *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

/* Two names may count the same, x.E02 and x.e02: keep the one written like the first. */
static void members_unique(struct members *m, const struct series *s)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++) {
		char want[SERIES_SUFFIX_MAX];

		if (n == 0 || m->v[n - 1].number != m->v[i].number) {
			m->v[n++] = m->v[i];
			continue;
		}
		series_suffix(s, m->v[i].number, want);
		if (strcmp(m->v[i].name + s->stem, want) == 0) {
			free(m->v[n - 1].name);
			m->v[n - 1] = m->v[i];
		} else {
			free(m->v[i].name);
		}
	}
	m->n = n;
}

/* In a folder that may be entered but not listed: names are tried, up to the first that is not
 * there. */
static int members_probe(const char *path, const struct series *s, struct members *m)
{
	int r = 0;

	for (uint32_t number = s->number; r == 0; number++) {
		char suffix[SERIES_SUFFIX_MAX];
		char *name = NULL;
		char *p = NULL;
		bool there = false;

		series_suffix(s, number, suffix);
		if (asprintf(&name, "%.*s%s", (int)s->stem, path + dir_len(path), suffix) < 0)
			return -ENOMEM;
		p = sibling(path, name);
		there = p && access(p, F_OK) == 0;
		if (there)
			r = member_add(m, number, name);
		free(p);
		free(name);
		if (!there)
			break;
	}
	return r;
}

/* All names beside @path that count in its series. */
static int members_find(const char *path, const struct series *s, struct members *m, struct err *e)
{
	size_t n = dir_len(path);
	char *dir = n ? strndup(path, n) : strdup(".");
	const struct dirent *d = NULL;
	uint32_t number = 0;
	DIR *list = NULL;
	int r = 0;

	if (!dir)
		return err_set(e, ENOMEM, "out of memory");
	list = opendir(dir);
	if (!list && errno == EACCES) {
		r = members_probe(path, s, m);
		if (r)
			err_set(e, ENOMEM, "out of memory");
		goto out;
	}
	if (!list) {
		r = err_errno(e, errno, "%s: cannot be listed to look for segments", dir);
		goto out;
	}
	errno = 0;
	while (r == 0 && (d = readdir(list))) {
		if (series_match(s, path + n, d->d_name, &number))
			r = member_add(m, number, d->d_name);
		errno = 0;
	}
	if (r)
		err_set(e, ENOMEM, "out of memory");
	else if (errno)
		r = err_errno(e, errno, "%s: cannot be listed to look for segments", dir);
	if (r)
		goto out;
	if (m->n > 1)
		qsort(m->v, m->n, sizeof(*m->v), by_number);
	members_unique(m, s);
out:
	if (list)
		closedir(list);
	free(dir);
	return r;
}

static const struct member *member_of(const struct members *m, uint32_t number)
{
	struct member key = {.number = number};

	return m->n ? bsearch(&key, m->v, m->n, sizeof(*m->v), by_number) : NULL;
}

static bool sibling_is_ewf(const char *path, const char *name)
{
	char *p = sibling(path, name);
	uint8_t head[8];
	int fd = p ? open_read_only(p) : -1;
	bool yes = fd >= 0 && pread(fd, head, sizeof(head), 0) == sizeof(head) &&
		   format_is_ewf(head, sizeof(head));

	if (fd >= 0)
		close(fd);
	free(p);
	return yes;
}

static uint64_t sibling_size(const char *path, const char *name)
{
	char *p = sibling(path, name);
	struct stat st = {0};
	bool is_file = p && stat(p, &st) == 0 && S_ISREG(st.st_mode);

	free(p);
	return is_file ? (uint64_t)st.st_size : 0;
}

/*
 * Does a name behind a gap show that a segment is lost, or does it only happen
 * to look like one (image.aa and image.md; image.E01 and image.log)? Numbers
 * are taken at their word, EWF segments say what they are. With letters it
 * counts when it is as long as the first one, or shorter (the last) and the
 * gap is not longer than what is there.
 */
static bool proves_gap(const struct image_file *first, const struct series *s,
	const struct members *m, size_t i, size_t present)
{
	uint64_t size = 0;

	if (s->scheme == SERIES_DIGITS) /* image.2019 is a year, unless many come before */
		return m->v[i].number < 1000 || present > 500;
	if (s->scheme == SERIES_EWF || s->scheme == SERIES_EWF2)
		return sibling_is_ewf(first->path, m->v[i].name);
	size = sibling_size(first->path, m->v[i].name);
	if (size == first->size)
		return true;
	return size > 0 && size < first->size && m->v[i].number - m->v[i - 1].number <= present;
}

static int missing(
	const char *path, const struct series *s, uint32_t number, const char *later, struct err *e)
{
	char suffix[SERIES_SUFFIX_MAX];

	series_suffix(s, number, suffix);
	return err_set(e, ENXIO,
		"segment %.*s%s is missing, but %s is there; put it beside the others",
		(int)(dir_len(path) + s->stem), path, suffix, later);
}

/*
 * Opens what comes after the first segment, which @f holds. @m begins with the
 * first segment's number.
 */
static int open_rest(
	struct image_files *f, const struct series *s, const struct members *m, struct err *e)
{
	const struct image_file first = f->v[0];
	size_t run = 1; /* members without a gap */
	struct image_file *v = NULL;

	while (run < m->n && m->v[run].number == m->v[0].number + run)
		run++;
	for (size_t i = run; i < m->n; i++)
		if (proves_gap(&first, s, m, i, run + 1))
			return missing(
				first.path, s, m->v[0].number + (uint32_t)run, m->v[i].name, e);
	v = reallocarray(f->v, run, sizeof(*v));
	if (!v)
		return err_set(e, ENOMEM, "out of memory");
	f->v = v;
	for (; f->n < run; f->n++) {
		int r = file_open(sibling(first.path, m->v[f->n].name), &f->v[f->n], e);

		if (r)
			return r;
	}
	return 0;
}

static int not_first(const char *path, const char *first, struct err *e)
{
	return err_set(e, EINVAL, "%s is a later segment; name the first one, %.*s%s", path,
		(int)dir_len(path), path, first);
}

/*
 * The first segment of a raw series that @number belongs to: 0, or 1 with
 * digits. UINT32_MAX: the file stands for itself. With letters (image.dd is an
 * everyday name) and from .1000 a name counts only behind its predecessor.
 */
static uint32_t raw_first(const struct series *s, const struct members *m)
{
	bool zero = member_of(m, 0);
	bool before = s->number > 0 && member_of(m, s->number - 1);

	bool plain = s->scheme == SERIES_DIGITS && s->number < 1000;

	if (zero && (s->number == 0 || plain || before))
		return 0;
	if (s->scheme == SERIES_DIGITS && (plain || before) && member_of(m, 1))
		return 1;
	return UINT32_MAX;
}

/* Forget the members before @number, so that the first segment is the first member. */
static void members_from(struct members *m, uint32_t number)
{
	size_t skip = 0;

	while (skip < m->n && m->v[skip].number < number)
		free(m->v[skip++].name);
	if (skip)
		memmove(m->v, m->v + skip, (m->n - skip) * sizeof(*m->v));
	m->n -= skip;
}

static int open_raw_series(struct image_files *f, struct err *e)
{
	const char *path = f->v[0].path;
	struct series s = series_raw(path + dir_len(path));
	struct members m = {NULL, 0, 0};
	const struct member *at = NULL;
	uint32_t first = 0;
	int r = 0;

	if (s.scheme == SERIES_NONE)
		return 0;
	/* image.dd needs no listing, should its directory not allow one. */
	r = members_find(path, &s, &m, s.number && s.scheme == SERIES_LETTERS ? NULL : e);
	if (r == -EACCES && s.number && s.scheme == SERIES_LETTERS)
		r = 0;
	if (r)
		goto out;
	first = raw_first(&s, &m);
	at = member_of(&m, first);
	if (!at) {
		/* .002 with .003 beside it but no .001: half an image must not pass for one. */
		if (s.scheme == SERIES_DIGITS && s.width == 3 && s.number < 1000 &&
			(member_of(&m, s.number - 1) || member_of(&m, s.number + 1)))
			r = missing(path, &s, 1, path + dir_len(path), e);
		goto out;
	}
	if (first != s.number) {
		r = not_first(path, at->name, e);
		goto out;
	}
	members_from(&m, first);
	r = open_rest(f, &s, &m, e);
out:
	members_release(&m);
	return r;
}

/* The series of an EWF segment whose name may not tell (x.EAA: of x.E01? of x.S01?). */
static int ewf_series(const char *path, struct series *s, struct members *m, struct err *e)
{
	const char *name = path + dir_len(path);
	const char *letter = "ELS";

	*s = series_ewf(name, 0);
	if (s->scheme != SERIES_NONE)
		return members_find(path, s, m, e);
	for (; *letter; letter++) {
		int r = 0;

		*s = series_ewf(name, *letter);
		if (s->scheme != SERIES_EWF)
			continue;
		r = members_find(path, s, m, e);
		if (r || member_of(m, 1))
			return r;
		members_release(m);
	}
	s->scheme = SERIES_NONE;
	return 0;
}

static int open_ewf_series(struct image_files *f, struct err *e)
{
	const char *path = f->v[0].path;
	struct members m = {NULL, 0, 0};
	struct series s = {.scheme = SERIES_NONE};
	const struct member *first = NULL;
	int r = ewf_series(path, &s, &m, e);

	if (r || s.scheme == SERIES_NONE)
		goto out;
	first = member_of(&m, 1);
	if (s.number != 1 && first)
		r = not_first(path, first->name, e);
	else if (s.number != 1)
		r = missing(path, &s, 1, path + dir_len(path), e);
	else
		r = open_rest(f, &s, &m, e);
out:
	members_release(&m);
	return r;
}

static bool is_regular(int fd)
{
	struct stat st = {0};

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

int image_files_open(const char *path, struct image_files *f, struct err *e)
{
	struct image_files files = {.format = IMAGE_RAW};
	int r = 0;

	if (path[0] == '\0')
		return err_set(e, ENOENT, "the name of the image is empty");
	files.v = calloc(1, sizeof(*files.v));
	if (!files.v)
		return err_set(e, ENOMEM, "out of memory");
	r = file_open(strdup(path), &files.v[0], e);
	if (r == 0) {
		files.n = 1;
		r = format_detect(&files.v[0], &files.format, e);
	}
	if (r == 0 && files.format == IMAGE_EWF)
		r = open_ewf_series(&files, e);
	else if (r == 0 && is_regular(files.v[0].fd)) /* /dev/sdaa is no series */
		r = open_raw_series(&files, e);
	if (r)
		image_files_close(&files);
	else
		*f = files;
	return r;
}

void image_files_close(struct image_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		file_close(&f->v[i]);
	free(f->v);
	*f = (struct image_files){.v = NULL};
}

const char *image_format_name(const struct image_files *f)
{
	if (f->format == IMAGE_EWF)
		return "ewf";
	return f->n > 1 ? "split raw" : "raw";
}

/* As much of [n] bytes as may be a name with something behind it, not ending within a character. */
static int name_bytes(const char *s, size_t n)
{
	size_t fits = n < IMAGE_NAME_BYTES ? n : IMAGE_NAME_BYTES;

	while (fits < n && fits > IMAGE_NAME_BYTES - 4 && ((unsigned char)s[fits] & 0xc0) == 0x80)
		fits--;
	return (int)fits;
}

void image_files_name(const char *path, char *out, size_t size)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	const char *dot = strrchr(base, '.');
	bool extension = dot && dot >= base + strspn(base, ".");

	snprintf(out, size, "%.*s",
		name_bytes(base, extension ? (size_t)(dot - base) : strlen(base)), base);
}
