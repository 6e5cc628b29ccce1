/* SPDX-License-Identifier: Apache-2.0 */
/* hello.c - what the service tells a new worker; see hello.h. */
#include "worker/hello.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void hello_encode(struct buf *b, const struct hello *h)
{
	buf_put_u32(b, WIRE_VERSION);
	buf_put_u32(b, h->parent);
	buf_put_u32(b, h->uid);
	buf_put_u8(b, (uint8_t)h->files.format);
	buf_put_u32(b, h->slot_bytes);
	buf_put_u32(b, h->slots);
	buf_put_blob(b, h->types, strlen(h->types));
	buf_put_u32(b, (uint32_t)h->files.n);
	for (size_t i = 0; i < h->files.n; i++) {
		const struct image_file *f = &h->files.v[i];

		buf_put_u64(b, f->size);
		buf_put_blob(b, f->path, strlen(f->path));
	}
}

static int segments_decode(struct cur *c, struct image_files *files)
{
	uint32_t n = cur_u32(c);

	/* 9: the least a segment takes */
	if (n == 0 || n > WIRE_SEGMENTS || n > cur_left(c) / 9)
		return -EPROTO;
	files->v = calloc(n, sizeof(files->v[0]));
	if (!files->v)
		return -ENOMEM;
	for (; files->n < n; files->n++) {
		struct image_file *f = &files->v[files->n];
		size_t len = 0;
		const uint8_t *path = NULL;

		f->fd = -1;
		f->size = cur_u64(c);
		path = cur_blob(c, &len);
		if (c->bad)
			return -EPROTO;
		f->path = strndup(path ? (const char *)path : "", len);
		if (!f->path)
			return -ENOMEM;
	}
	return 0;
}

int hello_decode(struct cur *c, struct hello *h)
{
	struct hello got = {.parent = 0};
	uint32_t version = cur_u32(c);
	const uint8_t *types = NULL;
	size_t len = 0;
	int r = 0;

	got.parent = cur_u32(c);
	got.uid = cur_u32(c);
	got.files.format = (enum image_format)cur_u8(c);
	got.slot_bytes = cur_u32(c);
	got.slots = cur_u32(c);
	types = cur_blob(c, &len);
	if (c->bad || version != WIRE_VERSION || len >= sizeof(got.types))
		return -EPROTO;
	if (got.files.format != IMAGE_RAW && got.files.format != IMAGE_EWF)
		return -EPROTO;
	if (len > 0)
		memcpy(got.types, types, len);
	r = segments_decode(c, &got.files);
	if (r == 0 && (c->bad || cur_left(c) > 0))
		r = -EPROTO;
	if (r < 0)
		hello_release(&got);
	else
		*h = got;
	return r;
}

void hello_release(struct hello *h)
{
	for (size_t i = 0; i < h->files.n; i++)
		free(h->files.v[i].path);
	free(h->files.v);
	h->files.v = NULL;
	h->files.n = 0;
}

bool hello_type_ok(const char *p, size_t n)
{
	if (n == 0 || n >= HELLO_TYPE_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= '0' && p[i] <= '9')))
			return false;
	return true;
}

int hello_type_of(
	const char *types, unsigned number, char out[static HELLO_TYPE_MAX], struct err *e)
{
	const char *p = types ? types : "";
	int found = 0;

	while (*p) {
		size_t len = strcspn(p, ",");
		char *end = NULL;
		unsigned long v = 0;
		size_t type_len = 0;

		if (*p == 'p' && p[1] >= '0' && p[1] <= '9')
			v = strtoul(p + 1, &end, 10);
		if (!end || *end != '=' || v > UINT32_MAX)
			return err_set(e, EINVAL, "%.*s: not of the form p2=ntfs",
				(int)(len < 200 ? len : 200), p);
		type_len = len - (size_t)(end + 1 - p);
		if (!hello_type_ok(end + 1, type_len))
			return err_set(e, EINVAL, "%.*s: not a type of file system",
				(int)(len < 200 ? len : 200), p);
		if (v == number && !found) {
			memcpy(out, end + 1, type_len);
			out[type_len] = '\0';
			found = 1;
		}
		p += len + (p[len] == ',');
	}
	return found;
}
