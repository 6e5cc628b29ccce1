/* SPDX-License-Identifier: Apache-2.0 */
/* pdf_without.c - in place of pdf.c, where configure was told --without-pdf. */
#include <errno.h>
#include <string.h>

#include "text/pdf.h"

bool pdf_detect(const uint8_t *head, size_t n)
{
	return memmem(head, n < 1024 ? n : 1024, "%PDF-", 5) != NULL;
}

int pdf_extract(const struct source *s, struct out *out, struct err *e)
{
	(void)s;
	(void)out;
	return err_set(e, ENOTSUP, "this program was built without a reader of PDF");
}
