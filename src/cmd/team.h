/* SPDX-License-Identifier: Apache-2.0 */
/*
 * team.h - commands that ask the service: described in a table, parsed by one function
 *
 * What can be wrong with a command line as such is found here (exit status 2);
 * everything else is for the service to judge, which knows users, paths and the time.
 */
#ifndef EVIDENCEFS_CMD_TEAM_H
#define EVIDENCEFS_CMD_TEAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "cmd/cmd.h"
#include "cmd/print.h"
#include "control/row.h"
#include "control/wire.h"

#define TEAM_OPTIONS_MAX 14
#define TEAM_COLUMNS_MAX 18

enum team_kind {
	TEAM_TEXT,
	TEAM_FLAG,
	TEAM_TIME,
	TEAM_NUMBER,
	TEAM_MD5,
	TEAM_SHA1,
	TEAM_SHA256,
	TEAM_ROLE,
	TEAM_RIGHTS,
	TEAM_PATH,  /* may be empty bytes of any kind */
	TEAM_IMAGE, /* made absolute */
	TEAM_STATE, /* of a mark */
	TEAM_TYPES, /* p2=ntfs, may be given several times */
	TEAM_FILE,  /* a file that is read here: its bytes are sent, in pieces */
};

struct team_option {
	const char *name; /* without the dashes */
	enum team_kind kind;
	bool needed;
	bool local;  /* not for the service */
	char letter; /* its short form; 0: none */
};

/* An argument without a name, in its place. */
struct team_word {
	const char *name;
	enum team_kind kind;
	bool optional;
	bool many; /* the last one: once or more */
};

struct team_request;

struct team_command {
	const char *command; /* its one or two words, as typed and as sent */
	struct team_word words[4];
	struct team_option options[TEAM_OPTIONS_MAX];
	/** check() - what the table cannot say. Return: NULL, or what is wrong. */
	const char *(*check)(const struct team_request *q);
	bool id;      /* prints an id alone */
	bool records; /* its progress counts records, not bytes */
	struct print_column columns[TEAM_COLUMNS_MAX];
};

/* A command line, understood. Values are borrowed from argv or `memory`. */
struct team_request {
	const struct team_command *command;
	struct control_arg *args; /* for the service; has room for all of argv */
	size_t n;
	struct control_arg local[TEAM_OPTIONS_MAX]; /* not for it */
	size_t local_n;
	const char *socket;
	const char *mount; /* of one's own, in place of a service; NULL */
	bool json;
	char *image;      /* made absolute */
	struct buf types; /* gathered, with commas */
	const char *file; /* whose bytes are sent, and as which argument */
	const char *file_arg;
	char *pieces; /* of it, with a NUL behind each */
};

/** team_command() - by its words; NULL. */
const struct team_command *team_command(const char *command);
/**
 * team_parse() - a command line
 * @c: for the usage that is printed where it is wrong
 * Return: 0, team_request_release() it; else an exit status + 1 (1: help was printed).
 */
int team_parse(const struct command *c, int argc, char **argv, struct team_request *out);
void team_request_release(struct team_request *q);
/** team_value() - value of an argument or local option; NULL. */
const char *team_value(const struct team_request *q, const char *name);

/* What an answer is given to. */
struct team_sink {
	void (*row)(void *ctx, const struct row *r);
	void (*text)(void *ctx, const char *p, size_t n); /* a line for stdout; NULL */
	/** place() - of audit follow: all records up to that number were looked at. NULL */
	void (*place)(void *ctx, uint64_t seq);
	void *ctx;
};
/** team_rows() - ask the service, hand on the rows; notes and progress go to stderr. */
int team_rows(const struct team_request *q, const struct team_sink *sink, struct err *e);
/** team_fail() - print what team_rows() failed with. Return: exit status. */
int team_fail(const struct team_request *q, int r, const struct err *e);

/** team_ask() - ask the service and print its answer. Return: exit status. */
int team_ask(struct team_request *q);

/** audit_result_cell() - what became of it, in the table of `audit show`. */
void audit_result_cell(const struct row *r, struct buf *out);

#endif
