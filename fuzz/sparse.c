/* SPDX-License-Identifier: Apache-2.0 */
/* sparse.c - an image of megabytes as an input of a few KiB; see sparse.h. */
#include "sparse.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

static uint64_t number(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

static void begin(struct sparse *s)
{
	if (s->bytes)
		return;
	s->fd = memfd_create("image", MFD_CLOEXEC);
	s->touched = calloc(1, SPARSE_MAX / PAGE / 8);
	s->bytes = mmap(NULL, SPARSE_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (s->fd < 0 || !s->touched || s->bytes == MAP_FAILED)
		abort();
}

size_t sparse_block(const uint8_t *data, size_t size, size_t at)
{
	size_t n = 0;

	if (at >= size || size - at <= SPARSE_BLOCK)
		return 0;
	n = (size_t)number(data + at + 4, 2) + SPARSE_BLOCK;
	return n < size - at ? n : size - at;
}

static void put(struct sparse *s, uint64_t off, const uint8_t *p, size_t n)
{
	if (off >= s->size || n == 0)
		return;
	if (n > s->size - off)
		n = (size_t)(s->size - off);
	memcpy(s->bytes + off, p, n);
	for (uint64_t page = off / PAGE; page <= (off + n - 1) / PAGE; page++)
		s->touched[page >> 3] |= (uint8_t)(1u << (page & 7));
}

bool sparse_expand(struct sparse *s, const uint8_t *data, size_t size)
{
	size_t at = SPARSE_HEAD;
	size_t n = 0;

	if (size < SPARSE_HEAD)
		return false;
	begin(s);
	s->flags = data[0];
	s->size = number(data + 1, 4) * 512;
	if (s->size == 0 || s->size > SPARSE_MAX)
		return false;
	if (ftruncate(s->fd, 0) || ftruncate(s->fd, (off_t)s->size))
		abort();
	memset(s->touched, 0, SPARSE_MAX / PAGE / 8);
	while ((n = sparse_block(data, size, at)) > 0) {
		put(s, number(data + at, 4), data + at + SPARSE_BLOCK, n - SPARSE_BLOCK);
		at += n;
	}
	return true;
}

bool sparse_touched(const struct sparse *s, uint64_t off, size_t n)
{
	if (off >= s->size || n > s->size - off)
		return false;
	for (uint64_t page = off / PAGE; page <= (off + n - 1) / PAGE; page++) {
		if (s->touched[page >> 3] >> (page & 7) & 1)
			return true;
	}
	return false;
}
