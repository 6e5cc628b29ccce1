/* SPDX-License-Identifier: Apache-2.0 */
/* t-text.c - bytes, times and sizes as text. */
#include "tap.h"

#include <errno.h>
#include <time.h>

#include "base/text.h"

#define SECOND ((int64_t)1000000000)

static const struct {
	const char *bytes;
	size_t n;
	const char *shown;
} escapes[] = {
	{"", 0, ""},
	{"plain text", 10, "plain text"},
	{"caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80", 14,
		"caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80"},
	{"a\\b", 3, "a\\\\b"},
	{"\\x41", 4, "\\\\x41"},
	{"a\0b", 3, "a\\x00b"},
	{"\x1b[31m\n\r\t\x7f", 9, "\\x1b[31m\\x0a\\x0d\\x09\\x7f"},
	{"\xc2\x85\xc2\x9b\xc2\xa0", 6, "\\xc2\\x85\\xc2\\x9b\xc2\xa0"},
	{"\xe2\x80\xa8\xe2\x80\xa9", 6, "\\xe2\\x80\\xa8\\xe2\\x80\\xa9"},
	{"exe.\xe2\x80\xaegpj", 10, "exe.\\xe2\\x80\\xaegpj"},
	{"\xe2\x81\xa6\xe2\x81\xa9", 6, "\\xe2\\x81\\xa6\\xe2\\x81\\xa9"},
	{"\xe2\x81\xa5\xe2\x81\xaa", 6, "\xe2\x81\xa5\xe2\x81\xaa"},
	{"\xe2\x80\x8d\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", 11,
		"\xe2\x80\x8d\\xe2\\x80\\x8e\\xe2\\x80\\x8f\\xd8\\x9c"},
	{"\xef\xbb\xbf", 3, "\\xef\\xbb\\xbf"},
	{"\xff\xfe\x80", 3, "\\xff\\xfe\\x80"},
	{"\xc0\xaf\xc1\x81", 4, "\\xc0\\xaf\\xc1\\x81"},
	{"\xe0\x80\xaf\xe0\x9f\xbf", 6, "\\xe0\\x80\\xaf\\xe0\\x9f\\xbf"},
	{"\xed\xa0\x80\xed\x9f\xbf", 6, "\\xed\\xa0\\x80\xed\x9f\xbf"},
	{"\xf0\x8f\xbf\xbf", 4, "\\xf0\\x8f\\xbf\\xbf"},
	{"\xf4\x8f\xbf\xbf\xf4\x90\x80\x80", 8, "\xf4\x8f\xbf\xbf\\xf4\\x90\\x80\\x80"},
	{"\xf5\x80\x80\x80\xf8", 5, "\\xf5\\x80\\x80\\x80\\xf8"},
	{"\xe6\x97", 2, "\\xe6\\x97"},
	{"\xe6\x97x\xc3", 4, "\\xe6\\x97x\\xc3"},
};

static void test_escape(void)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
		buf_reset(&b);
		text_escape(&b, escapes[i].bytes, escapes[i].n);
		is_str(buf_cstr(&b), escapes[i].shown, "escaped");
	}
	buf_reset(&b);
	text_escape_str(&b, NULL);
	is_int(b.len, 0, "no string, no text");
	text_hex(&b, "\x00\xfe\x10", 3);
	is_str(buf_cstr(&b), "00fe10", "hex");
	buf_release(&b);
}

/* Escaping undone: \\ and \xhh. Return: length. */
static size_t unescape(const char *s, size_t n, uint8_t *out)
{
	size_t len = 0;

	for (size_t i = 0; i < n; len++) {
		unsigned v = 0;

		if (s[i] != '\\') {
			out[len] = (uint8_t)s[i++];
		} else if (s[i + 1] == '\\') {
			out[len] = '\\';
			i += 2;
		} else {
			sscanf(s + i + 2, "%2x", &v);
			out[len] = (uint8_t)v;
			i += 4;
		}
	}
	return len;
}

