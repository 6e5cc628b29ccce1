/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-decide.c - who may see what: every kind of trace, every set of rights, ranges,
 * passages, names of directories; the view's user and strangers.
 */
#include "tap.h"

#include "policy/decide.h"
#include "trace/id.h"

#define ALL (RIGHT_READ | RIGHT_DELETED | RIGHT_RAW | RIGHT_PRIVILEGED)

static const struct {
	uint64_t trace;
	unsigned right;
	bool directory; /* may be one */
	const char *what;
} traces[] = {
	{(uint64_t)TRACE_EVIDENCE_DIR, RIGHT_READ, true, "the evidence's folder"},
	{(uint64_t)TRACE_EVIDENCE_TXT, RIGHT_READ, false, "EVIDENCE.txt"},
	{(uint64_t)TRACE_IMAGE_RAW, RIGHT_RAW, false, "image.raw"},
	{(uint64_t)TRACE_VOLUME_RAW(0), RIGHT_RAW, false, "a volume's bytes"},
	{(uint64_t)TRACE_VOLUME_UNALLOCATED(0), RIGHT_RAW, false, "a volume's unallocated bytes"},
	{(uint64_t)TRACE_VOLUME_RAW(7), RIGHT_RAW, false, "another volume's bytes"},
	{(uint64_t)TRACE_VOLUME_UNALLOCATED(7), RIGHT_RAW, false, "its unallocated bytes"},
	{UINT64_C(1) << TRACE_PART_SHIFT, RIGHT_READ, true, "a volume's root"},
	{(UINT64_C(1) << TRACE_PART_SHIFT) + 99, RIGHT_READ, true, "a file"},
	{UINT64_C(2) << TRACE_PART_SHIFT, RIGHT_DELETED, true, "a tree of deleted entries"},
	{(UINT64_C(2) << TRACE_PART_SHIFT) + 99, RIGHT_DELETED, true, "a deleted file"},
	{(UINT64_C(15) << TRACE_PART_SHIFT) + 5, RIGHT_READ, true, "a file of another volume"},
	{(UINT64_C(16) << TRACE_PART_SHIFT) + 5, RIGHT_DELETED, true, "a deleted one there"},
};

#define TRACES (sizeof(traces) / sizeof(traces[0]))

static struct view_range range = {.last = UINT64_MAX, .grant = {11, 12, 13}};
static struct view_evidence ev = {.id = 1, .ranges = &range, .ranges_n = 1};
static const struct view view = {.version = 1, .uid = 1000};

static uint64_t grant_for(unsigned right)
{
	return right == RIGHT_READ ? 11 : right == RIGHT_DELETED ? 12 : 13;
}

static void test_rights(size_t i)
{
	unsigned wrong = 0;

	is_int(right_for(traces[i].trace), traces[i].right, traces[i].what);
	for (unsigned rights = 0; rights <= ALL; rights++) {
		bool allowed = rights & traces[i].right;
		uint64_t grant = 99;

		range.rights = rights;
		wrong += decide(&view, &ev, 1000, traces[i].trace, &grant) !=
			 (allowed ? DECIDE_ALLOW : DECIDE_HIDE);
		wrong += grant != (allowed ? grant_for(traces[i].right) : 0);
		for (unsigned k = 0; k < 3; k++) {
			static const uid_t strangers[] = {1001, 0, (uid_t)-1};

			grant = 99;
			wrong += decide(&view, &ev, strangers[k], traces[i].trace, &grant) !=
				 DECIDE_DENY;
			wrong += grant != 0;
		}
		wrong += decide(&view, NULL, 1000, traces[i].trace, NULL) != DECIDE_HIDE;
		wrong += decide(&view, NULL, 0, traces[i].trace, NULL) != DECIDE_DENY;
		range.rights = rights | RIGHT_NAMES;
		wrong += decide(&view, &ev, 1000, traces[i].trace, NULL) !=
			 (allowed                      ? DECIDE_ALLOW
				 : traces[i].directory ? DECIDE_DIRECTORIES
						       : DECIDE_HIDE);
	}
	ok(wrong == 0,
		"%s: shown with its right and by its grant, hidden without, denied to everyone "
		"else, root too; an owner sees it if it is a directory",
		traces[i].what);
}

/* Ranges with holes: the trace before, the first, the last, the one behind. */
static void test_ranges(void)
{
	static struct view_range v[50];
	static uint64_t passages[] = {5, 1003, 1007};
	const uint64_t part = UINT64_C(1) << TRACE_PART_SHIFT;
	struct view_evidence many = {.ranges = v, .ranges_n = 50, .passages_n = 3};
	unsigned wrong = 0;

	for (unsigned i = 0; i < 50; i++)
		v[i] = (struct view_range){.first = part + 10 * i + 3,
			.last = part + 10 * i + 6,
			.rights = RIGHT_READ,
			.grant = {i + 1}};
	for (unsigned i = 0; i < 3; i++)
		passages[i] += part;
	many.passages = passages;
	for (uint64_t n = 0; n < 1020; n++) {
		bool in = n < 500 && n % 10 >= 3 && n % 10 <= 6;
		bool way = n == 1003 || n == 1007;
		uint64_t grant = 0;
		enum decision d = decide(&view, &many, 1000, part + n, &grant);

		wrong += d != (in ? DECIDE_ALLOW : way ? DECIDE_PASS : DECIDE_HIDE);
		wrong += grant != (in ? n / 10 + 1 : 0);
	}
	is_int(wrong, 0, "each trace by the range it lies in; passages by name only");
	many.ranges_n = many.passages_n = 0;
	is_int(decide(&view, &many, 1000, part, NULL), DECIDE_HIDE, "nothing without ranges");
}

int main(void)
{
	for (size_t i = 0; i < TRACES; i++)
		test_rights(i);
	test_ranges();
	return done_testing();
}
