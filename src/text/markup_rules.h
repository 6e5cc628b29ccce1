/* SPDX-License-Identifier: Apache-2.0 */
/*
 * markup_rules.h - what elements and attributes do to the text they stand in
 *
 * Sources: HTML Living Standard, "The elements of HTML"; ECMA-376 part 1
 * (WordprocessingML, SpreadsheetML, DrawingML); OASIS OpenDocument 1.3 part 3.
 */
#ifndef EVIDENCEFS_TEXT_MARKUP_RULES_H
#define EVIDENCEFS_TEXT_MARKUP_RULES_H

#include <stdbool.h>
#include <stddef.h>

enum markup_rule {
	RULE_BREAK,  /* no word goes over its ends */
	RULE_INLINE, /* words go on */
	RULE_SPACE,  /* it is a space */
	RULE_HYPHEN, /* it is a hyphen that no line ends at */
	RULE_ASIDE,  /* its text is not of the line: it comes behind it */
	RULE_DROP    /* its text is none (an index into a table, a place on the page) */
};

/** markup_rule_html() - of an HTML element, whatever its case. */
enum markup_rule markup_rule_html(const char *name);
/** markup_rule_office() - of an element of an office document; @uri: its namespace, or NULL. */
enum markup_rule markup_rule_office(const char *uri, const char *name);

/** markup_attribute_html() - whether an attribute's value may be read by people. */
bool markup_attribute_html(const char *name, const char *value);
/** markup_attribute_office() - the same of office documents, [n] bytes. */
bool markup_attribute_office(const char *element, const char *name, const char *value, size_t n);

#endif
