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

static int reindex_mount(const struct command *c, const struct team_request *q)
{
	struct print print = {.json = q->json, .columns = q->command->columns};
	struct audit_mount *m = NULL;
	struct buf payload = BUF_INIT;
	struct row row;
	struct err e = {0};
	uint64_t records = 0;
	int r = audit_mount_new(c, q, &m);

	if (r)
		return r;
	r = audit_mount_reindex(m, &records, &e);
	audit_mount_free(m);
	if (r)
		return cmd_fail(&e, r);
	row_u64(&payload, "records", records);
	if (row_parse(cur_of(payload.data, payload.len), &row) == 0)
		print_row(&print, &row);
	r = print_end(&print, &e);
	buf_release(&payload);
	return r ? cmd_fail(&e, r) : 0;
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
	else if (!team_value(&q, "mount"))
		r = team_ask(&q);
	else if (!strcmp(q.command->command, "audit reindex"))
		r = reindex_mount(c, &q);
	else
		r = show_mount(c, &q);
	team_request_release(&q);
	return r;
}
