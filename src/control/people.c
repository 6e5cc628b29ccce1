/* SPDX-License-Identifier: Apache-2.0 */
/* people.c - who is who, as NSS said lately; see people.h. */
#include "control/people.h"
#include "base/now.h"
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MS        INT64_C(1000000)
#define ASK_MS    20000
#define FIRST_MS  5000
#define RETRY_NS  (2 * NOW_SECOND)                /* after NSS failed */
#define UNUSED_NS (3 * PEOPLE_AGE_S * NOW_SECOND) /* who is not asked for any more is forgotten */

struct entry {
	struct subject subject; /* SUBJECT_NONE: a uid */
	uid_t uid;
	bool answered; /* what follows holds */
	bool told;     /* that it has become too old */
	int result;    /* 0; -ENOENT */
	struct identity identity;
	uid_t *members;
	size_t members_n;
	int64_t as_of_ns; /* when NSS was asked for it; all times are of the boot clock */
	int64_t next_ns;  /* when it is asked again */
	int64_t used_ns;
	unsigned waits; /* how many wait for it: it stays */
	struct entry *next;
};

struct people {
	struct people_source source;
	void (*changed)(void *ctx);
	void *ctx;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* somebody new, or stop */
	pthread_cond_t answered;
	pthread_t thread;
	bool runs;
	bool stop;
	struct entry *first; /* only the thread takes any out */
};

/* Conditions know no boot clock: it does not matter how they count a machine asleep. */
static struct timespec after(int64_t ns)
{
	return now_plus(CLOCK_MONOTONIC, ns);
}

static void forget_answer(struct entry *x)
{
	identity_release(&x->identity);
	free(x->members);
	x->members = NULL;
	x->members_n = 0;
}

static void entry_free(struct entry *x)
{
	forget_answer(x);
	subject_release(&x->subject);
	free(x);
}

/* ---- asking --------------------------------------------------------------------------- */

static bool same_answer(const struct entry *a, const struct entry *b)
{
	return a->answered && a->result == b->result &&
	       identity_equal(&a->identity, &b->identity) && a->members_n == b->members_n &&
	       (a->members_n == 0 ||
		       !memcmp(a->members, b->members, a->members_n * sizeof(*a->members)));
}

/* Called without the lock: this may take long. */
static void ask(const struct people *p, const struct entry *x, struct entry *answer)
{
	*answer = (struct entry){
		.uid = x->uid, .identity = {.uid = x->uid}, .as_of_ns = now_ns(CLOCK_BOOTTIME)};
	answer->result =
		x->subject.kind == SUBJECT_NONE
			? p->source.identity(x->uid, &answer->identity)
			: p->source.members(&x->subject, &answer->members, &answer->members_n);
	answer->answered = answer->result == 0 || answer->result == -ENOENT;
}

/* Return: whether it is another answer than before. NSS failing is none: the last one ages. */
static bool take(const struct people *p, struct entry *x, struct entry *answer)
{
	bool other = answer->answered && !same_answer(x, answer);

	x->next_ns = now_ns(CLOCK_BOOTTIME) + (answer->answered ? p->source.ask_ms * MS : RETRY_NS);
	if (!answer->answered) {
		forget_answer(answer);
		return false;
	}
	forget_answer(x);
	x->answered = true;
	x->told = false;
	x->result = answer->result;
	x->identity = answer->identity;
	x->members = answer->members;
	x->members_n = answer->members_n;
	x->as_of_ns = answer->as_of_ns;
	return other;
}

/* Whoever is to be asked for now, the longest waiting first; NULL: nobody. */
static struct entry *due(struct people *p, int64_t now)
{
	struct entry *found = NULL;

	for (struct entry **at = &p->first; *at;) {
		struct entry *x = *at;

		if (x->waits == 0 && now - x->used_ns > UNUSED_NS) {
			*at = x->next;
			entry_free(x);
			continue;
		}
		if (x->next_ns <= now && (!found || x->next_ns < found->next_ns))
			found = x;
		at = &x->next;
	}
	return found;
}

