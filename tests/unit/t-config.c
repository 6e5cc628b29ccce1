/* SPDX-License-Identifier: Apache-2.0 */
/* t-config.c - evidencefs.conf(5): defaults, every key, and what stops the start, by its line. */
#include "starter/config.h"

#include <errno.h>
#include <pwd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "tap.h"
#include "worker/sandbox.h"

static char path[] = "/tmp/t-config.XXXXXX";

static int parse(const char *text, struct config *c, struct err *e)
{
	err_clear(e);
	if (file_write(path, text, strlen(text), e) < 0)
		bail_out(e->text);
	return config_read(path, c, e);
}

static void test_defaults(void)
{
	struct config c;
	struct err e = {0};

	ok(parse("", &c, &e) == 0, "an empty file is good");
	is_str(c.state_dir, "/var/lib/evidencefs", "state_dir");
	is_str(c.mount_root, "/evidence", "mount_root");
	is_str(c.socket, "/run/evidencefs/control.sock", "socket");
	is_str(c.user, "evidencefs", "user");
	ok(!c.worker_user && !c.privacy && !c.degraded && !c.officers, "what has no default");
	ok(!c.allow_degraded && !c.strict, "switches are off");
	ok(c.segment_size == 64 << 20 && c.compress && c.retention_s == 0,
		"the log is compressed, and nothing of it is deleted");
	ok(c.cache_bytes == 64u << 20 && c.connections == 64 && c.workers == 0 &&
			c.copy_floor == 256 && c.block_hashes && c.keep_awake,
		"limits");
	config_release(&c);
	ok(config_read("/nonexistent/conf", &c, &e) == -ENOENT, "a named file must be there");
}

static void test_all_keys(void)
{
	static const char text[] = "# comment\n\n; another\n"
				   "[service]\n"
				   "state_dir  = /srv/state\n"
				   "mount_root=/srv/evidence \t\r\n"
				   "\tsocket = /srv/a = b\n"
				   "user = 4711\n"
				   "worker_user = 4712\n"
				   "privacy = /srv/privacy.txt\n"
				   "allow_degraded = yes\n"
				   "degraded = no-statx,handles\n"
				   "[ log ]\n"
				   "officers = auditors\n"
				   "durability = strict\n"
				   "segment_size = 1M\n"
				   "compress = no\n"
				   "retention = 400d\n"
				   "[siem]\n[catalog]\n"
				   "[limits]\n"
				   "cache = 2G\n"
				   "connections = 5\n"
				   "workers = 3\n"
				   "copy_floor = 4K\nblock_hashes = no\nkeep_awake = no";
	struct config c;
	struct config d;
	struct err e = {0};
	struct buf b = BUF_INIT;
	struct cur in;

	ok(parse(text, &c, &e) == 0, "every key is taken");
	diag("%s", e.text);
	is_str(c.socket, "/srv/a = b", "a value may have an equals sign");
	is_str(c.mount_root, "/srv/evidence", "blanks around it are none of it");
	config_encode(&c, &b);
	in = cur_of(b.data, b.len);
	ok(config_decode(&in, &d) == 0 && cur_left(&in) == 0, "it is handed on");
	ok(!strcmp(d.state_dir, "/srv/state") && !strcmp(d.user, "4711") &&
			!strcmp(d.worker_user, "4712") && !strcmp(d.privacy, "/srv/privacy.txt") &&
			d.allow_degraded && !strcmp(d.degraded, "no-statx,handles") &&
			!strcmp(d.officers, "auditors") && d.strict && d.segment_size == 1 << 20 &&
			!d.compress && d.retention_s == 400 * 86400 &&
			d.cache_bytes == 2ull << 30 && d.connections == 5 && d.workers == 3 &&
			d.copy_floor == 4096 && !d.block_hashes && !d.keep_awake,
		"whole");
	config_release(&d);
	for (size_t n = 0; n < b.len; n++) {
		in = cur_of(b.data, n);
		if (config_decode(&in, &d) != -EPROTO)
			break;
		if (n + 1 == b.len)
			ok(true, "cut anywhere, it is refused");
	}
	buf_release(&b);
	config_release(&c);
}

