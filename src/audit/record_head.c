/* SPDX-License-Identifier: Apache-2.0 */
/* record_head.c - heads of segments; see record.h and docs/FORMAT.audit.md, "Head". */
#include <errno.h>

#include "audit/record_private.h"
#include "base/crc32c.h"

/* Offsets within the head of a segment. */
enum {
	HEAD_MAGIC = 0,
	HEAD_VERSION = 8,
	HEAD_UNIT = 12,
	HEAD_LOG_ID = 16,
	HEAD_FIRST_SEQ = 32,
	HEAD_TIME = 40,
	HEAD_KIND = 48,
	HEAD_ZERO = 49,
	HEAD_CRC = 60,
};

static const uint8_t magic[8] = {'E', 'V', 'F', 'S', 'L', 'O', 'G', '\n'};

void record_head_encode(const struct record_head *h, uint8_t out[static RECORD_UNIT])
{
	memset(out, 0, RECORD_UNIT);
	memcpy(out + HEAD_MAGIC, magic, sizeof(magic));
	put_u32(out + HEAD_VERSION, RECORD_VERSION);
	out[HEAD_KIND] = (uint8_t)h->kind;
	put_u32(out + HEAD_UNIT, RECORD_UNIT);
	memcpy(out + HEAD_LOG_ID, h->log_id, RECORD_LOG_ID);
	put_u64(out + HEAD_FIRST_SEQ, h->first_seq);
	put_u64(out + HEAD_TIME, (uint64_t)h->time_ns);
	put_u32(out + HEAD_CRC, crc32c(0, out, HEAD_CRC));
}

int record_head_decode(const uint8_t in[static RECORD_UNIT], struct record_head *h)
{
	if (memcmp(in + HEAD_MAGIC, magic, sizeof(magic)) != 0 ||
		get_u32(in + HEAD_CRC) != crc32c(0, in, HEAD_CRC))
		return -EBADMSG;
	if (get_u32(in + HEAD_VERSION) != RECORD_VERSION)
		return -ENOTSUP;
	if (get_u32(in + HEAD_UNIT) != RECORD_UNIT || in[HEAD_KIND] > RECORD_EXTRACT ||
		!all_zero(in + HEAD_ZERO, HEAD_CRC - HEAD_ZERO) ||
		get_u64(in + HEAD_FIRST_SEQ) == 0)
		return -EBADMSG;
	h->kind = in[HEAD_KIND];
	memcpy(h->log_id, in + HEAD_LOG_ID, RECORD_LOG_ID);
	h->first_seq = get_u64(in + HEAD_FIRST_SEQ);
	h->time_ns = (int64_t)get_u64(in + HEAD_TIME);
	return 0;
}
