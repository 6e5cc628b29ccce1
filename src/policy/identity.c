/* SPDX-License-Identifier: Apache-2.0 */
/* identity.c - who somebody is, by NSS; see identity.h. */
#include "policy/identity.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

#define NSS_BUFFER     1024
#define NSS_BUFFER_MAX (64 * 1024 * 1024) /* a group with very many members */
#define GROUPS_MAX     65536

/* What NSS answers when somebody is not there, beside 0 without a result (getpwnam(3)). */
static bool means_absent(int code)
{
	return code == ENOENT || code == ESRCH || code == EBADF || code == EPERM;
}

/* One answer of NSS with the memory its pointers lead into. */
struct answer {
	char *memory;
	struct passwd user;
	struct group group;
};

enum question { USER_BY_ID, USER_BY_NAME, GROUP_BY_ID, GROUP_BY_NAME };

static int ask_once(
	struct answer *a, size_t size, enum question q, const char *name, uint32_t id, bool *found)
{
	struct passwd *user = NULL;
	struct group *group = NULL;
	int code = 0;

	if (q == USER_BY_ID)
		code = getpwuid_r(id, &a->user, a->memory, size, &user);
	else if (q == USER_BY_NAME)
		code = getpwnam_r(name, &a->user, a->memory, size, &user);
	else if (q == GROUP_BY_ID)
		code = getgrgid_r(id, &a->group, a->memory, size, &group);
	else
		code = getgrnam_r(name, &a->group, a->memory, size, &group);
	*found = user || group;
	return code;
}

/* Return: 0 and @a (free its memory); -ENOENT; -EIO; -ENOMEM. */
static int ask(struct answer *a, enum question q, const char *name, uint32_t id)
{
	int code = ERANGE;
	bool found = false;

	a->memory = NULL;
	for (size_t size = NSS_BUFFER; code == ERANGE && size <= NSS_BUFFER_MAX; size *= 4) {
		char *more = realloc(a->memory, size);

		if (!more) {
			code = ENOMEM;
			break;
		}
		a->memory = more;
		do {
			code = ask_once(a, size, q, name, id, &found);
		} while (code == EINTR);
	}
	if (found && code == 0)
		return 0;
	free(a->memory);
	a->memory = NULL;
	if (code == ENOMEM)
		return -ENOMEM;
	return code == 0 || means_absent(code) ? -ENOENT : -EIO;
}

/* ---- an identity ------------------------------------------------------------------------ */

static int compare_gid(const void *a, const void *b)
{
	gid_t x = *(const gid_t *)a;
	gid_t y = *(const gid_t *)b;

	return (x > y) - (x < y);
}

