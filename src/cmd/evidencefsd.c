/* SPDX-License-Identifier: Apache-2.0 */
/* evidencefsd.c - the team service: its options, and which of its two processes this is. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/daemon.h"
#include "control/main.h"
#include "mount/kernel.h"
#include "starter/message.h"
#include "starter/notify.h"
#include "starter/starter.h"

#define SERVICE "--service" /* what the starter calls the service with */

struct options {
	const char *config;
	const char *keyd;
	bool foreground;
	bool help;
	bool version;
};

static const char usage[] = "usage: evidencefsd [--config FILE] [--keyd SOCKET] [--foreground]\n";

static void print_help(void)
{
	printf("%s\nThe team service of evidencefs; started by systemd, or by hand as root.\n\n"
	       "  --config FILE    the configuration (default: %s)\n"
	       "  --keyd SOCKET    where evidencefs-keyd listens that systemd runs\n"
	       "                   (default: it is started as a child)\n"
	       "  --foreground     stay, and write messages to stderr\n"
	       "  --version        print the version\n"
	       "  --help           print this\n",
		usage, CONFIG_PATH);
}

static int fail(const struct err *e, int r)
{
	struct buf b = BUF_INIT;

	text_escape_str(&b, err_text(e, r));
	fprintf(stderr, "evidencefsd: %s\n", buf_cstr(&b));
	buf_release(&b);
	return EXIT_FAILED;
}

/* Return: whether they are well-formed; if not, said on stderr. */
static bool parse(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {{"config", required_argument, NULL, 'c'},
		{"keyd", required_argument, NULL, 'k'}, {"foreground", no_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0}};
	int k = 0;

	while ((k = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (k) {
		case 'c':
			o->config = optarg;
			break;
		case 'k':
			o->keyd = optarg;
			break;
		case 'f':
			o->foreground = true;
			break;
		case 'h':
			o->help = true;
			break;
		case 'v':
			o->version = true;
			break;
		default:
			fputs(usage, stderr);
			return false;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "evidencefsd: takes no arguments\n%s", usage);
		return false;
	}
	return true;
}

static void tell_ready(void *ctx)
{
	int *fd = ctx;

	if (*fd >= 0 && write(*fd, "r", 1) == 1) {
		close(*fd);
		*fd = -1;
	}
}

static int run(const struct options *o, const struct config *config, char *name, struct err *e)
{
	static char service[] = SERVICE;
	char *service_argv[] = {name, service, NULL};
	int ready = -1;
	struct starter_opts so = {.config = config,
		.keyd = o->keyd,
		.service_argv = service_argv,
		.ready = tell_ready,
		.ctx = &ready};
	struct starter *s = NULL;
	int r = starter_open(&so, &s, e);

	if (r == 0 && !o->foreground && !notify_wanted())
		r = daemon_begin(&ready, e);
	if (r == 0)
		r = starter_run(s, e);
	starter_close(s);
	return r;
}

/* Descriptors 0 to 2 are there, and none but those of systemd besides. */
static void tidy_descriptors(void)
{
	const char *given = getenv("LISTEN_FDS");
	long n = given ? strtol(given, NULL, 10) : 0;
	int fd = open("/dev/null", O_RDWR);

	while (fd >= 0 && fd < 3)
		fd = open("/dev/null", O_RDWR);
	if (fd >= 0 && dup2(fd, STDIN_FILENO) < 0)
		return;
	close_range(3 + (n > 0 && n < 65536 ? (unsigned)n : 0), ~0u, 0);
}

static bool started_by_starter(void)
{
	int type = 0;
	socklen_t n = sizeof(type);

	return getsockopt(MESSAGE_FD, SOL_SOCKET, SO_TYPE, &type, &n) == 0 &&
	       type == SOCK_SEQPACKET;
}

/* What is promised less on this kernel is said, and wanted, before anybody relies on it. */
static int check_kernel(const struct config *c, struct err *e)
{
	struct utsname u;
	char words[512];
	const char *what = NULL;
	unsigned lacks = uname(&u) == 0 ? kernel_lacks(u.release) : 0;

	if (!lacks)
		return 0;
	what = kernel_missing(lacks, words, sizeof(words));
	if (!c->allow_degraded)
		return err_set(e, EOPNOTSUPP,
			"this kernel (%s) cannot do all that is promised: %s; a newer one can, or "
			"say "
			"allow_degraded = yes",
			u.release, what);
	fprintf(stderr, "evidencefsd: on this kernel (%s): %s\n", u.release, what);
	return 0;
}

static int start(const struct options *o, char *name)
{
	struct config config;
	struct err e = {0};
	int r = 0;

	if (geteuid() != 0) {
		err_set(&e, EPERM, "must be started by root: it mounts, and opens images");
		return fail(&e, -EPERM);
	}
	r = config_read(o->config, &config, &e);
	if (r < 0)
		return fail(&e, r);
	r = check_kernel(&config, &e);
	if (r == 0)
		r = config_resolve(&config, &e);
	if (r == 0)
		r = run(o, &config, name, &e);
	config_release(&config);
	return r < 0 ? fail(&e, r) : 0;
}

int main(int argc, char **argv)
{
	static char name[] = "evidencefsd";
	struct options o = {.config = NULL};

	if (argc == 2 && !strcmp(argv[1], SERVICE) && started_by_starter())
		_exit(control_main()); /* no handlers: the filter may forbid what they do */
	if (!parse(argc, argv, &o))
		return EXIT_USAGE;
	if (o.help) {
		print_help();
		return 0;
	}
	if (o.version) {
		printf("evidencefsd %s\n", VERSION);
		return 0;
	}
	tidy_descriptors();
	umask(022);
	return start(&o, name);
}
