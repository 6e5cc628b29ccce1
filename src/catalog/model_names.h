/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model_names.h - from names of cases and evidence to their ids
 *
 * A part of the model: a hash table that borrows the names. Cases are in it under
 * case 0, evidence under its case. Names are never taken out.
 */
#ifndef EVIDENCEFS_CATALOG_MODEL_NAMES_H
#define EVIDENCEFS_CATALOG_MODEL_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct model_name {
	const char *name; /* NULL: a free place */
	uint64_t case_id;
	uint64_t id;
};

struct model_names {
	struct model_name *slots;
	size_t n;
	size_t cap; /* 0 or a power of two */
};

void model_names_release(struct model_names *t);
/** model_names_reserve() - room for one more. Return: 0; -ENOMEM. */
int model_names_reserve(struct model_names *t);
/** model_names_add() - after model_names_reserve(); @name is not in it yet, and is borrowed. */
void model_names_add(struct model_names *t, uint64_t case_id, const char *name, uint64_t id);
/** model_names_find() - [n] bytes of @name. Return: id; 0 not there. */
uint64_t model_names_find(
	const struct model_names *t, uint64_t case_id, const char *name, size_t n);

#endif
