/* SPDX-License-Identifier: Apache-2.0 */
/* commands.c - what can be asked over the control socket; see commands.h. */
#include "control/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/exchange.h"

#define TEXT_MAX     4096 /* bytes of an argument that is no path and no note */
#define OFFICERS_MAX 256

static const struct control_command commands[] = {
	{"status", COMMAND_STATUS, AUDIT_QUERY, "case",
		"the operator, and who owns, oversees or audits the case", handle_status},
	{"case create", COMMAND_CASE_CREATE, AUDIT_CASE,
		"case! owner! privilege-officer title idle-notice", "the operator",
		handle_case_create},
	{"case list", COMMAND_CASE_LIST, AUDIT_QUERY, "", "everyone, what they hold a right in",
		handle_case_list},
	{"case show", COMMAND_CASE_SHOW, AUDIT_QUERY, "case!", "who holds a right in the case",
		handle_case_show},
	{"case transfer", COMMAND_CASE_TRANSFER, AUDIT_CASE, "case! to! reason!", "the owner",
		handle_case_transfer},
	{"case officer", COMMAND_CASE_OFFICER, AUDIT_CASE, "case! to! reason!",
		"the privilege officer, or the owner while there is none", handle_case_officer},
	{"case close", COMMAND_CASE_CLOSE, AUDIT_CASE, "case! reason!", "the owner",
		handle_case_close},
	{"add", COMMAND_ADD, AUDIT_ADD,
		"case! image! name type md5 sha1 sha256 accept-mismatch reason", "the operator",
		handle_add},
	{"release", COMMAND_RELEASE, AUDIT_RELEASE, "case! evidence! reason!", "the owner",
		handle_release_evidence},
	{"relocate", COMMAND_RELOCATE, AUDIT_RELOCATE, "case! evidence! image!", "the operator",
		handle_relocate},
	{"verify", COMMAND_VERIFY, AUDIT_VERIFY, "case! evidence", "the operator and the owner",
		handle_verify},
	{"grant", COMMAND_GRANT, AUDIT_GRANT,
		"case! who! path role rights from until future reason!",
		"the owner, the privilege officer, and who holds `grant`", handle_grant},
	{"exclude", COMMAND_EXCLUDE, AUDIT_EXCLUDE, "case! who! path! from until reason!",
		"the owner, and who holds `grant`", handle_exclude},
	{"revoke", COMMAND_REVOKE, AUDIT_REVOKE, "case! id! reason!",
		"the owner, the privilege officer, and who holds `grant`", handle_revoke},
	{"grants", COMMAND_GRANTS, AUDIT_QUERY, "case! who at history",
		"the owner, the privilege officer, and who holds `grant` or `audit`",
		handle_grants},
	{"whoami", COMMAND_WHOAMI, AUDIT_QUERY, "case", "everyone", handle_whoami},
	{"mark", COMMAND_MARK, AUDIT_MARK,
		"case! path!+ state! basis! reason! with-members together dry-run yes",
		"who sees it, as suspected; who holds `mark`, as confirmed or rejected",
		handle_mark},
	{"marks", COMMAND_MARKS, AUDIT_QUERY, "case! state why unopened history",
		"who holds `mark`", handle_marks},
	{"scan", COMMAND_SCAN, AUDIT_SCAN, "case! rules!+ path",
		"who holds `mark` and `privileged`", handle_scan},
	{"note add", COMMAND_NOTE_ADD, AUDIT_NOTE, "case! path! text!", "who holds `annotate`",
		handle_note_add},
	{"note list", COMMAND_NOTE_LIST, AUDIT_QUERY, "case! path", "who holds `notes`",
		handle_note_list},
	{"audit show", COMMAND_AUDIT_SHOW, AUDIT_QUERY,
		"case user path type since until reads no-label",
		"the owner, who holds `audit`, and the officers of the log", handle_audit_show},
	{"audit follow", COMMAND_AUDIT_FOLLOW, AUDIT_QUERY,
		"case user path type since until reads no-label after",
		"the owner, who holds `audit`, and the officers of the log", handle_audit_follow},
	{"audit export", COMMAND_AUDIT_EXPORT, AUDIT_QUERY,
		"case user path type since until reads no-label format",
		"the owner, who holds `audit`, and the officers of the log", handle_audit_export},
	{"audit report", COMMAND_AUDIT_REPORT, AUDIT_QUERY, "case! key anchor",
		"the owner, who holds `audit` in it, and the officers of the log",
		handle_audit_report},
	{"audit reindex", COMMAND_AUDIT_REINDEX, AUDIT_QUERY, "",
		"the operator, the officers of the log, and who holds `audit`",
		handle_audit_reindex},
	{"audit access", COMMAND_AUDIT_ACCESS, AUDIT_QUERY, "case! at!",
		"the owner, who holds `audit`, and the officers of the log", handle_audit_access},
	{"audit checkpoint", COMMAND_AUDIT_CHECKPOINT, AUDIT_QUERY, "",
		"the operator, the officers of the log, and who holds `audit`",
		handle_audit_checkpoint},
	{"audit verify", COMMAND_AUDIT_VERIFY, AUDIT_QUERY, "key anchor",
		"the operator, the officers of the log, and who holds `audit`",
		handle_audit_verify},
	{"audit prove", COMMAND_AUDIT_PROVE, AUDIT_QUERY, "seq!",
		"who holds `audit` in its case, and the officers of the log", handle_audit_prove},
	{"audit cosign", COMMAND_AUDIT_COSIGN, AUDIT_CHECKPOINT, "text!",
		"the operator, the officers of the log, and who holds `audit`",
		handle_audit_cosign},
	{"audit endorse", COMMAND_AUDIT_ENDORSE, AUDIT_QUERY, "by signature",
		"owners of cases, the officers of the log, and who holds `audit`",
		handle_audit_endorse},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct control_command *commands_find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

const struct control_command *commands_next(const struct control_command *c)
{
	const struct control_command *next = c ? c + 1 : commands;

	return next < commands + COMMANDS ? next : NULL;
}

/* ---- arguments -------------------------------------------------------------------------- */

/* What the table says of an argument, behind its name; NULL: @c does not know it. */
static const char *known(const struct control_command *c, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = c->args; *p; p += strcspn(p, " "), p += *p == ' ') {
		if (!strncmp(p, name, n) && (p[n] == '\0' || strchr(" !+", p[n])))
			return p + n;
	}
	return NULL;
}

