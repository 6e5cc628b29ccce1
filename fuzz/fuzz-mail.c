/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz-mail.c - a mail message, an mbox file or an Outlook store, as bytes
 *
 * Built as fuzz-eml, fuzz-mbox and fuzz-pst: the name of the program says which
 * kind the bytes are taken for. They are walked, contents are read while they
 * are told, and read again by locator, the last first: they must be the same.
 * Addresses in the headers of a message are asked for, too. The budget is small,
 * so that an input that takes more than a second is a defect as well.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "container/container.h"
#include "container/mime.h"
#include "fuzz.h"

#define MEMBERS 2000
#define BYTES   (8u << 20)
#define SEEN    64 /* members that are read again */

struct seen {
	uint8_t locator[CONTAINER_LOCATOR_MAX];
	size_t locator_len;
	uint64_t size;
	uint64_t sum;
};

struct told {
	struct container_budget *budget;
	uint32_t n;
	struct seen seen[SEEN];
	size_t files;
};

/* The same whatever pieces bytes come in. */
static uint64_t add(uint64_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum = sum * 1099511628211u + p[i] + 1;
	return sum;
}

static int on_member(void *ctx, const struct member *m, uint32_t *number)
{
	struct told *t = ctx;
	struct seen s = {.locator_len = m->locator_len};
	uint8_t buf[4000];
	ssize_t n = 0;

	must(m->parent <= t->n && m->locator_len <= CONTAINER_LOCATOR_MAX);
	must(m->name_len == 0 || m->name);
	if (container_count(t->budget) < 0)
		return -E2BIG;
	*number = ++t->n;
	if (m->kind == ENTRY_DIR)
		return 0;
	while (m->read && (n = m->read(m->read_ctx, buf, sizeof(buf))) > 0) {
		s.size += (uint64_t)n;
		s.sum = add(s.sum, buf, (size_t)n);
		if (container_spend(t->budget, (uint64_t)n) < 0)
			return -E2BIG;
	}
	if (n < 0 || m->problem)
		return 0;
	must(m->size == CONTAINER_SIZE_UNKNOWN || m->size == s.size);
	memcpy(s.locator, m->locator, m->locator_len);
	t->seen[t->files++ % SEEN] = s;
	return 0;
}

static int on_problem(void *ctx, const char *text)
{
	(void)ctx;
	must(text_is_utf8(text, strlen(text)));
	return 0;
}

static void read_again(const struct container_kind *k, const struct source *s, const struct told *t)
{
	struct container_budget b = {.members = MEMBERS, .bytes = 4 * BYTES};
	struct container *c = NULL;
	uint8_t buf[3001];

	if (k->open(s, &c, NULL) < 0)
		return;
	for (size_t i = t->files < SEEN ? t->files : SEEN; i-- > 0;) {
		const struct seen *f = &t->seen[i];
		uint64_t sum = 0;
		uint64_t at = 0;
		ssize_t n = 1;

		while (n > 0) {
			n = k->read(c, &b, f->locator, f->locator_len, buf, sizeof(buf), at, NULL);
			if (n > 0) {
				sum = add(sum, buf, (size_t)n);
				at += (uint64_t)n;
			}
		}
		must(b.spent || (n == 0 && at == f->size && sum == f->sum));
	}
	k->close(c);
}

static int on_address(void *ctx, const struct mime_address *a)
{
	size_t *n = ctx;

	must(a->field && strchr(a->address, '@') && (!a->name || *a->name != '\n'));
	return ++*n > MEMBERS;
}

static void ask_addresses(const struct source *s)
{
	struct mime *m = NULL;
	size_t n = 0;

	if (mime_open(s, 0, source_size(s), NULL, &m, NULL) == 0)
		mime_addresses(m, on_address, &n);
	mime_close(m);
}

static const struct container_kind *kind_of_program(void)
{
	static const struct container_kind *const kinds[] = {
		&container_eml, &container_mbox, &container_pst};
	const char *name = strstr(program_invocation_short_name, "fuzz-");

	for (size_t i = 0; name && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(name + 5, kinds[i]->name) == 0)
			return kinds[i];
	}
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool prepared;
	const struct container_kind *k = kind_of_program();
	struct container_budget b = {.members = MEMBERS, .bytes = BYTES};
	struct told t = {.budget = &b};
	struct container_visit v = {.member = on_member, .problem = on_problem, .ctx = &t};
	struct source *s = NULL;

	if (!prepared)
		container_prepare();
	prepared = true;
	if (source_memory(data, size, &s) < 0)
		return 0;
	k->probe(data, size < CONTAINER_HEAD ? size : CONTAINER_HEAD, s);
	if (k->walk(s, &b, &v, NULL) == 0)
		read_again(k, s, &t);
	if (strcmp(k->name, "eml") == 0)
		ask_addresses(s);
	source_close(s);
	return 0;
}
