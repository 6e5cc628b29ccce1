/* SPDX-License-Identifier: Apache-2.0 */
/* locate.c - locators of members, and contents that are a run of bytes; see locate.h. */
#include "container/locate.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"

int locate_set(struct member *t, const uint64_t *v, size_t n)
{
	struct buf b = BUF_INIT;
	int r = 0;

	for (size_t i = 0; i < n; i++)
		buf_put_varint(&b, v[i]);
	if (b.error || b.len > sizeof(t->locator)) {
		r = b.error ? b.error : -E2BIG;
	} else {
		memcpy(t->locator, b.data, b.len);
		t->locator_len = b.len;
	}
	buf_release(&b);
	return r;
}

int locate_get(const uint8_t *locator, size_t len, uint64_t *v, size_t max)
{
	struct cur c = cur_of(locator, len);
	size_t n = 0;

	while (cur_left(&c) > 0 && n < max)
		v[n++] = cur_varint(&c);
	return c.bad || cur_left(&c) > 0 || n == 0 ? -ENOENT : (int)n;
}

ssize_t locate_range_read(void *range, void *buf, size_t len)
{
	struct locate_range *r = range;
	ssize_t n = source_read_all(r->source, buf, len < r->left ? len : (size_t)r->left, r->off);

	if (n > 0) {
		r->off += (uint64_t)n;
		r->left -= (uint64_t)n;
	}
	return n;
}

ssize_t locate_range_at(const struct source *s, struct container_budget *b, uint64_t begin,
	uint64_t size, void *buf, size_t len, uint64_t off)
{
	ssize_t n = 0;

	if (begin > source_size(s) || size > source_size(s) - begin)
		return -ENOENT;
	if (off >= size)
		return 0;
	n = source_read_all(s, buf, len < size - off ? len : (size_t)(size - off), begin + off);
	return n > 0 && container_spend(b, (uint64_t)n) < 0 ? -E2BIG : n;
}
