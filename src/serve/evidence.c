/* SPDX-License-Identifier: Apache-2.0 */
/* evidence.c - one piece of evidence, open for serving; see evidence.h. */
#include "serve/evidence.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/now.h"
#include "base/thread.h"
#include "image/extent.h"
#include "serve/claims.h"
#include "serve/containers.h"
#include "serve/describe.h"
#include "serve/hashes.h"

/* Places in the evidence's own folder: two, then four for each volume. */
enum place { PLACE_TREE, PLACE_DELETED, PLACE_UNALLOCATED, PLACE_RAW, PLACES };
#define PLACES_BEFORE 2u

static void on_fault(void *ctx, const char *text)
{
	evidence_fault(ctx, text);
}

static int open_volume(struct evidence *ev, size_t k, struct err *e)
{
	const struct manifest_volume *m = &ev->manifest.volumes[k];
	struct evidence_volume *v = &ev->volumes[k];
	struct index_reader *reader = NULL;
	struct buf b = BUF_INIT;
	char *path = manifest_index_path(ev->dir, k);
	int r = path ? 0 : err_errno(e, ENOMEM, "%s", ev->dir);

	snprintf(v->deleted_name, sizeof(v->deleted_name), "%s.deleted", m->name);
	snprintf(v->unallocated_name, sizeof(v->unallocated_name), "%s.unallocated", m->name);
	snprintf(v->raw_name, sizeof(v->raw_name), "%s.raw", m->name);
	if (r == 0 && m->scan.known)
		r = index_open(path, &v->index, e);
	if (r == 0 && v->index)
		r = index_get_reader(v->index, &reader);
	if (r == 0 && reader) {
		/* a walk that ended early has none; what is allocated must be known to mask */
		v->maskable = trace_unallocated(reader, &b, &v->unallocated_size) == 0 &&
			      index_has_places(reader);
		index_put_reader(v->index, reader);
	}
	buf_release(&b);
	free(path);
	return r;
}

int evidence_attach(struct evidence *ev, const struct image_files *f, const struct evidence_opts *o,
	struct err *e)
{
	struct workers_opts wo = {.program = o->worker,
		.count = o->workers,
		.cache_bytes = o->cache_bytes,
		.types = o->types,
		.uid = o->uid,
		.spawner = o->spawner,
		.fault = on_fault,
		.ctx = ev};
	struct source *media = NULL;
	int r = workers_new(f, &wo, &ev->workers, e);

	if (r == 0)
		r = workers_source(ev->workers, ev->manifest.image.media_size,
			ev->manifest.image.chunk_size, &media, e);
	if (r) {
		workers_free(ev->workers);
		ev->workers = NULL;
		return r;
	}
	ev->files = f;
	ev->media = media; /* readers look at nothing else before */
	evidence_away(ev); /* no longer looked for */
	return 0;
}

void evidence_away(struct evidence *ev)
{
	pthread_mutex_lock(&ev->lock);
	ev->looking = false;
	pthread_cond_broadcast(&ev->looked);
	pthread_mutex_unlock(&ev->lock);
}

struct source *evidence_media(struct evidence *ev)
{
	struct source *media = ev->media;
	struct timespec until;

	if (media)
		return media;
	until = now_plus(CLOCK_MONOTONIC, EVIDENCE_LOOK_S * NOW_SECOND);
	pthread_mutex_lock(&ev->lock);
	while (ev->looking && pthread_cond_timedwait(&ev->looked, &ev->lock, &until) == 0)
		;
	pthread_mutex_unlock(&ev->lock);
	return ev->media;
}

int evidence_open(const char *dir, struct manifest *m, const struct image_files *f,
	const struct evidence_opts *o, struct evidence **out, struct err *e)
{
	struct evidence *ev = calloc(1, sizeof(*ev));
	int r = 0;

	if (!ev)
		return err_errno(e, ENOMEM, "%s", dir);
	pthread_mutex_init(&ev->lock, NULL);
	pthread_mutex_init(&ev->claiming, NULL);
	thread_cond_init(&ev->looked);
	ev->looking = o->attach_later;
	snprintf(ev->name, sizeof(ev->name), "%s", o->name);
	ev->manifest = *m;
	*m = (struct manifest){0};
	ev->dir = strdup(dir);
	ev->volumes = calloc(ev->manifest.n + 1, sizeof(*ev->volumes));
	if (!ev->dir || !ev->volumes)
		r = err_errno(e, ENOMEM, "%s", dir);
	for (size_t k = 0; r == 0 && k < ev->manifest.n; k++)
		r = open_volume(ev, k, e);
	if (r == 0 && f)
		r = evidence_attach(ev, f, o, e);
	if (r == 0)
		r = containers_load(ev);
	if (r == 0 && (f || o->attach_later))
		r = hashes_open(ev, o->hash, o->blocks, &ev->hashes, e);
	if (r) {
		evidence_close(ev);
		return r;
	}
	*out = ev;
	return 0;
}