static void *people_main(void *arg)
{
	struct people *p = arg;

	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		struct entry *x = due(p, now_ns(CLOCK_BOOTTIME));
		struct timespec until = after(
			p->source.ask_ms * MS < NOW_SECOND ? p->source.ask_ms * MS : NOW_SECOND);
		struct entry answer;
		bool other = false;

		if (!x) {
			pthread_cond_timedwait(&p->wake, &p->lock, &until);
			continue;
		}
		pthread_mutex_unlock(&p->lock);
		ask(p, x, &answer);
		pthread_mutex_lock(&p->lock);
		other = take(p, x, &answer);
		pthread_cond_broadcast(&p->answered);
		if (other) {
			pthread_mutex_unlock(&p->lock);
			p->changed(p->ctx);
			pthread_mutex_lock(&p->lock);
		}
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* ---- answers -------------------------------------------------------------------------- */

static bool is_same(const struct entry *x, uid_t uid, const struct subject *s)
{
	if (!s)
		return x->subject.kind == SUBJECT_NONE && x->uid == uid;
	return x->subject.kind == s->kind && x->subject.id == s->id && s->name &&
	       strcmp(x->subject.name, s->name) == 0;
}

/* Called with the lock. NULL: no memory. */
static struct entry *find(struct people *p, uid_t uid, const struct subject *s)
{
	struct entry *x = p->first;

	while (x && !is_same(x, uid, s))
		x = x->next;
	if (x || !(x = calloc(1, sizeof(*x))))
		return x;
	x->uid = uid;
	x->identity.uid = uid;
	if (s) {
		x->subject.kind = s->kind;
		x->subject.id = s->id;
		x->subject.name = strdup(s->name);
		if (!x->subject.name) {
			free(x);
			return NULL;
		}
	}
	x->next = p->first;
	p->first = x;
	pthread_cond_signal(&p->wake);
	return x;
}

static bool is_old(const struct people *p, const struct entry *x, int64_t now)
{
	return now - x->as_of_ns >= p->source.age_ms * MS;
}

/* With the lock: an answer that may be used. Return: 0 and *@out; -EAGAIN; -ENOMEM. */
static int wait_for(struct people *p, uid_t uid, const struct subject *s, struct entry **out)
{
	struct entry *x = find(p, uid, s);
	struct timespec until = after(p->source.first_ms * MS);

	if (!x)
		return -ENOMEM;
	x->used_ns = now_ns(CLOCK_BOOTTIME);
	x->waits++;
	while (!x->answered && !p->stop &&
		pthread_cond_timedwait(&p->answered, &p->lock, &until) == 0)
		;
	x->waits--;
	*out = x;
	return x->answered && !is_old(p, x, now_ns(CLOCK_BOOTTIME)) ? 0 : -EAGAIN;
}

int people_identity(struct people *p, uid_t uid, struct identity *out)
{
	struct entry *x = NULL;
	int r = 0;

	pthread_mutex_lock(&p->lock);
	r = wait_for(p, uid, NULL, &x);
	if (r == 0)
		r = x->result ? x->result : identity_copy(&x->identity, out);
	pthread_mutex_unlock(&p->lock);
	return r;
}

int people_members(struct people *p, const struct subject *s, uid_t **out, size_t *n)
{
	struct entry *x = NULL;
	int r = 0;

	if (s->kind == SUBJECT_NONE || !s->name)
		return -ENOENT;
	pthread_mutex_lock(&p->lock);
	r = wait_for(p, 0, s, &x);
	if (r == 0)
		r = x->result;
	if (r == 0) {
		*out = calloc(x->members_n + 1, sizeof(**out));
		*n = x->members_n;
		if (*out)
			memcpy(*out, x->members, x->members_n * sizeof(**out));
		else
			r = -ENOMEM;
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}

bool people_expired(struct people *p)
{
	int64_t now = now_ns(CLOCK_BOOTTIME);
	bool any = false;

	pthread_mutex_lock(&p->lock);
	for (struct entry *x = p->first; x; x = x->next) {
		if (x->answered && !x->told && is_old(p, x, now)) {
			x->told = true;
			any = true;
		}
	}
	pthread_mutex_unlock(&p->lock);
	return any;
}

/* ---- begin and end -------------------------------------------------------------------- */

int people_new(const struct people_source *source, void (*changed)(void *ctx), void *ctx,
	struct people **out, struct err *e)
{
	struct people *p = calloc(1, sizeof(*p));

	if (!p)
		return err_errno(e, ENOMEM, "people");
	p->source = *source;
	p->source.age_ms = source->age_ms ? source->age_ms : PEOPLE_AGE_S * 1000;
	p->source.ask_ms = source->ask_ms ? source->ask_ms : ASK_MS;
	p->source.first_ms = source->first_ms ? source->first_ms : FIRST_MS;
	p->changed = changed;
	p->ctx = ctx;
	pthread_mutex_init(&p->lock, NULL);
	thread_cond_init(&p->wake);
	thread_cond_init(&p->answered);
	p->runs = pthread_create(&p->thread, NULL, people_main, p) == 0;
	if (!p->runs) {
		people_free(p);
		return err_errno(e, EAGAIN, "the thread that asks who is who");
	}
	*out = p;
	return 0;
}

void people_free(struct people *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->wake);
	pthread_cond_broadcast(&p->answered);
	pthread_mutex_unlock(&p->lock);
	if (p->runs)
		pthread_join(p->thread, NULL);
	while (p->first) {
		struct entry *x = p->first;

		p->first = x->next;
		entry_free(x);
	}
	pthread_cond_destroy(&p->answered);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
