/* SPDX-License-Identifier: Apache-2.0 */
/* wire.c - the control socket's messages; see wire.h and docs/PROTOCOL.control.md. */
#include "control/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "worker/wire.h" /* frames have the same head */

/* ---- frames ---------------------------------------------------------------------- */

size_t control_frame_begin(struct buf *out, enum control_frame type)
{
	size_t begun = out->len;

	buf_put_u32(out, 0);
	buf_put_u16(out, (uint16_t)type);
	return begun;
}

int control_frame_end(struct buf *out, size_t begun)
{
	size_t n = 0;

	if (out->error)
		return out->error;
	n = out->len - begun - WIRE_HEADER;
	if (n > CONTROL_FRAME_MAX) {
		out->len = begun;
		return -EMSGSIZE;
	}
	for (unsigned i = 0; i < 4; i++)
		out->data[begun + i] = (uint8_t)(n >> (8 * i));
	return 0;
}

void control_text_put(struct buf *out, enum control_frame type, const void *p, size_t n)
{
	size_t begun = control_frame_begin(out, type);

	buf_put(out, p, n < CONTROL_VALUE_MAX ? n : CONTROL_VALUE_MAX);
	control_frame_end(out, begun);
}

void control_progress_put(struct buf *out, const char *what, uint64_t done, uint64_t total)
{
	size_t begun = control_frame_begin(out, CONTROL_PROGRESS);

	buf_put_blob(out, what, strnlen(what, CONTROL_VALUE_MAX));
	buf_put_varint(out, done);
	buf_put_varint(out, total);
	control_frame_end(out, begun);
}

void control_end_put(struct buf *out, int code, const char *text)
{
	size_t begun = control_frame_begin(out, CONTROL_END);

	buf_put_u16(out, (uint16_t)code);
	buf_put_blob(out, text, strnlen(text, CONTROL_VALUE_MAX));
	control_frame_end(out, begun);
}

int control_progress_parse(struct cur payload, struct control_progress *p)
{
	size_t n = 0;
	const uint8_t *what = cur_blob(&payload, &n);

	if (n >= sizeof(p->what))
		n = sizeof(p->what) - 1;
	if (what)
		memcpy(p->what, what, n);
	p->what[n] = '\0';
	p->done = cur_varint(&payload);
	p->total = cur_varint(&payload);
	return payload.bad || cur_left(&payload) > 0 ? -EPROTO : 0;
}

int control_end_parse(struct cur payload, struct err *e)
{
	unsigned code = cur_u16(&payload);
	size_t n = 0;
	const uint8_t *text = cur_blob(&payload, &n);

	if (payload.bad || cur_left(&payload) > 0 || code > 4095)
		return err_set(e, EPROTO, "the service's answer cannot be understood");
	if (code == 0)
		return 0;
	if (!text || n == 0)
		return err_errno(e, (int)code, "the service failed");
	return err_set(e, (int)code, "%.*s", (int)(n < ERR_TEXT_MAX ? n : ERR_TEXT_MAX),
		(const char *)text);
}

/* ---- requests ---------------------------------------------------------------------- */

static bool name_ok(const char *s, size_t n)
{
	if (n == 0 || n > CONTROL_NAME_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '-'))
			return false;
	}
	return true;
}

static bool command_ok(const char *s, size_t n)
{
	if (n == 0 || n > CONTROL_COMMAND_MAX || s[0] == ' ' || s[n - 1] == ' ')
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!((s[i] >= 'a' && s[i] <= 'z') || s[i] == '-' ||
			    (s[i] == ' ' && s[i - 1] != ' ')))
			return false;
	}
	return true;
}

const char *control_arg_n(const struct control_request *q, const char *name, size_t i)
{
	for (size_t k = 0; k < q->n; k++) {
		if (!strcmp(q->args[k].name, name) && i-- == 0)
			return q->args[k].value;
	}
	return NULL;
}

const char *control_arg(const struct control_request *q, const char *name)
{
	return control_arg_n(q, name, 0);
}

