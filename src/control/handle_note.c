/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handle_note.c - note add, note list: what investigators say about traces.
 *
 * PATH of a list is compared as text with what the caller may read: nothing is looked up,
 * so a hidden path and one that never existed are answered alike.
 */
#include "control/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/text.h"
#include "policy/hold.h"
#include "policy/view.h"

/* By chance: neither the evidence nor how many notes there are can be told from it. */
static int draw_name(struct act *a, struct err *e)
{
	uint8_t bytes[ACT_NOTE_NAME / 2];
	struct buf hex = BUF_INIT;

	if (digest_random(bytes, sizeof(bytes)))
		return err_set(e, EIO, "no random numbers from the system");
	text_hex(&hex, bytes, sizeof(bytes));
	a->name = strdup(buf_cstr(&hex));
	buf_release(&hex);
	return a->name ? 0 : err_errno(e, ENOMEM, "note");
}

static void put(struct exchange *x, const struct view_note *n)
{
	struct buf *row = answer_row(x->answer);

	row_str(row, "id", n->name);
	row_str(row, "case", exchange_arg(x, "case"));
	row_str(row, "path", n->path);
	row_str(row, "text", n->text);
	row_str(row, "by", n->by_name);
	row_time(row, "at", n->ns);
	answer_row_end(x->answer);
}

/* Of a case that he may not know of no path is judged. */
static int check_case(struct exchange *x, unsigned right, const char *what, struct err *e)
{
	const struct model *m = service_model(x->service);
	const struct model_case *c = NULL;
	struct sight s;
	int r = exchange_case(x, m, &c, &s, e);

	if (r == 0 && !(s.standing.rights & right))
		r = exchange_refuse(x, what, e);
	service_model_done(x->service);
	return r;
}

static int take_path(struct exchange *x, char **out, struct err *e)
{
	const char *typed = exchange_arg(x, "path");

	return typed ? rules_path(typed, service_config(x->service)->mount_root,
			       exchange_arg(x, "case"), out, e)
		     : 0;
}

int handle_note_add(struct exchange *x, struct err *e)
{
	struct act a = {.case_id = 0};
	int r = check_case(x, RIGHT_ANNOTATE, "you may not add notes", e);

	if (r)
		return r;
	exchange_act(x, ACT_NOTE, &a);
	r = take_path(x, &a.path, e);
	if (r == 0)
		r = exchange_text(x, "text", &a.text, e);
	if (r == 0)
		r = draw_name(&a, e);
	if (r == 0)
		r = exchange_do(x, &a, e);
	if (r == 0)
		put(x, &(struct view_note){.name = a.name,
			       .path = a.path,
			       .text = a.text,
			       .by_name = a.by_name,
			       .ns = a.ns});
	act_release(&a);
	return r;
}

static void list(struct exchange *x, const struct view *v, const char *path)
{
	for (size_t i = 0; i < v->cases_n; i++) {
		const struct view_case *c = &v->cases[i];

		for (size_t k = 0; c->id == x->case_id && k < c->notes_n; k++) {
			if (!path || path_within(c->notes[k].path, path))
				put(x, &c->notes[k]);
		}
	}
}

int handle_note_list(struct exchange *x, struct err *e)
{
	struct view *v = NULL;
	char *path = NULL;
	int r = check_case(x, RIGHT_NOTES, "you may not read its notes", e);

	if (r == 0)
		r = take_path(x, &path, e);
	if (r == 0)
		r = exchange_query(x, x->case_id, e);
	if (r == 0 && service_view(x->service, x->caller, &v))
		r = err_set(e, EIO, "what you see cannot be told now");
	if (r == 0)
		list(x, v, path);
	view_free(v);
	free(path);
	return r;
}
