/* SPDX-License-Identifier: Apache-2.0 */
/* access.c - ACCESS.txt: what its reader may see, until when, by whom; see view.h. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "policy/hold.h"
#include "policy/view.h"

#define DAY_NS (INT64_C(24) * 3600 * 1000000000)

static void line(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "  %-8s ", name);
	text_escape_str(out, value);
	buf_puts(out, "\n");
}

static void line_time(struct buf *out, const char *name, int64_t ns)
{
	char when[TEXT_TIME_MAX];

	line(out, name, ns == TIME_NEVER ? "no end" : text_time_ns(ns, when));
}

/* A name with the number it stood for. */
static void line_who(
	struct buf *out, const char *label, const char *sign, const char *name, unsigned id)
{
	buf_printf(out, "  %-8s %s", label, sign);
	text_escape_str(out, name);
	buf_printf(out, " (%s %u)\n", *sign ? "gid" : "uid", id);
}

static void warning(struct buf *out, const struct model_grant *g, const struct moment *now)
{
	int64_t left = 0;
	char when[TEXT_TIME_MAX];

	if (g->act.until_ns == TIME_NEVER ||
		__builtin_sub_overflow(g->act.until_ns, now->real_ns, &left) || left > 7 * DAY_NS)
		return;
	buf_printf(out, "  WARNING  ends within a %s: %s\n", left > DAY_NS ? "week" : "day",
		text_time_ns(g->act.until_ns, when));
}

static void grant(struct buf *out, const struct model_grant *g, const struct moment *now,
	const struct clock *clock)
{
	const struct act *a = &g->act;
	bool active = hold_active(g, now, clock);
	char rights[128];

	buf_printf(out, "Grant %" PRIu64 "%s\n", a->object, active ? "" : ", not begun yet");
	line(out, "rights", rights_names(a->rights, rights));
	line(out, "path",
		a->path     ? a->path
		: a->future ? "the whole case, with evidence that comes later"
			    : "the whole case, without evidence that came later");
	line_time(out, "from", a->from_ns);
	line_time(out, "until", a->until_ns);
	if (active)
		warning(out, g, now);
	if (a->who.kind == SUBJECT_GROUP)
		line_who(out, "group", "@", a->who.name, a->who.id);
	line_who(out, "by", "", a->by_name ? a->by_name : "?", a->by_uid);
	line(out, "reason", a->reason);
	buf_puts(out, "\n");
}

static void offices(struct buf *out, const struct model_case *c, const struct identity *who)
{
	if (hold_is_owner(c, who))
		buf_puts(out, "You own this case: you see the names of folders, so that you can "
			      "grant them; files\nonly by a grant.\n\n");
	if (hold_is_officer(c, who))
		buf_puts(out, "You are this case's privilege officer: you have a reviewer's "
			      "rights, on evidence\nthat is held too.\n\n");
}

void access_text(const struct model *m, const struct model_case *c, const struct identity *who,
	const struct moment *now, const struct clock *clock, struct buf *out)
{
	size_t shown = 0;

	buf_puts(out, "Case ");
	text_escape_str(out, c->name);
	if (c->title && *c->title) {
		buf_puts(out, ": ");
		text_escape_str(out, c->title);
	}
	buf_puts(out, "\nWhat ");
	text_escape_str(out, who->name ? who->name : "?");
	buf_printf(out, " (uid %u) may see here. Times are UTC.\n\n", (unsigned)who->uid);
	offices(out, c, who);
	for (size_t i = 0; i < m->grants_n; i++) {
		const struct model_grant *g = &m->grants[i];

		if (g->act.kind != ACT_GRANT || g->act.case_id != c->id || !hold_means(g, who) ||
			(!hold_active(g, now, clock) && hold_next(g, now, clock) == INT64_MAX))
			continue;
		grant(out, g, now, clock);
		shown++;
	}
	if (shown == 0)
		buf_puts(out, "No grants.\n\n");
	buf_puts(out, "This view may omit material; absence here is not evidence of absence.\n");
}
