/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_rules.h - what a scan looks for: a file of rules, a line each
 *
 * Pure: text in, rules out, or the line that is wrong.
 */
#ifndef EVIDENCEFS_CONTROL_SCAN_RULES_H
#define EVIDENCEFS_CONTROL_SCAN_RULES_H

#include "base/err.h"
#include "catalog/act.h"

#define SCAN_RULES_MAX 65535u
#define SCAN_RULE_MAX  4000u /* bytes: a rule is the basis of its marks */

enum scan_kind {
	SCAN_ADDRESS, /* a glob over name@host of any sender or recipient of a message */
	SCAN_DOMAIN,  /* a glob over what is behind the @ of one */
	SCAN_PHONE,   /* digits */
	SCAN_KEYWORD, /* a whole word, or several, in names and text */
	SCAN_SHA256,  /* of contents */
	SCAN_PATH     /* a glob over the whole path, evidence first */
};

struct scan_rule {
	enum scan_kind kind;
	enum mark_state state; /* MARK_SUSPECTED, MARK_CONFIRMED */
	size_t line;
	char *text;        /* the rule as it stands, blanks around it and comments apart */
	const char *value; /* in it */
	size_t value_n;
	uint8_t sha256[32];
};

struct scan_rules {
	struct scan_rule *v; /* no two have the same text */
	size_t n, cap;
	uint8_t digest[32]; /* SHA-256 of the file */
};

/**
 * scan_rules_parse() - [n] bytes of a file
 * Return: 0, scan_rules_release() it; -EINVAL with the number of the line; -ENOMEM.
 */
int scan_rules_parse(const char *file, size_t n, struct scan_rules *out, struct err *e);
void scan_rules_release(struct scan_rules *r);

#endif
