/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pst_file.h - items and properties of an Outlook store (through libpff)
 *
 * The one place that knows libpff and libbfio. Bytes come from a source, by
 * callbacks; nothing is opened. libpff reports with texts of its own, which are
 * for its programmers: here an item or a property is there or is not.
 *
 * libpff keeps the tree of all items in memory (about 200 bytes each) and reads
 * everything else as it is asked for. For one thread.
 */
#ifndef EVIDENCEFS_CONTAINER_PST_FILE_H
#define EVIDENCEFS_CONTAINER_PST_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "container/container.h"
#include "image/source.h"

struct pst;
struct pst_item; /* folder, message, attachment, table of recipients */

/* Properties that are asked for by name here (MS-OXPROPS). */
#define PST_MESSAGE_CLASS   0x001a
#define PST_SUBJECT         0x0037
#define PST_SUBMIT_TIME     0x0039
#define PST_FROM_NAME       0x0042
#define PST_FROM_TYPE       0x0064
#define PST_FROM_ADDRESS    0x0065
#define PST_HEADERS         0x007d
#define PST_RECIPIENT_TYPE  0x0c15
#define PST_SENDER_NAME     0x0c1a
#define PST_SENDER_TYPE     0x0c1e
#define PST_SENDER_ADDRESS  0x0c1f
#define PST_DELIVERY_TIME   0x0e06
#define PST_MESSAGE_ID      0x1035
#define PST_REFERENCES      0x1039
#define PST_IN_REPLY_TO     0x1042
#define PST_NAME            0x3001
#define PST_ADDRESS         0x3003
#define PST_CREATED         0x3007
#define PST_CHANGED         0x3008
#define PST_FILE_NAME_SHORT 0x3704
#define PST_FILE_NAME       0x3707
#define PST_MIME_TYPE       0x370e
#define PST_SMTP_ADDRESS    0x39fe
#define PST_SENDER_SMTP     0x5d01
#define PST_FROM_SMTP       0x5d02

enum pst_sub { PST_FOLDERS, PST_MESSAGES, PST_ATTACHMENTS };
enum pst_body { PST_TEXT, PST_HTML, PST_RTF };
enum pst_attached { PST_DATA, PST_ITEM, PST_REFERENCE };

/**
 * pst_open() - @s is borrowed until pst_close()
 * Return: 0 and *@out; -EBADMSG it is damaged too much, or none; -E2BIG the budget.
 */
int pst_open(const struct source *s, struct container_budget *b, struct pst **out, struct err *e);
/** pst_budget() - what reading may cost from now on; NULL: no end. Borrowed. */
void pst_budget(struct pst *p, struct container_budget *b);
/** pst_spent() - whether reading ended for want of budget. */
bool pst_spent(const struct pst *p);
void pst_close(struct pst *p);

/*
 * Items: each is freed with pst_item_free(), before the store is closed. NULL: there is none, or
 * it cannot be read.
 */
struct pst_item *pst_root(struct pst *p);
struct pst_item *pst_item(struct pst *p, uint32_t id);
/** pst_orphans() - messages that no folder leads to. */
size_t pst_orphans(struct pst *p);
struct pst_item *pst_orphan(struct pst *p, size_t i);
/** pst_subs() - how many there are below an item. Return: -EIO that cannot be read. */
ssize_t pst_subs(struct pst_item *item, enum pst_sub what);
struct pst_item *pst_sub(struct pst_item *item, enum pst_sub what, size_t i);
struct pst_item *pst_recipients(struct pst_item *message);
/** pst_attached_item() - the message that an attachment is. */
struct pst_item *pst_attached_item(struct pst_item *attachment);
void pst_item_free(struct pst_item *item);

/** pst_id() - the number by which pst_item() finds it again; 0: none. */
uint32_t pst_id(struct pst_item *item);
/** pst_sets() - sets of properties: 1, of recipients one each. */
size_t pst_sets(struct pst_item *item);
/** pst_string() - append a property as UTF-8. Return: whether there is one. */
bool pst_string(struct pst_item *item, size_t set, uint32_t property, struct buf *out);
/** pst_number() - a property that is a number or a time (100 ns since 1601). */
bool pst_number(struct pst_item *item, size_t set, uint32_t property, uint64_t *out);
/** pst_time() - a property that is a time. */
struct entry_time pst_time(struct pst_item *item, uint32_t property);
/** pst_dump() - append every property of a set, a line each. */
void pst_dump(struct pst_item *item, size_t set, struct buf *out);

/**
 * pst_body() - append a body: text as UTF-8, HTML as its bytes, RTF expanded
 * Return: 1; 0 there is none; -EIO it cannot be read; -E2BIG larger than PST_BODY_MAX.
 */
int pst_body(struct pst_item *message, enum pst_body which, struct buf *out);
#define PST_BODY_MAX (64 * 1024 * 1024)

/** pst_attached() - what an attachment is, and how many bytes if it is data. -EIO: unknown. */
int pst_attached(struct pst_item *attachment, enum pst_attached *what, uint64_t *size);
/** pst_read() - bytes of an attachment. Return: as pread(2); -EIO. */
ssize_t pst_read(struct pst_item *attachment, void *buf, size_t len, uint64_t off);

#endif
