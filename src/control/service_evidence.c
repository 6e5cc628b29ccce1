/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_evidence.c - evidence is added, verified, found again elsewhere
 *
 * Long work, done without any lock: only the act at its end takes one. Whoever
 * asked may go away; the work then ends, and what was indexed is used next time.
 */
#include "control/service_private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/now.h"
#include "ingest/ingest.h"
#include "serve/hashes.h"
#include "serve/totals.h"

#define LOOK_NS 100000000L /* between two looks at how far the hashing is */

/* Progress to whoever asked; their going away stops the work. */
struct teller {
	service_progress *progress;
	void *ctx;
	volatile sig_atomic_t stop;
	atomic_bool stop_totals;
};

static void tell(struct teller *t, const char *what, uint64_t done, uint64_t total)
{
	if (t->progress && t->progress(t->ctx, what, done, total)) {
		t->stop = 1;
		t->stop_totals = true;
	}
}

static void tell_ingest(void *ctx, const char *volumes, uint64_t traces)
{
	char what[256] = "opening the image";

	if (volumes)
		snprintf(what, sizeof(what), "indexing %s", volumes);
	tell(ctx, what, traces, 0);
}

static void tell_totals(void *ctx, uint64_t done, uint64_t size)
{
	tell(ctx, "reading the image", done, size);
}

static int gave_up(struct err *e)
{
	err_clear(e);
	return err_set(e, EINTR, "interrupted; nothing was changed; give the command again");
}

/* ---- add ------------------------------------------------------------------------------ */

struct adding {
	struct service *s;
	const struct caller *c;
	const struct service_add *what;
	struct service_added *out;
	struct teller t;
	struct image_files files;
	struct ingest_result found;
	struct evidence *evidence;
	struct act act;
};

/* Refuse early what would be refused at the end: hashing takes its time. */
static int check_early(struct adding *a, const char *case_name, struct err *e)
{
	struct service *s = a->s;
	struct moment now = clock_now(s->clock);
	const struct model_case *c = NULL;
	struct act act = {.kind = ACT_ADD};
	int r = service_broken(s, e);

	if (r)
		return r;
	pthread_rwlock_rdlock(&s->lock);
	c = model_case_named(&s->model, case_name);
	a->act.case_id = act.case_id = c ? c->id : 0;
	act.name = a->act.name;
	act.image = a->act.image;
	act.reason = a->act.reason;
	r = rules_check(&s->model, &a->c->who, &act, &now, s->clock, e);
	free(act.covers);
	pthread_rwlock_unlock(&s->lock);
	if (r)
		service_refused(s, a->c, AUDIT_ADD, act.case_id, r);
	return r;
}

/* The name as asked for, or the file's; a second one of it gets "-2". */
static int name_it(struct adding *a, const char *case_name, struct err *e)
{
	const struct model_case *c = NULL;
	char base[256];
	char name[280];

	image_files_name(a->what->name ? "" : a->what->image, base, sizeof(base));
	snprintf(name, sizeof(name), "%s", a->what->name ? a->what->name : base);
	pthread_rwlock_rdlock(&a->s->lock);
	c = model_case_named(&a->s->model, case_name);
	for (unsigned twin = 2; c && !a->what->name && twin < 10000 &&
				model_evidence_named(&a->s->model, c->id, name, strlen(name));
		twin++)
		snprintf(name, sizeof(name), "%s-%u", base, twin);
	pthread_rwlock_unlock(&a->s->lock);
	a->act.name = strdup(name);
	a->act.image = strdup(a->what->image);
	a->act.reason = a->what->reason ? strdup(a->what->reason) : NULL;
	a->act.types = a->what->types ? strdup(a->what->types) : NULL;
	if (!a->act.name || !a->act.image || (a->what->reason && !a->act.reason) ||
		(a->what->types && !a->act.types))
		return err_errno(e, ENOMEM, "add");
	return 0;
}

/* The same image twice in a case would be the same traces under two names. */
static int check_twice(struct adding *a, struct err *e)
{
	const struct service *s = a->s;
	int r = 0;

	pthread_rwlock_rdlock(&a->s->lock);
	for (size_t i = 0; r == 0 && i < s->model.evidence_n; i++) {
		const struct model_evidence *m = &s->model.evidence[i];

		if (m->case_id == a->act.case_id && !strcmp(m->dir, a->found.dir))
			r = err_set(
				e, EEXIST, "%s was added before, as %s", a->what->image, m->name);
	}
	pthread_rwlock_unlock(&a->s->lock);
	if (r)
		service_refused(a->s, a->c, AUDIT_ADD, a->act.case_id, r);
	return r;
}

