/* SPDX-License-Identifier: Apache-2.0 */
/* t-array.c - an array that grows: there is always the room that is claimed. */
#include "tap.h"

#include <errno.h>
#include <malloc.h>

#include "base/array.h"

struct item {
	uint64_t a;
	char b[5];
};

/* Also where the memory stays in its place while it grows: nothing else is allocated here. */
static void test_room(void)
{
	struct item *v = NULL;
	size_t cap = 0;
	size_t n = 0;
	size_t small = 0;
	size_t wrong = 0;

	for (; n < 100000; n++) {
		if (array_room(&v, sizeof(*v), n, &cap))
			break;
		small += cap <= n || malloc_usable_size(v) < cap * sizeof(*v);
		v[n] = (struct item){n, "item"};
	}
	for (size_t i = 0; i < n; i++)
		wrong += v[i].a != i || strcmp(v[i].b, "item") != 0;
	is_int((long long)n, 100000, "items were added one by one");
	is_int((long long)small, 0, "there was always room for them");
	is_int((long long)wrong, 0, "and they are what they were");
	ok(cap < 4 * n, "room at most doubles");
	free(v);
}

static void test_large(void)
{
	struct item *v = NULL;
	size_t cap = 0;

	ok(array_room(&v, 1 << 20, 0, &cap) == 0 && cap == 1, "an item of a mebibyte");
	cap = SIZE_MAX / 2;
	ok(array_room(&v, 1 << 20, cap, &cap) == -ENOMEM && v && cap == SIZE_MAX / 2,
		"more than there can be: nothing has changed");
	free(v);
}

int main(void)
{
	test_room();
	test_large();
	return done_testing();
}
