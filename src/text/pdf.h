/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pdf.h - the text of a PDF file, through MuPDF
 *
 * Page by page: what stands on it, also where it cannot be seen, and what
 * annotations, forms and links say; and titles, bookmarks and forms in XML.
 * Nothing in the file is run. Memory has a limit of its own, since a PDF is
 * read in any order. The configure switch --without-pdf leaves this out.
 */
#ifndef EVIDENCEFS_TEXT_PDF_H
#define EVIDENCEFS_TEXT_PDF_H

#include <stdbool.h>

#include "image/source.h"
#include "text/out.h"

#define PDF_MEMORY ((size_t)192 << 20)

/** pdf_detect() - whether a file that begins with [n] bytes is a PDF. */
bool pdf_detect(const uint8_t *head, size_t n);

/**
 * pdf_extract() - its text
 * Return: 0, or how @out ended; -EACCES it wants a password; -EBADMSG some or all of it cannot be
 * read; -ENOTSUP built without.
 */
int pdf_extract(const struct source *s, struct out *out, struct err *e);

#endif
