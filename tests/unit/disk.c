/* SPDX-License-Identifier: Apache-2.0 */
/* disk.c - a disk whose power can be cut; see disk.h. */
#undef _FORTIFY_SOURCE /* it would have functions of its own in place of these */
#include "disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECTOR   512u
#define NODE_TOP 0
#define NO_NODE  SIZE_MAX

enum kind { WRITE, RESIZE, SYNC, LINK, UNLINK, RENAME, OPEN, MAP, MEMORY };

/* A file or directory. */
struct node {
	dev_t dev;
	ino_t ino;
	int hold;      /* so that its number is not used again */
	size_t synced; /* operations on it before this one are safe */
};

struct op {
	enum kind kind;
	size_t node;   /* the file, or the directory */
	size_t child;  /* LINK, RENAME */
	size_t upto;   /* SYNC: what was done before that is safe */
	bool doubtful; /* a sync of it failed */
	int64_t ns;    /* when it was done */
	uint64_t off;  /* WRITE; RESIZE: the size */
	size_t n;
	uint8_t *data;
	char *name; /* LINK, UNLINK, RENAME: from */
	char *to;   /* RENAME, in the same directory */
};

/* What of a file is mapped, to be stored into. */
struct mapped {
	uint8_t *at; /* NULL: free */
	size_t n, node;
	uint64_t off;
};

struct disk {
	struct mapped mapped[8];
	struct node *nodes;
	size_t nodes_n;
	struct op *ops;
	size_t ops_n, ops_room;
	size_t base; /* operations before the first that was watched */
	unsigned long calls;
	struct disk_fault fault; /* nth 0: none */
	enum kind failing;       /* the kind of the nth */
	bool failed;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct disk *watched; /* under the lock */
static _Thread_local int apart;

/* What stands in for libc's. */
int __open_2(const char *path, int flags);
int __openat_2(int dirfd, const char *path, int flags);

static void die(const char *what)
{
	printf("Bail out! disk: %s\n", what);
	fflush(stdout);
	_exit(1);
}

static void *need(void *p)
{
	if (!p)
		die("no memory");
	return p;
}

uint64_t disk_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t mix(uint64_t seed, uint64_t a, uint64_t b)
{
	uint64_t s = seed ^ a * 0xff51afd7ed558ccdu ^ b * 0xc4ceb9fe1a85ec53u;

	return disk_random(&s);
}

/* What is done here is no call of the program's. */
static void enter(void)
{
	apart++;
	pthread_mutex_lock(&lock);
}

static void leave(void)
{
	pthread_mutex_unlock(&lock);
	apart--;
}

void disk_apart(bool on)
{
	apart += on ? 1 : -1;
}

/* ---- what is noted -------------------------------------------------------------------------- */

static size_t node_find(const struct disk *d, const struct stat *st)
{
	for (size_t i = d->nodes_n; i-- > 0;)
		if (d->nodes[i].dev == st->st_dev && d->nodes[i].ino == st->st_ino)
			return i;
	return NO_NODE;
}

static size_t node_of(const struct disk *d, int fd)
{
	struct stat st;

	return d && fstat(fd, &st) == 0 ? node_find(d, &st) : NO_NODE;
}

static size_t node_add(struct disk *d, int dirfd, const char *name)
{
	int hold = (int)syscall(SYS_openat, dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	struct stat st;

	if (hold < 0 || fstat(hold, &st) < 0)
		die(name);
	d->nodes = need(realloc(d->nodes, (d->nodes_n + 1) * sizeof(*d->nodes)));
	d->nodes[d->nodes_n] = (struct node){.dev = st.st_dev, .ino = st.st_ino, .hold = hold};
	return d->nodes_n++;
}

static struct op *op_add(struct disk *d, enum kind kind, size_t node)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	if (d->ops_n == d->ops_room) {
		d->ops_room = d->ops_room ? 2 * d->ops_room : 1024;
		d->ops = need(realloc(d->ops, d->ops_room * sizeof(*d->ops)));
	}
	d->ops[d->ops_n] = (struct op){
		.kind = kind, .node = node, .ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec};
	return &d->ops[d->ops_n++];
}

static void note_write(struct disk *d, size_t node, const void *p, size_t n, uint64_t off)
{
	struct op *o = op_add(d, WRITE, node);

	o->off = off;
	o->n = n;
	o->data = need(malloc(n + 1));
	memcpy(o->data, p, n);
}

static void note_resize(struct disk *d, size_t node, uint64_t size)
{
	op_add(d, RESIZE, node)->off = size;
}

static void note_link(struct disk *d, size_t dir, const char *name, size_t child)
{
	struct op *o = op_add(d, LINK, dir);

	o->name = need(strdup(name));
	o->child = child;
}

/* The directory that @path is in, and its last component. Return: NO_NODE: not watched. */
static size_t locate(const struct disk *d, int dirfd, const char *path, char base[NAME_MAX + 1])
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX] = ".";
	struct stat st;

	if (!d || strlen(path) >= sizeof(dir))
		return NO_NODE;
	if (slash == path)
		strcpy(dir, "/");
	else if (slash)
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	snprintf(base, NAME_MAX + 1, "%s", slash ? slash + 1 : path);
	if (base[0] == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return NO_NODE;
	return fstatat(dirfd, dir, &st, 0) == 0 ? node_find(d, &st) : NO_NODE;
}

