/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.c - `evidencefs audit`: the log of one's own mount is read here, from its
 * files; a team's log is asked of its service.
 */
#include "cmd/cmd.h"

#include <string.h>

#include "cmd/audit_export.h"
#include "cmd/audit_extract.h"
#include "cmd/audit_follow.h"
#include "cmd/audit_log.h"
#include "cmd/audit_mount.h"
#include "cmd/audit_report.h"
#include "cmd/print.h"
#include "cmd/team.h"

static void on_row(void *ctx, const struct row *r)
{
	print_row(ctx, r);
}

static int show_mount(const struct command *c, const struct team_request *q)
{
	struct print print = {.json = q->json, .columns = q->command->columns};
	struct audit_mount *m = NULL;
	struct err e = {0};
	int written = 0;
	int r = audit_mount_new(c, q, &m);

	if (r)
		return r;
	r = audit_mount_rows(m, on_row, &print, &e);
	written = print_end(&print, &e);
	audit_mount_free(m);
	return r || written ? cmd_fail(&e, r ? r : written) : 0;
}

int cmd_audit(const struct command *c, int argc, char **argv)
{
	struct team_request q;
	int r = 0;

	if (argc > 1 && audit_log_is(argv[1]))
		return audit_log_run(c, argc, argv);
	r = team_parse(c, argc, argv, &q);
	if (r)
		return r - 1;
	if (!strcmp(q.command->command, "audit follow"))
		r = audit_follow(c, &q);
	else if (!strcmp(q.command->command, "audit export") &&
		 !strcmp(team_value(&q, "format"), "case"))
		r = audit_extract_case(&q);
	else if (!strcmp(q.command->command, "audit export"))
		r = audit_export(c, &q);
	else if (!strcmp(q.command->command, "audit report"))
		r = audit_report(c, &q);
	else
		r = team_value(&q, "mount") ? show_mount(c, &q) : team_ask(&q);
	team_request_release(&q);
	return r;
}
