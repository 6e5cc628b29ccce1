/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.h - the worker's side: answers requests about one image
 *
 * Runs in evidencefs-worker only, inside the sandbox, in one thread. Opens the
 * image with the first request that needs it and keeps what it opened.
 */
#ifndef EVIDENCEFS_WORKER_SERVE_H
#define EVIDENCEFS_WORKER_SERVE_H

#include <stdint.h>

#include "worker/hello.h"
#include "worker/wire.h"

struct serve {
	struct wire *wire;
	const struct hello *hello;
	uint8_t *cache; /* hello->slots slots of hello->slot_bytes; NULL: none */
};

/**
 * serve_run() - answer requests until the service closes the socket
 * Return: 0 at its end of file; -EPROTO a request that makes no sense; -EPIPE.
 */
int serve_run(const struct serve *s);

#endif
