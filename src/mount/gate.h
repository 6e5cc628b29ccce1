/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.h - the one door: decide, fetch, decide again, record, reply
 *
 * Every reply that carries anything of the evidence goes through gate_decide()
 * before its bytes are fetched and again after, and through gate_record()
 * before it leaves. When the record cannot be written, nothing leaves. From the
 * last decision to the reply the scene is held: session_set_view() waits for it.
 */
#ifndef EVIDENCEFS_MOUNT_GATE_H
#define EVIDENCEFS_MOUNT_GATE_H

#include "fs/entry.h"
#include "mount/scene.h"

/* Who asks, as the kernel says. */
struct asker {
	uid_t uid;
	gid_t gid;
	pid_t pid; /* a thread id */
};

/* What was decided of a node. */
struct permit {
	bool name_only; /* if it is a directory, by name; else it is hidden */
	uint64_t grant;
};

/** gate_decide() - 0 allowed as @p says, -ENOENT hidden, -EACCES denied. */
int gate_decide(const struct session *s, const struct scene *sc, const struct asker *who,
	const struct node *n, struct permit *p);
/** gate_shows() - whether what is allowed so covers something of this kind. */
static inline bool gate_shows(const struct permit *p, enum entry_kind kind)
{
	return !p->name_only || kind == ENTRY_DIR;
}

/** gate_contents() - whether the contents of what is allowed may be shown now: 0, -EACCES. */
int gate_contents(const struct scene *sc, const struct node *n);

/* One act, as the log takes it. */
struct access {
	enum audit_type type;
	const struct node *node;
	uint64_t grant;
	uint64_t open_seq; /* of the open that a read or close belongs to */
	uint64_t offset;
	uint64_t length;
	bool fault;       /* a read that a page fault asks for */
	int64_t result;   /* delivered, or -errno */
	const void *name; /* of the trace, where it is at hand; NULL: it is looked up */
	size_t name_len;
};

/**
 * gate_record() - append the record of an act, allowed or denied by its result
 * @sc:  the scene it was decided in
 * @seq: set to its number; may be NULL
 * Return: 0; -EIO: the reply must be EIO and carry nothing.
 */
int gate_record(struct session *s, const struct scene *sc, const struct asker *who,
	const struct access *a, uint64_t *seq);

/* A look-up that ended in ENOENT where something may be hidden. */
struct missed {
	bool within;               /* it was one */
	bool hidden;               /* there is something of that name */
	struct node node;          /* it; else some other trace */
	struct evidence *evidence; /* stays open as long as the session; NULL: above any, then: */
	uint64_t case_id;
	uint8_t digest[AUDIT_EVIDENCE_ID];
	uint64_t trace;
	uint64_t policy; /* version of the view it was decided in */
};

/**
 * gate_miss_place() - of a name above all evidence, that is not in the folder @dir
 * Whether it is hidden is looked up in any case. *@m: untouched where nothing can be.
 */
void gate_miss_place(
	const struct scene *sc, const struct node *dir, const char *name, struct missed *m);

/**
 * gate_missed() - behind the reply: record the look-up of a hidden name
 * One of a name that never was costs the same, and leaves nothing.
 */
void gate_missed(struct session *s, const struct asker *who, const struct missed *m);

#endif
