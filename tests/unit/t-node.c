/* SPDX-License-Identifier: Apache-2.0 */
/* t-node.c - the kernel's numbers: computed from a trace and back, and saying nothing. */
#include "tap.h"

#include "mount/node.h"
#include "trace/id.h"

static const struct node_keys keys = {{1, 2}, {3, 4}};
static const struct node_keys others = {{5, 6}, {7, 8}};

static bool comes_back(const struct node *n)
{
	uint64_t id = node_id(&keys, n);
	struct node got = node_parse(&keys, id);

	return id > NODE_ROOT && !got.root && got.slot == n->slot && got.trace == n->trace &&
	       node_ino(&keys, n) < UINT64_C(1) << 63;
}

static void test_nodes(void)
{
	static const unsigned pieces[] = {0, 1, 2, NODE_SLOTS - 1};
	static const unsigned parts[] = {0, 1, 2, 3, 255, (1u << 21) - 1};
	static const uint64_t numbers[] = {
		0, 1, 2, 3, 1000, 65536, TRACE_NUMBER_MAX - 1, TRACE_NUMBER_MAX};
	unsigned lost = 0;
	unsigned agree = 0;

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		for (size_t j = 0; j < sizeof(parts) / sizeof(parts[0]); j++) {
			for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
				const struct node n = {
					.slot = pieces[i], .trace = trace_id(parts[j], numbers[k])};

				lost += !comes_back(&n);
				agree += node_id(&keys, &n) == node_id(&others, &n);
			}
		}
	}
	is_int(lost, 0, "every trace of every piece of evidence comes back");
	is_int(agree, 0, "another session has other numbers");
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a;
	const uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void test_unique(void)
{
	enum { N = 100000 };
	static uint64_t ids[N];
	unsigned wrong = 0;

	for (unsigned i = 0; i < N; i++) {
		const struct node n = {.slot = i % 3, .trace = trace_id(1 + i % 2, i)};

		ids[i] = node_id(&keys, &n);
		wrong += !comes_back(&n) || node_ino(&keys, &n) == NODE_ROOT ||
			 node_ino(&keys, &n) == 0;
	}
	is_int(wrong, 0, "100,000 traces come back, none shown as inode 0 or 1");
	qsort(ids, N, sizeof(ids[0]), compare);
	for (unsigned i = 1; i < N; i++)
		wrong += ids[i] == ids[i - 1];
	is_int(wrong, 0, "each has a number of its own");
}

static void test_root(void)
{
	const struct node root = {.root = true};

	ok(node_id(&keys, &root) == NODE_ROOT, "the root is number 1");
	ok(node_parse(&keys, NODE_ROOT).root, "number 1 is the root");
	ok(node_parse(&keys, 0).root && node_parse(&keys, INT64_MAX).root,
		"numbers without the top bit name no trace");
}

static void test_cookies(void)
{
	unsigned wrong = 0;
	unsigned near = 0;
	uint64_t last = 0;

	for (uint64_t pos = 0; pos < 3; pos++)
		wrong += node_cookie(&keys, pos) != pos || node_cookie_parse(&keys, pos) != pos;
	is_int(wrong, 0, "a listing's begin and its dots have places of their own");
	for (uint64_t pos = 3; pos < 100000; pos++) {
		uint64_t cookie = node_cookie(&keys, pos);

		wrong += node_cookie_parse(&keys, cookie) != pos || cookie < 3 || cookie >> 63;
		near += cookie - last < 4096 || last - cookie < 4096;
		last = cookie;
	}
	wrong += node_cookie_parse(&keys, node_cookie(&keys, trace_id(2, TRACE_NUMBER_MAX) + 3)) !=
		 trace_id(2, TRACE_NUMBER_MAX) + 3;
	is_int(wrong, 0, "every place comes back from its cookie, which a signed offset can hold");
	is_int(near, 0, "cookies do not count entries");
}

int main(void)
{
	test_nodes();
	test_unique();
	test_root();
	test_cookies();
	return done_testing();
}
