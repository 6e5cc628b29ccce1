/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - the access log: one record for each act, appended before its reply
 *
 * The only door of the rest of the program to the log; its encoding is known
 * to record*.c alone (docs/FORMAT.audit.md). No name, path or text of the
 * evidence is ever in a record: only ids. Names are added when it is shown.
 */
#ifndef EVIDENCEFS_AUDIT_AUDIT_H
#define EVIDENCEFS_AUDIT_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum audit_type {
	AUDIT_START = 1, /* a mount or a service begins; length: what the kernel lacks */
	AUDIT_STOP = 2,
	AUDIT_OPEN = 3,
	AUDIT_READ = 4,  /* refers to its open by open_seq */
	AUDIT_LIST = 5,  /* one readdir reply; length: entries delivered */
	AUDIT_XATTR = 6, /* value or list delivered; length: bytes */
	AUDIT_READLINK = 7,
	AUDIT_CLOSE = 8,
	AUDIT_LOOKUP = 9, /* of what is hidden (audit/behind.h), or denied */
	/* acts: object is what they are about, grant is 0; the catalog has the rest */
	AUDIT_GRANT = 10,
	AUDIT_REVOKE = 11,
	AUDIT_EXCLUDE = 12,
	AUDIT_MARK = 13,
	AUDIT_SCAN = 14,
	AUDIT_ADD = 15,
	AUDIT_RELEASE = 16,
	AUDIT_RELOCATE = 17,
	AUDIT_VERIFY = 18,
	AUDIT_CASE = 19, /* created, given over, closed, its officer named */
	AUDIT_NOTE = 20,
	AUDIT_SESSION = 21, /* a user's session begins (length 1), ends (0); uid: the user */
	AUDIT_CONFIG = 22,
	AUDIT_CLOCK = 23, /* real time moved against boot time; result: by how many ns */
	/* an act's record whose row the catalog lacks; object: its seq. Object 0: so many look-ups
	 * as result says were not recorded */
	AUDIT_LOSS = 24,
	AUDIT_QUERY = 25,      /* the log, grants or rights were looked at; object: which command */
	AUDIT_CHECKPOINT = 26, /* one was handed out; length: its tree size */
	/* written by the log itself, never appended; length: the tree size they name */
	AUDIT_EPOCH = 27,
	AUDIT_DISCONTINUITY = 28,
	AUDIT_DEVICE = 29,
	AUDIT_ENDORSEMENT = 30, /* length: seq of the DISCONTINUITY */
	AUDIT_RETENTION = 31,   /* accesses up to record object are deleted from now on */
	AUDIT_HASHES = 32,      /* stands for length records of which only the hash is there */
	AUDIT_TYPE_MAX = 32
};

enum audit_decision { AUDIT_ALLOWED = 1, AUDIT_HIDDEN = 2, AUDIT_DENIED = 3 };

#define AUDIT_EVIDENCE_ID 16 /* bytes: first half of the evidence's index digest */
#define AUDIT_EXE_MAX     255
#define AUDIT_NONCE       8
#define AUDIT_COMMITMENT  32
#define AUDIT_NO_LOGINUID UINT32_MAX
#define AUDIT_GROUPS_MAX  32 /* that are named; how many there are is told all the same */

/* Which file a program was: its path may lead to another by now. */
struct audit_exe_file {
	uint32_t major, minor; /* of its device */
	uint64_t inode;        /* 0: not known */
	int64_t ctime_ns;      /* its last change */
};

struct audit_event {
	uint64_t seq;    /* set by audit_append(), from 1 without a gap */
	int64_t time_ns; /* real time, set by audit_append(); never below the record before */
	enum audit_type type;
	enum audit_decision decision;
	uint32_t uid;
	uint32_t gid;
	uint32_t loginuid; /* AUDIT_NO_LOGINUID: none */
	uint32_t pid;      /* the thread that asked, as FUSE says */
	/* from here to groups: of who asked, where open_seq is 0 or it was denied */
	uint64_t process_start;      /* clock ticks since boot: with pid it names one process */
	uint32_t process;            /* its thread group; 0: not known */
	uint32_t login_session;      /* of the kernel's audit; 0: none */
	uint64_t cgroup;             /* its id; 0: not known */
	char exe[AUDIT_EXE_MAX + 1]; /* executable; "" unknown */
	struct audit_exe_file exe_file;
	bool groups_known;
	uint16_t groups_n;                   /* supplementary groups; may be more than are named */
	uint32_t groups[AUDIT_GROUPS_MAX];   /* the lowest of them, ascending */
	uint64_t session;                    /* seq of the SESSION or START that it is part of; 0 */
	uint8_t evidence[AUDIT_EVIDENCE_ID]; /* zeros: none */
	uint64_t trace;                      /* trace id within the evidence */
	uint64_t case_id;                    /* in the catalog; 0: none */
	uint64_t object;            /* acts: case, evidence, grant in the catalog; 0: none */
	uint64_t grant;             /* OPEN and other accesses: the grant that allows it */
	uint64_t policy;            /* version of the policy in force: seq of its last act */
	uint64_t open_seq;          /* READ, CLOSE: seq of their OPEN, else 0 */
	uint64_t offset;            /* READ: byte asked for */
	uint64_t length;            /* READ: bytes asked for */
	int64_t result;             /* bytes (or entries) delivered, or -errno */
	bool fault;                 /* READ: asked by a page fault of a mapping */
	uint8_t nonce[AUDIT_NONCE]; /* set by audit_append() */
	/* salted hash of the trace's name, or of what an act says (commit.h); zeros: none */
	uint8_t commitment[AUDIT_COMMITMENT];
};

