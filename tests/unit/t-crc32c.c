/* SPDX-License-Identifier: Apache-2.0 */
/* t-crc32c.c - CRC-32C against the values of RFC 3720 B.4, and against itself. */
#include "tap.h"

#include "base/crc32c.h"

int main(void)
{
	uint8_t bytes[300];
	uint32_t state = 7;
	size_t same = 0;
	size_t n = 0;

	is_int(crc32c(0, "", 0), 0, "nothing");
	is_int(crc32c(0, "123456789", 9), 0xe3069283, "the check value");
	memset(bytes, 0, 32);
	is_int(crc32c(0, bytes, 32), 0x8a9136aa, "32 zeros");
	memset(bytes, 0xff, 32);
	is_int(crc32c(0, bytes, 32), 0x62a8ab43, "32 bytes of ones");
	for (size_t i = 0; i < 32; i++)
		bytes[i] = (uint8_t)i;
	is_int(crc32c(0, bytes, 32), 0x46dd794e, "ascending");
	is_int(crc32c_table(0, bytes, 32), 0x46dd794e, "by the table");
	for (size_t i = 0; i < sizeof(bytes); i++) {
		state = state * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(state >> 24);
	}
	for (size_t from = 0; from < 9; from++)
		for (size_t len = 0; from + len <= sizeof(bytes); len++, n++)
			same += crc32c(0, bytes + from, len) ==
					crc32c_table(0, bytes + from, len) &&
				crc32c(crc32c(0, bytes + from, len / 2), bytes + from + len / 2,
					len - len / 2) == crc32c(0, bytes + from, len);
	is_int(same, (long long)n, "instruction and table agree, whole and in two parts");
	return done_testing();
}
