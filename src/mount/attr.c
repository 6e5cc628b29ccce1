/* SPDX-License-Identifier: Apache-2.0 */
/* attr.c - a trace as stat shows it; see attr.h. */
#include "mount/attr.h"

#include <errno.h>

#include "trace/names.h"

#define BLOCK_SIZE 4096
#define DIR_SIZE   4096 /* of every directory: a size would tell how much is in it */

static void common(const struct session *s, struct stat *st)
{
	*st = (struct stat){
		.st_uid = s->policy.owner,
		.st_gid = s->gid,
		.st_nlink = 1,
		.st_blksize = BLOCK_SIZE,
	};
}

static void set_size(struct stat *st, uint64_t size)
{
	st->st_size = (off_t)size;
	st->st_blocks = (blkcnt_t)(size / 512 + (size % 512 != 0));
}

static struct timespec spec_of(const struct entry_time *t)
{
	return t->known ? (struct timespec){t->sec, (long)t->nsec} : (struct timespec){0, 0};
}

void attr_of_root(const struct session *s, struct stat *st)
{
	common(s, st);
	st->st_ino = NODE_ROOT;
	st->st_mode = S_IFDIR | 0500;
	set_size(st, DIR_SIZE);
	if (s->count > 0)
		st->st_mtim.tv_sec = s->evidence[0]->manifest.ingested_sec;
	st->st_ctim = st->st_atim = st->st_mtim;
}

int attr_link_target(struct evidence_cursor *c, const struct trace *t, struct buf *out)
{
	struct buf raw = BUF_INIT;
	struct trace place = *t;
	int depth = 0;

	buf_put(&raw, t->target, t->target_len); /* the cursor is about to move */
	depth = evidence_depth(c, &place);
	if (depth >= 0 && !raw.error)
		name_link_target(raw.data, raw.len, (size_t)depth, out);
	buf_release(&raw);
	return depth < 0 ? depth : out->error;
}

static int link_size(struct evidence_cursor *c, const struct trace *t, struct stat *st)
{
	struct buf target = BUF_INIT;
	int r = attr_link_target(c, t, &target);

	set_size(st, target.len);
	buf_release(&target);
	return r;
}

int attr_of_trace(const struct session *s, struct evidence_cursor *c, unsigned evidence,
	const struct trace *t, struct stat *st)
{
	const struct node first = {.evidence = evidence, .trace = t->first};

	common(s, st);
	st->st_ino = node_ino(&s->keys, &first);
	st->st_mtim = spec_of(&t->mtime);
	st->st_atim = spec_of(t->atime.known ? &t->atime : &t->mtime);
	st->st_ctim = spec_of(t->ctime.known ? &t->ctime : &t->mtime);
	switch (t->kind) {
	case ENTRY_DIR:
		st->st_mode = S_IFDIR | 0500;
		set_size(st, DIR_SIZE);
		return 0;
	case ENTRY_LINK:
		st->st_mode = S_IFLNK | 0777;
		st->st_nlink = t->nlink ? t->nlink : 1;
		return link_size(c, t, st);
	case ENTRY_FILE:
	case ENTRY_STREAM:
	case ENTRY_SPECIAL:
		break;
	}
	st->st_mode = S_IFREG | 0400;
	st->st_nlink = t->nlink ? t->nlink : 1;
	set_size(st, t->size);
	return 0;
}

double attr_timeout(uint64_t trace)
{
	return evidence_is_live(trace) ? 0 : ATTR_TIMEOUT;
}

int attr_of_node(struct session *s, const struct asker *who, uint64_t id, struct stat *st,
	struct timespec *btime, bool *born, double *valid)
{
	struct node n = node_parse(&s->keys, id);
	struct evidence_cursor c;
	struct trace t;
	int r = 0;

	*born = false;
	*valid = ATTR_TIMEOUT;
	if (n.root) {
		attr_of_root(s, st);
		return gate_decide(s, who, &n);
	}
	if (n.evidence >= s->count)
		return -ENOENT;
	r = gate_decide(s, who, &n);
	if (r)
		return r;
	evidence_cursor_init(&c, s->evidence[n.evidence]);
	r = evidence_get(&c, n.trace, &t);
	if (r == 0) {
		*born = t.crtime.known;
		*btime = spec_of(&t.crtime);
		*valid = attr_timeout(n.trace);
		r = attr_of_trace(s, &c, n.evidence, &t, st);
	}
	evidence_cursor_release(&c);
	return r;
}
