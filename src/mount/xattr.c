/* SPDX-License-Identifier: Apache-2.0 */
/* xattr.c - what the evidence says of a trace; see xattr.h. */
#include "mount/xattr.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/digest.h"
#include "base/text.h"
#include "mount/attr.h"
#include "serve/content.h"
#include "serve/hashes.h"

#define PREFIX      "user.evidencefs."
#define LINK_PREFIX "system.evidencefs."

/* What a value is made from. */
struct about {
	struct session *s;
	bool root;           /* of the session */
	struct evidence *ev; /* NULL: nothing of evidence, or by name only */
	struct trace t;
	const struct manifest_volume *volume; /* at a volume's root */
	bool masked;                          /* bytes of its contents are not shown */
};

static int put_flag(const struct about *a, uint32_t flag, struct buf *out)
{
	if (!(a->t.flags & flag))
		return -ENODATA;
	buf_puts(out, "1");
	return 0;
}

static int put_number(bool there, uint64_t v, const char *format, struct buf *out)
{
	if (!there)
		return -ENODATA;
	buf_printf(out, format[0] == 'o' ? "%06" PRIo64 : "%" PRIu64, v);
	return 0;
}

static int put_text(const char *text, struct buf *out)
{
	if (!text || !text[0])
		return -ENODATA;
	buf_puts(out, text);
	return 0;
}

static int put_time(const struct entry_time *t, struct buf *out)
{
	char when[TEXT_TIME_MAX];

	return t->known ? put_text(text_time_rfc3339(t->sec, t->nsec, when), out) : -ENODATA;
}

static bool on_disk(const struct about *a)
{
	return a->ev && !(a->t.flags & ENTRY_VIRTUAL);
}

/* What a container says of its members counts as what a file system says. */
static bool is_told(const struct about *a)
{
	return on_disk(a) ||
	       (a->ev && (a->t.flags & (ENTRY_MEMBER | ENTRY_CONTAINER)) == ENTRY_MEMBER);
}

static int get_inode(const struct about *a, struct buf *out)
{
	return put_number(on_disk(a), a->t.inode, "u", out);
}

static int get_sequence(const struct about *a, struct buf *out)
{
	return put_number(on_disk(a) && a->t.seq, a->t.seq, "u", out);
}

static int get_mode(const struct about *a, struct buf *out)
{
	return put_number(is_told(a), a->t.mode, "o", out);
}

static int get_uid(const struct about *a, struct buf *out)
{
	return put_number(is_told(a), a->t.uid, "u", out);
}

static int get_gid(const struct about *a, struct buf *out)
{
	return put_number(is_told(a), a->t.gid, "u", out);
}

static int get_name(const struct about *a, struct buf *out)
{
	if (!a->t.original)
		return -ENODATA;
	buf_put(out, a->t.original, a->t.original_len);
	return 0;
}

static int get_target(const struct about *a, struct buf *out)
{
	if (a->t.kind != ENTRY_LINK || a->masked)
		return -ENODATA;
	buf_put(out, a->t.target, a->t.target_len);
	return 0;
}

static int get_crtime(const struct about *a, struct buf *out)
{
	return put_time(&a->t.crtime, out);
}

static int get_mtime(const struct about *a, struct buf *out)
{
	return is_told(a) ? put_time(&a->t.mtime, out) : -ENODATA;
}

static int get_atime(const struct about *a, struct buf *out)
{
	return is_told(a) ? put_time(&a->t.atime, out) : -ENODATA;
}

static int get_ctime(const struct about *a, struct buf *out)
{
	return is_told(a) ? put_time(&a->t.ctime, out) : -ENODATA;
}

static int get_deleted(const struct about *a, struct buf *out)
{
	return put_flag(a, ENTRY_DELETED, out);
}

static int get_orphan(const struct about *a, struct buf *out)
{
	return put_flag(a, ENTRY_ORPHAN, out);
}

static int get_reallocated(const struct about *a, struct buf *out)
{
	return put_flag(a, ENTRY_REALLOC, out);
}

