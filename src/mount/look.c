/* SPDX-License-Identifier: Apache-2.0 */
/* look.c - looks after reads that storage does not answer; see look.h. */
#include "mount/look.h"

#include <unistd.h>

#include "base/thread.h"
#include "mount/fuse.h"
#include "mount/ops.h"
#include "mount/reads.h"
#include "mount/session_private.h"

#define END_SECONDS 3 /* that reads are waited for at the end */

/*
 * Reads hang in storage and hold the loop, which waits for its threads. What can be
 * closed without them is closed; then the process ends, and they with it.
 */
static void leave_behind(struct session *s)
{
	reads_stop(s->reads);
	fuse_session_unmount(s->fuse);
	session_end_log(s);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	_exit(0);
}

static void *look_after(void *arg)
{
	struct session *s = arg;
	unsigned ending = 0;

	while (reads_wait(s->reads)) {
		if (!s->team && fuse_session_exited(s->fuse) && ++ending > END_SECONDS)
			leave_behind(s);
		ops_end_abandoned_reads(s);
	}
	return NULL;
}

/* Signals are for the thread that runs the loop. */
int look_start(struct session *s)
{
	int r = 0;

	r = thread_start(&s->looking, look_after, s);
	s->looks = r == 0;
	return -r;
}

void look_end(struct session *s)
{
	if (!s->looks)
		return;
	reads_over(s->reads);
	pthread_join(s->looking, NULL);
	s->looks = false;
}
