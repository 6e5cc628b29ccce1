/* SPDX-License-Identifier: Apache-2.0 */
/* print.c - rows of an answer on stdout; see print.h. */
#include "cmd/print.h"

#include <errno.h>
#include <stdio.h>

#include "base/text.h"

static void begin(struct print *p, const struct row *r)
{
	p->begun = true;
	for (const struct print_column *c = p->columns; c->key; c++) {
		if (p->n == TABLE_COLUMNS_MAX || (!c->cell && !row_get(r, c->key)))
			continue;
		p->used[p->n] = c;
		p->heads[p->n] = (struct table_column){
			.head = c->head, .flags = c->flags & (TABLE_RIGHT | TABLE_WHOLE)};
		p->n++;
	}
	table_init(&p->table, p->heads, p->n);
}

static int64_t whole_seconds(int64_t ns)
{
	return ns / TEXT_NS_PER_SEC - (ns % TEXT_NS_PER_SEC < 0);
}

static void put_cell(struct print *p, const struct print_column *c, const struct row *r)
{
	const struct row_field *f = row_get(r, c->key);

	buf_reset(&p->line);
	if (c->cell) {
		c->cell(r, &p->line);
	} else if (f && f->kind == ROW_TIME_NS && !(c->flags & PRINT_FINE)) {
		table_time(&p->table, whole_seconds(f->v.i));
		return;
	} else if (f && f->kind == ROW_U64 && (c->flags & PRINT_SIZE)) {
		table_size(&p->table, f->v.u);
		return;
	} else if (f) {
		row_cell(f, &p->line);
	}
	if (p->line.len > 0)
		table_bytes(&p->table, p->line.data, p->line.len);
	else
		table_str(&p->table, NULL);
}

static void print_id(struct print *p, const struct row *r)
{
	const struct row_field *f = row_get(r, "id");

	if (!f)
		return;
	buf_reset(&p->line);
	row_cell(f, &p->line);
	print_text(p, (const char *)p->line.data, p->line.len);
}

void print_row(struct print *p, const struct row *r)
{
	if (p->json) {
		buf_reset(&p->line);
		row_json(r, &p->line);
		fwrite(p->line.data, 1, p->line.len, stdout);
		return;
	}
	if (p->id) {
		print_id(p, r);
		return;
	}
	if (!p->begun)
		begin(p, r);
	for (size_t i = 0; i < p->n; i++)
		put_cell(p, p->used[i], r);
}

void print_text(struct print *p, const char *text, size_t n)
{
	struct buf b = BUF_INIT;

	if (p->json)
		return;
	text_escape(&b, text, n);
	puts(buf_cstr(&b));
	buf_release(&b);
}

int print_end(struct print *p, struct err *e)
{
	int r = 0;

	if (p->begun) {
		r = table_print(&p->table, stdout, e);
		table_release(&p->table);
	}
	buf_release(&p->line);
	if (fflush(stdout) && r == 0)
		r = err_errno(e, errno, "cannot write");
	return r;
}
