/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-ewf.c - EWF images made by ewfacquire, read back byte for byte
 *
 * Then damaged in one place after the other: what is damaged is an error,
 * everything else is still served. Images longer than 2 GiB, which no test can
 * acquire, are built sparse on a memfd.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libdeflate.h>
#include <limits.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/digest.h"
#include "image/ewf.h"
#include "tap.h"

extern char **environ;

#define MEDIA_MAX (6u << 20)
#define SEGMENTED (5u << 20) /* six segments of 1 MiB, with what a segment adds */

static char dir[PATH_MAX];
static uint8_t *media; /* [MEDIA_MAX] what is acquired; its beginning for shorter media */

struct image {
	struct image_files files;
	struct ewf_info info;
	struct source *source;
	struct err e;
};

static uint64_t seed = 7;

static uint64_t rnd(uint64_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (seed >> 16) % below;
}

/* Zeros, text and noise in turn, so that chunks compress well, a little, not at all. */
static void make_media(void)
{
	media = malloc(MEDIA_MAX);
	if (!media)
		bail_out("memory");
	for (size_t i = 0; i < MEDIA_MAX; i++) {
		switch (i / 50000 % 3) {
		case 0:
			media[i] = 0;
			break;
		case 1:
			media[i] = (uint8_t)("evidence"[i % 8] + (int)(i / 4096 % 7));
			break;
		default:
			media[i] = (uint8_t)rnd(256);
		}
	}
}

static char *path_of(const char *name)
{
	char *p = NULL;

	if (asprintf(&p, "%s/%s", dir, name) < 0)
		bail_out("memory");
	return p;
}

static void write_file(const char *name, const void *p, size_t n)
{
	char *path = path_of(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		bail_out("cannot write a test file");
	close(fd);
	free(path);
}

/* Changes @n bytes of a file by exclusive or. */
static void flip(const char *name, off_t at, size_t n)
{
	char *path = path_of(name);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t p[64];

	if (fd < 0 || n > sizeof(p) || pread(fd, p, n, at) != (ssize_t)n)
		bail_out("cannot damage a test file");
	for (size_t i = 0; i < n; i++)
		p[i] ^= 0x55;
	if (pwrite(fd, p, n, at) != (ssize_t)n)
		bail_out("cannot damage a test file");
	close(fd);
	free(path);
}

static void put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void seal(uint8_t *p, size_t n)
{
	put32(p + n - 4, libdeflate_adler32(1, p, n - 4));
}

static bool have_ewfacquire(void)
{
	char arg0[] = "ewfacquire";
	char arg1[] = "-V";
	char *argv[] = {arg0, arg1, NULL};
	posix_spawn_file_actions_t fa;
	pid_t pid = 0;
	int status = 0;
	bool have = false;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&fa, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ) == 0)
		have = waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		       WEXITSTATUS(status) != 127;
	posix_spawn_file_actions_destroy(&fa);
	return have;
}

/* Acquires the first @size bytes as @name; @options are separated by single blanks. */
static bool try_acquire(const char *name, size_t size, const char *options)
{
	bool good = false;
	char *argv[32] = {NULL};
	char *line = NULL;
	char *save = NULL;
	char *raw = path_of("media.raw");
	char *log = path_of("ewfacquire.log");
	posix_spawn_file_actions_t fa;
	pid_t pid = 0;
	int status = 0;
	int n = 0;

	write_file("media.raw", media, size);
	if (asprintf(&line, "ewfacquire -u -q %s -t %s/%s %s", options, dir, name, raw) < 0)
		bail_out("memory");
	for (char *p = strtok_r(line, " ", &save); p && n < 31; p = strtok_r(NULL, " ", &save))
		argv[n++] = p;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(
		&fa, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_adddup2(&fa, STDOUT_FILENO, STDERR_FILENO);
	good = posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ) == 0 &&
	       waitpid(pid, &status, 0) == pid && status == 0;
	posix_spawn_file_actions_destroy(&fa);
	free(line);
	free(raw);
	free(log);
	return good;
}

static void acquire(const char *name, size_t size, const char *options)
{
	if (!try_acquire(name, size, options))
		bail_out("ewfacquire failed");
}

