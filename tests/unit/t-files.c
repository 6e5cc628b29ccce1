/* SPDX-License-Identifier: Apache-2.0 */
/* t-files.c - finding the files of an image, in a directory made for it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/files.h"
#include "image/files_series.h"
#include "tap.h"

#define EVF "EVF\x09\x0d\x0a\xff\x00\x01\x01\x00\x00\x00"

static char dir[PATH_MAX];

static const char *in_dir(const char *name)
{
	static char path[2][PATH_MAX + NAME_MAX + 2];
	static int turn;

	turn ^= 1;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

/* A file of @size bytes with @n given ones at @off. */
static void put_at(const char *name, const void *p, size_t n, off_t off, off_t size)
{
	int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, size) || pwrite(fd, p, n, off) != (ssize_t)n)
		bail_out("cannot write a test file");
	close(fd);
}

static void put(const char *name, const char *text)
{
	put_at(name, text, strlen(text), 0, (off_t)strlen(text));
}

static void put_ewf(const char *name)
{
	put_at(name, EVF, sizeof(EVF) - 1, 0, sizeof(EVF) - 1);
}

static void empty_dir(void)
{
	DIR *d = opendir(dir);
	const struct dirent *e = NULL;

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
}

/* Opens @first; the names that were found must be @want, separated by blanks. */
static void opens(const char *first, const char *want, const char *format)
{
	struct image_files f = {0};
	struct err e = {0};
	char got[4096] = "";
	int r = image_files_open(in_dir(first), &f, &e);

	is_int(r, 0, first);
	if (r) {
		diag("%s", e.text);
		return;
	}
	for (size_t i = 0; i < f.n && i < 8; i++) {
		const char *name = strrchr(f.v[i].path, '/') + 1;
		size_t n = strlen(got);

		snprintf(got + n, sizeof(got) - n, "%s%s", i ? " " : "", name);
	}
	is_str(got, want, "its segments");
	is_str(image_format_name(&f), format, "its format");
	image_files_close(&f);
	ok(f.n == 0 && f.v == NULL, "closed");
}

static void refuses(const char *first, int code, const char *word)
{
	struct image_files f = {0};
	struct err e = {0};
	int r = image_files_open(in_dir(first), &f, &e);
	bool said = false;

	is_int(r, -code, first);
	said = r && strstr(e.text, word) && !strchr(e.text, '\n');
	if (!ok(said, "in one line that says \"%s\"", word))
		diag("%s", e.text);
	ok(f.v == NULL, "out-parameter left alone");
	if (r == 0)
		image_files_close(&f);
}

static void test_one_file(void)
{
	struct image_files f = {0};
	struct err e = {0};
	struct stat st;

	put("disk.dd", "abc");
	put("disk.raw", "abc");
	put("noext", "abc");
	opens("disk.dd", "disk.dd", "raw");
	opens("disk.raw", "disk.raw", "raw");
	opens("noext", "noext", "raw");
	put("empty", "");
	refuses("empty", ENODATA, "empty");
	refuses("absent", ENOENT, "no such file");
	refuses(".", EISDIR, "directory");
	if (mkfifo(in_dir("fifo"), 0600) == 0)
		refuses("fifo", EINVAL, "neither");
	if (image_files_open(in_dir("disk.dd"), &f, &e) == 0 && stat(in_dir("disk.dd"), &st) == 0) {
		is_int(f.v[0].size, 3, "size");
		is_int(f.v[0].mtime_ns, st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
			"mtime");
		is_int(fcntl(f.v[0].fd, F_GETFL) & O_ACCMODE, O_RDONLY, "opened read-only");
		ok(fcntl(f.v[0].fd, F_GETFD) & FD_CLOEXEC, "closed on exec");
		image_files_close(&f);
	}
	if (geteuid() != 0 && chmod(in_dir("noext"), 0) == 0)
		refuses("noext", EACCES, "permission");
	else
		skip("root reads everything");
	empty_dir();
}

