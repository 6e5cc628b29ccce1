/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - which message a trace stands in; see message.h. */
#include "serve/message.h"

#include <errno.h>
#include <string.h>

#include "serve/containers.h"

/* Of a message's folder. What a store has made itself has no header fields but in the whole. */
static int headers_in(struct evidence_cursor *c, uint64_t dir, uint64_t *out)
{
	static const char *const names[] = {"headers.txt", "message.eml"};
	int r = -ENOENT;

	for (size_t i = 0; r == -ENOENT && i < sizeof(names) / sizeof(names[0]); i++) {
		struct trace t;

		r = evidence_lookup(c, dir, names[i], strlen(names[i]), &t);
		if (r == 0 && (t.kind != ENTRY_FILE || !(t.flags & ENTRY_MEMBER)))
			r = -ENOENT;
		else if (r == 0)
			*out = t.id;
	}
	return r;
}

int message_headers(struct evidence *ev, uint64_t trace, uint64_t *out)
{
	const struct container_folder *f = containers_of(&ev->containers, trace);
	struct evidence_cursor c;
	uint64_t at = trace;
	int r = -ENOENT;

	evidence_cursor_init(&c, ev);
	if (f)
		r = headers_in(&c, f->id, out);
	while (r == -ENOENT && trace_part(at) > 0 && trace_number(at) > 0) {
		struct trace t;

		r = evidence_get(&c, at, &t);
		if (r == 0 && !(t.flags & ENTRY_MEMBER))
			r = -ENODATA; /* out of all containers */
		else if (r == 0)
			r = t.kind == ENTRY_DIR ? headers_in(&c, at, out) : -ENOENT;
		at = t.parent;
	}
	evidence_cursor_release(&c);
	return r == -ENODATA ? -ENOENT : r;
}

int message_ids(struct evidence *ev, uint64_t headers, struct buf *out)
{
	struct member_way way;
	int r = containers_way(ev, headers, &way);

	if (r)
		return r;
	r = workers_ids(ev->workers, &way, out);
	buf_release(&way.content);
	return r;
}
