/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz-ingest.c - hostile media through all that a worker does at ingest
 *
 * One program for each kind of file system, with the kind in its name
 * (fuzz-ntfs, ...): partition table, open, walk, free space, and some reads of
 * what only a library can say. fuzz-volumes forces no kind. Inputs are sparse
 * images (sparse.h), their sums set right (seal.h).
 *
 * It is the worker's own code (serve*.c) that runs. Its wire ends here instead of in a
 * socket: frames go through the decoding of the service, which must accept all
 * of them, and names into components of paths. What places it tells of
 * is blanked, all of it, as for who may see nothing. The work a volume may make is
 * bounded as in a worker, by a hundredth of its time: what takes longer than a
 * second is a defect. With FUZZ_TALK in the environment it says what it sees.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/siphash.h"
#include "fs/budget.h"
#include "fuzz.h"
#include "image/extent.h"
#include "seal.h"
#include "serve/mask.h"
#include "sparse.h"
#include "trace/build.h"
#include "trace/names.h"
#include "trail.h"
#include "worker/reply.h"
#include "worker/serve.h"

#define VOLUMES     4 /* walked */
#define READS       8 /* of one volume */
#define READ_BYTES  (64u << 10)
#define FORCED      9 /* partition numbers that get the kind */
#define BUDGET_NS   INT64_C(200000000)
#define REQUEST_MAX 32

int __wrap_wire_recv(struct wire *w, size_t max, int64_t deadline_ms, struct frame *f);
int __wrap_wire_flush(struct wire *w, int64_t deadline_ms);
int __wrap_wire_end(struct wire *w);
int __real_wire_end(struct wire *w);

enum phase { SCAN, WALK, READ, DONE };

struct want {
	uint64_t inode;
	uint64_t size;
	uint32_t type;
	uint32_t id;
};

/* The service, as far as it is needed. */
static struct service {
	enum phase phase; /* what was asked last */
	bool begun;       /* something was asked */
	bool answered;
	bool media; /* has come */
	uint64_t size;
	struct scan scan;
	size_t volume;
	struct reply_walk walk;
	struct want want[READS];
	size_t wanted;
	size_t read;
	uint32_t asked; /* bytes of the read */
	uint8_t request[REQUEST_MAX];
	struct mask *mask;   /* all places told so far */
	struct build *build; /* of the walk; NULL: no index is written */
	const char *index;   /* where; NULL: none are written */
	struct buf name;
} service;

static void talk(const char *what, const void *p, size_t n)
{
	if (getenv("FUZZ_TALK"))
		fprintf(stderr, "%s: %.*s\n", what, (int)n, (const char *)p);
}

/* --- the budget, a hundredth of a worker's: stands in for src/fs/budget.c ------------------------
 */

