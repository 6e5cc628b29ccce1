/* SPDX-License-Identifier: Apache-2.0 */
/* handle_scan.c - scan: what rules meet is marked, to be reviewed. */
#include "control/exchange.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "control/scan.h"

/* The file comes in pieces, in order. */
static int take_rules(const struct exchange *x, struct scan_rules *out, struct err *e)
{
	struct buf file = BUF_INIT;
	const char *piece = NULL;
	int r = 0;

	for (size_t i = 0; (piece = control_arg_n(x->q, "rules", i)) != NULL; i++)
		buf_puts(&file, piece);
	r = file.error ? err_errno(e, ENOMEM, "rules")
		       : scan_rules_parse((const char *)file.data, file.len, out, e);
	buf_release(&file);
	return r;
}

/* May he, there? */
static int take_place(struct exchange *x, char **path, struct err *e)
{
	struct service *s = x->service;
	const char *name = exchange_arg(x, "case");
	const char *typed = exchange_arg(x, "path");
	struct moment now = service_now(s);
	const struct model *m = service_model(s);
	const struct model_case *c = NULL;
	struct sight sight;
	int r = exchange_case(x, m, &c, &sight, e);

	if (r == 0 && typed)
		r = rules_path(typed, service_config(s)->mount_root, name, path, e);
	if (r == 0)
		r = rules_scan(m, &x->caller->who, x->case_id, *path, &now, service_clock(s), e);
	service_model_done(s);
	return r;
}

static void put_counts(
	struct exchange *x, const struct scan_rules *rules, const struct scan_result *result)
{
	for (size_t i = 0; i < rules->n; i++) {
		struct buf *row = answer_row(x->answer);

		row_str(row, "case", exchange_arg(x, "case"));
		row_str(row, "rule", rules->v[i].text);
		row_u64(row, "line", rules->v[i].line);
		row_str(row, "state", mark_state_name(rules->v[i].state));
		row_u64(row, "hits", result->counts[i].hits);
		row_u64(row, "marked", result->counts[i].marked);
		answer_row_end(x->answer);
	}
}

static void put_total(struct exchange *x, const struct scan_result *result)
{
	answer_text(x->answer, "%" PRIu64 " hits, %" PRIu64 " of them new and marked", result->hits,
		result->marked);
	if (result->resumed)
		answer_note(x->answer, "this scan went on where it was given up before");
	if (result->unread > 0)
		answer_note(x->answer,
			"%" PRIu64 " files could not be read, or not to their end: nobody has "
			"looked at all that is in them",
			result->unread);
	if (result->unseen > 0)
		answer_note(x->answer,
			"%" PRIu64 " traces that you may not see, or not mark, were not searched",
			result->unseen);
	if (result->unhashed)
		answer_note(x->answer,
			"not all hashes are known yet: scan again when EVIDENCE.txt says that "
			"they are");
}

int handle_scan(struct exchange *x, struct err *e)
{
	struct scan_rules rules = {.n = 0};
	struct scan_result result = {.counts = NULL};
	struct scan_opts o = {.service = x->service,
		.caller = x->caller,
		.rules = &rules,
		.progress = answer_progress,
		.ctx = x->answer};
	char *path = NULL;
	int r = take_place(x, &path, e);

	if (r == 0)
		r = take_rules(x, &rules, e);
	if (r == 0) {
		o.case_id = x->case_id;
		o.path = path;
		r = scan_run(&o, &result, e);
	}
	if (r == 0) {
		put_counts(x, &rules, &result);
		put_total(x, &result);
	}
	free(result.counts);
	scan_rules_release(&rules);
	free(path);
	return r;
}
