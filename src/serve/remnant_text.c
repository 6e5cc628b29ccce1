/* SPDX-License-Identifier: Apache-2.0 */
/* remnant_text.c - the bytes that are looked for; see remnant_text.h. */
#include "serve/remnant_text.h"

int remnant_text_open(const struct remnant_source *from, struct remnant_text *t)
{
	int r = 0;

	if (from->kind == REMNANT_LOST) {
		r = claims_lost(from->ev, from->trace, from->trace, &t->v, &t->n);
		t->media = evidence_media(from->ev);
		for (size_t i = 0; r == 0 && t->media && i < t->n; i++)
			t->size += t->v[i].at.end - t->v[i].at.begin;
		return r;
	}
	r = content_open(from->ev, from->trace, &t->content);
	if (r == 0)
		t->size = content_size(t->content);
	return r;
}

ssize_t remnant_text_read(const struct remnant_text *t, void *buf, size_t len, uint64_t off)
{
	if (t->content)
		return content_read(t->content, buf, len, off);
	for (size_t i = 0; i < t->n; i++) {
		uint64_t room = t->v[i].at.end - t->v[i].at.begin;

		if (off < room) {
			const uint64_t at = t->v[i].at.begin + off;

			if (len > room - off)
				len = (size_t)(room - off);
			source_ahead(t->media, at, len, room - off - len);
			return source_pread(t->media, buf, len, at);
		}
		off -= room;
	}
	return 0;
}

size_t remnant_text_fill(const struct remnant_text *t, uint8_t *buf, size_t len, uint64_t off)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = remnant_text_read(t, buf + done, len - done, off + done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}

void remnant_text_close(struct remnant_text *t)
{
	content_close(t->content);
	*t = (struct remnant_text){.size = 0};
}
