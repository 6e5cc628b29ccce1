/* SPDX-License-Identifier: Apache-2.0 */
/*
 * office.h - the text of office documents that are zips of XML: OOXML, ODF, EPUB
 *
 * Parts are read through container_archive, in the order in which they stand,
 * each by itself: a text that is kept beside a sheet (shared strings) is given
 * where it is kept. Documents in documents are members, with a text of their own.
 *
 * Sources: ECMA-376 part 2 (packages); OASIS OpenDocument 1.3 part 2; [MS-CFB]
 * and [MS-OFFCRYPTO] 2.3 for what is encrypted.
 */
#ifndef EVIDENCEFS_TEXT_OFFICE_H
#define EVIDENCEFS_TEXT_OFFICE_H

#include <stdbool.h>

#include "container/container.h"
#include "text/out.h"

/** office_detect() - whether an archive is an office document, by the names in it. */
bool office_detect(const struct source *s, struct container_budget *b);

/**
 * office_extract() - its text
 * Return: 0, or how @out ended; -EACCES encrypted; -EBADMSG parts of it could not be read; -E2BIG.
 */
int office_extract(
	const struct source *s, struct container_budget *b, struct out *out, struct err *e);

/** office_is_locked() - whether a compound file (OLE) is an encrypted office document. */
bool office_is_locked(const struct source *s);

#endif
