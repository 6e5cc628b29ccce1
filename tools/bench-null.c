/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-null.c - an empty FUSE file system that serves memory: the ceiling of tools/bench
 *
 * What the kernel and libfuse cost when nothing else is done. The same library,
 * low-level interface, INIT flags, direct I/O and long timeouts as the product's
 * mount, and libfuse's own threads. One file, `large`, of any size (a buffer again and
 * again), and one directory, `many`, of any number of empty files. Extended attributes
 * are answered (there are none), because a file system that has some must answer too.
 *
 *	bench-null SIZE ENTRIES MOUNTPOINT       in the foreground, until it is unmounted
 */
#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fuse_lowlevel.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define THREADS      16
#define TIMEOUT      86400.0
#define BUFFER_BYTES ((size_t)1 << 20)
#define LARGE        2u /* node ids: 1 is the root */
#define MANY         3u
#define FIRST        16u /* entry i of `many` is FIRST + i */

struct null_fs {
	uint64_t size;
	uint64_t entries;
	char *bytes; /* [2 * BUFFER_BYTES]: a read begins in the first half */
};

static const struct null_fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static int attr_of(const struct null_fs *fs, fuse_ino_t ino, struct stat *st)
{
	*st = (struct stat){.st_ino = ino, .st_nlink = 1, .st_blksize = 4096};
	if (ino == FUSE_ROOT_ID || ino == MANY) {
		st->st_mode = S_IFDIR | 0500;
		return 0;
	}
	st->st_mode = S_IFREG | 0400;
	if (ino == LARGE)
		st->st_size = (off_t)fs->size;
	return ino == LARGE || (ino >= FIRST && ino - FIRST < fs->entries) ? 0 : -ENOENT;
}

static int entry_of(const struct null_fs *fs, fuse_ino_t ino, struct fuse_entry_param *e)
{
	*e = (struct fuse_entry_param){
		.ino = ino, .generation = 1, .attr_timeout = TIMEOUT, .entry_timeout = TIMEOUT};
	return attr_of(fs, ino, &e->attr);
}

/* ---- names ----------------------------------------------------------------------- */

static fuse_ino_t find(fuse_ino_t parent, const char *name)
{
	uint64_t i = 0;
	char end = '\0';

	if (parent == FUSE_ROOT_ID)
		return !strcmp(name, "large") ? LARGE : !strcmp(name, "many") ? MANY : 0;
	if (parent != MANY || sscanf(name, "file-%" SCNu64 "%c", &i, &end) != 1)
		return 0;
	return FIRST + i;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e;
	fuse_ino_t ino = find(parent, name);

	if (!ino || entry_of(fs_of(req), ino, &e))
		fuse_reply_err(req, ENOENT);
	else
		fuse_reply_entry(req, &e);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	(void)ino, (void)nlookup;
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	(void)count, (void)forgets;
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	if (attr_of(fs_of(req), ino, &st))
		fuse_reply_err(req, ENOENT);
	else
		fuse_reply_attr(req, &st, TIMEOUT);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	(void)ino, (void)name, (void)size;
	fuse_reply_err(req, ENODATA);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	(void)ino;
	if (size == 0)
		fuse_reply_xattr(req, 0);
	else
		fuse_reply_buf(req, NULL, 0);
}

/* ---- files ------------------------------------------------------------------------ */

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->direct_io = 1;
	fi->noflush = 1;
	fuse_reply_open(req, fi);
}

static void op_read(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	const struct null_fs *fs = fs_of(req);
	uint64_t end = ino == LARGE ? fs->size : 0;
	uint64_t at = (uint64_t)off;

	(void)fi;
	if (at >= end)
		size = 0;
	else if (size > end - at)
		size = (size_t)(end - at);
	if (size > BUFFER_BYTES)
		size = BUFFER_BYTES;
	fuse_reply_buf(req, fs->bytes + at % BUFFER_BYTES, size);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino, (void)fi;
	fuse_reply_err(req, 0);
}

/* ---- directories ------------------------------------------------------------------- */

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fuse_reply_open(req, fi);
}

