/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz-record.c - the decoder of the access log over any bytes
 *
 * What it accepts must encode to the same bytes. Sums that do not match are set right in a
 * copy, so that what stands behind the check is reached too.
 */
#include <stdlib.h>
#include <string.h>

#include "audit/record.h"
#include "base/crc32c.h"
#include "fuzz.h"

static void check(const uint8_t *p, size_t n)
{
	uint8_t again[RECORD_BYTES_MAX];
	struct audit_event ev;
	int size = record_decode(p, n, &ev);

	if (size <= 0)
		return;
	if (ev.type == AUDIT_HASHES) {
		unsigned level = 0;
		const uint8_t *hash = record_hashes(p, &level);

		if (record_hashes_encode(&ev, level, hash, again) != size ||
			memcmp(again, p, (size_t)size) != 0)
			abort();
		return;
	}
	if (record_is_seal(ev.type)) {
		struct record_seal seal;

		record_seal_decode(p, &seal);
		if ((size_t)size > n || record_seal_encode(&ev, &seal, again) != size ||
			memcmp(again, p, (size_t)size) != 0)
			abort();
		return;
	}
	if ((size_t)size > n || record_encode(&ev, again) != size ||
		memcmp(again, p, (size_t)size) != 0)
		abort();
}

static void check_head(const uint8_t *p)
{
	uint8_t again[RECORD_UNIT];
	struct record_head head;

	if (record_head_decode(p, &head) < 0)
		return;
	record_head_encode(&head, again);
	if (memcmp(again, p, RECORD_UNIT) != 0)
		abort();
}

static void set_sum(uint8_t *at, const uint8_t *p, size_t n)
{
	uint32_t crc = crc32c(0, p, n);

	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(crc >> 8 * i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t copy[RECORD_BYTES_MAX];
	size_t n = size < sizeof(copy) ? size : sizeof(copy);

	check(data, size);
	if (n < RECORD_UNIT)
		return 0;
	check_head(data);
	memcpy(copy, data, n);
	set_sum(copy + 60, copy, 60);
	check_head(copy);
	memcpy(copy, data, n);
	for (size_t whole = RECORD_UNIT; whole <= n; whole += RECORD_UNIT) {
		set_sum(copy, copy + 4, whole - 4);
		check(copy, whole);
	}
	return 0;
}
