/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-commands.c - what the team's commands answer and refuse, to whom
 *
 * The service is a stand-in: real acts, rules, catalog and log, but no sessions, no
 * images and no starter. People are users that every Debian has.
 */
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "cmd/team.h"
#include "control/commands.h"
#include "control/row.h"
#include "control/service.h"
#include "policy/roads.h"
#include "starter/config.h"
#include "tap.h"
#include "worker/wire.h"

enum {
	ROOT = 0,
	OWNER = 1,
	OFFICER = 2,
	ANALYST = 3,
	OUTSIDER = 5,
	AUDITOR = 6,
	NOBODY = 7,
	LOG_OFFICER = 8
};
#define DAY (INT64_C(86400) * 1000000000)

struct service {
	struct model model;
	struct store *store;
	struct audit_log *log;
	struct query *query;
	struct clock *clock;
	struct config config;
	struct moment now;
	char top[64];
	char log_dir[80];
	unsigned refused;
	enum audit_type refused_type;
	uint64_t refused_case;
	unsigned asked; /* service_query() */
	bool mismatch;  /* what verify finds */
	unsigned held;  /* service_model() without its end */
};

/* ---- the stand-in ------------------------------------------------------------------------ */

static void read_clock(void *ctx, struct moment *m)
{
	*m = ((struct service *)ctx)->now;
}

int service_broken(struct service *s, struct err *e)
{
	(void)s;
	(void)e;
	return 0;
}

static void record(struct service *s, const struct caller *c, enum audit_type type,
	enum audit_decision d, uint64_t case_id, uint64_t object, int result, uint64_t *seq)
{
	struct audit_event ev = {.type = type,
		.decision = d,
		.uid = c->who.uid,
		.loginuid = AUDIT_NO_LOGINUID,
		.case_id = case_id,
		.object = object,
		.result = result};

	if (audit_append(s->log, &ev))
		bail_out("the log cannot be written");
	if (seq)
		*seq = ev.seq;
}

void service_refused(struct service *s, const struct caller *c, enum audit_type type,
	uint64_t case_id, int result)
{
	s->refused++;
	s->refused_type = type;
	s->refused_case = case_id;
	record(s, c, type, AUDIT_DENIED, case_id, 0, result, NULL);
}

int service_query(struct service *s, const struct caller *c, uint64_t case_id, unsigned command)
{
	s->asked++;
	record(s, c, AUDIT_QUERY, AUDIT_ALLOWED, case_id, command, 0, NULL);
	return 0;
}

static enum audit_type type_of(enum act_kind k)
{
	switch (k) {
	case ACT_GRANT:
		return AUDIT_GRANT;
	case ACT_EXCLUDE:
		return AUDIT_EXCLUDE;
	case ACT_REVOKE:
		return AUDIT_REVOKE;
	case ACT_ADD:
		return AUDIT_ADD;
	case ACT_RELEASE:
		return AUDIT_RELEASE;
	case ACT_RELOCATE:
	case ACT_VERIFY:
	case ACT_CASE_CREATE:
	case ACT_CASE_OWNER:
	case ACT_CASE_OFFICER:
	case ACT_CASE_CLOSE:
		break;
	case ACT_MARK:
		return AUDIT_MARK;
	case ACT_NOTE:
		return AUDIT_NOTE;
	}
	return AUDIT_CASE;
}

static int do_one(struct service *s, const struct caller *c, struct act *a, struct err *e)
{
	int r = rules_check(&s->model, &c->who, a, &s->now, s->clock, e);

	if (s->held)
		bail_out("service_do() while the model is held");
	if (r) {
		service_refused(s, c, type_of(a->kind), a->case_id, r);
		return r;
	}
	if (act_begins(a->kind))
		a->object = store_next_object(s->store);
	if (a->kind == ACT_CASE_CREATE)
		a->case_id = a->object;
	record(s, c, type_of(a->kind), AUDIT_ALLOWED, a->case_id, a->object, 0, &a->seq);
	a->ns = s->now.real_ns;
	a->boot_ns = s->now.boot_ns;
	snprintf(a->boot_id, sizeof(a->boot_id), "boot");
	a->by_uid = c->who.uid;
	free(a->by_name);
	a->by_name = strdup(c->who.name);
	if (store_append(s->store, a, e) || model_apply(&s->model, a, e))
		bail_out(e->text);
	s->now.real_ns += 1000000000;
	s->now.boot_ns += 1000000000;
	return 0;
}

int service_do_all(struct service *s, const struct caller *c, struct act *acts, size_t n,
	size_t *made, struct err *e)
{
	int r = 0;

	for (*made = 0; r == 0 && *made < n; *made += r == 0)
		r = do_one(s, c, &acts[*made], e);
	return r;
}

int service_do(struct service *s, const struct caller *c, struct act *a, struct err *e)
{
	return do_one(s, c, a, e);
}

const struct model *service_model(struct service *s)
{
	s->held++;
	return &s->model;
}

void service_model_done(struct service *s)
{
	s->held--;
}

struct moment service_now(struct service *s)
{
	return s->now;
}

const struct clock *service_clock(struct service *s)
{
	return s->clock;
}

const struct config *service_config(struct service *s)
{
	return &s->config;
}

int service_caller(struct service *s, uid_t uid, pid_t pid, struct caller *out, struct err *e)
{
	(void)s;
	(void)uid;
	(void)pid;
	(void)out;
	(void)e;
	return 0;
}

