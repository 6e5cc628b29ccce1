/* SPDX-License-Identifier: Apache-2.0 */
/* t-file.c - files and folders of the state, in a directory made for it. */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char dir[] = "/tmp/t-file.XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[2][256];
	static unsigned turn;

	turn ^= 1;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_mode & 07777;
}

static void test_dirs(void)
{
	struct err e = {.code = 0};

	is_int(file_make_dirs(in_dir("a/b/c"), &e), 0, "folders are made");
	ok(mode_of(in_dir("a")) == 0700 && mode_of(in_dir("a/b/c")) == 0700,
		"for their owner alone");
	is_int(file_make_dirs(in_dir("a/b/c/"), &e), 0, "existing ones are fine");
	is_int(file_write(in_dir("file"), "x", 1, &e), 0, "a file");
	is_int(file_make_dirs(in_dir("file/x"), &e), -ENOTDIR, "a file in the way is an error");
	ok(strstr(e.text, "file/x") != NULL, "that names the folder: %s", e.text);
}

static void test_write(void)
{
	char *text = NULL;
	struct err e = {.code = 0};

	is_int(file_write(in_dir("note"), "one", 3, &e), 0, "written");
	is_int(mode_of(in_dir("note")), 0600, "for its owner alone");
	is_int(file_write(in_dir("note"), "other", 5, &e), 0, "written again");
	is_int(file_read(in_dir("note"), 5, &text, &e), 0, "read");
	is_str(text, "other", "the new text");
	free(text);
	ok(access(in_dir("note.partial"), F_OK) != 0, "nothing half-written stays");
	is_int(file_read(in_dir("note"), 4, &text, &e), -EFBIG, "a file longer than allowed");
	err_clear(&e);
	is_int(file_read(in_dir("none"), 4, &text, &e), -ENOENT, "a missing file");
	ok(strstr(e.text, "none") != NULL, "named: %s", e.text);
	is_int(file_write(in_dir("none/x"), "x", 1, NULL), -ENOENT, "a folder that is not there");
	is_int(mkdir(in_dir("taken"), 0700), 0, "a folder");
	ok(file_write(in_dir("taken"), "x", 1, NULL) < 0, "cannot become a file");
	ok(access(in_dir("taken.partial"), F_OK) != 0, "and nothing half-written stays");
}

static void test_commit(void)
{
	int fd = open(in_dir("from"), O_WRONLY | O_CREAT, 0600);
	struct err e = {.code = 0};

	if (fd < 0 || write(fd, "x", 1) != 1)
		bail_out("cannot write a test file");
	close(fd);
	is_int(file_commit(in_dir("from"), in_dir("to"), &e), 0, "moved into place");
	ok(access(in_dir("from"), F_OK) != 0 && access(in_dir("to"), F_OK) == 0,
		"under its new name alone");
	is_int(file_commit(in_dir("from"), in_dir("to"), &e), -ENOENT, "what is not there");
}

static void test_lock(void)
{
	struct err e = {.code = 0};
	int first = file_lock(in_dir("lock"), 0, &e);
	int second = 0;

	ok(first >= 0, "a lock, its file made");
	is_int(file_lock(in_dir("lock"), 0, &e), -EAGAIN, "a second one is refused");
	close(first);
	second = file_lock(in_dir("lock"), 1, &e);
	ok(second >= 0, "and free once the first is closed");
	close(second);
	is_int(file_lock(in_dir("none/lock"), 0, &e), -ENOENT, "no folder, no lock");
}

static void test_tree(void)
{
	struct err e = {.code = 0};

	is_int(file_make_dirs(in_dir("tree/x/y"), &e), 0, "a tree");
	is_int(file_write(in_dir("tree/x/f"), "0123456789", 10, &e), 0, "with a file");
	is_int(file_write(in_dir("kept"), "kept", 4, &e), 0, "and one outside");
	is_int(symlink(in_dir("kept"), in_dir("tree/link")) | symlink(dir, in_dir("tree/up")), 0,
		"with links that lead outside");
	ok(file_tree_bytes(in_dir("tree")) >= 512, "takes room on the disk");
	is_int(file_remove_tree(in_dir("tree"), &e), 0, "removed");
	ok(access(in_dir("tree"), F_OK) != 0, "wholly");
	ok(access(in_dir("kept"), F_OK) == 0, "links were not followed");
	is_int((long long)file_tree_bytes(in_dir("tree")), 0, "nothing takes no room");
}

int main(void)
{
	if (!mkdtemp(dir))
		bail_out("no folder for the test");
	test_dirs();
	test_write();
	test_commit();
	test_lock();
	test_tree();
	is_int(file_remove_tree(dir, NULL), 0, "everything removed");
	return done_testing();
}