static int64_t now_ns(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

void budget_begin(struct budget *b, uint64_t bytes)
{
	(void)bytes; /* less than a GiB */
	*b = (struct budget){.end_ns = now_ns() + BUDGET_NS};
}

bool budget_spent(struct budget *b, bool often)
{
	if (!b->spent && (often || b->asked++ % 8 == 0))
		b->spent = now_ns() > b->end_ns;
	return b->spent;
}

/* --- what the walk hands on ------------------------------------------------------------------ */

static void check_name(const struct entry *e)
{
	static const struct siphash_key key;
	const uint8_t *p = NULL;

	buf_reset(&service.name);
	name_component(e->name, e->name_len, &key, &service.name);
	must(!service.name.error);
	p = service.name.data;
	must(service.name.len > 0 && service.name.len <= NAME_COMPONENT_MAX);
	must(!memchr(p, '/', service.name.len) && !memchr(p, '\0', service.name.len));
	must(p[0] != '.' || (service.name.len > 1 && (service.name.len > 2 || p[1] != '.')));
	if (e->kind == ENTRY_LINK) {
		buf_reset(&service.name);
		name_link_target(e->target, e->target_len, service.walk.depth, &service.name);
		must(!service.name.error && (service.name.len == 0 || service.name.data[0] != '/'));
	}
}

static int on_root(void *ctx, const struct entry *e)
{
	(void)ctx;
	return service.build ? build_root(service.build, e) : 0;
}

static int on_enter(void *ctx, const struct entry *e)
{
	(void)ctx;
	talk("entry", e->name, e->name_len);
	check_name(e);
	trail_add(((uint64_t)e->kind << 32) + (e->flags << 8) + e->content[0] * 16u + e->attr_type);
	if (e->content[0] == CONTENT_WORKER && service.wanted < READS)
		service.want[service.wanted++] = (struct want){
			.inode = e->inode, .size = e->size, .type = e->attr_type, .id = e->attr_id};
	return service.build ? build_enter(service.build, e) : 0;
}

static int on_leave(void *ctx)
{
	(void)ctx;
	return service.build ? build_leave(service.build) : 0;
}

static int on_unopened(void *ctx, const char *reason)
{
	(void)ctx;
	talk("unopened", reason, strlen(reason));
	return service.build ? build_unopened(service.build, reason) : 0;
}

static int on_problem(void *ctx, const char *text)
{
	(void)ctx;
	talk("problem", text, strlen(text));
	trail_text(text);
	return service.build ? build_problem(service.build, text) : 0;
}

static int on_unallocated(void *ctx, const uint8_t *content, size_t len, uint64_t size)
{
	char text[64];

	(void)ctx;
	talk("unallocated", text, (size_t)snprintf(text, sizeof(text), "%" PRIu64, size));
	return service.build ? build_unallocated(service.build, content, len, size) : 0;
}

static int on_places(void *ctx, const uint8_t *p, size_t n)
{
	struct cur c = cur_of(p, n);
	struct place_state state = {.end = 0};
	struct place_at at;

	(void)ctx;
	while (place_get(&c, &state, service.size, &at) == 1) {
		const struct mask_range r = {at.offset, at.offset + at.length, at.value, at.action};

		if (at.action != PLACE_KEEP)
			must(mask_add(service.mask, &r) == 0);
		trail_add(UINT64_C(1) << 40 | (uint64_t)at.action << 8 | at.flags << 2 |
			  (at.parent ? 2u : 0) | (at.attr_type ? 1u : 0));
	}
	must(cur_left(&c) == 0);
	return service.build ? build_places(service.build, p, n) : 0;
}

static int on_placed(void *ctx, uint32_t cluster, uint64_t base)
{
	(void)ctx;
	talk("placed", "", 0);
	return service.build ? build_placed(service.build, cluster, base) : 0;
}

/* Ranges in order and apart, and what each does to bytes, from its first to its last. */
static void end_mask(void)
{
	struct mask *m = service.mask;
	uint8_t bytes[3 * 4096];

	must(mask_settle(m) == 0);
	for (size_t i = 0; i < m->n; i++) {
		const struct mask_range *r = &m->v[i];
		uint64_t from = r->begin > 4096 ? r->begin - 4096 : 0;

		must(r->begin < r->end && r->end <= service.size);
		must(i == 0 || m->v[i - 1].end <= r->begin);
		memset(bytes, 0xa5, sizeof(bytes));
		mask_apply(m, bytes, sizeof(bytes), from);
		mask_apply(m, bytes, 100, r->end - 1);
	}
	mask_put(m);
	service.mask = NULL;
}

static void end_index(void)
{
	struct err e = {0};

	if (!service.build)
		return;
	if (service.walk.rooted)
		must(build_finish(service.build, &e) == 0);
	else
		build_abort(service.build);
	service.build = NULL;
	unlink(service.index);
}

/* --- the wire -------------------------------------------------------------------------------- */

static void said_volume(const struct scan_volume *v)
{
	talk(v->type, v->note, strlen(v->note));
	trail_text(v->note);
}

static void said_scan(struct frame *f)
{
	struct err e = {0};

	if (f->type == WIRE_FAIL) {
		must(!service.media && reply_fail(&f->payload, &e) < 0 && e.code);
		service.answered = true;
	} else if (f->type == WIRE_MEDIA) {
		must(!service.media);
		must(reply_media(&f->payload, false, service.size, &service.scan) == 0);
		service.media = true;
		trail_text(service.scan.note);
	} else if (f->type == WIRE_VOLUME) {
		must(service.media && reply_volume(&f->payload, &service.scan) == 0);
		said_volume(&service.scan.v[service.scan.n - 1]);
	} else {
		must(service.media && f->type == WIRE_SCANNED && cur_left(&f->payload) == 0);
		service.answered = true;
	}
}

static void said_walk(struct frame *f)
{
	struct err e = {0};
	bool failed = false;
	int r = reply_walk(&service.walk, f, &failed, &e);

	must(r == 0 || failed || (r == 1 && !service.walk.stopped));
	if (failed) {
		talk("failed", e.text, strlen(e.text));
		trail_text(e.text);
	}
	if (r == 0)
		return;
	service.answered = true;
	end_mask();
	end_index();
}

static void said_read(struct frame *f)
{
	struct err e = {0};

	if (f->type == WIRE_FAIL)
		must(reply_fail(&f->payload, &e) < 0 && e.code);
	else
		must(f->type == WIRE_BYTES && cur_left(&f->payload) <= service.asked);
	service.answered = true;
}

int __wrap_wire_flush(struct wire *w, int64_t deadline_ms)
{
	size_t at = 0;

	(void)deadline_ms;
	while (at < w->out.len) {
		struct frame f;
		size_t used = 0;

		must(wire_parse(w->out.data + at, w->out.len - at, WIRE_FRAME_MAX, &f, &used) == 1);
		must(!service.answered || f.type == WIRE_ALIVE);
		if (service.phase == SCAN)
			said_scan(&f);
		else if (service.phase == WALK)
			said_walk(&f);
		else
			said_read(&f);
		at += used;
	}
	buf_reset(&w->out);
	return 0;
}

int __wrap_wire_end(struct wire *w)
{
	int r = __real_wire_end(w);

	return r == 0 && w->out.len >= WIRE_BATCH ? __wrap_wire_flush(w, 0) : r;
}

static void ask(struct frame *f, uint16_t type, const uint8_t *p, size_t n)
{
	service.begun = true;
	service.answered = false;
	f->type = type;
	f->payload = cur_of(p, n);
}

static size_t put(size_t at, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		service.request[at + i] = (uint8_t)(v >> 8 * i);
	return at + n;
}

static void ask_walk(struct frame *f)
{
	static const struct walk_sink sink = {on_root, on_enter, on_leave, on_problem, on_unopened,
		on_unallocated, on_places, on_placed, NULL};
	static const struct siphash_key key;

	service.phase = WALK;
	service.walk = (struct reply_walk){.sink = &sink, .media_size = service.size};
	service.wanted = service.read = 0;
	service.mask = mask_new(1);
	must(service.mask != NULL);
	if (service.index)
		must(build_open(service.index, &key, &service.build, NULL) == 0);
	/* every file is looked into, none is left alone */
	ask(f, WIRE_WALK, service.request,
		put(put(put(0, service.volume, 4), WIRE_HEADS_ALL, 1), 0, 4));
}

static void ask_read(struct frame *f)
{
	const struct want *r = &service.want[service.read / 2];
	uint64_t off = service.read % 2 ? r->size / 2 : 0;
	size_t n = put(0, service.volume, 4);

	service.phase = READ;
	service.asked = READ_BYTES;
	service.read++;
	n = put(n, r->inode, 8);
	n = put(n, r->type, 4);
	n = put(n, r->id, 4);
	n = put(n, off, 8);
	ask(f, WIRE_READ, service.request, put(n, service.asked, 4));
}

/* What the service asks next; then it closes the wire. */
int __wrap_wire_recv(struct wire *w, size_t max, int64_t deadline_ms, struct frame *f)
{
	(void)max;
	(void)deadline_ms;
	must(w->out.len == 0 && service.answered == service.begun);
	if (!service.begun) {
		service.phase = SCAN;
		ask(f, WIRE_SCAN, service.request, put(0, 0, 4));
		return 0;
	}
	if (service.phase != SCAN && service.read < service.wanted * 2) {
		ask_read(f);
		return 0;
	}
	service.volume = service.phase == SCAN ? 0 : service.volume + 1;
	while (service.volume < service.scan.n && !service.scan.v[service.volume].known)
		service.volume++;
	if (service.volume >= service.scan.n || service.volume >= VOLUMES) {
		service.phase = DONE;
		return -EPIPE;
	}
	ask_walk(f);
	return 0;
}

/* Memory is refused, as a worker's limit refuses it. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1:max_allocation_size_mb=512";
}

/* libtsk loses some at errors; the process ends with its volume. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libtsk.so";
}

/* Nor is that reported. */
__attribute__((visibility("default"))) const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}

