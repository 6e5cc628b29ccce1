/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.h - go on in the background, for who starts evidencefsd by hand
 *
 * What is written to stderr from then on goes to syslog(3), by a small process
 * that ends with the last writer.
 */
#ifndef EVIDENCEFS_CMD_DAEMON_H
#define EVIDENCEFS_CMD_DAEMON_H

#include "base/err.h"

/**
 * daemon_begin() - returns in the background process; the caller of the program waits
 * @ready: where a byte is to be written once the service can be asked: then
 *         the process in the foreground exits 0; if this one ends before, 1
 */
int daemon_begin(int *ready, struct err *e);

#endif
