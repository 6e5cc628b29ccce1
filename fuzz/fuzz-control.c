/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz-control.c - what comes over the control socket, from either end
 *
 * The first byte says which: a request as the service takes it, or an answer as
 * the client does. What is understood must hold what wire.h and row.h promise.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/row.h"
#include "control/wire.h"
#include "fuzz.h"
#include "worker/wire.h"

static void request(struct cur c)
{
	struct control_request q;
	struct control_request again;
	struct buf b = BUF_INIT;
	struct err e = {0};
	int r = control_request_parse(c, &q, &e);

	must(r == 0 || (r < 0 && e.code == -r));
	if (r)
		return;
	must(q.n <= CONTROL_ARGS_MAX && strlen(q.command) > 0);
	for (size_t i = 0; i < q.n; i++) {
		must(strlen(q.args[i].name) <= CONTROL_NAME_MAX);
		must(strlen(q.args[i].value) <= CONTROL_VALUE_MAX);
		must(control_arg(&q, q.args[i].name) != NULL);
	}
	/* what was understood can be said again, and means the same */
	if (control_request_put(&b, q.command, q.args, q.n, NULL) == 0) {
		must(control_request_parse(
			     cur_of(b.data + WIRE_HEADER, b.len - WIRE_HEADER), &again, NULL) == 0);
		must(again.n == q.n && !strcmp(again.command, q.command));
		for (size_t i = 0; i < q.n; i++)
			must(!strcmp(again.args[i].value, q.args[i].value));
		control_request_release(&again);
	}
	buf_release(&b);
	control_request_release(&q);
}

static void row(struct cur c)
{
	struct buf out = BUF_INIT;
	struct row r;

	if (row_parse(c, &r))
		return;
	must(r.n <= CONTROL_FIELDS_MAX);
	row_json(&r, &out);
	must(out.error == 0 && out.len > 2 && out.data[out.len - 1] == '\n');
	must(text_is_utf8(out.data, out.len));
	must(memchr(out.data, '\n', out.len) == out.data + out.len - 1);
	for (size_t i = 0; i < r.n; i++) {
		must(row_get(&r, r.f[i].key) == &r.f[i]);
		row_cell(&r.f[i], &out);
	}
	buf_release(&out);
}

static void answer(struct cur c)
{
	struct control_progress p;
	struct frame f;
	struct err e = {0};
	size_t used = 0;

	while (wire_parse(c.p, cur_left(&c), CONTROL_FRAME_MAX, &f, &used) == 1) {
		cur_take(&c, used);
		if (f.type == CONTROL_ROW)
			row(f.payload);
		else if (f.type == CONTROL_PROGRESS && !control_progress_parse(f.payload, &p))
			must(strlen(p.what) < sizeof(p.what));
		else if (f.type == CONTROL_END)
			must(control_end_parse(f.payload, &e) <= 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (data[0] & 1)
		answer(cur_of(data + 1, size - 1));
	else
		request(cur_of(data + 1, size - 1));
	return 0;
}
