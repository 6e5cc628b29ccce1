/* SPDX-License-Identifier: Apache-2.0 */
/* input.c - bytes from their beginning; see input.h. */
#include "text/input.h"

#define PAGE 4096u /* that is left out where a byte cannot be read */

static ssize_t some(struct input *in, void *buf, size_t len)
{
	ssize_t n = 0;

	if (!in->s)
		return in->read(in->ctx, buf, len);
	if (in->off >= source_size(in->s))
		return 0;
	n = source_pread(in->s, buf, len, in->off);
	if (n > 0)
		in->off += (uint64_t)n;
	return n;
}

size_t input_read(struct input *in, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = some(in, (uint8_t *)buf + done, len - done);

		if (n < 0)
			in->faults = true;
		if (n == 0 || (n < 0 && !in->s))
			break;
		if (n < 0)
			in->off = (in->off / PAGE + 1) * PAGE;
		else
			done += (size_t)n;
	}
	return done;
}
