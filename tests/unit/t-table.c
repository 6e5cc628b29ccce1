/* SPDX-License-Identifier: Apache-2.0 */
/* t-table.c - the table for people. */
#include "tap.h"

#include <unistd.h>

#include "base/table.h"

static const struct table_column columns[] = {{"name", 0}, {"size", TABLE_RIGHT}, {"path", 0}};

static void fill(struct table *t)
{
	table_init(t, columns, 3);
	table_str(t, "laptop");
	table_u64(t, 1234567);
	table_str(t, "p2-ntfs/Users/x");
	table_bytes(t, "\xe6\x97\xa5\x1b", 4);
	table_i64(t, -5);
	table_str(t, NULL);
}

static void test_format(void)
{
	struct table t;
	struct buf b = BUF_INIT;

	fill(&t);
	table_format(&t, &b, 0, false);
	is_str(buf_cstr(&b),
		"name       size  path\n"
		"laptop  1234567  p2-ntfs/Users/x\n"
		"\xe6\x97\xa5\\x1b       -5  -\n",
		"columns, numbers to the right, escaped, nothing behind the last");
	buf_reset(&b);
	table_format(&t, &b, 26, true);
	is_str(buf_cstr(&b),
		"\033[1mname       size  path\n\033[0m"
		"laptop  1234567  p2-ntfs/\xe2\x80\xa6\n"
		"\xe6\x97\xa5\\x1b       -5  -\n",
		"cut to the width of a terminal");
	buf_reset(&b);
	table_format(&t, &b, 3, false);
	ok(strstr(buf_cstr(&b), "laptop  1234567  p2-ntfs\xe2\x80\xa6") ||
			strstr(buf_cstr(&b), "laptop  1234567  p2-ntf\xe2\x80\xa6"),
		"but not to nothing");
	buf_release(&b);
	table_release(&t);
}

static void test_cells(void)
{
	static const struct table_column one[] = {{"a", TABLE_WHOLE}};
	struct table t;
	struct buf b = BUF_INIT;

	table_init(&t, one, 1);
	table_format(&t, &b, 0, false);
	is_str(buf_cstr(&b), "a\n", "no rows");
	buf_reset(&b);
	table_text(&t, "done\\x0a\\\\\x1b");
	table_text(&t, "");
	table_size(&t, 1536);
	table_time(&t, 0);
	table_str(&t, "a\nb");
	table_format(&t, &b, 4, false);
	is_str(buf_cstr(&b), "a\ndone\\x0a\\\\\\x1b\n-\n1.5 KiB\n1970-01-01T00:00:00Z\na\\x0ab\n",
		"cells of every kind, one line each, never cut when whole");
	buf_release(&b);
	table_release(&t);
}

static void test_print(void)
{
	struct table t;
	struct err e = {.code = 0};
	char text[256] = "";
	FILE *f = tmpfile();

	fill(&t);
	is_int(table_terminal(f), 0, "a file is no terminal");
	is_int(table_print(&t, f, &e), 0, "printed");
	rewind(f);
	ok(fgets(text, sizeof(text), f) && strcmp(text, "name       size  path\n") == 0,
		"plain where there is no terminal");
	fclose(f);
	f = fopen("/dev/full", "w");
	ok(table_print(&t, f, &e) < 0 && e.code, "a full disk is an error: %s", e.text);
	fclose(f);
	table_release(&t);
}

int main(void)
{
	test_format();
	test_cells();
	test_print();
	return done_testing();
}
