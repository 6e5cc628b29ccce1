/* SPDX-License-Identifier: Apache-2.0 */
/* markup_rules.c - what elements and attributes do to the text; see markup_rules.h. */
#include "text/markup_rules.h"

#include <string.h>
#include <strings.h>

/* Whether @name is one of the words of @list, which has a space before and behind each. */
static bool among(const char *list, const char *name)
{
	size_t n = strlen(name);

	if (n == 0)
		return false;
	for (const char *at = list; (at = strcasestr(at, name)) != NULL; at++) {
		if (at > list && at[-1] == ' ' && at[n] == ' ')
			return true;
	}
	return false;
}

enum markup_rule markup_rule_html(const char *name)
{
	static const char inlines[] =
		" a abbr acronym b bdi bdo big blink cite code data del dfn em font i ins kbd "
		"label mark nobr q ruby s samp small span strike strong sub sup time tt u var wbr ";

	/* Word's own elements, <o:p> and <st1:PersonName>, stand in lines. */
	return strchr(name, ':') || among(inlines, name) ? RULE_INLINE : RULE_BREAK;
}

static enum markup_rule rule_word(const char *name)
{
	if (among(" p br cr tc tr tbl txbxContent comment footnote endnote hdr ftr body ", name))
		return RULE_BREAK;
	if (among(" tab ptab ", name))
		return RULE_SPACE;
	if (among(" instrText delInstrText ", name))
		return RULE_ASIDE;
	return strcmp(name, "noBreakHyphen") == 0 ? RULE_HYPHEN : RULE_INLINE;
}

static enum markup_rule rule_sheet(const char *name)
{
	static const char inlines[] = " r t rPr b i u sz color rFont family charset scheme "
				      "vertAlign strike outline shadow condense extend ";

	return among(inlines, name) ? RULE_INLINE : RULE_BREAK;
}

static enum markup_rule rule_drawing(const char *name)
{
	static const char breaks[] = " p br tc tr txBody bodyPr pt v f cat val ser graphic ";

	if (among(" posOffset pctPosHOffset pctPosVOffset pctWidth pctHeight align ", name))
		return RULE_DROP; /* where a picture stands, in the middle of a line */
	return among(breaks, name) ? RULE_BREAK : RULE_INLINE;
}

static enum markup_rule rule_open_text(const char *name)
{
	static const char breaks[] =
		" p h list list-item list-header numbered-paragraph section note note-citation "
		"note-body line-break index-body index-title table-of-content tracked-changes "
		"changed-region ";

	if (among(breaks, name))
		return RULE_BREAK;
	return among(" s tab ", name) ? RULE_SPACE : RULE_INLINE;
}

enum markup_rule markup_rule_office(const char *uri, const char *name)
{
	if (!uri)
		return RULE_BREAK;
	if (strstr(uri, "wordprocessingml"))
		return rule_word(name);
	if (strstr(uri, "spreadsheetml"))
		return rule_sheet(name);
	if (strstr(uri, "drawingml"))
		return rule_drawing(name);
	if (strstr(uri, "opendocument:xmlns:text"))
		return rule_open_text(name);
	return RULE_BREAK;
}

bool markup_attribute_html(const char *name, const char *value)
{
	static const char looks[] =
		" class id style width height color bgcolor background face size align valign "
		"border cellpadding cellspacing type rel lang xml:lang dir colspan rowspan nowrap "
		"hspace vspace target link vlink alink xmlns charset http-equiv tabindex role ";

	if (among(looks, name) || strncasecmp(name, "on", 2) == 0 ||
		strncasecmp(name, "xmlns:", 6) == 0)
		return false;
	return strncasecmp(value, "data:", 5) != 0;
}

bool markup_attribute_office(const char *element, const char *name, const char *value, size_t n)
{
	if (among(" href descr title author initials alt creator tooltip ", name))
		return true;
	if (strcmp(name, "name") == 0)
		return among(" sheet definedName table ", element);
	/* of a relationship: what is outside has a scheme, parts of the document have none */
	return strcmp(name, "Target") == 0 && memchr(value, ':', n);
}
