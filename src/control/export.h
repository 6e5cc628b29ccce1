/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export.h - rows of the access log in the formats of others
 *
 * Elastic Common Schema 8 and OCSF 1.1 as JSON Lines, CEF, CSV (docs/FORMATS.md,
 * "Exports"). What is evidence's in a row (paths, programs) is escaped twice: as all
 * output of this program is (text_escape()), and as the format wants it. Pure.
 */
#ifndef EVIDENCEFS_CONTROL_EXPORT_H
#define EVIDENCEFS_CONTROL_EXPORT_H

#include "base/buf.h"
#include "control/row.h"

enum export_format { EXPORT_ECS, EXPORT_OCSF, EXPORT_CEF, EXPORT_CSV };

/** export_format_of() - by its name. Return: 0; -EINVAL. */
int export_format_of(const char *name, enum export_format *out);
/** export_head() - what stands before all rows: the header of a CSV. */
void export_head(enum export_format format, struct buf *out);
/** export_row() - one row of `audit export`, appended as a line. @host: of the machine. */
void export_row(enum export_format format, const struct row *r, const char *host, struct buf *out);

#endif
