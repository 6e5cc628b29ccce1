/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel.h - what the kernel's FUSE can do and libfuse 3.14 does not know
 *
 * Sits between libfuse and /dev/fuse (fuse_session_custom_io): offers newer
 * abilities in the INIT reply and answers STATX, the one request that carries
 * a birth time.
 * Source: Linux include/uapi/linux/fuse.h, protocol 7.39 and later.
 */
#ifndef EVIDENCEFS_MOUNT_KERNEL_H
#define EVIDENCEFS_MOUNT_KERNEL_H

#include "mount/session.h"

/* Notices without a body. */
enum kernel_notice { KERNEL_RESEND = 7, KERNEL_NEW_EPOCH = 8 };

/** kernel_attach() - put this module between; the session is already mounted. */
int kernel_attach(struct session *s, struct err *e);

/**
 * kernel_unique() - number of the request that this thread read last
 * @again: whether it is sent again; NULL. Of use while that request is being answered.
 */
uint64_t kernel_unique(bool *again);
/**
 * kernel_take_note() - that the request is being answered stays noted, for a successor on a
 * kernel that cannot send requests again, when this thread goes on before its reply
 * Return: what kernel_end_note() is to be given after the reply; -1 none.
 */
int kernel_take_note(void);
void kernel_end_note(struct session *s, int note);
/** kernel_notify() - Return: 0; -EINVAL this kernel does not know it; -errno. */
int kernel_notify(struct session *s, enum kernel_notice what);

/** kernel_forget_name() - the kernel looks a name in a directory up again, when it is used. */
void kernel_forget_name(struct session *s, uint64_t dir, const void *name, size_t n);
/** kernel_fail() - answer the request @unique with an error: who began it is gone. */
void kernel_fail(struct session *s, uint64_t unique, int error);

/** kernel_missing() - the abilities missing, in words: "no shared mappings, ..."; "" none. */
const char *kernel_missing(unsigned degraded, char *out, size_t size);

/** kernel_lacks() - abilities that a kernel of this release ("6.1.0-18-amd64") does not have. */
unsigned kernel_lacks(const char *release);

/** kernel_degraded_parse() - add the modes in "no-statx,handles" to @flags. Return: 0; -EINVAL. */
int kernel_degraded_parse(const char *list, unsigned *flags);

#endif
