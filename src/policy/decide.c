/* SPDX-License-Identifier: Apache-2.0 */
/* decide.c - who may do what; see decide.h. */
#include "policy/decide.h"

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

enum decision decide(const struct snapshot *s, uid_t uid, uint64_t trace)
{
	if (uid != s->owner)
		return DECIDE_DENY;
	return s->rights & right_for(trace) ? DECIDE_ALLOW : DECIDE_HIDE;
}
