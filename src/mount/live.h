/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live.h - texts that are made when they are read: PRIVACY.txt, ACCESS.txt, EVIDENCE.txt, notes
 *
 * A text is what it is at its open, for as long as the view it was made for lasts.
 * After a change of the view, or of the service, an open text goes on as it is
 * then: who was half through may meet the middle of another text, but never a byte
 * that is no longer his. Its size is the text's at the moment it is asked, and is not
 * kept by the kernel; reads end where the text ends, whatever size was told before.
 */
#ifndef EVIDENCEFS_MOUNT_LIVE_H
#define EVIDENCEFS_MOUNT_LIVE_H

#include "base/buf.h"
#include "mount/handle.h"
#include "mount/scene.h"

/** live_is() - whether a node is such a text. */
bool live_is(const struct scene *sc, const struct node *n);

/** live_name() - of the text in a place. */
const char *live_name(const struct place *p);
/** live_text() - append it, as its viewer may see it. Return: 0; -ENOENT; -ENOMEM. */
int live_text(
	const struct session *s, const struct scene *sc, const struct node *n, struct buf *out);
/** live_size() - its length now. */
uint64_t live_size(const struct session *s, const struct scene *sc, const struct node *n);
/**
 * live_read() - from an open one; opens it if need be. @len 0: only that
 * Return: bytes; 0 at its end; -errno.
 */
ssize_t live_read(struct session *s, const struct scene *sc, struct handle *h, void *buf,
	size_t len, uint64_t off);

#endif