int control_request_put(struct buf *out, const char *command, const struct control_arg *args,
	size_t n, struct err *e)
{
	size_t begun = control_frame_begin(out, CONTROL_REQUEST);

	if (!command_ok(command, strlen(command)))
		return err_set(e, EINVAL, "%s: not a command", command);
	if (n > CONTROL_ARGS_MAX)
		return err_set(e, E2BIG, "more than %d arguments", CONTROL_ARGS_MAX);
	buf_put_u16(out, CONTROL_VERSION);
	buf_put_blob(out, command, strlen(command));
	buf_put_varint(out, n);
	for (size_t i = 0; i < n; i++) {
		if (!name_ok(args[i].name, strlen(args[i].name)))
			return err_set(e, EINVAL, "%s: not an argument", args[i].name);
		if (strlen(args[i].value) > CONTROL_VALUE_MAX)
			return err_set(e, E2BIG, "%s: longer than %d bytes", args[i].name,
				CONTROL_VALUE_MAX);
		buf_put_blob(out, args[i].name, strlen(args[i].name));
		buf_put_blob(out, args[i].value, strlen(args[i].value));
	}
	if (out->len - begun - WIRE_HEADER > CONTROL_REQUEST_MAX)
		return err_set(
			e, E2BIG, "the request is longer than %d bytes", CONTROL_REQUEST_MAX);
	return control_frame_end(out, begun);
}

static int wrong(struct err *e, const char *why)
{
	return err_set(e, EPROTO, "not a request that is understood: %s", why);
}

/* A string of the payload, copied behind the others; its place is @at. */
static int take(struct cur *c, struct buf *memory, size_t max, size_t *at, size_t *n, struct err *e)
{
	const uint8_t *p = cur_blob(c, n);

	if (c->bad)
		return wrong(e, "it ends early");
	if (*n > max)
		return wrong(e, "a value is too long");
	if (*n > 0 && memchr(p, '\0', *n))
		return wrong(e, "a NUL in a value");
	*at = memory->len;
	if (*n > 0)
		buf_put(memory, p, *n);
	buf_put_u8(memory, 0);
	return memory->error ? err_errno(e, ENOMEM, "request") : 0;
}

struct place {
	size_t name;
	size_t value;
};

static int take_args(struct cur *c, struct control_request *q, struct place *at, struct err *e)
{
	size_t len = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < q->n; i++) {
		r = take(c, &q->memory, CONTROL_NAME_MAX, &at[i].name, &len, e);
		if (r == 0 && !name_ok((const char *)q->memory.data + at[i].name, len))
			r = wrong(e, "an argument's name");
		if (r == 0)
			r = take(c, &q->memory, CONTROL_VALUE_MAX, &at[i].value, &len, e);
	}
	if (r == 0 && cur_left(c) > 0)
		r = wrong(e, "there is more than it says");
	return r;
}

static int parse(struct cur *c, struct control_request *q, struct err *e)
{
	struct place *at = NULL;
	unsigned version = cur_u16(c);
	const uint8_t *command = NULL;
	uint64_t args = 0;
	size_t n = 0;
	int r = 0;

	if (version != CONTROL_VERSION && !c->bad)
		return err_set(e, EPROTO,
			"the command speaks version %u of the protocol, the service version %d",
			version, CONTROL_VERSION);
	command = cur_blob(c, &n);
	if (!command || !command_ok((const char *)command, n))
		return wrong(e, "its command");
	memcpy(q->command, command, n);
	args = cur_varint(c);
	if (c->bad || args > CONTROL_ARGS_MAX)
		return wrong(e, "its number of arguments");
	q->n = (size_t)args;
	q->args = calloc(q->n + 1, sizeof(*q->args));
	at = calloc(q->n + 1, sizeof(*at));
	r = q->args && at ? take_args(c, q, at, e) : err_errno(e, ENOMEM, "request");
	for (size_t i = 0; r == 0 && i < q->n; i++) {
		q->args[i].name = (const char *)q->memory.data + at[i].name;
		q->args[i].value = (const char *)q->memory.data + at[i].value;
	}
	free(at);
	return r;
}

int control_request_parse(struct cur payload, struct control_request *q, struct err *e)
{
	int r = 0;

	*q = (struct control_request){.n = 0};
	r = parse(&payload, q, e);
	if (r)
		control_request_release(q);
	return r;
}

void control_request_release(struct control_request *q)
{
	free(q->args);
	buf_release(&q->memory);
	*q = (struct control_request){.n = 0};
}
