/* SPDX-License-Identifier: Apache-2.0 */
/* rules_text.c - names and paths as people type them; see rules.h. */
#include "policy/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define NAME_MAX_BYTES 200
#define PATH_MAX_BYTES (64 * 1024)

bool rules_name_ok(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > NAME_MAX_BYTES || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (const char *p = name; *p;) {
		uint32_t code = 0;
		size_t step = text_next(p, strlen(p), &code);

		if (step == 0 || text_is_control(code) || code == '/' || code == '\\')
			return false;
		p += step;
	}
	return true;
}

/* Behind any slashes. */
static const char *skip_slashes(const char *p)
{
	return p + strspn(p, "/");
}

/* What follows the components of @above, each as a whole; NULL: it does not begin with them. */
static const char *behind(const char *path, const char *above)
{
	for (above = skip_slashes(above); *above; above = skip_slashes(above)) {
		size_t n = strcspn(above, "/");

		path = skip_slashes(path);
		if (strncmp(path, above, n) != 0 || (path[n] && path[n] != '/'))
			return NULL;
		path += n;
		above += n;
	}
	return path;
}

/* Below MOUNT_ROOT/USER/CASE: whoever the user is. */
static const char *below_case(const char *typed, const char *mount_root, const char *case_name)
{
	const char *p = mount_root ? behind(typed, mount_root) : NULL;

	if (!p)
		return NULL;
	p = skip_slashes(p);
	if (!*p)
		return NULL;
	p += strcspn(p, "/");
	return behind(p, case_name);
}

static int add_components(const char *p, struct buf *out, bool *climbs)
{
	for (p = skip_slashes(p); *p; p = skip_slashes(p)) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.')
			*climbs = true;
		if (n != 1 || p[0] != '.') {
			if (out->len > 0)
				buf_put_u8(out, '/');
			buf_put(out, p, n);
		}
		p += n;
	}
	return out->error;
}

int rules_path(
	const char *typed, const char *mount_root, const char *case_name, char **out, struct err *e)
{
	const char *p = typed;
	struct buf kept = BUF_INIT;
	bool climbs = false;
	char *text = NULL;
	int r = 0;

	if (typed && !*typed)
		return err_set(e, EINVAL, "an empty PATH: leave it out to mean the whole case");
	if (typed && strlen(typed) > PATH_MAX_BYTES)
		return err_set(e, EINVAL, "PATH is longer than %d bytes", PATH_MAX_BYTES);
	if (typed && typed[0] == '/')
		p = below_case(typed, mount_root, case_name);
	if (typed && !p)
		return err_set(e, EINVAL,
			"PATH is not below the case: write it as below the case's folder, like "
			"laptop/p2-ntfs/Users");
	if (p)
		r = add_components(p, &kept, &climbs);
	if (r == 0 && climbs)
		r = err_set(e, EINVAL, "PATH must not climb: it has \"..\" in it");
	if (r == 0 && kept.len == 0 && typed && typed[0] != '/')
		r = err_set(e, EINVAL, "PATH names nothing: leave it out to mean the whole case");
	if (r == 0 && kept.len > 0) {
		text = strdup(buf_cstr(&kept));
		r = text ? 0 : err_errno(e, ENOMEM, "PATH");
	}
	buf_release(&kept);
	if (r == 0)
		*out = text;
	return r;
}
