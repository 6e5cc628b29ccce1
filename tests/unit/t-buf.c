/* SPDX-License-Identifier: Apache-2.0 */
/* t-buf.c - bounded buffers: what goes in comes out; the first failure sticks. */
#include "tap.h"

#include <errno.h>

#include "base/buf.h"

static void test_integers(void)
{
	static const uint8_t want[] = {1, 0x34, 0x12, 4, 3, 2, 1, 8, 7, 6, 5, 4, 3, 2, 1};
	struct buf b = BUF_INIT;
	struct cur c;

	buf_put_u8(&b, 1);
	buf_put_u16(&b, 0x1234);
	buf_put_u32(&b, 0x01020304);
	buf_put_u64(&b, 0x0102030405060708);
	ok(b.len == sizeof(want) && memcmp(b.data, want, b.len) == 0, "little-endian");
	c = cur_of(b.data, b.len);
	ok(cur_u8(&c) == 1 && cur_u16(&c) == 0x1234 && cur_u32(&c) == 0x01020304 &&
			cur_u64(&c) == 0x0102030405060708 && !c.bad && cur_left(&c) == 0,
		"and back");
	is_int(cur_u8(&c), 0, "past the end: zero");
	ok(c.bad, "and bad");
	buf_release(&b);
	ok(!b.data && !b.len, "released");
}

static void test_varints(void)
{
	static const uint64_t values[] = {
		0, 1, 127, 128, 16383, 16384, UINT32_MAX, INT64_MAX, (uint64_t)1 << 63, UINT64_MAX};
	static const int64_t signed_values[] = {0, -1, 1, 63, -64, 64, INT64_MIN, INT64_MAX};
	static const uint8_t too_long[] = {
		0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02};
	struct buf b = BUF_INIT;
	struct cur c;
	size_t good = 0;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		buf_put_varint(&b, values[i]);
	for (size_t i = 0; i < sizeof(signed_values) / sizeof(signed_values[0]); i++)
		buf_put_svarint(&b, signed_values[i]);
	c = cur_of(b.data, b.len);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		good += cur_varint(&c) == values[i];
	for (size_t i = 0; i < sizeof(signed_values) / sizeof(signed_values[0]); i++)
		good += cur_svarint(&c) == signed_values[i];
	ok(good == 18 && !c.bad && cur_left(&c) == 0, "varints, with and without sign");
	c = cur_of(too_long, sizeof(too_long));
	ok(cur_varint(&c) == 0 && c.bad, "more than 64 bits are bad");
	c = cur_of(too_long, 3);
	ok(cur_varint(&c) == 0 && c.bad, "one without end is bad");
	buf_release(&b);
}

static void test_blobs(void)
{
	struct buf b = BUF_INIT;
	struct cur c;
	size_t n = 9;
	const uint8_t *p = NULL;

	buf_put_blob(&b, "name", 4);
	buf_put_blob(&b, NULL, 0);
	buf_put_varint(&b, UINT64_MAX);
	c = cur_of(b.data, b.len);
	p = cur_blob(&c, &n);
	ok(p && n == 4 && memcmp(p, "name", 4) == 0, "a blob");
	ok(cur_blob(&c, &n) && n == 0 && !c.bad, "an empty one is not bad");
	ok(!cur_blob(&c, &n) && n == 0 && c.bad, "one longer than what is left is");
	ok(!cur_take(&c, 0), "bad sticks");
	buf_release(&b);
}

static void test_text(void)
{
	struct buf b = BUF_INIT;

	is_str(buf_cstr(&b), "", "empty");
	buf_puts(&b, "a");
	buf_printf(&b, "%d %s", 42, "x");
	is_str(buf_cstr(&b), "a42 x", "formatted");
	is_int(b.len, 5, "the NUL is not counted");
	for (size_t i = 0; i < 1000; i++)
		buf_puts(&b, "0123456789");
	ok(b.len == 10005 && strlen(buf_cstr(&b)) == 10005, "it grows");
	is_int(buf_reserve(&b, SIZE_MAX - 5), -ENOMEM, "but not without limit");
	buf_puts(&b, "more");
	ok(b.error == -ENOMEM && b.len == 10005, "the failure sticks");
	is_str(buf_cstr(&b), "", "and shows as nothing");
	buf_reset(&b);
	buf_puts(&b, "again");
	is_str(buf_cstr(&b), "again", "until reset");
	buf_release(&b);
}

int main(void)
{
	test_integers();
	test_varints();
	test_blobs();
	test_text();
	return done_testing();
}
