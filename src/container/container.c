/* SPDX-License-Identifier: Apache-2.0 */
/* container.c - the kinds of containers, and what they may cost; see container.h. */
#include "container/container.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/now.h"
#include "container/archive_shape.h"

/* In the order in which they are tried: the first that knows the bytes has them. */
static const struct container_kind *const kinds[] = {
	&container_pst,
	&container_archive,
	&container_mbox,
	&container_eml,
};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

static int gone(struct container_budget *b, const char *what)
{
	if (!b->spent)
		b->spent = what;
	return -E2BIG;
}

int container_spend(struct container_budget *b, uint64_t bytes)
{
	if (b->spent)
		return -E2BIG;
	if (bytes > b->bytes) {
		b->bytes = 0;
		return gone(b, "it expands to too many bytes");
	}
	b->bytes -= bytes;
	if (b->until_ms && now_ms(CLOCK_MONOTONIC) > b->until_ms)
		return gone(b, "it takes too long");
	if (b->alive)
		b->alive(b->ctx);
	return 0;
}

int container_count(struct container_budget *b)
{
	if (b->spent)
		return -E2BIG;
	if (b->members == 0)
		return gone(b, "it has too many members");
	b->members--;
	return 0;
}

_Static_assert(CONTAINER_FIRST >= ARCHIVE_INSIDE, "as much as tells a tar archive");

static bool may_be_one(const uint8_t first[static CONTAINER_FIRST])
{
	for (size_t i = 0; i < KINDS; i++) {
		if (kinds[i]->begins && kinds[i]->begins(first))
			return true;
	}
	return false;
}

/* As much of the beginning as the kinds have to see. Return: bytes, -errno. */
static ssize_t read_head(const struct source *s, uint8_t head[static CONTAINER_HEAD])
{
	ssize_t n = source_size(s) > 0 ? source_read_all(s, head, CONTAINER_FIRST, 0) : 0;
	ssize_t more = 0;

	if (n < CONTAINER_FIRST || !may_be_one(head))
		return n;
	more = source_read_all(
		s, head + CONTAINER_FIRST, CONTAINER_HEAD - CONTAINER_FIRST, CONTAINER_FIRST);
	return more < 0 ? more : n + more;
}

const struct container_kind *container_detect(const struct source *s)
{
	uint8_t head[CONTAINER_HEAD];
	ssize_t n = read_head(s, head);

	for (size_t i = 0; n > 0 && i < KINDS; i++) {
		if (kinds[i]->probe(head, (size_t)n, s))
			return kinds[i];
	}
	return NULL;
}

bool container_named(const uint8_t *name, size_t n)
{
	const uint8_t *dot = n > 0 ? memrchr(name, '.', n) : NULL;
	size_t len = dot ? n - (size_t)(dot - name) - 1 : 0;

	for (size_t i = 0; dot && i < KINDS; i++) {
		for (const char *const *s = kinds[i]->suffixes; *s; s++) {
			if (strlen(*s) == len && strncasecmp(*s, (const char *)dot + 1, len) == 0)
				return true;
		}
	}
	return false;
}

void container_prepare(void)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (kinds[i]->prepare)
			kinds[i]->prepare();
	}
}
