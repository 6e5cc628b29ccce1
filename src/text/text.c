/* SPDX-License-Identifier: Apache-2.0 */
/* text.c - the text of a file, from its bytes; see text.h. */
#include "text/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "text/input.h"
#include "text/markup.h"
#include "text/office.h"
#include "text/out.h"
#include "text/pdf.h"
#include "text/plain.h"
#include "text/rtf.h"

void text_prepare(void)
{
	markup_prepare();
}

/* Of what is read from its beginning. */
static int stream(
	const struct source *s, const uint8_t *head, size_t n, struct out *out, struct err *e)
{
	struct input in = {.s = s};
	enum markup_kind kind = markup_detect(head, n);
	int r = 0;

	if (rtf_detect(head, n))
		r = rtf_extract(&in, out);
	else if (kind != MARKUP_NONE)
		r = markup_extract(kind, &in, out);
	else
		r = plain_extract(&in, out);
	if (r == 0 && in.faults)
		r = err_set(e, EIO, "some of its bytes cannot be read");
	return r;
}

/* One that cannot be opened has strings in it, as any file. */
static int pdf(const struct source *s, struct out *out, struct err *e)
{
	struct input in = {.s = s};
	int r = pdf_extract(s, out, e);

	if ((r == -EBADMSG || r == -ENOTSUP) && plain_extract(&in, out) != 0)
		r = out->ended ? out->ended : -ENOMEM;
	return r;
}

static int extract(
	const struct source *s, struct container_budget *b, struct out *out, struct err *e)
{
	uint8_t head[CONTAINER_HEAD];
	ssize_t n = source_read_all(s, head, sizeof(head), 0);
	const struct container_kind *kind = NULL;

	if (n > 0 && pdf_detect(head, (size_t)n))
		return pdf(s, out, e);
	kind = container_detect(s);
	if (kind == &container_archive && n > 2 && memcmp(head, "PK", 2) == 0)
		return office_detect(s, b) ? office_extract(s, b, out, e) : 0;
	if (kind)
		return 0;
	if (office_is_locked(s))
		return err_set(e, EACCES, "the document is encrypted");
	return stream(s, head, n > 0 ? (size_t)n : 0, out, e);
}

int text_extract(const struct source *s, struct container_budget *b, const struct text_sink *sink,
	struct err *e)
{
	struct out *out = malloc(sizeof(*out));
	int r = 0;

	if (!out)
		return err_set(e, ENOMEM, "no memory");
	out_begin(out, sink, b);
	r = extract(s, b, out, e);
	free(out);
	if (r == -E2BIG && b->spent)
		return err_set(e, E2BIG, "%s", b->spent);
	return r == -ENOMEM ? err_set(e, ENOMEM, "no memory") : r;
}