static int list_groups(struct identity *i)
{
	int room = 32;

	for (;;) {
		int n = room;
		gid_t *v = reallocarray(i->groups, (size_t)room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		i->groups = v;
		if (getgrouplist(i->name, i->gid, v, &n) >= 0) {
			i->groups_n = (size_t)n;
			break;
		}
		if (room >= GROUPS_MAX)
			return -EIO;
		room = n > room ? n : room * 2;
	}
	qsort(i->groups, i->groups_n, sizeof(*i->groups), compare_gid);
	for (size_t k = 1; k < i->groups_n;) {
		if (i->groups[k] == i->groups[k - 1]) {
			memmove(i->groups + k, i->groups + k + 1,
				(--i->groups_n - k) * sizeof(*i->groups));
		} else {
			k++;
		}
	}
	return 0;
}

static int name_groups(struct identity *i)
{
	i->group_names = calloc(i->groups_n + 1, sizeof(*i->group_names));
	if (!i->group_names)
		return -ENOMEM;
	for (size_t k = 0; k < i->groups_n; k++) {
		struct answer a;
		int r = ask(&a, GROUP_BY_ID, NULL, i->groups[k]);

		if (r == -ENOENT)
			continue;
		if (r)
			return r;
		i->group_names[k] = strdup(a.group.gr_name);
		free(a.memory);
		if (!i->group_names[k])
			return -ENOMEM;
	}
	return 0;
}

int identity_of(uid_t uid, struct identity *out)
{
	struct identity i = {.uid = uid};
	struct answer a;
	int r = ask(&a, USER_BY_ID, NULL, uid);

	if (r)
		return r;
	i.gid = a.user.pw_gid;
	i.name = strdup(a.user.pw_name);
	free(a.memory);
	r = i.name ? list_groups(&i) : -ENOMEM;
	if (r == 0)
		r = name_groups(&i);
	if (r) {
		identity_release(&i);
		return r;
	}
	*out = i;
	return 0;
}

void identity_release(struct identity *i)
{
	for (size_t k = 0; i->group_names && k < i->groups_n; k++)
		free(i->group_names[k]);
	free(i->group_names);
	free(i->groups);
	free(i->name);
	*i = (struct identity){.uid = i->uid};
}

int identity_copy(const struct identity *from, struct identity *to)
{
	struct identity i = {.uid = from->uid, .gid = from->gid};

	i.name = from->name ? strdup(from->name) : NULL;
	i.groups = calloc(from->groups_n + 1, sizeof(*i.groups));
	i.group_names = calloc(from->groups_n + 1, sizeof(*i.group_names));
	if ((from->name && !i.name) || !i.groups || !i.group_names) {
		identity_release(&i);
		return -ENOMEM;
	}
	for (size_t k = 0; k < from->groups_n; k++) {
		i.groups[k] = from->groups[k];
		i.groups_n = k + 1;
		if (!from->group_names[k])
			continue;
		i.group_names[k] = strdup(from->group_names[k]);
		if (!i.group_names[k]) {
			identity_release(&i);
			return -ENOMEM;
		}
	}
	*to = i;
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool identity_equal(const struct identity *a, const struct identity *b)
{
	if (a->uid != b->uid || a->gid != b->gid || a->groups_n != b->groups_n ||
		!same_text(a->name, b->name))
		return false;
	for (size_t k = 0; k < a->groups_n; k++) {
		if (a->groups[k] != b->groups[k] ||
			!same_text(a->group_names[k], b->group_names[k]))
			return false;
	}
	return true;
}

/* ---- subjects ------------------------------------------------------------------------------ */

/* A number as a uid is written; false for anything else, and for (uid_t)-1. */
static bool number_of(const char *text, uint32_t *out)
{
	uint64_t n = 0;

	if (!*text || strlen(text) > 10)
		return false;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			return false;
		n = n * 10 + (uint64_t)(*p - '0');
	}
	if (n >= UINT32_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

int subject_parse(const char *text, struct subject *out, struct err *e)
{
	bool group = text[0] == '@';
	const char *name = text + group;
	struct subject s = {.kind = group ? SUBJECT_GROUP : SUBJECT_USER};
	struct answer a = {.memory = NULL};
	uint32_t id = 0;
	int r = 0;

	if (!*name)
		return err_set(e, EINVAL, "who? A user's name, a uid, or @group");
	r = ask(&a, group ? GROUP_BY_NAME : USER_BY_NAME, name, 0);
	if (r == -ENOENT && number_of(name, &id))
		r = ask(&a, group ? GROUP_BY_ID : USER_BY_ID, NULL, id);
	if (r == -ENOENT)
		return err_set(e, ENOENT, "%s: this machine knows no such %s", name,
			group ? "group" : "user");
	if (r)
		return err_set(e, -r, "%s: users and groups cannot be looked up now", name);
	s.typed = strdup(text);
	s.name = strdup(group ? a.group.gr_name : a.user.pw_name);
	s.id = group ? a.group.gr_gid : a.user.pw_uid;
	free(a.memory);
	if (!s.typed || !s.name) {
		free(s.typed);
		free(s.name);
		return err_errno(e, ENOMEM, "%s", text);
	}
	*out = s;
	return 0;
}

bool subject_is(const struct subject *s, const struct identity *who)
{
	if (!s->name || !who->name)
		return false;
	if (s->kind == SUBJECT_USER)
		return s->id == who->uid && strcmp(s->name, who->name) == 0;
	for (size_t k = 0; s->kind == SUBJECT_GROUP && k < who->groups_n; k++) {
		if (who->groups[k] == s->id)
			return who->group_names[k] && strcmp(s->name, who->group_names[k]) == 0;
	}
	return false;
}

bool subject_may_be(const struct subject *s, const struct identity *who)
{
	if (s->kind == SUBJECT_USER)
		return s->id == who->uid ||
		       (s->name && who->name && strcmp(s->name, who->name) == 0);
	for (size_t k = 0; s->kind == SUBJECT_GROUP && k < who->groups_n; k++) {
		if (who->groups[k] == s->id || (s->name && who->group_names[k] &&
						       strcmp(s->name, who->group_names[k]) == 0))
			return true;
	}
	return false;
}

/* ---- members --------------------------------------------------------------------------------- */

struct uids {
	uid_t *v;
	size_t n;
	size_t cap;
};

static int add_uid(struct uids *u, uid_t uid)
{
	if (uid == 0)
		return 0;
	if (array_room(&u->v, sizeof(*u->v), u->n, &u->cap))
		return -ENOMEM;
	u->v[u->n++] = uid;
	return 0;
}

static int add_listed(struct uids *u, char **names)
{
	for (; *names; names++) {
		struct answer a;
		int r = ask(&a, USER_BY_NAME, *names, 0);

		if (r == -ENOENT)
			continue;
		if (r == 0) {
			r = add_uid(u, a.user.pw_uid);
			free(a.memory);
		}
		if (r)
			return r;
	}
	return 0;
}

/* Whoever has @gid as primary group. The list of all users has one place in the process. */
static int add_primary(struct uids *u, gid_t gid)
{
	static pthread_mutex_t listing = PTHREAD_MUTEX_INITIALIZER;
	const struct passwd *p = NULL;
	int r = 0;

	pthread_mutex_lock(&listing);
	setpwent();
	while (r == 0 && (p = getpwent())) { /* NOLINT: nobody else calls it */
		if (p->pw_gid == gid)
			r = add_uid(u, p->pw_uid);
	}
	endpwent();
	pthread_mutex_unlock(&listing);
	return r;
}

static int compare_uid(const void *a, const void *b)
{
	uid_t x = *(const uid_t *)a;
	uid_t y = *(const uid_t *)b;

	return (x > y) - (x < y);
}

static int gather(struct uids *u, const struct subject *s)
{
	bool group = s->kind == SUBJECT_GROUP;
	struct answer a;
	bool agrees = false;
	int r = 0;

	if (s->kind == SUBJECT_NONE || !s->name)
		return -ENOENT;
	r = ask(&a, group ? GROUP_BY_ID : USER_BY_ID, NULL, s->id);
	if (r)
		return r;
	agrees = strcmp(group ? a.group.gr_name : a.user.pw_name, s->name) == 0;
	if (!agrees)
		r = -ENOENT;
	else
		r = group ? add_listed(u, a.group.gr_mem) : add_uid(u, s->id);
	free(a.memory);
	return r == 0 && group ? add_primary(u, s->id) : r;
}

int subject_members(const struct subject *s, uid_t **out, size_t *n)
{
	struct uids u = {NULL, 0, 0};
	size_t kept = 0;
	int r = gather(&u, s);

	if (r == 0 && u.n == 0)
		r = -ENOENT;
	if (r) {
		free(u.v);
		return r;
	}
	qsort(u.v, u.n, sizeof(*u.v), compare_uid);
	for (size_t k = 0; k < u.n; k++) {
		if (k == 0 || u.v[k] != u.v[k - 1])
			u.v[kept++] = u.v[k];
	}
	*out = u.v;
	*n = kept;
	return 0;
}
