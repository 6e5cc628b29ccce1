/* SPDX-License-Identifier: Apache-2.0 */
/* team_commands.c - the table of commands that ask the service; see team.h. */
#include "cmd/team.h"

#include <inttypes.h>
#include <string.h>

#include "control/export.h"

const char *team_value(const struct team_request *q, const char *name)
{
	for (size_t i = 0; i < q->n; i++) {
		if (!strcmp(q->args[i].name, name))
			return q->args[i].value;
	}
	for (size_t i = 0; i < q->local_n; i++) {
		if (!strcmp(q->local[i].name, name))
			return q->local[i].value;
	}
	return NULL;
}

static const char *check_grant(const struct team_request *q)
{
	return !team_value(q, "role") == !team_value(q, "rights")
		       ? "grant needs either --role ROLE or --rights RIGHT,RIGHT..."
		       : NULL;
}

static const char *check_add(const struct team_request *q)
{
	return team_value(q, "accept-mismatch") && !team_value(q, "reason")
		       ? "--accept-mismatch needs --reason TEXT"
		       : NULL;
}

static const char *check_audit(const struct team_request *q)
{
	if (team_value(q, "state") && !team_value(q, "mount"))
		return "--state is for --mount MOUNTPOINT";
	return team_value(q, "case") && team_value(q, "mount")
		       ? "--case is for a team's service, --mount for a mount of one's own"
		       : NULL;
}

static const char *check_export(const struct team_request *q)
{
	const char *name = team_value(q, "format");
	enum export_format format;

	if (export_format_of(name, &format) && strcmp(name, "case") != 0)
		return "--format is one of ecs, ocsf, cef, csv, case";
	if (!strcmp(name, "case")) {
		if (!team_value(q, "case") || !team_value(q, "output"))
			return "--format case needs --case CASE and -o DIR";
		if (q->n > 2 || q->local_n > 1)
			return "--format case takes --case and -o alone: it has all of the case";
	}
	return check_audit(q);
}

void audit_result_cell(const struct row *r, struct buf *out)
{
	const struct row_field *offset = row_get(r, "offset");
	const struct row_field *length = row_get(r, "length");
	const struct row_field *result = row_get(r, "result");
	const struct row_field *reads = row_get(r, "reads");
	const struct row_field *bytes = row_get(r, "bytes");

	if (!offset || !length || !result || !reads || !bytes)
		return;
	if (offset->kind == ROW_U64)
		buf_printf(out, "%" PRId64 " of %" PRIu64 " at %" PRIu64, result->v.i, length->v.u,
			offset->v.u);
	else if (reads->kind == ROW_U64)
		buf_printf(out, "%" PRIu64 " reads, %" PRIu64 " bytes", reads->v.u, bytes->v.u);
	else if (result->v.i < 0 && result->v.i > -4096)
		buf_puts(out, strerror((int)-result->v.i));
	else if (result->v.i != 0)
		buf_printf(out, "%" PRId64, result->v.i);
}

#define CASE                                                                                       \
	{                                                                                          \
		.name = "case"                                                                     \
	}
#define EVIDENCE                                                                                   \
	{                                                                                          \
		.name = "evidence"                                                                 \
	}
#define REASON                                                                                     \
	{                                                                                          \
		.name = "reason", .needed = true                                                   \
	}
#define DONE_COLUMNS                                                                               \
	{                                                                                          \
		{"case", "CASE", 0, NULL}, {"act", "ACT", PRINT_WHOLE, NULL},                      \
			{"to", "TO", 0, NULL}, {"at", "TIME", PRINT_WHOLE, NULL},                  \
			{"reason", "REASON", 0, NULL},                                             \
	}
#define GRANT_COLUMNS                                                                              \
	{"rights", "RIGHTS", PRINT_WHOLE, NULL}, {"path", "PATH", 0, NULL},                        \
		{"from", "FROM", PRINT_WHOLE, NULL}, {"until", "UNTIL", PRINT_WHOLE, NULL},        \
		{"by", "BY", 0, NULL},                                                             \
	{                                                                                          \
		"at", "AT", PRINT_WHOLE, NULL                                                      \
	}

/* Which rows of the log. */
#define FILTERS                                                                                    \
	{.name = "mount", .local = true}, {.name = "state", .local = true}, {.name = "case"},      \
		{.name = "user"}, {.name = "path", .kind = TEAM_PATH}, {.name = "type"},           \
		{.name = "since", .kind = TEAM_TIME}, {.name = "until", .kind = TEAM_TIME},        \
		{.name = "reads", .kind = TEAM_FLAG},                                              \
	{                                                                                          \
		.name = "no-label", .kind = TEAM_FLAG                                              \
	}