struct audit_log;

/**
 * audit_open() - open the log in @dir for appending, making it if missing
 * One process at a time (a lock). Starts a thread: call it after fork(). What stands
 * behind the last record that is whole, and is not sealed, is cut off and kept in
 * DIR/../torn/, named after its segment and offset, never silently: it is told on
 * stderr, and by audit_torn().
 *
 * Errors: -EBUSY another writer; -EBADMSG a record that is sealed is damaged or
 * missing: nothing is changed then; -ENOTSUP a later version.
 */
int audit_open(const char *dir, struct audit_log **out, struct err *e);
/** audit_close() - synced; NULL allowed. */
void audit_close(struct audit_log *l);
/** audit_torn() - name of what audit_open() kept in DIR/../torn/, or NULL. Borrowed from @l. */
const char *audit_torn(const struct audit_log *l);

/**
 * audit_on_fault() - who is told, in one line, that the log fails or works again
 * @fn: called from any thread, one at a time; must not append. NULL: a line on stderr
 */
typedef void audit_fault_fn(void *context, const char *text);
void audit_on_fault(struct audit_log *l, audit_fault_fn *fn, void *context);

/**
 * audit_append() - one record; when it returns 0, it is in the file, as after a write(2)
 * @ev: seq and time_ns are set, on success only. Safe from several threads; a thread
 *      syncs within 100 ms, and is waited for only where a segment is full.
 *
 * Return: 0, or -errno: then nothing may be served. -EINVAL: no such type or
 * decision, or the length or result of an allowed READ or CLOSE is past 32 bits. After a failed
 * write or sync the log stays failed (told once) until it can be written: each append tries again,
 * and succeeds only when its record is whole in the file behind the last whole one and nothing
 * before it can be lost. A process limit on file sizes raises SIGXFSZ: ignore it.
 */
int audit_append(struct audit_log *l, struct audit_event *ev);

/** audit_segment_size() - from now on a segment has at most so many bytes; never more than the
 * format allows, which is what it is without this. */
void audit_segment_size(struct audit_log *l, uint64_t bytes);
/** audit_strict() - from now on audit_append() waits for fdatasync where anything is disclosed
 * with the reply: opens, reads, listings, attributes, links. */
void audit_strict(struct audit_log *l, bool on);
/**
 * audit_append_act() - audit_append(), and fdatasync has returned too. For acts.
 * Concurrent ones share a sync. When it fails but the record was written, seq and
 * time_ns are set all the same: the record may be in the log, and the act is void.
 */
int audit_append_act(struct audit_log *l, struct audit_event *ev);

/** audit_size() - records in the log. */
uint64_t audit_size(const struct audit_log *l);
/** audit_time() - real time of the newest record; none is ever earlier. INT64_MIN: there is none.
 */
int64_t audit_time(struct audit_log *l);
/** audit_safe() - number of the record up to which all are synced. */
uint64_t audit_safe(struct audit_log *l);

#define AUDIT_TEXT_MAX 512

/**
 * audit_seal() - from now on the log is sealed (docs/FORMAT.audit.md, "The seal")
 * Once, right after audit_open(). A thread makes checkpoints; audit_close() makes the
 * last one. Records of the log's own come between. While the keys cannot be reached,
 * nothing is appended.
 * @keys:  who holds the keys (keys.h); taken, also on failure. NULL: this process does, and
 *         keeps them in DIR/../keys/ from one run to the next
 * @first: set when the origin key was made just now; NULL
 *
 * Errors: -EBADMSG the log does not match its newest checkpoint, or lacks records or
 * its origin key; -ENOTCONN the keys cannot be reached.
 */
struct keys;
int audit_seal(struct audit_log *l, struct keys *keys, bool *first, struct err *e);
/** audit_origin() - of a sealed log: its first key as text, and its fingerprint. */
void audit_origin(const struct audit_log *l, char key[static AUDIT_TEXT_MAX],
	char fingerprint[static AUDIT_TEXT_MAX]);
/** audit_fault() - whether nothing can be appended now, and why, in one line. */
bool audit_fault(struct audit_log *l, char out[static AUDIT_TEXT_MAX]);
/** audit_checkpoint() - the newest, as text. Return: its tree size; 0: there is none. */
uint64_t audit_checkpoint(struct audit_log *l, char out[static AUDIT_TEXT_MAX]);

/*
 * Reading: by whoever can read the files, also while it grows. A READ or CLOSE that
 * was allowed has uid, pid, open_seq, offset, length and result; the rest stands in
 * its OPEN and is 0 here, loginuid AUDIT_NO_LOGINUID.
 */
struct audit_reader;
int audit_reader_open(const char *dir, struct audit_reader **out, struct err *e);
/**
 * audit_reader_next() - the next record
 * Return: 1 and @ev filled; 0 at the end (a torn tail counts as the end; call again
 * to follow); -EBADMSG a damaged or missing record (@e names segment and offset), also
 * when asked again; -ENOTSUP a later version; -EIO.
 */
int audit_reader_next(struct audit_reader *r, struct audit_event *ev, struct err *e);
/** audit_reader_seek() - the next record is @seq, or the first one behind the end. Before any next.
 */
int audit_reader_seek(struct audit_reader *r, uint64_t seq, struct err *e);
void audit_reader_close(struct audit_reader *r);

/** audit_type_name() - "open", "read", ... as `audit show` prints them. */
const char *audit_type_name(enum audit_type t);
const char *audit_decision_name(enum audit_decision d);

#endif
