/* SPDX-License-Identifier: Apache-2.0 */
/* t-names.c - names and link targets of the evidence as a kernel can take them. */
#include "tap.h"

#include "trace/names.h"

static const struct siphash_key key = {11, 22};

/* A fixed sequence of numbers that look random. */
static uint64_t draw(void)
{
	static uint64_t turn;

	turn++;
	return siphash(&key, &turn, sizeof(turn));
}

static const char *component(const char *raw, size_t n, bool *changed)
{
	static struct buf b;

	buf_reset(&b);
	*changed = name_component((const uint8_t *)raw, n, &key, &b);
	return buf_cstr(&b);
}

static void is_component(const char *raw, size_t n, const char *want, const char *name)
{
	bool changed = false;
	const char *got = component(raw, n, &changed);

	is_str(got, want, name);
	ok(changed == (n != strlen(want) || memcmp(raw, want, n) != 0),
		"%s: says whether it differs", name);
}

static bool is_valid(const uint8_t *p, size_t n)
{
	return n > 0 && n <= NAME_COMPONENT_MAX && !memchr(p, '/', n) && !memchr(p, '\0', n) &&
	       !(n == 1 && p[0] == '.') && !(n == 2 && p[0] == '.' && p[1] == '.');
}

static void test_component(void)
{
	is_component("letter.txt", 10, "letter.txt", "an ordinary name");
	is_component("a b\\c:d\"*?", 10, "a b\\c:d\"*?", "what only other systems mind");
	is_component("\xe6\x97\xa5 \xff\x80\x01\n", 8, "\xe6\x97\xa5 \xff\x80\x01\n",
		"bytes that are no text");
	is_component("50%2F", 5, "50%2F", "a percent sign of its own");
	is_component("a/b", 3, "a%2Fb", "a slash");
	is_component("/", 1, "%2F", "a slash alone");
	is_component("a\0b\0", 4, "a%00b%00", "NUL");
	is_component(".", 1, "%2E", "one dot");
	is_component("..", 2, "%2E%2E", "two dots");
	is_component("...", 3, "...", "three dots");
	is_component(".hidden", 7, ".hidden", "a dot and more");
	is_component("", 0, "%", "no name");
}

static void test_long(void)
{
	char raw[1024];
	char first[300];
	bool changed = false;
	const char *got = NULL;

	memset(raw, 'x', sizeof(raw));
	is_component(raw, 255, component(raw, 255, &changed), "255 bytes stay");
	ok(!changed, "and are said to");
	snprintf(first, sizeof(first), "%s", component(raw, 256, &changed));
	is_int(strlen(first), 255, "256 bytes are cut to 255");
	ok(changed && first[246] == '~' && strspn(first + 247, "0123456789abcdef") == 8,
		"and end in a hash");
	raw[255] = 'y';
	got = component(raw, 256, &changed);
	ok(strcmp(got, first) != 0 && strncmp(got, first, 246) == 0,
		"a difference in what is cut off shows in the hash");
	/* two bytes a character, beginning at an odd place: 246 lies inside one */
	raw[0] = 'x';
	for (size_t i = 1; i + 1 < sizeof(raw); i += 2)
		memcpy(raw + i, "\xc3\xa4", 2);
	got = component(raw, 301, &changed);
	is_int(strlen(got), 245 + 9, "no character is cut in half");
	ok(got[245] == '~', "the hash follows the last whole one");
	for (size_t i = 0; i + 3 < sizeof(raw); i += 4)
		memcpy(raw + i, "\xf0\x9f\x94\x92", 4);
	is_int(strlen(component(raw, 400, &changed)), 244 + 9, "nor one of four bytes");
	memset(raw, 0x80, sizeof(raw));
	is_int(strlen(component(raw, 400, &changed)), 255,
		"what is no UTF-8 is cut where it must be");
	memset(raw, '/', sizeof(raw));
	ok(is_valid((const uint8_t *)component(raw, 100, &changed),
		   strlen(component(raw, 100, &changed))),
		"100 slashes");
}

static void test_unique(void)
{
	uint8_t raw[255];
	struct buf a = BUF_INIT;
	struct buf b = BUF_INIT;

	name_unique((const uint8_t *)"twin", 4, &key, 7, &a);
	is_int(a.len, 13, "a twin gets ~ and 8 digits");
	ok(memcmp(a.data, "twin~", 5) == 0, "behind its name");
	name_unique((const uint8_t *)"twin", 4, &key, 7, &b);
	is_str(buf_cstr(&b), buf_cstr(&a), "the same each time");
	buf_reset(&b);
	name_unique((const uint8_t *)"twin", 4, &key, 8, &b);
	ok(strcmp(buf_cstr(&a), buf_cstr(&b)) != 0, "another salt, another name");
	memset(raw, 'x', sizeof(raw));
	buf_reset(&b);
	name_unique(raw, sizeof(raw), &key, 1, &b);
	is_int(b.len, 255, "a name of full length is cut to make room");
	buf_release(&a);
	buf_release(&b);
}

static const char *made_up(const char *name, struct buf *b)
{
	buf_reset(b);
	name_made_up((const uint8_t *)name, strlen(name), 0x1234567890abcdef, b);
	return buf_cstr(b);
}

static void test_made_up(void)
{
	char longest[256] = {0};
	struct buf b = BUF_INIT;

	is_str(made_up("Re: offer.eml", &b), "Re: offer~90abcdef.eml", "a hash before the ending");
	is_str(made_up("Re: v1. last words", &b), "Re: v1. last words~90abcdef",
		"words are no ending");
	is_str(made_up("part", &b), "part~90abcdef", "without one");
	is_str(made_up(".txt", &b), ".txt~90abcdef", "all of a name is no ending");
	memset(longest, 'x', 255);
	memcpy(longest + 251, ".eml", 4);
	made_up(longest, &b);
	is_int(b.len, 255, "a name of full length is cut");
	is_str(buf_cstr(&b) + 242, "~90abcdef.eml", "before both");
	buf_release(&b);
}