static int index_it(struct adding *a, struct err *e)
{
	struct ingest_opts o = {.types = a->what->types,
		.spawner = channel_spawner(a->s->ch),
		.uid = a->s->start->config.worker_uid,
		.stop = &a->t.stop,
		.progress = tell_ingest,
		.ctx = &a->t};
	char *state = NULL;
	int r = asprintf(&state, "%s/%llu", a->s->cases_dir, (unsigned long long)a->act.case_id) < 0
			? err_errno(e, ENOMEM, "add")
			: 0;

	o.state = state;
	if (r == 0)
		r = ingest(&a->files, &o, &a->found, e);
	free(state);
	return r;
}

static int open_it(struct adding *a, struct err *e)
{
	const struct evidence_opts o = {.name = a->act.name,
		.types = a->what->types,
		.spawner = channel_spawner(a->s->ch),
		.uid = a->s->start->config.worker_uid,
		.hash = true,
		.blocks = a->s->start->config.block_hashes};
	int r = registry_sample_write(a->found.dir, &a->files, e);

	a->out->volumes = a->found.manifest.n;
	a->out->traces = a->found.traces;
	if (r == 0)
		r = evidence_open(a->found.dir, &a->found.manifest, &a->files, &o, &a->evidence, e);
	if (r == 0)
		r = hashes_start(a->evidence->hashes, e);
	return r;
}

static void tell_hashing(struct adding *a, const struct hashes_status *h)
{
	static const char *const words[] = {[HASHES_CHECKING] = "checking indexes",
		[HASHES_IMAGE] = "hashing the image",
		[HASHES_TRACES] = "hashing files"};

	if ((size_t)h->state < sizeof(words) / sizeof(words[0]) && words[h->state])
		tell(&a->t, words[h->state], h->done, h->total);
}

static int wait_hashed(struct adding *a, struct err *e)
{
	struct hashes_status h;

	for (;;) {
		const struct timespec pause = {.tv_nsec = LOOK_NS};

		hashes_status(a->evidence->hashes, &h);
		if (h.state == HASHES_FAILED)
			return err_set(e, EIO, "%s cannot be hashed: %s", a->what->image, h.error);
		if (h.state == HASHES_ELSEWHERE)
			return err_set(e, EBUSY, "%s is being added by somebody else; wait for it",
				a->what->image);
		if (h.state == HASHES_DONE)
			break;
		tell_hashing(a, &h);
		if (a->t.stop)
			return gave_up(e);
		nanosleep(&pause, NULL);
	}
	if (!h.totals_known)
		return err_set(e, EIO,
			"%llu bytes of %s cannot be read, so that it has no hash totals; mend the "
			"image first",
			(unsigned long long)h.unreadable_bytes, a->what->image);
	a->act.totals.known = true;
	memcpy(a->act.totals.md5, h.md5, sizeof(h.md5));
	memcpy(a->act.totals.sha1, h.sha1, sizeof(h.sha1));
	memcpy(a->act.totals.sha256, h.sha256, sizeof(h.sha256));
	return 0;
}

static bool differs(bool there, const uint8_t *want, const uint8_t *got, size_t n)
{
	return there && memcmp(want, got, n) != 0;
}

static int compare(struct adding *a, struct err *e)
{
	const struct scan *image = &a->evidence->manifest.image;
	const struct service_add *w = a->what;
	struct act_totals *t = &a->act.totals;
	const char *which = NULL;

	if (differs(image->has_md5, image->md5, t->md5, 16))
		which = "the MD5 stored in it";
	else if (differs(image->has_sha1, image->sha1, t->sha1, 20))
		which = "the SHA-1 stored in it";
	else if (differs(w->has_md5, w->md5, t->md5, 16))
		which = "the MD5 given";
	else if (differs(w->has_sha1, w->sha1, t->sha1, 20))
		which = "the SHA-1 given";
	else if (differs(w->has_sha256, w->sha256, t->sha256, 32))
		which = "the SHA-256 given";
	a->out->compared =
		image->has_md5 || image->has_sha1 || w->has_md5 || w->has_sha1 || w->has_sha256;
	a->out->match = !which;
	t->mismatch_accepted = which && w->accept_mismatch;
	if (which && !w->accept_mismatch)
		return err_set(e, EBADMSG,
			"%s is not what was acquired: it differs from %s; get a good copy, or say "
			"--accept-mismatch --reason TEXT",
			w->image, which);
	return 0;
}

