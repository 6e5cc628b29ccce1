/* SPDX-License-Identifier: Apache-2.0 */
/* reserve.c - space behind the end of a file; see reserve.h. */
#include "audit/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define BLOCK UINT64_C(4096)

int reserve_take(int fd, uint64_t end, uint64_t want, uint64_t *allocated)
{
	const uint64_t from = *allocated > end ? *allocated : end;
	const uint64_t upto = (end + want + BLOCK - 1) / BLOCK * BLOCK;
	int rc = 0;

	if (upto <= from)
		return 0;
	do
		rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(upto - from));
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return -errno;
	*allocated = upto;
	return 0;
}

void reserve_drop(int fd, uint64_t end, uint64_t *allocated)
{
	/* to the size that it has: what lies behind it goes */
	if (*allocated > end)
		(void)!ftruncate(fd, (off_t)end);
	*allocated = 0;
}
