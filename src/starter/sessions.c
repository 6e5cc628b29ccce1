/* SPDX-License-Identifier: Apache-2.0 */
/* sessions.c - the users' mounts, as the starter keeps them; see sessions.h. */
#include "starter/sessions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "starter/message.h"
#include "starter/mounts.h"

#define META_MAX 8192

void sessions_init(struct sessions *s, const char *root)
{
	*s = (struct sessions){.root = root, .service = 1};
	pthread_mutex_init(&s->lock, NULL);
}

static void kept_free(struct kept *k)
{
	if (k->session.fuse_fd >= 0)
		close(k->session.fuse_fd);
	if (k->session.table_fd >= 0)
		close(k->session.table_fd);
	if (k->meta_fd >= 0)
		close(k->meta_fd);
	free(k);
}

void sessions_release(struct sessions *s)
{
	for (size_t i = 0; i < s->n; i++)
		kept_free(s->v[i]);
	free(s->v);
	pthread_mutex_destroy(&s->lock);
	*s = (struct sessions){.root = NULL};
}

/* ---- with systemd ------------------------------------------------------- */

static const char *const parts[] = {"fuse", "table", "meta"};

static int *part_of(struct kept *k, size_t i)
{
	return i == 0 ? &k->session.fuse_fd : i == 1 ? &k->session.table_fd : &k->meta_fd;
}

static const char *part_name(uid_t uid, size_t i, char out[static 64])
{
	snprintf(out, 64, "%u-%s", (unsigned)uid, parts[i]);
	return out;
}

/* What is in the memfd is what systemd has: it is the same file. */
static int write_meta(struct kept *k)
{
	struct buf b = BUF_INIT;
	int r = 0;

	message_put_session(&b, &k->session);
	r = b.error;
	if (r == 0 && (ftruncate(k->meta_fd, 0) < 0 ||
			      pwrite(k->meta_fd, b.data, b.len, 0) != (ssize_t)b.len))
		r = -EIO;
	buf_release(&b);
	return r;
}

static void store(struct kept *k)
{
	char name[64];

	for (size_t i = 0; i < 3; i++)
		notify_store(part_name(k->session.uid, i, name), *part_of(k, i));
}

static void unstore(const struct kept *k)
{
	char name[64];

	for (size_t i = 0; i < 3; i++)
		notify_forget(part_name(k->session.uid, i, name));
}

/* ---- the list ----------------------------------------------------------- */

/* Room for one more, so that s->v[s->n++] is good. */
static int make_room(struct sessions *s)
{
	struct kept **v = realloc(s->v, (s->n + 1) * sizeof(struct kept *));

	if (!v)
		return -ENOMEM;
	s->v = v;
	return 0;
}

static struct kept *find(const struct sessions *s, uid_t uid)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i]->session.uid == uid)
			return s->v[i];
	}
	return NULL;
}

static void drop(struct sessions *s, struct kept *k)
{
	size_t i = 0;

	while (s->v[i] != k)
		i++;
	s->v[i] = s->v[--s->n];
	unstore(k);
	kept_free(k);
}

static int take_given(struct notify_given *given, const char *name)
{
	for (size_t i = 0; i < given->n; i++) {
		if (given->v[i].fd >= 0 && strcmp(given->v[i].name, name) == 0) {
			int fd = given->v[i].fd;

			given->v[i].fd = -1;
			return fd;
		}
	}
	return -1;
}

static int read_meta(struct kept *k, const char *root)
{
	uint8_t bytes[META_MAX];
	ssize_t n = pread(k->meta_fd, bytes, sizeof(bytes), 0);
	struct channel_session got;
	struct cur c = cur_of(bytes, n > 0 ? (size_t)n : 0);
	size_t len = strlen(root);

	if (message_session(&c, &got) < 0 || strncmp(got.mountpoint, root, len) != 0 ||
		got.mountpoint[len] != '/')
		return -EPROTO;
	got.fuse_fd = k->session.fuse_fd;
	got.table_fd = k->session.table_fd;
	k->session = got;
	return 0;
}

/* The three parts of one session. */
static void take_up(struct sessions *s, struct notify_given *given, uid_t uid)
{
	struct kept *k = calloc(1, sizeof(*k));
	char name[64];
	bool whole = k != NULL;

	for (size_t i = 0; i < 3 && k; i++) {
		*part_of(k, i) = take_given(given, part_name(uid, i, name));
		whole = whole && *part_of(k, i) >= 0;
	}
	if (!k)
		return;
	k->session.uid = uid;
	if (whole && read_meta(k, s->root) == 0 && k->session.uid == uid && make_room(s) == 0) {
		s->v[s->n++] = k;
		return;
	}
	fprintf(stderr, "evidencefsd: what systemd kept of uid %u's mount is not whole\n",
		(unsigned)uid);
	k->session.uid = uid;
	unstore(k);
	kept_free(k);
}

