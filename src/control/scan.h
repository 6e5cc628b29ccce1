/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan.h - rules over the traces of a case: what they meet is marked
 *
 * Traces are looked at in the order of their ids, by whoever may see and mark them. Names, paths
 * and hashes are known here; contents are a worker's to look at (worker/matching.h). Marks are
 * made many at a time, then it is kept how far the scan has come: it can be given up at any
 * moment, or the service be killed, and the same scan goes on there.
 */
#ifndef EVIDENCEFS_CONTROL_SCAN_H
#define EVIDENCEFS_CONTROL_SCAN_H

#include "control/scan_keep.h"
#include "control/scan_rules.h"
#include "control/service.h"

struct scan_opts {
	struct service *service;
	const struct caller *caller;
	uint64_t case_id;
	const char *path; /* below the case; NULL: all of it */
	const struct scan_rules *rules;
	service_progress *progress;
	void *ctx;
};

struct scan_result {
	struct scan_count *counts; /* of each rule; caller frees */
	uint64_t hits, marked;
	uint64_t unread; /* traces that could not be read, or not to their end */
	uint64_t unseen; /* that the caller may not see, or not mark */
	bool resumed;    /* it went on where an earlier one was given up */
	bool unhashed;   /* hashes are still being made: rules for them may meet more later */
};

/**
 * scan_run() - all of it
 * That the caller may was asked before (rules_scan()). A record is made of it, also where it is
 * given up or fails half-way.
 * Return: 0; -EPIPE given up; -ENOENT nothing at @path that he sees; -EIO; ...
 */
int scan_run(const struct scan_opts *o, struct scan_result *out, struct err *e);

#endif