static int get_compressed(const struct about *a, struct buf *out)
{
	return put_flag(a, ENTRY_COMPRESSED, out);
}

static int get_container(const struct about *a, struct buf *out)
{
	return put_flag(a, ENTRY_CONTAINER, out);
}

static int get_encrypted(const struct about *a, struct buf *out)
{
	return put_flag(a, ENTRY_ENCRYPTED, out);
}

static int get_sparse(const struct about *a, struct buf *out)
{
	return put_flag(a, ENTRY_SPARSE, out);
}

static int get_unreadable(const struct about *a, struct buf *out)
{
	return put_flag(a, ENTRY_UNREADABLE, out);
}

static int get_metadata_file(const struct about *a, struct buf *out)
{
	return put_flag(a, ENTRY_META, out);
}

static int get_sha256(const struct about *a, struct buf *out)
{
	struct hashes_status status;
	uint8_t value[32];
	char hex[DIGEST_HEX_MAX];

	if (!a->ev || a->masked)
		return -ENODATA; /* a hash would be that of what is not shown */
	if (a->t.id == trace_id(0, TRACE_IMAGE_RAW)) {
		hashes_status(a->ev->hashes, &status);
		if (!status.totals_known)
			return -ENODATA;
		memcpy(value, status.sha256, sizeof(value));
	} else if (hashes_get(a->ev->hashes, a->t.id, value)) {
		return -ENODATA;
	}
	return put_text(digest_hex(value, sizeof(value), hex), out);
}

static int get_masked(const struct about *a, struct buf *out)
{
	return a->masked ? put_text("1", out) : -ENODATA;
}

static int get_volume_offset(const struct about *a, struct buf *out)
{
	return put_number(a->volume != NULL, a->volume ? a->volume->scan.offset : 0, "u", out);
}

static int get_volume_length(const struct about *a, struct buf *out)
{
	return put_number(a->volume != NULL, a->volume ? a->volume->scan.length : 0, "u", out);
}

static int get_volume_type(const struct about *a, struct buf *out)
{
	return a->volume ? put_text(a->volume->scan.type, out) : -ENODATA;
}

static int get_volume_label(const struct about *a, struct buf *out)
{
	return a->volume ? put_text(a->volume->scan.label, out) : -ENODATA;
}

static int get_volume_id(const struct about *a, struct buf *out)
{
	return a->volume ? put_text(a->volume->scan.id, out) : -ENODATA;
}

static bool is_evidence_dir(const struct about *a)
{
	return a->ev && a->t.id == trace_id(0, TRACE_EVIDENCE_DIR);
}

static int get_index_digest(const struct about *a, struct buf *out)
{
	char hex[DIGEST_HEX_MAX];

	if (!is_evidence_dir(a))
		return -ENODATA;
	return put_text(
		digest_hex(a->ev->manifest.digest, sizeof(a->ev->manifest.digest), hex), out);
}

static int get_format(const struct about *a, struct buf *out)
{
	return is_evidence_dir(a) ? put_text(a->ev->manifest.format, out) : -ENODATA;
}

static int get_session(const struct about *a, struct buf *out)
{
	return a->root ? put_text(a->s->state_dir, out) : -ENODATA;
}

static const struct {
	const char *name;
	int (*get)(const struct about *a, struct buf *out);
} attributes[] = {
	{"inode", get_inode},
	{"sequence", get_sequence},
	{"mode", get_mode},
	{"uid", get_uid},
	{"gid", get_gid},
	{"mtime", get_mtime},
	{"atime", get_atime},
	{"ctime", get_ctime},
	{"crtime", get_crtime},
	{"name", get_name},
	{"target", get_target},
	{"deleted", get_deleted},
	{"orphan", get_orphan},
	{"reallocated", get_reallocated},
	{"compressed", get_compressed},
	{"container", get_container},
	{"encrypted", get_encrypted},
	{"sparse", get_sparse},
	{"unreadable", get_unreadable},
	{"metadata_file", get_metadata_file},
	{"masked", get_masked},
	{"sha256", get_sha256},
	{"volume_offset", get_volume_offset},
	{"volume_length", get_volume_length},
	{"volume_type", get_volume_type},
	{"volume_label", get_volume_label},
	{"volume_id", get_volume_id},
	{"index_digest", get_index_digest},
	{"format", get_format},
	{"session", get_session},
};