void sessions_take_up(struct sessions *s, struct notify_given *given)
{
	for (size_t i = 0; i < given->n; i++) {
		char *end = NULL;
		unsigned long uid = strtoul(given->v[i].name, &end, 10);

		if (given->v[i].fd >= 0 && end != given->v[i].name && *end == '-' && uid > 0 &&
			uid < UINT32_MAX)
			take_up(s, given, (uid_t)uid);
	}
}

/* ---- mounts ------------------------------------------------------------- */

static int clear_one(void *ctx, const char *mountpoint)
{
	struct sessions *s = ctx;

	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->v[i]->session.mountpoint, mountpoint) == 0)
			return 0;
	}
	fprintf(stderr, "evidencefsd: %s: left by one that was killed, is unmounted\n", mountpoint);
	return mounts_detach(mountpoint, NULL);
}

int sessions_clear(struct sessions *s, struct err *e)
{
	int r = mounts_each(s->root, clear_one, s);

	return r < 0 ? err_errno(e, -r, "%s: old mounts cannot be taken away", s->root) : 0;
}

static int make_kept(const struct channel_session *wanted, struct kept **out)
{
	struct kept *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->session = *wanted;
	k->session.fuse_fd = -1;
	k->session.table_fd = memfd_create("evidencefs-table", MFD_CLOEXEC);
	k->meta_fd = memfd_create("evidencefs-session", MFD_CLOEXEC);
	if (k->session.table_fd < 0 || k->meta_fd < 0) {
		kept_free(k);
		return -EMFILE;
	}
	*out = k;
	return 0;
}

static int mount_locked(struct sessions *s, const struct channel_session *wanted,
	int (*done)(void *ctx, const struct channel_session *s), void *ctx, struct err *e)
{
	struct kept *k = NULL;
	int r = 0;

	if (find(s, wanted->uid))
		return err_set(e, EBUSY, "%s: there is a session already", wanted->mountpoint);
	r = make_kept(wanted, &k);
	if (r < 0)
		return err_errno(e, -r, "%s", wanted->mountpoint);
	r = mounts_attach(&k->session, e);
	if (r < 0) {
		kept_free(k);
		return r;
	}
	r = write_meta(k);
	if (r == 0)
		r = make_room(s);
	if (r == 0)
		r = done(ctx, &k->session);
	if (r < 0) {
		mounts_detach(k->session.mountpoint, NULL);
		kept_free(k);
		return err_errno(e, -r, "%s", wanted->mountpoint);
	}
	s->v[s->n++] = k;
	store(k);
	return 0;
}

int sessions_mount(struct sessions *s, unsigned service, const struct channel_session *wanted,
	int (*done)(void *ctx, const struct channel_session *s), void *ctx, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&s->lock);
	if (service != s->service)
		r = err_set(e, EPIPE, "the service that asked is gone");
	else
		r = mount_locked(s, wanted, done, ctx, e);
	pthread_mutex_unlock(&s->lock);
	return r;
}

int sessions_begun(struct sessions *s, uid_t uid)
{
	struct kept *k = NULL;
	int r = -ENOENT;

	pthread_mutex_lock(&s->lock);
	k = find(s, uid);
	if (k) {
		k->session.begun = true;
		r = write_meta(k);
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

int sessions_unmount(struct sessions *s, uid_t uid, struct err *e)
{
	struct kept *k = NULL;
	int r = 0;

	pthread_mutex_lock(&s->lock);
	k = find(s, uid);
	if (k)
		r = mounts_detach(k->session.mountpoint, e);
	else
		r = err_set(e, ENOENT, "uid %u has no session", (unsigned)uid);
	if (r == 0)
		drop(s, k);
	pthread_mutex_unlock(&s->lock);
	return r;
}

unsigned sessions_unmount_all(struct sessions *s)
{
	unsigned left = 0;

	pthread_mutex_lock(&s->lock);
	while (s->n > 0) {
		struct kept *k = s->v[s->n - 1];
		struct err e = {0};

		if (mounts_detach(k->session.mountpoint, &e) < 0) {
			fprintf(stderr, "evidencefsd: %s\n", e.text);
			left++;
		}
		drop(s, k);
	}
	pthread_mutex_unlock(&s->lock);
	return left;
}

int sessions_each(
	struct sessions *s, int (*fn)(void *ctx, const struct channel_session *s), void *ctx)
{
	int r = 0;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n && r == 0; i++)
		r = fn(ctx, &s->v[i]->session);
	pthread_mutex_unlock(&s->lock);
	return r;
}

size_t sessions_count(struct sessions *s)
{
	size_t n = 0;

	pthread_mutex_lock(&s->lock);
	n = s->n;
	pthread_mutex_unlock(&s->lock);
	return n;
}

unsigned sessions_next_service(struct sessions *s)
{
	unsigned n = 0;

	pthread_mutex_lock(&s->lock);
	n = ++s->service;
	pthread_mutex_unlock(&s->lock);
	return n;
}