void evidence_close(struct evidence *ev)
{
	if (!ev)
		return;
	hashes_close(ev->hashes);
	containers_release(&ev->containers);
	source_close(ev->media);
	workers_free(ev->workers);
	for (size_t k = 0; ev->volumes && k < ev->manifest.n; k++) {
		index_close(ev->volumes[k].index);
		claims_free(ev->volumes[k].claims);
	}
	for (size_t i = 0; i < ev->fault_count && i < EVIDENCE_FAULTS_MAX; i++)
		free(ev->faults[i]);
	free(ev->volumes);
	free(ev->dir);
	manifest_release(&ev->manifest);
	pthread_cond_destroy(&ev->looked);
	pthread_mutex_destroy(&ev->lock);
	pthread_mutex_destroy(&ev->claiming);
	free(ev);
}

void evidence_fault(struct evidence *ev, const char *text)
{
	size_t kept = 0;

	pthread_mutex_lock(&ev->lock);
	kept = ev->fault_count < EVIDENCE_FAULTS_MAX ? ev->fault_count : EVIDENCE_FAULTS_MAX;
	for (size_t i = 0; i < kept; i++) {
		if (!strcmp(ev->faults[i], text)) {
			pthread_mutex_unlock(&ev->lock);
			return;
		}
	}
	if (kept < EVIDENCE_FAULTS_MAX)
		ev->faults[kept] = strdup(text);
	if (kept == EVIDENCE_FAULTS_MAX || ev->faults[kept])
		ev->fault_count++;
	pthread_mutex_unlock(&ev->lock);
}

void evidence_cursor_init(struct evidence_cursor *c, struct evidence *ev)
{
	*c = (struct evidence_cursor){.ev = ev};
}

void evidence_cursor_release(struct evidence_cursor *c)
{
	if (c->reader)
		index_put_reader(c->ev->volumes[c->volume].index, c->reader);
	c->reader = NULL;
}

int evidence_reader(struct evidence_cursor *c, uint64_t id, struct index_reader **out)
{
	unsigned k = 0;
	int r = 0;

	if (trace_part(id) == 0)
		return -ENOENT;
	k = trace_volume(id);
	if (k >= c->ev->manifest.n || !c->ev->volumes[k].index)
		return -ENOENT;
	if (c->ev->damaged)
		return -EIO;
	if (!c->reader || c->volume != k) {
		evidence_cursor_release(c);
		c->volume = k;
		r = index_get_reader(c->ev->volumes[k].index, &c->reader);
	}
	*out = c->reader;
	return r;
}

/* An index's trace as the evidence's. */
static int adopt(const struct evidence_cursor *c, int r, struct trace *t)
{
	bool root = trace_number(t->id) == 0;
	unsigned k = c->volume;

	if (r)
		return r == -ENOENT || r == -ENOMEM ? r : -EIO;
	t->id = trace_of_index(k, t->id);
	t->last = trace_of_index(k, t->last);
	t->first = trace_of_index(k, t->first);
	t->parent = root ? trace_id(0, TRACE_EVIDENCE_DIR) : trace_of_index(k, t->parent);
	if (root) {
		t->name = (const uint8_t *)(trace_in_deleted(t->id)
						    ? c->ev->volumes[k].deleted_name
						    : c->ev->manifest.volumes[k].name);
		t->name_len = strlen((const char *)t->name);
	}
	return 0;
}

