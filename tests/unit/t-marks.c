/* SPDX-License-Identifier: Apache-2.0 */
/* t-marks.c - what marks on one trace amount to, and which counts where several lie one in the
 * other. */
#include "tap.h"

#include <stdlib.h>
#include <string.h>

#include "policy/marks.h"

/* ---- one trace: each mark is a letter and who gave it --------------------------------------- */

/* "s1": suspected by user 1; c confirmed, r rejected; S, C by a rule that user ran. */
static struct mark_own fold(const char *text, struct act *acts)
{
	static char path[] = "laptop/x";
	const struct act *list[16];
	size_t n = 0;

	for (const char *p = text; *p; p += 2 + (p[2] == ' ')) {
		bool rule = p[0] == 'S' || p[0] == 'C' || p[0] == 'R';
		char c = rule ? (char)(p[0] + 32) : p[0];

		acts[n] = (struct act){.seq = n + 1,
			.object = n + 1,
			.kind = ACT_MARK,
			.by_uid = (uid_t)(p[1] - '0'),
			.path = path,
			.mark_origin = rule ? MARK_BY_RULE : MARK_BY_USER,
			.mark_state = c == 's'   ? MARK_SUSPECTED
				      : c == 'c' ? MARK_CONFIRMED
						 : MARK_REJECTED};
		list[n] = &acts[n];
		n++;
	}
	return marks_fold(list, n);
}

static void test_fold(void)
{
	static const struct {
		const char *marks;
		char state;
		unsigned by; /* which of them it is by, from 1 */
		unsigned waiting;
		const char *why;
	} rows[] = {
		{"", '-', 0, 0, "nothing"},
		{"s1", 's', 1, 0, "suspected"},
		{"c1", 'c', 1, 0, "confirmed"},
		{"r1", 'r', 1, 0, "rejected, though nobody suspected it"},
		{"s1 r2", 'r', 2, 0, "a rejection ends a suspicion"},
		{"s1 r1", 'r', 2, 0, "also one's own"},
		{"r1 s2", 's', 2, 0, "it can be suspected again"},
		{"s1 s2", 's', 2, 0, "the latest counts"},
		{"s1 c2", 'c', 2, 0, "a suspicion is confirmed"},
		{"c1 s2", 'c', 1, 0, "suspected never replaces confirmed"},
		{"c1 r1", 'c', 1, 2, "nobody rejects alone what he confirmed"},
		{"c1 r2", 'r', 2, 0, "somebody else does"},
		{"c1 r1 r2", 'r', 3, 0, "what waits is over when somebody else rejects it"},
		{"c1 r1 r1", 'c', 1, 3, "twice oneself is not two"},
		{"c1 r1 s2", 'c', 1, 2, "a suspicion does not end the wait"},
		{"c1 c2 r1", 'c', 2, 3, "both who confirmed it are asked"},
		{"c1 c2 r1 r2", 'r', 4, 0, "until each was contradicted"},
		{"c1 c2 r3", 'r', 3, 0, "a third contradicts both"},
		{"c1 r1 c1", 'c', 3, 0, "who confirms again takes his rejection back"},
		{"c1 r1 c1 r2", 'r', 4, 0, "and is contradicted"},
		{"r2 c1 r1", 'c', 2, 3, "a rejection before it does not count"},
		{"c1 r2 c1 r1", 'c', 3, 4, "nor one of an earlier confirmation"},
		{"c1 r2 s1 r1", 'r', 4, 0, "what was rejected is suspected, and rejected again"},
		{"S1", 's', 1, 0, "a rule's"},
		{"S1 C1", 'c', 2, 0, "a rule confirms"},
		{"C1 S1", 'c', 1, 0, "and does not go back"},
		{"S1 r2", 'r', 2, 0, "a person decides on it"},
		{"S1 r2 S1", 'r', 2, 0, "and a rule never changes that"},
		{"S1 r2 C1", 'r', 2, 0, "by no state"},
		{"s1 C2", 's', 1, 0, "nor a suspicion"},
		{"c1 S2", 'c', 1, 0, "nor a confirmation"},
		{"C1 r1", 'c', 1, 2, "who ran the rule does not reject alone what it confirmed"},
		{"C1 r2", 'r', 2, 0, "somebody else does"},
		{"c1 C2 r2", 'r', 3, 0, "nor does it take part in what is asked of a rejection"},
		{"c1 R2 r1", 'c', 1, 3, "nor for it"},
		{"C1 s2", 'c', 1, 0, "a person's suspicion does not replace it"},
	};
	static const char letters[] = "-scr";

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct act acts[16];
		struct mark_own own = fold(rows[i].marks, acts);

		ok(letters[own.state] == rows[i].state &&
				(own.by ? own.by->object : 0) == rows[i].by &&
				(own.waiting ? own.waiting->object : 0) == rows[i].waiting,
			"%s: %s (%c, %u)", rows[i].marks, rows[i].why, letters[own.state],
			own.waiting ? (unsigned)own.waiting->object : 0);
	}
	ok(mark_withholds(MARK_SUSPECTED) && mark_withholds(MARK_CONFIRMED) &&
			!mark_withholds(MARK_REJECTED) && !mark_withholds(MARK_NONE),
		"what withholds");
}

