/* SPDX-License-Identifier: Apache-2.0 */
/* t-decide.c - who may see what: every trace, every set of rights, owner and stranger. */
#include "tap.h"

#include "policy/decide.h"
#include "trace/id.h"

#define ALL (RIGHT_READ | RIGHT_DELETED | RIGHT_RAW | RIGHT_PRIVILEGED)

static const struct {
	uint64_t trace;
	unsigned right;
	const char *what;
} traces[] = {
	{(uint64_t)TRACE_EVIDENCE_DIR, RIGHT_READ, "the evidence's folder"},
	{(uint64_t)TRACE_EVIDENCE_TXT, RIGHT_READ, "EVIDENCE.txt"},
	{(uint64_t)TRACE_IMAGE_RAW, RIGHT_RAW, "image.raw"},
	{(uint64_t)TRACE_VOLUME_RAW(0), RIGHT_RAW, "a volume's bytes"},
	{(uint64_t)TRACE_VOLUME_UNALLOCATED(0), RIGHT_RAW, "a volume's unallocated bytes"},
	{(uint64_t)TRACE_VOLUME_RAW(7), RIGHT_RAW, "another volume's bytes"},
	{(uint64_t)TRACE_VOLUME_UNALLOCATED(7), RIGHT_RAW, "its unallocated bytes"},
	{UINT64_C(1) << TRACE_PART_SHIFT, RIGHT_READ, "a volume's root"},
	{(UINT64_C(1) << TRACE_PART_SHIFT) + 99, RIGHT_READ, "a file"},
	{UINT64_C(2) << TRACE_PART_SHIFT, RIGHT_DELETED, "a tree of deleted entries"},
	{(UINT64_C(2) << TRACE_PART_SHIFT) + 99, RIGHT_DELETED, "a deleted file"},
	{(UINT64_C(15) << TRACE_PART_SHIFT) + 5, RIGHT_READ, "a file of another volume"},
	{(UINT64_C(16) << TRACE_PART_SHIFT) + 5, RIGHT_DELETED, "a deleted one there"},
};

#define TRACES (sizeof(traces) / sizeof(traces[0]))

int main(void)
{
	for (size_t i = 0; i < TRACES; i++) {
		unsigned wrong = 0;

		is_int(right_for(traces[i].trace), traces[i].right, traces[i].what);
		for (unsigned rights = 0; rights <= ALL; rights++) {
			const struct snapshot s = {.version = 1, .owner = 1000, .rights = rights};
			enum decision want = rights & traces[i].right ? DECIDE_ALLOW : DECIDE_HIDE;

			wrong += decide(&s, 1000, traces[i].trace) != want;
			wrong += decide(&s, 1001, traces[i].trace) != DECIDE_DENY;
			wrong += decide(&s, 0, traces[i].trace) != DECIDE_DENY;
			wrong += decide(&s, (uid_t)-1, traces[i].trace) != DECIDE_DENY;
		}
		ok(wrong == 0,
			"%s: shown with its right, hidden without, denied to everyone else, root "
			"too",
			traces[i].what);
	}
	return done_testing();
}
