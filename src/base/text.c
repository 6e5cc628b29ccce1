/* SPDX-License-Identifier: Apache-2.0 */
/* text.c - bytes, times and sizes as text; see text.h. */
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DAY_SECONDS 86400

size_t text_next(const void *p, size_t n, uint32_t *code)
{
	const uint8_t *s = p;
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t c = s[0];

	*code = s[0];
	if (len == 1)
		return 1;
	if (len == 0 || s[0] > 0xf4 || len > n)
		return 0;
	c &= 0x7fu >> len;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if ((len == 3 && (c < 0x800 || (c >= 0xd800 && c <= 0xdfff))) ||
		(len == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	*code = c;
	return len;
}

bool text_is_utf8(const void *p, size_t n)
{
	const uint8_t *s = p;
	uint32_t code = 0;

	while (n > 0) {
		size_t len = text_next(s, n, &code);

		if (len == 0)
			return false;
		s += len;
		n -= len;
	}
	return true;
}

bool text_is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static void put_hex(struct buf *out, uint8_t byte)
{
	static const char digits[] = "0123456789abcdef";
	char two[2] = {digits[byte >> 4], digits[byte & 15]};

	buf_put(out, two, 2);
}

void text_escape(struct buf *out, const void *p, size_t n)
{
	const uint8_t *s = p;

	while (n > 0) {
		uint32_t code = 0;
		size_t len = text_next(s, n, &code);
		bool shown = len > 0 && !text_is_control(code);

		if (len == 0)
			len = 1;
		if (shown && code == '\\')
			buf_puts(out, "\\\\");
		else if (shown)
			buf_put(out, s, len);
		for (size_t i = 0; !shown && i < len; i++) {
			buf_puts(out, "\\x");
			put_hex(out, s[i]);
		}
		s += len;
		n -= len;
	}
}

void text_escape_str(struct buf *out, const char *s)
{
	if (s)
		text_escape(out, s, strlen(s));
}

int text_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void text_hex(struct buf *out, const void *p, size_t n)
{
	const uint8_t *s = p;

	for (size_t i = 0; i < n; i++)
		put_hex(out, s[i]);
}

/* Years, months, days of the proleptic Gregorian calendar; an era is 400 years
 * of 146097 days and begins on 1 March, so that the leap day comes last. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t y = year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void date_of(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
	*month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	*year = yoe + era * 400 + (*month <= 2);
}

const char *text_time_rfc3339(int64_t sec, uint32_t nsec, char out[static TEXT_TIME_MAX])
{
	int64_t year = 0;
	unsigned month = 0;
	unsigned day = 0;
	int64_t days = 0;
	unsigned rest = 0;
	char fraction[16] = "";

	if (nsec != TEXT_NSEC_NONE) {
		if (__builtin_add_overflow(sec, (int64_t)(nsec / TEXT_NS_PER_SEC), &sec))
			sec = INT64_MAX;
		snprintf(fraction, sizeof(fraction), ".%09u", (unsigned)(nsec % TEXT_NS_PER_SEC));
	}
	days = sec / DAY_SECONDS - (sec % DAY_SECONDS < 0);
	rest = (unsigned)(sec % DAY_SECONDS + (sec % DAY_SECONDS < 0 ? DAY_SECONDS : 0));
	date_of(days, &year, &month, &day);
	snprintf(out, TEXT_TIME_MAX, "%s%04llu-%02u-%02uT%02u:%02u:%02u%sZ",
		year < 0      ? "-"
		: year > 9999 ? "+"
			      : "",
		(unsigned long long)(year < 0 ? -year : year), month, day, rest / 3600,
		rest / 60 % 60, rest % 60, fraction);
	return out;
}

const char *text_time_ns(int64_t ns, char out[static TEXT_TIME_MAX])
{
	int64_t sec = ns / TEXT_NS_PER_SEC;
	int64_t rest = ns % TEXT_NS_PER_SEC;

	if (rest < 0) {
		sec--;
		rest += TEXT_NS_PER_SEC;
	}
	return text_time_rfc3339(sec, (uint32_t)rest, out);
}

/* Exactly @n digits; *s is moved behind them. */
static bool take_digits(const char **s, size_t n, unsigned *out)
{
	unsigned v = 0;

	for (size_t i = 0; i < n; i++) {
		if ((*s)[i] < '0' || (*s)[i] > '9')
			return false;
		v = v * 10 + (unsigned)((*s)[i] - '0');
	}
	*s += n;
	*out = v;
	return true;
}

static bool take_char(const char **s, const char *any)
{
	if (**s == '\0' || !strchr(any, **s))
		return false;
	(*s)++;
	return true;
}

static unsigned month_days(unsigned year, unsigned month)
{
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 ? 28u + leap : 30u + ((month + (month > 7)) & 1);
}

static bool take_date(const char **s, int64_t *days)
{
	unsigned year = 0;
	unsigned month = 0;
	unsigned day = 0;

	if (!take_digits(s, 4, &year) || !take_char(s, "-") || !take_digits(s, 2, &month) ||
		!take_char(s, "-") || !take_digits(s, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > month_days(year, month))
		return false;
	*days = days_of(year, month, day);
	return true;
}

static bool take_fraction(const char **s, int64_t *nsec)
{
	int64_t scale = TEXT_NS_PER_SEC / 10;
	const char *from = NULL;

	*nsec = 0;
	if (!take_char(s, "."))
		return true;
	for (from = *s; **s >= '0' && **s <= '9'; (*s)++, scale /= 10)
		*nsec += (**s - '0') * scale;
	return *s > from;
}

static bool take_zone(const char **s, int64_t *seconds)
{
	int sign = **s == '-' ? -1 : 1;
	unsigned hour = 0;
	unsigned minute = 0;

	*seconds = 0;
	if (take_char(s, "Zz"))
		return true;
	if (!take_char(s, "+-") || !take_digits(s, 2, &hour) || !take_char(s, ":") ||
		!take_digits(s, 2, &minute) || hour > 23 || minute > 59)
		return false;
	*seconds = sign * (int64_t)(hour * 3600 + minute * 60);
	return true;
}

static bool take_clock(const char **s, int64_t *seconds, int64_t *nsec)
{
	unsigned hour = 0;
	unsigned minute = 0;
	unsigned second = 0;
	int64_t zone = 0;

	if (!take_digits(s, 2, &hour) || !take_char(s, ":") || !take_digits(s, 2, &minute) ||
		!take_char(s, ":") || !take_digits(s, 2, &second) || !take_fraction(s, nsec) ||
		!take_zone(s, &zone))
		return false;
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	*seconds = (int64_t)(hour * 3600 + minute * 60 + second) - zone;
	return true;
}

static int64_t unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return DAY_SECONDS;
	case 'w':
		return 7 * DAY_SECONDS;
	default:
		return 0;
	}
}

/* "+8h": *overflow when it cannot be counted in nanoseconds. */
static bool parse_relative(const char *s, int64_t now_ns, int64_t *out_ns, bool *overflow)
{
	bool minus = *s == '-';
	const char *digits = ++s;
	int64_t v = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		*overflow |= __builtin_mul_overflow(v, 10, &v) ||
			     __builtin_add_overflow(v, *s - '0', &v);
	if (s == digits || unit_seconds(*s) == 0 || s[1] != '\0')
		return false;
	*overflow |= __builtin_mul_overflow(v, unit_seconds(*s), &v) ||
		     __builtin_mul_overflow(v, TEXT_NS_PER_SEC, &v) ||
		     (minus ? __builtin_sub_overflow(now_ns, v, out_ns)
			    : __builtin_add_overflow(now_ns, v, out_ns));
	return true;
}

static bool parse_absolute(const char *s, int64_t *out_ns, bool *overflow)
{
	int64_t days = 0;
	int64_t seconds = 0;
	int64_t nsec = 0;

	if (!take_date(&s, &days))
		return false;
	if (*s != '\0' && (!take_char(&s, "Tt ") || !take_clock(&s, &seconds, &nsec)))
		return false;
	if (*s != '\0')
		return false;
	seconds += days * DAY_SECONDS;
	if (seconds < 0 && nsec > 0) { /* so that the product stays within range */
		seconds++;
		nsec -= TEXT_NS_PER_SEC;
	}
	*overflow = __builtin_mul_overflow(seconds, TEXT_NS_PER_SEC, out_ns) ||
		    __builtin_add_overflow(*out_ns, nsec, out_ns);
	return true;
}

int text_time_parse(const char *s, int64_t now_ns, int64_t *out_ns, struct err *e)
{
	struct buf shown = BUF_INIT;
	bool overflow = false;
	bool good = false;
	int64_t ns = 0;
	int rc = 0;

	if (*s == '+' || *s == '-')
		good = parse_relative(s, now_ns, &ns, &overflow);
	else
		good = parse_absolute(s, &ns, &overflow);
	if (good && !overflow) {
		*out_ns = ns;
		return 0;
	}
	text_escape_str(&shown, s);
	if (good)
		rc = err_set(
			e, ERANGE, "%s: not between the years 1678 and 2262", buf_cstr(&shown));
	else
		rc = err_set(e, EINVAL,
			"%s: not a time (2021-07-22T14:07:31Z, 2021-07-22, or +8h with s m h d w)",
			buf_cstr(&shown));
	buf_release(&shown);
	return rc;
}

const char *text_size_human(uint64_t bytes, char out[static TEXT_SIZE_MAX])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)bytes;
	unsigned tenths = 0;
	size_t u = 0;

	for (; v >= 1023.5 && u + 1 < sizeof(units) / sizeof(units[0]); u++)
		v /= 1024;
	tenths = (unsigned)(v * 10 + 0.5);
	if (u > 0 && tenths < 100)
		snprintf(out, TEXT_SIZE_MAX, "%u.%u %s", tenths / 10, tenths % 10, units[u]);
	else
		snprintf(out, TEXT_SIZE_MAX, "%u %s", (unsigned)(v + 0.5), units[u]);
	return out;
}