static void test_faults(void)
{
	static const struct {
		const char *text;
		const char *says; /* behind the file's name */
	} faults[] = {
		{"[service]\nno_such = 1\n", ":2: no_such: no such key"},
		{"[service]\n\ndurability = strict\n",
			":3: durability: no such key in [service]; it belongs to [log]"},
		{"[log]\ndurability = yes\n", ":2: durability must be commit or strict"},
		{"[log]\nretention = 400\n", ":2: retention must be never, or a number and s, m,"},
		{"[log]\nretention = 0d\n", ":2: retention must be never, or a number and s, m,"},
		{"[log]\nretention = 4dd\n", ":2: retention must be never, or a number and s, m,"},
		{"[log]\nretention = d\n", ":2: retention must be never, or a number and s, m,"},
		{"[log]\nretention = 99999999999999999999w\n",
			":2: retention must be never, or a number and s, m,"},
		{"[log]\nsegment_size = 65M\n", ":2: segment_size must be a number from 65536"},
		{"[nonsense]\n", ":1: nonsense: no such section"},
		{"[service\n", ":1: [service: a section is [NAME]"},
		{"user = x\n", ":1: user: stands before the first section"},
		{"[service]\nuser\n", ":2: user: neither a section nor KEY = VALUE"},
		{"[service]\nuser =\n", ":2: user must not be empty"},
		{"[service]\nstate_dir = state\n", ":2: state_dir must be an absolute path"},
		{"[service]\nstate_dir =\n", ":2: state_dir must be an absolute path"},
		{"[service]\nsocket = /a/../b\n", ":2: socket: a path without . and .. is needed"},
		{"[service]\nuser = a\n#\nuser = a\n", ":4: user: given before, in line 2"},
		{"[service]\nuser = a\n[log]\n[service]\nuser = a\n",
			":5: user: given before, in line 2"},
		{"[service]\nallow_degraded = maybe\n", ":2: allow_degraded must be yes or no"},
		{"[service]\nallow_degraded = Yes\n", ":2: allow_degraded must be yes or no"},
		{"[limits]\nworkers = 9\n", ":2: workers must be a number from 0 to 8"},
		{"[limits]\nworkers = -1\n", ":2: workers must be"},
		{"[limits]\nworkers = 1K\n", ":2: workers must be"},
		{"[limits]\nworkers = 99999999999999999999\n", ":2: workers must be"},
		{"[limits]\nconnections = 0\n", ":2: connections must be"},
		{"[limits]\ncache = 1K\n", ":2: cache must be"},
		{"[limits]\ncache = 64MB\n", ":2: cache must be"},
		{"[limits]\ncopy_floor = 99999999999999999G\n", ":2: copy_floor must be"},
		{"[service]\n\x1b[31m = x\n", ":2: \\x1b[31m: no such key"},
	};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct config c;
		struct err e = {0};
		int r = parse(faults[i].text, &c, &e);
		size_t n = strlen(path);

		ok(r == -EINVAL && !strncmp(e.text, path, n) &&
				!strncmp(e.text + n, faults[i].says, strlen(faults[i].says)),
			"refused %s", strchr(faults[i].says, ' '));
		if (r != -EINVAL)
			config_release(&c);
		diag("%s", e.text);
	}
}

static int resolve(const char *text, struct config *c, struct err *e)
{
	int r = parse(text, c, e);

	if (r < 0)
		bail_out(e->text);
	r = config_resolve(c, e);
	if (r < 0)
		config_release(c);
	return r;
}

static void test_users(void)
{
	struct passwd *nobody = getpwnam("nobody");
	struct config c;
	struct err e = {0};

	ok(resolve("[service]\nuser = 3999999999\n", &c, &e) == 0 && c.uid == 3999999999u &&
			c.gid == 3999999999u,
		"a number needs no name");
	ok(c.worker_uid >= SANDBOX_UID && c.worker_uid <= SANDBOX_UID_LAST,
		"workers run under a number of the range kept for them");
	config_release(&c);
	ok(resolve("[service]\nuser = 65430\n", &c, &e) == 0 && c.worker_uid != 65430,
		"another than the service's");
	config_release(&c);
	ok(resolve("[service]\nuser = no-such-user-here\n", &c, &e) == -ENOENT &&
			strstr(e.text, "useradd --system"),
		"a user that is not there: it is said how to make it");
	ok(resolve("[service]\nuser = 0\n", &c, &e) == -EINVAL, "root it is not");
	ok(resolve("[service]\nuser = root\n", &c, &e) == -EINVAL, "by name neither");
	ok(resolve("[service]\nuser = 4711\nworker_user = 4711\n", &c, &e) == -EINVAL,
		"workers are not the service");
	ok(resolve("[service]\nuser = 4294967295\n", &c, &e) == -ENOENT, "-1 is no user's number");
	if (nobody) {
		ok(resolve("[service]\nuser = nobody\n", &c, &e) == 0 && c.uid == nobody->pw_uid &&
				c.gid == nobody->pw_gid,
			"a name has its number and group");
		config_release(&c);
	} else {
		skip("there is no user nobody");
	}
}

static void test_privacy(void)
{
	char text[256];
	struct config c;
	struct err e = {0};

	snprintf(text, sizeof(text), "[service]\nuser = 4711\nprivacy = %s\n", path);
	ok(resolve(text, &c, &e) == 0, "the privacy statement is read");
	is_str(c.privacy_text, text, "as it is");
	config_release(&c);
	ok(resolve("[service]\nuser = 4711\nprivacy = /nonexistent/text\n", &c, &e) == -ENOENT,
		"it must be there");
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		bail_out("mkstemp");
	close(fd);
	test_defaults();
	test_all_keys();
	test_faults();
	test_users();
	test_privacy();
	unlink(path);
	return done_testing();
}