/* --- one input ------------------------------------------------------------------------------- */

static const char *kind_of_program(void)
{
	const char *name = strstr(program_invocation_short_name, "fuzz-");

	return name ? name + 5 : "volumes";
}

static void force(struct hello *h, const char *kind)
{
	size_t at = 0;

	if (strcmp(kind, "volumes") == 0)
		return;
	for (unsigned i = 0; i <= FORCED; i++)
		at += (size_t)snprintf(
			h->types + at, sizeof(h->types) - at, "%sp%u=%s", i ? "," : "", i, kind);
}

/* A file in memory, if there is a place for such; removed after each input. */
static const char *index_path(void)
{
	static char path[64];

	if (path[0] == '\0')
		snprintf(path, sizeof(path), "%s/fuzz-index.%ld",
			access("/dev/shm", W_OK) == 0 ? "/dev/shm" : ".", (long)getpid());
	return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sparse image;
	static struct hello hello;
	struct image_file file = {.fd = -1};
	struct wire wire = {.fd = -1, .service = true};
	struct serve serve = {.wire = &wire, .hello = &hello};
	struct buf name = service.name;

	if (hello.files.n == 0)
		force(&hello, kind_of_program());
	if (!sparse_expand(&image, data, size))
		return 0;
	seal_image(&image, kind_of_program());
	file = (struct image_file){.fd = image.fd, .size = image.size};
	hello.files = (struct image_files){.format = IMAGE_RAW, .v = &file, .n = 1};
	service = (struct service){.size = image.size, .name = name};
	if (image.flags & SPARSE_INDEX)
		service.index = index_path();
	must(serve_run(&serve) == 0);
	must(service.phase == DONE && !service.build && !service.mask);
	wire_release(&wire);
	buf_release(&service.scan.header);
	free(service.scan.v);
	service.scan = (struct scan){.n = 0};
	return 0;
}