static void test_digits(void)
{
	put("a.001", "1");
	opens("a.001", "a.001", "raw");
	put("a.002", "2");
	put("a.003", "3");
	put("b.004", "another series");
	put("a.txt", "notes");
	opens("a.001", "a.001 a.002 a.003", "split raw");
	refuses("a.002", EINVAL, "a.001");
	refuses("a.003", EINVAL, "a.001");
	opens("b.004", "b.004", "raw");
	put("a.005", "5");
	refuses("a.001", ENXIO, "a.004 is missing");
	unlink(in_dir("a.005"));
	put("a.2019", "a year");
	opens("a.001", "a.001 a.002 a.003", "split raw");
	opens("a.2019", "a.2019", "raw");
	unlink(in_dir("a.001"));
	refuses("a.002", ENXIO, "a.001 is missing");
	put("a.000", "0");
	refuses("a.000", ENXIO, "a.001 is missing");
	put("a.001", "1");
	opens("a.000", "a.000 a.001 a.002 a.003", "split raw");
	refuses("a.001", EINVAL, "a.000");
	empty_dir();
	put("c.00", "0");
	put("c.01", "1");
	opens("c.00", "c.00 c.01", "split raw");
	empty_dir();
}

static void test_thousand(void)
{
	struct image_files f = {0};
	struct err e = {0};
	char name[32];

	for (int i = 1; i <= 1001; i++) {
		snprintf(name, sizeof(name), "t.%03d", i);
		put(name, "x");
	}
	if (image_files_open(in_dir("t.001"), &f, &e) == 0) {
		is_int(f.n, 1001, ".1000 comes after .999");
		image_files_close(&f);
	} else {
		ok(e.code == EMFILE, "1001 segments, or too many open files: %s", e.text);
	}
	refuses("t.1000", EINVAL, "t.001");
	unlink(in_dir("t.500"));
	refuses("t.001", ENXIO, "t.500 is missing");
	empty_dir();
}

static void test_letters(void)
{
	char all[27 * 8] = "";
	struct image_files f = {0};
	struct err e = {0};

	for (int i = 0; i < 28; i++) {
		snprintf(all, sizeof(all), "d.%c%c", 'a' + i / 26, 'a' + i % 26);
		put(all, "xx");
	}
	put("d.dd", "the whole of it");
	put("d.md", "n");
	is_int(image_files_open(in_dir("d.aa"), &f, &e), 0, "d.aa");
	is_int(f.n, 28, "28 segments: .az, then .ba; .dd and .md are none");
	ok(f.n == 28 && strcmp(strrchr(f.v[26].path, '.'), ".ba") == 0, "the 27th is .ba");
	image_files_close(&f);
	opens("d.dd", "d.dd", "raw");
	refuses("d.ab", EINVAL, "d.aa");
	unlink(in_dir("d.ac"));
	refuses("d.aa", ENXIO, "d.ac is missing");
	empty_dir();
	put("U.AA", "xx");
	put("U.AB", "xx");
	put("xaa", "yy");
	put("xab", "y");
	put("xad", "y");
	opens("U.AA", "U.AA U.AB", "split raw");
	refuses("xaa", ENXIO, "xac is missing");
	unlink(in_dir("xad"));
	opens("xaa", "xaa xab", "split raw");
	put("bazaar", "yy");
	put("isaa", "yy");
	opens("bazaar", "bazaar", "raw");
	opens("isaa", "isaa", "raw");
	empty_dir();
}

static void test_ewf(void)
{
	put_ewf("e.E01");
	put("e.log", "not a segment, though .log would count");
	put("e.txt", "nor this");
	opens("e.E01", "e.E01", "ewf");
	put_ewf("e.e02");
	put_ewf("e.E03");
	opens("e.E01", "e.E01 e.e02 e.E03", "ewf");
	put_ewf("e.E02");
	opens("e.E01", "e.E01 e.E02 e.E03", "ewf");
	refuses("e.E02", EINVAL, "e.E01");
	unlink(in_dir("e.E02"));
	unlink(in_dir("e.e02"));
	refuses("e.E01", ENXIO, "e.E02 is missing");
	unlink(in_dir("e.E01"));
	refuses("e.E03", ENXIO, "e.E01 is missing");
	empty_dir();
	put_ewf("s.s01");
	put_ewf("s.s02");
	opens("s.s01", "s.s01 s.s02", "ewf");
	put_ewf("any.bin");
	opens("any.bin", "any.bin", "ewf");
	put_ewf("odd \xff\x01.E01");
	put_ewf("odd \xff\x01.E02");
	opens("odd \xff\x01.E01", "odd \xff\x01.E01 odd \xff\x01.E02", "ewf");
	empty_dir();
}

/* Names of segments 1 to @n count as they are written. @last: the suffix of the last one. */
static bool names_count(const char *first, uint32_t n, char last[static SERIES_SUFFIX_MAX])
{
	const struct series s = series_ewf(first, 0);
	uint32_t number = 0;
	bool good = true;

	for (uint32_t i = 1; i <= n; i++) {
		char name[SERIES_SUFFIX_MAX + 2] = "x.";

		series_suffix(&s, i, last);
		memcpy(name + 2, last, SERIES_SUFFIX_MAX);
		good = good && series_match(&s, first, name, &number) && number == i;
	}
	return good;
}

