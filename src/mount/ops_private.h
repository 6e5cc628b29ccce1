/* SPDX-License-Identifier: Apache-2.0 */
/* ops_private.h - shared by the files that answer the kernel: ops.c, ops_file.c, ops_dir.c,
 * ops_write.c. */
#ifndef EVIDENCEFS_MOUNT_OPS_PRIVATE_H
#define EVIDENCEFS_MOUNT_OPS_PRIVATE_H

#include <stdatomic.h>

#include "mount/fuse.h"
#include "mount/gate.h"
#include "mount/reads.h"
#include "mount/session.h"
#include "serve/content.h"

/* An open file or directory; in its session's list, since a mount may end before it is closed. */
struct handle {
	struct node node;
	struct content *content; /* NULL: a directory */
	uint64_t open_seq;
	atomic_uint refs; /* being open, and each read under way */
	atomic_bool closed;
	struct handle *prev;
	struct handle *next;
};

static inline struct session *session_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

struct asker ops_asker(fuse_req_t req);
/** ops_new_handle() - NULL without memory. */
struct handle *ops_new_handle(struct session *s, const struct node *n);
/** ops_free_handle() - let go of one reference; NULL allowed. */
void ops_free_handle(struct session *s, struct handle *h);
/** ops_record_close() - the record of a file's close. */
void ops_record_close(struct session *s, const struct handle *h);
/** ops_record_all_closed() - the same for every file that is open still. */
void ops_record_all_closed(struct session *s);
void ops_reply_error(fuse_req_t req, int r);

/**
 * ops_enter() - the node a request is about, once it is allowed
 * A denial is recorded as an act of @type. Return: 0; -ENOENT; -EACCES; -EIO.
 */
int ops_enter(fuse_req_t req, fuse_ino_t ino, enum audit_type type, struct node *n);

/** ops_entry() - a trace as the kernel takes it: node, attributes, how long they last. */
int ops_entry(struct session *s, struct evidence_cursor *c, unsigned evidence,
	const struct trace *t, struct fuse_entry_param *e);

/* ops_file.c */
void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
/** ops_abandoned() - record and answer a read whose reader is being killed: see reads.h; @ctx:
 * session */
void ops_abandoned(void *ctx, const struct read_job *j, bool last);

/* ops_dir.c */
void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

/** ops_refuse_writes() - fill in every request that would change something: EROFS. */
void ops_refuse_writes(struct fuse_lowlevel_ops *ops);

#endif
