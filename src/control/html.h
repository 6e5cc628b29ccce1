/* SPDX-License-Identifier: Apache-2.0 */
/*
 * html.h - a report as one HTML file: no script, no network, printable
 *
 * Parts of a report (docs/PROTOCOL.control.md, "A report") come in one after the other;
 * text of any kind goes through text_escape() and then HTML's own escaping, so that
 * nothing in it is markup. Pure: it writes into a struct buf.
 */
#ifndef EVIDENCEFS_CONTROL_HTML_H
#define EVIDENCEFS_CONTROL_HTML_H

#include "base/buf.h"
#include "control/row.h"

struct html;

int html_new(struct html **out);
/** html_part() - one row of a part. What it is about is kept until html_end(). */
int html_part(struct html *h, const char *part, const struct row *r);
/** html_end() - the whole file, appended. Return: 0; -ENOMEM. */
int html_end(struct html *h, struct buf *out);
void html_free(struct html *h);

#endif
