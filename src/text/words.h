/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words.h - keywords in a stream of folded characters (Aho and Corasick, 1975)
 *
 * All keywords are one automaton: a step for each character, whatever their
 * number. What a whole word is, and that a word may be divided at the end of a
 * line, stands in match.h. Characters are those of fold.h.
 */
#ifndef EVIDENCEFS_TEXT_WORDS_H
#define EVIDENCEFS_TEXT_WORDS_H

#include <stddef.h>
#include <stdint.h>

struct words;

/** words_new() - Return: NULL: no memory. */
struct words *words_new(void);
/**
 * words_add() - one keyword: [n] characters, n at least 1; ' ' for any white space
 * Return: its number, from 0; -ENOMEM.
 */
int words_add(struct words *w, const uint32_t *c, size_t n);
/** words_ready() - before the first text. Return: 0; -ENOMEM. */
int words_ready(struct words *w);

/** words_begin() - @found: told the number of each keyword, each time it is met. */
void words_begin(struct words *w, void (*found)(void *ctx, uint32_t keyword), void *ctx);
void words_step(struct words *w, uint32_t c);
void words_end(struct words *w);

void words_free(struct words *w);

#endif
