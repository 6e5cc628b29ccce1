/* SPDX-License-Identifier: Apache-2.0 */
/*
 * searches.h - what is left of withheld contents in free space, looked for behind the scenes
 *
 * A thread of its own reads the media (serve/remnants.h), which may take long or hang: no act
 * and no view waits for it but for as long as it says. What was found is kept while the
 * service runs, by contents and evidence, so that a mark costs the search for what is new.
 */
#ifndef EVIDENCEFS_CONTROL_SEARCHES_H
#define EVIDENCEFS_CONTROL_SEARCHES_H

#include "policy/roads.h"

struct searches;

/** searches_new() - Return: 0; -ENOMEM, -EAGAIN. */
int searches_new(struct searches **out);
/** searches_free() - Return: false: it hangs in storage, and goes on using its evidence until the
 * process ends. NULL allowed. */
bool searches_free(struct searches *s);

/** searches_find() - as roads_opts.remnants; @ctx: the searches. What is not known is begun. */
int searches_find(void *ctx, struct evidence *ev, const struct road_needle *v, size_t n,
	struct road_remnant **out, size_t *out_n);
/** searches_wait() - until nothing is looked for, @ms at most. */
void searches_wait(struct searches *s, unsigned ms);
/** searches_done() - how often a search has ended: then ask again. */
uint64_t searches_done(struct searches *s);

#endif
