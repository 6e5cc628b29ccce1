/* SPDX-License-Identifier: Apache-2.0 */
/* containers.c - the containers in one piece of evidence, and bytes of their members; see
 * containers.h. */
#include "serve/containers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

#define UNIT  ((size_t)256 << 10)
#define UNITS 128u /* 32 MiB for each piece of evidence */

struct units {
	pthread_mutex_t lock;
	struct unit {
		uint64_t id;
		uint64_t number; /* + 1; 0: nothing */
		size_t len;
		uint64_t used;
		uint8_t *bytes;
	} v[UNITS];
	uint64_t uses;
};

/* ---- the list ---------------------------------------------------------------------------------
 */

struct loading {
	struct containers *c;
	unsigned volume;
};

static int on_folder(void *ctx, uint64_t first, uint64_t last)
{
	const struct loading *x = ctx;
	struct containers *c = x->c;
	struct container_folder f = {.id = trace_of_index(x->volume, first),
		.last = trace_of_index(x->volume, last),
		.up = (uint32_t)c->n};

	if (array_room(&c->v, sizeof(*c->v), c->n, &c->cap))
		return -ENOMEM;
	while (f.up > 0 && c->v[f.up - 1].last < f.id)
		f.up = c->v[f.up - 1].up;
	c->v[c->n++] = f;
	return 0;
}

int containers_load(struct evidence *ev)
{
	struct loading x = {.c = &ev->containers};
	int r = 0;

	for (x.volume = 0; r == 0 && x.volume < ev->manifest.n; x.volume++) {
		struct index_reader *reader = NULL;
		struct index *index = ev->volumes[x.volume].index;

		if (!index)
			continue;
		r = index_get_reader(index, &reader);
		if (r == 0) {
			r = index_containers(reader, on_folder, &x);
			index_put_reader(index, reader);
		}
	}
	if (r == 0)
		ev->containers.units = calloc(1, sizeof(*ev->containers.units));
	if (r == 0 && !ev->containers.units)
		r = -ENOMEM;
	if (r == 0)
		pthread_mutex_init(&ev->containers.units->lock, NULL);
	return r;
}

void containers_release(struct containers *c)
{
	for (size_t i = 0; c->units && i < UNITS; i++)
		free(c->units->v[i].bytes);
	if (c->units)
		pthread_mutex_destroy(&c->units->lock);
	free(c->units);
	free(c->v);
	*c = (struct containers){.n = 0};
}

/* How many begin at @trace or before it. */
static size_t until(const struct containers *c, uint64_t trace)
{
	size_t low = 0;
	size_t high = c->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->v[middle].id <= trace)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t containers_from(const struct containers *c, uint64_t trace)
{
	size_t next = until(c, trace);
	size_t at = next;
	size_t first = next;

	/* the innermost around it, then outwards */
	while (at > 0) {
		if (c->v[at - 1].last >= trace)
			first = at - 1;
		at = c->v[at - 1].up;
	}
	return first;
}

const struct container_folder *containers_around(const struct containers *c, uint64_t trace)
{
	size_t at = until(c, trace);

	while (at > 0 && c->v[at - 1].last < trace)
		at = c->v[at - 1].up;
	return at > 0 ? &c->v[at - 1] : NULL;
}

const struct container_folder *containers_of(const struct containers *c, uint64_t trace)
{
	size_t at = until(c, trace + 1);

	return at > 0 && c->v[at - 1].id == trace + 1 ? &c->v[at - 1] : NULL;
}

/* ---- the way to a member ------------------------------------------------------------------------
 */

static int take_step(struct member_way *way, const struct trace *t, const struct buf *packed)
{
	struct member_step *s = NULL;

	if (way->n == CONTENT_STEPS_MAX || packed->len < 2 || packed->len > 1 + CONTENT_LOCATOR_MAX)
		return -EIO;
	/* found from the inside out */
	memmove(&way->steps[1], &way->steps[0], way->n * sizeof(way->steps[0]));
	way->n++;
	s = &way->steps[0];
	s->size = t->size;
	s->locator_len = packed->len - 1;
	memcpy(s->locator, packed->data + 1, s->locator_len);
	return 0;
}

