/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime.h - one mail message as its headers and its parts (through GMime)
 *
 * The parts are the leaves of the message's tree, in the order they stand in;
 * multiparts are only what holds them. A message in a message is a leaf: its
 * bytes, exactly as they stand there, so that its hash is that of the message
 * kept elsewhere, and whoever wants what is in it opens it as one. Contents are
 * decoded (base64, quoted-printable, uuencode); text that is a body, not a
 * file, is UTF-8 where its character set is known and fits.
 *
 * Bytes are read from the source as they are needed. What GMime keeps of a
 * message is its headers and about a kilobyte for each part. For one thread.
 * mime_prepare() comes first, once, while files may still be opened.
 */
#ifndef EVIDENCEFS_CONTAINER_MIME_H
#define EVIDENCEFS_CONTAINER_MIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "container/container.h"
#include "image/source.h"

struct mime;
struct mime_reader;

enum mime_kind {
	MIME_TEXT,    /* a body: plain text */
	MIME_HTML,    /* a body: HTML */
	MIME_MESSAGE, /* a message in the message */
	MIME_FILE     /* anything else */
};

struct mime_part {
	enum mime_kind kind;
	const char *type; /* "image/png", lower case; of the message's making: any bytes */
	const char *name; /* the file's name, decoded to UTF-8, or NULL */
	bool encrypted;   /* S/MIME or OpenPGP: contents are not those that were written */
};

/** mime_prepare() - load what GMime and conversions need: before a sandbox is entered. */
void mime_prepare(void);

/**
 * mime_open() - take a message apart
 * @s:   borrowed until mime_close()
 * @off, @len: where in it the message is; it has at most that many bytes
 * @b:   what this may cost; NULL: only the limits below
 *
 * A message that ends early, or whose parts do, has what is there.
 *
 * Return: 0 and *@out; -E2BIG the budget, or more than MIME_PARTS_MAX parts could be in it;
 * -EIO a fault of the source; -EBADMSG no message.
 */
int mime_open(const struct source *s, uint64_t off, uint64_t len, struct container_budget *b,
	struct mime **out, struct err *e);

#define MIME_PARTS_MAX 100000 /* lines that could begin or end a part */

/** mime_parts() - how many there are. */
size_t mime_parts(const struct mime *m);
/** mime_part() - one of them, 0 .. mime_parts() - 1; borrowed from @m. */
struct mime_part mime_part(const struct mime *m, size_t i);

/** mime_headers() - where the headers stand in the source, without the empty line behind them. */
void mime_headers(const struct mime *m, uint64_t *off, uint64_t *len);

/** mime_subject() - the subject, decoded to UTF-8; "" when there is none. */
const char *mime_subject(const struct mime *m);
/** mime_date() - the Date field. */
struct entry_time mime_date(const struct mime *m);

/**
 * mime_part_open() - read a part from its beginning
 * Return: 0 and *@out, to be closed before @m; -ENOENT no such part; -ENOMEM.
 */
int mime_part_open(const struct mime *m, size_t i, struct mime_reader **out);
/** mime_read() - its next bytes. Return: bytes, fewer than @len only at the end; -EIO. */
ssize_t mime_read(struct mime_reader *r, void *buf, size_t len);
void mime_reader_close(struct mime_reader *r);

/* An address that stands in a header field. */
struct mime_address {
	const char *field;   /* the field's name as it stands there */
	const char *name;    /* who, decoded to UTF-8, or NULL */
	const char *address; /* local@domain, UTF-8, lower or upper case as it stands there */
};

/**
 * mime_addresses() - every address in every header field of the message
 * @each: anything but 0 ends it, and is returned
 *
 * Of fields that hold addresses by their definition (From, To, Cc, Resent-*, ...), groups
 * included, what a parser finds; of all fields, those too, whatever looks like one once encoded
 * words are decoded: Received, List-*, X-Original-To, a subject. So one may be told twice.
 * Headers of messages in it are theirs: open them.
 */
int mime_addresses(
	const struct mime *m, int (*each)(void *ctx, const struct mime_address *a), void *ctx);

/**
 * mime_ids() - the message's own id (Message-ID), then those of the messages that it answers
 * (References, In-Reply-To; at most 200 of each), without the angle brackets
 * @each: anything but 0 ends it, and is returned
 */
int mime_ids(const struct mime *m, int (*each)(void *ctx, const char *id), void *ctx);

/** mime_addresses_in() - whatever looks like an address in a text; `field` and `name` are NULL. */
int mime_addresses_in(
	const char *text, int (*each)(void *ctx, const struct mime_address *a), void *ctx);

/** mime_fields() - each header field, its value decoded to UTF-8. As mime_addresses(). */
int mime_fields(const struct mime *m, int (*each)(void *ctx, const char *field, const char *value),
	void *ctx);

void mime_close(struct mime *m);

/** mime_base64() - append [n] bytes as lines of base64. */
void mime_base64(const uint8_t *p, size_t n, struct buf *out);

#endif
