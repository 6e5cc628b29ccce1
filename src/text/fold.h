/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold.h - text as characters that can be compared; what is the same is in match.h
 *
 * The one file that knows GLib's tables of characters. Bytes come in any
 * pieces; what comes out is decomposed, in canonical order, without case.
 */
#ifndef EVIDENCEFS_TEXT_FOLD_H
#define EVIDENCEFS_TEXT_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FOLD_MARKS 32   /* combining marks that are put in order; more stay as they come */
#define FOLD_BREAK '\n' /* given in place of the space of a run that has a line break */

/* Who is given characters; white space is ' ' or FOLD_BREAK, never two of them in a row. */
typedef void fold_take(void *ctx, uint32_t c);

struct fold {
	fold_take *take;
	void *ctx;
	uint8_t cut[4]; /* the beginning of a character */
	size_t cut_n;
	bool soft; /* the last character was a soft hyphen */
	int space; /* 0; ' ' or FOLD_BREAK: not yet given */
	bool begun;
	struct {
		uint32_t c;
		int order;
	} mark[FOLD_MARKS];
	size_t marks;
};

/** fold_begin() - @f need not be initialised. White space before the first character is dropped. */
void fold_begin(struct fold *f, fold_take *take, void *ctx);
/** fold_feed() - the next [n] bytes. */
void fold_feed(struct fold *f, const void *p, size_t n);
/** fold_end() - what was held back. White space behind the last character is dropped. */
void fold_end(struct fold *f);

/** fold_is_letter() - whether a folded character is of words: a letter, digit or mark. */
bool fold_is_letter(uint32_t c);
/** fold_joined() - whether no word ends between two folded characters. */
bool fold_joined(uint32_t a, uint32_t b);

#endif
