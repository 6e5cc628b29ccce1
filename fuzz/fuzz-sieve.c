/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz-sieve.c - a trace in which patterns are looked for
 *
 * An input is: u8, what the trace is (its three low bits the role, the fourth that it
 * has members that are traces); u16, how many bytes of PATTERNS follow; these; u8, how
 * many of the name follow; these; the contents. What is met must pass the service's own
 * check, and be the same when it is asked again.
 */
#include <stdlib.h>
#include <string.h>

#include "container/container.h"
#include "fuzz.h"
#include "text/text.h"
#include "worker/reply.h"
#include "worker/sieve.h"

#define BYTES (4u << 20)

/* The next @n bytes; they must be there. */
static struct cur part(struct cur *c, size_t n)
{
	const uint8_t *p = cur_take(c, n);

	return p ? cur_of(p, n) : (struct cur){.bad = true};
}

static void run(struct sieve *s, const struct sieve_trace *t, uint32_t patterns, struct buf *out)
{
	struct container_budget b = {.members = 1000, .bytes = BYTES};
	struct sieve_trace one = *t;
	struct reply_match m;
	struct cur c;

	one.budget = &b;
	sieve_run(s, &one, out);
	must(!out->error);
	c = cur_of(out->data, out->len);
	must(reply_matched(&c, 1, patterns, &m) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool prepared;
	struct cur c = size > 0 ? cur_of(data, size) : (struct cur){.bad = true};
	uint8_t what = cur_u8(&c);
	struct cur patterns = part(&c, cur_u16(&c));
	struct cur count = patterns;
	struct cur name = part(&c, cur_u8(&c));
	struct sieve_trace t = {.role = (enum container_role)((what & 7) % (ROLE_WHOLE + 1)),
		.has_members = what & 8};
	struct buf first = BUF_INIT;
	struct buf again = BUF_INIT;
	struct sieve *sieve = NULL;
	struct source *s = NULL;
	uint32_t n = cur_u32(&count);

	if (!prepared) {
		container_prepare();
		text_prepare();
		prepared = true;
	}
	if (c.bad || sieve_new(&patterns, &sieve) < 0)
		return 0;
	must(source_memory(c.p, cur_left(&c), &s) == 0);
	t.name = name.p;
	t.name_len = cur_left(&name);
	t.s = s;
	run(sieve, &t, n, &first);
	run(sieve, &t, n, &again);
	must(first.len == again.len && memcmp(first.data, again.data, first.len) == 0);
	buf_release(&first);
	buf_release(&again);
	source_close(s);
	sieve_free(sieve);
	return 0;
}