/* Whether this call is to fail. */
static bool fails(struct disk *d, enum kind kind)
{
	bool now = false;

	if (d->fault.memory != (kind == MEMORY))
		return false;
	now = ++d->calls == d->fault.nth;
	if (now) {
		d->failing = kind;
		d->failed = true;
	}
	if (!now && !(d->failed && d->fault.lasting && d->failing == kind))
		return false;
	errno = kind == OPEN ? EMFILE : kind == MEMORY ? ENOMEM : d->fault.code;
	return true;
}

bool disk_no_memory(void)
{
	bool none = false;

	if (apart)
		return false;
	enter();
	none = watched && fails(watched, MEMORY);
	leave();
	return none;
}

/* ---- in place of libc's --------------------------------------------------------------------- */

static int do_open(int dirfd, const char *path, int flags, mode_t mode)
{
	char base[NAME_MAX + 1];
	struct stat st;
	bool there = false;
	size_t dir = NO_NODE;
	size_t node = NO_NODE;
	int fd = -1;

	enter();
	dir = locate(watched, dirfd, path, base);
	if (dir != NO_NODE && fails(watched, OPEN)) {
		leave();
		return -1;
	}
	there = fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
	fd = (int)syscall(SYS_openat, dirfd, path, flags, mode);
	if (fd >= 0 && dir != NO_NODE && !there && (flags & O_CREAT)) {
		node = node_add(watched, dirfd, path);
		note_link(watched, dir, base, node);
	} else if (fd >= 0 && there && (flags & O_TRUNC) &&
		   (node = node_of(watched, fd)) != NO_NODE) {
		note_resize(watched, node, 0);
	}
	leave();
	return fd;
}

static mode_t mode_of(int flags, va_list *ap)
{
	return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(*ap, int) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode = 0;

	va_start(ap, flags);
	mode = mode_of(flags, &ap);
	va_end(ap);
	return do_open(AT_FDCWD, path, flags, mode);
}

int openat(int dirfd, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode = 0;

	va_start(ap, flags);
	mode = mode_of(flags, &ap);
	va_end(ap);
	return do_open(dirfd, path, flags, mode);
}

int __open_2(const char *path, int flags)
{
	return do_open(AT_FDCWD, path, flags, 0);
}

int __openat_2(int dirfd, const char *path, int flags)
{
	return do_open(dirfd, path, flags, 0);
}

