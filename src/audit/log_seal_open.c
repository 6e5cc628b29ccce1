/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_seal_open.c - how the seal of a log that is there is taken up
 *
 * The tree is grown again from all records, or from a frontier kept beside the log,
 * which counts only if it leads to the newest checkpoint. After a clean stop the key
 * goes on with an EPOCH; after any other end a new one begins with a DISCONTINUITY.
 */
#include "audit/log_seal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/heads.h"
#include "audit/reader_private.h"
#include "audit/signer.h"
#include "base/file.h"

#define ORIGIN_FILE   "origin.pub"
#define FRONTIER_FILE "../frontier"

/* As the same machine wrote it: it is thrown away if it does not lead to a checkpoint. */
struct frontier {
	uint8_t key[RECORD_KEY]; /* which signed that checkpoint */
	uint8_t device[RECORD_KEY];
	struct tree tree;
};

void log_seal_save(const struct seal *s)
{
	struct frontier f = {.tree = s->tree};
	int fd = openat(
		s->log->dirfd, FRONTIER_FILE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return;
	memcpy(f.key, s->key, RECORD_KEY);
	memcpy(f.device, s->device, RECORD_KEY);
	/* where this fails, all records are read at the next start */
	(void)!pwrite(fd, &f, sizeof(f), 0);
	close(fd);
}

/* Return: whether it leads to the newest checkpoint, and the key in it signed that. */
static bool load_frontier(struct seal *s)
{
	struct frontier f;
	uint8_t root[TREE_HASH];
	int fd = openat(s->log->dirfd, FRONTIER_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : segment_pread(fd, &f, sizeof(f), 0);

	if (fd >= 0)
		close(fd);
	if (n != sizeof(f) || f.tree.size != s->last.size)
		return false;
	tree_root(&f.tree, root, NULL);
	if (memcmp(root, s->last.root, TREE_HASH) != 0 ||
		!signer_note_checks(s->name, &s->last, f.key))
		return false;
	s->tree = f.tree;
	memcpy(s->key, f.key, RECORD_KEY);
	memcpy(s->device, f.device, RECORD_KEY);
	return true;
}

/* ---- what is there ------------------------------------------------------------------------ */

static int cut_heads(struct seal *s, struct err *e)
{
	struct tail kept = {.any = false};
	struct stat st;
	char text[512];
	int rc = 0;

	if (fstat(s->file, &st) < 0)
		return err_errno(e, errno, HEADS_FILE);
	if ((uint64_t)st.st_size == s->file_end)
		return 0;
	rc = tail_keep(s->log->dirfd, s->file, HEADS_FILE, s->file_end, &kept, e);
	if (rc < 0)
		return rc;
	if (ftruncate(s->file, (off_t)s->file_end) < 0 || fsync(s->file) < 0)
		return err_errno(e, errno, HEADS_FILE ": cannot cut off its torn end");
	snprintf(text, sizeof(text),
		"access log: ended within a checkpoint: %" PRIu64 " bytes kept as ../torn/%s",
		kept.torn_bytes, kept.torn);
	s->log->fault(s->log->fault_context, text);
	return 0;
}

/* What is there is built upon from now on: as load() does for segments, whatever the last process
 * could not sync, and the name of a file that was just made, is synced before that. */
static int open_heads(struct seal *s, struct err *e)
{
	int rc = 0;

	s->file =
		openat(s->log->dirfd, HEADS_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->file < 0)
		return err_errno(e, errno, HEADS_FILE ": cannot open");
	if (fdatasync(s->file) < 0 || fsync(s->log->dirfd) < 0)
		return err_errno(e, errno, HEADS_FILE ": cannot sync");
	rc = heads_last(s->file, s->name, &s->last, &s->file_end, e);
	return rc < 0 ? rc : cut_heads(s, e);
}

/* Return: 1 it is there; 0 it is not; -errno. */
static int load_origin(struct seal *s, struct err *e)
{
	char path[4096];
	char name[NOTE_NAME_MAX];
	char *text = NULL;
	struct err why = {.code = 0};
	int rc = 0;

	snprintf(path, sizeof(path), "%s/" ORIGIN_FILE, s->log->dir);
	rc = file_read(path, NOTE_MAX, &text, &why);
	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return err_set(e, -rc, "%s", err_text(&why, -rc));
	rc = note_key_decode(text, name, s->origin);
	free(text);
	if (rc == 0 && strcmp(name, s->name) == 0)
		return 1;
	return err_set(e, EBADMSG, ORIGIN_FILE ": is no key of this log");
}

/* The first key of the log, which was made for it just now. */
static int write_origin(struct seal *s, const uint8_t *key, struct err *e)
{
	char path[4096];
	char text[NOTE_MAX];

	memcpy(s->origin, key, RECORD_KEY);
	memcpy(s->key, key, RECORD_KEY);
	snprintf(path, sizeof(path), "%s/" ORIGIN_FILE, s->log->dir);
	return file_write(path, text, note_key_encode(s->name, s->origin, text), e);
}

/* ---- the tree ------------------------------------------------------------------------------- */

static int check_root(const struct seal *s, struct err *e)
{
	uint8_t root[TREE_HASH];

	tree_root(&s->tree, root, NULL);
	if (memcmp(root, s->last.root, TREE_HASH) == 0)
		return 0;
	return err_set(e, EBADMSG,
		"records 1 to %" PRIu64 " are not those of the newest checkpoint", s->last.size);
}

static int grow_again(struct seal *s, struct err *e)
{
	const struct segment *at = &s->reader->at;
	struct audit_event ev;
	struct record_seal seal;
	int rc = 0;

	while (rc == 0 && (rc = audit_reader_next(s->reader, &ev, e)) == 1) {
		log_seal_take(s);
		s->fresh += s->tree.size > s->last.size;
		rc = 0;
		if (s->tree.size == s->last.size)
			rc = check_root(s, e);
		if (!record_is_seal(ev.type))
			continue;
		record_seal_decode(segment_bytes(at), &seal);
		if (ev.type == AUDIT_DEVICE)
			memcpy(s->device, seal.next, RECORD_KEY);
		if (ev.type != AUDIT_EPOCH && ev.type != AUDIT_DISCONTINUITY)
			continue;
		s->fresh -= s->tree.size > s->last.size;
		memcpy(s->key, seal.next, RECORD_KEY);
		if (seal.size == s->last.size)
			s->named_at = ev.seq;
	}
	if (rc == 0 && s->tree.size < s->last.size)
		return err_set(e, EBADMSG, "records %" PRIu64 " to %" PRIu64 " are missing",
			s->tree.size + 1, s->last.size);
	return rc;
}

static int load_tree(struct seal *s, struct err *e)
{
	int rc = audit_reader_open(s->log->dir, &s->reader, e);

	memcpy(s->key, s->origin, RECORD_KEY);
	if (rc == 0 && s->last.size && load_frontier(s))
		rc = audit_reader_seek(s->reader, s->tree.size + 1, e);
	return rc < 0 ? rc : grow_again(s, e);
}

/* ---- the key --------------------------------------------------------------------------------- */

/* Who went on with the log is vouched for by who was there before, if anybody: @before, the key
 * in force then, or the device that the log knows. */
static int endorse(struct seal *s, const struct record_seal *began, const uint8_t *before)
{
	struct record_seal seal;
	uint64_t seq = 0;
	int rc = keys_endorse(s->keys, s->named_at, began->next, &seal);

	if (rc == -ENOENT || (rc == 0 && memcmp(seal.next, before, RECORD_KEY) != 0 &&
				     memcmp(seal.next, s->device, RECORD_KEY) != 0))
		return 0;
	if (rc == 0)
		rc = log_append_seal(s->log, AUDIT_ENDORSEMENT, &seal, &seq);
	return rc < 0 ? rc : 1;
}

/* The log was not ended cleanly, or its key is lost: another key, and that is recorded. */
static int begin_again(struct seal *s)
{
	struct record_seal seal;
	uint8_t before[RECORD_KEY];
	char text[256];
	int endorsed = 0;
	int rc = keys_begin(s->keys, &s->last, &seal);

	if (rc == 0)
		rc = log_append_seal(s->log, AUDIT_DISCONTINUITY, &seal, &s->named_at);
	if (rc < 0)
		return rc;
	memcpy(before, s->key, RECORD_KEY);
	memcpy(s->key, seal.next, RECORD_KEY);
	endorsed = endorse(s, &seal, before);
	rc = endorsed < 0 ? endorsed : keys_evolve(s->keys);
	snprintf(text, sizeof(text),
		"access log: was not ended cleanly: sealed up to record %" PRIu64
		", then another key, %s",
		s->last.size, endorsed > 0 ? "endorsed by the device" : "unendorsed");
	s->log->fault(s->log->fault_context, text);
	return rc;
}

/* The log says which key this machine endorses with. */
static int name_device(struct seal *s)
{
	struct record_seal seal;
	uint64_t seq = 0;
	int rc = 0;

	if (memcmp(s->device, keys_device(s->keys), RECORD_KEY) == 0)
		return 0;
	rc = keys_name_device(s->keys, &seal);
	if (rc == 0)
		rc = log_append_seal(s->log, AUDIT_DEVICE, &seal, &seq);
	if (rc == 0)
		memcpy(s->device, seal.next, RECORD_KEY);
	return rc;
}

/* While it runs, all that follows from what was appended is known; at the start a stop was
 * clean when its checkpoint covers all. */
static bool goes_on(const struct seal *s)
{
	return s->running || s->tree.size == s->last.size;
}

int log_seal_greet(struct seal *s)
{
	static const uint8_t none[RECORD_KEY];
	const bool known = memcmp(s->origin, none, RECORD_KEY) != 0;
	const struct keys_log log = {
		.log_id = s->log->log_id, .known = known, .in_force = s->key, .last = &s->last};
	uint8_t key[RECORD_KEY];
	enum keyholder_held held = KEYHOLDER_LOST;
	int rc = s->greeted ? 0 : keys_hello(s->keys, &log, &held, key);

	if (rc < 0 || s->greeted)
		return rc;
	if (!known && held != KEYHOLDER_MADE)
		return -EBADMSG;
	if (!known)
		rc = write_origin(s, key, NULL);
	else
		rc = held == KEYHOLDER_HELD && goes_on(s) ? log_seal_name(s) : begin_again(s);
	if (rc == 0)
		rc = name_device(s);
	s->greeted = rc == 0;
	return rc;
}

int log_seal_load(struct seal *s, bool *first, struct err *e)
{
	int known = 0;
	int rc = open_heads(s, e);

	if (rc == 0)
		rc = known = load_origin(s, e);
	if (rc < 0)
		return rc;
	if (!known && s->last.size)
		return err_set(e, EBADMSG, ORIGIN_FILE " is missing");
	rc = load_tree(s, e);
	if (rc < 0)
		return rc;
	rc = log_seal_greet(s);
	*first = !known;
	if (rc == -ENOTCONN && known) {
		/* nothing is appended until they can be reached */
		pthread_mutex_lock(&s->log->lock);
		s->log->seal_error = -rc;
		log_tell(s->log, rc);
		pthread_mutex_unlock(&s->log->lock);
		return 0;
	}
	return rc < 0 ? err_set(e, -rc, "its keys: %s", log_why(-rc)) : 0;
}
