/* SPDX-License-Identifier: Apache-2.0 */
/* workers.c - the workers that the starter runs for the service; see workers.h. */
#include "starter/workers.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "starter/launch.h"

static char name[] = "evidencefs-worker";
static char tz[] = "TZ=UTC0";
static char locale[] = "LC_ALL=C";

int workers_run(struct children *c, int program, uid_t uid, int sock, pid_t *pid)
{
	char *const argv[] = {name, NULL};
	char *const env[] = {tz, locale, NULL};
	const struct launch l = {.program = program,
		.argv = argv,
		.env = env,
		.dir = -1,
		.uid = uid,
		.fds = {sock, -1}};
	void *v = NULL;
	int r = 0;

	if (c->n >= WORKERS_MAX)
		return -EAGAIN;
	v = realloc(c->v, (c->n + 1) * sizeof(*c->v));
	if (!v)
		return -ENOMEM;
	c->v = v;
	r = launch(&l, pid);
	if (r < 0)
		return r;
	c->v[c->n].pid = *pid;
	c->v[c->n].waiting = 0;
	c->v[c->n].left = 0;
	c->n++;
	return 0;
}

int workers_reap(struct children *c, pid_t pid, uint32_t request)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->v[i].pid != pid || c->v[i].waiting || c->v[i].left)
			continue;
		kill(pid, SIGKILL);
		c->v[i].waiting = request;
		return 0;
	}
	return -ECHILD;
}

void workers_leave(struct children *c)
{
	for (size_t i = 0; i < c->n; i++) {
		kill(c->v[i].pid, SIGKILL);
		c->v[i].left = 1;
		c->v[i].waiting = 0;
	}
}

void workers_collect(
	struct children *c, void (*told)(void *ctx, uint32_t request, int status), void *ctx)
{
	for (size_t i = 0; i < c->n;) {
		int status = 0;
		uint32_t request = c->v[i].waiting;

		if ((!request && !c->v[i].left) ||
			waitpid(c->v[i].pid, &status, WNOHANG) != c->v[i].pid) {
			i++;
			continue;
		}
		c->v[i] = c->v[--c->n];
		if (request)
			told(ctx, request, status);
	}
}
