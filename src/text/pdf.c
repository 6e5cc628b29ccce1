/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pdf.c - the text of a PDF file; see pdf.h
 *
 * The only file that includes MuPDF, whose errors are jumps: each fz_try()
 * block has all that may throw, and lasts no longer than its page. The budget
 * is looked at where memory is asked for and where bytes are read; when it is
 * spent there is no more memory, which MuPDF is made to bear.
 */
#include "text/pdf.h"

#include <errno.h>
#include <malloc.h>
#include <mupdf/fitz.h>
#include <mupdf/pdf.h>
#include <string.h>

#include "text/input.h"
#include "text/markup.h"

#define STORE     ((size_t)32 << 20) /* of what is kept for a next use */
#define BLOCK     ((size_t)32 << 10)
#define LOOK      1024   /* allocations between two looks at the clock */
#define BOOKMARKS 100000 /* they may lead back to themselves */

struct pdf {
	const struct source *s;
	struct out *out;
	fz_context *ctx;
	pdf_document *doc;
	size_t used;
	unsigned asked;
	bool damaged;
	bool faults;
	uint8_t block[BLOCK];
};

/* ---- memory ------------------------------------------------------------------------------- */

static bool refused(struct pdf *p, size_t more)
{
	if (++p->asked % LOOK == 0)
		out_work(p->out);
	return p->out->ended || more > PDF_MEMORY || p->used > PDF_MEMORY - more;
}

static void *pdf_malloc(void *ctx, size_t n)
{
	struct pdf *p = ctx;
	void *q = refused(p, n) ? NULL : malloc(n);

	p->used += q ? malloc_usable_size(q) : 0;
	return q;
}

static void *pdf_realloc(void *ctx, void *old, size_t n)
{
	struct pdf *p = ctx;
	size_t was = old ? malloc_usable_size(old) : 0;
	void *q = n > was && refused(p, n - was) ? NULL : realloc(old, n);

	if (q)
		p->used = p->used - was + malloc_usable_size(q);
	return q;
}

static void pdf_free(void *ctx, void *q)
{
	struct pdf *p = ctx;

	p->used -= q ? malloc_usable_size(q) : 0;
	free(q);
}

/* ---- bytes -------------------------------------------------------------------------------- */

static int on_next(fz_context *ctx, fz_stream *stm, size_t max)
{
	struct pdf *p = stm->state;
	uint64_t at = stm->pos > 0 ? (uint64_t)stm->pos : 0;
	ssize_t n = 0;

	(void)max;
	if (out_work(p->out))
		fz_throw(ctx, FZ_ERROR_ABORT, "the budget is spent");
	if (at < source_size(p->s))
		n = source_pread(p->s, p->block, BLOCK, at);
	if (n < 0) {
		p->faults = true;
		fz_throw(ctx, FZ_ERROR_GENERIC, "bytes cannot be read");
	}
	if (n == 0)
		return EOF;
	stm->rp = p->block;
	stm->wp = p->block + n;
	stm->pos += n;
	return *stm->rp++;
}

static void on_seek(fz_context *ctx, fz_stream *stm, int64_t off, int whence)
{
	struct pdf *p = stm->state;
	int64_t size = (int64_t)source_size(p->s);

	(void)ctx;
	if (whence == SEEK_END && __builtin_add_overflow(off, size, &off))
		off = size;
	stm->pos = off < 0 ? 0 : off > size ? size : off;
	stm->rp = stm->wp = p->block;
}

static void on_drop(fz_context *ctx, void *state)
{
	(void)ctx;
	(void)state;
}

static void on_message(void *user, const char *text)
{
	(void)user;
	(void)text;
}

/* ---- what is told ------------------------------------------------------------------------- */

static void put_line(struct pdf *p, const char *s)
{
	for (int c = 0; s && *s;) {
		s += fz_chartorune(&c, s); /* of their making: it may be no UTF-8 */
		out_char(p->out, (uint32_t)c);
	}
	out_put(p->out, "\n", 1);
}

