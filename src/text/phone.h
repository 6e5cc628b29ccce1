/* SPDX-License-Identifier: Apache-2.0 */
/*
 * phone.h - phone numbers in a stream of folded characters; the rules are in match.h
 *
 * Groups of digits are gathered as they come. Where one ends, every run of
 * whole groups that ends with it is looked up as a number, so the cost of a
 * group is bounded by the digits that a number may have.
 */
#ifndef EVIDENCEFS_TEXT_PHONE_H
#define EVIDENCEFS_TEXT_PHONE_H

#include <stddef.h>
#include <stdint.h>

struct phone;

#define PHONE_MIN 5 /* digits that a pattern has */
#define PHONE_MAX 15

/** phone_new() - Return: NULL: no memory. */
struct phone *phone_new(void);
/**
 * phone_add() - one pattern: [n] folded characters
 * Return: its number, from 0; -EINVAL no phone number; -ENOMEM.
 */
int phone_add(struct phone *p, const uint32_t *c, size_t n);
/** phone_ready() - before the first text. */
void phone_ready(struct phone *p);

/** phone_begin() - @found: told the number of each pattern, each time it is met. */
void phone_begin(struct phone *p, void (*found)(void *ctx, uint32_t pattern), void *ctx);
void phone_step(struct phone *p, uint32_t c);
void phone_end(struct phone *p);

void phone_free(struct phone *p);

#endif
