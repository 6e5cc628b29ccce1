/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pst.c - an Outlook store (PST, OST, PAB): its folders and what is in them
 *
 * A message, and any other item, is a folder named after its subject:
 * headers.txt (as received), body.txt, body.html, body.rtf, recipients.txt,
 * properties.txt (all of them, for what has no other form), attachments,
 * messages in it as folders again, and message.eml, the message whole. Messages
 * that no folder leads to stand in $Orphans.
 *
 * A locator is numbers: 1 for an orphan else 0; its place or identifier; what of
 * it (below); which attachment; then the attachments that lead to a message in it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "container/container.h"
#include "container/locate.h"
#include "container/mail.h"
#include "container/pst_text.h"

#define FOLDER_DEPTH 100
#define FIXED        4 /* numbers of a locator before the path */
#define NUMBERS      (FIXED + PST_DEPTH_MAX)

enum what { HEADERS, TEXT, HTML, RTF, RECIPIENTS, PROPERTIES, WHOLE, ATTACHMENT, WHATS };

/* What is told, and where. */
struct walker {
	struct pst *pst;
	struct container_budget *budget;
	const struct container_visit *visit;
};

/* Where an item is: the beginning of its locators. */
struct place {
	uint64_t v[NUMBERS];
	size_t n;
};

/* A member's bytes, one after the other. */
struct reading {
	struct pst_item *attachment; /* NULL: text */
	struct container_budget *budget;
	struct buf text;
	uint64_t at;
	uint64_t size;
};

struct container {
	struct pst *pst;
	uint64_t v[NUMBERS]; /* of what was read last */
	size_t n;            /* 0: nothing was */
	struct pst_item *item[2 * PST_DEPTH_MAX + 2];
	size_t items;
	struct reading reading;
};

static bool pst_probe(const uint8_t *head, size_t n, const struct source *s)
{
	(void)s;
	return n >= 12 && memcmp(head, "!BDN", 4) == 0 &&
	       (memcmp(head + 8, "SM", 2) == 0 || memcmp(head + 8, "SO", 2) == 0 ||
		       memcmp(head + 8, "AB", 2) == 0);
}

static ssize_t read_on(struct reading *r, void *buf, size_t len, uint64_t off)
{
	uint64_t left = off < r->size ? r->size - off : 0;
	size_t n = len < left ? len : (size_t)left;

	if (n == 0)
		return 0;
	if (r->attachment)
		return pst_read(r->attachment, buf, n, off);
	memcpy(buf, r->text.data + off, n);
	return (ssize_t)n;
}

static ssize_t read_next(void *ctx, void *buf, size_t len)
{
	struct reading *r = ctx;
	ssize_t n = read_on(r, buf, len, r->at);

	if (n > 0)
		r->at += (uint64_t)n;
	if (n > 0 && container_spend(r->budget, (uint64_t)n) < 0)
		return -E2BIG;
	/* What is short of its size is damaged: the next read says so. */
	return n == 0 && r->at < r->size ? -EIO : n;
}

/* What is made of an item. Return: whether there is any; -errno it cannot be made. */
static int make(struct pst_item *item, enum what what, struct buf *out)
{
	int r = 0;

	switch (what) {
	case HEADERS:
		pst_string(item, 0, PST_HEADERS, out);
		break;
	case TEXT:
		r = pst_body(item, PST_TEXT, out);
		break;
	case HTML:
		r = pst_body(item, PST_HTML, out);
		break;
	case RTF:
		r = pst_body(item, PST_RTF, out);
		break;
	case RECIPIENTS:
		pst_text_recipients(item, out);
		break;
	case PROPERTIES:
		pst_text_properties(item, out);
		break;
	case WHOLE:
		r = pst_is_mail(item) ? pst_message(item, out) : 0;
		break;
	default:
		return 0;
	}
	return r < 0 ? r : out->error ? out->error : out->len > 0;
}

static int tell(const struct walker *w, const struct place *at, enum what what, uint64_t index,
	struct member *m)
{
	uint32_t number = 0;
	struct place p = *at;
	int r = 0;

	p.v[2] = what;
	p.v[3] = index;
	r = locate_set(m, p.v, p.n);
	if (r < 0)
		return r;
	m->kind = ENTRY_FILE;
	return w->visit->member(w->visit->ctx, m, &number);
}