#define ATTRIBUTES (sizeof(attributes) / sizeof(attributes[0]))

static bool is_masked(struct evidence *ev, const struct mask *m, const struct trace *t)
{
	struct content *c = NULL;
	bool masked = true; /* what cannot be opened has no hash to show */

	if (!m || t->kind == ENTRY_DIR || evidence_is_live(t->id))
		return false;
	if (content_open(ev, t->id, &c) == 0)
		masked = content_is_masked(c, m);
	content_close(c);
	return masked;
}

/* @c must be released by the caller, after the last use of @a. */
static int about_node(struct session *s, const struct scene *sc, const struct permit *p,
	const struct node *n, struct evidence_cursor *c, struct about *a)
{
	struct evidence *ev = NULL;
	int r = 0;

	*a = (struct about){.s = s, .root = n->root};
	*c = (struct evidence_cursor){NULL, 0, NULL};
	if (!attr_in_evidence(sc, n))
		return 0;
	ev = scene_place(sc, n)->ev->evidence;
	evidence_cursor_init(c, ev);
	r = evidence_get(c, n->trace, &a->t);
	if (r == 0 && p->name_only) {
		r = gate_shows(p, a->t.kind) ? 0 : -ESTALE;
		a->t = (struct trace){.kind = ENTRY_DIR};
		return r;
	}
	a->ev = ev;
	if (r == 0)
		a->masked = is_masked(ev, scene_place(sc, n)->ev->mask, &a->t);
	if (r == 0 && a->t.kind != ENTRY_DIR)
		a->masked = a->masked || gate_contents(sc, n);
	if (r == 0 && trace_part(n->trace) > 0 && trace_number(n->trace) == 0 &&
		!trace_in_deleted(n->trace))
		a->volume = &a->ev->manifest.volumes[trace_volume(n->trace)];
	return r;
}

static const char *prefix_for(const struct about *a)
{
	return a->t.kind == ENTRY_LINK ? LINK_PREFIX : PREFIX;
}

int xattr_get(struct session *s, const struct scene *sc, const struct permit *p,
	const struct node *n, const char *name, struct buf *out)
{
	struct evidence_cursor c;
	struct about a;
	int r = 0;

	/* the kernel asks for many others (security.*, posix acls): no work for those */
	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 &&
		strncmp(name, LINK_PREFIX, strlen(LINK_PREFIX)) != 0)
		return -ENODATA;
	r = about_node(s, sc, p, n, &c, &a);
	if (r == 0) {
		const char *prefix = prefix_for(&a);

		r = -ENODATA;
		for (size_t i = 0; i < ATTRIBUTES; i++) {
			if (!strncmp(name, prefix, strlen(prefix)) &&
				!strcmp(name + strlen(prefix), attributes[i].name))
				r = attributes[i].get(&a, out);
		}
	}
	if (c.ev)
		evidence_cursor_release(&c);
	return r ? r : out->error;
}

int xattr_list(struct session *s, const struct scene *sc, const struct permit *p,
	const struct node *n, struct buf *out)
{
	struct evidence_cursor c;
	struct about a;
	struct buf value = BUF_INIT;
	int r = about_node(s, sc, p, n, &c, &a);

	for (size_t i = 0; r == 0 && i < ATTRIBUTES; i++) {
		buf_reset(&value);
		if (attributes[i].get(&a, &value))
			continue;
		buf_puts(out, prefix_for(&a));
		buf_put(out, attributes[i].name, strlen(attributes[i].name) + 1);
	}
	if (c.ev)
		evidence_cursor_release(&c);
	buf_release(&value);
	return r ? r : out->error;
}
