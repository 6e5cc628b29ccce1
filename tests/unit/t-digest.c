/* SPDX-License-Identifier: Apache-2.0 */
/* t-digest.c - hash functions against known answers (RFC 1321, FIPS 180-4), hex, random bytes. */
#include "tap.h"

#include <errno.h>
#include <unistd.h>

#include "base/digest.h"

static void is_digest(
	enum digest_kind kind, const char *text, unsigned times, const char *want, const char *name)
{
	struct digest *d = digest_new(kind);
	uint8_t value[DIGEST_MAX];
	char hex[DIGEST_HEX_MAX] = "";
	int r = d ? 0 : -ENOMEM;

	for (unsigned i = 0; r == 0 && i < times; i++)
		r = digest_update(d, text, strlen(text));
	if (r == 0)
		r = digest_final(d, value);
	if (r == 0)
		digest_hex(value, digest_size(kind), hex);
	is_str(hex, want, name);
	digest_free(d);
}

static void test_answers(void)
{
	is_digest(DIGEST_MD5, "", 1, "d41d8cd98f00b204e9800998ecf8427e", "MD5 of nothing");
	is_digest(DIGEST_MD5, "abc", 1, "900150983cd24fb0d6963f7d28e17f72", "MD5 of abc");
	is_digest(DIGEST_MD5, "1234567890", 8, "57edf4a22be3c955ac49da2e2107b67a",
		"MD5 of 80 digits in pieces");
	is_digest(
		DIGEST_SHA1, "", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709", "SHA-1 of nothing");
	is_digest(
		DIGEST_SHA1, "abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d", "SHA-1 of abc");
	is_digest(DIGEST_SHA1, "aaaaaaaaaa", 100000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
		"SHA-1 of a million a");
	is_digest(DIGEST_SHA256, "", 1,
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"SHA-256 of nothing");
	is_digest(DIGEST_SHA256, "abc", 1,
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"SHA-256 of abc");
	is_digest(DIGEST_SHA256, "aaaaaaaaaa", 100000,
		"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
		"SHA-256 of a million a");
}

static void test_again(void)
{
	struct digest *d = digest_new(DIGEST_SHA256);
	uint8_t first[DIGEST_MAX];
	uint8_t second[DIGEST_MAX];

	is_int(digest_update(d, "abc", 3) | digest_final(d, first), 0, "finished");
	is_int(digest_update(d, "ab", 2) | digest_update(d, "c", 1) | digest_final(d, second), 0,
		"used again");
	ok(memcmp(first, second, 32) == 0, "the second begins anew");
	digest_free(d);
	digest_free(NULL);
}

static void test_file(void)
{
	char path[] = "/tmp/t-digest.XXXXXX";
	char hex[DIGEST_HEX_MAX];
	struct err e = {.code = 0};
	uint8_t value[32];
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, "abc", 3) != 3)
		bail_out("cannot write a test file");
	close(fd);
	is_int(digest_file(path, value, &e), 0, "a file");
	is_str(digest_hex(value, 32, hex),
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"has its SHA-256");
	unlink(path);
	is_int(digest_file(path, value, &e), -ENOENT, "a missing file is an error");
	ok(strstr(e.text, path) != NULL, "that names it: %s", e.text);
	is_int(digest_file("/tmp", value, NULL), -EISDIR, "a folder is one too");
}

static void test_random(void)
{
	uint8_t a[256];
	uint8_t b[256];

	is_int(digest_random(a, sizeof(a)) | digest_random(b, sizeof(b)), 0, "random bytes");
	ok(memcmp(a, b, sizeof(a)) != 0, "differ each time");
}

int main(void)
{
	test_answers();
	test_again();
	test_file();
	test_random();
	return done_testing();
}
