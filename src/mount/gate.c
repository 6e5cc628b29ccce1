/* SPDX-License-Identifier: Apache-2.0 */
/* gate.c - the one door; see gate.h. */
#include "mount/gate.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "audit/commit.h"
#include "mount/process.h"

#define NOTE_END (sizeof(NOTE_SUFFIX) - 1)

static int decide_evidence(const struct scene *sc, const struct view_evidence *ev,
	const struct asker *who, uint64_t trace, struct permit *p)
{
	switch (decide(sc->view, ev, who->uid, trace, &p->grant)) {
	case DECIDE_ALLOW:
		return 0;
	case DECIDE_PASS:
	case DECIDE_DIRECTORIES:
		p->name_only = true;
		return 0;
	case DECIDE_HIDE:
		return -ENOENT;
	case DECIDE_DENY:
		break;
	}
	return -EACCES;
}

/* What stands in a case's own folder, or, in a personal mount, in the root. */
static int decide_case(
	const struct scene *sc, const struct view_case *c, const struct node *n, struct permit *p)
{
	const struct view_note *note = scene_note(sc, n);

	if (note) {
		p->grant = note->grant;
		return 0;
	}
	if (n->trace == PLACE_NOTES)
		return c->has_notes ? 0 : -ENOENT;
	return !sc->view->personal && (n->trace == PLACE_DIR || n->trace == PLACE_TXT) ? 0
										       : -ENOENT;
}

int gate_decide(const struct session *s, const struct scene *sc, const struct asker *who,
	const struct node *n, struct permit *p)
{
	const struct place *place = scene_place(sc, n);

	(void)s;
	*p = (struct permit){.name_only = false};
	if (who->uid != sc->view->uid)
		return -EACCES;
	if (n->root)
		return 0;
	switch (place->kind) {
	case TABLE_ROOT:
		return n->trace == PLACE_TXT ? 0 : -ENOENT;
	case TABLE_CASE:
		return decide_case(sc, place->c, n, p);
	case TABLE_EVIDENCE:
		return decide_evidence(sc, place->ev, who, n->trace, p);
	case TABLE_NONE:
		break;
	}
	return -ENOENT;
}

int gate_contents(const struct scene *sc, const struct node *n)
{
	const struct view_evidence *ev = scene_place(sc, n)->ev;

	return ev ? view_contents(ev, n->trace) : 0;
}

static void commit_name(const struct session *s, const struct node *n, const void *name, size_t len,
	struct audit_event *ev)
{
	uint8_t salt[COMMIT_SALT];

	commit_name_salt(s->origin[n->slot].names_key, ev->evidence, n->trace, salt);
	commit(salt, name, len, ev->commitment);
}

/* A commitment to the name of the trace, whatever is recorded of it. In doubt there is none. */
static void look_up_name(const struct session *s, struct evidence *evidence, const struct node *n,
	struct audit_event *ev)
{
	struct evidence_cursor c;
	struct trace t;

	evidence_cursor_init(&c, evidence);
	if (evidence_get(&c, n->trace, &t) == 0 && t.name)
		commit_name(s, n, t.name, t.name_len, ev);
	evidence_cursor_release(&c);
}

/* What every record says of who asks, and of what. */
static void fill(const struct session *s, const struct asker *who, const struct node *n,
	struct audit_event *ev)
{
	ev->uid = who->uid;
	ev->gid = who->gid;
	ev->pid = (uint32_t)who->pid;
	ev->loginuid = AUDIT_NO_LOGINUID;
	ev->session = table_record(s->table);
	if (!n || n->root || n->slot >= NODE_SLOTS)
		return;
	memcpy(ev->evidence, s->origin[n->slot].digest, sizeof(ev->evidence));
	ev->case_id = s->origin[n->slot].case_id;
	ev->trace = n->trace;
}

int gate_record(struct session *s, const struct scene *sc, const struct asker *who,
	const struct access *a, uint64_t *seq)
{
	struct audit_event ev = {
		.type = a->type,
		.decision = a->result == -EACCES ? AUDIT_DENIED : AUDIT_ALLOWED,
		.grant = a->grant,
		.policy = sc->view->version,
		.open_seq = a->open_seq,
		.offset = a->offset,
		.length = a->length,
		.result = a->result,
		.fault = a->fault,
	};
	const struct place *place = a->node ? scene_place(sc, a->node) : NULL;

	fill(s, who, a->node, &ev);
	/* a read or a listing names its process through its open; who handed a descriptor on is
	 * told by uid and pid */
	if (a->open_seq == 0 || ev.decision == AUDIT_DENIED) {
		process_describe(s->processes, who->pid, &ev);
		if (place && place->kind == TABLE_EVIDENCE && place->ev && a->name)
			commit_name(s, a->node, a->name, a->name_len, &ev);
		else if (place && place->kind == TABLE_EVIDENCE && place->ev)
			look_up_name(s, place->ev->evidence, a->node, &ev);
	}
	if (audit_append(s->log, &ev))
		return -EIO;
	if (seq)
		*seq = ev.seq;
	return 0;
}

/* The case whose evidence stands in a folder; 0: none, cases do. */
static uint64_t case_in(const struct scene *sc, const struct node *dir)
{
	const struct view *view = sc->view;

	if (!dir->root)
		return scene_place(sc, dir)->c->id;
	return view->personal && view->cases_n > 0 ? view->cases[0].id : 0;
}

void gate_miss_place(
	const struct scene *sc, const struct node *dir, const char *name, struct missed *m)
{
	bool in_notes = !dir->root && dir->trace == PLACE_NOTES;
	const struct view_hidden *h = NULL;
	char own[NAME_MAX + 1];
	size_t n = strlen(name);

	if (n >= sizeof(own) || (!dir->root && scene_place(sc, dir)->kind != TABLE_CASE))
		return;
	memcpy(own, name, n + 1);
	if (in_notes) /* all of them have the suffix, which is not in the view */
		own[n > NOTE_END && !strcmp(own + n - NOTE_END, NOTE_SUFFIX) ? n - NOTE_END : 0] =
			'\0';
	h = view_hidden(sc->view, case_in(sc, dir), in_notes, own);
	*m = (struct missed){
		.within = sc->view->hidden_n > 0, .hidden = h != NULL, .policy = sc->view->version};
	if (!h)
		return;
	m->case_id = h->case_id;
	m->trace = h->note ? trace_id(PLACE_NOTE_PART, h->note) : PLACE_DIR;
	memcpy(m->digest, h->digest, sizeof(m->digest));
}

void gate_missed(struct session *s, const struct asker *who, const struct missed *m)
{
	struct audit_event ev = {.type = AUDIT_LOOKUP,
		.decision = AUDIT_HIDDEN,
		.policy = m->policy,
		.result = -ENOENT};

	if (!m->within)
		return;
	fill(s, who, m->evidence ? &m->node : NULL, &ev);
	process_describe(s->processes, who->pid, &ev);
	if (m->evidence) {
		look_up_name(s, m->evidence, &m->node, &ev);
	} else {
		memcpy(ev.evidence, m->digest, sizeof(ev.evidence));
		ev.case_id = m->case_id;
		ev.trace = m->trace;
	}
	audit_behind_put(s->behind, &ev, m->hidden);
}
