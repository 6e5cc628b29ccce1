/* SPDX-License-Identifier: Apache-2.0 */
/* store-help.h - what the tests of the catalog's file share: a place for one, small acts,
 * counting. Included once, after tap.h. */
#ifndef EVIDENCEFS_TESTS_STORE_HELP_H
#define EVIDENCEFS_TESTS_STORE_HELP_H

#include <dirent.h>
#include <unistd.h>

#include "base/file.h"
#include "catalog/store.h"

/* A new empty folder with a catalog's place in it: in memory, where a sync is quick, or in
 * TMPDIR. */
struct place {
	char top[64];
	char db[96];
};

static inline void place_make(struct place *p)
{
	const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");

	if (!tmp || strlen(tmp) > 40)
		tmp = "/tmp";
	snprintf(p->top, sizeof(p->top), "%s/t-store-XXXXXX", tmp);
	if (!mkdtemp(p->top))
		bail_out("no temporary directory");
	snprintf(p->db, sizeof(p->db), "%s/catalog.db", p->top);
}

static inline void place_remove(struct place *p)
{
	file_remove_tree(p->top, NULL);
}

/* Files in a folder. */
__attribute__((unused)) static inline size_t entries(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *entry = NULL;
	size_t n = 0;

	while (d && (entry = readdir(d)))
		n += entry->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static inline struct store *must_open(const struct place *p)
{
	struct store *s = NULL;
	struct err e = {.code = 0};

	if (store_open(p->db, &s, &e) < 0)
		bail_out(e.text);
	return s;
}

/* An act with texts that are not its own; not to be released. */
static inline struct act act_small(uint64_t seq, enum act_kind kind, uint64_t object)
{
	static char name[] = "alice";
	static char reason[] = "because";

	return (struct act){.seq = seq,
		.ns = (int64_t)seq,
		.boot_id = "boot",
		.kind = kind,
		.case_id = 1,
		.object = object,
		.by_name = name,
		.who = {.kind = SUBJECT_USER, .typed = name, .name = name, .id = 1000},
		.name = name,
		.reason = reason,
		.rights = RIGHT_READ,
		.until_ns = TIME_NEVER};
}

static inline int count_one(void *ctx, const struct act *a)
{
	(void)a;
	++*(int64_t *)ctx;
	return 0;
}

/* Acts up to @until_ns; -errno. */
static inline int64_t count_until(struct store *s, int64_t until_ns, struct err *e)
{
	int64_t n = 0;
	int rc = store_each(s, until_ns, count_one, &n, e);

	return rc < 0 ? rc : n;
}

static inline int64_t count_acts(struct store *s, struct err *e)
{
	return count_until(s, TIME_NEVER, e);
}

#endif
