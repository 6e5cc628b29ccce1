/* SPDX-License-Identifier: Apache-2.0 */
/* gate.c - the one door; see gate.h. */
#include "mount/gate.h"

#include <errno.h>
#include <string.h>

#include "mount/process.h"

int gate_decide(const struct session *s, const struct asker *who, const struct node *n)
{
	uint64_t trace = n->root ? trace_id(0, TRACE_EVIDENCE_DIR) : n->trace;

	switch (decide(&s->policy, who->uid, trace)) {
	case DECIDE_ALLOW:
		return 0;
	case DECIDE_HIDE:
		return -ENOENT;
	case DECIDE_DENY:
		break;
	}
	return -EACCES;
}

int gate_record(struct session *s, const struct asker *who, const struct act *a, uint64_t *seq)
{
	struct audit_event ev = {
		.type = a->type,
		.decision = a->result == -EACCES ? AUDIT_DENIED : AUDIT_ALLOWED,
		.uid = who->uid,
		.gid = who->gid,
		.pid = (uint32_t)who->pid,
		.loginuid = AUDIT_NO_LOGINUID,
		.open_seq = a->open_seq,
		.offset = a->offset,
		.length = a->length,
		.result = a->result,
	};

	if (a->node && !a->node->root) {
		memcpy(ev.evidence, s->evidence[a->node->evidence]->manifest.digest,
			sizeof(ev.evidence));
		ev.trace = a->node->trace;
	}
	/* a read or a listing names its process through its open; who handed a descriptor on is
	 * told by uid and pid */
	if (a->open_seq == 0 || ev.decision == AUDIT_DENIED)
		process_describe(s->processes, who->pid, &ev);
	if (audit_append(s->log, &ev))
		return -EIO;
	if (seq)
		*seq = ev.seq;
	return 0;
}
