/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - where acts are kept: STATE/catalog.db
 *
 * Append only. The rest of the program knows no SQL: another database can stand
 * behind these functions. One process at a time; safe from several threads. Acts
 * must come in the order of their records: who records and appends holds a lock
 * of its own over both.
 */
#ifndef EVIDENCEFS_CATALOG_STORE_H
#define EVIDENCEFS_CATALOG_STORE_H

#include "base/err.h"
#include "catalog/act.h"

#define STORE_VERSION 1

struct store;

/**
 * store_open() - open, making it if missing; its integrity is checked
 * An older version is first copied to PATH.vN-backup, then brought up to date,
 * in one transaction.
 *
 * Errors, nothing changed: -EBUSY open elsewhere, after a second; -EBADMSG damaged;
 * -ENOTSUP from a newer version; -ENOSPC. The text says what to do.
 */
int store_open(const char *path, struct store **out, struct err *e);
/** store_close() - NULL allowed. */
void store_close(struct store *s);

/**
 * store_append() - one act, durable (fsync) when this returns 0
 * @a: seq above that of every act before, ns not below; the object's id unused where the
 *     act begins one (act_begins())
 * Errors: -EEXIST; -EINVAL not an act that can be kept; -ENOSPC, -EIO...: the act is not
 * in the catalog.
 */
int store_append(struct store *s, const struct act *a, struct err *e);

/** store_append_all() - several acts in order: all of them, durable, or none. As store_append(). */
int store_append_all(struct store *s, const struct act *acts, size_t n, struct err *e);

/**
 * store_each() - call @each for every act in order
 * @until_ns: only those whose time is not above it; TIME_NEVER: all
 * @each: returns non-zero to end; borrowed act, good until it returns; it must not call
 *        functions of this store
 * Return: 0; what @each returned; -EBADMSG, -EIO.
 */
int store_each(struct store *s, int64_t until_ns, int (*each)(void *ctx, const struct act *a),
	void *ctx, struct err *e);

/* An act as the next one commits to it, and so to all before it; zeros: there is none. */
struct store_link {
	uint64_t seq;
	uint8_t commitment[AUDIT_COMMITMENT];
};

/** store_commitment() - what the record of @a carries in its place. @before: the act before it.
 * Return: 0; -ENOMEM. */
int store_commitment(
	const struct store_link *before, const struct act *a, uint8_t out[static AUDIT_COMMITMENT]);
/** store_newest() - the newest act, its commitment made from all rows. Return: as store_each(). */
int store_newest(struct store *s, struct store_link *out, struct err *e);
/** store_last() - seq of the newest act; 0: none. */
uint64_t store_last(struct store *s);
/**
 * store_next_object() - an id that no case, evidence, grant, exclusion, mark or note has had
 * It is never given again, also if its act is never made. 0: that cannot be kept, because
 * the catalog cannot be written: nothing may begin.
 */
uint64_t store_next_object(struct store *s);
/** store_next_objects() - the first of @n such ids that follow one another; 0. */
uint64_t store_next_objects(struct store *s, size_t n);

/*
 * The clocks, as policy/clock.h needs them after a restart: the highest real time
 * seen, and for each boot of the machine when it was first seen.
 */
struct store_boot {
	char boot_id[37];
	int64_t real_ns;
	int64_t boot_ns;
};
/** store_boot() - the first sight of boot @boot_id; -ENOENT not seen yet. */
int store_boot(struct store *s, const char *boot_id, struct store_boot *out, struct err *e);
/** store_boot_add() - -EEXIST it was seen before; that first sight stays. */
int store_boot_add(struct store *s, const struct store_boot *b, struct err *e);
/** store_checked() - number of a record up to which every act in the log has its row; 0. Kept for
 * who checks that: nothing vouches for it. */
uint64_t store_checked(struct store *s);
/** store_raise_checked() - keep @seq if it is higher than what is kept. */
int store_raise_checked(struct store *s, uint64_t seq, struct err *e);
/** store_highest_time() - the highest that was kept, or of an act. */
int store_highest_time(struct store *s, int64_t *ns, struct err *e);
/** store_raise_time() - keep @ns if it is higher than what is kept. */
int store_raise_time(struct store *s, int64_t ns, struct err *e);

#endif
