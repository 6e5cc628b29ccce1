/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.h - what can be asked over the control socket: one table
 *
 * Each command knows its arguments, who may give it (in words: policy/rules.h
 * and its handler decide), and under which type of record a refusal is kept.
 */
#ifndef EVIDENCEFS_CONTROL_COMMANDS_H
#define EVIDENCEFS_CONTROL_COMMANDS_H

#include <sys/types.h>

#include "audit/audit.h"
#include "base/err.h"
#include "control/answer.h"
#include "control/wire.h"

struct service;
struct exchange; /* control/exchange.h */

/* Stored in records (object of AUDIT_QUERY): none is ever used for something else. */
enum command_number {
	COMMAND_STATUS = 1,
	COMMAND_CASE_CREATE = 2,
	COMMAND_CASE_LIST = 3,
	COMMAND_CASE_SHOW = 4,
	COMMAND_CASE_TRANSFER = 5,
	COMMAND_CASE_OFFICER = 6,
	COMMAND_CASE_CLOSE = 7,
	COMMAND_ADD = 8,
	COMMAND_RELEASE = 9,
	COMMAND_RELOCATE = 10,
	COMMAND_VERIFY = 11,
	COMMAND_GRANT = 12,
	COMMAND_EXCLUDE = 13,
	COMMAND_REVOKE = 14,
	COMMAND_GRANTS = 15,
	COMMAND_WHOAMI = 16,
	COMMAND_AUDIT_SHOW = 17,
	COMMAND_AUDIT_ACCESS = 18,
	COMMAND_AUDIT_CHECKPOINT = 19,
	COMMAND_AUDIT_VERIFY = 20,
	COMMAND_AUDIT_PROVE = 21,
	COMMAND_MARK = 22,
	COMMAND_MARKS = 23,
	COMMAND_NOTE_ADD = 24,
	COMMAND_NOTE_LIST = 25,
	COMMAND_SCAN = 26,
	COMMAND_AUDIT_COSIGN = 30,
	COMMAND_AUDIT_ENDORSE = 31,
	COMMAND_AUDIT_FOLLOW = 40,
	COMMAND_AUDIT_EXPORT = 41,
	COMMAND_AUDIT_REPORT = 42,
	COMMAND_AUDIT_REINDEX = 43,
};

struct control_command {
	const char *name;
	enum command_number number;
	enum audit_type type; /* of the record of a refusal */
	const char *args;     /* names with blanks between; one that must be there ends in '!', one
			       * that may be there several times in '+' */
	const char *may;      /* who, in words */
	int (*run)(struct exchange *x, struct err *e);
};

/** commands_find() - NULL: there is none of that name. */
const struct control_command *commands_find(const char *name);
/** commands_next() - the one behind @c, the first for NULL; NULL: no more. */
const struct control_command *commands_next(const struct control_command *c);

/**
 * commands_run() - look up who asks, check the arguments, do it; a refusal is recorded
 * Return: 0; -errno with a line for who asked.
 */
int commands_run(struct service *s, uid_t uid, pid_t pid, const struct control_request *q,
	struct answer *answer, struct err *e);

/* Handlers: handle_*.c. As commands_run(). */
int handle_status(struct exchange *x, struct err *e);
int handle_case_create(struct exchange *x, struct err *e);
int handle_case_list(struct exchange *x, struct err *e);
int handle_case_show(struct exchange *x, struct err *e);
int handle_case_transfer(struct exchange *x, struct err *e);
int handle_case_officer(struct exchange *x, struct err *e);
int handle_case_close(struct exchange *x, struct err *e);
int handle_add(struct exchange *x, struct err *e);
int handle_release_evidence(struct exchange *x, struct err *e);
int handle_relocate(struct exchange *x, struct err *e);
int handle_verify(struct exchange *x, struct err *e);
int handle_grant(struct exchange *x, struct err *e);
int handle_exclude(struct exchange *x, struct err *e);
int handle_revoke(struct exchange *x, struct err *e);
int handle_grants(struct exchange *x, struct err *e);
int handle_whoami(struct exchange *x, struct err *e);
int handle_mark(struct exchange *x, struct err *e);
int handle_marks(struct exchange *x, struct err *e);
int handle_scan(struct exchange *x, struct err *e);
int handle_note_add(struct exchange *x, struct err *e);
int handle_note_list(struct exchange *x, struct err *e);
int handle_audit_show(struct exchange *x, struct err *e);
int handle_audit_follow(struct exchange *x, struct err *e);
int handle_audit_export(struct exchange *x, struct err *e);
int handle_audit_report(struct exchange *x, struct err *e);
int handle_extract(struct exchange *x, struct err *e);
int handle_audit_reindex(struct exchange *x, struct err *e);
int handle_audit_access(struct exchange *x, struct err *e);
int handle_audit_checkpoint(struct exchange *x, struct err *e);
int handle_audit_verify(struct exchange *x, struct err *e);
int handle_audit_prove(struct exchange *x, struct err *e);
int handle_audit_cosign(struct exchange *x, struct err *e);
int handle_audit_endorse(struct exchange *x, struct err *e);

#endif
