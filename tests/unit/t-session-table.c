/* SPDX-License-Identifier: Apache-2.0 */
/* t-session-table.c - what outlives a service: slots, handles, nodes handed out. */
#include "tap.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mount/handle.h"
#include "mount/table.h"
#include "trace/id.h"

struct told {
	uint64_t last;
	unsigned count;
	unsigned wrong; /* out of order, or of another slot */
	unsigned slot;
};

static void on_marked(void *ctx, const struct node *n)
{
	struct told *s = ctx;

	s->wrong += n->slot != s->slot || (s->count > 0 && n->trace <= s->last);
	s->last = n->trace;
	s->count++;
}

static unsigned marked(struct session_table *t, unsigned slot, uint64_t first, uint64_t last)
{
	const struct view_interval in = {first, last};
	struct told s = {.slot = slot};

	table_marked(t, slot, &in, 1, on_marked, &s);
	return s.wrong ? 1000000 : s.count;
}

static void test_slots(int fd)
{
	struct session_table *t = NULL;
	struct session_table *again = NULL;
	uint64_t id = 0;

	table_open(fd, &t, NULL);
	is_int(table_slot(t, TABLE_CASE, 7), 0, "the first slot");
	is_int(table_slot(t, TABLE_EVIDENCE, 7), 1, "a case and evidence of one number are two");
	is_int(table_slot(t, TABLE_CASE, 7), 0, "given once for good");
	table_open(fd, &again, NULL);
	is_int(table_slot(again, TABLE_EVIDENCE, 7), 1, "the next process finds them");
	ok(table_slot_kind(again, 1, &id) == TABLE_EVIDENCE && id == 7, "and what they stand for");
	ok(table_slot_kind(again, 2, &id) == TABLE_NONE, "and no more");
	ok(!memcmp(table_keys(t), table_keys(again), sizeof(struct node_keys)),
		"the keys are the same");
	for (uint64_t i = 2; i < NODE_SLOTS; i++)
		table_slot(t, TABLE_EVIDENCE, i + 100);
	is_int(table_slot(t, TABLE_CASE, 9999), -ENOSPC, "no more slots than there are");
	table_close(t);
	table_close(again);
}

static void test_marks(int fd)
{
	static const uint64_t numbers[] = {0, 1, 63, 64, 32767, 32768, 1000000, TRACE_NUMBER_MAX};
	struct session_table *t = NULL;
	const size_t n = sizeof(numbers) / sizeof(numbers[0]);
	unsigned failed = 0;

	table_open(fd, &t, NULL);
	for (unsigned slot = 0; slot < NODE_SLOTS; slot += 341) {
		for (unsigned part = 0; part < 5; part += 2) {
			for (size_t i = 0; i < n; i++) {
				const struct node at = {
					.slot = slot, .trace = trace_id(part, numbers[i])};

				failed += table_mark(t, &at) != 0;
			}
		}
	}
	is_int(failed, 0, "nodes are marked");
	table_close(t);
	table_open(fd, &t, NULL);
	is_int(marked(t, 341, 0, UINT64_MAX), 3 * n, "the next process finds them, in order");
	is_int(marked(t, 342, 0, UINT64_MAX), 0, "none of another slot");
	is_int(marked(t, 1023, trace_id(2, 0), trace_id(2, TRACE_NUMBER_MAX)), n, "one part");
	is_int(marked(t, 1023, trace_id(2, 63), trace_id(2, 64)), 2, "a few");
	is_int(marked(t, 1023, trace_id(2, 65), trace_id(2, 32766)), 0, "a gap");
	is_int(marked(t, 1023, trace_id(2, 64), trace_id(4, 0)), 6, "across parts");
	table_close(t);
}

static void test_handles(int fd)
{
	struct session_table *t = NULL;
	struct handles *hs = NULL;
	struct handle *a = NULL;
	struct handle *b = NULL;
	struct handle *c = NULL;
	const struct table_handle like = {.slot = 3, .trace = 99, .unique = 5};
	const struct node n = {.slot = 3, .trace = 99};
	uint64_t number = 0;

	table_open(fd, &t, NULL);
	handles_new(t, &hs);
	handle_new(hs, TABLE_FILE, &like, false, &a);
	handle_new(hs, TABLE_FILE, &like, true, &b);
	ok(a == b, "an OPEN sent again takes its place again");
	handle_put(hs, b);
	handle_new(hs, TABLE_DIRECTORY, &like, false, &b);
	ok(a != b, "another one takes another");
	ok(handles_hold_directory(hs, &n), "a directory is open");
	number = handle_number(hs, a);
	handle_put(hs, a);
	handle_put(hs, b);
	ok(handle_hold(hs, number) == a, "found by its number");
	handles_free(hs); /* as if killed: what it holds is held */
	table_close(t);

	table_open(fd, &t, NULL);
	handles_new(t, &hs);
	a = handle_hold(hs, number);
	ok(a && handle_node(a).trace == 99 && handle_node(a).slot == 3,
		"the next process finds it");
	handle_new(hs, TABLE_FILE, &like, true, &c);
	ok(c == a, "and what an OPEN took, if it is sent again");
	handle_put(hs, c);
	handle_release(hs, a);
	handle_release(hs, a);
	ok(handle_hold(hs, number) == NULL, "released, twice without harm, it is gone");
	handle_new(hs, TABLE_FILE, &like, false, &c);
	ok(c != a, "its place is not given anew while it is in use");
	handle_put(hs, c);
	handle_put(hs, a);
	handle_new(hs, TABLE_FILE, &like, false, &c);
	ok(c == a && handle_number(hs, c) != number, "then it is, under another number");
	ok(handle_hold(hs, number) == NULL, "and the old number is nobody's");
	ok(handle_hold(hs, UINT64_MAX) == NULL && handle_hold(hs, 0) == NULL, "nor are others");
	handle_put(hs, c);
	handles_free(hs);
	table_close(t);
}

static void test_begun(int fd)
{
	struct session_table *t = NULL;
	int first = 0;

	table_open(fd, &t, NULL);
	first = table_begin(t, 11);
	table_end(t, table_begin(t, 12));
	table_end(t, -1);
	table_close(t);
	table_open(fd, &t, NULL);
	is_int(table_left(t), 11, "a request that was begun is known to the next process");
	is_int(table_left(t), 0, "one that was ended is not");
	table_end(t, first);
	table_close(t);
}

static void test_version(int fd)
{
	static const char other[8] = "another";
	struct session_table *t = NULL;

	if (pwrite(fd, other, sizeof(other), 0) != sizeof(other))
		bail_out("cannot write");
	is_int(table_open(fd, &t, NULL), -EBADMSG, "a table of another version is refused");
}

int main(void)
{
	int fd = memfd_create("table", MFD_CLOEXEC);

	if (fd < 0)
		bail_out("no memfd");
	test_slots(fd);
	test_marks(fd);
	test_handles(fd);
	test_begun(fd);
	test_version(fd);
	test_slots(memfd_create("another", MFD_CLOEXEC));
	close(fd);
	return done_testing();
}
