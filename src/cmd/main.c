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

#define SERVICE                                                                                    \
	"  --json           print one JSON object a line\n"                                        \
	"  --socket PATH    of the service, if not $EVIDENCEFS_SOCKET or\n"                        \
	"                   /run/evidencefs/control.sock\n"
#define MARKING                                                                                    \
	SERVICE "  --mount DIR      ask the mount of one's own on DIR instead; CASE is "           \
		"`personal`\n"

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
	{"status", "[CASE]", "whether the service is well, and how a case stands", SERVICE,
		cmd_team},
	{"case",
		"create CASE --owner USER | list | show CASE | transfer CASE --to USER | "
		"officer CASE --to USER | close CASE",
		"create, show, hand over and close cases",
		"  create CASE      a new case, by the operator\n"
		"  --owner USER     who decides who sees what in it\n"
		"  --privilege-officer USER  who decides on what is privileged\n"
		"  --title TEXT\n"
		"  --idle-notice DAYS        remind when nothing happens for so long\n"
		"  list             cases in which I hold a right\n"
		"  show CASE        its owner, its officer and its evidence\n"
		"  transfer CASE    to another owner\n"
		"  officer CASE     to another privilege officer\n"
		"  --to USER        who it is from now on\n"
		"  close CASE       no more access; indexes and log stay\n"
		"  --reason TEXT    why: for transfer, officer and close\n" SERVICE,
		cmd_team},
	{"add", "CASE IMAGE [OPTION]...", "add an image to a case, as evidence",
		"  --name NAME      its name, if not the file's\n"
		"  --md5 HEX        hash totals it must have\n"
		"  --sha1 HEX\n"
		"  --sha256 HEX\n"
		"  --type pN=TYPE   the file system of partition N, where it is not recognised\n"
		"  --accept-mismatch  add it though its hash totals differ; with --reason\n"
		"  --reason TEXT    why\n" SERVICE,
		cmd_team},
	{"release", "CASE EVIDENCE --reason TEXT", "let granted users see evidence that was added",
		"  --reason TEXT    why\n" SERVICE, cmd_team},
	{"relocate", "CASE EVIDENCE IMAGE", "say where an image is now", SERVICE, cmd_team},
	{"verify", "CASE [EVIDENCE]", "read evidence again and compare its hash totals", SERVICE,
		cmd_team},
	{"grant", "CASE WHO [PATH] (--role ROLE | --rights R,R...) [OPTION]... --reason TEXT",
		"let somebody see a case, or what is below a path",
		"  --role ROLE      analyst, reviewer or auditor\n"
		"  --rights R,R     of read deleted raw privileged notes annotate mark grant "
		"audit\n"
		"  --from TIME      when it begins (default: now)\n"
		"  --until TIME     when it ends (default: never)\n"
		"  --future         evidence that is added later too\n"
		"  --reason TEXT    why\n" SERVICE,
		cmd_team},
	{"exclude", "CASE WHO PATH [OPTION]... --reason TEXT",
		"keep somebody from what is below a path, whatever is granted",
		"  --from TIME      when it begins (default: now)\n"
		"  --until TIME     when it ends (default: never)\n"
		"  --reason TEXT    why\n" SERVICE,
		cmd_team},
	{"revoke", "CASE ID --reason TEXT", "end a grant or an exclusion",
		"  --reason TEXT    why\n" SERVICE, cmd_team},
	{"grants", "CASE [OPTION]...", "show grants and exclusions",
		"  --who WHO        of this user or @group\n"
		"  --at TIME        those in force then\n"
		"  --history        also what has ended\n" MARKING,
		cmd_team},
	{"whoami", "[CASE]", "what I may see, until when, granted by whom", MARKING, cmd_team},
	{"mark", "CASE PATH... --state STATE --basis TEXT --reason TEXT [OPTION]...",
		"keep traces from who may not see what is privileged",
		"  --state STATE    suspected, confirmed or rejected\n"
		"  --basis TEXT     what makes it privileged, or does not\n"
		"  --reason TEXT    why\n"
		"  --with-members   members of a container are followed to their copies, too\n"
		"  --together       with PATH all suspected ones of the same contents or thread\n"
		"  --dry-run        only count, by road, what would go, and name some of it\n"
		"  --yes            also when more than 100 traces go\n" MARKING,
		cmd_team},
	{"marks", "CASE [OPTION]...", "show what is marked",
		"  --state STATE    only those\n"
		"  --why PATH       which marks withhold it, and over which road\n"
		"  --unopened       in place of marks: containers that nobody has looked into, and "
		"why\n"
		"  --history        every mark that was given\n" MARKING,
		cmd_team},
	{"scan", "CASE --rules FILE [PATH]", "mark what rules meet, to be reviewed",
		"  --rules FILE     a rule a line: address GLOB, domain GLOB, phone DIGITS,\n"
		"                   keyword TEXT, sha256 HEX, path GLOB; behind each may stand\n"
		"                   -> confirmed\n" MARKING,
		cmd_team},
	{"note", "add CASE PATH --text TEXT | list CASE [PATH]",
		"say something about a trace, and read what others said",
		"  add CASE PATH    a note about what is at PATH, for all who see it and hold "
		"`notes`\n"
		"  --text TEXT      what it says\n"
		"  list CASE        every note that I may read\n"
		"  list CASE PATH   those about PATH and what is below it\n" MARKING,
		cmd_team},
	{"audit",
		"show | follow | export | report | access | verify | checkpoint | prove | "
		"timestamp | "
		"cosign | endorse | reindex ...",
		"show and check the access log",
		"  show             who did what with which file, when, with what result\n"
		"  follow           the same as it is recorded, until it is interrupted\n"
		"  export           the same in the format of others\n"
		"  --mount DIR      the log of a mount of one's own; it need not be mounted any "
		"more\n"
		"  --state DIR      where that log is kept, if it is not mounted any more\n"
		"  --case CASE      records of this case\n"
		"  --reads          show every read, not their sums for each open\n"
		"  --user U         records of this user (name or uid)\n"
		"  --path PATH      records of this trace and what is below it\n"
		"  --type T,T       records of these types\n"
		"  --since TIME     RFC 3339, a date, or relative: -2h\n"
		"  --until TIME\n"
		"  --no-label       leave out thumbnailers, indexers and sniffers of file types\n"
		"  --format FORMAT  of an export: ecs, ocsf, cef, csv or case\n"
		"  access CASE      who had which rights in a case, by whose act\n"
		"  --at TIME        when\n"
		"  verify           is the log intact, and how far is it complete?\n"
		"  --log DIR        from the files in DIR, not through the service\n"
		"  --key FILE       the origin key, as it was kept elsewhere\n"
		"  --anchor FILE    a checkpoint that was kept elsewhere; may be repeated\n"
		"  checkpoint       the newest signed checkpoint, to keep elsewhere\n"
		"  prove SEQ        one record with its proof\n"
		"  timestamp        the newest checkpoint and a request over it to a time-stamp "
		"authority\n"
		"                   (RFC 3161): FILE and FILE.tsq\n"
		"  timestamp --response TSR FILE\n"
		"                   is an authority's answer over FILE, and of when?\n"
		"  --ca FILE        certificates (PEM) that its signature is checked by\n"
		"  cosign FILE      keep a checkpoint that a witness has cosigned\n"
		"  endorse          vouch for the key that came with a discontinuity, as owner or "
		"auditor\n"
		"  --key FILE       with this private key of one's own (Ed25519, PEM)\n"
		"  -o FILE          where to\n"
		"  report CASE      one page of HTML: hash totals, rights, marks, accesses\n"
		"  reindex          build the database that answers questions again, from the "
		"log\n" SERVICE,
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