static void set_times(struct pst_item *item, struct member *m)
{
	m->mtime = pst_time(item, PST_DELIVERY_TIME);
	if (!m->mtime.known)
		m->mtime = pst_time(item, PST_SUBMIT_TIME);
	if (!m->mtime.known)
		m->mtime = pst_time(item, PST_CHANGED);
	m->ctime = pst_time(item, PST_CHANGED);
	m->crtime = pst_time(item, PST_CREATED);
}

static int tell_text(const struct walker *w, struct pst_item *item, const struct place *at,
	enum what what, uint32_t parent)
{
	static const char *const names[] = {"headers.txt", "body.txt", "body.html", "body.rtf",
		"recipients.txt", "properties.txt", "message.eml"};
	struct reading r = {.budget = w->budget};
	struct member m = {.parent = parent,
		.name = (const uint8_t *)names[what],
		.name_len = strlen(names[what]),
		.plain = what != WHOLE,
		.read = read_next,
		.read_ctx = &r};
	int rc = make(item, what, &r.text);

	if (pst_spent(w->pst))
		rc = -E2BIG;
	else if (rc == -EIO || rc == -E2BIG)
		m.problem = rc == -EIO ? "it cannot be read" : "it is too large";
	if (rc > 0 || m.problem) {
		m.size = r.size = m.problem ? 0 : r.text.len;
		set_times(item, &m);
		rc = tell(w, at, what, 0, &m);
	}
	buf_release(&r.text);
	return rc < 0 ? rc : 0;
}

static int tell_item(
	const struct walker *w, struct pst_item *item, const struct place *at, uint32_t parent);

static int tell_attached_item(const struct walker *w, struct pst_item *attachment,
	const struct place *at, uint64_t index, uint32_t parent)
{
	struct place p = *at;
	struct pst_item *item = NULL;
	int r = 0;

	if (p.n == NUMBERS)
		return w->visit->problem(w->visit->ctx,
			"messages in messages are too deep: the innermost are not shown");
	p.v[p.n++] = index;
	item = pst_attached_item(attachment);
	if (!item)
		return w->visit->problem(w->visit->ctx, "a message in a message cannot be read");
	r = tell_item(w, item, &p, parent);
	pst_item_free(item);
	return r;
}

static int tell_attachment(const struct walker *w, struct pst_item *message, const struct place *at,
	size_t i, uint32_t parent)
{
	struct pst_item *a = pst_sub(message, PST_ATTACHMENTS, i);
	enum pst_attached what = PST_REFERENCE;
	struct reading r = {.attachment = a, .budget = w->budget};
	struct member m = {.parent = parent, .read = read_next, .read_ctx = &r};
	struct buf name = BUF_INIT;
	int rc = a ? pst_attached(a, &what, &r.size) : -EIO;

	if (rc == 0 && what == PST_ITEM) {
		rc = tell_attached_item(w, a, at, i, parent);
		goto out;
	}
	if (!a || !pst_file_name(a, &name)) {
		m.made_up = true;
		mail_name(&name, "attachment", 10, "");
	}
	if (rc < 0 || what == PST_REFERENCE)
		m.problem = rc < 0 ? "it cannot be read" : "it is only a reference to a file";
	m.size = r.size;
	m.name = name.data;
	m.name_len = name.len;
	if (a)
		set_times(a, &m);
	rc = name.error ? name.error : tell(w, at, ATTACHMENT, i, &m);
out:
	buf_release(&name);
	pst_item_free(a);
	return rc;
}

static int tell_item(
	const struct walker *w, struct pst_item *item, const struct place *at, uint32_t parent)
{
	struct member m = {.parent = parent, .kind = ENTRY_DIR, .made_up = true};
	struct buf subject = BUF_INIT;
	struct buf name = BUF_INIT;
	uint32_t number = 0;
	ssize_t attachments = pst_subs(item, PST_ATTACHMENTS);
	int r = 0;

	pst_subject(item, &subject);
	mail_name(&name, (const char *)subject.data, subject.len, "");
	set_times(item, &m);
	m.name = name.data;
	m.name_len = name.len;
	r = name.error ? name.error : w->visit->member(w->visit->ctx, &m, &number);
	for (int what = HEADERS; what <= WHOLE && r == 0; what++)
		r = tell_text(w, item, at, (enum what)what, number);
	if (r == 0 && attachments < 0)
		r = w->visit->problem(w->visit->ctx, "attachments of a message cannot be read");
	for (ssize_t i = 0; i < attachments && r == 0; i++)
		r = tell_attachment(w, item, at, (size_t)i, number);
	if (r == 0 && pst_spent(w->pst))
		r = -E2BIG;
	buf_release(&subject);
	buf_release(&name);
	return r;
}

