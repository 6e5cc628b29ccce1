/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote.h - the road to the keys over a socket: what service, starter and evidencefs-keyd
 * must agree on, and the service's end (audit/keys.h)
 */
#ifndef EVIDENCEFS_KEYD_REMOTE_H
#define EVIDENCEFS_KEYD_REMOTE_H

#include "audit/keys.h"

#define REMOTE_LISTEN 3 /* descriptors that evidencefs-keyd is started with */
#define REMOTE_DIR    4
#define REMOTE_PARENT "EVIDENCEFS_PARENT" /* environment: the process whose end is its own */
#define REMOTE_UID    "EVIDENCEFS_UID"    /* whom root, who may lock memory, becomes then */

/** remote_connect_fn - a new connection to it. Return: a descriptor; -errno. */
typedef int remote_connect_fn(void *ctx);

/** remote_keys() - @connect is asked whenever there is no connection. Return: 0; -ENOMEM. */
int remote_keys(remote_connect_fn *connect, void *ctx, struct keys **out);

#endif
