/* SPDX-License-Identifier: Apache-2.0 */
/* t-control-wire.c - requests and rows of the control socket, whole, cut and bent. */
#include <errno.h>

#include "control/row.h"
#include "control/wire.h"
#include "tap.h"
#include "worker/wire.h"

#define HEAD WIRE_HEADER

static struct cur payload_of(const struct buf *b)
{
	return cur_of(b->data + HEAD, b->len - HEAD);
}

static void test_request(void)
{
	const struct control_arg args[] = {
		{"case", "case-042"}, {"who", "@team"}, {"path", "a\n\xff\"/b"}, {"future", ""}};
	struct control_request q;
	struct buf b = BUF_INIT;
	struct frame f;
	size_t used = 0;
	struct err e = {0};

	is_int(control_request_put(&b, "case create", args, 4, &e), 0, "a request is made");
	is_int(wire_parse(b.data, b.len, CONTROL_REQUEST_MAX, &f, &used), 1, "it is one frame");
	is_int(used, (long long)b.len, "with nothing behind");
	is_int(f.type, CONTROL_REQUEST, "of type REQUEST");
	is_int(control_request_parse(f.payload, &q, &e), 0, "it is understood");
	is_str(q.command, "case create", "its command");
	is_int((long long)q.n, 4, "its arguments");
	is_str(control_arg(&q, "case"), "case-042", "one of them");
	is_str(control_arg(&q, "path"), "a\n\xff\"/b", "bytes stay as they are");
	is_str(control_arg(&q, "future"), "", "an empty one is there");
	ok(!control_arg(&q, "until"), "one that was not given is not");
	ok(!control_arg_n(&q, "case", 1), "nor is a second one");
	control_request_release(&q);
	for (size_t n = 0; n < b.len - HEAD; n++) {
		struct err cut = {0};

		if (control_request_parse(cur_of(b.data + HEAD, n), &q, &cut) != -EPROTO ||
			!cut.code) {
			ok(false, "cut to %zu bytes", n);
			control_request_release(&q);
		}
	}
	ok(true, "every shorter one is refused with words");
	buf_put_u8(&b, 0);
	is_int(control_request_parse(payload_of(&b), &q, NULL), -EPROTO, "a byte more is refused");
	buf_release(&b);
}

/* A request by hand. */
static int parse(const char *command, size_t n, const char *name, const char *value, size_t len)
{
	struct control_request q;
	struct buf b = BUF_INIT;
	int r = 0;

	buf_put_u16(&b, CONTROL_VERSION);
	buf_put_blob(&b, command, n);
	buf_put_varint(&b, name ? 1 : 0);
	if (name) {
		buf_put_blob(&b, name, strlen(name));
		buf_put_blob(&b, value, len);
	}
	r = control_request_parse(cur_of(b.data, b.len), &q, NULL);
	if (r == 0)
		control_request_release(&q);
	buf_release(&b);
	return r;
}

static void test_bent_requests(void)
{
	static char large[CONTROL_VALUE_MAX + 1];
	struct control_request q;
	struct buf b = BUF_INIT;
	struct err e = {0};

	memset(large, 'x', sizeof(large));
	is_int(parse("grant", 5, "who", "a", 1), 0, "a small request");
	is_int(parse("", 0, NULL, NULL, 0), -EPROTO, "no command");
	is_int(parse("gr\0nt", 5, NULL, NULL, 0), -EPROTO, "a NUL in the command");
	is_int(parse("Grant", 5, NULL, NULL, 0), -EPROTO, "a capital in the command");
	is_int(parse(" grant", 6, NULL, NULL, 0), -EPROTO, "a blank before it");
	is_int(parse("case  list", 10, NULL, NULL, 0), -EPROTO, "two blanks in it");
	is_int(parse(large, 64, NULL, NULL, 0), -EPROTO, "a command of 64 bytes");
	is_int(parse("grant", 5, "", "a", 1), -EPROTO, "an argument without a name");
	is_int(parse("grant", 5, "wh o", "a", 1), -EPROTO, "a blank in its name");
	is_int(parse("grant", 5, "who", "a\0b", 3), -EPROTO, "a NUL in its value");
	is_int(parse("grant", 5, "who", large, sizeof(large)), -EPROTO, "a value too long");
	is_int(parse("grant", 5, "who", large, CONTROL_VALUE_MAX), 0, "the longest value");
	buf_put_u16(&b, CONTROL_VERSION + 1);
	is_int(control_request_parse(cur_of(b.data, b.len), &q, &e), -EPROTO, "another version");
	ok(strstr(e.text, "version 2") != NULL, "is named");
	buf_reset(&b);
	buf_put_u16(&b, CONTROL_VERSION);
	buf_put_blob(&b, "grant", 5);
	buf_put_varint(&b, UINT64_MAX);
	is_int(control_request_parse(cur_of(b.data, b.len), &q, NULL), -EPROTO,
		"more arguments than there can be");
	buf_release(&b);
}

static void test_own_limits(void)
{
	static char large[CONTROL_VALUE_MAX + 2];
	static struct control_arg args[CONTROL_ARGS_MAX + 1];
	struct buf b = BUF_INIT;

	memset(large, 'x', sizeof(large) - 1);
	for (size_t i = 0; i <= CONTROL_ARGS_MAX; i++)
		args[i] = (struct control_arg){"who", "x"};
	is_int(control_request_put(&b, "grant", args, CONTROL_ARGS_MAX, NULL), 0,
		"20,000 arguments");
	is_int(control_request_put(&b, "grant", args, CONTROL_ARGS_MAX + 1, NULL), -E2BIG,
		"one more is too many");
	args[0].value = large;
	is_int(control_request_put(&b, "grant", args, 1, NULL), -E2BIG, "a value too long to send");
	for (size_t i = 0; i < 65; i++)
		args[i].value = large + 1;
	is_int(control_request_put(&b, "grant", args, 65, NULL), -E2BIG,
		"a request too long to send");
	is_int(control_request_put(&b, "Grant", args, 0, NULL), -EINVAL, "what is no command");
	buf_release(&b);
}

