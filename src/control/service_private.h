/* SPDX-License-Identifier: Apache-2.0 */
/* service_private.h - shared by service.c, service_start.c, service_evidence.c, service_clock.c. */
#ifndef EVIDENCEFS_CONTROL_SERVICE_PRIVATE_H
#define EVIDENCEFS_CONTROL_SERVICE_PRIVATE_H

#include <pthread.h>

#include "audit/behind.h"
#include "control/finder.h"
#include "control/people.h"
#include "control/registry.h"
#include "control/searches.h"
#include "control/service.h"
#include "control/viewers.h"
#include "policy/roads.h"

/* What is compiled of a case's marks, and from what. */
struct case_marks {
	uint64_t case_id;
	struct marks_stamp stamp;
	struct roads *roads; /* NULL: could not be compiled */
};

struct personal; /* control/personal.h */

struct service {
	struct personal *own; /* a mount of one's own: its session, its evidence; NULL: a team's */
	struct channel *ch;
	const struct channel_start *start;
	char *log_dir;
	char *cases_dir;
	struct audit_log *log;
	struct follower *follower;   /* service_follow.c; NULL: not begun */
	struct audit_behind *behind; /* look-ups of hidden names */
	struct store *store;
	struct clock *clock;
	struct registry *registry;
	struct viewers *viewers;
	struct people *people;
	pthread_mutex_t acting;  /* one act at a time, until it is in force; may take long */
	pthread_mutex_t showing; /* one refresh at a time; taken inside `acting` */
	pthread_rwlock_t lock;   /* over model and broken; taken inside both */
	unsigned degraded;       /* what the kernel lacks, or is kept from (mount/session.h) */
	struct model model;
	struct case_marks *marks; /* service_marks.c: of cases that have any; under `lock` */
	size_t marks_n;
	bool marks_lost; /* no memory for one of them */
	struct roads_facts *facts;
	struct searches *searches;
	struct finder *finder;     /* NULL: nothing was marked yet, on a mount of one's own */
	char broken[ERR_TEXT_MAX]; /* why nothing is served; "" all is well */
	bool started;              /* its START is in the log; without one there is no STOP */
	pthread_mutex_t ticking;   /* over what follows, down to next_boot_ns */
	pthread_cond_t tick;
	bool stop;
	bool poked;  /* look now: something has changed that is no act */
	bool jumped; /* to be recorded: */
	int64_t jumped_by;
	struct moment shown;    /* what the last refresh took for now */
	int64_t next_boot_ns;   /* when the policy changes by itself */
	pthread_t clock_thread; /* service_clock.c */
	pthread_t clerk_thread;
	bool ticks;
	bool writes;
	bool *active; /* service_ends.c, the clerk's: which grants were in force */
	size_t active_n;
	int64_t looked_ns; /* and when that was seen, real time */
};

/** service_refresh() - every session shows what is in force now, or less: what takes long is held,
 * and shown from the finder's thread. Return: whether anything is held so. */
bool service_refresh(struct service *s);
/** service_show() - the same, called with `showing`. @hurried: false: it takes as long as it takes.
 */
bool service_show(struct service *s, bool hurried);
/** service_poke() - look again soon. From any thread, with no lock. */
void service_poke(void *service);
/** service_note_ends() - record what has ended by time, by what was shown last. The clerk's. */
void service_note_ends(struct service *s);
/** service_open() - evidence, where this service has it. */
struct evidence *service_open(struct service *s, const struct model_evidence *me);
/** service_keep() - record, keep and apply an act that nobody has to be asked for. With `acting`.
 */
int service_keep(struct service *s, const struct caller *c, struct act *a, struct err *e);
/** service_open_catalog(), service_open_clock() - with the log open. */
int service_open_catalog(struct service *s, struct err *e);
int service_open_clock(struct service *s, struct err *e);

/* A mount of one's own: no starter, no sessions of others; @log stays the caller's. */
int service_new_personal(struct personal *own, const struct channel_start *start,
	struct audit_log *log, struct service **out, struct err *e);
/** service_free_personal() - Return: false: evidence is in use until the process ends. */
bool service_free_personal(struct service *s);
uint64_t personal_case(const struct personal *p);
uid_t personal_uid(const struct personal *p);
struct evidence *personal_evidence(const struct personal *p, const struct model_evidence *me);
int personal_caller(struct personal *p, uid_t uid, pid_t pid, struct caller *out, struct err *e);
/** personal_hold(), personal_show(), personal_masks() - as those of viewers.h. */
void personal_hold(struct personal *p);
bool personal_show(
	struct personal *p, const struct model *m, const struct moment *now, bool hurried);
struct view_masks *personal_masks(struct personal *p);

/** service_record() - an act's record, synced. Return: 0 and @ev->seq; -errno. */
int service_record(struct service *s, const struct caller *c, struct audit_event *ev);

/* At a start requests wait so long for what marks withhold: then it is held. */
#define MARKS_START_MS 5000
/**
 * service_marks_refresh() - what marks withhold is as the model says, or is held
 * @wait_ms: for the finder: what is not found by then is held, and in force when it is
 * Called with `acting`. Return: whether anything has changed: service_refresh() then.
 */
bool service_marks_refresh(struct service *s, unsigned wait_ms);
/** service_marks_again() - something could not be compiled: refresh again soon. With `acting`. */
bool service_marks_again(const struct service *s);
/** service_marks_settled() - until what was held is as it shall be; @ms at most. Holding nothing.
 */
void service_marks_settled(struct service *s, unsigned ms);
/** service_marks_wait() - after an act, the same, and until byte streams that a mark took away
 * until they are searched are back; for some seconds at most. Holding nothing. */
void service_marks_wait(struct service *s);
/** service_finder_start(), _stop() - the thread that compiles behind the acts. Once. */
int service_finder_start(struct service *s, struct err *e);
void service_finder_stop(struct service *s);
void service_marks_end(struct service *s);
/** service_withheld() - as view_sources.withheld; @ctx: the service, its `lock` held. */
const struct withheld *service_withheld(void *ctx, const struct model_evidence *me);

/** service_follow_start(), _stop() - the thread that keeps query.db up with the log. */
int service_follow_start(struct service *s, struct err *e);
void service_follow_stop(struct service *s);

/** service_clock_start(), _stop() - the threads that notice time, clocks, groups. */
void service_clock_init(struct service *s);
int service_clock_start(struct service *s, struct err *e);
void service_clock_stop(struct service *s);

#endif
