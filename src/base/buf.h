/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.h - bounded buffers: little-endian encoding and decoding
 *
 * `struct buf` grows while it is written; its first failure (memory, or the
 * limit) sticks, so that a caller checks once at the end. `struct cur` reads
 * bytes it does not own; reading past the end sticks as `bad` and gives zeros.
 * On-disk and wire integers go through these, never through a struct.
 */
#ifndef EVIDENCEFS_BASE_BUF_H
#define EVIDENCEFS_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	int error; /* 0, or -ENOMEM from the first failed write */
};

#define BUF_INIT                                                                                   \
	{                                                                                          \
		.data = NULL                                                                       \
	}

void buf_release(struct buf *b);
/** buf_reset() - empty, keeping the memory; clears the error. */
void buf_reset(struct buf *b);
/** buf_reserve() - room for @n more bytes. Return: 0 or -ENOMEM (sticks). */
int buf_reserve(struct buf *b, size_t n);
void buf_put(struct buf *b, const void *p, size_t n);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
/** buf_put_varint() - LEB128, 1 to 10 bytes. */
void buf_put_varint(struct buf *b, uint64_t v);
/** buf_put_svarint() - zigzag, then LEB128. */
void buf_put_svarint(struct buf *b, int64_t v);
/** buf_put_blob() - varint length, then the bytes. */
void buf_put_blob(struct buf *b, const void *p, size_t n);
/** buf_printf() - append formatted text, without a NUL. */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** buf_puts() - append a string, without its NUL. */
void buf_puts(struct buf *b, const char *s);
/** buf_cstr() - the contents as a string: a NUL stands behind them. "" when empty or failed. */
const char *buf_cstr(struct buf *b);

struct cur {
	const uint8_t *p;
	const uint8_t *end;
	bool bad;
};

static inline struct cur cur_of(const void *p, size_t n)
{
	return (struct cur){.p = p, .end = (const uint8_t *)p + n, .bad = false};
}

static inline size_t cur_left(const struct cur *c)
{
	return (size_t)(c->end - c->p);
}

uint8_t cur_u8(struct cur *c);
uint16_t cur_u16(struct cur *c);
uint32_t cur_u32(struct cur *c);
uint64_t cur_u64(struct cur *c);
uint64_t cur_varint(struct cur *c);
int64_t cur_svarint(struct cur *c);
/** cur_take() - the next @n bytes, borrowed; NULL (and bad) when fewer are left. */
const uint8_t *cur_take(struct cur *c, size_t n);
/** cur_blob() - varint length and that many bytes, borrowed; *@n set, 0 when bad. */
const uint8_t *cur_blob(struct cur *c, size_t *n);

#endif
