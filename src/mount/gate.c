/* SPDX-License-Identifier: Apache-2.0 */
/* gate.c - the one door; see gate.h. */
#include "mount/gate.h"

#include <errno.h>
#include <string.h>

#include "audit/commit.h"
#include "mount/process.h"

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

/* A commitment to the name of the trace, whatever is recorded of it. In doubt there is none. */
static void commit_name(const struct session *s, struct evidence *evidence, const struct node *n,
	struct audit_event *ev)
{
	struct evidence_cursor c;
	uint8_t salt[COMMIT_SALT];
	struct trace t;

	evidence_cursor_init(&c, evidence);
	if (evidence_get(&c, n->trace, &t) == 0 && t.name) {
		commit_name_salt(s->origin[n->slot].names_key, ev->evidence, n->trace, salt);
		commit(salt, t.name, t.name_len, ev->commitment);
	}
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
		if (place && place->kind == TABLE_EVIDENCE && place->ev)
			commit_name(s, place->ev->evidence, a->node, &ev);
	}
	if (audit_append(s->log, &ev))
		return -EIO;
	if (seq)
		*seq = ev.seq;
	return 0;
}

void gate_missed(struct session *s, const struct asker *who, const struct missed *m)
{
	struct audit_event ev = {.type = AUDIT_LOOKUP,
		.decision = AUDIT_HIDDEN,
		.policy = m->policy,
		.result = -ENOENT};

	if (!m->within)
		return;
	fill(s, who, &m->node, &ev);
	process_describe(s->processes, who->pid, &ev);
	commit_name(s, m->evidence, &m->node, &ev);
	audit_behind_put(s->behind, &ev, m->hidden);
}