static void fill_out(struct adding *a)
{
	const struct manifest *m = &a->evidence->manifest;
	struct service_added *o = a->out;

	o->case_id = a->act.case_id;
	o->id = a->act.object;
	snprintf(o->name, sizeof(o->name), "%s", a->act.name);
	snprintf(o->format, sizeof(o->format), "%s", m->format);
	o->size = m->image.media_size;
	o->has_stored_md5 = m->image.has_md5;
	o->has_stored_sha1 = m->image.has_sha1;
	memcpy(o->stored_md5, m->image.md5, sizeof(o->stored_md5));
	memcpy(o->stored_sha1, m->image.sha1, sizeof(o->stored_sha1));
	o->totals = a->act.totals;
}

static int do_add(struct adding *a, const char *case_name, struct err *e)
{
	const struct manifest *found = &a->found.manifest;
	int r = name_it(a, case_name, e);

	if (r == 0)
		r = check_early(a, case_name, e);
	if (r == 0)
		r = channel_image(a->s->ch, a->what->image, &a->files, e);
	if (r == 0)
		r = index_it(a, e);
	if (r == 0)
		r = ingest_check_types(a->what->types, &found, 1, e);
	if (r == 0)
		r = check_twice(a, e);
	if (r == 0)
		r = open_it(a, e);
	if (r == 0)
		r = wait_hashed(a, e);
	if (r == 0)
		r = compare(a, e);
	if (r)
		return r;
	a->act.kind = ACT_ADD;
	a->act.dir = strdup(a->found.dir);
	memcpy(a->act.digest, a->evidence->manifest.digest, sizeof(a->act.digest));
	r = a->act.dir ? service_do(a->s, a->c, &a->act, e) : err_errno(e, ENOMEM, "add");
	if (r == 0)
		fill_out(a);
	return r;
}

int service_add(struct service *s, const struct caller *c, const char *case_name,
	const struct service_add *what, service_progress *progress, void *ctx,
	struct service_added *out, struct err *e)
{
	struct adding a = {
		.s = s, .c = c, .what = what, .out = out, .t = {.progress = progress, .ctx = ctx}};
	int64_t begun = now_ns(CLOCK_MONOTONIC);
	int r = 0;

	*out = (struct service_added){0};
	r = do_add(&a, case_name, e);
	out->seconds = now_since(begun);
	/* it is opened anew, when somebody may see it */
	evidence_close(a.evidence);
	ingest_result_release(&a.found);
	image_files_close(&a.files);
	act_release(&a.act);
	return r;
}

/* ---- verify, relocate --------------------------------------------------------------------- */

/* What a verification is about, copied out of the model. */
struct subject_evidence {
	uint64_t id;
	uint64_t case_id;
	char *name;
	char *image;
	char *dir;
	char *types;
	struct act_totals totals;
};

static void subject_evidence_release(struct subject_evidence *v)
{
	free(v->name);
	free(v->image);
	free(v->dir);
	free(v->types);
}

static int look_up(struct service *s, uint64_t id, struct subject_evidence *v, struct err *e)
{
	const struct model_evidence *m = NULL;

	pthread_rwlock_rdlock(&s->lock);
	m = model_evidence(&s->model, id);
	if (m)
		*v = (struct subject_evidence){.id = id,
			.case_id = m->case_id,
			.name = strdup(m->name),
			.image = strdup(m->image),
			.dir = strdup(m->dir),
			.types = m->types ? strdup(m->types) : NULL,
			.totals = m->totals};
	pthread_rwlock_unlock(&s->lock);
	if (!m)
		return err_set(e, ENOENT, "no such evidence");
	return v->name && v->image && v->dir ? 0 : err_errno(e, ENOMEM, "evidence");
}