static int added_file(
	struct evidence *ev, struct trace *t, uint64_t number, const char *name, uint64_t size)
{
	*t = (struct trace){
		.id = trace_id(0, number),
		.last = trace_id(0, number),
		.first = trace_id(0, number),
		.parent = trace_id(0, TRACE_EVIDENCE_DIR),
		.kind = ENTRY_FILE,
		.flags = ENTRY_VIRTUAL,
		.nlink = 1,
		.size = size,
		.name = (const uint8_t *)name,
		.name_len = strlen(name),
		.mtime = {.known = true, .sec = ev->manifest.ingested_sec},
	};
	return 0;
}

static int added_get(struct evidence *ev, uint64_t number, struct trace *t)
{
	size_t k = (size_t)(number - TRACE_VOLUME_RAW(0)) / 2;

	switch (number) {
	case TRACE_EVIDENCE_DIR:
		added_file(ev, t, number, ev->name, 0);
		t->kind = ENTRY_DIR;
		return 0;
	case TRACE_EVIDENCE_TXT:
		return added_file(ev, t, number, "EVIDENCE.txt", describe_size(ev));
	case TRACE_IMAGE_RAW:
		return added_file(ev, t, number, "image.raw", ev->manifest.image.media_size);
	default:
		break;
	}
	if (number < TRACE_VOLUME_RAW(0) || k >= ev->manifest.n)
		return -ENOENT;
	if (number == TRACE_VOLUME_RAW(k))
		return added_file(ev, t, number, ev->volumes[k].raw_name,
			ev->manifest.volumes[k].scan.length);
	if (!ev->volumes[k].index)
		return -ENOENT;
	return added_file(
		ev, t, number, ev->volumes[k].unallocated_name, ev->volumes[k].unallocated_size);
}

int evidence_get(struct evidence_cursor *c, uint64_t id, struct trace *t)
{
	struct index_reader *reader = NULL;
	int r = 0;

	if (trace_part(id) == 0)
		return added_get(c->ev, trace_number(id), t);
	r = evidence_reader(c, id, &reader);
	return r ? r : adopt(c, trace_get(reader, trace_to_index(id), t), t);
}

/* The id at one place of the evidence's own folder. */
static uint64_t place_id(uint64_t place)
{
	unsigned k = 0;

	if (place < PLACES_BEFORE)
		return trace_id(0, place == 0 ? TRACE_EVIDENCE_TXT : TRACE_IMAGE_RAW);
	k = (unsigned)((place - PLACES_BEFORE) / PLACES);
	switch ((enum place)((place - PLACES_BEFORE) % PLACES)) {
	case PLACE_TREE:
		return trace_id(1 + 2 * k, 0);
	case PLACE_DELETED:
		return trace_id(2 + 2 * k, 0);
	case PLACE_UNALLOCATED:
		return trace_id(0, TRACE_VOLUME_UNALLOCATED((uint64_t)k));
	default:
		return trace_id(0, TRACE_VOLUME_RAW((uint64_t)k));
	}
}

