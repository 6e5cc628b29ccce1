/* SPDX-License-Identifier: Apache-2.0 */
/* model_names.c - from names to ids; see model_names.h. Open addressing, at most half full. */
#include "catalog/model_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"

#define CAP_MIN 64

void model_names_release(struct model_names *t)
{
	free(t->slots);
	*t = (struct model_names){.slots = NULL};
}

/* Where the name is, or the free place where it belongs. */
static struct model_name *place(
	struct model_name *slots, size_t cap, uint64_t case_id, const char *name, size_t n)
{
	const struct siphash_key key = {.k0 = case_id};
	size_t i = (size_t)siphash(&key, name, n) & (cap - 1);

	while (slots[i].name &&
		!(slots[i].case_id == case_id && strncmp(slots[i].name, name, n) == 0 &&
			slots[i].name[n] == '\0'))
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

int model_names_reserve(struct model_names *t)
{
	size_t cap = t->cap ? t->cap * 2 : CAP_MIN;
	struct model_name *slots = NULL;

	if (t->n < t->cap / 2)
		return 0;
	slots = calloc(cap, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < t->cap; i++) {
		const struct model_name *old = &t->slots[i];

		if (old->name)
			*place(slots, cap, old->case_id, old->name, strlen(old->name)) = *old;
	}
	free(t->slots);
	t->slots = slots;
	t->cap = cap;
	return 0;
}

void model_names_add(struct model_names *t, uint64_t case_id, const char *name, uint64_t id)
{
	*place(t->slots, t->cap, case_id, name, strlen(name)) =
		(struct model_name){.name = name, .case_id = case_id, .id = id};
	t->n++;
}

uint64_t model_names_find(const struct model_names *t, uint64_t case_id, const char *name, size_t n)
{
	const struct model_name *at = NULL;

	/* strncmp() would take a name that ends sooner for the whole */
	if (t->cap == 0 || strnlen(name, n) != n)
		return 0;
	at = place(t->slots, t->cap, case_id, name, n);
	return at->name ? at->id : 0;
}
