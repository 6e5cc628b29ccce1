/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list-members.c - the members of a file that is a container, for tests with other programs
 *
 *	list-members FILE...
 *
 * A line each: FILE, kind of container, path, d (folder) or size, SHA-256, tab-separated, "~"
 * behind a name that is made up; "!" and a text for a problem or an error. Contents are read
 * while they are told and again by locator, in one go and in pieces: they must be the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/digest.h"
#include "base/text.h"
#include "container/container.h"

#define PIECE 7001

struct seen {
	char *path;
	uint8_t sha[32];
	uint64_t size;
	struct member m;
};

struct list {
	const char *file;
	const char *kind;
	struct seen *v;
	size_t n, cap;
};

static void fail(const char *file, const char *why)
{
	fprintf(stderr, "list-members: %s: %s\n", file, why);
	exit(1);
}

/* Contents as they are told. */
static uint64_t take(const struct list *l, const struct member *m, uint8_t sha[32])
{
	struct digest *d = digest_new(DIGEST_SHA256);
	uint8_t buf[PIECE];
	uint64_t size = 0;
	ssize_t n = 0;

	while (m->read && (n = m->read(m->read_ctx, buf, sizeof(buf))) > 0) {
		digest_update(d, buf, (size_t)n);
		size += (uint64_t)n;
	}
	if (n < 0)
		fail(l->file, strerror((int)-n));
	digest_final(d, sha);
	digest_free(d);
	return size;
}

static int on_member(void *ctx, const struct member *m, uint32_t *number)
{
	struct list *l = ctx;
	const char *above = m->parent ? l->v[m->parent - 1].path : "";
	struct buf path = BUF_INIT;
	struct seen *s = NULL;

	if (m->parent > l->n || array_room(&l->v, sizeof(*l->v), l->n, &l->cap))
		fail(l->file, "parent, or memory");
	buf_printf(&path, "%s%s", above, m->parent ? "/" : "");
	text_escape(&path, m->name, m->name_len);
	buf_puts(&path, m->made_up ? "~" : "");
	s = &l->v[l->n++];
	*s = (struct seen){.m = *m};
	s->path = strdup(buf_cstr(&path));
	buf_release(&path);
	*number = (uint32_t)l->n;
	if (m->kind == ENTRY_DIR) {
		printf("%s\t%s\t%s\td\n", l->file, l->kind, s->path);
		return 0;
	}
	s->size = take(l, m, s->sha);
	if (m->size != CONTAINER_SIZE_UNKNOWN && m->size != s->size)
		fail(l->file, "a size is not that of what is told");
	printf("%s\t%s\t%s\t%llu\t", l->file, l->kind, s->path, (unsigned long long)s->size);
	for (size_t i = 0; i < 32; i++)
		printf("%02x", s->sha[i]);
	printf("%s%s\n", m->encrypted ? "\tencrypted" : "", m->problem ? "\tproblem" : "");
	return 0;
}

static int on_problem(void *ctx, const char *text)
{
	struct list *l = ctx;

	printf("!%s\t%s\t%s\n", l->file, l->kind, text);
	return 0;
}

/* Contents by locator, in pieces of @piece. */
static void again(const struct list *l, const struct container_kind *k, struct container *c,
	const struct seen *s, size_t piece)
{
	struct container_budget b = {.members = UINT32_MAX, .bytes = UINT64_MAX / 2};
	struct digest *d = digest_new(DIGEST_SHA256);
	uint8_t *buf = malloc(piece);
	uint8_t sha[32];
	uint64_t size = 0;
	ssize_t n = 1;
	struct err e = {0};

	while (n > 0) {
		n = k->read(c, &b, s->m.locator, s->m.locator_len, buf, piece, size, &e);
		if (n < 0)
			fail(l->file, e.text);
		digest_update(d, buf, (size_t)n);
		size += (uint64_t)n;
	}
	digest_final(d, sha);
	if (size != s->size || memcmp(sha, s->sha, 32) != 0)
		fail(s->path, "read by locator it has other contents");
	digest_free(d);
	free(buf);
}

static void reread(const struct list *l, const struct container_kind *k, const struct source *src)
{
	struct container *c = NULL;
	struct err e = {0};

	if (k->open(src, &c, &e) < 0)
		fail(l->file, e.text);
	for (size_t i = l->n; i-- > 0;) {
		if (l->v[i].m.kind != ENTRY_FILE || l->v[i].m.problem)
			continue;
		again(l, k, c, &l->v[i], 1u << 20);
		again(l, k, c, &l->v[i], PIECE);
	}
	k->close(c);
}

static void list(const char *file)
{
	struct container_budget b = {.members = 1000000, .bytes = UINT64_MAX / 2};
	struct list l = {.file = file, .kind = "-"};
	struct container_visit v = {.member = on_member, .problem = on_problem, .ctx = &l};
	const struct container_kind *k = NULL;
	struct source *s = NULL;
	struct stat st;
	struct err e = {0};
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	void *p = NULL;

	if (fd < 0 || fstat(fd, &st) < 0)
		fail(file, strerror(errno));
	p = st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	close(fd);
	if (p == MAP_FAILED || source_memory(p, (size_t)st.st_size, &s) < 0)
		fail(file, "no memory");
	k = container_detect(s);
	l.kind = k ? k->name : "-";
	if (!k)
		printf("!%s\t-\tnot a container\n", file);
	else if (k->walk(s, &b, &v, &e) < 0)
		printf("!%s\t%s\t%s\n", file, l.kind, e.text);
	else
		reread(&l, k, s);
	for (size_t i = 0; i < l.n; i++)
		free(l.v[i].path);
	free(l.v);
	source_close(s);
	if (p)
		munmap(p, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
	container_prepare();
	for (int i = 1; i < argc; i++)
		list(argv[i]);
	return 0;
}
