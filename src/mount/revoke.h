/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revoke.h - what the kernel keeps of what is no longer seen
 *
 * Once the scene is swapped and nobody holds the old one, every reply is the new
 * scene's. What the kernel keeps from before is called back here: mapped pages and
 * attributes by node; the names at which what is hidden begins, so that no road leads
 * below them. The nodes of open files go first: only those can have mapped pages.
 * A new epoch would drop every name, for a moment also those of working directories
 * that stay visible: it is the last resort, where there are too many such names.
 * Called from a thread that holds no lock that a request takes, since the kernel may
 * have to wait for a page that is being read.
 */
#ifndef EVIDENCEFS_MOUNT_REVOKE_H
#define EVIDENCEFS_MOUNT_REVOKE_H

#include "mount/scene.h"

/** revoke_changes() - what differs between two scenes, @now being in force. */
void revoke_changes(struct session *s, const struct scene *before, const struct scene *now);
/** revoke_hidden() - all that was ever handed out and is not seen now: after a restart. */
void revoke_hidden(struct session *s);

#endif