/* With @off -1 at the descriptor's own place. */
static ssize_t do_write(int fd, const void *p, size_t n, off_t off)
{
	size_t node = NO_NODE;
	ssize_t done = 0;
	off_t at = off;

	enter();
	node = node_of(watched, fd);
	if (node != NO_NODE && fails(watched, WRITE)) {
		if (!watched->fault.shortly || n < 2) {
			leave();
			return -1;
		}
		n /= 2;
	}
	if (off < 0)
		at = lseek(fd, 0, SEEK_CUR);
	done = off < 0 ? syscall(SYS_write, fd, p, n) : syscall(SYS_pwrite64, fd, p, n, off);
	if (done > 0 && node != NO_NODE)
		note_write(watched, node, p, (size_t)done, (uint64_t)at);
	leave();
	return done;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t off)
{
	return do_write(fd, p, n, off);
}

ssize_t write(int fd, const void *p, size_t n)
{
	return do_write(fd, p, n, -1);
}

int ftruncate(int fd, off_t size)
{
	size_t node = NO_NODE;
	int rc = -1;

	enter();
	node = node_of(watched, fd);
	if (node == NO_NODE || !fails(watched, RESIZE)) {
		rc = (int)syscall(SYS_ftruncate, fd, size);
		if (rc == 0 && node != NO_NODE)
			note_resize(watched, node, (uint64_t)size);
	}
	leave();
	return rc;
}

/* Space that is taken is no content; a size that grows by it is. */
int fallocate(int fd, int mode, off_t off, off_t n)
{
	size_t node = NO_NODE;
	struct stat st;
	int rc = -1;

	enter();
	node = node_of(watched, fd);
	if (node == NO_NODE || !fails(watched, RESIZE)) {
		rc = (int)syscall(SYS_fallocate, fd, mode, off, n);
		if (rc == 0 && node != NO_NODE && fstat(fd, &st) == 0 &&
			!(mode & FALLOC_FL_KEEP_SIZE))
			note_resize(watched, node, (uint64_t)st.st_size);
	}
	leave();
	return rc;
}

void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	struct mapped *m = NULL;
	size_t node = NO_NODE;
	void *p = MAP_FAILED;

	enter();
	if (fd >= 0 && (prot & PROT_WRITE) && (flags & MAP_SHARED))
		node = node_of(watched, fd);
	if (node == NO_NODE || !fails(watched, MAP)) {
		p = (void *)syscall(SYS_mmap, at, n, prot, flags, fd, off);
		for (size_t i = 0; node != NO_NODE && p != MAP_FAILED && !m; i++) {
			if (i == sizeof(watched->mapped) / sizeof(*watched->mapped))
				die("too much is mapped");
			m = watched->mapped[i].at ? NULL : &watched->mapped[i];
		}
		if (m)
			*m = (struct mapped){p, n, node, (uint64_t)off};
	}
	leave();
	return p;
}

static struct mapped *mapped_at(const void *p)
{
	for (size_t i = 0; watched && i < sizeof(watched->mapped) / sizeof(*watched->mapped); i++) {
		struct mapped *m = &watched->mapped[i];

		if (m->at && (const uint8_t *)p >= m->at && (const uint8_t *)p < m->at + m->n)
			return m;
	}
	return NULL;
}

int munmap(void *p, size_t n)
{
	struct mapped *m = NULL;
	int rc = 0;

	enter();
	m = mapped_at(p);
	if (m)
		m->at = NULL;
	rc = (int)syscall(SYS_munmap, p, n);
	leave();
	return rc;
}

bool disk_store_begin(const void *to)
{
	enter();
	return mapped_at(to) && fails(watched, MAP);
}

void disk_store_end(const void *to, size_t n, size_t last)
{
	const uint8_t *p = to;
	const struct mapped *m = mapped_at(to);
	const uint64_t off = m ? m->off + (uint64_t)(p - m->at) : 0;

	if (m && n > last)
		note_write(watched, m->node, p + last, n - last, off + last);
	if (m)
		note_write(watched, m->node, p, last, off);
	leave();
}

/* What comes in while it syncs is not promised to be safe by it. */
static int do_sync(int fd, long call)
{
	struct disk *d = NULL;
	size_t node = NO_NODE;
	size_t upto = 0;
	int rc = -1;

	enter();
	d = watched;
	node = node_of(d, fd);
	if (node != NO_NODE && fails(d, SYNC)) {
		for (size_t i = d->nodes[node].synced; i < d->ops_n; i++)
			d->ops[i].doubtful |= d->ops[i].node == node;
		leave();
		return -1;
	}
	upto = d ? d->ops_n : 0;
	leave();
	rc = (int)syscall(call, fd);
	enter();
	if (rc == 0 && node != NO_NODE && d == watched) {
		op_add(d, SYNC, node)->upto = upto;
		if (d->nodes[node].synced < upto)
			d->nodes[node].synced = upto;
	}
	leave();
	return rc;
}