/* ---- a case --------------------------------------------------------------------------------- */

static void test_case(void)
{
	static char paths[3][16] = {"laptop/b", "laptop/a", "phone/a"};
	struct model_mark marks[5];
	struct model m = {.marks = marks, .marks_n = 5};
	struct act more = {.object = 0,
		.path = paths[1],
		.by_uid = 2,
		.mark_state = MARK_REJECTED,
		.mark_origin = MARK_BY_USER};
	const struct act *list[] = {&more};
	struct mark_own *own = NULL;
	size_t n = 0;

	for (size_t i = 0; i < 5; i++)
		marks[i].act = (struct act){.seq = i + 1,
			.object = i + 1,
			.case_id = i == 4 ? 2 : 1,
			.path = paths[i % 3],
			.mark_state = i == 3 ? MARK_REJECTED : MARK_SUSPECTED,
			.mark_origin = MARK_BY_USER};
	is_int(marks_of_case(&m, 1, NULL, 0, &own, &n), 0, "the marks of a case");
	ok(n == 3 && strcmp(own[0].path, "laptop/a") == 0 && own[0].state == MARK_SUSPECTED &&
			own[1].state == MARK_REJECTED && own[1].by->object == 4 &&
			own[2].state == MARK_SUSPECTED,
		"one state for each trace, by path");
	free(own);
	is_int(marks_of_case(&m, 1, list, 1, &own, &n), 0, "with one more");
	ok(n == 3 && own[0].state == MARK_REJECTED && own[0].by == &more, "it comes last");
	free(own);
	is_int(marks_of_case(&m, 3, NULL, 0, &own, &n), 0, "of another case");
	is_int(n, 0, "there are none");
	free(own);
}

/* ---- one in the other ----------------------------------------------------------------------- */

static const struct mark_own suspected = {.state = MARK_SUSPECTED};
static const struct mark_own confirmed = {.state = MARK_CONFIRMED};
static const struct mark_own rejected = {.state = MARK_REJECTED};

/* Which mark counts for each of 20 traces, as letters. */
static void spread(struct mark_place *v, size_t n, char out[static 21])
{
	struct mark_span *spans = NULL;
	size_t spans_n = 0;

	memset(out, '.', 20);
	out[20] = '\0';
	if (marks_spread(v, n, &spans, &spans_n))
		bail_out("no memory");
	for (size_t i = 0; i < spans_n; i++) {
		if (i > 0 && spans[i].first <= spans[i - 1].last)
			bail_out("they are not apart");
		for (uint64_t t = spans[i].first; t <= spans[i].last && t < 20; t++)
			out[t] = "-scr"[spans[i].own->state];
	}
	free(spans);
}

static void test_spread(void)
{
	struct mark_place nested[] = {{6, 6, true, &suspected}, {2, 12, true, &confirmed},
		{5, 8, true, &rejected}, {15, 15, true, &suspected}};
	struct mark_place all[] = {{0, UINT64_MAX, true, &suspected}, {0, 3, true, &rejected}};
	struct mark_place same[] = {{4, 6, true, &rejected}, {4, 6, false, &suspected}};
	struct mark_place other[] = {{4, 6, false, &rejected}, {4, 6, false, &suspected}};
	char got[21];

	spread(nested, 4, got);
	is_str(got, "..cccrsrrcccc..s....", "the deepest counts");
	spread(all, 2, got);
	is_str(got, "rrrrssssssssssssssss", "over everything");
	spread(same, 2, got);
	is_str(got, "....rrr.............",
		"the trace's own mark before another's of the same reach");
	spread(other, 2, got);
	is_str(got, "....sss.............", "else what withholds");
	spread(NULL, 0, got);
	is_str(got, "....................", "nothing");
}

int main(void)
{
	test_fold();
	test_case();
	test_spread();
	return done_testing();
}