/* One trace further out. Return: 1 it is the file itself; 0 there is more; -errno. */
static int step_out(struct evidence_cursor *c, uint64_t *id, struct member_way *way)
{
	const struct container_folder *f = NULL;
	struct index_reader *reader = NULL;
	struct buf packed = BUF_INIT;
	struct trace t;
	int r = evidence_reader(c, *id, &reader);

	if (r == 0)
		r = trace_open(reader, trace_to_index(*id), &t, &packed);
	if (r == 0 && packed.len > 0 && packed.data[0] == CONTENT_MEMBER) {
		r = take_step(way, &t, &packed);
		f = containers_around(&c->ev->containers, *id);
		if (!f)
			r = -EIO;
		else
			*id = f->id - 1;
	} else if (r == 0) {
		way->volume = trace_volume(*id);
		way->inode = t.inode;
		way->attr_type = t.attr_type;
		way->attr_id = t.attr_id;
		way->size = t.size;
		way->content = packed;
		return 1;
	}
	buf_release(&packed);
	return r == -ENOMEM ? r : r ? -EIO : 0;
}

int containers_way(struct evidence *ev, uint64_t member, struct member_way *out)
{
	struct evidence_cursor c;
	struct member_way way = {.n = 0};
	uint64_t id = member;
	int r = 0;

	evidence_cursor_init(&c, ev);
	while (r == 0)
		r = step_out(&c, &id, &way);
	evidence_cursor_release(&c);
	if (r == 1 && way.n == 0) {
		buf_release(&way.content);
		r = -EIO;
	}
	if (r < 0)
		return r;
	*out = way;
	return 0;
}

/* ---- bytes
 * ---------------------------------------------------------------------------------------- */

/* Return: bytes copied; 0 it is not kept. */
static size_t from_kept(struct units *u, uint64_t id, void *buf, size_t len, uint64_t off)
{
	uint64_t number = off / UNIT + 1;
	size_t in = (size_t)(off % UNIT);
	size_t n = 0;

	pthread_mutex_lock(&u->lock);
	for (size_t i = 0; i < UNITS && n == 0; i++) {
		struct unit *k = &u->v[i];

		if (k->number != number || k->id != id || in >= k->len)
			continue;
		n = len < k->len - in ? len : k->len - in;
		memcpy(buf, k->bytes + in, n);
		k->used = ++u->uses;
	}
	pthread_mutex_unlock(&u->lock);
	return n;
}

/* Takes @bytes. */
static void keep(struct units *u, uint64_t id, uint64_t number, uint8_t *bytes, size_t len)
{
	struct unit *k = &u->v[0];

	pthread_mutex_lock(&u->lock);
	for (size_t i = 1; i < UNITS; i++) {
		if (u->v[i].used < k->used)
			k = &u->v[i];
	}
	free(k->bytes);
	*k = (struct unit){id, number, len, ++u->uses, bytes};
	pthread_mutex_unlock(&u->lock);
}

static ssize_t read_unit(struct evidence *ev, uint64_t id, const struct member_way *way, void *buf,
	size_t len, uint64_t off)
{
	struct units *u = ev->containers.units;
	size_t n = from_kept(u, id, buf, len, off);
	size_t in = (size_t)(off % UNIT);
	uint8_t *bytes = NULL;
	ssize_t got = 0;

	if (n > 0)
		return (ssize_t)n;
	bytes = malloc(UNIT);
	if (!bytes)
		return -ENOMEM;
	got = workers_member(ev->workers, way, bytes, UNIT, off - in);
	if (got < 0 || (size_t)got <= in) {
		free(bytes);
		return got < 0 ? got : 0;
	}
	n = len < (size_t)got - in ? len : (size_t)got - in;
	memcpy(buf, bytes + in, n);
	keep(u, id, off / UNIT + 1, bytes, (size_t)got);
	return (ssize_t)n;
}

ssize_t containers_read(struct evidence *ev, uint64_t id, const struct member_way *way, void *buf,
	size_t len, uint64_t off)
{
	size_t done = 0;

	if (len > UNIT)
		return workers_member(ev->workers, way, buf, len, off);
	while (done < len) {
		ssize_t n = read_unit(ev, id, way, (uint8_t *)buf + done, len - done, off + done);

		if (n <= 0)
			return done > 0 ? (ssize_t)done : n;
		done += (size_t)n;
	}
	return (ssize_t)done;
}
