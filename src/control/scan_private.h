/* SPDX-License-Identifier: Apache-2.0 */
/* scan_private.h - shared by scan.c and scan_walk.c. */
#ifndef EVIDENCEFS_CONTROL_SCAN_PRIVATE_H
#define EVIDENCEFS_CONTROL_SCAN_PRIVATE_H

#include "control/scan.h"
#include "control/scan_found.h"
#include "policy/view.h"
#include "worker/matching.h"

/* One piece of evidence of the scan. */
struct scan_target {
	const struct view_evidence *ev;
	struct view_interval *v; /* what of it is scanned; in order and apart */
	size_t n;
};

struct scan_job {
	struct scan_opts o;
	struct view *view; /* the caller's */
	struct scan_target *targets;
	size_t targets_n;
	struct scan_found found;
	struct act *acts; /* marks that were not made yet */
	size_t acts_n, acts_cap;
	struct scan_progress at;
	uint64_t total; /* bytes of contents; 0: none is looked at */
	char *keep;
	int lock; /* of the case: held while it is scanned */
	char reason[96];
	int64_t kept_ms;                   /* when that was written last */
	int64_t pause_ms;                  /* and how long it is good for */
	struct matching_pattern *patterns; /* rules that ask for bytes */
	uint32_t *pattern_rules;           /* and which they are */
	size_t patterns_n;
	uint32_t *paths; /* rules for paths */
	size_t paths_n;
	bool words;  /* names are matched too */
	bool hashes; /* there are rules for hashes */
	bool given_up;
	struct scan_result *out;
};

/** scan_hit() - @rule meets a trace of @ev. Return: 0; -ENOMEM; -EIO. */
int scan_hit(struct scan_job *s, const struct view_evidence *ev, uint64_t trace, uint32_t rule);
/** scan_settle() - all before s->at was looked at: marks are made now and then, and it is kept.
 * @now: at once. Return: 0; what the act gave. */
int scan_settle(struct scan_job *s, bool now, struct err *e);
/** scan_tell() - how far it is; as service_progress. Remembers that it was given up. */
int scan_tell(void *job);
/** scan_sees() - whether the caller sees a trace, and may mark it. */
bool scan_sees(const struct scan_job *s, const struct view_evidence *ev, uint64_t trace);
/** scan_walk() - one target, from s->at on. Return: 0; -EPIPE given up; -errno. */
int scan_walk(struct scan_job *s, const struct scan_target *t, struct err *e);

#endif
