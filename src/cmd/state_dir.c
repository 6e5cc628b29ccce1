/* SPDX-License-Identifier: Apache-2.0 */
/* state_dir.c - where a person's mounts keep what they keep; see state_dir.h. */
#include "cmd/state_dir.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"

#define SESSION_XATTR "user.evidencefs.session"

#define SMALL_FILE ((size_t)1 << 20)

static int default_dir(char **out, struct err *e)
{
	const char *base = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	int n = 0;

	if (base && base[0] == '/')
		n = asprintf(out, "%s/evidencefs", base);
	else if (home && home[0] == '/')
		n = asprintf(out, "%s/.local/state/evidencefs", home);
	else
		return err_set(e, ENOENT,
			"no folder for the state: HOME is not set; name one with --state DIR");
	return n < 0 ? err_errno(e, ENOMEM, "state") : 0;
}

int state_dir(const char *given, bool make, char **out, struct err *e)
{
	struct err why = {0};
	char *path = NULL;
	char *real = NULL;
	int r = given ? ((path = strdup(given)) ? 0 : -ENOMEM) : default_dir(&path, e);

	if (r)
		return r;
	if (make)
		r = file_make_dirs(path, &why);
	if (r == 0 && !(real = realpath(path, NULL)))
		r = err_errno(&why, errno, "%s", path);
	if (r == 0 && make && access(real, W_OK | X_OK))
		r = err_errno(&why, errno, "cannot write to %s", real);
	free(path);
	if (r) {
		free(real);
		return err_set(e, -r, "%s: %s; name another folder with --state DIR",
			make ? "the state cannot be kept" : "there is no state", err_text(&why, r));
	}
	*out = real;
	return 0;
}

int state_mount_dir(const char *state, const char *mountpoint, char **out, struct err *e)
{
	struct digest *d = digest_new(DIGEST_SHA256);
	uint8_t value[DIGEST_MAX];
	char hex[DIGEST_HEX_MAX];
	int r = d && digest_update(d, mountpoint, strlen(mountpoint)) == 0 &&
				digest_final(d, value) == 0
			? 0
			: -ENOMEM;

	digest_free(d);
	if (r == 0 && asprintf(out, "%s/mounts/%s", state, digest_hex(value, 8, hex)) < 0)
		r = -ENOMEM;
	return r ? err_errno(e, -r, "%s", state) : 0;
}

static char *path_in(const char *dir, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

int state_mount_begin(const char *dir, const char *mountpoint, struct err *e)
{
	char *lock = path_in(dir, "lock");
	char *note = path_in(dir, "mountpoint");
	int fd = lock && note ? file_make_dirs(dir, e) : err_errno(e, ENOMEM, "%s", dir);

	if (fd == 0)
		fd = file_lock(lock, 0, e);
	if (fd == -EAGAIN)
		fd = err_set(e, EBUSY,
			"%s is still served by an earlier mount; run: evidencefs unmount %s",
			mountpoint, mountpoint);
	if (fd >= 0) {
		int r = file_write(note, mountpoint, strlen(mountpoint), e);

		if (r) {
			close(fd);
			fd = r;
		}
	}
	free(lock);
	free(note);
	return fd;
}

/* Lines: index digest, folder, name; the last two in hex, since they may hold any byte. */
static void put_line(struct buf *b, const struct evidence *ev)
{
	char hex[DIGEST_HEX_MAX];

	buf_printf(b, "%s ", digest_hex(ev->manifest.digest, sizeof(ev->manifest.digest), hex));
	for (const char *p = ev->dir; *p; p++)
		buf_printf(b, "%02x", (unsigned char)*p);
	buf_puts(b, " ");
	for (const char *p = ev->name; *p; p++)
		buf_printf(b, "%02x", (unsigned char)*p);
	buf_puts(b, "\n");
}

int state_note_evidence(const char *dir, const struct evidence *ev, struct err *e)
{
	char *path = path_in(dir, "evidence");
	char *old = NULL;
	struct buf line = BUF_INIT;
	struct buf all = BUF_INIT;
	int r = path ? 0 : err_errno(e, ENOMEM, "%s", dir);

	put_line(&line, ev);
	if (r == 0 && access(path, F_OK) == 0)
		r = file_read(path, SMALL_FILE, &old, e);
	if (old)
		buf_puts(&all, old);
	if (r == 0 && !(old && strstr(old, buf_cstr(&line)))) {
		buf_put(&all, line.data, line.len);
		r = all.error ? err_errno(e, ENOMEM, "%s", dir)
			      : file_write(path, all.data, all.len, e);
	}
	buf_release(&line);
	buf_release(&all);
	free(old);
	free(path);
	return r;
}

static bool unhex(const char *hex, size_t n, void *out)
{
	for (size_t i = 0; i < n; i++) {
		unsigned v = 0;

		if (sscanf(hex + 2 * i, "%2x", &v) != 1)
			return false;
		((uint8_t *)out)[i] = (uint8_t)v;
	}
	return true;
}

static char *unhex_string(const char *hex, size_t len)
{
	char *s = calloc(1, len / 2 + 1);

	if (s && !unhex(hex, len / 2, s)) {
		free(s);
		s = NULL;
	}
	return s;
}

static bool parse_line(const char *line, struct state_evidence *v)
{
	const char *dir = strchr(line, ' ');
	const char *name = dir ? strchr(dir + 1, ' ') : NULL;

	if (!name || dir - line != 64 || !unhex(line, 32, v->digest))
		return false;
	v->dir = unhex_string(dir + 1, (size_t)(name - dir - 1));
	v->name = unhex_string(name + 1, strlen(name + 1));
	return v->dir && v->name;
}

int state_evidence_list(const char *dir, struct state_evidence **out, size_t *n, struct err *e)
{
	char *path = path_in(dir, "evidence");
	char *text = NULL;
	char *save = NULL;
	struct state_evidence *v = NULL;
	size_t lines = 1;
	int r = path ? file_read(path, SMALL_FILE, &text, e) : err_errno(e, ENOMEM, "%s", dir);

	*n = 0;
	for (const char *p = text; p && *p; p++)
		lines += *p == '\n';
	if (r == 0 && !(v = calloc(lines, sizeof(*v))))
		r = err_errno(e, ENOMEM, "%s", dir);
	for (char *line = r == 0 ? strtok_r(text, "\n", &save) : NULL; line;
		line = strtok_r(NULL, "\n", &save)) {
		if (parse_line(line, &v[*n]))
			(*n)++;
	}
	free(text);
	free(path);
	if (r == 0)
		*out = v;
	return r;
}

void state_evidence_free(struct state_evidence *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].dir);
		free(v[i].name);
	}
	free(v);
}

int state_find_mount_dir(const char *state_given, const char *mountpoint, char **out, struct err *e)
{
	char session[4096];
	char *state = NULL;
	ssize_t n = state_given ? -1
				: getxattr(mountpoint, SESSION_XATTR, session, sizeof(session) - 1);
	int r = 0;

	if (n > 0) {
		session[n] = '\0';
		*out = strdup(session);
		return *out ? 0 : err_errno(e, ENOMEM, "%s", mountpoint);
	}
	r = state_dir(state_given, false, &state, e);
	if (r == 0)
		r = state_mount_dir(state, mountpoint, out, e);
	if (r == 0 && access(*out, F_OK)) {
		free(*out);
		*out = NULL;
		r = err_set(e, ENOENT,
			"no log of a mount on %s is kept in %s; name the folder with --state DIR",
			mountpoint, state);
	}
	free(state);
	return r;
}
