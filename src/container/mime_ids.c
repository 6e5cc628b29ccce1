/* SPDX-License-Identifier: Apache-2.0 */
/* mime_ids.c - how a message is called, and which ones it answers; see mime.h. */
#include "container/mime_private.h"

#define IDS_MAX 200

static int tell(const char *id, int (*each)(void *ctx, const char *id), void *ctx)
{
	return id && id[0] ? each(ctx, id) : 0;
}

static int tell_field(
	const struct mime *m, const char *field, int (*each)(void *ctx, const char *id), void *ctx)
{
	const char *text = g_mime_object_get_header(GMIME_OBJECT(m->message), field);
	GMimeReferences *refs = text ? g_mime_references_parse(NULL, text) : NULL;
	int n = refs ? g_mime_references_length(refs) : 0;
	int r = 0;

	for (int i = 0; r == 0 && i < n && i < IDS_MAX; i++)
		r = tell(g_mime_references_get_message_id(refs, i), each, ctx);
	if (refs)
		g_mime_references_free(refs);
	return r;
}

int mime_ids(const struct mime *m, int (*each)(void *ctx, const char *id), void *ctx)
{
	int r = tell(g_mime_message_get_message_id(m->message), each, ctx);

	if (r == 0)
		r = tell_field(m, "References", each, ctx);
	return r ? r : tell_field(m, "In-Reply-To", each, ctx);
}
