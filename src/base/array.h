/* SPDX-License-Identifier: Apache-2.0 */
/*
 * array.h - room in an array that grows
 *
 *	if (array_room(&l->v, sizeof(*l->v), l->n, &l->cap))
 *		return -ENOMEM;
 *	l->v[l->n++] = item;
 */
#ifndef EVIDENCEFS_BASE_ARRAY_H
#define EVIDENCEFS_BASE_ARRAY_H

#include <stddef.h>

/**
 * array_room() - room for one more
 * @array: address of the pointer to its first item (NULL: none yet), from malloc
 * @size: of an item, @n: items in use, @cap: items there is room for
 *
 * Doubles what there is, so that n items cost n. The array may move.
 * Return: 0; -ENOMEM: nothing has changed.
 */
int array_room(void *array, size_t size, size_t n, size_t *cap);

#endif
