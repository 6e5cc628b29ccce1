/* SPDX-License-Identifier: Apache-2.0 */
/* pst_property.c - properties of an item of an Outlook store; see pst_file.h. */
#include <libpff.h>

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "container/pst_file.h"

#define STRING_MAX (16 * 1024 * 1024)
#define SHOWN_MAX  64 /* bytes of a binary value that a dump shows */
#define MULTI_MAX  1024

static libpff_record_set_t *set_of(struct pst_item *item, size_t set)
{
	libpff_record_set_t *s = NULL;

	return libpff_item_get_record_set_by_index((libpff_item_t *)item, (int)set, &s, NULL) == 1
		       ? s
		       : NULL;
}

size_t pst_sets(struct pst_item *item)
{
	int n = 0;

	return libpff_item_get_number_of_record_sets((libpff_item_t *)item, &n, NULL) == 1 && n > 0
		       ? (size_t)n
		       : 0;
}

static libpff_record_entry_t *entry_of(struct pst_item *item, size_t set, uint32_t property)
{
	libpff_record_set_t *s = set_of(item, set);
	libpff_record_entry_t *entry = NULL;

	if (!s)
		return NULL;
	if (libpff_record_set_get_entry_by_type(s, property, 0, &entry,
		    LIBPFF_ENTRY_VALUE_FLAG_MATCH_ANY_VALUE_TYPE |
			    LIBPFF_ENTRY_VALUE_FLAG_IGNORE_NAME_TO_ID_MAP,
		    NULL) != 1)
		entry = NULL;
	libpff_record_set_free(&s, NULL);
	return entry;
}

/* What fills a string once its size with the NUL is known. */
static bool put_string(struct buf *out, size_t n, int (*get)(void *, uint8_t *, size_t), void *of)
{
	if (n == 0 || n > STRING_MAX || buf_reserve(out, n) ||
		get(of, out->data + out->len, n) != 1)
		return false;
	while (n > 0 && out->data[out->len + n - 1] == '\0')
		n--;
	out->len += n;
	return n > 0;
}

static int get_entry(void *entry, uint8_t *p, size_t n)
{
	return libpff_record_entry_get_data_as_utf8_string(entry, p, n, NULL);
}

static bool put_entry(libpff_record_entry_t *entry, struct buf *out)
{
	size_t n = 0;

	return libpff_record_entry_get_data_as_utf8_string_size(entry, &n, NULL) == 1 &&
	       put_string(out, n, get_entry, entry);
}

struct asked {
	libpff_item_t *item;
	uint32_t property;
};

static int get_message(void *asked, uint8_t *p, size_t n)
{
	const struct asked *a = asked;

	return libpff_message_get_entry_value_utf8_string(a->item, a->property, p, n, NULL);
}

bool pst_string(struct pst_item *item, size_t set, uint32_t property, struct buf *out)
{
	struct asked a = {.item = (libpff_item_t *)item, .property = property};
	libpff_record_entry_t *entry = NULL;
	size_t n = 0;
	bool done = false;

	/* Of a message first: this one knows the message's own code page. */
	if (set == 0 &&
		libpff_message_get_entry_value_utf8_string_size(a.item, property, &n, NULL) == 1)
		done = put_string(out, n, get_message, &a);
	if (done)
		return true;
	entry = entry_of(item, set, property);
	if (!entry)
		return false;
	done = put_entry(entry, out);
	libpff_record_entry_free(&entry, NULL);
	return done;
}

static bool number_of(libpff_record_entry_t *entry, uint32_t type, uint64_t *out)
{
	uint32_t v32 = 0;
	uint16_t v16 = 0;
	uint8_t v8 = 0;
	int r = 0;

	switch (type) {
	case LIBPFF_VALUE_TYPE_BOOLEAN:
		r = libpff_record_entry_get_data_as_boolean(entry, &v8, NULL);
		*out = v8;
		break;
	case LIBPFF_VALUE_TYPE_INTEGER_16BIT_SIGNED:
		r = libpff_record_entry_get_data_as_16bit_integer(entry, &v16, NULL);
		*out = v16;
		break;
	case LIBPFF_VALUE_TYPE_INTEGER_32BIT_SIGNED:
		r = libpff_record_entry_get_data_as_32bit_integer(entry, &v32, NULL);
		*out = v32;
		break;
	case LIBPFF_VALUE_TYPE_INTEGER_64BIT_SIGNED:
		r = libpff_record_entry_get_data_as_64bit_integer(entry, out, NULL);
		break;
	case LIBPFF_VALUE_TYPE_FILETIME:
		r = libpff_record_entry_get_data_as_filetime(entry, out, NULL);
		break;
	default:
		return false;
	}
	return r == 1;
}

bool pst_number(struct pst_item *item, size_t set, uint32_t property, uint64_t *out)
{
	libpff_record_entry_t *entry = entry_of(item, set, property);
	uint32_t type = 0;
	uint64_t v = 0;
	bool done = false;

	if (!entry)
		return false;
	done = libpff_record_entry_get_value_type(entry, &type, NULL) == 1 &&
	       number_of(entry, type, &v);
	libpff_record_entry_free(&entry, NULL);
	if (done)
		*out = v;
	return done;
}