const struct model_case *service_case(struct service *s, const char *name)
{
	return model_case_named(&s->model, name);
}

struct store *service_store(struct service *s)
{
	return s->store;
}

struct audit_log *service_log(struct service *s)
{
	return s->log;
}

int service_question(
	struct service *s, service_progress *progress, void *ctx, struct query **out, struct err *e)
{
	int r = s->query ? 0 : query_open(NULL, s->log_dir, &s->query, e);

	(void)progress;
	(void)ctx;
	*out = s->query;
	return r < 0 ? r : query_follow(s->query, UINT64_MAX, NULL, NULL, e);
}

const char *service_log_dir(struct service *s)
{
	return s->log_dir;
}

struct evidence *service_evidence(struct service *s, uint64_t id)
{
	(void)s;
	(void)id;
	return NULL;
}

bool service_visible(struct service *s, const struct caller *c, uint64_t case_id, const char *name)
{
	(void)case_id;
	if (s->held)
		bail_out("service_visible() while the model is held");
	return c->who.uid == ANALYST && !strcmp(name, "laptop");
}

/* Nobody sees any evidence here. */
int service_view(struct service *s, const struct caller *c, struct view **out)
{
	if (s->held)
		bail_out("service_view() while the model is held");
	return view_empty(c->who.uid, s->model.version, out);
}

int service_case_dir(struct service *s, uint64_t case_id, char **out)
{
	(void)case_id;
	*out = strdup(s->log_dir);
	return *out ? 0 : -ENOMEM;
}

void service_note_scanned(struct service *s, uint64_t case_id, uint64_t evidence)
{
	(void)s;
	(void)case_id;
	(void)evidence;
}

bool service_was_scanned(struct service *s, uint64_t case_id, uint64_t evidence)
{
	(void)s;
	(void)case_id;
	(void)evidence;
	return false;
}

int service_scanned(struct service *s, const struct caller *c, const struct service_scanned *what)
{
	(void)s;
	(void)c;
	(void)what;
	return 0;
}

bool service_is_withheld(struct service *s, uint64_t evidence, uint64_t trace)
{
	(void)evidence;
	(void)trace;
	if (s->held)
		bail_out("service_is_withheld() while the model is held");
	return false;
}

int service_roads(struct service *s, uint64_t case_id, const struct act *const *more, size_t n,
	struct roads **out)
{
	(void)case_id;
	(void)more;
	(void)n;
	if (s->held)
		bail_out("service_roads() while the model is held");
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void service_status(struct service *s, struct service_status *out)
{
	*out = (struct service_status){
		.healthy = true, .sessions = 2, .cases = (unsigned)s->model.cases_n, .log_size = 9};
}

int service_add(struct service *s, const struct caller *c, const char *case_name,
	const struct service_add *what, service_progress *progress, void *ctx,
	struct service_added *out, struct err *e)
{
	const struct model_case *k = model_case_named(&s->model, case_name);
	const char *slash = strrchr(what->image, '/');
	struct act a = {.kind = ACT_ADD,
		.case_id = k ? k->id : 0,
		.name = strdup(what->name ? what->name : slash + 1),
		.image = strdup(what->image),
		.dir = strdup("/dir"),
		.until_ns = TIME_NEVER};
	int r = 0;

	progress(ctx, "hashing", 1, 2);
	a.digest[0] = (uint8_t)(s->model.evidence_n + 1);
	r = service_do(s, c, &a, e);
	*out = (struct service_added){.id = a.object,
		.size = 512,
		.compared = what->has_md5,
		.match = !what->has_md5,
		.format = "raw"};
	snprintf(out->name, sizeof(out->name), "%s", a.name);
	act_release(&a);
	return r;
}

int service_verify(struct service *s, const struct caller *c, uint64_t evidence,
	service_progress *progress, void *ctx, bool *match, uint64_t *unreadable, struct err *e)
{
	(void)c;
	(void)evidence;
	(void)e;
	progress(ctx, "reading", 1, 2);
	*match = !s->mismatch;
	*unreadable = 0;
	return 0;
}

int service_relocate(struct service *s, const struct caller *c, uint64_t evidence,
	const char *image, service_progress *progress, void *ctx, struct err *e)
{
	struct act a = {.kind = ACT_RELOCATE,
		.object = evidence,
		.case_id = model_evidence(&s->model, evidence)->case_id,
		.image = strdup(image)};
	int r = service_do(s, c, &a, e);

	(void)progress;
	(void)ctx;
	act_release(&a);
	return r;
}

static struct service *service_make(void)
{
	static const struct moment begin = {.real_ns = 20000 * DAY, .boot_ns = DAY};
	struct service *s = calloc(1, sizeof(*s));
	char db[96];
	struct err e = {0};