static void test_any_bytes(void)
{
	struct buf b = BUF_INIT;
	uint8_t bytes[24];
	uint8_t back[24 * 4];
	uint32_t state = 1;
	size_t good = 0;
	const size_t rounds = 100000;

	for (size_t i = 0; i < rounds; i++) {
		bool clean = true;
		uint32_t code = 0;

		for (size_t k = 0; k < sizeof(bytes); k++) {
			static const uint8_t likely[] = {
				0xe2, 0x80, 0xae, '\\', 'x', 0xc2, 0xf0, 0x9f};

			state = state * 1664525 + 1013904223;
			bytes[k] = state >> 31 ? (uint8_t)(state >> 16) : likely[state >> 16 & 7];
		}
		buf_reset(&b);
		text_escape(&b, bytes, sizeof(bytes));
		buf_cstr(&b);
		for (size_t at = 0; clean && at < b.len;) {
			size_t len = text_next(b.data + at, b.len - at, &code);

			clean = len > 0 && !text_is_control(code);
			at += len;
		}
		good += clean && text_is_utf8(b.data, b.len) &&
			unescape((const char *)b.data, b.len, back) == sizeof(bytes) &&
			memcmp(back, bytes, sizeof(bytes)) == 0;
	}
	is_int(good, (long long)rounds, "any bytes: clean UTF-8, and can be undone");
	ok(text_is_utf8("", 0) && text_is_utf8("\xc3\xa9", 2) && !text_is_utf8("\xc3", 1),
		"text_is_utf8()");
	buf_release(&b);
}

static const struct {
	int64_t sec;
	uint32_t nsec;
	const char *shown;
} times[] = {
	{0, 0, "1970-01-01T00:00:00.000000000Z"},
	{1626962851, 123456789, "2021-07-22T14:07:31.123456789Z"},
	{1626962851, TEXT_NSEC_NONE, "2021-07-22T14:07:31Z"},
	{-1, 999999999, "1969-12-31T23:59:59.999999999Z"},
	{-11644473600, 0, "1601-01-01T00:00:00.000000000Z"},
	{951782400, 0, "2000-02-29T00:00:00.000000000Z"},
	{253402300799, 0, "9999-12-31T23:59:59.000000000Z"},
	{253402300800, 0, "+10000-01-01T00:00:00.000000000Z"},
	{-62167219200, 0, "0000-01-01T00:00:00.000000000Z"},
	{-62167219201, 0, "-0001-12-31T23:59:59.000000000Z"},
	{1626962851, 1073741823, "2021-07-22T14:07:32.073741823Z"},
	{INT64_MAX, 4000000000, "+292277026596-12-04T15:30:07.000000000Z"},
	{INT64_MIN, TEXT_NSEC_NONE, "-292277022657-01-27T08:29:52Z"},
};

