/* SPDX-License-Identifier: Apache-2.0 */
/* pst_text.c - what an item of an Outlook store says; see pst_text.h. */
#include "container/pst_text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "container/pst_private.h"

#define RECIPIENTS_MAX 100000

void pst_subject(struct pst_item *item, struct buf *out)
{
	size_t start = out->len;

	if (!pst_string(item, 0, PST_SUBJECT, out))
		return;
	/* 0x01 and a character: how long "Re: " is. */
	if (out->len - start >= 2 && out->data[start] == 0x01) {
		uint32_t code = 0;
		size_t n = text_next(out->data + start + 1, out->len - start - 1, &code);

		n = 1 + (n ? n : 1);
		memmove(out->data + start, out->data + start + n, out->len - start - n);
		out->len -= n;
	}
}

bool pst_is_mail(struct pst_item *item)
{
	static const char *const classes[] = {
		"IPM.Note", "IPM.Post", "IPM.Schedule", "IPM.Sharing", "REPORT"};
	struct buf b = BUF_INIT;
	bool mail = !pst_string(item, 0, PST_MESSAGE_CLASS, &b);
	const char *class = buf_cstr(&b);

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]) && !mail; i++)
		mail = strncasecmp(class, classes[i], strlen(classes[i])) == 0;
	buf_release(&b);
	return mail;
}

/* What could end a line, from @start on, becomes spaces. */
static void one_line(struct buf *b, size_t start)
{
	for (size_t i = start; i < b->len; i++) {
		if (b->data[i] < ' ' || b->data[i] == 0x7f)
			b->data[i] = ' ';
	}
}

/* The first of some properties, as one line that breaks no header and no table. */
static bool put_line(
	struct pst_item *item, size_t set, const uint32_t *property, size_t n, struct buf *out)
{
	size_t start = out->len;

	for (size_t i = 0; i < n && out->len == start; i++)
		pst_string(item, set, property[i], out);
	one_line(out, start);
	return out->len > start;
}

static bool put_one(struct pst_item *item, uint32_t property, struct buf *out)
{
	return put_line(item, 0, &property, 1, out);
}

static const char *recipient_type(struct pst_item *table, size_t set)
{
	uint64_t type = 0;

	pst_number(table, set, PST_RECIPIENT_TYPE, &type);
	switch (type & 0xf) {
	case 0:
		return "From";
	case 2:
		return "Cc";
	case 3:
		return "Bcc";
	default:
		return "To";
	}
}

static const uint32_t recipient_address[] = {PST_SMTP_ADDRESS, PST_ADDRESS};
static const uint32_t recipient_name[] = {PST_NAME};

void pst_text_recipients(struct pst_item *message, struct buf *out)
{
	struct pst_item *table = pst_recipients(message);
	size_t n = table ? pst_sets(table) : 0;

	for (size_t i = 0; i < n && i < RECIPIENTS_MAX; i++) {
		buf_puts(out, recipient_type(table, i));
		buf_puts(out, "\t");
		put_line(table, i, recipient_name, 1, out);
		buf_puts(out, "\t");
		put_line(table, i, recipient_address, 2, out);
		buf_puts(out, "\n");
	}
	pst_item_free(table);
}

void pst_text_properties(struct pst_item *item, struct buf *out)
{
	size_t n = pst_sets(item);

	for (size_t i = 0; i < n; i++)
		pst_dump(item, i, out);
}

bool pst_file_name(struct pst_item *attachment, struct buf *out)
{
	return pst_string(attachment, 0, PST_FILE_NAME, out) ||
	       pst_string(attachment, 0, PST_FILE_NAME_SHORT, out) ||
	       pst_string(attachment, 0, PST_NAME, out);
}

