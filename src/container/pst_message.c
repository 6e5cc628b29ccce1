/* SPDX-License-Identifier: Apache-2.0 */
/* pst_message.c - a message of an Outlook store, whole, as mail; see pst_text.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "container/mail.h"
#include "container/mime.h"
#include "container/pst_private.h"
#include "container/pst_text.h"

/* No line of base64 begins so. */
#define BOUNDARY "=_evidencefs_part"

static int put_message(struct pst_item *m, unsigned depth, struct buf *out);

/* Whether a header field says how parts are laid out, which they are not any more. */
static bool is_layout(const uint8_t *line, size_t n)
{
	size_t name = mail_field(line, n);

	return (name > 8 && strncasecmp((const char *)line, "Content-", 8) == 0) ||
	       (name == 12 && strncasecmp((const char *)line, "MIME-Version", 12) == 0);
}

/* Fields as they were received: header lines and those that go on, nothing else. */
static bool put_received(struct pst_item *m, struct buf *out)
{
	struct buf h = BUF_INIT;
	bool keep = false;
	bool any = false;

	pst_string(m, 0, PST_HEADERS, &h);
	for (size_t at = 0, n = 0; at < h.len; at += n) {
		const uint8_t *line = h.data + at;
		size_t text = 0;

		n = mail_line(line, h.len - at);
		text = n;
		while (text > 0 && (line[text - 1] == '\n' || line[text - 1] == '\r'))
			text--;
		if (text == 0)
			break;
		if (line[0] != ' ' && line[0] != '\t')
			keep = mail_field(line, n) > 0 && !is_layout(line, n);
		if (!keep)
			continue;
		buf_put(out, line, text);
		buf_puts(out, "\r\n");
		any = true;
	}
	buf_release(&h);
	return any;
}

static void begin_part(struct buf *out, const char *type, const char *more)
{
	buf_puts(out, "--" BOUNDARY "\r\nContent-Type: ");
	buf_puts(out, type);
	buf_puts(out, "\r\nContent-Transfer-Encoding: base64\r\n");
	buf_puts(out, more);
	buf_puts(out, "\r\n");
}

static int put_body(struct pst_item *m, enum pst_body which, struct buf *out)
{
	static const char *const types[] = {
		"text/plain; charset=utf-8", "text/html", "application/rtf; name=\"body.rtf\""};
	struct buf b = BUF_INIT;
	int r = pst_body(m, which, &b);

	if (r > 0) {
		begin_part(out, types[which], "");
		mime_base64(b.data, b.len, out);
	}
	buf_release(&b);
	return r == -ENOMEM ? r : 0;
}

/* A name as RFC 2231 has it, so that any character can stand in it. */
static void put_disposition(struct pst_item *attachment, struct buf *out)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
	struct buf name = BUF_INIT;

	buf_puts(out, "Content-Disposition: attachment");
	if (pst_file_name(attachment, &name)) {
		buf_puts(out, ";\r\n\tfilename*=utf-8''");
		for (size_t i = 0; i < name.len; i++) {
			if (name.data[i] && strchr(plain, name.data[i]))
				buf_put_u8(out, name.data[i]);
			else
				buf_printf(out, "%%%02X", name.data[i]);
		}
	}
	buf_puts(out, "\r\n");
	buf_release(&name);
}

/* All bytes of an attachment that is data. */
static int take(struct pst_item *attachment, uint64_t size, struct buf *out)
{
	uint64_t at = 0;

	if (size > PST_MESSAGE_MAX)
		return -E2BIG;
	if (buf_reserve(out, (size_t)size))
		return -ENOMEM;
	while (at < size) {
		ssize_t n = pst_read(attachment, out->data + out->len, (size_t)(size - at), at);

		if (n <= 0)
			return -EIO;
		out->len += (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

static int put_item(struct pst_item *attachment, unsigned depth, struct buf *out)
{
	struct pst_item *item = pst_attached_item(attachment);
	struct buf b = BUF_INIT;
	int r = 0;

	if (!item)
		return -EIO;
	r = put_message(item, depth + 1, &b);
	if (r == 0) {
		begin_part(out, "message/rfc822", "");
		mime_base64(b.data, b.len, out);
	}
	buf_release(&b);
	pst_item_free(item);
	return r;
}

static int put_data(struct pst_item *attachment, uint64_t size, struct buf *out)
{
	struct buf b = BUF_INIT;
	struct buf head = BUF_INIT;
	int r = take(attachment, size, &b);

	if (r == 0) {
		put_disposition(attachment, &head);
		begin_part(out, "application/octet-stream", buf_cstr(&head));
		mime_base64(b.data, b.len, out);
	}
	buf_release(&b);
	buf_release(&head);
	return r;
}

static int put_attachment(struct pst_item *m, size_t i, unsigned depth, struct buf *out)
{
	struct pst_item *a = pst_sub(m, PST_ATTACHMENTS, i);
	enum pst_attached what = PST_REFERENCE;
	uint64_t size = 0;
	int r = a ? pst_attached(a, &what, &size) : -EIO;

	if (r == 0 && what == PST_ITEM)
		r = put_item(a, depth, out);
	else if (r == 0 && what == PST_DATA)
		r = put_data(a, size, out);
	pst_item_free(a);
	return r == -EIO ? 0 : r;
}

static int put_message(struct pst_item *m, unsigned depth, struct buf *out)
{
	ssize_t n = pst_subs(m, PST_ATTACHMENTS);
	int r = 0;

	if (depth > PST_DEPTH_MAX)
		return -E2BIG;
	if (!put_received(m, out))
		pst_put_fields(m, out);
	buf_puts(out, "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n"
		      "\tboundary=\"" BOUNDARY "\"\r\n\r\n");
	for (int b = PST_TEXT; b <= PST_RTF && r == 0; b++)
		r = put_body(m, (enum pst_body)b, out);
	for (ssize_t i = 0; i < n && r == 0; i++) {
		r = put_attachment(m, (size_t)i, depth, out);
		if (out->len > 2 * (size_t)PST_MESSAGE_MAX)
			r = -E2BIG;
	}
	buf_puts(out, "--" BOUNDARY "--\r\n");
	return r ? r : out->error;
}

int pst_message(struct pst_item *message, struct buf *out)
{
	return put_message(message, 0, out);
}
