/* SPDX-License-Identifier: Apache-2.0 */
/* columns.c - records in the order in which they are compressed; see columns.h. */
#include "audit/columns.h"

#include <errno.h>
#include <string.h>

#include "audit/record_private.h"

#define TILE ((size_t)64) /* records at a time: they stay in the processor's cache */

static bool is_size(unsigned units)
{
	return units >= 1 && units <= RECORD_UNITS_MAX;
}

int64_t columns_count(const uint8_t *p, size_t n, size_t *records)
{
	size_t at = 0;
	size_t found = 0;

	while (n - at >= RECORD_UNIT) {
		size_t size = (size_t)p[at + AT_UNITS] * RECORD_UNIT;

		if (!is_size(p[at + AT_UNITS]))
			return -EBADMSG;
		if (size > n - at)
			break;
		at += size;
		found++;
	}
	*records = found;
	return (int64_t)at;
}

/* [@n] first units, a row each, as a part of columns that are @stride bytes long. */
static void put_tile(
	const uint8_t row[TILE][RECORD_UNIT], size_t n, size_t stride, uint8_t *columns)
{
	for (size_t byte = 0; byte < RECORD_UNIT; byte++)
		for (size_t i = 0; i < n; i++)
			columns[byte * stride + i] = row[i][byte];
}

static void get_tile(
	const uint8_t *columns, size_t n, size_t stride, uint8_t row[TILE][RECORD_UNIT])
{
	for (size_t byte = 0; byte < RECORD_UNIT; byte++)
		for (size_t i = 0; i < n; i++)
			row[i][byte] = columns[byte * stride + i];
}

void columns_split(const uint8_t *p, size_t records, uint8_t *out)
{
	uint8_t row[TILE][RECORD_UNIT];
	uint8_t *first = out + COLUMNS_HEAD;
	uint8_t *rest = first + records * RECORD_UNIT;

	put_u64(out, records);
	for (size_t done = 0; done < records; done += TILE) {
		size_t n = records - done < TILE ? records - done : TILE;

		for (size_t i = 0; i < n; i++) {
			size_t more = (p[AT_UNITS] - 1u) * (size_t)RECORD_UNIT;

			memcpy(row[i], p, RECORD_UNIT);
			memcpy(rest, p + RECORD_UNIT, more);
			p += RECORD_UNIT + more;
			rest += more;
		}
		put_tile((const uint8_t(*)[RECORD_UNIT])row, n, records, first + done);
	}
}

int64_t columns_head(const uint8_t head[static COLUMNS_HEAD])
{
	uint64_t records = get_u64(head);

	return records >= 1 && records <= COLUMNS_BYTES_MAX / RECORD_UNIT ? (int64_t)records
									  : -EBADMSG;
}

int64_t columns_rest(const uint8_t *first, size_t records)
{
	const uint8_t *units = first + AT_UNITS * records;
	size_t all = 0;

	for (size_t i = 0; i < records; i++) {
		if (!is_size(units[i]))
			return -EBADMSG;
		all += (size_t)units[i] * RECORD_UNIT;
	}
	return all <= COLUMNS_BYTES_MAX ? (int64_t)(all - records * RECORD_UNIT) : -EBADMSG;
}

void columns_join(const uint8_t *first, const uint8_t *rest, size_t records, uint8_t *out)
{
	uint8_t row[TILE][RECORD_UNIT];

	for (size_t done = 0; done < records; done += TILE) {
		size_t n = records - done < TILE ? records - done : TILE;

		get_tile(first + done, n, records, row);
		for (size_t i = 0; i < n; i++) {
			size_t more = (row[i][AT_UNITS] - 1u) * (size_t)RECORD_UNIT;

			memcpy(out, row[i], RECORD_UNIT);
			memcpy(out + RECORD_UNIT, rest, more);
			out += RECORD_UNIT + more;
			rest += more;
		}
	}
}