static int image_open(struct image *m, const char *name)
{
	char *path = path_of(name);
	int r = 0;

	*m = (struct image){.source = NULL};
	r = image_files_open(path, &m->files, &m->e);
	if (r == 0)
		r = ewf_open(m->files.v, m->files.n, &m->info, &m->source, &m->e);
	free(path);
	return r;
}

static void image_close(struct image *m)
{
	source_close(m->source);
	ewf_info_release(&m->info);
	image_files_close(&m->files);
}

static bool same(const struct source *s, uint64_t off, size_t len)
{
	uint8_t *buf = malloc(len + 1);
	ssize_t n = buf ? source_read_all(s, buf, len, off) : -1;
	bool good = n == (ssize_t)len && memcmp(buf, media + off, len) == 0;

	free(buf);
	return good;
}

/* Whole, at every chunk border, and at 300 random places. */
static bool same_everywhere(const struct image *m, size_t size)
{
	uint32_t chunk = m->info.chunk_size;
	bool good = source_size(m->source) == size && same(m->source, 0, size);

	for (uint64_t at = chunk; good && at < size; at += chunk)
		good = same(m->source, at - 1, at + 1 < size ? 3 : 2);
	for (int i = 0; good && i < 300; i++) {
		uint64_t off = rnd(size);

		good = same(m->source, off, rnd(size - off < 100000 ? size - off : 100000));
	}
	return good;
}

static bool md5_matches(const struct image *m, size_t size)
{
	struct digest *d = digest_new(DIGEST_MD5);
	uint8_t md5[DIGEST_MAX];
	bool good = d && digest_update(d, media, size) == 0 && digest_final(d, md5) == 0;

	digest_free(d);
	return good && m->info.has_md5 && memcmp(md5, m->info.md5, 16) == 0;
}

static void clean(void);

static void check_acquired(size_t size, const char *options, const char *first)
{
	struct image m;
	int r = 0;

	if (!try_acquire("i", size, options)) { /* it cannot compress a chunk of one byte */
		skip("ewfacquire cannot write this");
		clean();
		return;
	}
	r = image_open(&m, first);
	if (!ok(r == 0 && same_everywhere(&m, size) && md5_matches(&m, size), "%zu bytes, %s", size,
		    options))
		diag("%s; size %llu", m.e.text,
			(unsigned long long)(m.source ? source_size(m.source) : 0));
	image_close(&m);
	clean();
}

static void test_formats(void)
{
	static const char *const formats[] = {"encase1", "encase2", "encase3", "encase4", "encase5",
		"encase6", "encase7", "linen5", "linen6", "linen7", "ftk", "ewfx", "smart", "ewf"};
	static const char *const levels[] = {"none", "empty-block", "fast", "best"};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		for (size_t j = 0; j < sizeof(levels) / sizeof(levels[0]); j++) {
			char options[64];
			const char *first = "i.E01";

			if (strcmp(formats[i], "smart") == 0)
				first = "i.s01";
			else if (strncmp(formats[i], "ewf", 3) == 0)
				first = "i.e01";
			snprintf(options, sizeof(options), "-f %s -c %s", formats[i], levels[j]);
			check_acquired(300000, options, first);
		}
	}
}

static void test_sizes(void)
{
	static const size_t sizes[] = {1, 200, 511, 512, 513, 32767, 32768, 32769, 98304, 98305,
		98404, 98815, 98816, 100001};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		check_acquired(sizes[i], "-c none", "i.E01");
		check_acquired(sizes[i], "-c best -f encase5", "i.E01");
		check_acquired(sizes[i], "-f smart", "i.s01");
	}
	check_acquired(300000, "-P 2048", "i.E01");
	check_acquired(300001, "-P 4096 -c best", "i.E01");
}

