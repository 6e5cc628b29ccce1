/* SPDX-License-Identifier: Apache-2.0 */
/* signer.c - the key that signs the log's heads; see signer.h. */
#include "audit/signer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/buf.h"
#include "base/digest.h"

#define KEY_FILE    "log.key"
#define DEVICE_FILE "device.key"
#define NEW         ".new"
/* log id, private half, size, root */
#define KEPT_BYTES (RECORD_LOG_ID + RECORD_KEY + 8 + RECORD_ROOT)

struct key {
	EVP_PKEY *pkey;
	uint8_t public[RECORD_KEY];
};

struct signer {
	uint8_t log_id[RECORD_LOG_ID];
	char name[NOTE_NAME_MAX];
	struct key now;
	struct key next; /* made by signer_epoch() or signer_begin() */
	struct record_seal epoch;
	uint64_t size; /* of the newest tree that was signed */
	uint8_t root[RECORD_ROOT];
};

static void key_erase(struct key *k)
{
	EVP_PKEY_free(k->pkey); /* which overwrites the private half */
	*k = (struct key){.pkey = NULL};
}

static int key_of(const uint8_t secret[static RECORD_KEY], struct key *out)
{
	size_t n = RECORD_KEY;

	out->pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, RECORD_KEY);
	if (out->pkey && EVP_PKEY_get_raw_public_key(out->pkey, out->public, &n) == 1)
		return 0;
	key_erase(out);
	return -EIO;
}

static int key_make(struct key *out)
{
	uint8_t secret[RECORD_KEY];
	int rc = digest_random(secret, sizeof(secret));

	if (rc == 0)
		rc = key_of(secret, out);
	OPENSSL_cleanse(secret, sizeof(secret));
	return rc;
}

static int key_sign(const struct key *k, const void *p, size_t n, uint8_t *signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t length = RECORD_SIGNATURE;
	bool good = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
		    EVP_DigestSign(ctx, signature, &length, p, n) == 1;

	EVP_MD_CTX_free(ctx);
	return good && length == RECORD_SIGNATURE ? 0 : -EIO;
}

const uint8_t *signer_key(const struct signer *s)
{
	return s->now.public;
}

void signer_free(struct signer *s)
{
	if (!s)
		return;
	key_erase(&s->now);
	key_erase(&s->next);
	free(s);
}

int signer_blank(const uint8_t log_id[static RECORD_LOG_ID], struct signer **out)
{
	struct signer *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	memcpy(s->log_id, log_id, RECORD_LOG_ID);
	note_name(log_id, s->name);
	*out = s;
	return 0;
}

int signer_make(struct signer *s)
{
	key_erase(&s->now);
	return key_make(&s->now);
}

void signer_floor(struct signer *s, uint64_t size, const uint8_t root[static RECORD_ROOT])
{
	if (size <= s->size)
		return;
	s->size = size;
	memcpy(s->root, root, RECORD_ROOT);
}

/* ---- keys on the disk --------------------------------------------------------------------- */

/* Out of the file, then out of the directory, so that no copy stays behind. */
static int remove_key(int dirfd, int fd)
{
	static const uint8_t zeros[KEPT_BYTES];

	if (pwrite(fd, zeros, sizeof(zeros), 0) != sizeof(zeros) || fsync(fd) < 0 ||
		unlinkat(dirfd, KEY_FILE, 0) < 0 || fsync(dirfd) < 0)
		return -errno;
	return 0;
}