const char *text_span_human(uint64_t seconds, char out[static TEXT_SIZE_MAX])
{
	uint64_t days = seconds / DAY_SECONDS;

	if (seconds < 60)
		snprintf(out, TEXT_SIZE_MAX, "%us", (unsigned)seconds);
	else if (seconds < 3600)
		snprintf(out, TEXT_SIZE_MAX, "%um%02us", (unsigned)seconds / 60,
			(unsigned)seconds % 60);
	else if (days == 0)
		snprintf(out, TEXT_SIZE_MAX, "%uh%02um", (unsigned)seconds / 3600,
			(unsigned)seconds / 60 % 60);
	else if (days < 1000000)
		snprintf(out, TEXT_SIZE_MAX, "%ud%02uh", (unsigned)days,
			(unsigned)(seconds % DAY_SECONDS / 3600));
	else
		snprintf(out, TEXT_SIZE_MAX, "for ever");
	return out;
}

static size_t char_width(uint32_t c)
{
	if ((c >= 0x300 && c <= 0x36f) || (c >= 0x483 && c <= 0x489) ||
		(c >= 0x591 && c <= 0x5bd) || (c >= 0x610 && c <= 0x61a) ||
		(c >= 0x64b && c <= 0x65f) || (c >= 0x1ab0 && c <= 0x1aff) ||
		(c >= 0x1dc0 && c <= 0x1dff) || (c >= 0x200b && c <= 0x200d) ||
		(c >= 0x20d0 && c <= 0x20ff) || (c >= 0xfe00 && c <= 0xfe0f) ||
		(c >= 0xfe20 && c <= 0xfe2f) || (c >= 0xe0000 && c <= 0xe01ef))
		return 0;
	if ((c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0x303e) ||
		(c >= 0x3041 && c <= 0xa4cf) || (c >= 0xa960 && c <= 0xa97f) ||
		(c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
		(c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
		(c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1f64f) ||
		(c >= 0x1f680 && c <= 0x1f6ff) || (c >= 0x1f900 && c <= 0x1f9ff) ||
		(c >= 0x20000 && c <= 0x3fffd))
		return 2;
	return 1;
}

size_t text_width(const char *s, size_t n)
{
	size_t width = 0;

	while (n > 0) {
		uint32_t code = 0;
		size_t len = text_next(s, n, &code);

		width += len ? char_width(code) : 1;
		len = len ? len : 1;
		s += len;
		n -= len;
	}
	return width;
}

void text_fit(struct buf *out, const char *s, size_t n, size_t columns)
{
	size_t used = 0;
	size_t at = 0;

	if (text_width(s, n) <= columns) {
		buf_put(out, s, n);
		return;
	}
	if (columns == 0)
		return;
	while (at < n) {
		uint32_t code = 0;
		size_t len = text_next(s + at, n - at, &code);

		used += len ? char_width(code) : 1;
		if (used > columns - 1)
			break;
		at += len ? len : 1;
	}
	buf_put(out, s, at);
	buf_puts(out, "\xe2\x80\xa6");
}
