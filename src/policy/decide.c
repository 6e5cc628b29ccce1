/* SPDX-License-Identifier: Apache-2.0 */
/* decide.c - who may see what; see decide.h. */
#include "policy/decide.h"

#include "policy/view_private.h"
#include "trace/id.h"

unsigned right_for(uint64_t trace)
{
	uint64_t number = trace_number(trace);

	if (trace_in_deleted(trace))
		return RIGHT_DELETED;
	if (trace_part(trace) > 0)
		return RIGHT_READ;
	/* the evidence's own folder: its text is for all, its byte streams are not */
	return number == TRACE_EVIDENCE_DIR || number == TRACE_EVIDENCE_TXT ? RIGHT_READ
									    : RIGHT_RAW;
}

static size_t place_of(unsigned right)
{
	return right == RIGHT_READ ? 0 : right == RIGHT_DELETED ? 1 : 2;
}

/* What may be a directory: all but what the mount adds as files. */
static bool may_be_directory(uint64_t trace)
{
	return trace_part(trace) > 0 || trace_number(trace) == TRACE_EVIDENCE_DIR;
}

enum decision decide(const struct view *v, const struct view_evidence *ev, uid_t uid,
	uint64_t trace, uint64_t *grant)
{
	const struct view_range *r = NULL;
	unsigned right = right_for(trace);

	if (grant)
		*grant = 0;
	if (uid != v->uid)
		return DECIDE_DENY;
	if (!ev)
		return DECIDE_HIDE;
	r = view_range_at(ev, trace);
	if (r && (r->rights & right)) {
		if (grant)
			*grant = r->grant[place_of(right)];
		return DECIDE_ALLOW;
	}
	if (view_has(ev->passages, ev->passages_n, trace))
		return DECIDE_PASS;
	return r && (r->rights & RIGHT_NAMES) && may_be_directory(trace) ? DECIDE_DIRECTORIES
									 : DECIDE_HIDE;
}
