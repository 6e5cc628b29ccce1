/* SPDX-License-Identifier: Apache-2.0 */
/* archive_shape.c - which kind of archive bytes say they are; see archive_shape.h. */
#include "container/archive_shape.h"

#include <string.h>

#define ISO_AT    32769u /* "CD001" stands there */
#define TAR_BLOCK ARCHIVE_INSIDE

static bool has(const uint8_t *p, size_t n, const char *magic, size_t len)
{
	return n >= len && memcmp(p, magic, len) == 0;
}

enum archive_packing archive_packing_of(const uint8_t *p, size_t n)
{
	if (has(p, n, "\x1f\x8b\x08", 3))
		return PACKED_GZIP;
	if (has(p, n, "BZh", 3) && n > 9 && p[3] >= '1' && p[3] <= '9' &&
		(memcmp(p + 4, "\x31\x41\x59\x26\x53\x59", 6) == 0 ||
			memcmp(p + 4, "\x17\x72\x45\x38\x50\x90", 6) == 0))
		return PACKED_BZIP2;
	if (has(p, n, "\xfd\x37\x7a\x58\x5a\x00", 6))
		return PACKED_XZ;
	if (has(p, n, "\x28\xb5\x2f\xfd", 4))
		return PACKED_ZSTD;
	return PACKED_NOT;
}

/* A header whose checksum is right: octal, over the block with spaces in its place. */
static bool is_tar(const uint8_t *p, size_t n)
{
	unsigned want = 0;
	unsigned sum = 0;
	int as_signed = 0;
	bool digits = false;

	if (n < TAR_BLOCK || (p[0] == '\0' && memcmp(p + 257, "ustar", 5) != 0))
		return false;
	for (size_t i = 148; i < 156; i++) {
		if (p[i] >= '0' && p[i] <= '7') {
			want = want * 8 + (p[i] - '0');
			digits = true;
		} else if (digits || (p[i] != ' ' && p[i] != '\0')) {
			break;
		}
	}
	if (!digits)
		return false;
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		uint8_t c = i >= 148 && i < 156 ? ' ' : p[i];

		sum += c;
		as_signed += (int8_t)c;
	}
	return want == sum || (int)want == as_signed;
}

#define CPIO_LITTLE "\xc7\x71"
#define CPIO_BIG    "\x71\xc7"

/* The old binary header is two bytes of magic: its name must end where it says. */
static bool is_binary_cpio(const uint8_t *p, size_t n)
{
	size_t len = 0;

	if (has(p, n, CPIO_LITTLE, 2) && n > 26)
		len = (size_t)p[20] | (size_t)p[21] << 8;
	else if (has(p, n, CPIO_BIG, 2) && n > 26)
		len = (size_t)p[21] | (size_t)p[20] << 8;
	return len > 1 && len <= 1024 && n >= 26 + len && p[26 + len - 1] == '\0' &&
	       !memchr(p + 26, '\0', len - 1);
}

static bool is_cpio(const uint8_t *p, size_t n)
{
	return has(p, n, "070701", 6) || has(p, n, "070702", 6) || has(p, n, "070707", 6) ||
	       is_binary_cpio(p, n);
}

/* A program that unpacks itself has its archive behind it, and the end of a zip at its own. */
static bool is_program_with_zip(const uint8_t *p, size_t n, const struct source *s)
{
	uint8_t end[22];
	uint64_t size = source_size(s);

	return (has(p, n, "MZ", 2) ||
		       has(p, n,
			       "\x7f"
			       "ELF",
			       4) ||
		       has(p, n, "#!", 2)) &&
	       size > sizeof(end) &&
	       source_read_all(s, end, sizeof(end), size - sizeof(end)) == (ssize_t)sizeof(end) &&
	       has(end, sizeof(end), "PK\5\6", 4);
}

bool archive_needs_more(const uint8_t *p)
{
	return memcmp(p, CPIO_LITTLE, 2) == 0 || memcmp(p, CPIO_BIG, 2) == 0;
}

enum archive_layout archive_layout_of(const uint8_t *p, size_t n, const struct source *s)
{
	char iso[5];

	if (has(p, n, "PK\3\4", 4) || has(p, n, "PK\5\6", 4) || has(p, n, "PK\7\x8PK\3\4", 8))
		return LAYOUT_ZIP;
	if (has(p, n, "7z\xbc\xaf\x27\x1c", 6))
		return LAYOUT_SEVEN;
	if (has(p, n, "Rar!\x1a\x07", 6))
		return LAYOUT_RAR;
	if (is_program_with_zip(p, n, s))
		return LAYOUT_ZIP;
	if (is_tar(p, n))
		return LAYOUT_TAR;
	if (is_cpio(p, n))
		return LAYOUT_CPIO;
	if (source_size(s) > ISO_AT + sizeof(iso) &&
		source_read_all(s, iso, sizeof(iso), ISO_AT) == (ssize_t)sizeof(iso) &&
		memcmp(iso, "CD001", sizeof(iso)) == 0)
		return LAYOUT_ISO;
	return LAYOUT_NONE;
}

enum archive_layout archive_layout_inside(const uint8_t *p, size_t n)
{
	if (is_tar(p, n))
		return LAYOUT_TAR;
	return is_cpio(p, n) ? LAYOUT_CPIO : LAYOUT_RAW;
}