static void put_text(struct pdf *p, const fz_stext_page *text)
{
	for (const fz_stext_block *b = text->first_block; b; b = b->next) {
		if (b->type != FZ_STEXT_BLOCK_TEXT)
			continue;
		for (const fz_stext_line *l = b->u.t.first_line; l; l = l->next) {
			for (const fz_stext_char *c = l->first_char; c; c = c->next)
				out_char(p->out, (uint32_t)c->c);
			out_put(p->out, "\n", 1);
		}
	}
}

/* What stands on a page, and in its annotations and forms. */
static void do_page(struct pdf *p, int number)
{
	fz_context *ctx = p->ctx;
	pdf_page *page = NULL;
	fz_stext_page *text = NULL;
	fz_device *device = NULL;
	fz_link *links = NULL;

	fz_var(page);
	fz_var(text);
	fz_var(device);
	fz_var(links);
	fz_try(ctx)
	{
		page = pdf_load_page(ctx, p->doc, number);
		text = fz_new_stext_page(ctx, fz_infinite_rect);
		device = fz_new_stext_device(ctx, text, NULL);
		pdf_run_page(ctx, page, device, fz_identity, NULL);
		fz_close_device(ctx, device);
		put_text(p, text);
		for (pdf_annot *a = pdf_first_annot(ctx, page); a; a = pdf_next_annot(ctx, a)) {
			put_line(p,
				pdf_dict_get_text_string(ctx, pdf_annot_obj(ctx, a), PDF_NAME(T)));
			put_line(p, pdf_annot_contents(ctx, a));
		}
		links = pdf_load_links(ctx, page);
		for (const fz_link *l = links; l; l = l->next)
			put_line(p, l->uri);
	}
	fz_always(ctx)
	{
		fz_drop_link(ctx, links);
		fz_drop_device(ctx, device);
		fz_drop_stext_page(ctx, text);
		fz_drop_page(ctx, (fz_page *)page);
	}
	fz_catch(ctx)
	{
		p->damaged = true;
	}
}

static void do_title(struct pdf *p, const char *key)
{
	char text[1024] = {0};

	fz_try(p->ctx)
	{
		if (pdf_lookup_metadata(p->ctx, p->doc, key, text, sizeof(text)) > 0)
			put_line(p, text);
	}
	fz_catch(p->ctx)
	{
		p->damaged = true;
	}
}

static void do_titles(struct pdf *p)
{
	do_title(p, FZ_META_INFO_TITLE);
	do_title(p, FZ_META_INFO_AUTHOR);
	do_title(p, FZ_META_INFO_SUBJECT);
	do_title(p, FZ_META_INFO_KEYWORDS);
}

static void do_bookmarks(struct pdf *p)
{
	fz_context *ctx = p->ctx;
	fz_outline_iterator *it = NULL;
	unsigned n = 0;

	fz_var(it);
	fz_try(ctx)
	{
		const fz_outline_item *item = NULL;

		it = pdf_new_outline_iterator(ctx, p->doc);
		while (it && n++ < BOOKMARKS && (item = fz_outline_iterator_item(ctx, it))) {
			put_line(p, item->title);
			if (fz_outline_iterator_down(ctx, it) == 0)
				continue;
			/* the first level up where there is one more; down() may have left none */
			while (fz_outline_iterator_next(ctx, it) != 0) {
				if (fz_outline_iterator_up(ctx, it) < 0) {
					n = BOOKMARKS;
					break;
				}
			}
		}
	}
	fz_always(ctx)
	{
		fz_drop_outline_iterator(ctx, it);
	}
	fz_catch(ctx)
	{
		p->damaged = true;
	}
}

