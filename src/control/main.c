/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - the service process: take what the starter gives, lock itself in, serve. */
#include "control/main.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "control/server.h"
#include "control/service.h"
#include "mount/awake.h"
#include "starter/channel.h"
#include "starter/message.h"
#include "starter/service_sandbox.h"

static int complain(const struct err *e, int r)
{
	struct buf b = BUF_INIT;

	text_escape_str(&b, err_text(e, r));
	fprintf(stderr, "evidencefsd: %s\n", buf_cstr(&b));
	buf_release(&b);
	return EXIT_FAILURE;
}

static int lock_in(const struct channel *c, const struct channel_start *start, struct err *e)
{
	const struct service_sandbox_opts o = {.uid = start->config.uid,
		.gid = start->config.gid,
		.parent = channel_starter(c),
		.state_dir = start->config.state_dir};
	unsigned landlock = 0;
	int r = service_sandbox_enter(&o, &landlock, e);

	if (r == 0 && landlock == 0 && start->restarts == 0)
		fputs("evidencefsd: this kernel has no landlock: the service goes on without\n",
			stderr);
	return r;
}

static int serve(
	struct channel *c, const struct channel_start *start, struct awake *awake, struct err *e)
{
	const struct server_limits limits = {.connections = start->config.connections};
	struct service *s = NULL;
	struct server *server = NULL;
	bool asked = false;
	int r = 0;

	r = service_new(c, start, awake, &s, e);
	if (r < 0)
		return r;
	r = server_new(start->listen_fd, s, &limits, &server, e);
	if (r == 0)
		r = channel_ready(c);
	asked = r == 0 && channel_wait(c);
	server_free(server);
	/* asked: sessions are unmounted; else the next one goes on with them */
	service_end(s, !asked);
	return r < 0 ? err_errno(e, -r, "the starter cannot be told that the service is ready") : 0;
}

int control_main(void)
{
	struct channel *c = NULL;
	struct channel_start start;
	struct awake *awake = NULL;
	struct err e = {0};
	int r = 0;

	close_range(MESSAGE_LOCK_FD + 1, ~0u, 0);
	prctl(PR_SET_NAME, "evidencefsd");
	umask(077);
	r = channel_open(MESSAGE_FD, &c, &start, &e);
	if (r < 0)
		return complain(&e, r);
	awake = start.config.keep_awake ? awake_new("") : NULL;
	r = lock_in(c, &start, &e);
	if (r == 0)
		r = serve(c, &start, awake, &e);
	awake_free(awake);
	channel_close(c);
	channel_start_release(&start);
	return r < 0 ? complain(&e, r) : EXIT_SUCCESS;
}
