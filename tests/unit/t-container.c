/* SPDX-License-Identifier: Apache-2.0 */
/* t-container.c - members of containers as a tree, within a budget, and their bytes again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "container/chain.h"
#include "container/walk.h"
#include "image/extent.h"
#include "tap.h"

/* ---- tars ------------------------------------------------------------------------------------ */

static void put_member(struct buf *tar, const char *name, char type, const void *p, size_t n)
{
	char head[512] = {0};
	static const char zeros[512];
	unsigned sum = 0;

	snprintf(head, 100, "%s", name);
	snprintf(head + 100, 8, "%07o", 0640);
	snprintf(head + 124, 12, "%011zo", n);
	snprintf(head + 136, 12, "%011o", 1000000000);
	head[156] = type;
	memcpy(head + 257, "ustar", 6);
	memcpy(head + 263, "00", 2);
	memset(head + 148, ' ', 8);
	for (size_t i = 0; i < sizeof(head); i++)
		sum += (unsigned char)head[i];
	snprintf(head + 148, 8, "%06o", sum);
	buf_put(tar, head, sizeof(head));
	buf_put(tar, p, n);
	buf_put(tar, zeros, (512 - n % 512) % 512);
}

static void put_end(struct buf *tar)
{
	static const char zeros[1024];

	buf_put(tar, zeros, sizeof(zeros));
}

/* ---- what was told ------------------------------------------------------------------------------
 */

struct told {
	struct buf text;        /* "name(name name)" */
	struct buf content[16]; /* of files, in order */
	uint64_t size[16];
	size_t files;
	struct buf problems;
	int stop_at; /* entries; 0: never */
};

static int on_enter(void *ctx, const struct entry *e)
{
	struct told *t = ctx;

	if (t->stop_at > 0 && --t->stop_at == 0)
		return -ECANCELED;
	if (e->flags & ENTRY_CONTAINER)
		buf_puts(&t->text, "*");
	buf_put(&t->text, e->name, e->name_len);
	buf_puts(&t->text, "(");
	if (e->kind == ENTRY_FILE && t->files < 16) {
		buf_put(&t->content[t->files], e->content, e->content_len);
		t->size[t->files++] = e->size;
	}
	return (e->flags & ENTRY_MEMBER) && (e->flags & ENTRY_VIRTUAL) ? 0 : -EINVAL;
}

static int on_leave(void *ctx)
{
	buf_puts(&((struct told *)ctx)->text, ")");
	return 0;
}

static int on_problem(void *ctx, const uint8_t *path, size_t n, const char *text)
{
	struct told *t = ctx;

	buf_put(&t->problems, path, n);
	buf_printf(&t->problems, ": %s; ", text);
	return 0;
}

static int on_unopened(void *ctx, const char *reason)
{
	buf_printf(&((struct told *)ctx)->text, "[%s]", reason);
	return 0;
}

static int walk(const struct buf *bytes, struct container_budget *b, struct told *t)
{
	const struct container_sink sink = {on_enter, on_leave, on_problem, on_unopened, t};
	const struct container_kind *kind = NULL;
	struct source *s = NULL;
	int r = source_memory(bytes->data, bytes->len, &s);

	if (r == 0)
		kind = container_detect(s);
	if (kind)
		r = container_walk(kind, s, b, 0, (struct entry_time){.sec = 0}, &sink);
	source_close(s);
	return r;
}

static void forget(struct told *t)
{
	buf_release(&t->text);
	buf_release(&t->problems);
	for (size_t i = 0; i < 16; i++)
		buf_release(&t->content[i]);
	*t = (struct told){.files = 0};
}

/* ---- tests
 * ------------------------------------------------------------------------------------------ */

static void test_tree(void)
{
	struct buf tar = BUF_INIT;
	struct told t = {.files = 0};
	struct container_budget b;

	put_member(&tar, "a/b/c", '0', "one", 3);
	put_member(&tar, "a/d", '0', "two", 3);
	put_member(&tar, "e/", '5', "", 0);
	put_member(&tar, "a/b/../../up", '0', "three", 5);
	put_member(&tar, "//./a/./b//f", '0', "four", 4);
	put_member(&tar, "a/d", '0', "again", 5);
	put_end(&tar);
	container_limits(tar.len, &b);
	is_int(walk(&tar, &b, &t), 1, "a tar is walked");
	is_str(buf_cstr(&t.text), "*(a(b(c()..(..(up()))f())d()d())e())",
		"its paths as a tree: folders once, made up where they lack, nothing leads out");
	is_str(buf_cstr(&t.problems), "", "no problem");
	forget(&t);
	t.stop_at = 3;
	is_int(walk(&tar, &b, &t), -ECANCELED, "who is told may end it");
	forget(&t);
	tar.len = 700; /* within the first member */
	is_int(walk(&tar, &b, &t), 1, "one that is cut off");
	is_str(buf_cstr(&t.text), "[entry 2: damaged or odd]*(a(b(c())))",
		"is told up to there, and that there is more");
	ok(t.problems.len > 0, "with a problem");
	forget(&t);
	buf_release(&tar);
}

