/* SPDX-License-Identifier: Apache-2.0 */
/* find.c - from what a person names to the files of an image; see find.h. */
#include "image/find.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "image/files_series.h"

/* ---- a folder ------------------------------------------------------------------- */

/* Names of the folder that could be segments. */
struct names {
	char **v;
	size_t n;
	size_t cap;
};

static void names_release(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

static bool is_file(const char *dir, const char *name)
{
	char *path = NULL;
	struct stat st;
	bool yes = asprintf(&path, "%s/%s", dir, name) >= 0 && stat(path, &st) == 0 &&
		   S_ISREG(st.st_mode);

	free(path);
	return yes;
}

static int names_add(struct names *l, const char *name)
{
	if (array_room(&l->v, sizeof(*l->v), l->n, &l->cap))
		return -ENOMEM;
	l->v[l->n] = strdup(name);
	return l->v[l->n++] ? 0 : -ENOMEM;
}

static struct series ewf_first(const char *name)
{
	struct series s = series_ewf(name, 0);

	if (s.number != 1 || !strchr("ESL", s.first))
		s.scheme = SERIES_NONE;
	return s;
}

static bool may_count(const char *name)
{
	return name[0] != '.' &&
	       (series_raw(name).scheme != SERIES_NONE || ewf_first(name).scheme != SERIES_NONE);
}

static int list(const char *dir, struct names *l, struct err *e)
{
	DIR *d = opendir(dir);
	const struct dirent *entry = NULL;
	int r = 0;

	if (!d)
		return err_errno(e, errno, "%s: cannot be listed to look for an image", dir);
	errno = 0;
	while (r == 0 && (entry = readdir(d))) {
		if (may_count(entry->d_name) && is_file(dir, entry->d_name))
			r = names_add(l, entry->d_name);
		errno = 0;
	}
	if (r)
		err_set(e, ENOMEM, "out of memory");
	else if (errno)
		r = err_errno(e, errno, "%s: cannot be listed to look for an image", dir);
	closedir(d);
	return r;
}

static bool has_number(
	const struct names *l, const struct series *s, const char *like, uint32_t want)
{
	for (size_t i = 0; i < l->n; i++) {
		uint32_t number = 0;

		if (series_match(s, like, l->v[i], &number) && number == want)
			return true;
	}
	return false;
}

/* Is @name the first segment of an image? Letters and two digits are everyday names, so
 * that one alone is none. */
static bool is_first(const struct names *l, const char *name)
{
	struct series s = ewf_first(name);

	if (s.scheme != SERIES_NONE)
		return true;
	s = series_raw(name);
	if (s.scheme == SERIES_LETTERS)
		return s.number == 0 && has_number(l, &s, name, 1);
	if (s.scheme != SERIES_DIGITS || s.number > 1)
		return false;
	if (s.number == 1 && has_number(l, &s, name, 0))
		return false;
	return s.width == 3 || has_number(l, &s, name, s.number + 1);
}

/* The name of the only first segment in @dir; caller frees *@out. */
static int first_of(const char *dir, char **out, struct err *e)
{
	struct names l = {NULL, 0, 0};
	const char *first = NULL;
	int r = list(dir, &l, e);

	for (size_t i = 0; r == 0 && i < l.n; i++) {
		if (!is_first(&l, l.v[i]))
			continue;
		if (first)
			r = err_set(e, EISDIR,
				"%s is a directory; name one of the images in it: %s, %s, ...", dir,
				strcmp(first, l.v[i]) < 0 ? first : l.v[i],
				strcmp(first, l.v[i]) < 0 ? l.v[i] : first);
		else
			first = l.v[i];
	}
	if (r == 0 && !first)
		r = err_set(e, EISDIR,
			"%s is a directory; name the image file in it (there is no .E01, .001 or "
			".aa that would begin a series)",
			dir);
	if (r == 0) {
		*out = strdup(first);
		r = *out ? 0 : err_set(e, ENOMEM, "out of memory");
	}
	names_release(&l);
	return r;
}

static int find_in_folder(const char *dir, struct image_files *f, char **name, struct err *e)
{
	char *first = NULL;
	char *path = NULL;
	int r = first_of(dir, &first, e);

	if (r == 0 && asprintf(&path, "%s/%s", strcmp(dir, "/") ? dir : "", first) < 0)
		r = err_set(e, ENOMEM, "out of memory");
	if (r == 0)
		r = image_find(path, f, name, e); /* which may be a link */
	free(first);
	free(path);
	return r;
}

/* ---- a link --------------------------------------------------------------------- */

/*
 * @given is a link to @real. What lies beside the target is the image, unless more of it
 * lies beside the link, or its name there is that of a part: half an image must not pass for one.
 */
static int find_by_link(const char *given, const char *real, struct image_files *f, struct err *e)
{
	struct image_files beside = {.v = NULL};
	struct err why = {0};
	int r = image_files_open(real, f, e);
	int r2 = image_files_open(given, &beside, &why);

	if (r2 == 0 && (r ? beside.n > 1 : beside.n > f->n)) {
		if (r == 0)
			image_files_close(f);
		*f = beside;
		err_clear(e);
		return 0;
	}
	if (r2 == 0) {
		image_files_close(&beside);
	} else if (r == 0 && (r2 == -ENXIO || r2 == -EINVAL) && f->n == 1) {
		image_files_close(f);
		r = err_set(e, -r2, "%s", err_text(&why, r2));
	}
	return r;
}

/* ---- what is named ---------------------------------------------------------------- */

int image_find(const char *given, struct image_files *f, char **name, struct err *e)
{
	/* through links to where the file lies: that is where its other segments are */
	char *real = realpath(given, NULL);
	const char *slash = strrchr(given, '/');
	struct stat st = {0};
	int r = 0;

	if (real && stat(real, &st) == 0 && S_ISDIR(st.st_mode)) {
		r = find_in_folder(real, f, name, e);
		free(real);
		return r;
	}
	if (real && lstat(given, &st) == 0 && S_ISLNK(st.st_mode))
		r = find_by_link(given, real, f, e);
	else
		r = image_files_open(real ? real : given, f, e);
	free(real);
	if (r)
		return r;
	*name = strdup(slash ? slash + 1 : given);
	if (*name)
		return 0;
	image_files_close(f);
	return err_set(e, ENOMEM, "out of memory");
}
