/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - a table for people; see table.h. */
#include "base/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

#define GAP     2 /* columns between columns */
#define CUT_MIN 8 /* no column is made narrower than this */

void table_init(struct table *t, const struct table_column *columns, size_t n)
{
	*t = (struct table){.columns = columns, .columns_n = n, .cells = BUF_INIT};
	if (n == 0 || n > TABLE_COLUMNS_MAX)
		abort(); /* a mistake in the program, not in the data */
}

void table_release(struct table *t)
{
	buf_release(&t->cells);
	t->cells_n = 0;
}

static void end_cell(struct table *t)
{
	buf_put_u8(&t->cells, '\0');
	t->cells_n++;
}

void table_str(struct table *t, const char *s)
{
	table_bytes(t, s, s ? strlen(s) : 0);
}

void table_bytes(struct table *t, const void *p, size_t n)
{
	if (p && n > 0)
		text_escape(&t->cells, p, n);
	else
		buf_put_u8(&t->cells, '-');
	end_cell(t);
}

void table_text(struct table *t, const char *s)
{
	if (!s || !*s) {
		table_str(t, NULL);
		return;
	}
	/* Backslashes stay as they are: all but those are escaped once more. */
	for (const char *next = s; *s; s = next) {
		next = strchrnul(s, '\\');
		text_escape(&t->cells, s, (size_t)(next - s));
		if (*next)
			buf_put_u8(&t->cells, (uint8_t)*next++);
	}
	end_cell(t);
}

void table_u64(struct table *t, uint64_t v)
{
	buf_printf(&t->cells, "%" PRIu64, v);
	end_cell(t);
}

void table_i64(struct table *t, int64_t v)
{
	buf_printf(&t->cells, "%" PRId64, v);
	end_cell(t);
}

void table_size(struct table *t, uint64_t bytes)
{
	char text[TEXT_SIZE_MAX];

	buf_puts(&t->cells, text_size_human(bytes, text));
	end_cell(t);
}

void table_time(struct table *t, int64_t sec)
{
	char text[TEXT_TIME_MAX];

	buf_puts(&t->cells, text_time_rfc3339(sec, TEXT_NSEC_NONE, text));
	end_cell(t);
}

static void measure(const struct table *t, size_t *widths)
{
	const char *cell = (const char *)t->cells.data;

	for (size_t i = 0; i < t->columns_n; i++)
		widths[i] = text_width(t->columns[i].head, strlen(t->columns[i].head));
	for (size_t i = 0; i < t->cells_n; i++, cell += strlen(cell) + 1) {
		size_t width = text_width(cell, strlen(cell));

		if (width > widths[i % t->columns_n])
			widths[i % t->columns_n] = width;
	}
}

/* Take from the widest column that may be cut until the line fits. */
static void narrow(const struct table *t, size_t *widths, size_t width)
{
	size_t total = GAP * (t->columns_n - 1);

	for (size_t i = 0; i < t->columns_n; i++)
		total += widths[i];
	while (total > width) {
		size_t widest = t->columns_n;

		for (size_t i = 0; i < t->columns_n; i++)
			if (!t->columns[i].flags && widths[i] > CUT_MIN &&
				(widest == t->columns_n || widths[i] > widths[widest]))
				widest = i;
		if (widest == t->columns_n)
			return;
		widths[widest]--;
		total--;
	}
}

static void put_spaces(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_put_u8(out, ' ');
}

/* One cell and what stands before it; nothing is put behind the last. */
static void put_cell(
	const struct table *t, struct buf *out, size_t column, const char *cell, size_t width)
{
	struct buf fitted = BUF_INIT;
	size_t used = 0;

	text_fit(&fitted, cell, strlen(cell), width);
	used = text_width(buf_cstr(&fitted), fitted.len);
	put_spaces(out, column > 0 ? GAP : 0);
	if (t->columns[column].flags & TABLE_RIGHT)
		put_spaces(out, width - used);
	buf_puts(out, buf_cstr(&fitted));
	if (fitted.error)
		out->error = fitted.error;
	buf_release(&fitted);
	if (column + 1 == t->columns_n)
		buf_put_u8(out, '\n');
	else if (!(t->columns[column].flags & TABLE_RIGHT))
		put_spaces(out, width - used);
}

void table_format(const struct table *t, struct buf *out, size_t width, bool bold)
{
	const char *cell = (const char *)t->cells.data;
	size_t widths[TABLE_COLUMNS_MAX] = {0};

	if (t->cells.error) {
		out->error = t->cells.error;
		return;
	}
	measure(t, widths);
	if (width > 0)
		narrow(t, widths, width);
	if (bold)
		buf_puts(out, "\033[1m");
	for (size_t i = 0; i < t->columns_n; i++)
		put_cell(t, out, i, t->columns[i].head, widths[i]);
	if (bold)
		buf_puts(out, "\033[0m");
	for (size_t i = 0; i < t->cells_n; i++, cell += strlen(cell) + 1)
		put_cell(t, out, i % t->columns_n, cell, widths[i % t->columns_n]);
}

size_t table_terminal(FILE *f)
{
	struct winsize size = {.ws_col = 0};
	const char *term = getenv("TERM");

	if (!isatty(fileno(f)) || (term && strcmp(term, "dumb") == 0))
		return 0;
	if (ioctl(fileno(f), TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

int table_print(const struct table *t, FILE *f, struct err *e)
{
	struct buf out = BUF_INIT;
	size_t width = table_terminal(f);
	int rc = 0;

	table_format(t, &out, width, width > 0);
	if (out.error)
		rc = err_errno(e, -out.error, "cannot print");
	else if (fwrite(out.data, 1, out.len, f) != out.len || fflush(f) != 0)
		rc = err_errno(e, EIO, "cannot print");
	buf_release(&out);
	return rc;
}
