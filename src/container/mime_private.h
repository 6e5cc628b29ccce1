/* SPDX-License-Identifier: Apache-2.0 */
/* mime_private.h - what the files of mime.h share; no other includes this. */
#ifndef EVIDENCEFS_CONTAINER_MIME_PRIVATE_H
#define EVIDENCEFS_CONTAINER_MIME_PRIVATE_H

#include <gmime/gmime.h>

#include "container/mime.h"
#include "container/mime_stream.h"

struct mime_leaf {
	GMimePart *part; /* of the message */
	char *type;
	enum mime_kind kind;
	bool encrypted;
};

struct mime {
	struct mime_bytes bytes;
	GMimeMessage *message;
	GMimePart *rest;      /* NULL, or the only leaf: bytes that make no part */
	uint64_t headers_off; /* in the source */
	uint64_t headers_len;
	struct mime_leaf *leaf;
	size_t leaves;
	size_t leaf_cap;
};

/** mime_in_list() - whether @s is one of [n] words, whatever their case. */
bool mime_in_list(const char *s, const char *const *list, size_t n);
/** mime_charsets_load() - open what converts each character set that mail is known to use. */
void mime_charsets_load(void);

#endif
