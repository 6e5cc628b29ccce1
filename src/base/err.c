/* SPDX-License-Identifier: Apache-2.0 */
/* err.c - the one error idiom; see err.h. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, int code, const char *fmt, ...)
{
	if (e && !e->code) {
		va_list ap;

		va_start(ap, fmt);
		vsnprintf(e->text, sizeof(e->text), fmt, ap);
		va_end(ap);
		e->code = code;
	}
	return -code;
}

int err_errno(struct err *e, int code, const char *fmt, ...)
{
	if (e && !e->code) {
		va_list ap;
		size_t n;

		va_start(ap, fmt);
		vsnprintf(e->text, sizeof(e->text), fmt, ap);
		va_end(ap);
		n = strlen(e->text);
		snprintf(e->text + n, sizeof(e->text) - n, ": %s", strerror(code));
		e->code = code;
	}
	return -code;
}

void err_clear(struct err *e)
{
	if (e) {
		e->code = 0;
		e->text[0] = '\0';
	}
}

const char *err_text(const struct err *e, int code)
{
	return e && e->code ? e->text : strerror(code < 0 ? -code : code);
}
