/* SPDX-License-Identifier: Apache-2.0 */
/* array.c - room in an array that grows; see array.h. */
#include "base/array.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 512

int array_room(void *array, size_t size, size_t n, size_t *cap)
{
	size_t more = *cap ? *cap * 2 : (FIRST_BYTES + size - 1) / size;
	void *v = NULL;

	if (n < *cap)
		return 0;
	if (more < *cap || more > PTRDIFF_MAX / size)
		return -ENOMEM;
	memcpy(&v, array, sizeof(v)); /* a pointer of any type */
	v = realloc(v, more * size);
	if (!v)
		return -ENOMEM;
	memcpy(array, &v, sizeof(v));
	*cap = more;
	return 0;
}
