/* SPDX-License-Identifier: Apache-2.0 */
/* prove.c - one record with its proof; see verify.h. */
#include "audit/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/heads.h"
#include "audit/reader_private.h"
#include "audit/tree.h"

static void put_base64(struct buf *out, const uint8_t *p, size_t n)
{
	char text[(RECORD_BYTES_MAX + 2) / 3 * 4 + 4];

	buf_put(out, text, note_base64(p, n, text));
	buf_puts(out, "\n");
}

/* The newest checkpoint, once the reader's first record has told the log's name. */
static int newest(const char *dir, const char *name, struct note *out, struct err *e)
{
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = dirfd < 0 ? -1 : openat(dirfd, HEADS_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint64_t end = 0;
	int rc = 0;

	if (fd < 0)
		rc = err_errno(e, errno, "%s/" HEADS_FILE, dir);
	else
		rc = heads_last(fd, name, out, &end, e);
	if (fd >= 0)
		close(fd);
	if (dirfd >= 0)
		close(dirfd);
	return rc;
}

/* The record in hand into the tree. */
static int take(struct audit_reader *r, struct tree *t, uint64_t seq, struct tree_proof *proof,
	struct err *e)
{
	const uint8_t *p = segment_bytes(&r->at);
	uint8_t leaf[TREE_HASH];
	unsigned level = 0;

	if (!record_is_hashes(p)) {
		tree_leaf(p, r->at.size, leaf);
		tree_add(t, leaf, proof);
		return 0;
	}
	p = record_hashes(p, &level);
	if (seq > t->size && seq - t->size <= UINT64_C(1) << level)
		return err_set(e, ENODATA, "of record %" PRIu64 " only the hash is there", seq);
	tree_add_subtree(t, level, p, proof);
	return 0;
}

static int grow(struct audit_reader *r, struct tree *t, uint64_t seq, const struct note *head,
	struct tree_proof *proof, struct buf *out, struct err *e)
{
	struct audit_event ev;
	uint8_t root[TREE_HASH];

	while (t->size < head->size) {
		/* the first is at hand already */
		int rc = t->size < r->at.seq - 1 ? 1 : audit_reader_next(r, &ev, e);

		if (rc < 0)
			return rc;
		if (rc == 0)
			return err_set(e, EBADMSG, "records %" PRIu64 " to %" PRIu64 " are missing",
				t->size + 1, head->size);
		rc = take(r, t, seq, proof, e);
		if (rc < 0)
			return rc;
		if (t->size == seq) {
			buf_puts(out, "c2sp.org/tlog-proof@v1\nextra ");
			put_base64(out, segment_bytes(&r->at), r->at.size);
		}
	}
	tree_root(t, root, proof);
	return memcmp(root, head->root, TREE_HASH) == 0
		       ? 0
		       : err_set(e, EBADMSG,
				 "records 1 to %" PRIu64 " are not those of the newest checkpoint",
				 head->size);
}

static int prove(
	const char *dir, struct audit_reader *r, uint64_t seq, struct buf *out, struct err *e)
{
	struct tree_proof proof = {.index = seq - 1};
	struct tree tree = {.size = 0};
	struct note head = {.size = 0};
	struct audit_event ev;
	char name[NOTE_NAME_MAX];
	char text[NOTE_MAX];
	int rc = audit_reader_next(r, &ev, e);

	if (rc < 0)
		return rc;
	if (rc == 0 || seq == 0)
		return err_set(e, ENOENT, "there is no record %" PRIu64, seq);
	note_name(r->at.head.log_id, name);
	rc = newest(dir, name, &head, e);
	if (rc == 0 && head.size < seq)
		rc = err_set(e, EAGAIN, "record %" PRIu64 " is not there, or not sealed yet", seq);
	if (rc == 0)
		rc = grow(r, &tree, seq, &head, &proof, out, e);
	if (rc < 0)
		return rc;
	buf_printf(out, "index %" PRIu64 "\n", proof.index);
	for (unsigned i = 0; i < proof.n; i++)
		put_base64(out, proof.hash[i], TREE_HASH);
	buf_puts(out, "\n");
	buf_put(out, text, note_encode(name, &head, text));
	return out->error ? err_errno(e, ENOMEM, "proof") : 0;
}

int audit_newest(const char *dir, char out[static NOTE_MAX], struct err *e)
{
	struct audit_reader *r = NULL;
	struct audit_event ev;
	struct note head = {.size = 0};
	char name[NOTE_NAME_MAX];
	int rc = audit_reader_open(dir, &r, e);

	if (rc == 0)
		rc = audit_reader_next(r, &ev, e);
	if (rc == 1) {
		note_name(r->at.head.log_id, name);
		rc = newest(dir, name, &head, e);
	}
	audit_reader_close(r);
	if (rc == 0 && head.size == 0)
		return err_set(e, ENOENT, "%s: there is no checkpoint yet", dir);
	return rc < 0 ? rc : (int)note_encode(name, &head, out);
}

int audit_prove(const char *dir, uint64_t seq, struct buf *out, struct err *e)
{
	struct audit_reader *r = NULL;
	int rc = audit_reader_open(dir, &r, e);

	if (rc == 0)
		rc = prove(dir, r, seq, out, e);
	audit_reader_close(r);
	return rc;
}
