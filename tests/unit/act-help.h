/* SPDX-License-Identifier: Apache-2.0 */
/* act-help.h - what the tests of the catalog share: acts with all they may have, and equality.
 * Included once, after tap.h. */
#ifndef EVIDENCEFS_TESTS_ACT_HELP_H
#define EVIDENCEFS_TESTS_ACT_HELP_H

#include "catalog/act.h"

static inline char *own(const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		bail_out("no memory");
	return copy;
}

/* Something in every field, bytes that SQL, lines and UTF-8 mind. Release it. */
static inline struct act act_full(enum act_kind kind)
{
	static const uint64_t covers[] = {1, 2, INT64_MAX, UINT64_MAX};
	struct act a = {.seq = 42,
		.ns = 1700000000123456789,
		.boot_ns = 987654321,
		.boot_id = "01234567-89ab-cdef-0123-456789abcdef",
		.by_uid = 0xfffffffe,
		.by_name = own("o'neil\n"),
		.kind = kind,
		.case_id = 3,
		.object = INT64_MAX,
		.who = {.kind = SUBJECT_GROUP,
			.typed = own("@te\"am"),
			.name = own("te\"am"),
			.id = 0x80000001},
		.name = own("\xff\xfe; DROP TABLE acts;--"),
		.title = own(""),
		.reason = own("line one\nline 'two'\t\x01\x7f%s\\"),
		.path = own("laptop/p2-ntfs/\xc3\x28/\xe2\x82/\xf0\x9f\x92\xa9"),
		.rights = RIGHTS_ALL,
		.future = true,
		.from_ns = INT64_MIN,
		.until_ns = TIME_NEVER,
		.covers_n = sizeof(covers) / sizeof(*covers),
		.image = own("/srv/a b/\"c\".E01"),
		.dir = own("/var/lib/x\ny"),
		.types = own("p2=ntfs"),
		.totals = {.known = true, .mismatch_accepted = true},
		.matched = true,
		.idle_days = UINT32_MAX,
		.trace = UINT64_MAX - 1,
		.inode = INT64_MAX,
		.mark_state = MARK_REJECTED,
		.mark_origin = MARK_BY_RULE,
		.with_members = true,
		.basis = own("\xe2\x82 privil\xc3\xa8ge"),
		.text = own("two\nlines")};

	a.covers = malloc(sizeof(covers));
	if (!a.covers)
		bail_out("no memory");
	memcpy(a.covers, covers, sizeof(covers));
	for (size_t i = 0; i < 32; i++) {
		a.digest[i] = (uint8_t)(i * 7);
		a.totals.sha256[i] = (uint8_t)(255 - i);
		a.totals.md5[i % 16] = (uint8_t)(i + 1);
		a.totals.sha1[i % 20] = (uint8_t)(i + 2);
	}
	return a;
}

static inline bool text_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static inline bool subject_same(const struct subject *a, const struct subject *b)
{
	return a->kind == b->kind && a->id == b->id && text_same(a->typed, b->typed) &&
	       text_same(a->name, b->name);
}

static inline bool act_same(const struct act *a, const struct act *b)
{
	return a->seq == b->seq && a->ns == b->ns && a->boot_ns == b->boot_ns &&
	       strcmp(a->boot_id, b->boot_id) == 0 && a->by_uid == b->by_uid &&
	       text_same(a->by_name, b->by_name) && a->kind == b->kind &&
	       a->case_id == b->case_id && a->object == b->object &&
	       subject_same(&a->who, &b->who) && text_same(a->name, b->name) &&
	       text_same(a->title, b->title) && text_same(a->reason, b->reason) &&
	       text_same(a->path, b->path) && a->rights == b->rights && a->future == b->future &&
	       a->from_ns == b->from_ns && a->until_ns == b->until_ns &&
	       a->covers_n == b->covers_n &&
	       (a->covers_n == 0 ||
		       memcmp(a->covers, b->covers, a->covers_n * sizeof(*a->covers)) == 0) &&
	       text_same(a->image, b->image) && text_same(a->dir, b->dir) &&
	       text_same(a->types, b->types) && memcmp(a->digest, b->digest, 32) == 0 &&
	       a->totals.known == b->totals.known &&
	       a->totals.mismatch_accepted == b->totals.mismatch_accepted &&
	       memcmp(a->totals.md5, b->totals.md5, 16) == 0 &&
	       memcmp(a->totals.sha1, b->totals.sha1, 20) == 0 &&
	       memcmp(a->totals.sha256, b->totals.sha256, 32) == 0 && a->matched == b->matched &&
	       a->idle_days == b->idle_days && a->trace == b->trace && a->inode == b->inode &&
	       a->mark_state == b->mark_state && a->mark_origin == b->mark_origin &&
	       a->with_members == b->with_members && text_same(a->basis, b->basis) &&
	       text_same(a->text, b->text);
}

#endif