/* @depth tars, one in the other. */
static void nest(struct buf *out, unsigned depth)
{
	struct buf inner = BUF_INIT;

	if (depth > 1) {
		nest(&inner, depth - 1);
		put_member(out, "inner", '0', inner.data, inner.len);
	}
	put_member(out, "file", '0', "0123456789", 10);
	put_end(out);
	buf_release(&inner);
}

static void test_nested(void)
{
	struct buf tar = BUF_INIT;
	struct told t = {.files = 0};
	struct container_budget b;

	nest(&tar, 2);
	container_limits(tar.len, &b);
	is_int(walk(&tar, &b, &t), 1, "a tar in a tar");
	is_str(buf_cstr(&t.text), "*(inner()*(file())file())", "its members stand behind it");
	forget(&t);
	buf_reset(&tar);
	nest(&tar, CONTAINER_DEPTH + 2);
	container_limits(tar.len, &b);
	is_int(walk(&tar, &b, &t), 1, "too many, one in the other");
	ok(strstr(buf_cstr(&t.problems),
		   "inner.d/inner.d/inner.d/inner.d/inner: a container that is too deep"),
		"the last has a problem, by its path: %s", buf_cstr(&t.problems));
	ok(strstr(buf_cstr(&t.text), "inner()[a container that is too deep"),
		"and stands there with the reason: %s", buf_cstr(&t.text));
	forget(&t);
	buf_release(&tar);
}

static void test_budget(void)
{
	struct buf tar = BUF_INIT;
	struct told t = {.files = 0};
	struct container_budget b;

	for (int i = 0; i < 10; i++)
		put_member(&tar, "x", '0', "0123456789", 10);
	put_end(&tar);
	container_limits(tar.len, &b);
	b.members = 4;
	is_int(walk(&tar, &b, &t), 1, "more members than allowed");
	is_str(buf_cstr(&t.text),
		"[it has too many members: not all that is in it is shown]*(x()x()x()x())",
		"those that are are told");
	ok(strstr(buf_cstr(&t.problems), "too many members"), "and why no more: %s",
		buf_cstr(&t.problems));
	forget(&t);
	container_limits(tar.len, &b);
	b.bytes = 35;
	is_int(walk(&tar, &b, &t), 1, "more bytes than allowed");
	ok(strstr(buf_cstr(&t.problems), "too many bytes"), "it says so: %s",
		buf_cstr(&t.problems));
	forget(&t);
	container_limits(tar.len, &b);
	b.until_ms = 1;
	is_int(walk(&tar, &b, &t), 1, "no time");
	ok(strstr(buf_cstr(&t.problems), "too long"), "it says so: %s", buf_cstr(&t.problems));
	forget(&t);
	buf_release(&tar);
}

static void test_none(void)
{
	struct buf bytes = BUF_INIT;
	struct told t = {.files = 0};
	struct container_budget b;

	buf_puts(&bytes, "this is a text and no container of anything");
	container_limits(bytes.len, &b);
	is_int(walk(&bytes, &b, &t), 0, "a text is none");
	is_int((int64_t)(t.text.len + t.problems.len), 0, "and nothing is said of it");
	memcpy(bytes.data, "PK\3\4", 4);
	is_int(walk(&bytes, &b, &t), 0, "what says that it is one and is not");
	ok(t.text.len > 0 && t.text.data[0] == '[' && !strchr(buf_cstr(&t.text), '*'),
		"has no folder, but a reason: %s", buf_cstr(&t.text));
	ok(strstr(buf_cstr(&t.problems), "cannot be opened"), "but a line: %s",
		buf_cstr(&t.problems));
	forget(&t);
	buf_release(&bytes);
	ok(container_named((const uint8_t *)"a.ZIP", 5) &&
			container_named((const uint8_t *)"b.tar.gz", 8) &&
			!container_named((const uint8_t *)"zip", 3) &&
			!container_named((const uint8_t *)"a.txt", 5),
		"names");
}

static void fill(struct buf *b, uint8_t c, size_t n)
{
	while (n-- > 0)
		buf_put_u8(b, c);
}

static void detects(const struct buf *b, const struct container_kind *want, const char *title)
{
	const struct container_kind *kind = NULL;
	struct source *s = NULL;

	if (b->error || source_memory(b->data, b->len, &s))
		bail_out("no memory");
	kind = container_detect(s);
	ok(kind == want, "%s: %s", title, kind ? kind->name : "none");
	source_close(s);
}

