/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - files and folders of the state, made so that an interruption leaves nothing
 * half-written. */
#ifndef EVIDENCEFS_BASE_FILE_H
#define EVIDENCEFS_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/** file_make_dirs() - make a folder and those above it, mode 0700; existing ones are fine. */
int file_make_dirs(const char *path, struct err *e);
/** file_sync_parent() - make the entry of the directory @dirfd, in the one above it, safe. */
int file_sync_parent(int dirfd);
/** file_dir_beside() - the directory @name beside that of @dirfd, made (mode 0700) if missing, its
 * entry safe. Return: a descriptor. */
int file_dir_beside(int dirfd, const char *name, struct err *e);
/** file_commit() - fsync @from, rename it to @to, fsync the folder. */
int file_commit(const char *from, const char *to, struct err *e);
/** file_write_all() - all of [@n], in one write unless the kernel stops in the middle. */
int file_write_all(int fd, const void *p, size_t n);
/** file_write_at() - the same at byte @off, wherever @fd stands. */
int file_write_at(int fd, const void *p, size_t n, uint64_t off);
/** file_write() - write @path whole or not at all, mode 0600. */
int file_write(const char *path, const void *p, size_t n, struct err *e);
/** file_read() - a small file as a string; caller frees *@out. -EFBIG past @max bytes. */
int file_read(const char *path, size_t max, char **out, struct err *e);
/**
 * file_lock() - open (and make) @path and lock it exclusively
 * Return: a descriptor that holds the lock until closed; -EAGAIN somebody else
 * has it and @wait is 0; -EINTR a signal came while waiting.
 */
int file_lock(const char *path, int wait, struct err *e);
/** file_remove_tree() - a folder and all in it; links are removed, not followed. */
int file_remove_tree(const char *path, struct err *e);
/** file_tree_bytes() - disk space of a folder and all in it. */
uint64_t file_tree_bytes(const char *path);

#endif
