/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_seal.h - what log_seal.c (which hashes and signs while records come) and
 * log_seal_open.c (which takes up a log that is there) need of each other
 */
#ifndef EVIDENCEFS_AUDIT_LOG_SEAL_H
#define EVIDENCEFS_AUDIT_LOG_SEAL_H

#include "audit/keys.h"
#include "audit/log_private.h"
#include "audit/note.h"
#include "audit/record.h"
#include "audit/tree.h"

struct seal {
	struct audit_log *log;
	char name[NOTE_NAME_MAX];
	uint8_t origin[RECORD_KEY];
	struct audit_reader *reader; /* stands where the tree ends */
	struct tree tree;
	struct keys *keys;
	bool greeted;               /* HELLO was said, and what holds the keys is the same */
	uint8_t key[RECORD_KEY];    /* in force, as the log has it */
	uint8_t device[RECORD_KEY]; /* the device's, as the log has it; zeros: none yet */
	int file;                   /* checkpoints */
	uint64_t file_end;          /* whole ones end here */
	uint64_t file_allocated;    /* space of it up to here; 0: not known */
	struct note last;           /* the newest; written with the lock of the log */
	uint64_t named_at;          /* record that names it; 0: none yet */
	uint64_t fresh; /* records in the tree behind it, but for EPOCH and DISCONTINUITY */
	int64_t due_ns; /* when they must be sealed; monotonic */
	pthread_t thread;
	bool running;
	bool stop; /* under the lock of the log */
};

/** log_seal_greet() - make sure that who holds the keys knows the log, and goes on with it: with
 * an EPOCH after a clean stop, else with a DISCONTINUITY. Return: 0 or -errno. */
int log_seal_greet(struct seal *s);
/** log_seal_load() - what is there is looked at; the tree stands at its end, the keys are joined.
 * @first: there was no origin key. */
int log_seal_load(struct seal *s, bool *first, struct err *e);
/** log_seal_take() - the record that the reader gave last goes into the tree. */
void log_seal_take(struct seal *s);
/** log_seal_name() - write the EPOCH that names the newest checkpoint, unless it is there. */
int log_seal_name(struct seal *s);
/** log_seal_save() - what log_seal_load() begins with, so that it need not read all. */
void log_seal_save(const struct seal *s);

#endif