int fsync(int fd)
{
	return do_sync(fd, SYS_fsync);
}

int fdatasync(int fd)
{
	return do_sync(fd, SYS_fdatasync);
}

int unlinkat(int dirfd, const char *path, int flags)
{
	char base[NAME_MAX + 1];
	size_t dir = NO_NODE;
	int rc = -1;

	enter();
	dir = locate(watched, dirfd, path, base);
	if (dir == NO_NODE || !fails(watched, UNLINK)) {
		rc = (int)syscall(SYS_unlinkat, dirfd, path, flags);
		if (rc == 0 && dir != NO_NODE)
			op_add(watched, UNLINK, dir)->name = need(strdup(base));
	}
	leave();
	return rc;
}

int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

/* From one directory to another it is two operations, one in each. */
static void note_rename(
	struct disk *d, size_t dir, const char *from, size_t todir, const char *to, size_t child)
{
	struct op *o = NULL;

	if (dir != todir) {
		op_add(d, UNLINK, dir)->name = need(strdup(from));
		note_link(d, todir, to, child);
		return;
	}
	o = op_add(d, RENAME, dir);
	o->name = need(strdup(from));
	o->to = need(strdup(to));
	o->child = child;
}

int renameat(int dirfd, const char *from, int todirfd, const char *to)
{
	char base[NAME_MAX + 1];
	char base_to[NAME_MAX + 1];
	struct stat st;
	size_t dir = NO_NODE;
	size_t todir = NO_NODE;
	int rc = -1;

	enter();
	dir = locate(watched, dirfd, from, base);
	todir = locate(watched, todirfd, to, base_to);
	if (dir != NO_NODE && todir == NO_NODE)
		die("a name that goes out of what is watched");
	if (dir == NO_NODE || !fails(watched, RENAME)) {
		rc = (int)syscall(SYS_renameat2, dirfd, from, todirfd, to, 0);
		if (rc == 0 && dir != NO_NODE &&
			fstatat(todirfd, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
			note_rename(watched, dir, base, todir, base_to, node_find(watched, &st));
	}
	leave();
	return rc;
}

int rename(const char *from, const char *to)
{
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int mkdirat(int dirfd, const char *path, mode_t mode)
{
	char base[NAME_MAX + 1];
	size_t dir = NO_NODE;
	int rc = -1;

	enter();
	dir = locate(watched, dirfd, path, base);
	if (dir == NO_NODE || !fails(watched, LINK)) {
		rc = (int)syscall(SYS_mkdirat, dirfd, path, mode);
		if (rc == 0 && dir != NO_NODE)
			note_link(watched, dir, base, node_add(watched, dirfd, path));
	}
	leave();
	return rc;
}

int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

/* ---- what is there at the beginning --------------------------------------------------------- */

static void note_content(struct disk *d, size_t node, int dirfd, const char *name)
{
	uint8_t data[65536];
	ssize_t n = 0;
	uint64_t off = 0;
	int fd = (int)syscall(SYS_openat, dirfd, name, O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		die(name);
	while ((n = pread(fd, data, sizeof(data), (off_t)off)) > 0) {
		note_write(d, node, data, (size_t)n, off);
		off += (uint64_t)n;
	}
	close(fd);
}

static void note_tree(struct disk *d, size_t node, int fd)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *entry = NULL;

	while (dir && (entry = readdir(dir))) {
		size_t child = 0;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		child = node_add(d, fd, entry->d_name);
		note_link(d, node, entry->d_name, child);
		if (entry->d_type == DT_DIR)
			note_tree(d, child,
				(int)syscall(
					SYS_openat, fd, entry->d_name, O_RDONLY | O_DIRECTORY, 0));
		else
			note_content(d, child, fd, entry->d_name);
	}
	if (!dir)
		die("a directory cannot be read");
	closedir(dir);
}

struct disk *disk_watch(const char *top)
{
	struct disk *d = need(calloc(1, sizeof(*d)));

	node_add(d, AT_FDCWD, top);
	note_tree(d, NODE_TOP, (int)syscall(SYS_openat, AT_FDCWD, top, O_RDONLY | O_DIRECTORY, 0));
	d->base = d->ops_n;
	for (size_t i = 0; i < d->nodes_n; i++)
		d->nodes[i].synced = d->base;
	enter();
	if (watched)
		die("one disk is watched at a time");
	watched = d;
	leave();
	return d;
}

void disk_stop(struct disk *d)
{
	enter();
	if (watched == d)
		watched = NULL;
	leave();
}

void disk_free(struct disk *d)
{
	disk_stop(d);
	for (size_t i = 0; i < d->nodes_n; i++)
		close(d->nodes[i].hold);
	for (size_t i = 0; i < d->ops_n; i++) {
		free(d->ops[i].data);
		free(d->ops[i].name);
		free(d->ops[i].to);
	}
	free(d->nodes);
	free(d->ops);
	free(d);
}

size_t disk_moment(struct disk *d)
{
	size_t n = 0;

	enter();
	n = d->ops_n;
	leave();
	return n;
}

int64_t disk_time(const struct disk *d, size_t moment)
{
	return d->ops_n ? d->ops[moment < d->ops_n ? moment : d->ops_n - 1].ns : 0;
}

void disk_faults(struct disk *d, const struct disk_fault *f)
{
	enter();
	d->fault = f ? *f : (struct disk_fault){.nth = 0};
	d->calls = 0;
	d->failed = false;
	leave();
}

unsigned long disk_calls(struct disk *d)
{
	unsigned long n = 0;

	enter();
	n = d->calls;
	leave();
	return n;
}

/* ---- what is there after a cut -------------------------------------------------------------- */

struct cut {
	const struct disk *d;
	size_t moment;
	enum disk_loss loss;
	uint64_t seed;
	size_t first; /* DISK_ORDERED: what came before it is there */
	size_t *safe; /* of each node: what was done before is */
};

/* Up to which operation on @node this part of it is there. */
static size_t reaches(const struct cut *c, size_t node, uint64_t part)
{
	size_t safe = c->safe[node];
	uint64_t r = mix(c->seed, node + 1, c->loss == DISK_FILES ? 0 : part + 1);
	size_t any = safe + (size_t)((r >> 8) % (c->moment - safe + 1));

	switch (c->loss) {
	case DISK_KEEPS:
		return c->moment;
	case DISK_DROPS:
		return safe;
	case DISK_ORDERED:
		return c->first;
	case DISK_TORN:
		return r % 4 < 2 ? c->moment : r % 4 == 2 ? safe : any;
	default:
		return any;
	}
}

/* A file as it is in memory, and as it is on the disk. */
struct content {
	uint8_t *cache, *disk;
	size_t cache_n, disk_n, room;
};

static void content_room(struct content *f, size_t n)
{
	size_t room = (n / SECTOR + 1) * SECTOR;

	if (room <= f->room)
		return;
	f->cache = need(realloc(f->cache, room));
	f->disk = need(realloc(f->disk, room));
	memset(f->cache + f->room, 0, room - f->room);
	memset(f->disk + f->room, 0, room - f->room);
	f->room = room;
}

static void content_change(struct content *f, const struct op *o, uint64_t *from, uint64_t *to)
{
	size_t end = (size_t)o->off + o->n;

	content_room(f, end);
	*from = o->off;
	*to = end;
	if (o->kind == WRITE) {
		memcpy(f->cache + o->off, o->data, o->n);
		f->cache_n = f->cache_n > end ? f->cache_n : end;
		return;
	}
	if (f->cache_n > end) {
		memset(f->cache + end, 0, f->cache_n - end);
		*to = f->cache_n;
	}
	f->cache_n = end;
}

/* Which of the sectors that @o changed are on the disk? */
static void content_store(const struct cut *c, struct content *f, const struct op *o, size_t i,
	uint64_t from, uint64_t to)
{
	bool safe = i < c->safe[o->node];

	for (uint64_t s = from / SECTOR; s * SECTOR < to; s++)
		if (safe ? !o->doubtful || mix(c->seed, i, s) % 2 : i < reaches(c, o->node, s))
			memcpy(f->disk + s * SECTOR, f->cache + s * SECTOR, SECTOR);
	if (safe || i < reaches(c, o->node, UINT32_MAX))
		f->disk_n = f->cache_n;
}

static void make_file(const struct cut *c, size_t node, int dirfd, const char *name)
{
	struct content f = {.cache = NULL};
	int fd = (int)syscall(
		SYS_openat, dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	uint64_t from = 0;
	uint64_t to = 0;

	for (size_t i = 0; i < c->moment; i++) {
		const struct op *o = &c->d->ops[i];

		if (o->node != node || (o->kind != WRITE && o->kind != RESIZE))
			continue;
		content_change(&f, o, &from, &to);
		content_store(c, &f, o, i, from, to);
	}
	if (fd < 0 || (f.disk_n && syscall(SYS_write, fd, f.disk, f.disk_n) != (long)f.disk_n))
		die(name);
	close(fd);
	free(f.cache);
	free(f.disk);
}

struct entry {
	const char *name;
	size_t child;
};

static void entry_remove(struct entry *entries, size_t *n, const char *name)
{
	for (size_t i = 0; i < *n; i++)
		if (strcmp(entries[i].name, name) == 0)
			entries[i--] = entries[--*n];
}

static void make_dir(const struct cut *c, size_t node, int dirfd)
{
	struct entry *entries = need(calloc(c->moment + 1, sizeof(*entries)));
	size_t n = 0;
	bool is_dir = false;

	for (size_t i = 0; i < c->moment; i++) {
		const struct op *o = &c->d->ops[i];

		if (o->node != node || o->kind < LINK || o->kind > RENAME ||
			(i >= c->safe[node] && i >= reaches(c, node, i)))
			continue;
		entry_remove(entries, &n, o->name);
		if (o->kind == RENAME)
			entry_remove(entries, &n, o->to);
		if (o->kind != UNLINK)
			entries[n++] = (struct entry){o->kind == LINK ? o->name : o->to, o->child};
	}
	for (size_t i = 0; i < n; i++) {
		struct stat st;
		int fd = -1;

		is_dir = fstat(c->d->nodes[entries[i].child].hold, &st) == 0 && S_ISDIR(st.st_mode);
		if (!is_dir) {
			make_file(c, entries[i].child, dirfd, entries[i].name);
			continue;
		}
		syscall(SYS_mkdirat, dirfd, entries[i].name, 0700);
		fd = (int)syscall(SYS_openat, dirfd, entries[i].name, O_RDONLY | O_DIRECTORY, 0);
		make_dir(c, entries[i].child, fd);
		close(fd);
	}
	free(entries);
}

void disk_cut(
	const struct disk *d, size_t moment, enum disk_loss loss, uint64_t seed, const char *to)
{
	struct cut c = {.d = d, .moment = moment, .loss = loss, .seed = seed};
	int fd = (int)syscall(SYS_openat, AT_FDCWD, to, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

	if (fd < 0 || moment > d->ops_n)
		die(to);
	c.moment = moment < d->base ? d->base : moment;
	c.first = d->base + (size_t)(mix(seed, 0, 0) % (c.moment - d->base + 1));
	c.safe = need(calloc(d->nodes_n, sizeof(*c.safe)));
	for (size_t i = 0; i < d->nodes_n; i++)
		c.safe[i] = d->base;
	for (size_t i = d->base; i < c.moment; i++)
		if (d->ops[i].kind == SYNC && c.safe[d->ops[i].node] < d->ops[i].upto)
			c.safe[d->ops[i].node] = d->ops[i].upto;
	make_dir(&c, NODE_TOP, fd);
	close(fd);
	free(c.safe);
}
