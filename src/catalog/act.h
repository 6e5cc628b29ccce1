/* SPDX-License-Identifier: Apache-2.0 */
/*
 * act.h - one act of policy or evidence: what the catalog is made of
 *
 * The catalog is the list of acts in the order of their records. Nothing in it
 * is ever edited: what an act began, another ends. Each act was recorded in the
 * access log first; `seq` is that record's number and the act's key.
 * All text is bytes without NUL; names and paths may hold any other byte.
 */
#ifndef EVIDENCEFS_CATALOG_ACT_H
#define EVIDENCEFS_CATALOG_ACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "audit/commit.h"

/* Rights, or-ed. Numbers are stored: none is ever used again for something else. */
#define RIGHT_READ       0x01u /* allocated traces */
#define RIGHT_DELETED    0x02u
#define RIGHT_RAW        0x04u /* byte streams */
#define RIGHT_PRIVILEGED 0x08u /* withheld traces, held evidence */
#define RIGHT_NOTES      0x10u
#define RIGHT_ANNOTATE   0x20u
#define RIGHT_MARK       0x40u
#define RIGHT_GRANT      0x80u
#define RIGHT_AUDIT      0x100u
#define RIGHTS_ALL       0x1ffu

#define ACT_NOTE_NAME 16 /* hex digits */

#define TIME_NEVER INT64_MAX /* an until that does not come */

/* Stored numbers. */
enum act_kind {
	ACT_CASE_CREATE = 1,  /* object: the case's id; name, title, who: its owner, idle_days */
	ACT_CASE_OWNER = 2,   /* who: the owner from now on; reason */
	ACT_CASE_OFFICER = 3, /* who: the privilege officer from now on; reason */
	ACT_CASE_CLOSE = 4,   /* reason */
	ACT_ADD = 5,          /* object: the evidence's id; name, image, dir, digest, totals */
	ACT_RELEASE = 6,      /* object: evidence; reason */
	ACT_RELOCATE = 7,     /* object: evidence; image */
	ACT_VERIFY = 8,       /* object: evidence; matched says how it went */
	ACT_GRANT = 9, /* object: the grant's id; who, path, rights, from, until, future, reason */
	ACT_EXCLUDE = 10, /* object: the exclusion's id; who, path, from, until, reason */
	ACT_REVOKE = 11,  /* object: grant or exclusion that ends; reason */
	ACT_MARK = 12,    /* object: the mark's id; path, trace, inode, mark_*, basis, reason,
			     with_members */
	ACT_NOTE = 13,    /* object: the note's id; name, path, trace, inode, text */
	ACT_KIND_MAX = 13
};

/* Stored numbers. */
enum mark_state { MARK_NONE = 0, MARK_SUSPECTED = 1, MARK_CONFIRMED = 2, MARK_REJECTED = 3 };
enum mark_origin { MARK_BY_NOBODY = 0, MARK_BY_USER = 1, MARK_BY_RULE = 2 };

enum subject_kind { SUBJECT_NONE, SUBJECT_USER, SUBJECT_GROUP };

/* Who an act is about: kept as name and number; when they no longer agree, it is suspended. */
struct subject {
	enum subject_kind kind;
	char *typed; /* as it was written: "alice", "1001", "@team" */
	char *name;  /* of the user or group then */
	uint32_t id; /* uid or gid then */
};

struct act_totals {
	bool known;
	uint8_t md5[16];
	uint8_t sha1[20];
	uint8_t sha256[32];
	bool mismatch_accepted; /* they differ from what was stored or given, and it was accepted */
};

struct act {
	uint64_t seq;                  /* its record */
	uint8_t secret[COMMIT_SECRET]; /* what its salt is made from (audit/commit.h) */
	int64_t ns;                    /* real time of its record */
	int64_t boot_ns;               /* CLOCK_BOOTTIME then */
	char boot_id[37];              /* /proc/sys/kernel/random/boot_id then */
	uid_t by_uid;
	char *by_name;
	enum act_kind kind;
	uint64_t case_id;
	uint64_t object; /* 0: none */
	struct subject who;
	char *name; /* of a case or a piece of evidence; of a note 16 hex digits by chance */
	char *title;
	char *reason;
	char *path; /* "laptop/p2-ntfs/Users/x" without a slash at either end; NULL: whole case */
	unsigned rights;
	bool future;      /* covers evidence added later too */
	int64_t from_ns;  /* real time */
	int64_t until_ns; /* real time; TIME_NEVER */
	uint64_t *covers; /* GRANT without path: ids of the evidence it covers */
	size_t covers_n;
	char *image;        /* path of the image's first segment */
	char *dir;          /* folder of its indexes */
	char *types;        /* forced file-system types; NULL */
	uint8_t digest[32]; /* index digest (manifest.h) */
	struct act_totals totals;
	bool matched;       /* VERIFY */
	uint32_t idle_days; /* CASE_CREATE: notice when nothing happens; 0: none */
	/* MARK and NOTE: what `path` was then, in the evidence that is its first component */
	uint64_t trace; /* trace/id.h */
	uint64_t inode; /* metadata address; 0 none */
	enum mark_state mark_state;
	enum mark_origin mark_origin;
	bool with_members; /* MARK: members of a container spread by hash too */
	char *basis;       /* MARK: what makes it privileged */
	char *text;        /* NOTE */
};

/** act_release() - frees what it owns, not @a itself. */
void act_release(struct act *a);
/** act_copy() - deep copy. Return: 0; -ENOMEM. */
int act_copy(struct act *to, const struct act *from);
int subject_copy(struct subject *to, const struct subject *from);
void subject_release(struct subject *s);

/** act_begins() - whether the act's object is new with it: a case, evidence, grant, exclusion,
 * mark, note. */
bool act_begins(enum act_kind k);

/** act_note_name_ok() - whether @name can be a note's: it says nothing of what it is about. */
bool act_note_name_ok(const char *name);

/** act_kind_name() - "grant", "case create", ...; NULL none. */
const char *act_kind_name(enum act_kind k);

/** mark_state_name() - "suspected", ...; NULL none. */
const char *mark_state_name(enum mark_state s);
/** mark_state_parse() - Return: 0; -EINVAL. */
int mark_state_parse(const char *text, enum mark_state *s);
/** mark_origin_name() - "user", "rule"; NULL none. */
const char *mark_origin_name(enum mark_origin o);

/** rights_names() - "read,deleted" into @out [128]; returns @out. */
const char *rights_names(unsigned rights, char out[static 128]);
/** rights_parse() - "read,deleted". Return: 0; -EINVAL one is not a right. */
int rights_parse(const char *text, unsigned *rights);
/** rights_of_role() - "analyst", "reviewer", "auditor". Return: 0; -EINVAL. */
int rights_of_role(const char *role, unsigned *rights);

#endif