/* Whatever bytes a disk has, the kernel can take what is shown. */
static void test_any_bytes(void)
{
	uint8_t raw[600];
	struct buf b = BUF_INIT;
	unsigned bad = 0;
	unsigned silent = 0;

	for (unsigned i = 0; i < 20000; i++) {
		static const char few[] = "./\0%~\xc3\xa4";
		size_t n = draw() % (i % 2 ? 4 : sizeof(raw));
		bool changed = false;

		for (size_t j = 0; j < n; j++)
			raw[j] = i % 3 ? (uint8_t)few[draw() % sizeof(few)] : (uint8_t)draw();
		buf_reset(&b);
		changed = name_component(raw, n, &key, &b);
		bad += !is_valid(b.data, b.len);
		silent += changed == (b.len == n && memcmp(b.data, raw, n) == 0);
		buf_reset(&b);
		name_component(raw, n, &key, &b);
		if (b.len > 0 && b.len <= sizeof(raw)) {
			size_t len = b.len;

			memcpy(raw, b.data, len);
			buf_reset(&b);
			name_unique(raw, len, &key, i, &b);
			bad += !is_valid(b.data, b.len);
		}
	}
	is_int(bad, 0, "20,000 names of any bytes: each shown as a component");
	is_int(silent, 0, "and each said to differ exactly when it does");
	buf_release(&b);
}

static void is_target(const char *raw, size_t depth, const char *want, const char *name)
{
	struct buf b = BUF_INIT;

	name_link_target((const uint8_t *)raw, strlen(raw), depth, &b);
	is_str(buf_cstr(&b), want, name);
	buf_release(&b);
}

static void test_targets(void)
{
	is_target("letter.txt", 0, "letter.txt", "a neighbour");
	is_target("a/b/c", 3, "a/b/c", "below");
	is_target("./a//b/.", 0, "./a//b/.", "dots and double slashes that harm nobody");
	is_target("../x", 1, "../x", "a climb that stays inside");
	is_target("../../a/b", 2, "../../a/b", "a climb to the root");
	is_target("../../a", 1, "../a", "a climb past the root stops there");
	is_target("..", 0, ".", "above the root is the root");
	is_target("../../../../../../etc/passwd", 0, "./etc/passwd", "a long climb from the root");
	is_target("/", 0, ".", "the root itself, from the root");
	is_target("/", 2, "../..", "the root itself, from below");
	is_target("/etc/hostname", 0, "./etc/hostname", "absolute, in the root");
	is_target("/etc/hostname", 3, "../../../etc/hostname", "absolute, further down");
	is_target("//etc//./x", 1, "../etc/x", "absolute, written badly");
	is_target("/../../x", 1, "../x", "absolute and climbing");
	is_target(
		"a/../b", 1, "./b", "a climb behind a name, which may be a link, is resolved here");
	is_target("../a/../../b", 1, "../b", "and cannot go past the root");
	is_target("../a/b/../c", 1, "../a/c", "and takes one name away");
	is_target("a/../../../x", 1, "../x", "several of them");
	is_target("", 1, ".", "an empty target");
	is_target("C:\\Users\\x", 0, "C:\\Users\\x", "what Windows writes is a name here");
}

/*
 * Follow @p from @depth directories below the root, where any name may be a
 * link that leads to the root itself: "name/.." would then climb out.
 * Return: whether the root is never passed.
 */
static bool stays_inside(const uint8_t *p, size_t n, size_t depth)
{
	size_t at = depth;
	bool named = false;

	if (n == 0 || p[0] == '/' || memchr(p, '\0', n))
		return false;
	for (size_t i = 0; i < n;) {
		const uint8_t *slash = memchr(p + i, '/', n - i);
		size_t len = slash ? (size_t)(slash - p) - i : n - i;

		if (len == 2 && memcmp(p + i, "..", 2) == 0) {
			if (named || at == 0)
				return false;
			at--;
		} else if (len > 0 && !(len == 1 && p[i] == '.')) {
			named = true;
		}
		i += len + 1;
	}
	return true;
}

static void test_any_target(void)
{
	static const char *const parts[] = {
		"..", "..", "..", ".", "", "a", "bc", "...", "..a", "/"};
	unsigned out = 0;
	unsigned touched = 0;

	for (unsigned i = 0; i < 50000; i++) {
		struct buf raw = BUF_INIT;
		struct buf b = BUF_INIT;
		size_t depth = draw() % 5;

		for (uint64_t k = draw() % 9; k-- > 0;) {
			buf_puts(&raw, parts[draw() % (sizeof(parts) / sizeof(parts[0]))]);
			buf_puts(&raw, k || draw() % 4 == 0 ? "/" : "");
		}
		if (draw() % 10 == 0)
			buf_put_u8(&raw, 0);
		name_link_target(raw.data, raw.len, depth, &b);
		out += !stays_inside(b.data, b.len, depth);
		touched += stays_inside(raw.data, raw.len, depth) &&
			   (b.len != raw.len || memcmp(b.data, raw.data, b.len) != 0);
		buf_release(&raw);
		buf_release(&b);
	}
	is_int(out, 0, "50,000 targets: none leads out of its volume");
	is_int(touched, 0, "and those that never did are left as they are");
}

int main(void)
{
	test_component();
	test_long();
	test_unique();
	test_made_up();
	test_any_bytes();
	test_targets();
	test_any_target();
	return done_testing();
}
