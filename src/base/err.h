/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err.h - the one error idiom
 *
 * Functions return 0 (or a count >= 0) or -errno. Functions a person waits on
 * also take a last `struct err *`, filled once, where the fault was seen; the
 * text says what failed and why, for one line on a terminal. A NULL err is
 * allowed everywhere: only the code is returned then.
 */
#ifndef EVIDENCEFS_BASE_ERR_H
#define EVIDENCEFS_BASE_ERR_H

#define ERR_TEXT_MAX 1024

struct err {
	int code; /* positive errno, 0 when nothing was reported */
	char text[ERR_TEXT_MAX];
};

/**
 * err_set() - report a fault
 * @e:    filled; may be NULL; an earlier report is kept (the first wins)
 * @code: positive errno
 * @fmt:  what failed and why, without a final full stop or newline
 *
 * Return: -code, so that callers write `return err_set(...)`.
 */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/**
 * err_errno() - report a failed system call
 * Like err_set() with ": strerror(code)" appended.
 */
int err_errno(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** err_clear() - forget a report, so that @e can be used again. */
void err_clear(struct err *e);

/** err_text() - the report, or strerror(code) when none was made. Borrowed. */
const char *err_text(const struct err *e, int code);

#endif