/* Hash totals of the image at @path, with workers of its own. */
static int read_all(struct service *s, const struct subject_evidence *v, const char *path,
	struct teller *t, struct totals *out, struct err *e)
{
	const struct evidence_opts o = {
		.name = v->name, .types = v->types, .spawner = channel_spawner(s->ch)};
	const struct totals_opts how = {
		.piece = 65536, .stop = &t->stop_totals, .progress = tell_totals, .ctx = t};
	struct image_files files = {0};
	struct evidence *ev = NULL;
	struct manifest m = {0};
	int r = channel_image(s->ch, path, &files, e);

	if (r == 0)
		r = manifest_read(&m, v->dir, e);
	if (r == 0 && (files.format == IMAGE_EWF) != (m.image.chunk_size != 0))
		r = err_set(e, EINVAL, "%s was added as %s, and this is %s: give the image itself",
			v->name, m.format, image_format_name(&files));
	if (r == 0)
		r = evidence_open(v->dir, &m, &files, &o, &ev, e);
	if (r == 0)
		r = totals_make(ev->media, &how, out);
	if (r == -EINTR)
		r = gave_up(e);
	evidence_close(ev);
	manifest_release(&m);
	image_files_close(&files);
	return r;
}

static bool same_totals(const struct act_totals *kept, const struct totals *now)
{
	return kept->known && now->unreadable == 0 && !memcmp(kept->md5, now->md5, 16) &&
	       !memcmp(kept->sha1, now->sha1, 20) && !memcmp(kept->sha256, now->sha256, 32);
}

/* Refuse before the long work what the act at its end would refuse. */
static int check_act(struct service *s, const struct caller *c, struct act *a, enum audit_type type,
	struct err *e)
{
	struct moment now = clock_now(s->clock);
	int r = service_broken(s, e);

	if (r)
		return r;
	pthread_rwlock_rdlock(&s->lock);
	r = rules_check(&s->model, &c->who, a, &now, s->clock, e);
	pthread_rwlock_unlock(&s->lock);
	if (r)
		service_refused(s, c, type, a->case_id, r);
	return r;
}

int service_verify(struct service *s, const struct caller *c, uint64_t evidence,
	service_progress *progress, void *ctx, bool *match, uint64_t *unreadable, struct err *e)
{
	struct teller t = {.progress = progress, .ctx = ctx};
	struct act a = {.kind = ACT_VERIFY, .object = evidence};
	struct subject_evidence v = {0};
	struct totals now = {.unreadable = 0};
	int r = look_up(s, evidence, &v, e);

	a.case_id = v.case_id;
	if (r == 0)
		r = check_act(s, c, &a, AUDIT_VERIFY, e);
	if (r == 0)
		r = read_all(s, &v, v.image, &t, &now, e);
	if (r == 0) {
		a.matched = same_totals(&v.totals, &now);
		r = service_do(s, c, &a, e);
	}
	if (r == 0) {
		*match = a.matched;
		*unreadable = now.unreadable;
	}
	subject_evidence_release(&v);
	act_release(&a);
	return r;
}

int service_relocate(struct service *s, const struct caller *c, uint64_t evidence,
	const char *image, service_progress *progress, void *ctx, struct err *e)
{
	struct teller t = {.progress = progress, .ctx = ctx};
	struct act a = {.kind = ACT_RELOCATE, .object = evidence, .image = strdup(image)};
	struct subject_evidence v = {0};
	struct totals now = {.unreadable = 0};
	int r = a.image ? look_up(s, evidence, &v, e) : err_errno(e, ENOMEM, "relocate");

	a.case_id = v.case_id;
	if (r == 0)
		r = check_act(s, c, &a, AUDIT_RELOCATE, e);
	if (r == 0)
		r = read_all(s, &v, image, &t, &now, e);
	if (r == 0 && !same_totals(&v.totals, &now)) {
		r = err_set(e, EBADMSG,
			"%s is not the image that was added as %s: its hash totals "
			"differ",
			image, v.name);
		service_refused(s, c, AUDIT_RELOCATE, a.case_id, r);
	}
	if (r == 0)
		r = service_do(s, c, &a, e);
	if (r == 0)
		registry_moved(s->registry, evidence, image);
	subject_evidence_release(&v);
	act_release(&a);
	return r;
}