static int tell_lost(const struct walker *w, const char *what, size_t n)
{
	char text[128];

	if (n == 0)
		return 0;
	snprintf(text, sizeof(text), "%zu %s of a folder cannot be read", n, what);
	return w->visit->problem(w->visit->ctx, text);
}

static int tell_messages(const struct walker *w, struct pst_item *folder, uint32_t parent)
{
	ssize_t n = pst_subs(folder, PST_MESSAGES);
	size_t lost = 0;
	int r = 0;

	if (n < 0)
		return w->visit->problem(w->visit->ctx, "messages of a folder cannot be read");
	for (ssize_t i = 0; i < n && r == 0; i++) {
		struct pst_item *item = pst_sub(folder, PST_MESSAGES, (size_t)i);
		struct place at = {.n = FIXED};

		if (item)
			at.v[1] = pst_id(item);
		if (!item || at.v[1] == 0)
			lost++;
		else
			r = tell_item(w, item, &at, parent);
		pst_item_free(item);
		if (r == 0 && pst_spent(w->pst))
			r = -E2BIG;
	}
	return r ? r : tell_lost(w, "messages", lost);
}

static int tell_folders(
	const struct walker *w, struct pst_item *above, uint32_t parent, unsigned depth);

static int tell_folder(
	const struct walker *w, struct pst_item *folder, uint32_t parent, unsigned depth)
{
	struct member m = {.parent = parent, .kind = ENTRY_DIR};
	struct buf name = BUF_INIT;
	uint32_t number = 0;
	int r = 0;

	if (!pst_string(folder, 0, PST_NAME, &name)) {
		m.made_up = true;
		buf_puts(&name, "folder");
	}
	m.name = name.data;
	m.name_len = name.len;
	r = name.error ? name.error : w->visit->member(w->visit->ctx, &m, &number);
	if (r == 0)
		r = tell_messages(w, folder, number);
	if (r == 0)
		r = tell_folders(w, folder, number, depth + 1);
	buf_release(&name);
	return r;
}

static int tell_folders(
	const struct walker *w, struct pst_item *above, uint32_t parent, unsigned depth)
{
	ssize_t n = pst_subs(above, PST_FOLDERS);
	size_t lost = 0;
	int r = 0;

	if (n < 0)
		return w->visit->problem(w->visit->ctx, "folders in a folder cannot be read");
	if (n > 0 && depth >= FOLDER_DEPTH)
		return w->visit->problem(
			w->visit->ctx, "folders are too deep: the innermost are not shown");
	for (ssize_t i = 0; i < n && r == 0; i++) {
		struct pst_item *folder = pst_sub(above, PST_FOLDERS, (size_t)i);

		if (folder)
			r = tell_folder(w, folder, parent, depth);
		else
			lost++;
		pst_item_free(folder);
		if (r == 0 && pst_spent(w->pst))
			r = -E2BIG;
	}
	return r ? r : tell_lost(w, "folders", lost);
}

static int tell_orphans(const struct walker *w)
{
	struct member m = {.kind = ENTRY_DIR, .name = (const uint8_t *)"$Orphans", .name_len = 8};
	size_t n = pst_orphans(w->pst);
	uint32_t number = 0;
	int r = n > 0 ? w->visit->member(w->visit->ctx, &m, &number) : 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		struct pst_item *item = pst_orphan(w->pst, i);
		struct place at = {.v = {1, i}, .n = FIXED};

		if (item)
			r = tell_item(w, item, &at, number);
		pst_item_free(item);
	}
	return r;
}

static int pst_walk(const struct source *s, struct container_budget *b,
	const struct container_visit *v, struct err *e)
{
	struct walker w = {.budget = b, .visit = v};
	struct pst_item *root = NULL;
	int r = pst_open(s, b, &w.pst, e);

	if (r < 0)
		return r;
	root = pst_root(w.pst);
	if (root)
		r = tell_messages(&w, root, 0);
	else
		r = v->problem(v->ctx, "the mail store has no root folder that can be read");
	if (r == 0 && root)
		r = tell_folders(&w, root, 0, 0);
	if (r == 0)
		r = tell_orphans(&w);
	pst_item_free(root);
	pst_close(w.pst);
	return r;
}

