/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tables.h - what the files of volume/ share
 *
 * Private to this folder. Each reader says whether its kind of table is there
 * and appends its volumes; the caller clips and sorts.
 */
#ifndef EVIDENCEFS_VOLUME_TABLES_H
#define EVIDENCEFS_VOLUME_TABLES_H

#include <stdbool.h>

#include "volume/volume.h"

#define VOLUME_SECTOR 512
#define VOLUMES_MAX   4096

/** table_add() - append a volume clipped to the media; one wholly outside is only noted. */
int table_add(struct volume_table *t, const struct source *s, unsigned number, uint64_t offset,
	uint64_t length, const char *desc);
/** table_note() - add to the table's note, as far as it fits. */
void table_note(struct volume_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** gpt_read() - Return: 1 when there is a GPT, 0 when not, -ENOMEM. */
int gpt_read(const struct source *s, struct volume_table *t);
/** mbr_read() - @sector0: [512]. Return: as gpt_read(). */
int mbr_read(const struct source *s, const uint8_t *sector0, struct volume_table *t);
/** mbr_is_own() - is there a table that is not the protective one of a GPT? */
bool mbr_is_own(const struct source *s, const uint8_t *sector0);
/**
 * bsd_slices() - append the slices of a BSD label within a partition
 * @start, @count: of the partition, in sectors
 * @number: of the next volume; moved on
 * A slice that begins where the partition does is the partition's own volume and is left out.
 * Return: 0, also without a label; -ENOMEM.
 */
int bsd_slices(const struct source *s, uint64_t start, uint64_t count, unsigned *number,
	struct volume_table *t);
/** other_read() - BSD, Sun and Apple tables, through libtsk. Return: as gpt_read(). */
int other_read(const struct source *s, struct volume_table *t);

#endif
