/* SPDX-License-Identifier: Apache-2.0 */
/*
 * finder.h - the thread that finds what marks withhold, behind the acts
 *
 * Of a large folder that takes longer than an act may. Whoever asks hands over what the case's
 * marks and evidence are, and goes on; no lock of the service is held while it is found.
 */
#ifndef EVIDENCEFS_CONTROL_FINDER_H
#define EVIDENCEFS_CONTROL_FINDER_H

#include "catalog/model.h"
#include "control/searches.h"
#include "policy/roads.h"

/* What is found of a case depends on these. */
struct marks_stamp {
	size_t marks;
	size_t evidence;
	uint64_t hashed;
	uint64_t searched; /* searches that have ended */
};

struct finder;

/* The thread is called so: tests stop it by that. */
#define FINDER_NAME "roads"

struct finder_opts {
	/** evidence() - as view_sources.evidence. From the thread. */
	struct evidence *(*evidence)(void *ctx, const struct model_evidence *m);
	/** found() - something can be taken, or finder_poke() was called. From the thread, which
	 * holds nothing. */
	void (*found)(void *ctx);
	void *ctx;
	struct searches *searches; /* all borrowed */
	struct roads_facts *facts;
	uint64_t copy_floor;
};

/* What of a model is looked at, by itself. */
struct finder_model {
	struct model m;
};
/** finder_model_copy() - of one case. Texts of marks are borrowed (catalog/model.h). -ENOMEM. */
int finder_model_copy(const struct model *m, uint64_t case_id, struct finder_model *out);
void finder_model_release(struct finder_model *c);

/** finder_new() - Return: 0; -ENOMEM, -EAGAIN. */
int finder_new(const struct finder_opts *o, struct finder **out);
/** finder_free() - what is being found is given up. NULL allowed. */
void finder_free(struct finder *f);

/**
 * finder_ask() - find what @m's marks withhold in a case; what was asked of it before is given up
 * @old: nothing has changed since but what is known of free space; NULL: all is found anew
 * Return: 0; -ENOMEM.
 */
int finder_ask(struct finder *f, const struct model *m, uint64_t case_id,
	const struct marks_stamp *stamp, struct roads *old);
/** finder_is_asked() - whether that is being found, or has been and can be taken. */
bool finder_is_asked(struct finder *f, uint64_t case_id, const struct marks_stamp *stamp);
/** finder_poke() - call found() soon. */
void finder_poke(struct finder *f);
/** finder_wait() - until what was asked of a case can be taken; @ms at most, or FINDER_ALWAYS. */
#define FINDER_ALWAYS (~0u)
void finder_wait(struct finder *f, uint64_t case_id, unsigned ms);
/** finder_idle() - until found() has returned from all there is to do; likewise. Holding nothing
 * that found() takes. */
void finder_idle(struct finder *f, unsigned ms);
/**
 * finder_take() - what was found of a case, once
 * Return: 1 and *@out (NULL: it could not be found) with its @stamp; 0 nothing was.
 */
int finder_take(struct finder *f, uint64_t case_id, struct roads **out, struct marks_stamp *stamp);

#endif
