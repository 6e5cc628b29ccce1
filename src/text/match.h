/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match.h - which keywords and phone numbers stand in a text
 *
 * Thousands of patterns cost what one does: a character is looked at once,
 * whatever pieces the text comes in. Bytes that are not UTF-8 stand for
 * themselves as something that no pattern has.
 *
 * In text and pattern alike: characters are compared without case (by their
 * single-character mappings: ss is not the German sharp s), composed or not
 * (NFC, NFD); a run of any white space, line breaks and no-break spaces too,
 * is one space; soft hyphens (but at the end of a line, where they are hyphens), zero-width
 *characters and marks of direction are not there; typographic quotes and dashes are the
 *typewriter's; digits of all scripts are those of ASCII.
 *
 * A keyword is met where it stands as whole words: no letter, digit or
 * combining mark before or behind it, if it begins or ends with one. "_" is no
 * letter, as names of files have it for a space; nor is an apostrophe ("Jansen's"
 * has Jansen). Between characters of scripts without spaces (Chinese,
 * Hiragana, Thai, ...) a word may end anywhere. A word that is divided at the end
 * of a line ("advo-" "caat") is met as one, too.
 *
 * A phone number is met where its digits stand in groups, between which there
 * are at most four of: space - . / ( ). Groups are whole: digits that go on are
 * another number. No letter stands before them, unless there is a plus, nor
 * directly behind them; groups of an IBAN are none. What counts is the number
 * behind the prefix for long distance:
 *
 *	in the text		is the number
 *	+CC N, 00CC N, 011CC N	of that country; a (0), or a 0 that was left, is skipped
 *	0N			of any country
 *	CC N, N			written without prefix; CC a group of its own, or N before an "@"
 *
 * A pattern with country (+CC N, 00CC N) does not meet N of another country. One
 * without (0N) meets N of every country. Bare digits are taken for either, and
 * meet 0N only if N has eight digits or more.
 */
#ifndef EVIDENCEFS_TEXT_MATCH_H
#define EVIDENCEFS_TEXT_MATCH_H

#include <stddef.h>

struct match;

enum match_kind { MATCH_KEYWORD, MATCH_PHONE };

#define MATCH_KEYWORD_MAX 1024 /* characters, decomposed */

/** match_new() - without patterns. For one thread. Return: 0 and *@out; -ENOMEM. */
int match_new(struct match **out);

/**
 * match_add() - one more pattern
 * @text: [n] bytes of UTF-8. A phone number may have separators, they do not count
 * @id:   given back by match_end(); several patterns may have the same
 * Errors: -EINVAL not UTF-8; a keyword without a visible character or longer than
 * MATCH_KEYWORD_MAX; a phone number with anything else in it, fewer than 5 digits or more
 * than 15. -EBUSY after match_ready(). -ENOMEM.
 */
int match_add(struct match *m, enum match_kind kind, const char *text, size_t n, unsigned id);

/** match_ready() - all patterns are there. Return: 0; -ENOMEM. */
int match_ready(struct match *m);

/** match_begin() - a text begins; what was found in the one before is forgotten. */
void match_begin(struct match *m);
/** match_feed() - its next bytes; characters may be cut anywhere. */
void match_feed(struct match *m, const char *utf8, size_t n);
/** match_end() - it has ended. @hit: each id that was found, once, ascending. */
void match_end(struct match *m, void (*hit)(void *ctx, unsigned id), void *ctx);

void match_free(struct match *m);

#endif