static const struct team_command commands[] = {
	{.command = "status",
		.words = {{.name = "case", .optional = true}},
		.columns = {{"case", "CASE", 0, NULL}, {"version", "VERSION", PRINT_WHOLE, NULL},
			{"healthy", "HEALTHY", PRINT_WHOLE, NULL},
			{"sessions", "SESSIONS", PRINT_RIGHT, NULL},
			{"workers", "WORKERS", PRINT_RIGHT, NULL},
			{"log_size", "RECORDS", PRINT_RIGHT, NULL},
			{"disk_free", "FREE", PRINT_RIGHT | PRINT_SIZE, NULL},
			{"cases", "CASES", PRINT_RIGHT, NULL}, {"owner", "OWNER", 0, NULL},
			{"officer", "OFFICER", 0, NULL},
			{"evidence", "EVIDENCE", PRINT_RIGHT, NULL},
			{"held", "HELD", PRINT_RIGHT, NULL},
			{"grants", "GRANTS", PRINT_RIGHT, NULL},
			{"mixed_containers", "MIXED", PRINT_RIGHT, NULL},
			{"unopened_containers", "UNOPENED", PRINT_RIGHT, NULL},
			{"last_act", "LAST ACT", PRINT_WHOLE, NULL},
			{"closed", "CLOSED", PRINT_WHOLE, NULL}}},
	{.command = "case create",
		.words = {CASE},
		.options = {{.name = "owner", .needed = true}, {.name = "privilege-officer"},
			{.name = "title"}, {.name = "idle-notice", .kind = TEAM_NUMBER}},
		.columns = {{"id", "ID", PRINT_RIGHT, NULL}, {"case", "CASE", 0, NULL},
			{"owner", "OWNER", 0, NULL}, {"officer", "OFFICER", 0, NULL}}},
	{.command = "case list",
		.columns = {{"case", "CASE", 0, NULL}, {"owner", "OWNER", 0, NULL},
			{"officer", "OFFICER", 0, NULL}, {"created", "CREATED", PRINT_WHOLE, NULL},
			{"closed", "CLOSED", PRINT_WHOLE, NULL}, {"standing", "I AM", 0, NULL},
			{"rights", "I HOLD", PRINT_WHOLE, NULL}, {"title", "TITLE", 0, NULL}}},
	{.command = "case show",
		.words = {CASE},
		.columns = {{"id", "ID", PRINT_RIGHT, NULL}, {"evidence", "EVIDENCE", 0, NULL},
			{"held", "HELD", PRINT_WHOLE, NULL}, {"added", "ADDED", PRINT_WHOLE, NULL},
			{"released", "RELEASED", PRINT_WHOLE, NULL},
			{"sha256", "SHA-256", PRINT_WHOLE, NULL}, {"image", "IMAGE", 0, NULL}}},
	{.command = "case transfer",
		.words = {CASE},
		.options = {{.name = "to", .needed = true}, REASON},
		.columns = DONE_COLUMNS},
	{.command = "case officer",
		.words = {CASE},
		.options = {{.name = "to", .needed = true}, REASON},
		.columns = DONE_COLUMNS},
	{.command = "case close", .words = {CASE}, .options = {REASON}, .columns = DONE_COLUMNS},
	{.command = "add",
		.words = {CASE, {.name = "image", .kind = TEAM_IMAGE}},
		.options = {{.name = "name"}, {.name = "type", .kind = TEAM_TYPES},
			{.name = "md5", .kind = TEAM_MD5}, {.name = "sha1", .kind = TEAM_SHA1},
			{.name = "sha256", .kind = TEAM_SHA256},
			{.name = "accept-mismatch", .kind = TEAM_FLAG}, {.name = "reason"}},
		.check = check_add,
		.columns = {{"evidence", "EVIDENCE", 0, NULL}, {"format", "FORMAT", 0, NULL},
			{"size", "SIZE", PRINT_RIGHT | PRINT_SIZE, NULL},
			{"volumes", "VOLUMES", PRINT_RIGHT, NULL},
			{"traces", "TRACES", PRINT_RIGHT, NULL},
			{"match", "MATCH", PRINT_WHOLE, NULL},
			{"sha256", "SHA-256", PRINT_WHOLE, NULL},
			{"seconds", "SECONDS", PRINT_RIGHT, NULL}}},
	{.command = "release",
		.words = {CASE, EVIDENCE},
		.options = {REASON},
		.columns = {{"case", "CASE", 0, NULL}, {"evidence", "EVIDENCE", 0, NULL},
			{"released", "RELEASED", PRINT_WHOLE, NULL},
			{"reason", "REASON", 0, NULL}}},
	{.command = "relocate",
		.words = {CASE, EVIDENCE, {.name = "image", .kind = TEAM_IMAGE}},
		.columns = {{"case", "CASE", 0, NULL}, {"evidence", "EVIDENCE", 0, NULL},
			{"image", "IMAGE", 0, NULL}}},
	{.command = "verify",
		.words = {CASE, {.name = "evidence", .optional = true}},
		.columns = {{"case", "CASE", 0, NULL}, {"evidence", "EVIDENCE", 0, NULL},
			{"match", "MATCH", PRINT_WHOLE, NULL},
			{"sha256", "SHA-256", PRINT_WHOLE, NULL},
			{"seconds", "SECONDS", PRINT_RIGHT, NULL}}},
	{.command = "grant",
		.words = {CASE, {.name = "who"},
			{.name = "path", .kind = TEAM_PATH, .optional = true}},
		.options = {{.name = "role", .kind = TEAM_ROLE},
			{.name = "rights", .kind = TEAM_RIGHTS},
			{.name = "from", .kind = TEAM_TIME}, {.name = "until", .kind = TEAM_TIME},
			{.name = "future", .kind = TEAM_FLAG}, REASON},
		.check = check_grant,
		.id = true},
	{.command = "exclude",
		.words = {CASE, {.name = "who"}, {.name = "path", .kind = TEAM_PATH}},
		.options = {{.name = "from", .kind = TEAM_TIME},
			{.name = "until", .kind = TEAM_TIME}, REASON},
		.id = true},
	{.command = "revoke",
		.words = {CASE, {.name = "id", .kind = TEAM_NUMBER}},
		.options = {REASON},
		.columns = {{"id", "ID", PRINT_RIGHT, NULL}, {"case", "CASE", 0, NULL},
			{"revoked_at", "REVOKED", PRINT_WHOLE, NULL},
			{"revoke_reason", "REASON", 0, NULL}}},
	{.command = "grants",
		.words = {CASE},
		.options = {{.name = "who"}, {.name = "at", .kind = TEAM_TIME},
			{.name = "history", .kind = TEAM_FLAG}},
		.columns = {{"id", "ID", PRINT_RIGHT, NULL}, {"kind", "KIND", PRINT_WHOLE, NULL},
			{"who", "WHO", 0, NULL}, GRANT_COLUMNS, {"reason", "REASON", 0, NULL},
			{"revoked_at", "REVOKED", PRINT_WHOLE, NULL},
			{"revoked_by", "REVOKED BY", 0, NULL}, {"revoke_reason", "WHY", 0, NULL}}},
	{.command = "whoami",
		.words = {{.name = "case", .optional = true}},
		.columns = {{"case", "CASE", 0, NULL}, {"standing", "I AM", 0, NULL},
			{"id", "ID", PRINT_RIGHT, NULL}, GRANT_COLUMNS,
			{"reason", "REASON", 0, NULL}}},
	{.command = "mark",
		.words = {CASE, {.name = "path", .kind = TEAM_PATH, .many = true}},
		.options = {{.name = "state", .kind = TEAM_STATE, .needed = true},
			{.name = "basis", .needed = true}, REASON,
			{.name = "with-members", .kind = TEAM_FLAG},
			{.name = "together", .kind = TEAM_FLAG},
			{.name = "dry-run", .kind = TEAM_FLAG}, {.name = "yes", .kind = TEAM_FLAG}},
		.columns = {{"id", "ID", PRINT_RIGHT, NULL}, {"state", "STATE", PRINT_WHOLE, NULL},
			{"path", "PATH", 0, NULL}, {"road", "ROAD", PRINT_WHOLE, NULL},
			{"withheld", "WITHHELD", PRINT_RIGHT, NULL},
			{"members", "IN CONTAINERS", PRINT_RIGHT, NULL},
			{"shown", "SHOWN AGAIN", PRINT_RIGHT, NULL}, {"paths", "PATHS", 0, NULL}}},
	{.command = "marks",
		.words = {CASE},
		.options = {{.name = "state", .kind = TEAM_STATE},
			{.name = "why", .kind = TEAM_PATH}, {.name = "unopened", .kind = TEAM_FLAG},
			{.name = "history", .kind = TEAM_FLAG}},
		.columns = {{"id", "ID", PRINT_RIGHT, NULL}, {"state", "STATE", PRINT_WHOLE, NULL},
			{"road", "ROAD", PRINT_WHOLE, NULL}, {"place", "PLACE", PRINT_WHOLE, NULL},
			{"through", "THROUGH", 0, NULL}, {"path", "PATH", 0, NULL},
			{"origin", "ORIGIN", PRINT_WHOLE, NULL}, {"basis", "BASIS", 0, NULL},
			{"by", "BY", 0, NULL}, {"at", "AT", PRINT_WHOLE, NULL},
			{"thread", "THREAD", PRINT_WHOLE, NULL}, {"reason", "REASON", 0, NULL}}},
	{.command = "scan",
		.words = {CASE, {.name = "path", .kind = TEAM_PATH, .optional = true}},
		.options = {{.name = "rules", .kind = TEAM_FILE, .needed = true}},
		.columns = {{"hits", "HITS", PRINT_RIGHT, NULL},
			{"marked", "NEW", PRINT_RIGHT, NULL}, {"state", "STATE", PRINT_WHOLE, NULL},
			{"rule", "RULE", 0, NULL}}},
	{.command = "note add",
		.words = {CASE, {.name = "path", .kind = TEAM_PATH}},
		.options = {{.name = "text", .needed = true}},
		.id = true},
	{.command = "note list",
		.words = {CASE, {.name = "path", .kind = TEAM_PATH, .optional = true}},
		.columns = {{"id", "ID", PRINT_WHOLE, NULL}, {"by", "BY", 0, NULL},
			{"at", "AT", PRINT_WHOLE, NULL}, {"path", "PATH", 0, NULL},
			{"text", "TEXT", 0, NULL}}},
	{.command = "audit show",
		.options = {FILTERS},
		.check = check_audit,
		.records = true,
		.columns = {{"seq", "SEQ", PRINT_RIGHT, NULL},
			{"time", "TIME", PRINT_WHOLE | PRINT_FINE, NULL}, {"user", "USER", 0, NULL},
			{"type", "TYPE", PRINT_WHOLE, NULL},
			{"result", "RESULT", 0, audit_result_cell}, {"exe", "PROGRAM", 0, NULL},
			{"case", "CASE", 0, NULL}, {"path", "PATH", 0, NULL}}},
	/* printed by cmd/audit_follow.c, a row a line */
	{.command = "audit follow",
		.options = {FILTERS},
		.check = check_audit,
		.records = true,
		.columns = {{"seq", "SEQ", 0, NULL}, {"time", "TIME", 0, NULL},
			{"user", "USER", 0, NULL}, {"type", "TYPE", 0, NULL},
			{"decision", "DECISION", 0, NULL},
			{"result", "RESULT", 0, audit_result_cell}, {"exe", "PROGRAM", 0, NULL},
			{"case", "CASE", 0, NULL}, {"path", "PATH", 0, NULL}}},
	/* written by cmd/audit_export.c */
	{.command = "audit export",
		.options = {{.name = "format", .needed = true},
			{.name = "output", .local = true, .letter = 'o'}, FILTERS},
		.check = check_export,
		.records = true},
	/* written by cmd/audit_report.c */
	{.command = "audit report",
		.words = {CASE},
		.options = {{.name = "output", .local = true, .letter = 'o', .needed = true},
			{.name = "mount", .local = true}, {.name = "state", .local = true},
			{.name = "key", .local = true}, {.name = "anchor", .local = true}},
		.records = true},
	{.command = "audit reindex",
		.options = {{.name = "mount", .local = true}, {.name = "state", .local = true}},
		.check = check_audit,
		.records = true,
		.columns = {{"records", "RECORDS", PRINT_RIGHT, NULL}}},
	/* asked and printed by cmd/audit_log.c */
	{.command = "audit verify", .options = {{.name = "key"}, {.name = "anchor"}}},
	{.command = "audit checkpoint"},
	{.command = "audit prove", .words = {{.name = "seq", .kind = TEAM_NUMBER}}},
	{.command = "audit cosign", .words = {{.name = "text"}}},
	{.command = "audit endorse", .options = {{.name = "by"}, {.name = "signature"}}},
	{.command = "audit access",
		.words = {CASE},
		.options = {{.name = "at", .kind = TEAM_TIME, .needed = true}},
		.columns = {{"kind", "KIND", PRINT_WHOLE, NULL}, {"who", "WHO", 0, NULL},
			{"id", "ID", PRINT_RIGHT, NULL}, GRANT_COLUMNS,
			{"reason", "REASON", 0, NULL}}},
};

const struct team_command *team_command(const char *command)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(commands[i].command, command))
			return &commands[i];
	}
	return NULL;
}
