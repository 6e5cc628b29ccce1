/* SPDX-License-Identifier: Apache-2.0 */
/* t-scan.c - rules of a scan, patterns, what was found, and how far a scan has come. */
#include "tap.h"

#include <errno.h>
#include <unistd.h>

#include "base/glob.h"
#include "control/scan_found.h"
#include "control/scan_keep.h"
#include "control/scan_rules.h"
#include "worker/reply.h"

static bool globs(const char *pattern, const char *text, bool fold)
{
	return glob_match(pattern, strlen(pattern), text, strlen(text), fold);
}

static void test_glob(void)
{
	static const struct {
		const char *pattern, *text;
		bool fold, match;
	} v[] = {
		{"", "", false, true},
		{"", "a", false, false},
		{"*", "", false, true},
		{"*@law.example", "Jan@LAW.example", true, true},
		{"*@law.example", "Jan@LAW.example", false, false},
		{"*@law.example", "jan@law.example.org", true, false},
		{"*.law.example", "law.example", true, false},
		{"a*b*c", "aXbXbc", false, true},
		{"a*b*c", "aXbXb", false, false},
		{"disk/*/legal", "disk/p0/a/b/legal", false, true},
		{"disk/*/legal", "disk/legal", false, false},
		{"?", "\xc3\xa9", false, true},
		{"??", "\xc3\xa9", false, false},
		{"?", "\xff", false, true},
		{"[a-c]x", "bx", false, true},
		{"[!a-c]x", "bx", false, false},
		{"[!a-c]x", "dx", false, true},
		{"[]]", "]", false, true},
		{"[\xc3\xa0-\xc3\xaf]", "\xc3\xa9", false, true},
		{"\\*", "*", false, true},
		{"\\*", "a", false, false},
		{"\\\\", "\\", false, true},
		{"a\\x0ab", "a\nb", false, true},
		{"\\xff", "\xff", false, true},
		{"a*", "a", false, true},
		{"*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			false, false},
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		ok(globs(v[i].pattern, v[i].text, v[i].fold) == v[i].match, "%s %s %s",
			v[i].pattern, v[i].match ? "matches" : "does not match",
			i == 19 || v[i].text[0] & 0x80 ? "it" : v[i].text);
	ok(glob_wrong("[a", 2) && glob_wrong("a\\", 2) && !glob_wrong("[a]\\*", 5),
		"a set or a backslash that does not end is wrong");
}

static void test_rules(void)
{
	static const char file[] =
		"\xef\xbb\xbf# comment\r\n"
		"address  *@law.example \r\n"
		"\n"
		"  domain law.example -> confirmed # theirs\n"
		"keyword C# and C\n"
		"phone +31201234567\n"
		"keyword a->b\n"
		"sha256 "
		"00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff\n"
		"path laptop/*/x y ->confirmed\n"
		"phone +31201234567\n"
		"path last";
	struct scan_rules r;
	struct err e = {0};

	if (!ok(scan_rules_parse(file, sizeof(file) - 1, &r, &e) == 0, "rules: %s", e.text))
		return;
	is_int((long long)r.n, 8, "what stands there twice counts once");
	is_str(r.v[0].text, "address  *@law.example", "blanks around a rule are not of it");
	is_int((long long)r.v[0].line, 2, "its line");
	ok(r.v[0].value_n == 13 && memcmp(r.v[0].value, "*@law.example", 13) == 0, "its value");
	is_str(r.v[1].text, "domain law.example -> confirmed", "nor is a comment");
	ok(r.v[1].state == MARK_CONFIRMED && r.v[1].value_n == 11, "confirmed");
	ok(r.v[2].value_n == 8 && r.v[2].state == MARK_SUSPECTED, "a # in a word is no comment");
	ok(r.v[4].value_n == 4, "an arrow in a word is none");
	ok(r.v[5].sha256[10] == 0xaa && r.v[5].sha256[31] == 0xff, "hex in any case");
	ok(r.v[6].state == MARK_CONFIRMED && r.v[6].value_n == 12, "a path has blanks in it");
	is_int((long long)r.v[7].line, 11, "the last line needs no end");
	scan_rules_release(&r);
}

static void test_bad(void)
{
	static const struct {
		const char *file, *line;
	} v[] = {
		{"keyword a\nsomething b\n", "line 2 "},
		{"keyword\n", "line 1 "},
		{"\n\nkeyword -> confirmed\n", "line 3 "},
		{"keyword a -> suspected\n", "line 1 "},
		{"keyword \xff\n", "line 1 "},
		{"keyword ...\n", "line 1 "},
		{"phone 020 1234567\n", "line 1 "},
		{"phone 1234\n", "line 1 "},
		{"sha256 0\n", "line 1 "},
		{"sha256 "
		 "g0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
			"line 1 "},
		{"address law\n", "line 1 "},
		{"domain a@b\n", "line 1 "},
		{"path /a\n", "line 1 "},
		{"path [a\n", "line 1 "},
		{"# nothing\n", "no rules"},
		{"", "no rules"},
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct scan_rules r;
		struct err e = {0};
		int rc = scan_rules_parse(v[i].file, strlen(v[i].file), &r, &e);

		ok(rc == -EINVAL && strstr(e.text, v[i].line), "refused: %s", e.text);
	}
}

static void test_found(void)
{
	struct model m;
	struct scan_found f;
	enum scan_hit hit = SCAN_NEW;
	size_t wrong = 0;

	model_init(&m);
	ok(scan_found_init(&f, &m, 1) == 0, "nothing is marked");
	for (int i = 0; i < 5000; i++) {
		char path[32];

		snprintf(path, sizeof(path), "disk/%d", i);
		wrong += scan_found_add(&f, path, "keyword a", &hit) != 0 || hit != SCAN_NEW;
		wrong += scan_found_add(&f, path, "keyword a", &hit) != 0 || hit != SCAN_AGAIN;
		wrong += scan_found_add(&f, path, "keyword b", &hit) != 0 || hit != SCAN_NEW;
	}
	is_int((long long)wrong, 0, "a rule meets a trace once");
	scan_found_release(&f);
	model_release(&m);
}

static void test_keep(void)
{
	char dir[] = "/tmp/t-scan-XXXXXX";
	struct scan_count v[3] = {{5, 2}, {0, 0}, {1, 1}};
	struct scan_count got[3] = {{0, 0}, {0, 0}, {0, 0}};
	struct scan_progress p = {1, 0x10000000005, 4096, 2};
	struct scan_progress back = {0, 0, 0, 0};
	char *file = mkdtemp(dir) ? scan_keep_name(dir, "x", 1) : NULL;

	if (!ok(file != NULL, "a file"))
		return;
	ok(scan_keep_read(file, &back, got, 3) == -ENOENT, "nothing is kept");
	ok(scan_keep_write(file, &p, v, 3) == 0 && scan_keep_read(file, &back, got, 3) == 0,
		"it is kept");
	ok(memcmp(&p, &back, sizeof(p)) == 0 && memcmp(v, got, sizeof(v)) == 0, "as it was");
	ok(scan_keep_read(file, &back, got, 2) == -ENOENT && got[0].hits == 0,
		"what is of other rules is not used");
	scan_keep_remove(file);
	ok(access(file, F_OK) != 0, "and it goes");
	free(file);
	rmdir(dir);
}

/* What a worker says it has found: [n] traces, with three patterns asked. */
static int found(const uint8_t *p, size_t len, size_t n, struct reply_match *out)
{
	struct cur c = cur_of(p, len);

	return reply_matched(&c, n, 3, out);
}

static void test_matched(void)
{
	static const uint8_t good[] = {1, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 0};
	static const uint8_t bit[] = {16, 0, 0, 0, 0};
	static const uint8_t many[] = {
		0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0};
	static const uint8_t high[] = {0, 1, 0, 0, 0, 3, 0, 0, 0};
	static const uint8_t twice[] = {0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0};
	static const uint8_t falls[] = {0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0};
	struct reply_match m[2];

	ok(found(good, sizeof(good), 2, m) == 0 && m[0].bits == 1 && m[0].n == 2 &&
			cur_u32(&m[0].at) == 0 && cur_u32(&m[0].at) == 2 && m[1].bits == 4 &&
			m[1].n == 0,
		"two traces, as they are told");
	ok(found(good, sizeof(good), 1, m) == -EPROTO, "one too many");
	ok(found(good, sizeof(good) - 1, 2, m) == -EPROTO, "one that is cut off");
	ok(found(bit, sizeof(bit), 1, m) == -EPROTO, "a bit that is none");
	ok(found(many, sizeof(many), 1, m) == -EPROTO, "more patterns than were asked");
	ok(found(high, sizeof(high), 1, m) == -EPROTO, "one that was not asked");
	ok(found(twice, sizeof(twice), 1, m) == -EPROTO, "one twice");
	ok(found(falls, sizeof(falls), 1, m) == -EPROTO, "out of order");
}

int main(void)
{
	test_glob();
	test_rules();
	test_bad();
	test_found();
	test_keep();
	test_matched();
	return done_testing();
}
