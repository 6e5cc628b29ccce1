/* SPDX-License-Identifier: Apache-2.0 */
/* team.c - a session that the starter has mounted; see session.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "mount/fuse.h"
#include "mount/kernel.h"
#include "mount/look.h"
#include "mount/loop.h"
#include "mount/reads.h"
#include "mount/revoke.h"
#include "mount/session_private.h"
#include "mount/table.h"

/* What an earlier service was answering comes again, or ends with an error. */
static void take_over(struct session *s)
{
	uint64_t left = 0;

	if (!(s->degraded & DEGRADED_NO_RESEND) && kernel_notify(s, KERNEL_RESEND) == 0)
		return;
	s->degraded |= DEGRADED_NO_RESEND;
	while ((left = table_left(s->table)) != 0)
		kernel_fail(s, left, -EIO);
}

void session_serve(struct session *s)
{
	/* before the first thread reads: else what it is at would be sent again too */
	if (s->begun)
		take_over(s);
	if (look_start(s) || loop_start(s->fuse, LOOP_THREADS, s->awake, &s->loop))
		fprintf(stderr, "evidencefs: %s: no thread can be started\n", s->mountpoint);
	/* what is seen may have changed while nobody served */
	else if (s->begun)
		revoke_hidden(s);
}

int session_start(struct session *s, struct err *e)
{
	int r = session_make_fuse(s, e);

	if (r == 0)
		r = kernel_attach(s, e);
	if (r == 0)
		r = session_answer_init(s, e);
	if (r)
		return r;
	if (s->hooks && s->hooks->begun)
		s->hooks->begun(s->hooks->ctx);
	/* asked of a new mount only: a new epoch drops names that are in use for a moment */
	if (!s->begun && kernel_notify(s, KERNEL_NEW_EPOCH) == -EINVAL)
		table_set_missing(s->table, DEGRADED_NO_EPOCH);
	s->degraded |= table_missing(s->table);
	if (s->waiting)
		return 0;
	session_serve(s);
	return s->loop ? 0 : err_set(e, EAGAIN, "%s: no thread can be started", s->mountpoint);
}

/*
 * The kernel's end is let go of at once: who still has something open there must not ask
 * in vain.
 */
static void leave_hanging(struct session *s)
{
	int end[2] = {-1, -1};

	reads_stop(s->reads);
	if (pipe2(end, O_CLOEXEC) == 0) {
		dup3(end[0], s->fuse_fd, O_CLOEXEC);
		close(end[0]);
		close(end[1]);
	}
	s->hangs = true;
}

bool session_stop(struct session *s, bool keep)
{
	if (!keep && s->loop)
		session_set_view(s, NULL);
	look_end(s);
	if (!loop_stop(s->loop))
		leave_hanging(s);
	s->loop = NULL;
	return !s->hangs;
}