/* XML that a form is described in, in one stream or in several that belong together. */
static void do_form(struct pdf *p)
{
	fz_context *ctx = p->ctx;
	fz_buffer *xml = NULL;
	fz_buffer *part = NULL;
	struct source *s = NULL;

	fz_var(xml);
	fz_var(part);
	fz_try(ctx)
	{
		pdf_obj *xfa = pdf_dict_getp(ctx, pdf_trailer(ctx, p->doc), "Root/AcroForm/XFA");
		int n = pdf_is_array(ctx, xfa) ? pdf_array_len(ctx, xfa) : 0;

		xml = pdf_is_stream(ctx, xfa) ? pdf_load_stream(ctx, xfa)
					      : fz_new_buffer(ctx, 1024);
		for (int i = 1; i < n; i += 2) {
			part = pdf_load_stream(ctx, pdf_array_get(ctx, xfa, i));
			fz_append_buffer(ctx, xml, part);
			fz_drop_buffer(ctx, part);
			part = NULL;
		}
	}
	fz_always(ctx)
	{
		fz_drop_buffer(ctx, part);
	}
	fz_catch(ctx)
	{
		p->damaged = true;
	}
	if (xml && xml->len > 0 && source_memory(xml->data, xml->len, &s) == 0) {
		struct input in = {.s = s};

		if (markup_extract(MARKUP_XML, &in, p->out) == -ENOMEM)
			p->damaged = true;
	}
	source_close(s);
	fz_drop_buffer(ctx, xml);
}

/* ---- all of it ---------------------------------------------------------------------------- */

/* Return: 0 and p->doc; -EACCES; -EBADMSG. */
static int open_document(struct pdf *p)
{
	fz_context *ctx = p->ctx;
	fz_stream *stm = NULL;
	int locked = 0;

	fz_var(stm);
	fz_var(locked);
	fz_try(ctx)
	{
		stm = fz_new_stream(ctx, p, on_next, on_drop);
		stm->seek = on_seek;
		p->doc = pdf_open_document_with_stream(ctx, stm);
		locked = pdf_needs_password(ctx, p->doc);
	}
	fz_always(ctx)
	{
		fz_drop_stream(ctx, stm);
	}
	fz_catch(ctx)
	{
		return -EBADMSG;
	}
	return locked ? -EACCES : 0;
}

static void do_pages(struct pdf *p)
{
	int n = 0;

	fz_var(n);
	fz_try(p->ctx)
	{
		n = pdf_count_pages(p->ctx, p->doc);
	}
	fz_catch(p->ctx)
	{
		p->damaged = true;
	}
	for (int i = 0; i < n && !out_work(p->out); i++)
		do_page(p, i);
}

bool pdf_detect(const uint8_t *head, size_t n)
{
	return memmem(head, n < 1024 ? n : 1024, "%PDF-", 5) != NULL;
}

int pdf_extract(const struct source *s, struct out *out, struct err *e)
{
	struct pdf *p = calloc(1, sizeof(*p));
	const fz_alloc_context memory = {
		.user = p, .malloc = pdf_malloc, .realloc = pdf_realloc, .free = pdf_free};
	int r = 0;

	if (!p)
		return -ENOMEM;
	p->s = s;
	p->out = out;
	p->ctx = fz_new_context(&memory, NULL, STORE);
	r = p->ctx ? 0 : -ENOMEM;
	if (r == 0) {
		fz_set_warning_callback(p->ctx, on_message, NULL);
		fz_set_error_callback(p->ctx, on_message, NULL);
		r = open_document(p);
	}
	if (r == 0) {
		do_titles(p);
		do_pages(p);
		do_bookmarks(p);
		do_form(p);
	}
	if (p->ctx) {
		pdf_drop_document(p->ctx, p->doc);
		fz_drop_context(p->ctx);
	}
	if (r == 0 && out_end(out))
		r = out->ended;
	else if (r == -EACCES)
		err_set(e, EACCES, "the document is encrypted");
	else if (p->faults)
		r = err_set(e, EIO, "some of its bytes cannot be read");
	else if (p->damaged || r == -EBADMSG)
		r = err_set(e, EBADMSG, "parts of the document cannot be read");
	free(p);
	return r;
}
