/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view_notes.c - which notes of a case its reader sees, and how they read; see view.h.
 *
 * A note is there for who holds `notes` on the trace it is about, and sees that trace.
 * That a note's trace still is what it was is known: evidence is opened only with the
 * indexes it was added with (docs/ARCHITECTURE.md, "Identifiers").
 */
#include "policy/view_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "policy/decide.h"
#include "policy/hold.h"

static bool holds_notes(const struct view_holding *h)
{
	bool holds = h->officer;

	for (size_t i = 0; i < h->n && !holds; i++)
		holds = h->v[i]->act.kind == ACT_GRANT && (h->v[i]->act.rights & RIGHT_NOTES);
	return holds;
}

unsigned view_rights(const struct view_evidence *ev, uint64_t trace)
{
	const struct view_range *r = view_range_at(ev, trace);

	return r ? r->rights & RIGHTS_ALL : 0;
}

/* The evidence a note is about; NULL: none of it is seen. */
static const struct view_evidence *evidence_of(
	const struct model *m, const struct act *a, const struct view *v, size_t first)
{
	const struct model_evidence *me =
		model_evidence_named(m, a->case_id, a->path, path_first(a->path));

	for (size_t i = first; me && i < v->evidence_n; i++) {
		if (v->evidence[i].id == me->id)
			return &v->evidence[i];
	}
	return NULL;
}

static bool is_for_him(
	const struct view *v, const struct view_evidence *ev, const struct act *a, uint64_t *grant)
{
	return ev && a->object <= TRACE_NUMBER_MAX &&
	       decide(v, ev, v->uid, a->trace, grant) == DECIDE_ALLOW &&
	       (view_rights(ev, a->trace) & RIGHT_NOTES);
}

static size_t count(const struct model *m, uint64_t case_id)
{
	size_t n = 0;

	for (size_t i = 0; i < m->notes_n; i++)
		n += m->notes[i].act.case_id == case_id;
	return n;
}

int view_notes_compile(const struct model *m, const struct view_holding *h, const struct view *v,
	size_t first, struct view_case *out)
{
	out->has_notes = holds_notes(h);
	if (!out->has_notes)
		return 0;
	out->notes = calloc(count(m, out->id) + 1, sizeof(*out->notes));
	if (!out->notes)
		return -ENOMEM;
	for (size_t i = 0; i < m->notes_n; i++) {
		const struct act *a = &m->notes[i].act;
		uint64_t grant = 0;

		if (a->case_id != out->id || !is_for_him(v, evidence_of(m, a, v, first), a, &grant))
			continue;
		out->notes[out->notes_n++] = (struct view_note){.id = a->object,
			.name = a->name,
			.path = a->path,
			.text = a->text,
			.by_name = a->by_name,
			.by_uid = a->by_uid,
			.ns = a->ns,
			.grant = grant};
	}
	return 0;
}

const struct view_note *view_note(const struct view_case *c, uint64_t id)
{
	size_t low = 0;
	size_t high = c->notes_n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->notes[middle].id == id)
			return &c->notes[middle];
		if (c->notes[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* ---- as a file ------------------------------------------------------------------------ */

/* Lines stay lines; all else that moves a cursor is shown as what it is. */
static void put_lines(struct buf *out, const char *text)
{
	for (;;) {
		size_t n = strcspn(text, "\n");

		text_escape(out, text, n);
		buf_puts(out, "\n");
		if (text[n] == '\0' || text[n + 1] == '\0')
			return;
		text += n + 1;
	}
}

void view_note_text(const struct view_note *n, struct buf *out)
{
	char when[TEXT_TIME_MAX];

	buf_puts(out, "by     ");
	text_escape_str(out, n->by_name ? n->by_name : "?");
	buf_printf(out, " (uid %u)\nat     %s\nabout  ", (unsigned)n->by_uid,
		text_time_ns(n->ns, when));
	text_escape_str(out, n->path);
	buf_puts(out, "\n\n");
	put_lines(out, n->text);
}
