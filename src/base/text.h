/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - bytes, times and sizes as text for people, and times from people
 *
 * Evidence chooses names, so nothing of it reaches a terminal, a table or JSON
 * but through text_escape(): what it gives is valid UTF-8 that moves no cursor
 * and reorders no line. It is for showing: paths on disk stay bytes.
 * No locale, no time zone but UTC, no allocation but in struct buf.
 */
#ifndef EVIDENCEFS_BASE_TEXT_H
#define EVIDENCEFS_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/**
 * text_next() - the first character of @p
 * @p:    [n] bytes, n at least 1
 * @code: code point of the character, or the byte's value when not valid
 *
 * Return: bytes it has, 1 to 4; 0 when @p does not begin with valid UTF-8
 * (RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF).
 */
size_t text_next(const void *p, size_t n, uint32_t *code);

/** text_is_utf8() - whether all of [n] bytes are valid UTF-8; true when empty. */
bool text_is_utf8(const void *p, size_t n);

/**
 * text_is_control() - whether a character may not be shown as it is
 * C0, DEL, C1, the line and paragraph separators, all of Unicode's Bidi_Control
 * (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069) and U+FEFF.
 */
bool text_is_control(uint32_t code);

/**
 * text_escape() - append [n] bytes as text that can be shown
 * Bytes that are not valid UTF-8, and each byte of a control character, become
 * \xhh (two lower-case digits), a backslash becomes two. So it can be undone.
 */
void text_escape(struct buf *out, const void *p, size_t n);
/** text_escape_str() - the same for a string; NULL adds nothing. */
void text_escape_str(struct buf *out, const char *s);
/** text_hex_digit() - its value; -1: it is none. */
int text_hex_digit(char c);
/** text_hex() - append [n] bytes as lower-case hex digits. */
void text_hex(struct buf *out, const void *p, size_t n);

#define TEXT_TIME_MAX   64         /* bytes text_time_rfc3339() may need, NUL included */
#define TEXT_NSEC_NONE  UINT32_MAX /* no fraction is known, none is written */
#define TEXT_NS_PER_SEC 1000000000

/**
 * text_time_rfc3339() - a time in UTC
 * @sec:  seconds since 1970, any value
 * @nsec: added to it; or TEXT_NSEC_NONE
 *
 * "2021-07-22T14:07:31.123456789Z", nine digits; years outside 0 to 9999 are
 * written with a sign, as ISO 8601 does ("+12021-...", "-0044-...").
 * Return: @out.
 */
const char *text_time_rfc3339(int64_t sec, uint32_t nsec, char out[static TEXT_TIME_MAX]);
/** text_time_ns() - the same of nanoseconds since 1970. */
const char *text_time_ns(int64_t ns, char out[static TEXT_TIME_MAX]);

/**
 * text_time_parse() - a TIME as people write it
 * @s:      RFC 3339 ("2021-07-22T14:07:31.5+02:00", the T may be a space), a
 *          date ("2021-07-22": 00:00 UTC), or relative ("+60s" "+8h" "-2w";
 *          s m h d w; one number and one unit, a sign before it)
 * @now_ns: what a relative time counts from
 * @out_ns: nanoseconds since 1970
 *
 * Errors: -EINVAL not a time; -ERANGE more nanoseconds than 64 bits count
 * (before 1677-09-21 or after 2262-04-11).
 */
int text_time_parse(const char *s, int64_t now_ns, int64_t *out_ns, struct err *e);

#define TEXT_SIZE_MAX 16

/** text_size_human() - "0 B", "1023 B", "1.5 KiB", "16 EiB". Return: @out. */
const char *text_size_human(uint64_t bytes, char out[static TEXT_SIZE_MAX]);
/** text_span_human() - a length of time: "7s", "3m07s", "2h05m", "4d03h". Return: @out. */
const char *text_span_human(uint64_t seconds, char out[static TEXT_SIZE_MAX]);

/**
 * text_width() - columns that escaped text takes on a terminal
 * By a simple rule: combining marks none, East Asian wide and emoji two, else one.
 */
size_t text_width(const char *s, size_t n);
/**
 * text_fit() - append as much of escaped text as fits into @columns
 * What does not fit whole is cut between characters and ends in U+2026.
 */
void text_fit(struct buf *out, const char *s, size_t n, size_t columns);

#endif
