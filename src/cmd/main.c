/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - evidencefs, the one command people type: its table of subcommands. */
#include "cmd/cmd.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"

static const struct command commands[] = {
	{"mount", "[OPTION]... IMAGE... MOUNTPOINT", "show disk images as read-only folders",
		"  --foreground     stay, and end with Ctrl-C\n"
		"  --json           print one JSON object for each image\n"
		"  --state DIR      keep indexes and the access log here\n"
		"                   (default: $XDG_STATE_HOME/evidencefs, "
		"~/.local/state/evidencefs)\n"
		"  --no-hash        make no hash totals and no hashes of traces\n"
		"  --type pN=TYPE   the file system of partition N, where it is not recognised;\n"
		"                   may be given several times\n"
		"  --privileged     see withheld traces too\n"
		"  --degraded LIST  do without abilities of the kernel, to test: any of\n"
		"                   no-shared-mmap, no-statx, handles, or all, with commas\n",
		cmd_mount},
	{"unmount", "MOUNTPOINT", "end a mount and wait until it is gone", "", cmd_unmount},
	{"state", "list [--json] [--state DIR] | remove [--state DIR] ID...",
		"show or remove what mounts have kept",
		"  --json           print one JSON object for each entry\n"
		"  --state DIR      the folder to look in\n",
		cmd_state},
	{"audit", "show --mount MOUNTPOINT [OPTION]...", "show the access log of a mount",
		"  --mount DIR      the mount point; it need not be mounted any more\n"
		"  --state DIR      where its log is kept, if it is not mounted any more\n"
		"  --json           print one JSON object for each record\n"
		"  --reads          show every read, not their sums for each open\n"
		"  --user U         records of this user (name or uid)\n"
		"  --path PATH      records of this trace and what is below it\n"
		"  --type T,T       records of these types\n"
		"  --since TIME     RFC 3339, a date, or relative: -2h\n"
		"  --until TIME\n",
		cmd_audit},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_error(const char *text)
{
	struct buf b = BUF_INIT;

	text_escape_str(&b, text);
	fprintf(stderr, "evidencefs: %s\n", buf_cstr(&b));
	buf_release(&b);
}

int cmd_fail(const struct err *e, int r)
{
	print_error(err_text(e, r));
	return EXIT_FAILED;
}

int cmd_usage(const struct command *c, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print_error(text);
	fprintf(stderr, "usage: evidencefs %s %s\n", c->name, c->usage);
	return EXIT_USAGE;
}

int cmd_help(const struct command *c)
{
	printf("usage: evidencefs %s %s\n\n%s.\n", c->name, c->usage, c->summary);
	if (c->help[0])
		printf("\n%s", c->help);
	printf("  --help           print this\n");
	return 0;
}

static void print_commands(FILE *f)
{
	fprintf(f, "usage: evidencefs COMMAND [ARGUMENT]...\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fprintf(f, "\nevidencefs COMMAND --help tells more; evidencefs --version.\n");
}

/* Nothing of the caller's is to be held open by a mount that outlives it. */
static void drop_descriptors(void)
{
	int fd = open("/dev/null", O_RDWR);

	while (fd >= 0 && fd < 3) /* one of the first three was closed */
		fd = open("/dev/null", O_RDWR);
	close_range(3, ~0u, 0);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	drop_descriptors();
	umask(077); /* what is kept tells of the evidence: it is this user's alone */
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(name, commands[i].name))
			return commands[i].run(&commands[i], argc - 1, argv + 1);
	}
	if (!strcmp(name, "--version")) {
		printf("evidencefs %s\n", VERSION);
		return 0;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "help")) {
		print_commands(stdout);
		return 0;
	}
	if (name[0]) {
		char text[256];

		snprintf(text, sizeof(text), "%s: no such command", name);
		print_error(text);
	}
	print_commands(stderr);
	return EXIT_USAGE;
}
