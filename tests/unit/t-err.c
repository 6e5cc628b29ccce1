/* SPDX-License-Identifier: Apache-2.0 */
/* t-err.c - the one error idiom: the first report wins, NULL is allowed. */
#include "tap.h"

#include <errno.h>

#include "base/err.h"

int main(void)
{
	struct err e = {.code = 0};
	char long_text[ERR_TEXT_MAX * 2];

	is_str(err_text(&e, -ENOENT), strerror(ENOENT), "without a report, the code's own text");
	is_str(err_text(NULL, ENOENT), strerror(ENOENT), "of either sign, and without a struct");
	is_int(err_set(&e, EACCES, "no grant for uid %d", 1000), -EACCES, "a report gives -code");
	is_str(e.text, "no grant for uid 1000", "and has its text");
	is_int(e.code, EACCES, "and code");
	is_int(err_set(&e, EIO, "later"), -EIO, "a later one gives its own code");
	is_str(err_text(&e, -EIO), "no grant for uid 1000", "but the first stays");
	is_int(e.code, EACCES, "with its code");
	err_clear(&e);
	is_int(e.code, 0, "until cleared");
	is_int(err_errno(&e, ENOSPC, "%s", "disk"), -ENOSPC, "a failed call");
	is_str(e.text, "disk: No space left on device", "has its reason");
	is_int(err_set(NULL, EINVAL, "x"), -EINVAL, "nobody listens");
	is_int(err_errno(NULL, EINVAL, "x"), -EINVAL, "to either");
	err_clear(NULL);
	err_clear(&e);
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	err_errno(&e, EIO, "%s", long_text);
	is_int(strlen(e.text), ERR_TEXT_MAX - 1, "a long text is cut");
	return done_testing();
}