static int open_store(const struct source *s, struct container **out, struct err *e)
{
	struct container *c = calloc(1, sizeof(*c));
	int r = 0;

	if (!c)
		return err_set(e, ENOMEM, "no memory for a mail store");
	r = pst_open(s, NULL, &c->pst, e);
	if (r < 0) {
		free(c);
		return r;
	}
	*out = c;
	return 0;
}

static void let_go(struct container *c)
{
	buf_release(&c->reading.text);
	c->reading = (struct reading){.attachment = NULL};
	while (c->items > 0)
		pst_item_free(c->item[--c->items]);
	c->n = 0;
}

static struct pst_item *hold(struct container *c, struct pst_item *item)
{
	if (item)
		c->item[c->items++] = item;
	return item;
}

/* Make ready what a locator leads to. */
static int make_ready(struct container *c, const uint64_t *v, size_t n)
{
	struct pst_item *item = NULL;
	enum pst_attached what = PST_REFERENCE;
	int r = 0;

	if (n < FIXED || v[0] > 1 || v[1] > UINT32_MAX || v[2] >= WHATS)
		return -ENOENT;
	item = hold(c, v[0] ? pst_orphan(c->pst, v[1]) : pst_item(c->pst, (uint32_t)v[1]));
	for (size_t i = FIXED; item && i < n; i++) {
		item = hold(c, v[i] <= INT32_MAX ? pst_sub(item, PST_ATTACHMENTS, v[i]) : NULL);
		item = hold(c, item ? pst_attached_item(item) : NULL);
	}
	if (!item)
		return -ENOENT;
	if (v[2] == ATTACHMENT) {
		item = hold(c, v[3] <= INT32_MAX ? pst_sub(item, PST_ATTACHMENTS, v[3]) : NULL);
		r = item ? pst_attached(item, &what, &c->reading.size) : -ENOENT;
		c->reading.attachment = item;
		return r == 0 && what != PST_DATA ? -EIO : r;
	}
	r = make(item, (enum what)v[2], &c->reading.text);
	c->reading.size = c->reading.text.len;
	return r < 0 ? r : 0;
}

static ssize_t read_store(struct container *c, struct container_budget *b, const uint8_t *locator,
	size_t locator_len, void *buf, size_t len, uint64_t off, struct err *e)
{
	uint64_t v[NUMBERS] = {0};
	int n = locate_get(locator, locator_len, v, NUMBERS);
	ssize_t r = n < 0 ? n : 0;

	pst_budget(c->pst, b);
	if (n > 0 && ((size_t)n != c->n || memcmp(v, c->v, sizeof(v)) != 0)) {
		let_go(c);
		r = make_ready(c, v, (size_t)n);
		if (r == 0) {
			memcpy(c->v, v, sizeof(v));
			c->n = (size_t)n;
		}
	}
	if (r == 0)
		r = read_on(&c->reading, buf, len, off);
	if (r > 0 && container_spend(b, (uint64_t)r) < 0)
		r = -E2BIG;
	if (pst_spent(c->pst))
		r = -E2BIG;
	pst_budget(c->pst, NULL);
	return r < 0 ? err_set(e, (int)-r, "the mail store has no such item to read") : r;
}

static enum container_role store_role(
	struct container *c, const uint8_t *locator, size_t locator_len)
{
	static const enum container_role roles[WHATS] = {
		[HEADERS] = ROLE_HEADERS,
		[TEXT] = ROLE_BODY,
		[HTML] = ROLE_BODY,
		[RTF] = ROLE_BODY,
		[RECIPIENTS] = ROLE_RECIPIENTS,
		[PROPERTIES] = ROLE_PROPERTIES,
		[WHOLE] = ROLE_WHOLE,
		[ATTACHMENT] = ROLE_MEMBER,
	};
	uint64_t v[NUMBERS] = {0};
	int n = locate_get(locator, locator_len, v, NUMBERS);

	(void)c;
	return n >= FIXED && v[2] < WHATS ? roles[v[2]] : ROLE_MEMBER;
}

static void close_store(struct container *c)
{
	if (!c)
		return;
	let_go(c);
	pst_close(c->pst);
	free(c);
}

static const char *const suffixes[] = {"pst", "ost", "pab", NULL};

const struct container_kind container_pst = {
	.name = "pst",
	.suffixes = suffixes,
	.probe = pst_probe,
	.walk = pst_walk,
	.open = open_store,
	.read = read_store,
	.role = store_role,
	.close = close_store,
};
