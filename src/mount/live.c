/* SPDX-License-Identifier: Apache-2.0 */
/* live.c - texts that change; see live.h. */
#include "mount/live.h"

#include <errno.h>

#include "serve/describe.h"

/* Not how much, nor where: not even that there is anything. */
static const char masked_text[] =
	"\nBYTE STREAMS (*.raw, *.unallocated)\nmasked: what this view does not show reads as "
	"zeros in them, and in deleted files that lie over it; names and dates of it are blank. "
	"Their hashes are not those of the evidence, and are not shown.\n";

struct viewer {
	const struct scene *sc;
	const struct view_evidence *ev;
};

static bool shows(void *ctx, uint64_t trace, bool by_name)
{
	const struct viewer *v = ctx;

	switch (decide(v->sc->view, v->ev, v->sc->view->uid, trace, NULL)) {
	case DECIDE_ALLOW:
		return true;
	case DECIDE_PASS:
	case DECIDE_DIRECTORIES:
		return by_name;
	case DECIDE_HIDE:
	case DECIDE_DENY:
		break;
	}
	return false;
}

bool live_is(const struct scene *sc, const struct node *n)
{
	if (n->root || n->trace == PLACE_TXT)
		return !n->root;
	return scene_place(sc, n)->kind == TABLE_CASE && trace_part(n->trace) == PLACE_NOTE_PART;
}

const char *live_name(const struct place *p)
{
	switch (p->kind) {
	case TABLE_ROOT:
		return "PRIVACY.txt";
	case TABLE_CASE:
		return "ACCESS.txt";
	case TABLE_EVIDENCE:
	case TABLE_NONE:
		break;
	}
	return "EVIDENCE.txt";
}

int live_text(
	const struct session *s, const struct scene *sc, const struct node *n, struct buf *out)
{
	const struct place *p = scene_place(sc, n);
	const struct view_note *note = scene_note(sc, n);
	struct viewer viewer = {sc, p->ev};
	const struct describe_filter filter = {shows, &viewer};

	if (note) {
		view_note_text(note, out);
		return out->error;
	}
	if (n->trace != PLACE_TXT)
		return -ENOENT; /* a note that is gone */
	switch (p->kind) {
	case TABLE_NONE:
		return -ENOENT;
	case TABLE_ROOT:
		buf_puts(out, s->privacy_txt);
		break;
	case TABLE_CASE:
		buf_puts(out, p->c->access_txt ? p->c->access_txt : "");
		break;
	case TABLE_EVIDENCE:
		describe(p->ev->evidence, p->ev->whole ? NULL : &filter, out);
		if (p->ev->mask)
			buf_puts(out, masked_text);
		break;
	}
	return out->error;
}

uint64_t live_size(const struct session *s, const struct scene *sc, const struct node *n)
{
	struct buf b = BUF_INIT;
	uint64_t size = 0;

	live_text(s, sc, n, &b);
	size = b.len;
	buf_release(&b);
	return size;
}

/* With the texts' lock held. */
static int open_text(struct session *s, const struct scene *sc, struct handle *h)
{
	const struct node n = handle_node(h);
	struct buf b = BUF_INIT;
	struct content *c = NULL;
	int r = 0;

	if (h->text && h->text_serial == sc->serial)
		return 0;
	r = live_text(s, sc, &n, &b);
	if (r == 0)
		r = content_of_text(&b, &c);
	buf_release(&b);
	if (r)
		return r;
	content_close(h->text);
	h->text = c;
	h->text_serial = sc->serial;
	return 0;
}

ssize_t live_read(struct session *s, const struct scene *sc, struct handle *h, void *buf,
	size_t len, uint64_t off)
{
	ssize_t r = 0;

	pthread_mutex_lock(&s->texts);
	r = open_text(s, sc, h);
	if (r == 0 && len > 0)
		r = content_read(h->text, buf, len, off);
	pthread_mutex_unlock(&s->texts);
	return r;
}
