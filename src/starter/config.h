/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - evidencefs.conf(5)
 *
 * One table has every key, its section, type, default and bounds. An unknown
 * key or section, a bad value, a key given twice: the start stops, with the line.
 */
#ifndef EVIDENCEFS_STARTER_CONFIG_H
#define EVIDENCEFS_STARTER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define CONFIG_PATH "/etc/evidencefs/evidencefs.conf"

struct config {
	/* [service] */
	char *state_dir;     /* /var/lib/evidencefs */
	char *mount_root;    /* /evidence */
	char *socket;        /* /run/evidencefs/control.sock */
	char *user;          /* evidencefs: of the service; a name or a number */
	char *keyd_user;     /* NULL: an unused number */
	char *worker_user;   /* NULL: an unused number */
	char *privacy;       /* file whose text is PRIVACY.txt; NULL: the built-in one */
	bool allow_degraded; /* go on where the kernel lacks an ability */
	char *degraded;      /* abilities to do without, to test: as --degraded of mount; NULL */
	/* [log] */
	char *officers;  /* group whose members may read the whole log; NULL none */
	char *witnesses; /* keys of those whose cosignatures count (audit/witness.h); NULL none */
	char *thumbnailers; /* executables whose records have that label (audit/label.h) */
	char *indexers;
	char *sniffers;
	bool strict;           /* durability: opens and reads wait for fdatasync too */
	uint64_t segment_size; /* bytes, at most; then another segment begins */
	bool compress;         /* closed segments */
	uint64_t retention_s;  /* accesses of before go; 0: never */
	/* [limits] */
	uint64_t cache_bytes; /* shared chunk cache of a piece of evidence */
	unsigned connections; /* to the control socket at once */
	unsigned workers;     /* a piece of evidence; 0: one a cpu */
	uint64_t copy_floor;  /* bytes; smaller contents are not followed by hash */
	bool block_hashes;    /* of each 4 KiB of an image are kept when it is added */
	bool keep_awake;      /* processors of a virtual machine, while somebody reads */
	/* found out after reading, by config_resolve() */
	uid_t uid;
	gid_t gid;
	uid_t worker_uid;
	uid_t keyd_uid;
	char *privacy_text; /* of `privacy`; NULL: the built-in one */
};

/** config_defaults() - as if the file were empty. Return: 0, -ENOMEM. Caller: config_release(). */
int config_defaults(struct config *c);
/**
 * config_read() - defaults, and what the file says instead
 * @path: NULL: CONFIG_PATH, which may be missing
 * Return: 0 and *@c, caller: config_release(). Text of an error: "FILE:LINE: why".
 */
int config_read(const char *path, struct config *c, struct err *e);
/** config_resolve() - user names to numbers, and what `privacy` says. */
int config_resolve(struct config *c, struct err *e);
void config_release(struct config *c);
/* to hand a config from the starter to the service */
struct buf;
struct cur;
void config_encode(const struct config *c, struct buf *out);
/** config_decode() - Return: 0 and *@c, caller: config_release(); -EPROTO, -ENOMEM. */
int config_decode(struct cur *in, struct config *c);

#endif