/* What takes more than CONTAINER_FIRST bytes to be told is told. */
static void test_long_head(void)
{
	static const char mail[] = "From: a@example.org\nTo: b@example.org\n\ntext\n";
	static const char envelope[] = "From a@example.org Mon Jan  1 10:00:00 2001\n";
	struct buf b = BUF_INIT;

	fill(&b, '\n', 600);
	buf_puts(&b, mail);
	detects(&b, &container_eml, "mail behind many empty lines");
	b.data[0] = 'x';
	detects(&b, NULL, "and none behind a letter");
	buf_reset(&b);
	buf_puts(&b, "Subject");
	fill(&b, ' ', 600);
	buf_puts(&b, ": x\n");
	buf_puts(&b, mail);
	detects(&b, &container_eml, "mail whose first colon comes late");
	buf_reset(&b);
	buf_puts(&b, "From ");
	fill(&b, 'x', 600);
	buf_puts(&b, "\n");
	buf_puts(&b, mail);
	detects(&b, &container_mbox, "a long envelope line");
	buf_reset(&b);
	buf_puts(&b, ">From ");
	fill(&b, 'x', 600);
	buf_puts(&b, "\n");
	buf_puts(&b, mail);
	detects(&b, &container_eml, "a long quoted one");
	buf_reset(&b);
	buf_puts(&b, envelope);
	buf_puts(&b, "X-Long: ");
	fill(&b, 'x', 1000);
	buf_puts(&b, "\n");
	buf_puts(&b, mail);
	detects(&b, &container_mbox, "an mbox");
	buf_reset(&b);
	buf_puts(&b, "X-Long: ");
	fill(&b, 'x', 1000);
	buf_puts(&b, "\n");
	buf_puts(&b, mail);
	detects(&b, &container_eml, "fields that tell, behind a long one");
	buf_reset(&b);
	buf_put(&b, "\xc7\x71\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\x85\3\0\0\0\0", 26);
	fill(&b, 'n', 900);
	fill(&b, '\0', 100);
	detects(&b, &container_archive, "a cpio archive with a long name");
	buf_release(&b);
}

/* Mail, or none, by as many bytes as its probes may see: the first ones lose nothing. */
static void test_first(void)
{
	static const char *const words[] = {"From ", ">From ", "From:", "To:", "X: a", "\n", "\r\n",
		" ", "\t", "word", "\xef\xbb\xbf", "\x80", "Mon Jan  1 10:00:00 2001", "=", "Date"};
	uint32_t seed = 1;
	unsigned mail = 0;
	unsigned other = 0;

	for (unsigned i = 0; i < 20000; i++) {
		struct buf b = BUF_INIT;
		const struct container_kind *kind = NULL;
		struct source *s = NULL;
		bool is = false;

		for (unsigned n = 0; n < 12; n++) {
			seed = seed * 1664525 + 1013904223;
			for (unsigned k = (seed >> 28) < 3 ? 150 : 1; k > 0; k--)
				buf_puts(&b, words[(seed >> 16) % 15]);
		}
		is = container_mbox.probe(b.data, b.len < 4096 ? b.len : 4096, NULL) ||
		     container_eml.probe(b.data, b.len < 4096 ? b.len : 4096, NULL);
		if (b.error || source_memory(b.data, b.len, &s))
			bail_out("no memory");
		kind = container_detect(s);
		mail += is;
		other += is != (kind == &container_mbox || kind == &container_eml);
		source_close(s);
		buf_release(&b);
	}
	ok(mail > 100 && mail < 19900, "some of them are mail: %u", mail);
	is_int(other, 0, "and all of these are told");
}

/* The file of the inner tar, by the way that leads to it. */
static void test_read(void)
{
	struct buf tar = BUF_INIT;
	struct told t = {.files = 0};
	struct container_budget b;
	struct chain_step steps[2];
	struct chain *c = NULL;
	struct source *s = NULL;
	struct err e = {0};
	char got[16] = "";

	nest(&tar, 2);
	container_limits(tar.len, &b);
	is_int(walk(&tar, &b, &t), 1, "walked");
	is_int((int64_t)t.files, 3, "three files: the inner tar, its file, the file");
	for (size_t i = 0; i < 2; i++)
		steps[i] =
			(struct chain_step){t.content[i].data + 1, t.content[i].len - 1, t.size[i]};
	is_int(t.content[1].data[0], CONTENT_MEMBER, "a member's contents are its locator");
	is_int(source_memory(tar.data, tar.len, &s), 0, "a source");
	ok(chain_open(s, steps, 2, &c, &e) == 0, "opened %s", e.text);
	container_limits(tar.len, &b);
	ok(chain_read(c, &b, steps[1].locator, steps[1].locator_len, got, 4, 3, &e) == 4, "read %s",
		e.text);
	is_str(got, "3456", "from the middle");
	ok(chain_read(c, &b, steps[1].locator, steps[1].locator_len, got, 10, 0, &e) == 10,
		"back %s", e.text);
	is_str(got, "0123456789", "to its begin");
	is_int(chain_read(c, &b, steps[1].locator, steps[1].locator_len, got, 10, 8, &e), 2,
		"at its end it is short");
	ok(chain_read(c, &b, (const uint8_t *)"\xff\xff", 2, got, 1, 0, &e) < 0, "no such entry");
	ok(chain_read(c, &b, (const uint8_t *)"123456789", 9, got, 1, 0, &e) < 0,
		"no locator at all");
	chain_close(c);
	source_close(s);
	forget(&t);
	buf_release(&tar);
}

int main(void)
{
	container_prepare();
	test_tree();
	test_nested();
	test_budget();
	test_none();
	test_long_head();
	test_first();
	test_read();
	return done_testing();
}
