/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trail.c - where a library without coverage has been; see trail.h
 *
 * libtsk tells at almost every branch what it does, when asked to be verbose,
 * and calls its own exported functions through the table that the program's
 * come first in: the place of such a call is a place that was reached.
 */
#include "trail.h"

#ifdef FUZZ_REPLAY

void trail_add(uint64_t what)
{
	(void)what;
}

void trail_text(const char *text)
{
	(void)text;
}

#else

#include <ctype.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>

#include "fs/tsk.h"

#define COUNTERS 65536u
#define VISIBLE  __attribute__((visibility("default")))

__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t counters[COUNTERS];

void trail_add(uint64_t what)
{
	uint8_t *c = NULL;

	what *= UINT64_C(0x9e3779b97f4a7c15);
	c = &counters[what >> 48];
	if (*c < 255)
		++*c;
}

void trail_text(const char *text)
{
	uint64_t hash = 5381;

	/* Behind a colon stands what libtsk said, before it a path. */
	for (const char *c = text; *c; c++)
		hash = *c == ':'                    ? 5381
		       : isdigit((unsigned char)*c) ? hash
						    : hash * 33 + (uint8_t)*c;
	trail_add(hash);
}

/* The same for every run, wherever the library was loaded. */
static void reached(const void *at)
{
	trail_add((uintptr_t)at - (uintptr_t)&tsk_version_get_str);
}

VISIBLE void tsk_fprintf(FILE *f, const char *format, ...)
{
	(void)f;
	(void)format;
	reached(__builtin_return_address(0));
}

/* Some of what it says goes straight to stderr. */
VISIBLE int __fprintf_chk(FILE *f, int flag, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
VISIBLE int __fprintf_chk(FILE *f, int flag, const char *format, ...)
{
	va_list ap;
	int r = 0;

	(void)flag;
	reached(__builtin_return_address(0));
	if (f == stderr)
		return 0;
	va_start(ap, format);
	r = vfprintf(f, format, ap);
	va_end(ap);
	return r;
}

VISIBLE size_t fwrite(const void *p, size_t size, size_t n, FILE *f)
{
	static size_t (*real)(const void *, size_t, size_t, FILE *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "fwrite");
	if (f != stderr)
		return real(p, size, n, f);
	reached(__builtin_return_address(0));
	return n;
}

VISIBLE void tsk_error_set_errstr(const char *format, ...)
{
	va_list ap;

	reached(__builtin_return_address(0));
	va_start(ap, format);
	tsk_error_vset_errstr(format, ap);
	va_end(ap);
}

/* Exported, declared in a header that is not installed. */
VISIBLE void *tsk_malloc(size_t n);

VISIBLE void *tsk_malloc(size_t n)
{
	static void *(*real)(size_t);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "tsk_malloc");
	reached(__builtin_return_address(0));
	return real(n);
}

VISIBLE ssize_t tsk_fs_read(TSK_FS_INFO *fs, TSK_OFF_T off, char *buf, size_t n)
{
	static ssize_t (*real)(TSK_FS_INFO *, TSK_OFF_T, char *, size_t);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "tsk_fs_read");
	reached(__builtin_return_address(0));
	return real(fs, off, buf, n);
}

__attribute__((constructor)) static void be_verbose(void)
{
	tsk_verbose = 1;
}

#endif
