/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit-help.h - what the tests of the access log share: a place for logs, events
 * to put into them, whole files as bytes. Included once, after tap.h.
 */
#ifndef EVIDENCEFS_TESTS_AUDIT_HELP_H
#define EVIDENCEFS_TESTS_AUDIT_HELP_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit.h"
#include "audit/unxz.h"

#define SEGMENT_ONE "log-00000000000000000001.seg"

/* A new empty directory with a log's place "log" in it: in TMPDIR, or in memory. */
struct place {
	char top[64];
	char log[80];
};

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void place_remove(struct place *p)
{
	nftw(p->top, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void place_make(struct place *p)
{
	const char *tmp = getenv("TMPDIR");

	if (!tmp || strlen(tmp) > 40)
		tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(p->top, sizeof(p->top), "%s/t-audit-XXXXXX", tmp);
	if (!mkdtemp(p->top))
		bail_out("no temporary directory");
	snprintf(p->log, sizeof(p->log), "%s/log", p->top);
}

static inline struct audit_event event_open(const char *exe)
{
	struct audit_event ev = {.type = AUDIT_OPEN,
		.decision = AUDIT_ALLOWED,
		.uid = 1000,
		.gid = 100,
		.loginuid = 1001,
		.pid = 4711,
		.process_start = 123456789,
		.trace = 77};

	snprintf(ev.exe, sizeof(ev.exe), "%s", exe);
	memset(ev.evidence, 0xab, sizeof(ev.evidence));
	return ev;
}

static inline struct audit_event event_read(uint64_t open_seq, uint64_t offset)
{
	return (struct audit_event){.type = AUDIT_READ,
		.decision = AUDIT_ALLOWED,
		.uid = 1000,
		.loginuid = AUDIT_NO_LOGINUID,
		.pid = 4711,
		.open_seq = open_seq,
		.offset = offset,
		.length = 4096,
		.result = 4096};
}

/* A whole file; caller frees. */
static inline uint8_t *load_file(const char *dir, const char *name, size_t *n)
{
	char path[PATH_MAX];
	struct stat st = {.st_size = 0};
	uint8_t *data = NULL;
	int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st) < 0)
		bail_out(path);
	data = malloc((size_t)st.st_size + 1);
	if (!data || read(fd, data, (size_t)st.st_size) != (ssize_t)st.st_size)
		bail_out(path);
	close(fd);
	*n = (size_t)st.st_size;
	return data;
}

/* A segment takes the place of itself, compressed. */
__attribute__((unused)) static inline void pack_file(const char *dir, const char *name)
{
	char path[PATH_MAX];
	char fresh[PATH_MAX];
	int in = -1;
	int out = -1;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	snprintf(fresh, sizeof(fresh), "%s/../fresh", dir);
	in = open(path, O_RDONLY);
	out = open(fresh, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (in < 0 || out < 0 || unxz_pack(in, out, NULL, NULL) < 0 ||
		unxz_same(out, in, NULL, NULL) < 0 || rename(fresh, path) < 0)
		bail_out(path);
	close(in);
	close(out);
}

static inline void store_file(const char *dir, const char *name, const void *p, size_t n)
{
	char path[PATH_MAX];
	int fd = -1;

	mkdir(dir, 0700);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		bail_out(path);
	close(fd);
}

/* Records that can be read, or the reader's error; *e says which. */
static inline int64_t count_records(const char *dir, struct err *e)
{
	struct audit_reader *r = NULL;
	struct audit_event ev;
	int64_t n = 0;
	int rc = audit_reader_open(dir, &r, e);

	if (rc < 0)
		return rc;
	while ((rc = audit_reader_next(r, &ev, e)) > 0)
		n++;
	audit_reader_close(r);
	return rc < 0 ? rc : n;
}

static inline int append(struct audit_log *l, struct audit_event ev)
{
	return audit_append(l, &ev);
}

static inline void must_open(const char *dir, struct audit_log **l)
{
	struct err e = {.code = 0};

	if (audit_open(dir, l, &e) < 0)
		bail_out(e.text);
}

#endif
