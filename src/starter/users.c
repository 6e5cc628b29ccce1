/* SPDX-License-Identifier: Apache-2.0 */
/* users.c - whose uid is what, for the starter; see users.h, and config_resolve(). */
#include "starter/users.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "starter/config.h"
#include "worker/sandbox.h"

#define ENTRY_MAX   (1024 * 1024) /* bytes of an entry of passwd(5) */
#define PRIVACY_MAX (32 * 1024)

/* One of @name and @uid. Return: 1 and *@out; 0 there is none; -errno. */
static int look_up(const char *name, uid_t uid, struct users_entry *out)
{
	size_t size = 4096;
	char *memory = NULL;
	struct passwd *found = NULL;
	struct passwd p;
	int r = ERANGE;

	for (; r == ERANGE && size <= ENTRY_MAX; size *= 4) {
		free(memory);
		memory = malloc(size);
		if (!memory)
			return -ENOMEM;
		r = name ? getpwnam_r(name, &p, memory, size, &found)
			 : getpwuid_r(uid, &p, memory, size, &found);
	}
	/* the ways of NSS to say that there is no such entry */
	if (!found && (r == ENOENT || r == ESRCH || r == EBADF || r == EPERM))
		r = 0;
	if (r == 0 && found) {
		out->uid = p.pw_uid;
		out->gid = p.pw_gid;
		r = strlen(p.pw_name) < sizeof(out->name) ? -1 : ENAMETOOLONG;
		if (r == -1)
			strcpy(out->name, p.pw_name);
	}
	free(memory);
	return r == -1 ? 1 : -r;
}

int users_by_uid(uid_t uid, struct users_entry *out)
{
	return look_up(NULL, uid, out);
}

bool users_name_ok(const char *name)
{
	return name[0] && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strchr(name, '/') &&
	       strlen(name) <= 255;
}

/* Whether @s is a number, and no name. */
static bool is_number(const char *s, uid_t *out)
{
	char *end = NULL;
	unsigned long long v = 0;

	if (!s[0] || strspn(s, "0123456789") != strlen(s) || strlen(s) > 10)
		return false;
	v = strtoull(s, &end, 10);
	if (v >= UINT32_MAX) /* (uid_t)-1 means "leave it" to many calls */
		return false;
	*out = (uid_t)v;
	return true;
}

/* A name, or a number that need not have one. */
static int find(const char *key, const char *s, struct users_entry *out, struct err *e)
{
	int r = 0;

	*out = (struct users_entry){.uid = 0};
	if (is_number(s, &out->uid)) {
		out->gid = out->uid;
		r = look_up(NULL, out->uid, out);
		if (r < 0)
			return err_errno(e, -r, "%s = %s: cannot be looked up", key, s);
	} else {
		struct buf b = BUF_INIT;

		r = look_up(s, 0, out);
		text_escape_str(&b, s);
		if (r < 0)
			r = err_errno(e, -r, "%s = %s: cannot be looked up", key, buf_cstr(&b));
		else if (r == 0)
			r = err_set(e, ENOENT,
				"%s = %s: there is no such user; make it with: useradd --system "
				"--no-create-home --shell /usr/sbin/nologin %s (or give an unused "
				"number)",
				key, buf_cstr(&b), buf_cstr(&b));
		buf_release(&b);
		if (r < 0)
			return r;
	}
	if (out->uid == 0)
		return err_set(e, EINVAL, "%s = %s: must not be root", key, s);
	return 0;
}

/* The first number of the range kept for evidencefs that belongs to nobody. */
static int unused(const char *key, uid_t but, uid_t nor, uid_t *out, struct err *e)
{
	for (uid_t uid = SANDBOX_UID; uid <= SANDBOX_UID_LAST; uid++) {
		struct users_entry entry = {.uid = 0};

		if (uid != but && uid != nor && look_up(NULL, uid, &entry) == 0) {
			*out = uid;
			return 0;
		}
	}
	return err_set(e, EBUSY,
		"all of the uids %d to %d are taken: give an unused one, as %s = NUMBER",
		SANDBOX_UID, SANDBOX_UID_LAST, key);
}

int config_resolve(struct config *c, struct err *e)
{
	struct users_entry user = {.uid = 0};
	struct users_entry worker = {.uid = 0};
	struct users_entry keyd = {.uid = 0};
	int r = find("user", c->user, &user, e);

	if (r < 0)
		return r;
	c->uid = user.uid;
	c->gid = user.gid;
	if (c->gid == 0)
		return err_set(e, EINVAL, "user = %s: its group must not be root's", c->user);
	r = c->worker_user ? find("worker_user", c->worker_user, &worker, e)
			   : unused("worker_user", c->uid, c->uid, &worker.uid, e);
	if (r < 0)
		return r;
	c->worker_uid = worker.uid;
	if (c->uid == c->worker_uid)
		return err_set(e, EINVAL, "worker_user = %s: must be another user than `user`",
			c->worker_user);
	r = c->keyd_user ? find("keyd_user", c->keyd_user, &keyd, e)
			 : unused("keyd_user", c->uid, c->worker_uid, &keyd.uid, e);
	if (r < 0)
		return r;
	c->keyd_uid = keyd.uid;
	if (c->keyd_uid == c->uid || c->keyd_uid == c->worker_uid)
		return err_set(e, EINVAL,
			"keyd_user = %s: must be another user than `user` and `worker_user`",
			c->keyd_user);
	free(c->privacy_text);
	c->privacy_text = NULL;
	return c->privacy ? file_read(c->privacy, PRIVACY_MAX, &c->privacy_text, e) : 0;
}
