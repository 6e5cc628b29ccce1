/* SPDX-License-Identifier: Apache-2.0 */
/* state.c - `evidencefs state`: what mounts have kept, and its removal. */
#include "cmd/cmd.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/table.h"
#include "cmd/state_dir.h"
#include "ingest/manifest.h"

/* One thing below the state: the indexes of an image, or the log of a mount point. */
struct kept {
	const char *kind; /* "evidence", "log" */
	char id[64];
	char *path; /* its folder */
	char *of;   /* first segment of the image, or the mount point */
	uint64_t bytes;
	bool busy;
};

static bool is_locked(const char *lock)
{
	int fd = access(lock, F_OK) == 0 ? file_lock(lock, 0, NULL) : -ENOENT;

	if (fd >= 0)
		close(fd);
	return fd == -EAGAIN;
}

static bool locked_at(const char *path, const char *suffix)
{
	char *lock = NULL;
	bool locked = asprintf(&lock, "%s%s", path, suffix) >= 0 && is_locked(lock);

	free(lock);
	return locked;
}

/* Evidence is in use while it is ingested or hashed, or shown at a mount point that is served. */
static bool shown_somewhere(const char *state, const char *path)
{
	char *mounts = NULL;
	struct dirent *entry = NULL;
	bool shown = false;
	DIR *d = asprintf(&mounts, "%s/mounts", state) >= 0 ? opendir(mounts) : NULL;

	while (d && !shown && (entry = readdir(d))) {
		struct state_evidence *v = NULL;
		char *dir = NULL;
		size_t n = 0;

		if (entry->d_name[0] == '.' || asprintf(&dir, "%s/%s", mounts, entry->d_name) < 0)
			continue;
		if (locked_at(dir, "/lock") && state_evidence_list(dir, &v, &n, NULL) == 0) {
			for (size_t i = 0; i < n; i++)
				shown = shown || !strcmp(v[i].dir, path);
			state_evidence_free(v, n);
		}
		free(dir);
	}
	if (d)
		closedir(d);
	free(mounts);
	return shown;
}

static void look_at_evidence(const char *state, struct kept *k)
{
	struct manifest m;

	k->kind = "evidence";
	if (manifest_read(&m, k->path, NULL) == 0) {
		k->of = strdup(m.segment_count ? m.segments[0].path : "");
		manifest_release(&m);
	} else {
		k->of = strdup("(not finished)");
	}
	k->busy = locked_at(k->path, ".lock") || shown_somewhere(state, k->path);
}

static void look_at_log(const char *state, struct kept *k)
{
	char *note = NULL;

	(void)state;
	k->kind = "log";
	if (asprintf(&note, "%s/mountpoint", k->path) < 0 || file_read(note, 65536, &k->of, NULL))
		k->of = strdup("");
	free(note);
	k->busy = locked_at(k->path, "/lock");
}

static int each_in(const char *state, const char *folder,
	void (*look)(const char *state, struct kept *k), struct kept **v, size_t *n, struct err *e)
{
	char *path = NULL;
	struct dirent *entry = NULL;
	DIR *d = asprintf(&path, "%s/%s", state, folder) >= 0 ? opendir(path) : NULL;
	int r = 0;

	while (d && r == 0 && (entry = readdir(d))) {
		struct kept k = {0};
		struct kept *more = NULL;
		struct stat st;

		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= sizeof(k.id) ||
			asprintf(&k.path, "%s/%s", path, entry->d_name) < 0)
			continue;
		more = stat(k.path, &st) == 0 && S_ISDIR(st.st_mode)
			       ? reallocarray(*v, *n + 1, sizeof(**v))
			       : NULL;
		if (!more) {
			free(k.path);
			continue;
		}
		memcpy(k.id, entry->d_name, strlen(entry->d_name) + 1); /* it fits */
		look(state, &k);
		k.bytes = file_tree_bytes(k.path);
		if (!k.of)
			r = err_errno(e, ENOMEM, "state");
		*v = more;
		(*v)[(*n)++] = k;
	}
	if (d)
		closedir(d);
	free(path);
	return r;
}

