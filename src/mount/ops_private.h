/* SPDX-License-Identifier: Apache-2.0 */
/* ops_private.h - shared by the files that answer the kernel: ops.c, ops_file.c, ops_dir.c,
 * ops_write.c. */
#ifndef EVIDENCEFS_MOUNT_OPS_PRIVATE_H
#define EVIDENCEFS_MOUNT_OPS_PRIVATE_H

#include "mount/fuse.h"
#include "mount/gate.h"
#include "mount/handle.h"

/* One request, from its first decision to its reply: the scene is held all the while. */
struct visit {
	fuse_req_t req;
	struct session *s;
	const struct scene *sc;
	unsigned token;
	struct asker who;
	struct node n; /* what it is about */
	struct permit permit;
	const void *name; /* of the trace that is opened, until its record; NULL: not at hand */
	size_t name_len;
};

static inline struct session *session_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

struct asker ops_asker(fuse_req_t req);
void ops_reply_error(fuse_req_t req, int r);

/** ops_enter() - hold the scene. */
void ops_enter(fuse_req_t req, struct visit *v);
/** ops_leave() - after the reply. */
void ops_leave(struct visit *v);
/**
 * ops_begin() - ops_enter(), and the node a request is about, once it is allowed
 * A denial is recorded as an act of @type. Return: 0; -ESTALE hidden (the kernel then
 * looks the name up again, and finds nothing); -EACCES; -EIO. ops_leave() in any case.
 */
int ops_begin(fuse_req_t req, fuse_ino_t ino, enum audit_type type, struct visit *v);
/** ops_record() - gate_record() of what a visit delivered. */
int ops_record(struct visit *v, enum audit_type type, uint64_t length, int64_t result);

/** ops_entry() - a node as the kernel takes it: number, attributes, how long they last. */
int ops_entry(struct session *s, const struct scene *sc, const struct permit *p,
	struct evidence_cursor *c, const struct node *n, const struct trace *t,
	struct fuse_entry_param *e);
/** ops_place_entry() - the same for the folders and texts above the evidence. */
int ops_place_entry(struct session *s, const struct scene *sc, const struct node *n,
	struct fuse_entry_param *e);

/** ops_decide() - may a visitor go on with what is open? 0; -EACCES. */
int ops_decide(const struct session *s, const struct scene *sc, const struct asker *who,
	const struct handle *h, struct permit *p);

/**
 * ops_open_handle() - a handle for the node of a visit, with its OPEN recorded
 * @r: 0, or why it is not opened: recorded too. Return: 0 and *@out, held; -errno.
 */
int ops_open_handle(struct visit *v, enum table_state state, int r, struct handle **out);
/** ops_reply_open() - and let go of it. */
void ops_reply_open(struct visit *v, struct handle *h, struct fuse_file_info *fi);

/** ops_record_close() - the record of a file's close. */
void ops_record_close(struct session *s, const struct handle *h);

/* ops_file.c */
void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

/* ops_dir.c */
void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

/** ops_refuse_writes() - fill in every request that would change something: EROFS. */
void ops_refuse_writes(struct fuse_lowlevel_ops *ops);

#endif