static void test_chunks_and_segments(void)
{
	static const char *const per_chunk[] = {"16", "32", "64", "128", "256", "512", "1024",
		"2048", "4096", "8192", "16384", "32768"};
	char options[64];
	struct image m;

	for (size_t i = 0; i < sizeof(per_chunk) / sizeof(per_chunk[0]); i++) {
		snprintf(options, sizeof(options), "-c fast -b %s", per_chunk[i]);
		check_acquired(1000001, options, "i.E01");
	}
	check_acquired(MEDIA_MAX, "-S 1048576", "i.E01");
	check_acquired(MEDIA_MAX - 77, "-S 1048576 -f encase5 -c best", "i.E01");
	check_acquired(MEDIA_MAX, "-S 1048576 -f smart", "i.s01");
	check_acquired(MEDIA_MAX, "-S 1048576 -f encase1", "i.E01");
	acquire("i", SEGMENTED, "-S 1048576");
	is_int(image_open(&m, "i.E01"), 0, "six segments");
	is_int(m.files.n, 6, "are six files");
	image_close(&m);
	clean();
}

/* The value of a header key, or "". */
static const char *header_value(const struct ewf_info *info, const char *key)
{
	const char *p = (const char *)info->header.data;
	const char *end = p + info->header.len;

	while (p < end) {
		const char *value = p + strlen(p) + 1;

		if (strcmp(p, key) == 0)
			return value;
		p = value + strlen(value) + 1;
	}
	return "";
}

static void test_info(void)
{
	struct image m;

	acquire("i", 100000,
		"-d sha1 -C case-7 -E ev-1 -e J\xc3\xbcrgen -D laptop -N two\x01words -A "
		"windows-1252");
	is_int(image_open(&m, "i.E01"), 0, "an image with header values");
	is_int(m.info.media_size, 100000, "media size");
	is_int(m.info.chunk_size, 32768, "chunk size");
	is_int(m.info.chunks, 4, "chunks");
	is_int(m.info.bytes_per_sector, 512, "sector size");
	is_int(m.info.acquiry_errors, 0, "no acquiry errors");
	ok(m.info.has_sha1, "a stored SHA-1");
	ok(md5_matches(&m, 100000), "a stored MD5");
	is_str(header_value(&m.info, "case number"), "case-7", "case number");
	is_str(header_value(&m.info, "evidence number"), "ev-1", "evidence number");
	is_str(header_value(&m.info, "description"), "laptop", "description");
	is_str(header_value(&m.info, "notes"), "twowords", "notes, without control characters");
	is_str(header_value(&m.info, "software"), "20140813", "software");
	is_str(header_value(&m.info, "os"), "Linux", "os");
	ok(strstr(header_value(&m.info, "acquired"), " UTC"), "acquired: %s",
		header_value(&m.info, "acquired"));
	image_close(&m);
	clean();
}

