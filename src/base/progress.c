/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c - how far long work has come; see progress.h. */
#include "base/progress.h"

#include <inttypes.h>
#include <string.h>

#include "base/now.h"
#include "base/table.h"
#include "base/text.h"

#define REDRAW_NS  100000000
#define LINE_NS    (5 * NOW_SECOND)
#define WHAT_WIDTH 30 /* columns of a terminal's line that the text may have */
#define BAR_MAX    40
#define CLEAR_LINE "\r\033[K"

/* As many whole characters as fit into @p->what. */
static void set_what(struct progress *p, const char *s, size_t n)
{
	size_t at = 0;

	while (at < n) {
		uint32_t code = 0;
		size_t len = text_next(s + at, n - at, &code);

		if (len == 0 || at + len >= sizeof(p->what))
			break;
		at += len;
	}
	memcpy(p->what, s, at);
	p->what[at] = '\0';
}

void progress_begin(struct progress *p, const char *what, uint64_t total, enum progress_unit unit)
{
	struct buf text = BUF_INIT;
	struct buf fitted = BUF_INIT;

	*p = (struct progress){.out = stderr, .total = total, .unit = unit};
	p->columns = table_terminal(p->out);
	text_escape_str(&text, what);
	text_fit(&fitted, buf_cstr(&text), text.len, p->columns ? WHAT_WIDTH : PROGRESS_WHAT_MAX);
	set_what(p, buf_cstr(&fitted), fitted.len);
	buf_release(&text);
	buf_release(&fitted);
	p->begun_ns = now_ns(CLOCK_MONOTONIC);
	p->shown_ns = p->columns ? 0 : p->begun_ns;
}

static void put_amount(const struct progress *p, uint64_t n, struct buf *out)
{
	char text[TEXT_SIZE_MAX];

	if (p->unit == PROGRESS_BYTES)
		buf_puts(out, text_size_human(n, text));
	else
		buf_printf(out, "%" PRIu64, n);
}

static void put_bar(struct buf *out, unsigned percent, size_t width)
{
	buf_puts(out, " [");
	for (size_t i = 0; i < width; i++)
		buf_put_u8(out, i * 100 < percent * width ? '#' : '.');
	buf_puts(out, "]");
}

/* "1.2 GiB of 3.0 GiB, 120 MiB/s, 14s left" */
static void put_numbers(const struct progress *p, int64_t elapsed_ns, struct buf *out)
{
	double seconds = (double)elapsed_ns / NOW_SECOND;
	double rate = seconds > 0 ? (double)p->done / seconds : 0;
	double left = rate > 0 ? (double)(p->total - p->done) / rate : 0;
	char text[TEXT_SIZE_MAX];

	if (p->unit == PROGRESS_TIME) {
		buf_puts(out, text_span_human((uint64_t)(elapsed_ns / NOW_SECOND), text));
		return;
	}
	put_amount(p, p->done, out);
	if (p->total) {
		buf_puts(out, " of ");
		put_amount(p, p->total, out);
	}
	if (p->unit == PROGRESS_ENTRIES)
		buf_puts(out, " entries");
	if (rate < 0.5 && seconds >= 1) {
		buf_printf(out, ", %s so far", text_span_human((uint64_t)seconds, text));
		return;
	}
	if (rate < 0.5 || rate > 1e18)
		return;
	buf_puts(out, ", ");
	put_amount(p, (uint64_t)(rate + 0.5), out);
	buf_puts(out, "/s");
	if (p->total && left < 1e9)
		buf_printf(out, ", %s left", text_span_human((uint64_t)(left + 0.5), text));
}

void progress_line(const struct progress *p, int64_t elapsed_ns, struct buf *out)
{
	struct progress at = *p;
	struct buf numbers = BUF_INIT;
	size_t used = 0;
	unsigned percent = 0;

	if (at.total && at.done > at.total)
		at.done = at.total;
	if (at.total)
		percent = (unsigned)((double)at.done * 100 / (double)at.total);
	put_numbers(&at, elapsed_ns, &numbers);
	buf_printf(out, "%s:", at.what);
	used = text_width(at.what, strlen(at.what)) + numbers.len + 10;
	if (at.total && at.columns > used + 3 + 10)
		put_bar(out, percent,
			at.columns - used - 3 < BAR_MAX ? at.columns - used - 3 : BAR_MAX);
	if (at.total)
		buf_printf(out, " %u %%,", percent);
	buf_printf(out, " %s", buf_cstr(&numbers));
	buf_release(&numbers);
}

static void show(struct progress *p, int64_t now)
{
	struct buf line = BUF_INIT;
	struct buf fitted = BUF_INIT;

	progress_line(p, now - p->begun_ns, &line);
	if (p->columns) {
		text_fit(&fitted, buf_cstr(&line), line.len, p->columns - 1);
		fprintf(p->out, CLEAR_LINE "%s", buf_cstr(&fitted));
	} else {
		fprintf(p->out, "%s\n", buf_cstr(&line));
	}
	fflush(p->out);
	buf_release(&line);
	buf_release(&fitted);
	p->shown_ns = now;
	p->lines++;
}

void progress_update(struct progress *p, uint64_t done)
{
	int64_t now = now_ns(CLOCK_MONOTONIC);

	p->done = done;
	if (now - p->shown_ns >= (p->columns ? REDRAW_NS : LINE_NS))
		show(p, now);
}

void progress_end(struct progress *p)
{
	char span[TEXT_SIZE_MAX];
	int64_t elapsed = now_ns(CLOCK_MONOTONIC) - p->begun_ns;
	struct buf amount = BUF_INIT;

	if (p->lines == 0)
		return;
	if (p->columns) {
		fputs(CLEAR_LINE, p->out);
	} else if (p->unit == PROGRESS_TIME) {
		fprintf(p->out, "%s: done in %s\n", p->what,
			text_span_human((uint64_t)(elapsed / NOW_SECOND), span));
	} else {
		put_amount(p, p->done, &amount);
		fprintf(p->out, "%s: %s%s in %s\n", p->what, buf_cstr(&amount),
			p->unit == PROGRESS_ENTRIES ? " entries" : "",
			text_span_human((uint64_t)(elapsed / NOW_SECOND), span));
		buf_release(&amount);
	}
	fflush(p->out);
	p->lines = 0;
}
