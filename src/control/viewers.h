/* SPDX-License-Identifier: Apache-2.0 */
/*
 * viewers.h - every user's session: begun, kept up to date, ended
 *
 * A user has one while he holds a grant that is active, or has an office in an open case.
 * What each session shows is compiled anew whenever the model, a clock or the groups
 * change; viewers_refresh() returns when all of them show it. Nothing in it waits for
 * NSS or for a mount: those who begin and end mounts are a thread of their own.
 */
#ifndef EVIDENCEFS_CONTROL_VIEWERS_H
#define EVIDENCEFS_CONTROL_VIEWERS_H

#include "audit/audit.h"
#include "catalog/model.h"
#include "control/people.h"
#include "control/registry.h"
#include "policy/clock.h"
#include "policy/view.h"
#include "starter/channel.h"

struct awake;
struct viewers;

struct viewers_opts {
	struct channel *ch; /* all borrowed */
	struct audit_log *log;
	struct audit_behind *behind;
	struct registry *registry;
	struct clock *clock;
	struct people *people;
	struct awake *awake; /* NULL: without */
	unsigned degrade;
	const char *privacy_txt;
	/** begun() - a session has begun, and waits for a viewers_refresh(). From any thread. */
	void (*begun)(void *ctx);
	void *ctx;
	/** withheld() - as view_sources has it. */
	const struct withheld *(*withheld)(void *ctx, const struct model_evidence *m);
	void *withheld_ctx;
};

int viewers_new(const struct viewers_opts *o, struct viewers **out, struct err *e);
/**
 * viewers_adopt() - go on with a mount that an earlier service served
 * Its requests wait for the next viewers_refresh(), which must follow. @s: its descriptors are
 * taken.
 */
void viewers_adopt(struct viewers *all, const struct channel_session *s);
/**
 * viewers_refresh() - let every session show what the model says at @now
 * What ended is dead when this returns; mounts then go and come behind. One caller at a time.
 * @hurried: masks that take long are not made: what they are about is held
 * Return: whether any is held so: view_masks_make(), and refresh again.
 */
bool viewers_refresh(
	struct viewers *all, const struct model *m, const struct moment *now, bool hurried);
struct view_masks *viewers_masks(struct viewers *all);
/** viewers_hold() - every session's requests wait, until the refresh that must follow. */
void viewers_hold(struct viewers *all);
/** viewers_held() - whether they wait: nothing but that refresh may come now. */
bool viewers_held(struct viewers *all);
/** viewers_settled() - wait until all mounts have come and gone, @ms at most. */
void viewers_settled(struct viewers *all, unsigned ms);
/**
 * viewers_end() - @keep: leave the mounts to the next service. NULL allowed.
 * Return: false: reads that hang in storage use evidence, until the process ends.
 */
bool viewers_end(struct viewers *all, bool keep);

/** viewers_again() - something could not be done at the last refresh: refresh again soon. */
bool viewers_again(struct viewers *all);
unsigned viewers_count(const struct viewers *all);

#endif
