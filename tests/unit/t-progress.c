/* SPDX-License-Identifier: Apache-2.0 */
/* t-progress.c - the progress line: its text, and when it is shown. */
#include "tap.h"

#include "base/progress.h"
#include "base/text.h"

#define SECOND ((int64_t)1000000000)
#define GIB    ((uint64_t)1 << 30)

static const char *line(struct buf *b, const struct progress *p, int64_t elapsed_ns)
{
	buf_reset(b);
	progress_line(p, elapsed_ns, b);
	return buf_cstr(b);
}

static void test_line(void)
{
	struct progress p = {.what = "laptop", .total = 4 * GIB, .unit = PROGRESS_BYTES};
	struct buf b = BUF_INIT;

	is_str(line(&b, &p, 0), "laptop: 0 %, 0 B of 4.0 GiB", "at the begin no rate");
	p.done = GIB;
	is_str(line(&b, &p, 10 * SECOND), "laptop: 25 %, 1.0 GiB of 4.0 GiB, 102 MiB/s, 30s left",
		"rate and time left");
	p.done = 5 * GIB;
	is_str(line(&b, &p, 10 * SECOND), "laptop: 100 %, 4.0 GiB of 4.0 GiB, 410 MiB/s, 0s left",
		"never above the total");
	p = (struct progress){.what = "walk", .done = 5000, .unit = PROGRESS_ENTRIES};
	is_str(line(&b, &p, 2 * SECOND), "walk: 5000 entries, 2500/s", "no total");
	p.done = 1;
	is_str(line(&b, &p, 15 * SECOND), "walk: 1 entries, 15s so far",
		"where nothing moves, how long it has lasted");
	p.unit = PROGRESS_TIME;
	is_str(line(&b, &p, 75 * SECOND), "walk: 1m15s", "nothing is counted");
	p.unit = PROGRESS_ENTRIES;
	p.total = UINT64_MAX;
	ok(strstr(line(&b, &p, 1), "walk: 0 %"), "extremes: %s", buf_cstr(&b));
	p = (struct progress){.what = "laptop", .total = 100, .done = 50, .columns = 100};
	is_str(line(&b, &p, 10 * SECOND),
		"laptop: [####################....................] 50 %, 50 B of 100 B, 5 B/s, "
		"10s left",
		"a bar on a terminal");
	for (p.columns = 20; p.columns < 200; p.columns++) {
		line(&b, &p, 10 * SECOND);
		if (strchr(buf_cstr(&b), '[') &&
			text_width((const char *)b.data, b.len) > p.columns)
			break;
	}
	is_int(p.columns, 200, "that fits into the line");
	buf_release(&b);
}

static void test_terminal(void)
{
	struct progress p;
	char text[4096] = "";
	FILE *f = tmpfile();
	size_t n = 0;

	progress_begin(&p, "evil\x1b[2J\xe2\x80\xae", 1000, PROGRESS_ENTRIES);
	is_str(p.what, "evil\\x1b[2J\\xe2\\x80\\xae", "the text is escaped");
	p.out = f;
	p.columns = 60;
	p.shown_ns = 0;
	for (uint64_t i = 0; i < 1000; i++)
		progress_update(&p, i);
	progress_end(&p);
	rewind(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	ok(n > 8 && strncmp(text, "\r\033[K", 4) == 0, "drawn over the line before");
	ok(n > 8 && strcmp(text + n - 4, "\r\033[K") == 0, "cleared at the end");
	ok(n < 300, "not drawn at every step");
}

static void test_plain(void)
{
	struct progress p;
	char text[512] = "";
	FILE *f = tmpfile();
	size_t n = 0;

	progress_begin(&p, "laptop", 1000, PROGRESS_ENTRIES);
	p.out = f;
	p.columns = 0;
	p.shown_ns = p.begun_ns;
	progress_update(&p, 1);
	progress_end(&p);
	is_int(ftell(f), 0, "work that is soon done says nothing");
	p.begun_ns -= 6 * SECOND;
	p.shown_ns -= 6 * SECOND;
	progress_update(&p, 600);
	progress_update(&p, 601);
	p.done = 1000;
	progress_end(&p);
	rewind(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	is_str(text,
		"laptop: 60 %, 600 of 1000 entries, 100/s, 4s left\nlaptop: 1000 entries in 6s\n",
		"a line after five seconds, and one at the end");
}

static void test_long(void)
{
	struct progress p;
	char what[2000] = "";

	for (size_t i = 0; i + 3 < sizeof(what); i += 3)
		memcpy(what + i, i ? "\xcc\x81z" : "abc", 3);

	progress_begin(&p, what, 0, PROGRESS_BYTES);
	ok(strlen(p.what) > 20 && text_is_utf8(p.what, strlen(p.what)), "cut between characters");
}

int main(void)
{
	test_line();
	test_terminal();
	test_plain();
	test_long();
	return done_testing();
}