/* "name" <address>, of what has one; a quote in a name would end it. */
static void put_mailbox(struct buf *out, const struct buf *name, const struct buf *address)
{
	if (name->len) {
		buf_puts(out, "\"");
		for (size_t i = 0; i < name->len; i++)
			buf_put_u8(out, name->data[i] == '"' || name->data[i] == '\\'
						? '\''
						: name->data[i]);
		buf_puts(out, "\" ");
	}
	buf_puts(out, "<");
	for (size_t i = 0; i < address->len; i++) {
		if (!strchr("<>\"", address->data[i]))
			buf_put_u8(out, address->data[i]);
	}
	buf_puts(out, ">");
}

static void put_sender(struct pst_item *m, struct buf *out)
{
	static const uint32_t names[] = {PST_FROM_NAME, PST_SENDER_NAME};
	static const uint32_t addresses[] = {
		PST_FROM_SMTP, PST_SENDER_SMTP, PST_FROM_ADDRESS, PST_SENDER_ADDRESS};
	struct buf name = BUF_INIT;
	struct buf address = BUF_INIT;
	bool any = put_line(m, 0, names, 2, &name);

	if (put_line(m, 0, addresses, 4, &address) || any) {
		buf_puts(out, "From: ");
		put_mailbox(out, &name, &address);
		buf_puts(out, "\r\n");
	}
	buf_release(&name);
	buf_release(&address);
}

static void put_receivers(struct pst_item *m, const char *type, struct buf *out)
{
	struct pst_item *table = pst_recipients(m);
	size_t n = table ? pst_sets(table) : 0;
	bool first = true;

	for (size_t i = 0; i < n && i < RECIPIENTS_MAX; i++) {
		struct buf name = BUF_INIT;
		struct buf address = BUF_INIT;

		if (strcmp(recipient_type(table, i), type) == 0) {
			put_line(table, i, recipient_name, 1, &name);
			put_line(table, i, recipient_address, 2, &address);
			if (first)
				buf_printf(out, "%s: ", type);
			else
				buf_puts(out, ",\r\n\t");
			put_mailbox(out, &name, &address);
			first = false;
		}
		buf_release(&name);
		buf_release(&address);
	}
	if (!first)
		buf_puts(out, "\r\n");
	pst_item_free(table);
}

/* "Tue, 09 Jun 2009 23:58:45 +0000" */
static void put_date(struct pst_item *m, struct buf *out)
{
	static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct entry_time t = pst_time(m, PST_SUBMIT_TIME);
	char s[TEXT_TIME_MAX];
	int64_t day = 0;

	if (!t.known)
		t = pst_time(m, PST_DELIVERY_TIME);
	/* Years of four digits: yyyy-mm-ddThh:mm:ssZ */
	text_time_rfc3339(t.sec, TEXT_NSEC_NONE, s);
	if (!t.known || strlen(s) != 20 || s[4] != '-')
		return;
	day = t.sec / 86400 - (t.sec % 86400 < 0);
	buf_printf(out, "Date: %s, %.2s %s %.4s %.8s +0000\r\n", days[(day % 7 + 7) % 7], s + 8,
		months[((s[5] - '0') * 10 + s[6] - '0' - 1) % 12], s, s + 11);
}

static void put_field(struct pst_item *m, const char *field, uint32_t property, struct buf *out)
{
	struct buf v = BUF_INIT;

	if (put_one(m, property, &v)) {
		buf_printf(out, "%s: ", field);
		buf_put(out, v.data, v.len);
		buf_puts(out, "\r\n");
	}
	buf_release(&v);
}

void pst_put_fields(struct pst_item *m, struct buf *out)
{
	struct buf subject = BUF_INIT;

	put_sender(m, out);
	put_receivers(m, "To", out);
	put_receivers(m, "Cc", out);
	put_receivers(m, "Bcc", out);
	pst_subject(m, &subject);
	one_line(&subject, 0);
	buf_puts(out, "Subject: ");
	buf_put(out, subject.data, subject.len);
	buf_puts(out, "\r\n");
	put_date(m, out);
	put_field(m, "Message-ID", PST_MESSAGE_ID, out);
	put_field(m, "In-Reply-To", PST_IN_REPLY_TO, out);
	put_field(m, "References", PST_REFERENCES, out);
	buf_release(&subject);
}