	if (!s)
		bail_out("no memory");
	s->now = begin;
	s->config.mount_root = strdup("/evidence");
	s->config.officers = strdup("mail");
	snprintf(s->top, sizeof(s->top), "/tmp/t-commands-XXXXXX");
	if (!mkdtemp(s->top))
		bail_out("no temporary directory");
	snprintf(db, sizeof(db), "%s/catalog.db", s->top);
	snprintf(s->log_dir, sizeof(s->log_dir), "%s/log", s->top);
	s->clock = clock_new(begin.real_ns, &begin, "boot");
	clock_set_source(s->clock, read_clock, s);
	if (store_open(db, &s->store, &e) || audit_open(s->log_dir, &s->log, &e))
		bail_out(e.text);
	model_init(&s->model);
	return s;
}

static void service_unmake(struct service *s)
{
	query_close(s->query);
	audit_close(s->log);
	store_close(s->store);
	clock_free(s->clock);
	model_release(&s->model);
	file_remove_tree(s->top, NULL);
	free(s->config.mount_root);
	free(s->config.officers);
	free(s);
}

/* ---- asking -------------------------------------------------------------------------------- */

static struct heard {
	int r;
	struct err e;
	struct buf rows; /* JSON Lines */
	struct buf notes;
	size_t n;
} got;

static void take_frames(const struct buf *out)
{
	struct cur c = cur_of(out->data, out->len);
	struct frame f;
	size_t used = 0;
	struct row row;

	while (wire_parse(c.p, cur_left(&c), CONTROL_FRAME_MAX, &f, &used) == 1) {
		cur_take(&c, used);
		if (f.type == CONTROL_ROW && row_parse(f.payload, &row) == 0) {
			row_json(&row, &got.rows);
			got.n++;
		} else if (f.type == CONTROL_NOTE) {
			buf_put(&got.notes, f.payload.p, cur_left(&f.payload));
			buf_puts(&got.notes, "\n");
		}
	}
}

/* Ask as @uid; arguments are "name=value", up to NULL. */
static int ask(struct service *s, uid_t uid, const char *command, ...)
{
	struct control_arg args[16];
	struct control_request q = {.n = 0, .args = args};
	char names[16][CONTROL_NAME_MAX + 1];
	struct answer answer;
	va_list ap;
	const char *arg = NULL;

	buf_release(&got.rows);
	buf_release(&got.notes);
	got = (struct heard){.r = 0};
	snprintf(q.command, sizeof(q.command), "%s", command);
	va_start(ap, command);
	while (q.n < 16 && (arg = va_arg(ap, const char *))) {
		size_t n = strcspn(arg, "=");

		snprintf(names[q.n], sizeof(names[q.n]), "%.*s", (int)n, arg);
		q.args[q.n] = (struct control_arg){names[q.n], arg + n + (arg[n] == '=')};
		q.n++;
	}
	va_end(ap);
	answer_init(&answer, -1, 1000);
	got.r = commands_run(s, uid, 1234, &q, &answer, &got.e);
	take_frames(&answer.out);
	answer_release(&answer);
	if (s->held)
		bail_out("a handler keeps the model");
	if (got.r && !got.e.code)
		ok(false, "%s fails without words", command);
	return got.r;
}

static bool says(const char *text)
{
	return strstr(buf_cstr(&got.rows), text) != NULL;
}

static bool notes(const char *text)
{
	return strstr(buf_cstr(&got.notes), text) != NULL;
}

/* Refused with that code, recorded once under that type, nothing changed. */
#define refused(s, want, type, what, ...)                                                          \
	do {                                                                                       \
		unsigned before = (s)->refused;                                                    \
		uint64_t version = (s)->model.version;                                             \
		int r_ = ask((s), __VA_ARGS__);                                                    \
		ok(r_ == (want) && (s)->refused == before + 1 && (s)->refused_type == (type) &&    \
				(s)->model.version == version && got.n == 0,                       \
			"%s is refused and recorded", what);                                       \
		if (r_ != (want) || (s)->refused != before + 1)                                    \
			diag("%d %s; %u records", r_, got.e.text, (s)->refused - before);          \
	} while (0)

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_cases(struct service *s)
{
	is_int(ask(s, ROOT, "case create", "case=c1", "owner=daemon", "privilege-officer=bin",
		       "title=A \"title\"\n", "idle-notice=30", NULL),
		0, "root creates a case");
	ok(says("\"case\":\"c1\"") && says("\"officer\":\"bin\""), "and is told");
	is_int((long long)s->model.cases_n, 1, "it is there");
	is_str(s->model.cases[0].officer.name, "bin", "with its officer");
	is_int(s->model.cases[0].idle_days, 30, "and its notice");
	refused(s, -EEXIST, AUDIT_CASE, "a second one of that name", ROOT, "case create", "case=c1",
		"owner=daemon", NULL);
	refused(s, -EPERM, AUDIT_CASE, "a case by somebody else", OWNER, "case create", "case=c2",
		"owner=daemon", NULL);
	refused(s, -ENOENT, AUDIT_CASE, "an owner who does not exist", ROOT, "case create",
		"case=c2", "owner=no-such-user", NULL);
	refused(s, -EINVAL, AUDIT_CASE, "an officer who is the owner", ROOT, "case create",
		"case=c2", "owner=daemon", "privilege-officer=daemon", NULL);
	refused(s, -EINVAL, AUDIT_CASE, "a name with a newline", ROOT, "case create", "case=c\n2",
		"owner=daemon", NULL);
	refused(s, -EINVAL, AUDIT_CASE, "a name that is not UTF-8", ROOT, "case create",
		"case=c\xff", "owner=daemon", NULL);
	refused(s, -EINVAL, AUDIT_CASE, "a name that climbs", ROOT, "case create", "case=../c",
		"owner=daemon", NULL);
	refused(s, -EINVAL, AUDIT_CASE, "an argument that is none", ROOT, "case create", "case=c2",
		"owner=daemon", "colour=red", NULL);
	refused(s, -EINVAL, AUDIT_CASE, "an argument twice", ROOT, "case create", "case=c2",
		"owner=daemon", "owner=bin", NULL);
	refused(s, -EINVAL, AUDIT_CASE, "a case without owner", ROOT, "case create", "case=c2",
		NULL);
	is_int(ask(s, ROOT, "case forget", NULL), -ENOSYS, "a command that is none");
	is_int(ask(s, ROOT, "case create", "case=c3", "owner=man", NULL), 0, "another case");
	is_int(ask(s, AUDITOR, "case close", "case=c3", "reason=done", NULL), 0, "is closed");
	ok(says("\"act\":\"case close\""), "and that is told");
}

static void test_case_questions(struct service *s)
{
	is_int(ask(s, ROOT, "case list", NULL), 0, "root lists cases");
	is_int((long long)got.n, 2, "all of them");
	ask(s, LOG_OFFICER, "case list", NULL);
	is_int((long long)got.n, 2, "so do officers of the log");
	ask(s, OWNER, "case list", NULL);
	ok(got.n == 1 && says("\"standing\":\"owner\"") &&
			says("\"title\":\"A \\\"title\\\"\\\\x0a\""),
		"an owner his own");
	ask(s, NOBODY, "case list", NULL);
	is_int((long long)got.n, 0, "who holds nothing sees none");
	is_int(ask(s, OWNER, "case show", "case=c1", NULL), 0, "the owner looks at it");
	ok(got.n == 2 && says("\"evidence\":\"laptop\"") && says("\"held\":true") &&
			says("\"image\":null"),
		"and sees its evidence, not where images are");
	ask(s, ROOT, "case show", "case=c1", NULL);
	ok(says("\"image\":\"/img/laptop\""), "root sees where images are");
	ask(s, ANALYST, "case show", "case=c1", NULL);
	ok(got.r == 0 && got.n == 1 && says("laptop"), "an analyst what is in his view");
	refused(s, -ENOENT, AUDIT_QUERY, "a case of others", NOBODY, "case show", "case=c1", NULL);
	{
		char there[ERR_TEXT_MAX];

		snprintf(there, sizeof(there), "%s", got.e.text);
		ask(s, NOBODY, "case show", "case=none", NULL);
		is_str(got.e.text, there, "in the words for one that does not exist");
		ask(s, NOBODY, "grant", "case=c1", "who=lp", "role=analyst", "reason=r", NULL);
		is_str(got.e.text, there, "whatever is asked of it");
	}
}

static void test_evidence(struct service *s)
{
	is_int(ask(s, ROOT, "add", "case=c1", "image=/img/laptop", NULL), 0, "root adds");
	ok(says("\"evidence\":\"laptop\"") && says("\"match\":null") && says("\"size\":512") &&
			says("\"stored_md5\":null"),
		"and sees what was found");
	is_int(ask(s, ROOT, "add", "case=c1", "image=/img/b", "name=phone",
		       "md5=d41d8cd98f00b204e9800998ecf8427E", "accept-mismatch", "reason=r", NULL),
		0, "with a hash total that differs and is accepted");
	ok(notes("differ"), "that is said");
	refused(s, -EPERM, AUDIT_ADD, "adding by an owner", OWNER, "add", "case=c1", "image=/img/c",
		NULL);
	refused(s, -ENOENT, AUDIT_ADD, "adding by an outsider", OUTSIDER, "add", "case=c1",
		"image=/img/c", NULL);
	refused(s, -ENOENT, AUDIT_ADD, "adding to no case", ROOT, "add", "case=none",
		"image=/img/c", NULL);
	refused(s, -EEXIST, AUDIT_ADD, "a name that is taken", ROOT, "add", "case=c1",
		"image=/img/laptop", NULL);
	refused(s, -EINVAL, AUDIT_ADD, "a name with a slash", ROOT, "add", "case=c1",
		"image=/img/c", "name=a/b", NULL);
	refused(s, -EINVAL, AUDIT_ADD, "half a hash", ROOT, "add", "case=c1", "image=/img/c",
		"md5=d41d", NULL);
	refused(s, -EINVAL, AUDIT_ADD, "a relative image", ROOT, "add", "case=c1", "image=c", NULL);
	refused(s, -EINVAL, AUDIT_ADD, "accepting without a reason", ROOT, "add", "case=c1",
		"image=/img/c", "accept-mismatch", NULL);
	is_int(ask(s, ROOT, "relocate", "case=c1", "evidence=phone", "image=/new/b", NULL), 0,
		"root says where an image is now");
	refused(s, -ENOENT, AUDIT_RELOCATE, "relocating what is not there", ROOT, "relocate",
		"case=c1", "evidence=none", "image=/x", NULL);
	refused(s, -EPERM, AUDIT_RELOCATE, "relocating by the owner", OWNER, "relocate", "case=c1",
		"evidence=phone", "image=/x", NULL);
	is_int(ask(s, OWNER, "verify", "case=c1", NULL), 0, "the owner verifies");
	ok(got.n == 2 && says("\"evidence\":\"phone\",\"match\":true"), "all there is");
	s->mismatch = true;
	is_int(ask(s, ROOT, "verify", "case=c1", "evidence=laptop", NULL), -EBADMSG,
		"bytes that changed are told");
	ok(got.n == 1 && says("\"match\":false"), "with what was found");
	s->mismatch = false;
	refused(s, -EPERM, AUDIT_VERIFY, "verifying by an officer", OFFICER, "verify", "case=c1",
		NULL);
}

static void test_release(struct service *s)
{
	is_int(ask(s, OWNER, "release", "case=c1", "evidence=laptop", "reason=checked", NULL), 0,
		"the owner releases");
	ok(says("\"evidence\":\"laptop\"") && notes("without a scan"), "and is warned");
	refused(s, -EEXIST, AUDIT_RELEASE, "releasing twice", OWNER, "release", "case=c1",
		"evidence=laptop", "reason=r", NULL);
	refused(s, -EPERM, AUDIT_RELEASE, "releasing by root", ROOT, "release", "case=c1",
		"evidence=phone", "reason=r", NULL);
	refused(s, -ENOENT, AUDIT_RELEASE, "releasing what is not there", OWNER, "release",
		"case=c1", "evidence=none", "reason=r", NULL);
	refused(s, -EINVAL, AUDIT_RELEASE, "releasing without a reason", OWNER, "release",
		"case=c1", "evidence=phone", "reason=", NULL);
}

static void test_grant(struct service *s)
{
	const struct act *a = NULL;
	char want[64];

	is_int(ask(s, OWNER, "grant", "case=c1", "who=sys", "path=/evidence/x/c1/laptop/p1-ntfs/",
		       "role=analyst", "until=+8h", "reason=work \"it\"", NULL),
		0, "the owner grants");
	a = &s->model.grants[0].act;
	snprintf(want, sizeof(want), "\"id\":%llu,", (unsigned long long)a->object);
	ok(says(want), "and gets its id");
	is_str(a->path, "laptop/p1-ntfs", "a path below the mount is one of the case");
	ok(a->until_ns - a->from_ns == DAY / 3, "times are by the service's clock");
	is_int(a->rights, RIGHT_READ | RIGHT_DELETED | RIGHT_NOTES | RIGHT_ANNOTATE,
		"a role is its rights");
	refused(s, -ENOENT, AUDIT_GRANT, "a grant to nobody", OWNER, "grant", "case=c1",
		"who=no-such-user", "role=analyst", "reason=r", NULL);
	refused(s, -ENOENT, AUDIT_GRANT, "a grant to no group", OWNER, "grant", "case=c1",
		"who=@no-such-group", "role=analyst", "reason=r", NULL);
	refused(s, -EINVAL, AUDIT_GRANT, "until before from", OWNER, "grant", "case=c1", "who=sys",
		"role=analyst", "from=+2h", "until=+1h", "reason=r", NULL);
	refused(s, -EINVAL, AUDIT_GRANT, "a time that is none", OWNER, "grant", "case=c1",
		"who=sys", "role=analyst", "until=soon", "reason=r", NULL);
	refused(s, -EINVAL, AUDIT_GRANT, "a path that climbs", OWNER, "grant", "case=c1", "who=sys",
		"path=laptop/../..", "role=analyst", "reason=r", NULL);
	refused(s, -EINVAL, AUDIT_GRANT, "role and rights", OWNER, "grant", "case=c1", "who=sys",
		"role=analyst", "rights=read", "reason=r", NULL);
	refused(s, -EINVAL, AUDIT_GRANT, "neither", OWNER, "grant", "case=c1", "who=sys",
		"reason=r", NULL);
	refused(s, -EINVAL, AUDIT_GRANT, "a right that is none", OWNER, "grant", "case=c1",
		"who=sys", "rights=read,fly", "reason=r", NULL);
	refused(s, -EPERM, AUDIT_GRANT, "a grant by root", ROOT, "grant", "case=c1", "who=sys",
		"role=analyst", "reason=r", NULL);
	refused(s, -EPERM, AUDIT_GRANT, "a grant by an analyst", ANALYST, "grant", "case=c1",
		"who=games", "rights=read", "reason=r", NULL);
	refused(s, -EPERM, AUDIT_GRANT, "privileged by the owner", OWNER, "grant", "case=c1",
		"who=sys", "rights=privileged", "reason=r", NULL);
	is_int(ask(s, OFFICER, "grant", "case=c1", "who=games", "rights=privileged,read",
		       "until=+1h", "reason=r", NULL),
		0, "the officer gives it");
	is_int(ask(s, OWNER, "grant", "case=c1", "who=6", "role=auditor", "future", "reason=r",
		       NULL),
		0, "a grant to a number");
	is_int(ask(s, OWNER, "exclude", "case=c1", "who=sys", "path=laptop/p1-ntfs/a\n\xff\"b",
		       "reason=r", NULL),
		0, "an exclusion with any bytes");
	refused(s, -EINVAL, AUDIT_EXCLUDE, "an exclusion of everything", OWNER, "exclude",
		"case=c1", "who=sys", "path=/evidence/sys/c1", "reason=r", NULL);
}

static void test_grants(struct service *s)
{
	char at[TEXT_TIME_MAX + 8];
	char id[64];
	int64_t then = s->now.real_ns - 1;

	is_int(ask(s, OWNER, "grants", "case=c1", NULL), 0, "the owner lists grants");
	is_int((long long)got.n, 4, "all of them");
	ok(says("\"who\":\"sys\",\"path\":\"laptop/p1-ntfs\",\"rights\":[\"read\",\"deleted\","
		"\"notes\",\"annotate\"],\"from\":\"2024-10-04T"),
		"with rights as a list");
	ok(says("\"who\":\"6\",\"path\":null"), "who as it was typed, no path for the whole case");
	ok(says("\"path\":\"laptop/p1-ntfs/a\\\\x0a\\\\xff\\\"b\",\"rights\":[]"),
		"an exclusion without rights, its path escaped");
	ok(says("\"kind\":\"exclusion\",\"revoked_at\":null,\"revoked_by\":null,"
		"\"revoke_reason\":null}"),
		"keys of what is not revoked are there");
	ok(s->asked == 1, "that they were looked at is recorded");
	ask(s, OWNER, "grants", "case=c1", "who=3", NULL);
	is_int((long long)got.n, 2, "those of one user, named by number");
	ask(s, OWNER, "grants", "case=c1", "who=no-such-user", NULL);
	ok(got.r == 0 && got.n == 0, "of a user who is not known: none");
	snprintf(id, sizeof(id), "id=%llu", (unsigned long long)s->model.grants[1].act.object);
	refused(s, -EPERM, AUDIT_REVOKE, "revoking what the officer gave", OWNER, "revoke",
		"case=c1", id, "reason=r", NULL);
	is_int(ask(s, OFFICER, "revoke", "case=c1", id, "reason=over", NULL), 0, "he revokes it");
	refused(s, -EEXIST, AUDIT_REVOKE, "revoking twice", OFFICER, "revoke", "case=c1", id,
		"reason=r", NULL);
	refused(s, -ENOENT, AUDIT_REVOKE, "revoking what is not there", OWNER, "revoke", "case=c1",
		"id=999", "reason=r", NULL);
	refused(s, -EPERM, AUDIT_MARK, "root marks nothing", ROOT, "mark", "case=c1",
		"path=laptop/x", "state=suspected", "basis=b", "reason=r", NULL);
	refused(s, -ENOENT, AUDIT_MARK, "marking what one does not see", ANALYST, "mark", "case=c1",
		"path=laptop/x", "state=suspected", "basis=b", "reason=r", NULL);
	refused(s, -ENOENT, AUDIT_MARK, "marking in a case one knows nothing of", OUTSIDER, "mark",
		"case=c1", "path=laptop/x", "state=suspected", "basis=b", "reason=r", NULL);
	refused(s, -EPERM, AUDIT_QUERY, "marks, without `mark`", ANALYST, "marks", "case=c1", NULL);
	refused(s, -EPERM, AUDIT_NOTE, "a note by root", ROOT, "note add", "case=c1",
		"path=laptop/x", "text=t", NULL);
	refused(s, -EPERM, AUDIT_NOTE, "a note without `annotate`", OFFICER, "note add", "case=c1",
		"path=laptop/x", "text=t", NULL);
	refused(s, -ENOENT, AUDIT_NOTE, "a note in a case one knows nothing of", OUTSIDER,
		"note add", "case=c1", "path=laptop/x", "text=t", NULL);
	refused(s, -EINVAL, AUDIT_NOTE, "a note about nothing", ANALYST, "note add", "case=c1",
		"path=/", "text=t", NULL);
	refused(s, -EPERM, AUDIT_QUERY, "notes, without `notes`", OWNER, "note list", "case=c1",
		NULL);
	refused(s, -EINVAL, AUDIT_REVOKE, "revoking what is no number", OWNER, "revoke", "case=c1",
		"id=-1", "reason=r", NULL);
	ask(s, OWNER, "grants", "case=c1", NULL);
	is_int((long long)got.n, 3, "then it is not listed");
	ask(s, OWNER, "grants", "case=c1", "history", NULL);
	ok(got.n == 4 && says("\"revoked_by\":\"bin\",\"revoke_reason\":\"over\""),
		"but in the history, with who and why");
	snprintf(at, sizeof(at), "at=%s", "");
	text_time_ns(then, at + 3);
	ask(s, OWNER, "grants", "case=c1", at, NULL);
	is_int((long long)got.n, 4, "and among those in force then");
	s->now.real_ns += DAY;
	s->now.boot_ns += DAY;
	ask(s, OWNER, "grants", "case=c1", NULL);
	ok(got.n == 2 && !says("analyst") && !says("laptop/p1-ntfs\","), "what has ended is gone");
	refused(s, -EPERM, AUDIT_QUERY, "listing by root", ROOT, "grants", "case=c1", NULL);
	refused(s, -ENOENT, AUDIT_QUERY, "listing by an outsider", OUTSIDER, "grants", "case=c1",
		NULL);
}

static void test_holder(struct service *s)
{
	is_int(ask(s, OWNER, "grant", "case=c1", "who=sys", "path=laptop/p1-ntfs/d",
		       "rights=read,grant", "reason=r", NULL),
		0, "somebody may grant within what he has");
	is_int(ask(s, OWNER, "grant", "case=c1", "who=games", "path=laptop/p1-ntfs/d/e",
		       "rights=read", "reason=r", NULL),
		0, "the owner grants below it");
	is_int(ask(s, OWNER, "grant", "case=c1", "who=games", "path=laptop/p2-ext4", "rights=read",
		       "reason=r", NULL),
		0, "and elsewhere");
	is_int(ask(s, ANALYST, "grants", "case=c1", NULL), 0, "he lists grants");
	ok(says("/d/e\"") && !says("p2-ext4") && !says("exclusion") && !says("auditor"),
		"those he could end, and his own; no exclusion of himself");
	refused(s, -EPERM, AUDIT_GRANT, "a grant beyond what he has", ANALYST, "grant", "case=c1",
		"who=games", "rights=read", "reason=r", NULL);
}

static void test_whoami(struct service *s)
{
	is_int(ask(s, OWNER, "whoami", NULL), 0, "who am I");
	ok(got.n == 1 && says("\"standing\":\"owner\"") && says("\"rights\":[\"grant\",\"audit\"]"),
		"the owner of a case");
	ask(s, ANALYST, "whoami", "case=c1", NULL);
	ok(got.n == 1 && says("\"path\":\"laptop/p1-ntfs/d\"") && says("\"by\":\"daemon\"") &&
			says("\"reason\":\"r\""),
		"what an analyst has, and by whom");
	ok(!says("exclusion") && !notes("exclu"), "exclusions are not told");
	ask(s, OFFICER, "whoami", NULL);
	ok(got.n == 1 && says("privilege officer") && says("\"privileged\""), "an officer");
	ask(s, ROOT, "whoami", NULL);
	ok(got.r == 0 && got.n == 0 && notes("operator"), "root sees nothing");
	ask(s, LOG_OFFICER, "whoami", NULL);
	ok(notes("officer of the log"), "an officer of the log is told");
	ask(s, LOG_OFFICER, "whoami", "case=none", NULL);
	ok(got.r == 0 && notes("no right in a case none"), "a case that is not there");
}

static void test_status(struct service *s)
{
	is_int(ask(s, OUTSIDER, "status", NULL), 0, "anybody may ask how the service is");
	ok(says("\"healthy\":true,\"sessions\":null,\"workers\":null,\"log_size\":null,"
		"\"log_head\":null,\"disk_free\":null,\"cases\":null"),
		"and learns that alone");
	ask(s, ROOT, "status", NULL);
	ok(says("\"sessions\":2") && says("\"log_size\":9") && says("\"cases\":2"),
		"root learns the rest");
	ask(s, LOG_OFFICER, "status", NULL);
	ok(says("\"log_size\":9"), "so do officers of the log");
	is_int(ask(s, OWNER, "status", "case=c1", NULL), 0, "the owner asks of his case");
	ok(says("\"evidence\":2,\"held\":1"), "and sees what is held");
	refused(s, -EPERM, AUDIT_QUERY, "that by an analyst", ANALYST, "status", "case=c1", NULL);
	s->now.real_ns += 40 * DAY;
	ask(s, ROOT, "status", "case=c1", NULL);
	ok(notes("nothing has been done for 4"), "a case where nothing happens is noticed");
	s->now.real_ns -= 40 * DAY;
}

static void some_accesses(struct service *s)
{
	const struct model_evidence *ev = &s->model.evidence[0];
	struct audit_event open = {.type = AUDIT_OPEN,
		.decision = AUDIT_ALLOWED,
		.uid = ANALYST,
		.loginuid = 77,
		.pid = 5,
		.exe = "/bin/cat",
		.trace = 9,
		.case_id = ev->case_id,
		.grant = 3};
	struct audit_event other = {.type = AUDIT_SESSION,
		.decision = AUDIT_ALLOWED,
		.loginuid = AUDIT_NO_LOGINUID,
		.uid = ANALYST};
	struct audit_event hidden = {0};
	struct audit_event read = {.type = AUDIT_READ,
		.decision = AUDIT_ALLOWED,
		.uid = ANALYST,
		.pid = 5,
		.offset = 10,
		.length = 4096,
		.result = 100};

	memcpy(open.evidence, ev->digest, sizeof(open.evidence));
	audit_append(s->log, &open);
	read.open_seq = open.seq;
	audit_append(s->log, &read);
	read.offset = 110;
	audit_append(s->log, &read);
	audit_append(s->log, &other);
	hidden = open;
	hidden.type = AUDIT_LOOKUP;
	hidden.decision = AUDIT_HIDDEN;
	hidden.result = -ENOENT;
	audit_append(s->log, &hidden);
}

static void test_audit(struct service *s)
{
	char want[200];

	some_accesses(s);
	is_int(ask(s, OWNER, "audit show", "case=c1", "type=open,read", NULL), 0,
		"the owner reads the log of his case");
	snprintf(want, sizeof(want),
		"\"case\":\"c1\",\"evidence\":\"laptop\",\"path\":null,\"trace\":9,\"offset\":null,"
		"\"length\":null,\"result\":0,\"decision\":\"allowed\",\"grant\":3,\"reads\":2,"
		"\"bytes\":200,\"ranges\":[\"10-209\"],\"label\":null}");
	ok(got.n == 1 && says(want), "an open with its reads summed up");
	ask(s, OWNER, "audit show", "case=c1", "type=read", "reads", NULL);
	ok(got.n == 2 && says("\"exe\":\"/bin/cat\"") &&
			says("\"offset\":110,\"length\":4096,"
			     "\"result\":100") &&
			says("\"grant\":3"),
		"reads one by one, with what their open knows");
	ask(s, AUDITOR, "audit show", "user=daemon", "type=grant", NULL);
	ok(got.r == 0 && says("\"type\":\"grant\",\"user\":\"daemon\",\"uid\":1,") &&
			says("\"path\":\"laptop/p1-ntfs/d\""),
		"an auditor reads acts, with what they were about");
	ask(s, AUDITOR, "audit show", "path=laptop/p1-ntfs/d", NULL);
	ok(got.n == 2 && !says("p2-ext4"), "those below a path");
	ask(s, AUDITOR, "audit show", "path=/evidence/man/c1/laptop/p1-ntfs/d/e", NULL);
	is_int((long long)got.n, 1, "also as it is below a session's mount");
	ask(s, AUDITOR, "audit show", "type=session", NULL);
	is_int((long long)got.n, 0, "nothing that concerns no case");
	ask(s, AUDITOR, "audit show", "type=lookup", NULL);
	ok(got.n == 0 && notes("1 records are left out"), "what is hidden is counted alone");
	ask(s, LOG_OFFICER, "audit show", NULL);
	ok(says("\"type\":\"session\"") && says("\"decision\":\"denied\"") &&
			says("\"type\":\"query\""),
		"an officer of the log reads everything, refusals and questions too");
	refused(s, -EPERM, AUDIT_QUERY, "reading by root", ROOT, "audit show", NULL);
	refused(s, -EPERM, AUDIT_QUERY, "reading by root of a case", ROOT, "audit show", "case=c1",
		NULL);
	refused(s, -EPERM, AUDIT_QUERY, "reading by an analyst", ANALYST, "audit show", "case=c1",
		NULL);
	refused(s, -ENOENT, AUDIT_QUERY, "reading by an outsider of a case he is not in",
		LOG_OFFICER, "audit show", "case=none", NULL);
	refused(s, -EINVAL, AUDIT_QUERY, "a type that is none", OWNER, "audit show", "type=opened",
		NULL);
	refused(s, -ENOENT, AUDIT_QUERY, "a user who is none", OWNER, "audit show",
		"user=no-such-user", NULL);
	is_int(ask(s, OWNER, "grant", "case=c1", "who=games", "path=laptop/p1-ntfs/d",
		       "rights=audit", "reason=r", NULL),
		0, "audit of a part");
	ask(s, OUTSIDER, "audit show", "case=c1", NULL);
	ok(got.r == 0 && got.n == 3 && !says("\"path\":null") && !says("p2-ext4"),
		"shows what happened below it");
	refused(s, -EPERM, AUDIT_QUERY, "who had access, to him", OUTSIDER, "audit access",
		"case=c1", "at=-1d", NULL);
}

static void test_access(struct service *s)
{
	is_int(ask(s, AUDITOR, "audit access", "case=c1", "at=-1d", NULL), 0,
		"who had access then");
	ok(says("\"kind\":\"owner\",\"who\":\"daemon\"") && says("\"by\":\"root\"") &&
			says("\"kind\":\"privilege officer\",\"who\":\"bin\"") &&
			says("\"kind\":\"grant\",\"who\":\"6\"") && says("\"kind\":\"exclusion\""),
		"owner, officer, grants and exclusions, by whose act");
	ok(!says("laptop/p1-ntfs/d"), "not what came later");
	ask(s, AUDITOR, "audit access", "case=c1", "at=2000-01-01", NULL);
	ok(got.r == 0 && got.n == 0, "nobody before it was there");
	is_int(ask(s, OWNER, "case transfer", "case=c1", "to=man", "reason=leaves", NULL), 0,
		"a case is handed over");
	ok(says("\"to\":\"man\"") && says("\"reason\":\"leaves\""), "and that is told");
	refused(s, -ENOENT, AUDIT_CASE, "closing it by who owned it", OWNER, "case close",
		"case=c1", "reason=r", NULL);
	ask(s, AUDITOR, "audit access", "case=c1", "at=+1s", NULL);
	ok(says("\"kind\":\"owner\",\"who\":\"man\"") && says("\"reason\":\"leaves\""),
		"who had access shows by whose act he owns it");
	refused(s, -EPERM, AUDIT_CASE, "another officer, by the owner", AUDITOR, "case officer",
		"case=c1", "to=games", "reason=r", NULL);
	is_int(ask(s, OFFICER, "case officer", "case=c1", "to=daemon", "reason=r", NULL), 0,
		"the officer passes his office on");
}

/* What the client sends is what the service takes, and nothing is left out. */
static void test_both_tables(void)
{
	const struct control_command *c = NULL;

	while ((c = commands_next(c))) {
		const struct team_command *t = team_command(c->name);
		char known[512];
		bool same = t != NULL;

		snprintf(known, sizeof(known), " %s ", c->args);
		for (char *p = known; *p; p++)
			*p = *p == '!' ? ' ' : *p;
		for (size_t i = 0; same && i < 4 && t->words[i].name; i++) {
			char name[64];

			snprintf(name, sizeof(name), " %s ", t->words[i].name);
			same = strstr(known, name) != NULL;
		}
		for (size_t i = 0; same && i < TEAM_OPTIONS_MAX && t->options[i].name; i++) {
			char name[64];

			snprintf(name, sizeof(name), " %s ", t->options[i].name);
			same = t->options[i].local || strstr(known, name) != NULL;
		}
		ok(same, "%s: the service takes what the command sends", c->name);
	}
}

int main(void)
{
	static const struct {
		uid_t uid;
		const char *name;
	} people[] = {{ROOT, "root"}, {OWNER, "daemon"}, {OFFICER, "bin"}, {ANALYST, "sys"},
		{OUTSIDER, "games"}, {AUDITOR, "man"}, {NOBODY, "lp"}, {LOG_OFFICER, "mail"}};
	struct service *s = NULL;

	for (size_t i = 0; i < sizeof(people) / sizeof(people[0]); i++) {
		const struct passwd *p = getpwuid(people[i].uid);

		if (!p || strcmp(p->pw_name, people[i].name) != 0)
			return skip_all("this system has other users than Debian");
	}
	s = service_make();
	test_cases(s);
	test_evidence(s);
	test_release(s);
	test_grant(s);
	test_case_questions(s);
	test_grants(s);
	test_holder(s);
	test_whoami(s);
	test_status(s);
	test_audit(s);
	test_access(s);
	test_both_tables();
	service_unmake(s);
	buf_release(&got.rows);
	buf_release(&got.notes);
	return done_testing();
}
