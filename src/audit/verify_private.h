/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_private.h - the verifier's own: its state, and what verify.c (the walk over all of a
 * log) and verify_seal.c (the records that name keys) need of each other
 */
#ifndef EVIDENCEFS_AUDIT_VERIFY_PRIVATE_H
#define EVIDENCEFS_AUDIT_VERIFY_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/heads.h"
#include "audit/reader_private.h"
#include "audit/tree.h"
#include "audit/verify.h"

struct anchor {
	struct note note;
	const char *name;
};

/* A DISCONTINUITY, and who has endorsed its key. */
struct breach {
	uint64_t seq;
	uint8_t key[RECORD_KEY];
	uint8_t device[RECORD_KEY]; /* the device's key then */
	uint8_t before[RECORD_KEY]; /* the key in force then */
	unsigned by;                /* bits: 1 << enum record_role */
};

struct verify {
	const struct verify_opts *o;
	int dirfd;
	struct audit_reader *reader;
	struct audit_event ev; /* the record in hand */
	char name[NOTE_NAME_MAX];
	bool has_name;           /* of the log, by the head of its first segment */
	uint8_t key[RECORD_KEY]; /* in force */
	struct heads *heads;     /* `checkpoints` */
	struct note next;        /* the checkpoint to come; size 0: none */
	struct note last;        /* the one before */
	uint64_t newest;         /* tree size of the newest at the beginning */
	bool named;              /* a record names `last` */
	bool grew;               /* the log goes on behind what was looked at */
	struct anchor *anchors;  /* by size */
	size_t anchors_n;
	size_t anchors_done;
	struct tree tree;
	uint8_t device[RECORD_KEY]; /* zeros: none was named yet */
	struct breach *breaches;
	size_t breaches_n;
	uint64_t hashes; /* records of which only the hash is there */
	uint64_t hashes_first;
	uint64_t hashes_last; /* the last of them */
	uint64_t retained;    /* up to here a sealed RETENTION says they may be */
	uint64_t retaining;   /* as the last RETENTION says, which is record retention_seq */
	uint64_t retention_seq;
};

/** verify_line() - one line for people. */
__attribute__((format(printf, 2, 3))) void verify_line(
	const struct verify *v, const char *fmt, ...);
/** verify_bad() - what is wrong with the record in hand. Return: -EBADMSG. */
int verify_bad(const struct verify *v, struct err *e, const char *why);
/** verify_seal() - the record in hand, an EPOCH, DISCONTINUITY, DEVICE or ENDORSEMENT: does it name
 * what it may, and does its signature hold? Return: 0; -EBADMSG; -errno. */
int verify_seal(struct verify *v, struct err *e);

#endif
