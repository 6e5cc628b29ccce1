/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pst_text.h - what an item of an Outlook store says, as text and as a message
 *
 * A store keeps no message as it was sent, but properties. These functions
 * write them down: contents are the same whenever they are made from the same
 * store, so that a hash of them holds.
 */
#ifndef EVIDENCEFS_CONTAINER_PST_TEXT_H
#define EVIDENCEFS_CONTAINER_PST_TEXT_H

#include "container/pst_file.h"

#define PST_DEPTH_MAX   8                  /* messages in messages */
#define PST_MESSAGE_MAX (64 * 1024 * 1024) /* bytes of contents of a message given whole */

/** pst_subject() - append the subject as people see it: without the mark for its prefix. */
void pst_subject(struct pst_item *item, struct buf *out);

/** pst_text_recipients() - append who a message was for: type, name, address, tab-separated. */
void pst_text_recipients(struct pst_item *message, struct buf *out);
/** pst_text_properties() - append all properties of an item, a line each. */
void pst_text_properties(struct pst_item *item, struct buf *out);

/** pst_is_mail() - whether it is a message, a report or a request, not a contact, a task, ... */
bool pst_is_mail(struct pst_item *item);

/**
 * pst_message() - append a message whole, as mail
 * Header fields as they were received, but those that say how the parts are laid out; made of
 * properties where none were kept. Then bodies and attachments, all in base64, so that each has
 * the bytes, and the hash, that it has beside this. What cannot be read is left out.
 *
 * Return: 0; -E2BIG larger than PST_MESSAGE_MAX, or deeper than PST_DEPTH_MAX; -EIO; -ENOMEM.
 */
int pst_message(struct pst_item *message, struct buf *out);

/** pst_file_name() - append an attachment's name. Return: whether it has one. */
bool pst_file_name(struct pst_item *attachment, struct buf *out);

#endif