static void test_time_shown(void)
{
	char text[TEXT_TIME_MAX];
	size_t good = 0;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		is_str(text_time_rfc3339(times[i].sec, times[i].nsec, text), times[i].shown,
			"time");
	is_str(text_time_ns(-1, text), "1969-12-31T23:59:59.999999999Z", "nanoseconds before 1970");
	for (int64_t sec = -70000000000; sec < 260000000000; sec += 86399 * 101, n++) {
		struct tm tm;
		time_t t = sec;
		char want[TEXT_TIME_MAX * 2];

		gmtime_r(&t, &tm);
		if (tm.tm_year + 1900 < 0 || tm.tm_year + 1900 > 9999) {
			good++;
			continue;
		}
		snprintf(want, sizeof(want), "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
			tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
		good += strcmp(text_time_rfc3339(sec, TEXT_NSEC_NONE, text), want) == 0;
	}
	is_int(good, (long long)n, "the same as gmtime() over eleven thousand years");
}

static const struct {
	const char *s;
	int64_t ns; /* with 1000 s as now */
} parsed[] = {
	{"2021-07-22T14:07:31Z", 1626962851 * SECOND},
	{"2021-07-22t14:07:31.5z", 1626962851 * SECOND + SECOND / 2},
	{"2021-07-22 14:07:31.1234567899Z", 1626962851 * SECOND + 123456789},
	{"2021-07-22T16:07:31+02:00", 1626962851 * SECOND},
	{"2021-07-22T09:37:31-04:30", 1626962851 * SECOND},
	{"2021-07-22", 1626912000 * SECOND},
	{"1970-01-01", 0},
	{"1969-12-31T23:59:59.25Z", -SECOND * 3 / 4},
	{"2016-12-31T23:59:60Z", 1483228800 * SECOND},
	{"2000-02-29", 951782400 * SECOND},
	{"2262-04-11T23:47:16.854775807Z", INT64_MAX},
	{"1677-09-21T00:12:43.145224192Z", INT64_MIN},
	{"+60s", 1060 * SECOND},
	{"-60s", 940 * SECOND},
	{"+5m", 1300 * SECOND},
	{"+8h", 29800 * SECOND},
	{"+30d", 2593000 * SECOND},
	{"-2w", -1208600 * SECOND},
	{"+0s", 1000 * SECOND},
};

static const char *const not_times[] = {"", "now", "8h", "+", "-", "+h", "+8", "+8x", "+8h2",
	"+8h ", "+-8h", "+ 8h", "2021", "2021-7-22", "2021-13-01", "2021-00-01", "2021-02-29",
	"1900-02-29", "2021-04-31", "2021-01-00", "2021-07-22T", "2021-07-22T14:07Z",
	"2021-07-22T14:07:31", "2021-07-22T24:00:00Z", "2021-07-22T14:60:00Z",
	"2021-07-22T14:07:61Z", "2021-07-22T14:07:31.Z", "2021-07-22T14:07:31+0200",
	"2021-07-22T14:07:31+24:00", "2021-07-22T14:07:31Z ", " 2021-07-22", "2021-07-22x",
	"\x1b[31m"};

static const char *const out_of_range[] = {"2262-04-12", "9999-12-31", "1677-09-21", "0000-01-01",
	"+99999999999999999999s", "+20000w", "-9223372036854775807s", "+9223372036w"};

static void test_time_parsed(void)
{
	struct err e = {.code = 0};
	int64_t ns = 0;

	for (size_t i = 0; i < sizeof(parsed) / sizeof(parsed[0]); i++) {
		int rc = text_time_parse(parsed[i].s, 1000 * SECOND, &ns, NULL);

		ok(rc == 0 && ns == parsed[i].ns, "%s is a time", parsed[i].s);
	}
	ns = 7;
	for (size_t i = 0; i < sizeof(not_times) / sizeof(not_times[0]); i++)
		ok(text_time_parse(not_times[i], 0, &ns, &e) == -EINVAL && ns == 7,
			"not a time: %zu", i);
	for (size_t i = 0; i < sizeof(out_of_range) / sizeof(out_of_range[0]); i++)
		ok(text_time_parse(out_of_range[i], 0, &ns, NULL) == -ERANGE && ns == 7,
			"%s is too far", out_of_range[i]);
	err_clear(&e);
	text_time_parse("\x1b[31m", 0, &ns, &e);
	ok(strncmp(e.text, "\\x1b[31m: not a time", 20) == 0, "the report is escaped");
}

static const struct {
	uint64_t n;
	const char *shown;
} sizes[] = {
	{0, "0 B"},
	{1023, "1023 B"},
	{1024, "1.0 KiB"},
	{1536, "1.5 KiB"},
	{10188, "9.9 KiB"},
	{10240, "10 KiB"},
	{1048063, "1023 KiB"},
	{1048064, "1.0 MiB"},
	{1048575, "1.0 MiB"},
	{(uint64_t)240 << 30, "240 GiB"},
	{UINT64_MAX, "16 EiB"},
};

static void test_human(void)
{
	char text[TEXT_SIZE_MAX];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		is_str(text_size_human(sizes[i].n, text), sizes[i].shown, "size");
	is_str(text_span_human(0, text), "0s", "no time");
	is_str(text_span_human(59, text), "59s", "seconds");
	is_str(text_span_human(187, text), "3m07s", "minutes");
	is_str(text_span_human(7500, text), "2h05m", "hours");
	is_str(text_span_human(4 * 86400 + 3 * 3600, text), "4d03h", "days");
	is_str(text_span_human(UINT64_MAX, text), "for ever", "no end");
}

static const char *fit(struct buf *b, const char *s, size_t columns)
{
	buf_reset(b);
	text_fit(b, s, strlen(s), columns);
	return buf_cstr(b);
}

static void test_fit(void)
{
	struct buf b = BUF_INIT;

	is_int(text_width("abc", 3), 3, "one column each");
	is_int(text_width("e\xcc\x81", 3), 1, "a combining mark has none");
	is_int(text_width("\xe6\x97\xa5\xe6\x9c\xac", 6), 4, "wide characters have two");
	is_str(fit(&b, "evidence", 8), "evidence", "what fits is whole");
	is_str(fit(&b, "evidence", 5), "evid\xe2\x80\xa6", "what does not is cut");
	is_str(fit(&b, "evidence", 1), "\xe2\x80\xa6", "to one column");
	is_str(fit(&b, "evidence", 0), "", "to none");
	is_str(fit(&b, "\xe6\x97\xa5\xe6\x9c\xac", 3), "\xe6\x97\xa5\xe2\x80\xa6",
		"not within one");
	is_str(fit(&b, "\xe6\x97\xa5\xe6\x9c\xac", 2), "\xe2\x80\xa6", "nor half a wide one");
	buf_release(&b);
}

int main(void)
{
	test_escape();
	test_any_bytes();
	test_time_shown();
	test_time_parsed();
	test_human();
	test_fit();
	return done_testing();
}