/* Paths, rules, and the text of a note: as long as a request takes. */
static bool is_long(const char *name)
{
	return !strcmp(name, "path") || !strcmp(name, "image") || !strcmp(name, "why") ||
	       !strcmp(name, "text") || !strcmp(name, "rules");
}

static int check_given(
	const struct control_command *c, const struct control_request *q, struct err *e)
{
	for (size_t i = 0; i < q->n; i++) {
		const char *name = q->args[i].name;
		const char *how = known(c, name);

		if (!how)
			return err_set(e, EINVAL, "%s is not an argument of %s", name, c->name);
		if (!memchr(how, '+', strcspn(how, " ")) && control_arg_n(q, name, 1))
			return err_set(e, EINVAL, "%s is given twice", name);
		if (!is_long(name) && strlen(q->args[i].value) > TEXT_MAX)
			return err_set(
				e, E2BIG, "%s: at most %d bytes can be kept", name, TEXT_MAX);
	}
	return 0;
}

static int check_needed(
	const struct control_command *c, const struct control_request *q, struct err *e)
{
	for (const char *p = c->args; *p; p += strcspn(p, " "), p += *p == ' ') {
		char name[CONTROL_NAME_MAX + 1] = "";
		size_t n = strcspn(p, " !");
		const char *value = NULL;

		if (p[n] != '!' || n >= sizeof(name))
			continue;
		memcpy(name, p, n);
		value = control_arg(q, name);
		if (!value)
			return err_set(e, EINVAL, "%s is needed", name);
		if (!value[0] && strcmp(name, "path") != 0)
			return err_set(e, EINVAL, "%s is empty", name);
	}
	return 0;
}

/* ---- who asks ---------------------------------------------------------------------------- */

static bool is_log_officer(struct service *s, const struct identity *who)
{
	const struct config *config = service_config(s);
	char group[OFFICERS_MAX];
	struct subject officers = {.kind = SUBJECT_NONE};
	bool is = false;

	if (!config || !config->officers || !config->officers[0])
		return false;
	snprintf(group, sizeof(group), "@%s", config->officers);
	if (subject_parse(group, &officers, NULL))
		return false; /* no such group (any more): nobody is in it */
	is = subject_is(&officers, who);
	subject_release(&officers);
	return is;
}

static int find_caller(struct service *s, uid_t uid, pid_t pid, struct caller *out, struct err *e)
{
	int r = service_caller(s, uid, pid, out, e);

	if (r)
		return r;
	r = identity_of(uid, &out->who);
	out->pid = pid;
	if (r) /* what is refused is recorded even so */
		out->who = (struct identity){.uid = uid};
	if (r == -ENOENT)
		return err_set(e, EPERM, "uid %u is no user of this machine", (unsigned)uid);
	if (r)
		return err_errno(e, -r, "cannot look up uid %u", (unsigned)uid);
	out->root = uid == 0;
	out->officer = !out->root && is_log_officer(s, &out->who);
	return 0;
}

/* ---- running ------------------------------------------------------------------------------- */

/* What makes sense where there is one user, one case, and nothing to be granted. */
static bool for_one(const struct control_command *c)
{
	return c->run == handle_mark || c->run == handle_marks || c->run == handle_note_add ||
	       c->run == handle_note_list || c->run == handle_whoami || c->run == handle_grants ||
	       c->run == handle_status || c->run == handle_scan;
}

static int run(struct exchange *x, struct err *e)
{
	/* a service that cannot trust what it stands on answers nothing but how it is */
	int r = x->command->run == handle_status ? 0 : service_broken(x->service, e);

	if (r == 0)
		r = check_given(x->command, x->q, e);
	if (r == 0)
		r = check_needed(x->command, x->q, e);
	if (r == 0)
		r = x->command->run(x, e);
	if (r < 0 && !x->recorded && !x->answer->gone)
		service_refused(x->service, x->caller, x->command->type, x->case_id, r);
	return r;
}

int commands_run(struct service *s, uid_t uid, pid_t pid, const struct control_request *q,
	struct answer *answer, struct err *e)
{
	struct caller caller = {.pid = 0};
	struct exchange x = {.service = s, .caller = &caller, .q = q, .answer = answer};
	int r = 0;

	x.command = commands_find(q->command);
	if (!x.command)
		return err_set(e, ENOSYS, "%s: not a command of this service", q->command);
	r = find_caller(s, uid, pid, &caller, e);
	if (r == 1 && !for_one(x.command))
		r = err_set(e, ENOTSUP, "a mount of one's own has one user: %s is for a team",
			x.command->name);
	if (r >= 0)
		r = run(&x, e);
	else
		service_refused(s, &caller, x.command->type, 0, r);
	identity_release(&caller.who);
	return r;
}
