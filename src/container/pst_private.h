/* SPDX-License-Identifier: Apache-2.0 */
/* pst_private.h - what pst_text.c and pst_message.c share; no other includes this. */
#ifndef EVIDENCEFS_CONTAINER_PST_PRIVATE_H
#define EVIDENCEFS_CONTAINER_PST_PRIVATE_H

#include "container/pst_file.h"

/** pst_put_fields() - append header fields made of a message's properties. */
void pst_put_fields(struct pst_item *m, struct buf *out);

#endif
