/* SPDX-License-Identifier: Apache-2.0 */
/* office.c - the text of office documents that are zips of XML; see office.h. */
#include "text/office.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "text/markup.h"

#define MANIFEST ((size_t)64 << 10) /* of an ODF manifest, that is looked at for encryption */

struct office {
	struct container_budget *b;
	struct out *out;
	uint32_t members;
	bool types, manifest, content, book; /* names that were seen */
	bool encrypted;
	bool damaged;
	char manifest_text[MANIFEST];
};

static bool is_name(const struct member *m, const char *name)
{
	return m->name_len == strlen(name) && memcmp(m->name, name, m->name_len) == 0;
}

static bool ends(const struct member *m, const char *with)
{
	size_t n = strlen(with);

	return m->name_len >= n &&
	       strncasecmp((const char *)m->name + m->name_len - n, with, n) == 0;
}

static int count(struct office *o, uint32_t *number)
{
	*number = ++o->members;
	return container_count(o->b);
}

static int ignore_problem(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
	return 0;
}

static int look_at_name(void *ctx, const struct member *m, uint32_t *number)
{
	struct office *o = ctx;

	o->types |= m->parent == 0 && is_name(m, "[Content_Types].xml");
	o->content |= m->parent == 0 && is_name(m, "content.xml");
	o->manifest |= is_name(m, "manifest.xml");
	o->book |= m->parent > 0 && is_name(m, "container.xml");
	return count(o, number);
}

bool office_detect(const struct source *s, struct container_budget *b)
{
	struct office o = {.b = b};
	const struct container_visit v = {
		.member = look_at_name, .problem = ignore_problem, .ctx = &o};

	container_archive.walk(s, b, &v, NULL);
	return o.types || (o.content && o.manifest) || o.book;
}

static int on_problem(void *ctx, const char *text)
{
	struct office *o = ctx;

	(void)text;
	o->damaged = true;
	return 0;
}

/* Whether the document's contents are encrypted. */
static void read_manifest(struct office *o, struct input *in)
{
	size_t n = input_read(in, o->manifest_text, sizeof(o->manifest_text));

	o->encrypted |= memmem(o->manifest_text, n, "encryption-data", 15) != NULL;
}

static int read_part(void *ctx, const struct member *m, uint32_t *number)
{
	struct office *o = ctx;
	bool page = ends(m, ".xhtml") || ends(m, ".html") || ends(m, ".htm");
	bool part = page || ends(m, ".xml") || ends(m, ".rels");
	struct input in = {.read = m->read, .ctx = m->read_ctx};
	int r = count(o, number);

	if (r < 0 || m->kind != ENTRY_FILE || !part || is_name(m, "settings.xml"))
		return r;
	o->encrypted |= m->encrypted;
	o->damaged |= m->problem && !m->encrypted;
	if (!m->read)
		return 0;
	if (is_name(m, "manifest.xml"))
		read_manifest(o, &in);
	else if (!o->encrypted || page)
		r = markup_extract(page ? MARKUP_HTML : MARKUP_OFFICE, &in, o->out);
	o->damaged |= in.faults;
	return r;
}

int office_extract(
	const struct source *s, struct container_budget *b, struct out *out, struct err *e)
{
	struct office o = {.b = b, .out = out};
	const struct container_visit v = {.member = read_part, .problem = on_problem, .ctx = &o};
	int r = container_archive.walk(s, b, &v, NULL);

	if (r == 0)
		r = out_end(out);
	if (b->spent)
		return err_set(e, E2BIG, "%s", b->spent);
	if (r < 0 && !out->ended)
		o.damaged = true;
	if (out->ended || r == -ENOMEM)
		return r;
	if (o.encrypted)
		return err_set(e, EACCES, "the document is encrypted");
	return o.damaged ? err_set(e, EBADMSG, "parts of the document cannot be read") : 0;
}

bool office_is_locked(const struct source *s)
{
	static const uint8_t magic[8] = {0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1};
	static const char name[] = "E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e";
	uint8_t head[512];
	uint8_t folder[4096];
	struct cur c;
	uint64_t at = 0;
	ssize_t n = source_read_all(s, head, sizeof(head), 0);

	if (n < (ssize_t)sizeof(head) || memcmp(head, magic, sizeof(magic)) != 0)
		return false;
	c = cur_of(head + 30, 22);
	at = cur_u16(&c);
	if (at != 9 && at != 12) /* sectors of 512 or of 4096 bytes */
		return false;
	cur_take(&c, 16);
	at = ((uint64_t)cur_u32(&c) + 1) << at;
	n = at < source_size(s) ? source_read_all(s, folder, sizeof(folder), at) : -1;
	return n > 0 && memmem(folder, (size_t)n, name, sizeof(name)) != NULL;
}