static int gather(const char *state, struct kept **v, size_t *n, struct err *e)
{
	int r = each_in(state, "evidence", look_at_evidence, v, n, e);

	return r ? r : each_in(state, "mounts", look_at_log, v, n, e);
}

static void release(struct kept *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].path);
		free(v[i].of);
	}
	free(v);
}

static int print_json(const struct kept *v, size_t n)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		struct json j;

		json_begin(&j, &b);
		json_object(&j, NULL);
		json_str(&j, "id", v[i].id);
		json_str(&j, "kind", v[i].kind);
		json_str(&j, "of", v[i].of);
		json_u64(&j, "bytes", v[i].bytes);
		json_bool(&j, "in_use", v[i].busy);
		json_str(&j, "path", v[i].path);
		json_end(&j);
		json_line(&j);
	}
	fputs(buf_cstr(&b), stdout);
	buf_release(&b);
	return 0;
}

static int print_table(const struct kept *v, size_t n)
{
	static const struct table_column columns[] = {
		{"ID", TABLE_WHOLE}, {"KIND", 0}, {"SIZE", TABLE_RIGHT}, {"IN USE", 0}, {"OF", 0}};
	struct err e = {0};
	struct table t;
	int r = 0;

	table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < n; i++) {
		table_str(&t, v[i].id);
		table_str(&t, v[i].kind);
		table_size(&t, v[i].bytes);
		table_str(&t, v[i].busy ? "yes" : "no");
		table_str(&t, v[i].of);
	}
	r = table_print(&t, stdout, &e);
	table_release(&t);
	return r ? cmd_fail(&e, r) : 0;
}

static int remove_one(const struct kept *k, struct err *e)
{
	char *lock = NULL;
	int r = 0;

	if (k->busy)
		return err_set(e, EBUSY, "%s is in use; unmount it first", k->id);
	r = file_remove_tree(k->path, e);
	if (r == 0 && asprintf(&lock, "%s.lock", k->path) >= 0)
		unlink(lock);
	free(lock);
	return r;
}

static int remove_all(const struct kept *v, size_t n, char **ids, struct err *e)
{
	for (; *ids; ids++) {
		const struct kept *found = NULL;
		int r = 0;

		for (size_t i = 0; i < n; i++) {
			if (!strcmp(v[i].id, *ids))
				found = &v[i];
		}
		if (!found)
			return err_set(e, ENOENT,
				"%s: no such id; `evidencefs state list` has them", *ids);
		r = remove_one(found, e);
		if (r)
			return r;
	}
	return 0;
}

int cmd_state(const struct command *c, int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
		{"state", required_argument, NULL, 's'}, {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	const char *given = NULL;
	const char *verb = NULL;
	struct kept *v = NULL;
	struct err e = {0};
	char *state = NULL;
	bool json = false;
	size_t n = 0;
	int o = 0;
	int r = 0;

	opterr = 0;
	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'j')
			json = true;
		else if (o == 's')
			given = optarg;
		else if (o == 'h')
			return cmd_help(c);
		else
			return cmd_usage(c, "%s: not an option of state", argv[optind - 1]);
	}
	verb = optind < argc ? argv[optind++] : "";
	if (strcmp(verb, "list") != 0 && strcmp(verb, "remove") != 0)
		return cmd_usage(c, "say list or remove");
	if (strcmp(verb, "remove") == 0 && optind == argc)
		return cmd_usage(c, "remove needs an id");
	r = state_dir(given, false, &state, &e);
	if (r == 0)
		r = gather(state, &v, &n, &e);
	else if (r == -ENOENT && !given && !strcmp(verb, "list"))
		r = 0; /* nothing was ever mounted: nothing is kept */
	if (r == 0 && !strcmp(verb, "remove"))
		r = remove_all(v, n, argv + optind, &e);
	r = r                      ? cmd_fail(&e, r)
	    : strcmp(verb, "list") ? 0
	    : json                 ? print_json(v, n)
				   : print_table(v, n);
	release(v, n);
	free(state);
	return r;
}
