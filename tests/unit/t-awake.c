/* SPDX-License-Identifier: Apache-2.0 */
/* t-awake.c - what the kernel is asked for, and when; it is a folder of files here */
#include "tap.h"

#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "mount/awake.h"

#define DRIVER  "sys/devices/system/cpu/cpuidle/current_driver"
#define DEVICE  "dev/cpu_dma_latency"
#define UNASKED "xxxx"

static char root[] = "/tmp/t-awake.XXXXXX";

static const char *at(const char *path)
{
	static char full[256];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	return full;
}

static void put(const char *path, const char *text)
{
	if (file_write(at(path), text, strlen(text), NULL))
		bail_out(path);
}

/* The last that was written to the device; -2: nothing was. */
static int32_t asked(void)
{
	int32_t us = -2;
	char *text = NULL;

	if (file_read(at(DEVICE), sizeof(us), &text, NULL) == 0 && memcmp(text, UNASKED, 4) != 0)
		memcpy(&us, text, sizeof(us));
	free(text);
	return us;
}

static void test_asked(void)
{
	struct awake *a = NULL;

	put(DRIVER, "haltpoll\n");
	put(DEVICE, UNASKED);
	a = awake_new(root);
	ok(a != NULL, "it can be asked for");
	is_int(asked(), -2, "nobody asks yet");
	awake_ask(a, true);
	is_int(asked(), 0, "one does: 0 us");
	awake_ask(a, true);
	awake_ask(a, false);
	is_int(asked(), 0, "another one comes and goes: still");
	awake_ask(a, false);
	is_int(asked(), -1, "nobody does any more: the kernel's own");
	awake_ask(a, true);
	is_int(asked(), 0, "and again");
	awake_free(a);
}

static void test_refused(void)
{
	put(DEVICE, UNASKED);
	put(DRIVER, "intel_idle\n");
	ok(awake_new(root) == NULL, "another idle driver: it is not asked for");
	put(DRIVER, "none\n");
	ok(awake_new(root) == NULL, "none: neither");
	unlink(at(DRIVER));
	ok(awake_new(root) == NULL, "a kernel that says nothing of it: neither");
	put(DRIVER, "haltpoll\n");
	unlink(at(DEVICE));
	ok(awake_new(root) == NULL, "no device: neither");
	awake_ask(NULL, true); /* who does without */
	awake_ask(NULL, false);
	awake_free(NULL);
}

int main(void)
{
	if (!mkdtemp(root))
		bail_out("mkdtemp");
	if (file_make_dirs(at("dev"), NULL) ||
		file_make_dirs(at("sys/devices/system/cpu/cpuidle"), NULL))
		bail_out("folders");
	test_asked();
	test_refused();
	file_remove_tree(root, NULL);
	return done_testing();
}
