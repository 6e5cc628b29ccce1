/* SPDX-License-Identifier: Apache-2.0 */
/* t-team.c - command lines of the team's commands: what is asked, what is wrong with them */
#include <unistd.h>

#include "cmd/team.h"
#include "tap.h"

/* What main.c has. */
static unsigned wrong;

int cmd_usage(const struct command *c, const char *fmt, ...)
{
	(void)c;
	(void)fmt;
	wrong++;
	return EXIT_USAGE;
}

int cmd_help(const struct command *c)
{
	(void)c;
	return 0;
}

int cmd_fail(const struct err *e, int r)
{
	(void)e;
	(void)r;
	return EXIT_FAILED;
}

/* Parse the words of @line, split at blanks ('_' stands for one). */
static int parse(const char *line, struct team_request *q)
{
	static char memory[512]; /* values point into it */
	static char *argv[32];
	struct command c = {.usage = "", .summary = "", .help = ""};
	int argc = 0;

	snprintf(memory, sizeof(memory), "%s", line);
	for (char *p = strtok(memory, " "); p; p = strtok(NULL, " ")) {
		argv[argc++] = p;
		for (char *s = p; *s; s++)
			*s = *s == '_' ? ' ' : *s;
	}
	argv[argc] = NULL;
	c.name = argv[0];
	return team_parse(&c, argc, argv, q);
}

static void refused(const char *line)
{
	struct team_request q;
	unsigned before = wrong;
	int r = parse(line, &q);

	ok(r == EXIT_USAGE + 1 && wrong == before + 1, "usage: %s", line);
	if (r == 0)
		team_request_release(&q);
}

/* @want: "name=value name=value" in any order, all there are. */
static void asks(const char *line, const char *command, const char *want)
{
	struct team_request q;
	char text[512];
	size_t n = 0;
	bool all = true;

	if (parse(line, &q)) {
		ok(false, "%s", line);
		return;
	}
	snprintf(text, sizeof(text), "%s", want);
	for (char *p = strtok(text, " "); p; p = strtok(NULL, " "), n++) {
		char *value = strchr(p, '=');
		const char *got = NULL;

		*value++ = '\0';
		for (char *s = value; *s; s++)
			*s = *s == '_' ? ' ' : *s;
		got = team_value(&q, p);
		all = all && got && !strcmp(got, value);
	}
	ok(all && n == q.n && !strcmp(q.command->command, command), "%s", line);
	if (!all || n != q.n)
		diag("%zu arguments", q.n);
	team_request_release(&q);
}

static void test_asked(void)
{
	asks("status", "status", "");
	asks("status case-042", "status", "case=case-042");
	asks("case create c --owner alice --title A_case --idle-notice 30", "case create",
		"case=c owner=alice title=A_case idle-notice=30");
	asks("case list --json", "case list", "");
	asks("case show --socket /x c", "case show", "case=c");
	asks("case transfer c --to bob --reason ill", "case transfer", "case=c to=bob reason=ill");
	asks("add c /img.E01 --name laptop --type p1=ntfs --type p2=ext4", "add",
		"case=c image=/img.E01 name=laptop type=p1=ntfs,p2=ext4");
	asks("add c /i --accept-mismatch --reason damaged --md5 "
	     "d41d8cd98f00b204e9800998ecf8427e",
		"add",
		"case=c image=/i accept-mismatch= reason=damaged "
		"md5=d41d8cd98f00b204e9800998ecf8427e");
	asks("release c laptop --reason r", "release", "case=c evidence=laptop reason=r");
	asks("verify c", "verify", "case=c");
	asks("grant c @team laptop/p1-ntfs --role analyst --until +8h --reason r", "grant",
		"case=c who=@team path=laptop/p1-ntfs role=analyst until=+8h reason=r");
	asks("grant --rights=read,raw --future --reason r c 1001", "grant",
		"case=c who=1001 rights=read,raw future= reason=r");
	asks("exclude c bob laptop/x --from 2026-01-01 --reason r", "exclude",
		"case=c who=bob path=laptop/x from=2026-01-01 reason=r");
	asks("exclude c bob --reason r -- -odd", "exclude", "case=c who=bob path=-odd reason=r");
	asks("revoke c 17 --reason r", "revoke", "case=c id=17 reason=r");
	asks("grants c --who bob --at -2w --history", "grants", "case=c who=bob at=-2w history=");
	asks("whoami", "whoami", "");
	asks("audit show --case c --type open,read --since -2h --reads", "audit show",
		"case=c type=open,read since=-2h reads=");
	asks("audit access c --at 2026-01-01T00:00:00Z", "audit access",
		"case=c at=2026-01-01T00:00:00Z");
}

static void test_local(void)
{
	struct team_request q;
	char cwd[4096];

	is_int(parse("audit show --mount /m --json --path x", &q), 0, "audit show --mount");
	ok(q.n == 1 && q.json, "asks the service nothing of the mount");
	is_str(team_value(&q, "mount"), "/m", "and keeps it");
	team_request_release(&q);
	is_int(parse("relocate c e dir/i.E01 --socket s", &q), 0, "a relative image");
	if (!getcwd(cwd, sizeof(cwd) - 16))
		bail_out("no current directory");
	strcat(cwd, "/dir/i.E01");
	is_str(team_value(&q, "image"), cwd, "is made absolute");
	is_str(q.socket, "s", "and the socket is named");
	team_request_release(&q);
	is_int(parse("grant --help", &q), 1, "--help is no failure");
	is_int(parse("case --help", &q), 1, "nor without its second word");
	is_int(parse("case show --help", &q), 1, "nor with it");
}

static void test_refused(void)
{
	refused("case");
	refused("case forget c");
	refused("audit");
	refused("audit hide");
	refused("audit export --case c");
	refused("audit export --format xml");
	refused("audit export --format case -o /x");
	refused("audit export --format case --case c");
	refused("audit export --format case --case c -o /x --user bob");
	refused("audit follow --case c --mount /m");
	refused("status a b");
	refused("case create c");
	refused("case create --owner alice");
	refused("case create c --owner alice --owner bob");
	refused("case create c --owner alice --idle-notice soon");
	refused("case close c");
	refused("add c");
	refused("add c /i --md5 12");
	refused("add c /i --md5 x41d8cd98f00b204e9800998ecf8427e");
	refused("add c /i --accept-mismatch");
	refused("grant c bob --reason r");
	refused("grant c bob --role analyst --rights read --reason r");
	refused("grant c bob --role boss --reason r");
	refused("grant c bob --rights read,fly --reason r");
	refused("grant c bob --rights= --reason r");
	refused("grant c bob --role analyst");
	refused("grant c bob --role analyst --reason=");
	refused("grant c bob --role analyst --until tomorrow --reason r");
	refused("grant c bob a b --role analyst --reason r");
	refused("exclude c bob --reason r");
	refused("revoke c x1 --reason r");
	refused("revoke c --reason r");
	refused("grants c --at never");
	refused("audit access c");
	refused("audit show --since");
	refused("audit show --case c --mount /m");
	refused("audit show --state /s");
	refused("whoami --no-such-option");
}

int main(void)
{
	test_asked();
	test_local();
	test_refused();
	return done_testing();
}
