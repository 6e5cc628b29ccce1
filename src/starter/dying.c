/* SPDX-License-Identifier: Apache-2.0 */
/* dying.c - a service that was killed and cannot end; see dying.h. */
#include "starter/dying.h"

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "mount/unlock.h"

#define STATUS_MAX 16384

/* Whether SIGKILL is pending in one of these lines of /proc/PID/status. */
static bool is_pending(const char *status, const char *line)
{
	const char *at = strstr(status, line);

	return at && (strtoull(at + strlen(line), NULL, 16) >> (SIGKILL - 1) & 1);
}

static bool was_killed(pid_t pid)
{
	char path[64];
	char *status = NULL;
	bool killed = false;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (file_read(path, STATUS_MAX, &status, NULL))
		return false;
	/* the first thread may have ended, and others not */
	killed = is_pending(status, "\nSigPnd:") || is_pending(status, "\nShdPnd:") ||
		 strstr(status, "\nState:\tZ");
	free(status);
	return killed;
}

static int unlock_one(void *ctx, const struct channel_session *s)
{
	int ended = unlock_pages(s->fuse_fd);

	if (ended > 0)
		*(int *)ctx += ended;
	return 0;
}

void dying_step(struct dying *d, pid_t pid, struct sessions *sessions, int64_t now_ms)
{
	int ended = 0;

	if (now_ms < d->look_ms)
		return;
	d->look_ms = now_ms + DYING_LOOK_MS;
	if (!was_killed(pid))
		d->since_ms = 0;
	else if (d->since_ms == 0)
		d->since_ms = now_ms;
	if (d->since_ms == 0 || now_ms - d->since_ms < DYING_MS)
		return;
	sessions_each(sessions, unlock_one, &ended);
	fprintf(stderr,
		"evidencefsd: the service was killed and could not end: %d reads of mapped "
		"pages were ended for it\n",
		ended);
}