/* The entry at a place of a directory: 0 and 1 are "." and "..". Return: 0 past the end. */
static fuse_ino_t entry_at(
	const struct null_fs *fs, fuse_ino_t dir, uint64_t place, char *name, size_t size)
{
	if (place < 2) {
		snprintf(name, size, place == 0 ? "." : "..");
		return FUSE_ROOT_ID;
	}
	place -= 2;
	if (dir == FUSE_ROOT_ID && place < 2) {
		snprintf(name, size, place == 0 ? "large" : "many");
		return place == 0 ? LARGE : MANY;
	}
	snprintf(name, size, "file-%06" PRIu64, place);
	return dir == MANY && place < fs->entries ? FIRST + place : 0;
}

static void op_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	const struct null_fs *fs = fs_of(req);
	char *buf = malloc(size);
	size_t used = 0;
	char name[32];

	(void)fi;
	for (uint64_t place = (uint64_t)off; buf; place++) {
		fuse_ino_t id = entry_at(fs, ino, place, name, sizeof(name));
		struct fuse_entry_param e;
		size_t n = 0;

		if (!id)
			break;
		entry_of(fs, id, &e);
		if (place < 2)
			e.ino = 0; /* the kernel has these */
		n = fuse_add_direntry_plus(
			req, buf + used, size - used, name, &e, (off_t)(place + 1));
		if (n > size - used)
			break;
		used += n;
	}
	if (buf)
		fuse_reply_buf(req, buf, used);
	else
		fuse_reply_err(req, ENOMEM);
	free(buf);
}

/* ---- the session ---------------------------------------------------------------------- */

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	/* as in src/mount/ops.c */
	conn->max_readahead = 0;
	conn->want &=
		~(unsigned)(FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_SPLICE_READ |
			    FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE | FUSE_CAP_EXPORT_SUPPORT |
			    FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_ATOMIC_O_TRUNC |
			    FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS);
	conn->want |= conn->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_PARALLEL_DIROPS |
					      FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO);
}

static int serve(struct null_fs *fs, const char *mountpoint)
{
	static const struct fuse_lowlevel_ops ops = {
		.init = op_init,
		.lookup = op_lookup,
		.forget = op_forget,
		.forget_multi = op_forget_multi,
		.getattr = op_getattr,
		.getxattr = op_getxattr,
		.listxattr = op_listxattr,
		.open = op_open,
		.read = op_read,
		.release = op_release,
		.opendir = op_opendir,
		.readdirplus = op_readdirplus,
		.releasedir = op_release,
	};
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	struct fuse_session *se = NULL;
	int r = -1;

	if (fuse_opt_add_arg(&args, "bench-null") == 0 &&
		fuse_opt_add_arg(&args, "-oro,default_permissions,fsname=bench-null") == 0)
		se = fuse_session_new(&args, &ops, sizeof(ops), fs);
	if (se && config && fuse_session_mount(se, mountpoint) == 0) {
		fuse_set_signal_handlers(se);
		fuse_loop_cfg_set_clone_fd(config, 0);
		fuse_loop_cfg_set_max_threads(config, THREADS);
		fuse_loop_cfg_set_idle_threads(config, THREADS);
		r = fuse_session_loop_mt(se, config);
		fuse_remove_signal_handlers(se);
		fuse_session_unmount(se);
	}
	if (se)
		fuse_session_destroy(se);
	if (config)
		fuse_loop_cfg_destroy(config);
	fuse_opt_free_args(&args);
	return r;
}

int main(int argc, char **argv)
{
	struct null_fs fs = {.size = 0};
	int r = 0;

	if (argc != 4) {
		fprintf(stderr, "usage: bench-null SIZE ENTRIES MOUNTPOINT\n");
		return 2;
	}
	fs.size = strtoull(argv[1], NULL, 10);
	fs.entries = strtoull(argv[2], NULL, 10);
	fs.bytes = malloc(2 * BUFFER_BYTES);
	if (!fs.bytes)
		return 1;
	memset(fs.bytes, 0x5a, 2 * BUFFER_BYTES);
	r = serve(&fs, argv[3]);
	free(fs.bytes);
	return r < 0;
}
