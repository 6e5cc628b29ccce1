/* SPDX-License-Identifier: Apache-2.0 */
/* act.c - acts as values, and the names of kinds, rights and roles; see act.h. */
#include "catalog/act.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void subject_release(struct subject *s)
{
	free(s->typed);
	free(s->name);
	*s = (struct subject){.kind = SUBJECT_NONE};
}

/* NULL stays NULL. Return: whether there was memory. */
static bool copy_text(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

int subject_copy(struct subject *to, const struct subject *from)
{
	struct subject copy = {.kind = from->kind, .id = from->id};

	if (!copy_text(&copy.typed, from->typed) || !copy_text(&copy.name, from->name)) {
		subject_release(&copy);
		return -ENOMEM;
	}
	*to = copy;
	return 0;
}

void act_release(struct act *a)
{
	subject_release(&a->who);
	free(a->by_name);
	free(a->name);
	free(a->title);
	free(a->reason);
	free(a->path);
	free(a->covers);
	free(a->image);
	free(a->dir);
	free(a->types);
	free(a->basis);
	free(a->text);
	*a = (struct act){.seq = 0};
}

static bool copy_covers(struct act *to, const struct act *from)
{
	if (from->covers_n == 0)
		return true;
	to->covers = calloc(from->covers_n, sizeof(*to->covers));
	if (!to->covers)
		return false;
	memcpy(to->covers, from->covers, from->covers_n * sizeof(*to->covers));
	to->covers_n = from->covers_n;
	return true;
}

int act_copy(struct act *to, const struct act *from)
{
	struct act copy = *from;

	copy.who = (struct subject){.kind = SUBJECT_NONE};
	copy.by_name = copy.name = copy.title = copy.reason = copy.path = NULL;
	copy.image = copy.dir = copy.types = copy.basis = copy.text = NULL;
	copy.covers = NULL;
	copy.covers_n = 0;
	if (subject_copy(&copy.who, &from->who) < 0 || !copy_text(&copy.by_name, from->by_name) ||
		!copy_text(&copy.name, from->name) || !copy_text(&copy.title, from->title) ||
		!copy_text(&copy.reason, from->reason) || !copy_text(&copy.path, from->path) ||
		!copy_text(&copy.image, from->image) || !copy_text(&copy.dir, from->dir) ||
		!copy_text(&copy.types, from->types) || !copy_text(&copy.basis, from->basis) ||
		!copy_text(&copy.text, from->text) || !copy_covers(&copy, from)) {
		act_release(&copy);
		return -ENOMEM;
	}
	*to = copy;
	return 0;
}

bool act_begins(enum act_kind k)
{
	return k == ACT_CASE_CREATE || k == ACT_ADD || k == ACT_GRANT || k == ACT_EXCLUDE ||
	       k == ACT_MARK || k == ACT_NOTE;
}

bool act_note_name_ok(const char *name)
{
	return name && strlen(name) == ACT_NOTE_NAME &&
	       strspn(name, "0123456789abcdef") == ACT_NOTE_NAME;
}

const char *act_kind_name(enum act_kind k)
{
	static const char *const names[] = {NULL, "case create", "case transfer", "case officer",
		"case close", "add", "release", "relocate", "verify", "grant", "exclude", "revoke",
		"mark", "note"};

	_Static_assert(sizeof(names) / sizeof(*names) == ACT_KIND_MAX + 1, "a name for each");
	return (unsigned)k <= ACT_KIND_MAX ? names[k] : NULL;
}

static const char *const state_names[] = {NULL, "suspected", "confirmed", "rejected"};

const char *mark_state_name(enum mark_state s)
{
	return (unsigned)s <= MARK_REJECTED ? state_names[s] : NULL;
}

int mark_state_parse(const char *text, enum mark_state *s)
{
	for (unsigned i = MARK_SUSPECTED; i <= MARK_REJECTED; i++) {
		if (strcmp(text, state_names[i]) == 0) {
			*s = (enum mark_state)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *mark_origin_name(enum mark_origin o)
{
	return o == MARK_BY_USER ? "user" : o == MARK_BY_RULE ? "rule" : NULL;
}

/* In the order of their bits. */
static const char *const right_names[] = {
	"read", "deleted", "raw", "privileged", "notes", "annotate", "mark", "grant", "audit"};

#define RIGHTS_N (sizeof(right_names) / sizeof(*right_names))

const char *rights_names(unsigned rights, char out[static 128])
{
	char *p = out;

	_Static_assert(RIGHTS_ALL == (1u << RIGHTS_N) - 1, "a name for each");
	*p = '\0';
	for (size_t i = 0; i < RIGHTS_N; i++) {
		if (!(rights & 1u << i))
			continue;
		if (p > out)
			*p++ = ',';
		p = stpcpy(p, right_names[i]);
	}
	return out;
}

/* The right that [n] of @text name, or 0. */
static unsigned right_named(const char *text, size_t n)
{
	for (size_t i = 0; i < RIGHTS_N; i++)
		if (strlen(right_names[i]) == n && memcmp(right_names[i], text, n) == 0)
			return 1u << i;
	return 0;
}

int rights_parse(const char *text, unsigned *rights)
{
	unsigned found = 0;

	for (;;) {
		size_t n = strcspn(text, ",");
		unsigned right = right_named(text, n);

		if (!right)
			return -EINVAL;
		found |= right;
		if (text[n] == '\0')
			break;
		text += n + 1;
	}
	*rights = found;
	return 0;
}

int rights_of_role(const char *role, unsigned *rights)
{
	static const struct {
		const char *name;
		unsigned rights;
	} roles[] = {
		{"analyst", RIGHT_READ | RIGHT_DELETED | RIGHT_NOTES | RIGHT_ANNOTATE},
		{"reviewer", RIGHT_READ | RIGHT_DELETED | RIGHT_RAW | RIGHT_PRIVILEGED |
				     RIGHT_MARK | RIGHT_NOTES},
		{"auditor", RIGHT_AUDIT},
	};

	for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++)
		if (strcmp(role, roles[i].name) == 0) {
			*rights = roles[i].rights;
			return 0;
		}
	return -EINVAL;
}
