/* SPDX-License-Identifier: Apache-2.0 */
/* mime_address.c - addresses in the header fields of a message; see mime.h. */
#include <string.h>
#include <strings.h>

#include "container/mime_private.h"

#define ADDRESS_MAX 1024 /* bytes; longer is none */
#define GROUP_DEPTH 8

struct asker {
	const char *field;
	int (*each)(void *ctx, const struct mime_address *a);
	void *ctx;
};

static int tell(const struct asker *a, const char *name, const char *address)
{
	struct mime_address out = {.field = a->field, .name = name, .address = address};

	return address && strchr(address, '@') ? a->each(a->ctx, &out) : 0;
}

static int in_list(const struct asker *a, InternetAddressList *list, unsigned depth)
{
	int n = list ? internet_address_list_length(list) : 0;
	int r = 0;

	for (int i = 0; i < n && r == 0; i++) {
		InternetAddress *ia = internet_address_list_get_address(list, i);

		if (INTERNET_ADDRESS_IS_MAILBOX(ia))
			r = tell(a, internet_address_get_name(ia),
				internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(ia)));
		else if (INTERNET_ADDRESS_IS_GROUP(ia) && depth < GROUP_DEPTH)
			r = in_list(a,
				internet_address_group_get_members(INTERNET_ADDRESS_GROUP(ia)),
				depth + 1);
	}
	return r;
}

/* Fields that are lists of addresses: RFC 5322, and what mail systems add. */
static bool is_list(const char *field)
{
	static const char *const lists[] = {"From", "Sender", "Reply-To", "To", "Cc", "Bcc",
		"Apparently-To", "Delivered-To", "Disposition-Notification-To", "Envelope-To",
		"Errors-To", "Mail-Followup-To", "Mail-Reply-To", "Return-Path",
		"Return-Receipt-To", "X-Envelope-From", "X-Envelope-To", "X-Original-From",
		"X-Original-To"};

	return mime_in_list(field, lists, sizeof(lists) / sizeof(lists[0])) ||
	       strncasecmp(field, "Resent-", 7) == 0;
}

static bool in_local(unsigned char c)
{
	return c >= 0x80 || (c > ' ' && c != 0x7f && !strchr("\"(),/:;<=>@[\\]`'", c));
}

static bool in_domain(unsigned char c)
{
	return c >= 0x80 || g_ascii_isalnum((gchar)c) || c == '.' || c == '-';
}

/* Whatever looks like local@domain in text. */
static int in_text(const struct asker *a, const char *text)
{
	char address[ADDRESS_MAX];
	int r = 0;

	for (const char *at = strchr(text, '@'); at && r == 0; at = strchr(at + 1, '@')) {
		const char *from = at;
		const char *to = at + 1;

		while (from > text && at - from < ADDRESS_MAX && in_local((unsigned char)from[-1]))
			from--;
		while (to - at < ADDRESS_MAX && in_domain((unsigned char)*to))
			to++;
		while (to > at + 1 && (to[-1] == '.' || to[-1] == '-'))
			to--;
		if (from == at || to == at + 1 || to - from >= ADDRESS_MAX)
			continue;
		memcpy(address, from, (size_t)(to - from));
		address[to - from] = '\0';
		r = tell(a, NULL, address);
	}
	return r;
}

static int in_header(struct asker *a, GMimeHeader *h)
{
	const char *raw = g_mime_header_get_raw_value(h);
	char *text = NULL;
	int r = 0;

	a->field = g_mime_header_get_name(h);
	if (!a->field || !raw)
		return 0;
	if (is_list(a->field)) {
		InternetAddressList *list = internet_address_list_parse(NULL, raw);

		r = in_list(a, list, 0);
		if (list)
			g_object_unref(list);
	}
	if (r)
		return r;
	text = g_mime_utils_header_decode_text(NULL, raw);
	if (text)
		r = in_text(a, text);
	g_free(text);
	return r;
}

int mime_addresses(
	const struct mime *m, int (*each)(void *ctx, const struct mime_address *a), void *ctx)
{
	GMimeHeaderList *list = g_mime_object_get_header_list(GMIME_OBJECT(m->message));
	int n = list ? g_mime_header_list_get_count(list) : 0;
	struct asker a = {.each = each, .ctx = ctx};
	int r = 0;

	for (int i = 0; i < n && r == 0; i++)
		r = in_header(&a, g_mime_header_list_get_header_at(list, i));
	return r;
}

int mime_addresses_in(
	const char *text, int (*each)(void *ctx, const struct mime_address *a), void *ctx)
{
	const struct asker a = {.each = each, .ctx = ctx};

	return in_text(&a, text);
}

int mime_fields(const struct mime *m, int (*each)(void *ctx, const char *field, const char *value),
	void *ctx)
{
	GMimeHeaderList *list = g_mime_object_get_header_list(GMIME_OBJECT(m->message));
	int n = list ? g_mime_header_list_get_count(list) : 0;
	int r = 0;

	for (int i = 0; i < n && r == 0; i++) {
		GMimeHeader *h = g_mime_header_list_get_header_at(list, i);
		const char *field = g_mime_header_get_name(h);
		const char *raw = g_mime_header_get_raw_value(h);
		char *text = raw ? g_mime_utils_header_decode_text(NULL, raw) : NULL;

		if (field && text)
			r = each(ctx, field, text);
		g_free(text);
	}
	return r;
}
