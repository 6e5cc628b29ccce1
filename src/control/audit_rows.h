/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_rows.h - records of the access log as rows for people and programs
 *
 * Names stand in no record: whoever shows a log says what a record is about, and
 * the path is found here, in the indexes. A read names its open, so what only the
 * open knows is added to it. The same for a personal mount's log and a team's.
 *
 * A row about what is withheld from its reader is *blinded*: it tells who, when and what
 * kind of act, and in place of everything else a token. The same trace has the same token
 * within one answer; tokens of two answers have nothing to do with each other.
 */
#ifndef EVIDENCEFS_CONTROL_AUDIT_ROWS_H
#define EVIDENCEFS_CONTROL_AUDIT_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "audit/label.h"
#include "audit/query.h"
#include "base/buf.h"
#include "base/err.h"

struct evidence; /* serve/evidence.h */

struct audit_filter {
	bool reads;     /* every record; else sums of reads with each open, and no epochs */
	int64_t uid;    /* -1: any */
	uint64_t types; /* bits 1 << enum audit_type; 0: any */
	int64_t since_ns;
	int64_t until_ns;       /* before it */
	uint64_t after;         /* records behind that number; 0: all */
	uint64_t upto;          /* up to that number; 0: all that is in the database */
	uint64_t case_id;       /* 0: any */
	const char *path;       /* NULL: any; as under the case, or below @mountpoint */
	const char *mountpoint; /* absolute; NULL: none */
	struct labels labels;
	bool no_label; /* nothing that was done by a program with a label */
	bool full;     /* more keys, for exports */
};

/* What a record is about, and whether who looks may see it. */
struct audit_about {
	bool skip;             /* not for this reader */
	bool left_out;         /* nor this one: he is told how many there were */
	bool withheld;         /* the row is blinded */
	uint64_t subject[2];   /* of a row to be blinded: evidence and trace, for its token */
	const char *case_name; /* NULL: none */
	const char *evidence;  /* its name; NULL: none */
	struct evidence *ev;   /* its indexes; NULL: no path can be found */
	bool known_path;       /* an act's: it is `path`, below no index */
	const char *path;      /* NULL: none */
	uint64_t grant;        /* 0: none */
};

/* A log, and the names behind its numbers. */
struct audit_source {
	struct query *query; /* query_follow()ed by who asks */
	/** about() - fill @a, which is zeros; called for each record, borrowed until the next. */
	void (*about)(void *ctx, const struct audit_event *ev, struct audit_about *a);
	/** sees() - whether a record at that path is shown, where it has one; NULL: all are.
	 * Of a row to be blinded it is the path that it would have. */
	bool (*sees)(void *ctx, const struct audit_event *ev, const struct buf *path);
	/**
	 * evidence() - what the first [n] bytes of a path name; NULL: not known to this source
	 * @id: as records have it. Return: whether it is one piece of evidence, *@ev: its
	 * indexes, or NULL.
	 */
	bool (*evidence)(void *ctx, const char *path, size_t n, struct evidence **ev,
		uint8_t id[static AUDIT_EVIDENCE_ID]);
	/** each() - one row. Return: 0; non-zero ends it. */
	int (*each)(void *ctx, const struct audit_event *ev, struct buf *row);
	void *ctx;       /* of each() */
	void *about_ctx; /* of the others */
};

/** audit_filter_user() - by name or uid. Return: 0; -ENOENT. */
int audit_filter_user(struct audit_filter *f, const char *who);
/** audit_filter_types() - "open,read". Return: 0; -EINVAL. */
int audit_filter_types(struct audit_filter *f, const char *list);

/* What an answer does not say. */
struct audit_untold {
	uint64_t left_out; /* records that fit but for their path, of which it says nothing */
	uint64_t blinded;  /* rows in it that are blinded */
};

/**
 * audit_rows() - a row (control/row.h) for every record that fits and may be seen
 * As far as the query database has followed the log when it is called. A path in the filter is
 * compared with what is shown: a blinded row is not found by it.
 * @untold: counted up; NULL allowed. Return: 0; what each() returned; -errno.
 */
int audit_rows(const struct audit_source *s, const struct audit_filter *f,
	struct audit_untold *untold, struct err *e);

#endif