/* Whole or not at all, synced. */
static int write_file(int dirfd, const char *name, const char *tmp, const void *p, size_t n)
{
	int fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = fd < 0 ? -errno : 0;

	if (rc == 0 && (write(fd, p, n) != (ssize_t)n || fsync(fd) < 0 ||
			       renameat(dirfd, tmp, dirfd, name) < 0 || fsync(dirfd) < 0))
		rc = errno ? -errno : -EIO;
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Return: 0; -EBADMSG it is no key of this log. */
static int take_bytes(struct signer *s, const uint8_t *p)
{
	struct cur c = cur_of(p, KEPT_BYTES);
	const uint8_t *id = cur_take(&c, RECORD_LOG_ID);
	const uint8_t *secret = cur_take(&c, RECORD_KEY);
	uint64_t size = cur_u64(&c);

	if (memcmp(id, s->log_id, RECORD_LOG_ID) != 0 || key_of(secret, &s->now) < 0)
		return -EBADMSG;
	signer_floor(s, size, cur_take(&c, RECORD_ROOT));
	return 0;
}

int signer_take(struct signer *s, int dirfd, struct err *e)
{
	uint8_t bytes[KEPT_BYTES];
	int fd = openat(dirfd, KEY_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = 0;
	int rc = 0;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : err_errno(e, errno, "keys/" KEY_FILE);
	n = pread(fd, bytes, sizeof(bytes), 0);
	rc = remove_key(dirfd, fd);
	close(fd);
	if (rc == 0)
		rc = n != sizeof(bytes) ? -EBADMSG : take_bytes(s, bytes);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return rc < 0 ? err_errno(e, -rc, "keys/" KEY_FILE ": cannot be taken over") : 0;
}

int signer_hand_over(const struct signer *s, int dirfd, struct err *e)
{
	uint8_t secret[RECORD_KEY];
	struct buf b = BUF_INIT;
	size_t n = sizeof(secret);
	int rc = 0;

	if (!s->now.pkey)
		return 0;
	rc = EVP_PKEY_get_raw_private_key(s->now.pkey, secret, &n) == 1
		     ? buf_reserve(&b, KEPT_BYTES)
		     : -EIO;
	buf_put(&b, s->log_id, RECORD_LOG_ID);
	buf_put(&b, secret, RECORD_KEY);
	buf_put_u64(&b, s->size);
	buf_put(&b, s->root, RECORD_ROOT);
	OPENSSL_cleanse(secret, sizeof(secret));
	if (rc == 0)
		rc = write_file(dirfd, KEY_FILE, KEY_FILE NEW, b.data, b.len);
	if (b.data)
		OPENSSL_cleanse(b.data, b.len);
	buf_release(&b);
	return rc < 0 ? err_errno(e, -rc, "keys/" KEY_FILE ": cannot be handed over") : 0;
}

int signer_of_device(int dirfd, struct signer **out, struct err *e)
{
	static const uint8_t none[RECORD_LOG_ID];
	uint8_t secret[RECORD_KEY];
	struct signer *s = NULL;
	int fd = openat(dirfd, DEVICE_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -errno : read(fd, secret, sizeof(secret));
	int rc = n == sizeof(secret) ? 0 : n >= 0 ? -EBADMSG : (int)n;

	if (fd >= 0)
		close(fd);
	if (rc == -ENOENT) {
		rc = digest_random(secret, sizeof(secret));
		if (rc == 0)
			rc = write_file(
				dirfd, DEVICE_FILE, DEVICE_FILE NEW, secret, sizeof(secret));
	}
	if (rc == 0)
		rc = signer_blank(none, &s);
	if (rc == 0)
		rc = key_of(secret, &s->now);
	OPENSSL_cleanse(secret, sizeof(secret));
	if (rc < 0) {
		signer_free(s);
		return err_errno(e, -rc, "keys/" DEVICE_FILE ": the device's key");
	}
	*out = s;
	return 0;
}

/* ---- what is signed ------------------------------------------------------------------------ */

const uint8_t *signer_log(const struct signer *s)
{
	return s->log_id;
}

bool signer_has_key(const struct signer *s)
{
	return s->now.pkey != NULL;
}

void signer_next(const struct signer *s, uint8_t out[static RECORD_KEY])
{
	memcpy(out, s->next.public, RECORD_KEY);
}

bool signer_next_is(const struct signer *s, const uint8_t key[static RECORD_KEY])
{
	return s->next.pkey && memcmp(s->next.public, key, RECORD_KEY) == 0;
}

int signer_checkpoint(
	struct signer *s, uint64_t size, const uint8_t root[static RECORD_ROOT], struct note *out)
{
	struct note note = {.size = size, .signatures = 1};
	char text[NOTE_MAX];
	int rc = 0;

	if (size == 0 || size < s->size || s->next.pkey ||
		(size == s->size && memcmp(root, s->root, RECORD_ROOT)))
		return -EPERM;
	if (!s->now.pkey)
		return -ENOKEY;
	memcpy(note.root, root, RECORD_ROOT);
	note_key_hash(s->name, s->now.public, note.key_hash[0]);
	rc = key_sign(&s->now, text, note_text(s->name, size, root, text), note.signature[0]);
	if (rc < 0)
		return rc;
	s->size = size;
	memcpy(s->root, root, RECORD_ROOT);
	*out = note;
	return 0;
}

static int sign_seal(
	const struct key *k, enum audit_type type, const uint8_t *log_id, struct record_seal *seal)
{
	uint8_t text[RECORD_SEAL_TEXT_MAX];
	size_t n = record_seal_text(type, log_id, seal, text);

	return k->pkey ? key_sign(k, text, n, seal->signature) : -ENOKEY;
}

int signer_epoch(struct signer *s, struct record_seal *out)
{
	struct record_seal seal = {.size = s->size};
	int rc = 0;

	if (s->next.pkey) {
		*out = s->epoch;
		return 0;
	}
	rc = s->size ? key_make(&s->next) : -EPERM;
	if (rc < 0)
		return rc;
	memcpy(seal.root, s->root, RECORD_ROOT);
	memcpy(seal.next, s->next.public, RECORD_KEY);
	rc = sign_seal(&s->now, AUDIT_EPOCH, s->log_id, &seal);
	if (rc < 0) {
		key_erase(&s->next);
		return rc;
	}
	s->epoch = seal;
	*out = seal;
	return 0;
}

int signer_evolve(struct signer *s)
{
	if (!s->next.pkey)
		return -EPERM;
	key_erase(&s->now);
	s->now = s->next;
	s->next = (struct key){.pkey = NULL};
	return 0;
}

int signer_begin(struct signer *s, const struct note *last, struct record_seal *out)
{
	struct record_seal seal = {.size = last->size};
	struct key next = {.pkey = NULL};
	int rc = key_make(&next);

	if (rc < 0)
		return rc;
	if (last->size)
		memcpy(seal.root, last->root, RECORD_ROOT);
	memcpy(seal.next, next.public, RECORD_KEY);
	rc = sign_seal(&next, AUDIT_DISCONTINUITY, s->log_id, &seal);
	if (rc < 0) {
		key_erase(&next);
		return rc;
	}
	key_erase(&s->next);
	s->next = next;
	signer_floor(s, seal.size, seal.root);
	*out = seal;
	return 0;
}

int signer_vouch(const struct signer *s, enum audit_type type,
	const uint8_t log_id[static RECORD_LOG_ID], const uint8_t key[static RECORD_KEY],
	struct record_seal *seal)
{
	memcpy(seal->next, key, RECORD_KEY);
	return sign_seal(&s->now, type, log_id, seal);
}

bool signer_checks(const uint8_t key[static RECORD_KEY], const void *p, size_t n,
	const uint8_t signature[static RECORD_SIGNATURE])
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, RECORD_KEY);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = pkey && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
		    EVP_DigestVerify(ctx, signature, RECORD_SIGNATURE, p, n) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return good;
}

bool signer_note_checks(
	const char *name, const struct note *note, const uint8_t key[static RECORD_KEY])
{
	char text[NOTE_MAX];
	size_t n = note_text(name, note->size, note->root, text);
	uint8_t hash[4];

	note_key_hash(name, key, hash);
	for (unsigned i = 0; i < note->signatures; i++)
		if (!memcmp(note->key_hash[i], hash, sizeof(hash)) &&
			signer_checks(key, text, n, note->signature[i]))
			return true;
	return false;
}

bool signer_seal_checks(enum audit_type type, const uint8_t log_id[static RECORD_LOG_ID],
	const struct record_seal *seal, const uint8_t key[static RECORD_KEY])
{
	uint8_t text[RECORD_SEAL_TEXT_MAX];
	size_t n = record_seal_text(type, log_id, seal, text);

	return signer_checks(type == AUDIT_EPOCH || type == AUDIT_DEVICE ? key : seal->next, text,
		n, seal->signature);
}
