/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail.h - how mail is told from other text, and what its members are called
 *
 * Pure functions on bytes, for the kinds that hold mail.
 */
#ifndef EVIDENCEFS_CONTAINER_MAIL_H
#define EVIDENCEFS_CONTAINER_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/** mail_line() - bytes of the line at @p with its line break; @n when none ends. */
size_t mail_line(const uint8_t *p, size_t n);
/** mail_is_blank() - whether a line is a line break only. */
bool mail_is_blank(const uint8_t *line, size_t n);

/**
 * mail_field() - bytes of the field's name with which a header line begins; 0: it is none
 * A name is of printable characters without space and colon, at most 76.
 */
size_t mail_field(const uint8_t *line, size_t n);
/** mail_field_known() - whether mail has a field of this name (Received, Subject, X-..., ...). */
bool mail_field_known(const uint8_t *name, size_t n);

/**
 * mail_before() - bytes before a message's first header line
 * A byte order mark, empty lines, an envelope line ("From ", ">From ").
 */
size_t mail_before(const uint8_t *p, size_t n);

/** mail_headers() - bytes up to the first empty line, and with it; @n when there is none. */
size_t mail_headers(const uint8_t *p, size_t n);

/**
 * mail_is_message() - whether [n] first bytes of a file are those of a mail message
 * Header lines up to an empty line, or to one that is none, with two different fields among
 * them that say where a message is from, for whom, when or what about; or one and a type; or that
 * it has several parts.
 */
bool mail_is_message(const uint8_t *p, size_t n);

/** mail_may_begin() - whether mail_is_message() may be true of a file with these first bytes. */
bool mail_may_begin(const uint8_t *p, size_t n);

/**
 * mail_is_envelope() - whether a line of an mbox file begins a message
 * @line: [n] from "From " to its line break, @next: [next_n] first bytes behind it
 * @after_blank: an empty line, or nothing, stands before it
 *
 * Writers should have quoted other lines that begin so ("> From"), and many have not. So it must
 * have the form of an envelope (a month, hh:mm and a year of four digits) behind an empty line or
 * before a header line; or stand behind an empty line and before a field that mail has.
 */
bool mail_is_envelope(
	const uint8_t *line, size_t n, const uint8_t *next, size_t next_n, bool after_blank);

/**
 * mail_name() - append a name for a member that has none
 * @text: [n] what it is about (a subject); may be empty: then "message" is taken
 * @end:  "" or what it ends in (".eml")
 *
 * One line of UTF-8 of at most 120 bytes before @end: what is a control character, no valid
 * UTF-8, or cannot stand in a name becomes "_".
 */
void mail_name(struct buf *out, const char *text, size_t n, const char *end);

#endif
