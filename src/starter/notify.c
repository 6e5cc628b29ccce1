/* SPDX-License-Identifier: Apache-2.0 */
/* notify.c - what systemd is told, and what it hands over; see notify.h. */
#include "starter/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GIVEN_FIRST 3
#define GIVEN_MAX   16384

bool notify_wanted(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	return path && (path[0] == '/' || path[0] == '@') && path[1];
}

static void tell(const char *text, int fd)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {.bytes = {0}};
	struct iovec v;
	struct msghdr m = {.msg_name = &a, .msg_iov = &v, .msg_iovlen = 1};
	int sock = -1;

	if (!notify_wanted() || strlen(path) >= sizeof(a.sun_path))
		return;
	memcpy(a.sun_path, path, strlen(path));
	if (a.sun_path[0] == '@')
		a.sun_path[0] = '\0';
	m.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	v.iov_len = strlen(text);
	v.iov_base = strdup(text);
	if (fd >= 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(int));
	}
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock >= 0 && v.iov_base && sendmsg(sock, &m, MSG_NOSIGNAL) < 0)
		fprintf(stderr, "evidencefsd: cannot tell systemd: %s\n", strerror(errno));
	if (sock >= 0)
		close(sock);
	free(v.iov_base);
}

void notify_state(const char *state)
{
	tell(state, -1);
}

void notify_store(const char *name, int fd)
{
	char text[128];

	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", name);
	tell(text, fd);
}

void notify_forget(const char *name)
{
	char text[128];

	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	tell(text, -1);
}

int notify_given(struct notify_given *out)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	long n = pid && count && strtol(pid, NULL, 10) == getpid() ? strtol(count, NULL, 10) : 0;

	*out = (struct notify_given){.n = 0};
	if (n <= 0 || n > GIVEN_MAX)
		return 0;
	out->v = calloc((size_t)n, sizeof(*out->v));
	if (!out->v)
		return -ENOMEM;
	for (; out->n < (size_t)n; out->n++) {
		size_t len = names ? strcspn(names, ":") : 0;

		out->v[out->n].fd = GIVEN_FIRST + (int)out->n;
		fcntl(out->v[out->n].fd, F_SETFD, FD_CLOEXEC);
		if (len < sizeof(out->v[0].name) && len > 0)
			memcpy(out->v[out->n].name, names, len);
		if (names)
			names += len + (names[len] == ':');
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return 0;
}
