/* SPDX-License-Identifier: Apache-2.0 */
/* t-find.c - from what a person names to an image: folders and links, in a directory made for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/find.h"
#include "tap.h"

#define EVF "EVF\x09\x0d\x0a\xff\x00\x01\x01\x00\x00\x00"

static void put(const char *name, const void *p, size_t n)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		bail_out("cannot write a test file");
	close(fd);
}

/* Makes and enters a folder; names separated by blanks, those of EWF with its signature. */
static void folder(const char *name, const char *files)
{
	char copy[1024];

	if (chdir("/") || mkdir(name, 0700) || chdir(name))
		bail_out("cannot make a folder");
	snprintf(copy, sizeof(copy), "%s", files);
	for (char *p = strtok(copy, " "); p; p = strtok(NULL, " "))
		if (strstr(p, ".E") || strstr(p, ".S"))
			put(p, EVF, sizeof(EVF) - 1);
		else
			put(p, p, strlen(p));
}

/* @want: name, then the files' names. */
static void finds(const char *given, const char *want)
{
	struct image_files f = {0};
	struct err e = {0};
	char *name = NULL;
	char got[1024] = "";
	int r = image_find(given, &f, &name, &e);

	if (!is_int(r, 0, want)) {
		diag("%s", e.text);
		return;
	}
	snprintf(got, sizeof(got), "%s:", name);
	for (size_t i = 0; i < f.n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), " %s",
			strrchr(f.v[i].path, '/') ? strrchr(f.v[i].path, '/') + 1 : f.v[i].path);
	is_str(got, want, "its segments");
	free(name);
	image_files_close(&f);
}

static void refuses(const char *given, int code, const char *words)
{
	struct image_files f = {0};
	struct err e = {0};
	char *name = NULL;
	int r = image_find(given, &f, &name, &e);

	is_int(r, -code, words);
	if (!ok(r && strstr(e.text, words), "says so"))
		diag("%s", e.text);
	ok(!f.v && !name, "out-parameters left alone");
}

static void test_folders(const char *top)
{
	char at[256];

	snprintf(at, sizeof(at), "%s/ewf", top);
	folder(at, "disk.E01 disk.E02 disk.E03 disk.txt disk.E01.txt notes.log");
	finds(".", "disk.E01: disk.E01 disk.E02 disk.E03");
	finds("../ewf/", "disk.E01: disk.E01 disk.E02 disk.E03");
	put("other.S01", EVF, sizeof(EVF) - 1);
	refuses(".", EISDIR, "disk.E01, other.S01");
	unlink("other.S01");
	unlink("disk.E02");
	refuses(".", ENXIO, "disk.E02");
	unlink("disk.E01");
	refuses(".", EISDIR, "no .E01");

	snprintf(at, sizeof(at), "%s/digits", top);
	folder(at, "disk.001 disk.002 disk.003 disk.001.txt .hidden.001");
	finds(".", "disk.001: disk.001 disk.002 disk.003");
	put("disk.000", "x", 1);
	finds(".", "disk.000: disk.000 disk.001 disk.002 disk.003");
	unlink("disk.000");
	unlink("disk.001");
	refuses(".", EISDIR, "no .E01");
	unlink("disk.002");
	unlink("disk.003");
	put("only.001", "x", 1);
	finds(".", "only.001: only.001");
	if (mkdir("sub.001", 0700))
		bail_out("cannot make a folder");
	finds(".", "only.001: only.001");

	snprintf(at, sizeof(at), "%s/letters", top);
	folder(at, "disk.aa disk.ab readme.txt chapter.01");
	finds(".", "disk.aa: disk.aa disk.ab");
	unlink("disk.ab");
	refuses(".", EISDIR, "no .E01");

	snprintf(at, sizeof(at), "%s/plain", top);
	folder(at, "disk.dd");
	refuses(".", EISDIR, "is a directory; name the image file in it");
	refuses("none", ENOENT, "no such file");
}

static void test_links(const char *top)
{
	char at[256];

	snprintf(at, sizeof(at), "%s/store", top);
	folder(at, "disk.001 disk.002 blob1 blob2 blob3 part.003 part.002 part.001");
	snprintf(at, sizeof(at), "%s/links", top);
	folder(at, "");
	if (symlink("../store/disk.001", "evidence.001") || symlink("../store", "folder") ||
		symlink("../store/none", "broken"))
		bail_out("cannot make links");
	finds("evidence.001", "evidence.001: disk.001 disk.002");
	finds("folder/disk.001", "disk.001: disk.001 disk.002");
	refuses("folder", EISDIR, "disk.001, part.001");
	refuses("broken", ENOENT, "broken");
	/* each segment a link: only the links' names count */
	if (symlink("../store/blob1", "set.001") || symlink("../store/blob2", "set.002") ||
		symlink("../store/blob3", "set.003"))
		bail_out("cannot make links");
	finds("set.001", "set.001: set.001 set.002 set.003");
	refuses("set.002", EINVAL, "set.001");
	unlink("set.002");
	refuses("set.001", ENXIO, "set.002");
	/* links to segments that count themselves, under other names */
	if (symlink("../store/part.002", "turned.001") ||
		symlink("../store/part.001", "turned.002"))
		bail_out("cannot make links");
	finds("turned.001", "turned.001: turned.001 turned.002");
	unlink("turned.002");
	refuses("turned.001", EINVAL, "part.001");
}

int main(void)
{
	char top[] = "/tmp/t-find.XXXXXX";
	char clear[64];

	if (!mkdtemp(top))
		bail_out("cannot make a directory");
	test_folders(top);
	test_links(top);
	snprintf(clear, sizeof(clear), "rm -rf %s", top);
	if (chdir("/") || system(clear))
		diag("%s is left", top);
	return done_testing();
}
