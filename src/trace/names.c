/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - names of the evidence as names a kernel accepts; see names.h. */
#include "trace/names.h"

#include <string.h>

#define HASH_SUFFIX 9 /* "~" and 8 hex digits */
#define ENDING_MAX  6

static bool all_dots(const uint8_t *raw, size_t n)
{
	return (n == 1 && raw[0] == '.') || (n == 2 && raw[0] == '.' && raw[1] == '.');
}

/* The longest beginning of at most @max bytes that does not end inside a UTF-8 sequence. */
static size_t cut_at(const uint8_t *p, size_t n, size_t max)
{
	size_t cut = n < max ? n : max;

	if (cut == n)
		return n;
	for (size_t back = 0; back < 4 && cut > back; back++) {
		if ((p[cut - back] & 0xc0) != 0x80)
			return cut - back;
	}
	return cut;
}

/* Name and hash, with room for @more bytes behind them. */
static void put_hashed(const uint8_t *name, size_t n, uint64_t hash, size_t more, struct buf *out)
{
	buf_put(out, name, cut_at(name, n, NAME_COMPONENT_MAX - HASH_SUFFIX - more));
	buf_printf(out, "~%08x", (unsigned)(hash & 0xffffffff));
}

bool name_component(const uint8_t *raw, size_t n, const struct siphash_key *key, struct buf *out)
{
	size_t start = out->len;
	bool dots = all_dots(raw, n);
	bool changed = n == 0 || dots;

	for (size_t i = 0; i < n; i++) {
		if (dots || raw[i] == '/' || raw[i] == '\0') {
			buf_printf(out, "%%%02X", raw[i]);
			changed = true;
		} else {
			buf_put_u8(out, raw[i]);
		}
	}
	if (n == 0)
		buf_puts(out, "%");
	if (out->error || out->len - start <= NAME_COMPONENT_MAX)
		return changed;
	out->len = start +
		   cut_at(out->data + start, out->len - start, NAME_COMPONENT_MAX - HASH_SUFFIX);
	buf_printf(out, "~%08x", (unsigned)(siphash(key, raw, n) & 0xffffffff));
	return true;
}

void name_unique(const uint8_t *name, size_t n, const struct siphash_key *key, uint64_t salt,
	struct buf *out)
{
	struct buf b = BUF_INIT;

	buf_put_u64(&b, salt);
	buf_put(&b, name, n);
	put_hashed(name, n, b.error ? salt : siphash(key, b.data, b.len), 0, out);
	buf_release(&b);
}

/* What a name ends in, of letters and digits: ".eml". */
static size_t ending(const uint8_t *name, size_t n)
{
	for (size_t len = 2; len <= ENDING_MAX && len < n; len++) {
		uint8_t c = name[n - len];

		if (c == '.')
			return len;
		if (c < '0' || (c > '9' && c < 'A') || (c > 'Z' && c < 'a') || c > 'z')
			return 0;
	}
	return 0;
}

void name_made_up(const uint8_t *name, size_t n, uint64_t hash, struct buf *out)
{
	size_t end = ending(name, n);

	put_hashed(name, n - end, hash, end, out);
	buf_put(out, name + n - end, end);
}

/* True when the kernel can walk @target as it is without leaving the volume. */
static bool target_is_safe(const uint8_t *target, size_t n, size_t depth)
{
	size_t climbs = 0;
	bool named = false;

	if (n > 0 && target[0] == '/')
		return false;
	for (size_t i = 0; i < n;) {
		const uint8_t *slash = memchr(target + i, '/', n - i);
		size_t len = slash ? (size_t)(slash - target) - i : n - i;

		if (len == 2 && target[i] == '.' && target[i + 1] == '.') {
			if (named || ++climbs > depth)
				return false;
		} else if (len > 0 && !(len == 1 && target[i] == '.')) {
			named = true;
		}
		i += len + 1;
	}
	return n > 0 && !memchr(target, '\0', n);
}

static void pop_component(struct buf *path, size_t base)
{
	while (path->len > base && path->data[path->len - 1] != '/')
		path->len--;
	if (path->len > base)
		path->len--; /* the slash */
}

void name_link_target(const uint8_t *target, size_t n, size_t depth, struct buf *out)
{
	struct buf path = BUF_INIT; /* "/name/name" from where the climb ends */
	size_t climbs = 0;

	if (target_is_safe(target, n, depth)) {
		buf_put(out, target, n);
		return;
	}
	if (n > 0 && target[0] == '/')
		climbs = depth;
	for (size_t i = 0; i < n;) {
		const uint8_t *slash = memchr(target + i, '/', n - i);
		size_t len = slash ? (size_t)(slash - target) - i : n - i;

		if (len == 2 && target[i] == '.' && target[i + 1] == '.') {
			if (path.len > 0)
				pop_component(&path, 0);
			else if (climbs < depth)
				climbs++;
		} else if (len > 0 && !(len == 1 && target[i] == '.')) {
			buf_put_u8(&path, '/');
			for (size_t j = i; j < i + len; j++)
				buf_put_u8(&path, target[j] ? target[j] : '%');
		}
		i += len + 1;
	}
	for (size_t i = 0; i < climbs; i++)
		buf_puts(out, i ? "/.." : "..");
	if (climbs == 0)
		buf_puts(out, ".");
	buf_put(out, path.data, path.len);
	buf_release(&path);
}