/* Segment offset and end of the @nth section of a type; false when there is none. */
static bool section(const char *name, const char *type, int nth, off_t *at, off_t *end)
{
	char *path = path_of(name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t p[24];
	off_t pos = 13;
	bool found = false;

	free(path);
	while (fd >= 0 && !found && pread(fd, p, sizeof(p), pos) == sizeof(p)) {
		struct cur c = cur_of(p + 16, 8);
		off_t next = (off_t)cur_u64(&c);

		found = strncmp((const char *)p, type, 16) == 0 && nth-- == 0;
		*at = pos;
		*end = next;
		if (next <= pos)
			break;
		pos = next;
	}
	close(fd);
	return found;
}

static off_t section_at(const char *name, const char *type)
{
	off_t at = 0;
	off_t end = 0;

	if (!section(name, type, 0, &at, &end))
		bail_out("the image has no such section");
	return at;
}

/* Exactly the bytes of chunk @chunk are -EIO. */
static void only_chunk_fails(struct image *m, uint64_t chunk, const char *name)
{
	uint64_t size = source_size(m->source);
	uint64_t from = chunk * m->info.chunk_size;
	uint64_t to = from + m->info.chunk_size < size ? from + m->info.chunk_size : size;
	uint8_t *buf = malloc(size);
	bool good = buf != NULL;

	for (uint64_t i = 0; good && i < m->info.chunks; i++) {
		struct err e = {0};
		ssize_t n = ewf_chunk(m->source, i, buf, &e);

		good = i == chunk ? n == -EIO && strstr(e.text, "i.E01")
				  : n > 0 && memcmp(buf, media + i * m->info.chunk_size,
						     (size_t)n) == 0;
	}
	ok(good, "%s: ewf_chunk fails for it alone, naming the segment", name);
	ok(source_pread(m->source, buf, size, 0) == (from ? (ssize_t)from : -EIO) &&
			same(m->source, 0, from),
		"%s: a read before it is short", name);
	ok(source_pread(m->source, buf, 1, from) == -EIO &&
			source_pread(m->source, buf, 1, to - 1) == -EIO &&
			source_pread(m->source, buf, to - from, from) == -EIO,
		"%s: its bytes are errors", name);
	ok(same(m->source, to, size - to), "%s: what follows is served", name);
	free(buf);
}

static void test_bad_chunk(void)
{
	static const char *const levels[] = {"-c none -f encase6", "-c best -f encase6"};
	struct image m;

	for (size_t i = 0; i < 2; i++) {
		acquire("i", 300000, levels[i]);
		flip("i.E01", section_at("i.E01", "sectors") + 76 + (i ? 9 : 2 * 32772 + 100), 1);
		is_int(image_open(&m, "i.E01"), 0, "an image with a damaged chunk opens");
		only_chunk_fails(&m, i ? 0 : 2, levels[i]);
		image_close(&m);
		clean();
	}
	/* A checksum alone, and the last chunk. */
	acquire("i", 98304 + 1024, "-c none -f encase6");
	flip("i.E01", section_at("i.E01", "table") - 1, 1);
	is_int(image_open(&m, "i.E01"), 0, "an image with a damaged last checksum opens");
	only_chunk_fails(&m, 3, "last chunk");
	image_close(&m);
	clean();
}

static void test_bad_tables(void)
{
	struct image m;
	uint8_t b = 0;
	struct err e = {0};

	acquire("i", 300000, "-c fast");
	flip("i.E01", section_at("i.E01", "table") + 76 + 24 + 5, 1);
	is_int(image_open(&m, "i.E01"), 0, "damaged entries in the table");
	ok(same_everywhere(&m, 300000), "are taken from table2");
	image_close(&m);
	flip("i.E01", section_at("i.E01", "table") + 76 + 8, 1);
	is_int(image_open(&m, "i.E01"), 0, "a damaged table header");
	ok(same_everywhere(&m, 300000), "too");
	image_close(&m);
	flip("i.E01", section_at("i.E01", "table2") + 76 + 24 + 5, 1);
	is_int(image_open(&m, "i.E01"), 0, "damaged entries in both");
	is_int(source_pread(m.source, &b, 1, 0), -EIO, "are errors");
	ewf_chunk(m.source, 0, &b, &e);
	ok(strstr(e.text, "table"), "that say so: %s", e.text);
	image_close(&m);
	flip("i.E01", section_at("i.E01", "table2") + 76 + 2, 1);
	is_int(image_open(&m, "i.E01"), -EBADMSG, "both headers damaged: refused");
	ok(strstr(m.e.text, "table") && strstr(m.e.text, "i.E01"), "%s", m.e.text);
	image_close(&m);
	clean();
	acquire("i", 300000, "-c fast");
	flip("i.E01", section_at("i.E01", "table2") + 76 + 24, 8);
	is_int(image_open(&m, "i.E01"), 0, "a damaged table2 alone");
	ok(same_everywhere(&m, 300000), "does not matter");
	image_close(&m);
	clean();
}

static void opens_not(int code, const char *word, const char *name)
{
	struct image m;

	is_int(image_open(&m, "i.E01"), -code, name);
	ok(strstr(m.e.text, word) && !strchr(m.e.text, '\n'), "%s", m.e.text);
	image_close(&m);
}

static void test_bad_sections(void)
{
	struct image m;

	acquire("i", 300000, "-c fast");
	flip("i.E01", section_at("i.E01", "sectors") + 20, 1);
	opens_not(EBADMSG, "offset", "a damaged section header");
	flip("i.E01", section_at("i.E01", "sectors") + 20, 1);
	flip("i.E01", section_at("i.E01", "volume") + 76 + 5, 1);
	opens_not(EBADMSG, "volume", "a damaged volume section");
	flip("i.E01", section_at("i.E01", "volume") + 76 + 5, 1);
	flip("i.E01", section_at("i.E01", "hash") + 76 + 5, 1);
	flip("i.E01", section_at("i.E01", "header2") + 76 + 5, 1);
	is_int(image_open(&m, "i.E01"), 0, "damaged text and hash sections");
	ok(same_everywhere(&m, 300000) && !m.info.has_md5, "cost only themselves");
	image_close(&m);
	write_file("i.E01", "EVF\x09\x0d\x0a\xff\x00\x01\x01\x00\x00\x00", 13);
	opens_not(ENODATA, "truncated", "nothing but a file header");
	clean();
}

static void shorten(const char *name, off_t by)
{
	char *path = path_of(name);
	struct stat st;

	if (stat(path, &st) || truncate(path, st.st_size - by))
		bail_out("cannot truncate a test file");
	free(path);
}

static void move(const char *from, const char *to)
{
	char *a = path_of(from);
	char *b = path_of(to);

	if (rename(a, b))
		bail_out("cannot rename a test file");
	free(a);
	free(b);
}

/* ewfacquire leaves the identifier of the set of segments empty; EnCase does not. */
static void name_set(const char *name, const char *type, uint8_t id)
{
	char *path = path_of(name);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	off_t at = section_at(name, type) + 76;
	uint8_t p[1052];

	if (fd < 0 || pread(fd, p, sizeof(p), at) != sizeof(p))
		bail_out("cannot read a volume section");
	memset(p + 64, id, 16);
	seal(p, sizeof(p));
	if (pwrite(fd, p, sizeof(p), at) != sizeof(p))
		bail_out("cannot write a volume section");
	close(fd);
	free(path);
}

static void test_segments(void)
{
	acquire("i", SEGMENTED, "-S 1048576");
	move("i.E06", "kept");
	opens_not(ENXIO, "segment 6", "without its last segment");
	move("kept", "i.E06");
	move("i.E03", "kept");
	opens_not(ENXIO, "i.E03", "without one in the middle");
	move("i.E04", "i.E03");
	move("kept", "i.E04");
	opens_not(EBADMSG, "segment 4", "with two segments exchanged");
	move("i.E03", "kept");
	move("i.E04", "i.E03");
	move("kept", "i.E04");
	acquire("j", SEGMENTED, "-S 1048576");
	name_set("i.E01", "volume", 1);
	name_set("j.E04", "data", 2);
	move("j.E04", "i.E04");
	opens_not(EBADMSG, "another image", "with a segment of another image");
	clean();
	acquire("i", SEGMENTED, "-S 1048576");
	acquire("j", 300000, "");
	move("j.E01", "i.E07");
	opens_not(EBADMSG, "i.E07", "with a segment too many");
	move("i.E07", "kept");
	shorten("i.E03", 400000);
	opens_not(ENODATA, "i.E03", "truncated in the middle of a segment");
	clean();
	acquire("i", 300000, "");
	shorten("i.E01", 76);
	opens_not(ENODATA, "truncated", "truncated at its last section");
	clean();
}

struct reader {
	const struct image *m;
	uint64_t seed;
	bool good;
	pthread_t thread;
};

static void *read_randomly(void *arg)
{
	struct reader *r = arg;
	uint8_t buf[70000];

	for (int i = 0; r->good && i < 800; i++) {
		uint64_t off = 0;
		size_t len = 0;

		r->seed = r->seed * 6364136223846793005u + 1442695040888963407u;
		off = (r->seed >> 20) % (MEDIA_MAX - sizeof(buf));
		len = i % 4 ? 4096 : sizeof(buf);
		r->good = source_read_all(r->m->source, buf, len, off) == (ssize_t)len &&
			  memcmp(buf, media + off, len) == 0;
	}
	return NULL;
}

static void test_threads(void)
{
	struct reader r[4];
	struct image m;
	bool good = true;

	acquire("i", MEDIA_MAX, "-S 1048576 -c fast");
	is_int(image_open(&m, "i.E01"), 0, "an image for four threads");
	for (size_t i = 0; i < 4; i++) {
		r[i] = (struct reader){.m = &m, .seed = i, .good = true};
		if (pthread_create(&r[i].thread, NULL, read_randomly, &r[i]))
			bail_out("pthread_create");
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(r[i].thread, NULL);
		good = good && r[i].good;
	}
	ok(good, "four threads read what is there");
	image_close(&m);
	clean();
}

/* ---- images built here ---- */

struct built {
	struct image_file file;
	uint64_t at; /* where the next section begins */
};

static void built_put(struct built *b, const void *p, size_t n, uint64_t at)
{
	if (pwrite(b->file.fd, p, n, (off_t)at) != (ssize_t)n)
		bail_out("pwrite");
	if (b->file.size < at + n)
		b->file.size = at + n;
}

static void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static struct built built_new(void)
{
	static char path[] = "built.E01";
	struct built b = {
		.file = {.path = path, .fd = memfd_create("built", MFD_CLOEXEC)}, .at = 13};

	if (b.file.fd < 0)
		bail_out("memfd");
	built_put(&b, "EVF\x09\x0d\x0a\xff\x00\x01\x01\x00\x00\x00", 13, 0);
	return b;
}

/* A section header; its payload of @n bytes is the caller's to write at the returned offset. */
static uint64_t built_section(struct built *b, const char *type, uint64_t n)
{
	uint8_t p[76] = {0};
	uint64_t at = b->at;

	memcpy(p, type, strlen(type));
	b->at += n == UINT64_MAX ? 0 : 76 + n; /* done: points to itself */
	put64(p + 16, b->at);
	put64(p + 24, n == UINT64_MAX ? 76 : 76 + n);
	seal(p, sizeof(p));
	built_put(b, p, sizeof(p), at);
	return at + 76;
}

static void built_volume(struct built *b, uint32_t chunks, uint32_t per_chunk, uint64_t sectors)
{
	uint8_t p[1052] = {1};

	put32(p + 4, chunks);
	put32(p + 8, per_chunk);
	put32(p + 12, 512);
	put64(p + 16, sectors);
	seal(p, sizeof(p));
	built_put(b, p, sizeof(p), built_section(b, "volume", sizeof(p)));
}

static void built_table(struct built *b, uint32_t n, uint64_t base, const uint32_t *entries)
{
	size_t size = 24 + (size_t)n * 4 + 4;
	uint8_t *p = calloc(1, size);

	if (!p)
		bail_out("memory");
	put32(p, n);
	put64(p + 8, base);
	seal(p, 24);
	for (uint32_t i = 0; i < n; i++)
		put32(p + 24 + (size_t)i * 4, entries[i]);
	seal(p + 24, size - 24);
	built_put(b, p, size, built_section(b, "table", size));
	free(p);
}

static int built_open(struct built *b, struct ewf_info *info, struct source **s, struct err *e)
{
	*info = (struct ewf_info){0};
	*s = NULL;
	*e = (struct err){0};
	return ewf_open(&b->file, 1, info, s, e);
}

/*
 * A sectors section of 2.4 GiB as EnCase 6.7 wrote it: chunks of 16 MiB, the
 * first ones and the one at the border compressed, the others plain and behind
 * the border without a bit to say so. Each begins with its number.
 */
#define BIG_CHUNK  (16u << 20)
#define BIG_CHUNKS 170u

static void big_chunk(uint8_t *chunk, uint32_t i)
{
	put32(chunk, i);
}

static void build_big(struct built *b)
{
	static uint32_t entries[BIG_CHUNKS];
	struct libdeflate_compressor *z = libdeflate_alloc_compressor(1);
	uint8_t *chunk = calloc(1, BIG_CHUNK + 4);
	uint8_t *packed = malloc(BIG_CHUNK);
	uint64_t base = b->at + 1128; /* the sectors section, behind the volume section */
	uint64_t at = 76;

	if (!chunk || !packed || !z)
		bail_out("memory");
	built_volume(b, BIG_CHUNKS, BIG_CHUNK / 512, (uint64_t)BIG_CHUNKS * (BIG_CHUNK / 512));
	for (uint32_t i = 0; i < BIG_CHUNKS; i++) {
		bool plain_next = at <= INT32_MAX && at + BIG_CHUNK + 4 > INT32_MAX;
		size_t n = 0;

		big_chunk(chunk, i);
		entries[i] = (uint32_t)at;
		if (i < 3 || plain_next) {
			n = libdeflate_zlib_compress(z, chunk, BIG_CHUNK, packed, BIG_CHUNK);
			built_put(b, packed, n, base + at);
			entries[i] |= 0x80000000u;
			at += plain_next ? INT32_MAX - at + 5
					 : n; /* the next is behind the border */
			continue;
		}
		put32(chunk + BIG_CHUNK, libdeflate_adler32(1, chunk, BIG_CHUNK));
		built_put(b, chunk, 4, base + at);
		built_put(b, chunk + BIG_CHUNK, 4, base + at + BIG_CHUNK);
		at += BIG_CHUNK + 4;
	}
	built_section(b, "sectors", at - 76);
	built_table(b, BIG_CHUNKS, base, entries);
	built_section(b, "done", UINT64_MAX);
	libdeflate_free_compressor(z);
	free(chunk);
	free(packed);
}

static void test_big(void)
{
	struct built b = built_new();
	struct ewf_info info;
	struct source *s = NULL;
	struct err e;
	uint8_t *chunk = malloc(BIG_CHUNK);
	uint8_t want[4];
	bool good = chunk != NULL;

	build_big(&b);
	is_int(built_open(&b, &info, &s, &e), 0, "a sectors section of more than 2 GiB");
	is_int(info.media_size, (uint64_t)BIG_CHUNKS * BIG_CHUNK, "its media size");
	for (uint32_t i = 0; good && s && i < BIG_CHUNKS;
		i += i < 5 || (i > 120 && i < 140) ? 1 : 9) {
		put32(want, i);
		good = ewf_chunk(s, i, chunk, &e) == BIG_CHUNK && memcmp(chunk, want, 4) == 0;
		if (!good)
			diag("chunk %u: %s", i, e.text);
	}
	ok(good, "its chunks before and behind the border");
	source_close(s);
	ewf_info_release(&info);
	close(b.file.fd);
	free(chunk);
}

/* One plain chunk of 512 bytes, entered @n times; then what the caller adds. */
static struct built build_small(uint32_t chunks, uint64_t sectors, uint32_t n)
{
	struct built b = built_new();
	uint32_t entries[8];
	uint8_t chunk[516];
	uint64_t at = 0;

	memset(chunk, 'x', 512);
	put32(chunk + 512, libdeflate_adler32(1, chunk, 512));
	built_volume(&b, chunks, 1, sectors);
	at = built_section(&b, "sectors", (uint64_t)n * sizeof(chunk));
	for (uint32_t i = 0; i < n; i++) {
		built_put(&b, chunk, sizeof(chunk), at + i * sizeof(chunk));
		entries[i] = (uint32_t)(at + i * sizeof(chunk));
	}
	built_table(&b, n, 0, entries);
	return b;
}

static void test_counts(void)
{
	struct built b = build_small(8, 8, 3);
	struct ewf_info info;
	struct source *s = NULL;
	struct err e;
	uint8_t buf[4096];

	built_section(&b, "done", UINT64_MAX);
	is_int(built_open(&b, &info, &s, &e), 0, "fewer chunks than the volume section says");
	is_int(source_size(s), 4096, "leave the media its size");
	is_int(source_pread(s, buf, 4096, 0), 1536, "what is there is served");
	is_int(source_pread(s, buf, 1, 1536), -EIO, "what is not is an error");
	is_int(ewf_chunk(s, 8, buf, &e), -EINVAL, "and past the end there is no chunk");
	source_close(s);
	close(b.file.fd);

	b = build_small(2, 2, 5);
	built_section(&b, "done", UINT64_MAX);
	is_int(built_open(&b, &info, &s, &e), 0, "more chunks than the volume section says");
	is_int(source_size(s), 1024, "are not media");
	is_int(source_pread(s, buf, 4096, 0), 1024, "and are not served");
	source_close(s);
	close(b.file.fd);

	b = build_small(0, 0, 5);
	built_section(&b, "done", UINT64_MAX);
	is_int(built_open(&b, &info, &s, &e), 0, "a volume section that counts nothing");
	is_int(source_size(s), 2560, "is made good by the tables");
	source_close(s);
	close(b.file.fd);
}

static void built_refused(struct built *b, int code, const char *name)
{
	struct ewf_info info;
	struct source *s = NULL;
	struct err e;

	is_int(built_open(b, &info, &s, &e), -code, name);
	ok(e.text[0] && !s, "%s", e.text);
	source_close(s);
	close(b->file.fd);
}

static void test_hostile(void)
{
	struct built b = build_small(2, 2, 2);
	uint8_t p[76] = {0};

	memcpy(p, "data", 4);
	put64(p + 16, 13);
	seal(p, sizeof(p));
	built_put(&b, p, sizeof(p), b.at);
	built_refused(&b, EBADMSG, "a section chain that loops");

	b = build_small(2, 2, 2);
	put64(p + 16, UINT64_MAX - 5);
	seal(p, sizeof(p));
	built_put(&b, p, sizeof(p), b.at);
	built_refused(&b, ENODATA, "a section that ends beyond everything");

	b = build_small(2, 2, 2);
	built_section(&b, "next", UINT64_MAX);
	built_refused(&b, ENXIO, "a chain that goes on in a segment that is not there");

	b = build_small(1, UINT64_MAX / 256, 1);
	built_section(&b, "done", UINT64_MAX);
	built_refused(&b, EBADMSG, "more sectors than can be counted");

	b = built_new();
	built_volume(&b, 1, 1u << 31, 1);
	built_section(&b, "done", UINT64_MAX);
	built_refused(&b, EBADMSG, "a chunk size that does not fit");

	b = built_new();
	built_section(&b, "done", UINT64_MAX);
	built_refused(&b, EBADMSG, "no volume section");

	b = built_new();
	built_volume(&b, 1, 1, 1);
	built_section(&b, "ltree", 0);
	built_refused(&b, ENOTSUP, "logical evidence");

	b = built_new();
	built_table(&b, 1, 0, (const uint32_t[]){13});
	built_refused(&b, EBADMSG, "a table before the volume section");
}

/* Entries that point nowhere, or backwards: each is an error or right, nothing else. */
static void test_entries(void)
{
	struct built b = built_new();
	struct ewf_info info;
	struct source *s = NULL;
	struct err e;
	uint8_t chunk[516];
	uint32_t entries[4];
	uint64_t at = 0;

	memset(chunk, 'y', 512);
	put32(chunk + 512, libdeflate_adler32(1, chunk, 512));
	built_volume(&b, 4, 1, 4);
	at = built_section(&b, "sectors", 2 * sizeof(chunk));
	built_put(&b, chunk, sizeof(chunk), at);
	built_put(&b, chunk, sizeof(chunk), at + sizeof(chunk));
	entries[0] = (uint32_t)(at + sizeof(chunk));
	entries[1] = (uint32_t)at;               /* out of order */
	entries[2] = 0x7fffffff;                 /* outside */
	entries[3] = (uint32_t)at | 0x80000000u; /* not compressed at all */
	built_table(&b, 4, 0, entries);
	built_section(&b, "done", UINT64_MAX);
	is_int(built_open(&b, &info, &s, &e), 0, "a table with strange entries");
	is_int(ewf_chunk(s, 0, chunk, NULL), 512, "chunks out of order are found");
	is_int(ewf_chunk(s, 1, chunk, NULL), 512, "both of them");
	is_int(ewf_chunk(s, 2, chunk, &e), -EIO, "an offset outside the segment");
	is_int(ewf_chunk(s, 3, chunk, NULL), -EIO, "a chunk that does not inflate");
	source_close(s);
	close(b.file.fd);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	return f->level > 0 ? remove(path) : 0;
}

static void clean(void)
{
	nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");

	if (!have_ewfacquire())
		return skip_all("ewfacquire is not installed (package ewf-tools)");
	snprintf(dir, sizeof(dir), "%s/t-ewf.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		bail_out("mkdtemp");
	make_media();
	test_formats();
	test_sizes();
	test_chunks_and_segments();
	test_info();
	test_bad_chunk();
	test_bad_tables();
	test_bad_sections();
	test_segments();
	test_threads();
	test_big();
	test_counts();
	test_hostile();
	test_entries();
	clean();
	rmdir(dir);
	free(media);
	return done_testing();
}