static void put_one_of_each(struct buf *b)
{
	const uint8_t digest[2] = {0xab, 0x01};

	row_null(b, "nothing");
	row_bool(b, "yes", true);
	row_u64(b, "number", UINT64_MAX);
	row_i64(b, "less", -5);
	row_str(b, "name", "a\nb\\\xff");
	row_str(b, "none", NULL);
	row_hex(b, "digest", true, digest, 2);
	row_time(b, "at", 1500000000123456789);
	row_f64(b, "seconds", 1.25);
	row_list(b, "rights", 2);
	row_item(b, "read", 4);
	row_item(b, "raw", 3);
	row_list(b, "empty", 0);
}

static void test_row(void)
{
	struct buf b = BUF_INIT;
	struct buf out = BUF_INIT;
	struct row r;

	put_one_of_each(&b);
	is_int(row_parse(cur_of(b.data, b.len), &r), 0, "a row with a field of each kind");
	is_int((long long)r.n, 11, "has them all");
	row_json(&r, &out);
	is_str(buf_cstr(&out),
		"{\"nothing\":null,\"yes\":true,\"number\":18446744073709551615,\"less\":-5,"
		"\"name\":\"a\\\\x0ab\\\\\\\\\\\\xff\",\"none\":null,\"digest\":\"ab01\","
		"\"at\":\"2017-07-14T02:40:00.123456789Z\",\"seconds\":1.250,"
		"\"rights\":[\"read\",\"raw\"],\"empty\":[]}\n",
		"as JSON");
	buf_reset(&out);
	row_cell(row_get(&r, "rights"), &out);
	is_str(buf_cstr(&out), "read, raw", "a list for people");
	for (size_t n = 0; n < b.len; n++) {
		struct row cut;

		/* whole fields may be gone, but never is what is not there read */
		if (row_parse(cur_of(b.data, n), &cut) == 0 && cut.n >= r.n)
			ok(false, "cut to %zu bytes", n);
	}
	row_null(&b, "yes");
	is_int(row_parse(cur_of(b.data, b.len), &r), -EPROTO, "a key twice is refused");
	buf_release(&b);
	buf_release(&out);
}

static int parse_row(const void *p, size_t n)
{
	struct row r;

	return row_parse(cur_of(p, n), &r);
}

static void test_bent_rows(void)
{
	struct buf b = BUF_INIT;

	is_int(parse_row("\001a\010", 3), -EPROTO, "a kind that is none");
	is_int(parse_row("\001a\001\002", 4), -EPROTO, "a yes of 2");
	is_int(parse_row("\001A\000", 3), -EPROTO, "a capital in a key");
	is_int(parse_row("\000\000", 2), -EPROTO, "an empty key");
	is_int(parse_row("\001a\004\005xy", 6), -EPROTO, "bytes that are not there");
	is_int(parse_row("\001a\007\377\377\377\177", 7), -EPROTO, "a list too long");
	for (unsigned i = 0; i <= CONTROL_FIELDS_MAX; i++) {
		char key[16];

		snprintf(key, sizeof(key), "k%u", i);
		row_null(&b, key);
	}
	is_int(parse_row(b.data, b.len), -EPROTO, "65 fields");
	buf_release(&b);
}

static void test_others(void)
{
	static char large[CONTROL_VALUE_MAX * 2];
	struct buf b = BUF_INIT;
	struct control_progress p;
	struct err e = {0};
	size_t begun = 0;

	control_progress_put(&b, "hashing", 5, 10);
	is_int(control_progress_parse(payload_of(&b), &p), 0, "progress");
	ok(!strcmp(p.what, "hashing") && p.done == 5 && p.total == 10, "says the same");
	buf_reset(&b);
	control_end_put(&b, 0, "");
	is_int(control_end_parse(payload_of(&b), &e), 0, "an end that is well");
	buf_reset(&b);
	control_end_put(&b, EPERM, "not you");
	is_int(control_end_parse(payload_of(&b), &e), -EPERM, "one that is not");
	is_str(e.text, "not you", "in its words");
	is_int(control_end_parse(cur_of("\001\000", 2), &e), -EPROTO, "half an end");
	buf_reset(&b);
	memset(large, 'x', sizeof(large));
	control_text_put(&b, CONTROL_NOTE, large, sizeof(large));
	is_int((long long)b.len, HEAD + CONTROL_VALUE_MAX, "a long line is cut");
	buf_reset(&b);
	buf_put_u8(&b, 7);
	begun = control_frame_begin(&b, CONTROL_ROW);
	for (unsigned i = 0; i < 9; i++)
		buf_put(&b, large, sizeof(large));
	is_int(control_frame_end(&b, begun), -EMSGSIZE, "a frame too large");
	is_int((long long)b.len, 1, "is taken back");
	buf_release(&b);
}

int main(void)
{
	test_request();
	test_bent_requests();
	test_own_limits();
	test_row();
	test_bent_rows();
	test_others();
	return done_testing();
}