struct entry_time pst_time(struct pst_item *item, uint32_t property)
{
	uint64_t v = 0;
	struct entry_time t = {.known = false};

	/* one that was never set is none */
	return pst_number(item, 0, property, &v) && v ? entry_filetime(v) : t;
}

static void dump_binary(libpff_record_entry_t *entry, struct buf *out)
{
	size_t n = 0;
	uint8_t data[SHOWN_MAX];

	if (libpff_record_entry_get_data_size(entry, &n, NULL) != 1)
		buf_puts(out, "unreadable");
	else if (n == 0 || n > sizeof(data) ||
		 libpff_record_entry_get_data(entry, data, n, NULL) != 1)
		buf_printf(out, "%zu bytes", n);
	else
		text_hex(out, data, n);
}

struct element {
	libpff_multi_value_t *values;
	int i;
};

static int get_element(void *of, uint8_t *p, size_t n)
{
	const struct element *e = of;

	return libpff_multi_value_get_value_utf8_string(e->values, e->i, p, n, NULL);
}

static void dump_strings(libpff_record_entry_t *entry, struct buf *out)
{
	struct element e = {.values = NULL};
	int n = 0;

	if (libpff_record_entry_get_multi_value(entry, &e.values, NULL) != 1 ||
		libpff_multi_value_get_number_of_values(e.values, &n, NULL) != 1)
		n = 0;
	for (; e.i < n && e.i < MULTI_MAX; e.i++) {
		struct buf s = BUF_INIT;
		size_t size = 0;

		if (libpff_multi_value_get_value_utf8_string_size(e.values, e.i, &size, NULL) == 1)
			put_string(&s, size, get_element, &e);
		buf_puts(out, e.i ? "; " : "");
		text_escape(out, s.data, s.len);
		buf_release(&s);
	}
	if (e.values)
		libpff_multi_value_free(&e.values, NULL);
}

static void dump_value(libpff_record_entry_t *entry, uint32_t type, struct buf *out)
{
	char time[TEXT_TIME_MAX];
	struct entry_time t = {.known = false};
	uint64_t v = 0;

	if (type == LIBPFF_VALUE_TYPE_STRING_ASCII || type == LIBPFF_VALUE_TYPE_STRING_UNICODE) {
		struct buf s = BUF_INIT;

		put_entry(entry, &s);
		text_escape(out, s.data, s.len);
		buf_release(&s);
	} else if (type == LIBPFF_VALUE_TYPE_MULTI_VALUE_STRING_ASCII ||
		   type == LIBPFF_VALUE_TYPE_MULTI_VALUE_STRING_UNICODE) {
		dump_strings(entry, out);
	} else if (!number_of(entry, type, &v)) {
		dump_binary(entry, out);
	} else if (type == LIBPFF_VALUE_TYPE_FILETIME) {
		t = entry_filetime(v);
		buf_puts(out, text_time_rfc3339(t.sec, t.nsec, time));
	} else {
		buf_printf(out, "%llu", (unsigned long long)v);
	}
}

static int get_name(void *map, uint8_t *p, size_t n)
{
	return libpff_name_to_id_map_entry_get_utf8_string(map, p, n, NULL);
}

/* "0x0037", or what a named property is called. */
static void dump_name(libpff_record_entry_t *entry, uint32_t property, struct buf *out)
{
	libpff_name_to_id_map_entry_t *map = NULL;
	struct buf s = BUF_INIT;
	uint32_t number = 0;
	size_t n = 0;

	buf_printf(out, "0x%04x", property);
	if (libpff_record_entry_get_name_to_id_map_entry(entry, &map, NULL) != 1)
		return;
	if (libpff_name_to_id_map_entry_get_utf8_string_size(map, &n, NULL) == 1 &&
		put_string(&s, n, get_name, map)) {
		buf_puts(out, " ");
		text_escape(out, s.data, s.len);
	} else if (libpff_name_to_id_map_entry_get_number(map, &number, NULL) == 1) {
		buf_printf(out, " 0x%04x", number);
	}
	buf_release(&s);
}

void pst_dump(struct pst_item *item, size_t set, struct buf *out)
{
	libpff_record_set_t *s = set_of(item, set);
	int n = 0;

	if (!s || libpff_record_set_get_number_of_entries(s, &n, NULL) != 1)
		n = 0;
	for (int i = 0; i < n; i++) {
		libpff_record_entry_t *entry = NULL;
		uint32_t property = 0;
		uint32_t type = 0;

		if (libpff_record_set_get_entry_by_index(s, i, &entry, NULL) != 1)
			continue;
		if (libpff_record_entry_get_entry_type(entry, &property, NULL) == 1 &&
			libpff_record_entry_get_value_type(entry, &type, NULL) == 1) {
			dump_name(entry, property, out);
			buf_puts(out, ": ");
			dump_value(entry, type, out);
			buf_puts(out, "\n");
		}
		libpff_record_entry_free(&entry, NULL);
	}
	if (s)
		libpff_record_set_free(&s, NULL);
}