static void test_ewf_names(void)
{
	struct series s = series_ewf("x.E01", 0);
	char got[SERIES_SUFFIX_MAX];
	uint32_t number = 0;

	ok(names_count("x.E01", 14971, got), "14971 names count as they are written");
	is_str(got, "ZZZ", "the last one");
	series_suffix(&s, 99, got);
	is_str(got, "E99", "number 99");
	series_suffix(&s, 100, got);
	is_str(got, "EAA", "number 100");
	series_suffix(&s, 776, got);
	is_str(got, "FAA", "number 776");
	s = series_ewf("x.s01", 0);
	series_suffix(&s, 100, got);
	is_str(got, "saa", "of SMART, in the letters of the first");
	s = series_ewf("x.Ex01", 0);
	ok(names_count("x.Ex01", 2127, got), "2127 names of EWF2 too");
	is_str(got, "EzZZ", "the last one");
	series_suffix(&s, 100, got);
	is_str(got, "ExAA", "number 100");
	ok(!series_match(&s, "x.Ex01", "x.E02", &number), "which are not those of E01");
	put_ewf("x.E01");
	put_ewf("x.EAA");
	put_ewf("y.S01");
	put_ewf("y.TAB");
	refuses("x.EAA", EINVAL, "x.E01");
	refuses("y.TAB", EINVAL, "y.S01");
	refuses("x.E01", ENXIO, "x.E02 is missing");
	empty_dir();
}

static void foreign(const char *name, const void *magic, size_t n, off_t off, const char *word)
{
	put_at(name, magic, n, off, 4096);
	refuses(name, ENOTSUP, word);
}

#define FOREIGN(name, magic, off, word) foreign(name, magic, sizeof(magic) - 1, off, word)

static void test_foreign(void)
{
	FOREIGN("a.Lx01", "LEF2\x0d\x0a\x81\x00", 0, "logical");
	FOREIGN("a.L01", "LVF\x09\x0d\x0a\xff\x00", 0, "logical");
	FOREIGN("a.aff", "AFF10\r\n\x00", 0, "affconvert");
	FOREIGN("a.aff4", "PK\x03\x04", 0, "AFF4");
	FOREIGN("a.qcow2", "QFI\xfb", 0, "qemu-img convert");
	FOREIGN("a.vmdk", "KDMV", 0, "qemu-img convert");
	FOREIGN("b.vmdk", "# Disk DescriptorFile\n", 0, "-flat.vmdk");
	FOREIGN("a.vhd", "conectix", 0, "vpc");
	FOREIGN("a.vhdx", "vhdxfile", 0, "qemu-img convert");
	FOREIGN("a.vdi", "\x7f\x10\xda\xbe\x01\x00\x01\x00", 0x40, "qemu-img convert");
	FOREIGN("a.dmg", "koly\x00\x00\x00\x04\x00\x00\x02\x00", 4096 - 512, "dmg");
	put_at("fixed.vhd", "conectix", 8, 4096 - 512, 4096);
	opens("fixed.vhd", "fixed.vhd", "raw");
	put_at("zip.raw", "PK\x03\x04", 4, 0, 4096);
	opens("zip.raw", "zip.raw", "raw");
	put_at("koly.raw", "koly", 4, 4096 - 512, 4096);
	opens("koly.raw", "koly.raw", "raw");
	put("short", "EVF");
	opens("short", "short", "raw");
	empty_dir();
}

static void test_relative(void)
{
	char cwd[PATH_MAX];
	struct image_files f = {0};
	struct err e = {0};

	put("r.001", "1");
	put("r.002", "2");
	if (!getcwd(cwd, sizeof(cwd)) || chdir(dir))
		bail_out("chdir");
	is_int(image_files_open("r.001", &f, &e), 0, "a name without a directory");
	is_int(f.n, 2, "its segments are found in the working directory");
	image_files_close(&f);
	if (chdir(cwd))
		bail_out("chdir");
	is_int(image_files_open("", &f, &e), -ENOENT, "no name at all");
	empty_dir();
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/t-files.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		bail_out("mkdtemp");
	test_one_file();
	test_digits();
	test_thousand();
	test_letters();
	test_ewf();
	test_ewf_names();
	test_foreign();
	test_relative();
	rmdir(dir);
	return done_testing();
}