static int evidence_dir_child(struct evidence_cursor *c, uint64_t *pos, struct trace *t)
{
	uint64_t places = PLACES_BEFORE + (uint64_t)PLACES * c->ev->manifest.n;

	while (*pos < places) {
		int r = evidence_get(c, place_id((*pos)++), t);

		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

int evidence_child(
	struct evidence_cursor *c, const struct trace *dir, uint64_t *pos, struct trace *t)
{
	struct index_reader *reader = NULL;
	struct trace local = *dir;
	int r = 0;

	if (trace_part(dir->id) == 0)
		return evidence_dir_child(c, pos, t);
	r = evidence_reader(c, dir->id, &reader);
	if (r)
		return r;
	local.id = trace_to_index(dir->id);
	local.last = trace_to_index(dir->last);
	r = trace_child(reader, &local, *pos ? *pos : local.id + 1, t);
	if (r == 0)
		*pos = t->last + 1;
	return adopt(c, r, t);
}

int evidence_child_at(struct evidence_cursor *c, const struct trace *dir, uint64_t id,
	uint64_t *pos, struct trace *t)
{
	int r = id > dir->id && id <= dir->last ? evidence_get(c, id, t) : -ENOENT;

	while (r == 0 && t->parent != dir->id) {
		if (t->parent <= dir->id || t->parent >= t->id)
			return -EIO;
		r = evidence_get(c, t->parent, t);
	}
	if (r == 0)
		*pos = evidence_position(t->last + 1);
	return r;
}

/* The name at one place of the evidence's own folder; "" there is none. */
static const char *place_name(const struct evidence *ev, uint64_t place)
{
	const struct evidence_volume *v = NULL;
	unsigned k = 0;

	if (place < PLACES_BEFORE)
		return place == 0 ? "EVIDENCE.txt" : "image.raw";
	k = (unsigned)((place - PLACES_BEFORE) / PLACES);
	v = &ev->volumes[k];
	switch ((enum place)((place - PLACES_BEFORE) % PLACES)) {
	case PLACE_TREE:
		return v->index ? ev->manifest.volumes[k].name : "";
	case PLACE_DELETED:
		return v->index ? v->deleted_name : "";
	case PLACE_UNALLOCATED:
		return v->index ? v->unallocated_name : "";
	default:
		return v->raw_name;
	}
}

/* A tree's root is read from its index for any name, whichever stands there. */
static int read_some_root(struct evidence_cursor *c, struct trace *t)
{
	for (unsigned k = 0; k < c->ev->manifest.n; k++) {
		if (c->ev->volumes[k].index)
			return evidence_get(c, trace_id(1 + 2 * k, 0), t);
	}
	return evidence_get(c, trace_id(0, TRACE_EVIDENCE_DIR), t);
}

static int nearest_place(struct evidence_cursor *c, const void *name, size_t n, struct trace *t)
{
	uint64_t places = PLACES_BEFORE + (uint64_t)PLACES * c->ev->manifest.n;
	uint64_t id = trace_id(0, TRACE_EVIDENCE_DIR);
	int found = 0;
	int r = 0;

	for (uint64_t i = 0; i < places; i++) {
		const char *there = place_name(c->ev, i);

		if (strlen(there) == n && n > 0 && memcmp(there, name, n) == 0) {
			id = place_id(i);
			found = 1;
		}
	}
	if (trace_part(id) == 0)
		r = read_some_root(c, t);
	if (r == 0)
		r = evidence_get(c, id, t);
	return r ? r : found;
}

int evidence_nearest(
	struct evidence_cursor *c, uint64_t dir, const void *name, size_t n, struct trace *t)
{
	struct index_reader *reader = NULL;
	int found = 0;
	int r = 0;

	if (trace_part(dir) == 0)
		return dir == trace_id(0, TRACE_EVIDENCE_DIR) ? nearest_place(c, name, n, t)
							      : -ENOTDIR;
	r = evidence_reader(c, dir, &reader);
	if (r)
		return r;
	found = trace_nearest(reader, trace_to_index(dir), name, n, t);
	r = adopt(c, found < 0 ? found : 0, t);
	return r ? r : found;
}

int evidence_lookup(
	struct evidence_cursor *c, uint64_t dir, const void *name, size_t n, struct trace *t)
{
	int r = evidence_nearest(c, dir, name, n, t);

	return r < 0 ? r : r ? 0 : -ENOENT;
}

int evidence_path(struct evidence_cursor *c, uint64_t id, struct buf *out)
{
	struct buf reversed = BUF_INIT; /* name, '/', name, '/' ... from below, each reversed */
	struct trace t;
	int r = 0;

	while (id != trace_id(0, TRACE_EVIDENCE_DIR)) {
		r = evidence_get(c, id, &t);
		if (r)
			break;
		if (reversed.len > 0)
			buf_put_u8(&reversed, '/');
		for (size_t i = t.name_len; i-- > 0;)
			buf_put_u8(&reversed, t.name[i]);
		if (t.parent == id) {
			r = -EIO;
			break;
		}
		id = t.parent;
	}
	for (size_t i = reversed.len; r == 0 && i-- > 0;)
		buf_put_u8(out, reversed.data[i]);
	if (r == 0)
		r = reversed.error ? reversed.error : out->error;
	buf_release(&reversed);
	return r;
}

int evidence_depth(struct evidence_cursor *c, const struct trace *t)
{
	uint64_t id = t->parent;
	int depth = 0;

	while (trace_part(id) > 0 && trace_number(id) > 0) {
		struct trace up;
		int r = evidence_get(c, id, &up);

		if (r)
			return r;
		if (up.parent >= id)
			return -EIO;
		id = up.parent;
		depth++;
	}
	return depth;
}
