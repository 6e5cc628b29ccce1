/* SPDX-License-Identifier: Apache-2.0 */
/* t-json.c - the JSON writer. */
#include "tap.h"

#include "base/json.h"
#include "base/text.h"

static void test_object(void)
{
	struct buf b = BUF_INIT;
	struct json j;

	json_begin(&j, &b);
	json_object(&j, NULL);
	json_str(&j, "path", "laptop/p2-ntfs/\xff\"x\"");
	json_str(&j, "none", NULL);
	json_str(&j, "empty", "");
	json_u64(&j, "size", UINT64_MAX);
	json_i64(&j, "result", INT64_MIN);
	json_bool(&j, "healthy", true);
	json_bool(&j, "match", false);
	json_null(&j, "until");
	json_hex(&j, "md5", "\x00\xab", 2);
	json_hex(&j, "sha1", NULL, 20);
	json_time(&j, "at", 0, TEXT_NSEC_NONE);
	json_time_ns(&j, "time", 1);
	json_array(&j, "rights");
	json_str(&j, NULL, "read");
	json_str(&j, NULL, "raw");
	json_array(&j, NULL);
	json_end(&j);
	json_object(&j, NULL);
	json_end(&j);
	json_end(&j);
	json_u64(&j, "last", 0);
	json_end(&j);
	json_line(&j);
	is_str(buf_cstr(&b),
		"{\"path\":\"laptop/p2-ntfs/\\\\xff\\\"x\\\"\",\"none\":null,\"empty\":\"\","
		"\"size\":18446744073709551615,\"result\":-9223372036854775808,"
		"\"healthy\":true,\"match\":false,\"until\":null,\"md5\":\"00ab\",\"sha1\":null,"
		"\"at\":\"1970-01-01T00:00:00Z\",\"time\":\"1970-01-01T00:00:00.000000001Z\","
		"\"rights\":[\"read\",\"raw\",[],{}],\"last\":0}\n",
		"an object with all there is");
	buf_release(&b);
}

static void test_strings(void)
{
	struct buf b = BUF_INIT;
	struct json j;

	json_begin(&j, &b);
	json_array(&j, NULL);
	json_bytes(&j, NULL, "a\0b\n\\", 5);
	json_str(&j, NULL, "\xe2\x80\xaetxt\x1b");
	json_str(&j, NULL, "caf\xc3\xa9");
	json_text(&j, NULL, "a\\\\b\\x0a");
	json_text(&j, NULL, "\x01\"\n");
	json_text(&j, NULL, NULL);
	json_end(&j);
	is_str(buf_cstr(&b),
		"[\"a\\\\x00b\\\\x0a\\\\\\\\\",\"\\\\xe2\\\\x80\\\\xaetxt\\\\x1b\",\"caf\xc3\xa9\","
		"\"a\\\\\\\\b\\\\x0a\",\"\\u0001\\\"\\u000a\",null]",
		"strings are escaped for people, then for JSON");
	buf_release(&b);
}

static void test_lines(void)
{
	struct buf b = BUF_INIT;
	struct json j;

	json_begin(&j, &b);
	for (unsigned i = 0; i < 2; i++) {
		json_object(&j, NULL);
		json_u64(&j, "seq", i);
		json_end(&j);
		json_line(&j);
	}
	is_str(buf_cstr(&b), "{\"seq\":0}\n{\"seq\":1}\n", "an object a line, no comma between");
	buf_release(&b);
}

static void test_depth(void)
{
	struct buf b = BUF_INIT;
	struct json j;

	json_begin(&j, &b);
	for (unsigned i = 0; i < JSON_DEPTH_MAX; i++)
		json_array(&j, NULL);
	ok(!b.error, "as deep as allowed");
	json_array(&j, NULL);
	ok(b.error, "too deep is an error");
	for (unsigned i = 0; i < JSON_DEPTH_MAX + 5; i++)
		json_end(&j);
	is_int(j.depth, 0, "one end too many does nothing");
	buf_release(&b);
}

int main(void)
{
	test_object();
	test_strings();
	test_lines();
	test_depth();
	return done_testing();
}
