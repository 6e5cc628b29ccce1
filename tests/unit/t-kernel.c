/* SPDX-License-Identifier: Apache-2.0 */
/* t-kernel.c - what a kernel lacks, by its release */
#include "mount/kernel.h"

#include "tap.h"

static void test_lacks(void)
{
	const unsigned since_6_6 = DEGRADED_NO_SHARED_MMAP | DEGRADED_NO_STATX;
	const unsigned since_6_9 = DEGRADED_HANDLES | DEGRADED_NO_RESEND;
	const unsigned since_6_16 = DEGRADED_NO_EPOCH;

	is_int(kernel_lacks("6.16.0"), 0, "6.16 has all");
	is_int(kernel_lacks("7.0"), 0, "and so has what follows");
	is_int(kernel_lacks("6.15.9-arch1"), since_6_16, "6.15");
	is_int(kernel_lacks("6.8.12"), since_6_16 | since_6_9, "6.8");
	is_int(kernel_lacks("6.6.1"), since_6_16 | since_6_9, "6.6");
	is_int(kernel_lacks("6.1.0-18-amd64"), DEGRADED_ALL, "6.1");
	is_int(since_6_6 | since_6_9 | since_6_16, DEGRADED_ALL, "which is every one");
	is_int(kernel_lacks("unheard of"), DEGRADED_ALL, "in doubt, all");
}

static void test_words(void)
{
	char words[512];
	unsigned flags = 0;

	is_str(kernel_missing(0, words, sizeof(words)), "", "nothing is missing");
	is_str(kernel_missing(DEGRADED_NO_EPOCH, words, sizeof(words)),
		"names kept for a second (Linux 6.16)", "one is");
	ok(kernel_degraded_parse("no-statx,handles", &flags) == 0 &&
			flags == (DEGRADED_NO_STATX | DEGRADED_HANDLES),
		"modes by their names");
	ok(kernel_degraded_parse("no-sound", &flags) == -22, "an unknown one is refused");
}

int main(void)
{
	test_lacks();
	test_words();
	return done_testing();
}
