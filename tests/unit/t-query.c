/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-query.c - query.db answers what the log says: compared with a model that holds all
 * records and looks at each; dropped and built again where it is not of its log.
 */
#include "tap.h"

#include "audit-help.h"

#include "audit/query.h"

#define EVENTS 40000
#define OPENS  400
#define ASKED  300

static uint64_t state = 42;

static uint64_t rnd(uint64_t below)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (state >> 33) % below;
}

/* ---- the model: all records, completed ---------------------------------------------------- */

struct model {
	struct audit_event v[EVENTS];
	size_t n;
};

static struct model *model;

static struct audit_event random_access(void)
{
	struct audit_event ev = event_open(rnd(2) ? "/bin/cat" : "/usr/bin/file");

	ev.uid = 1000 + (uint32_t)rnd(5);
	ev.loginuid = rnd(2) ? 1001 : AUDIT_NO_LOGINUID;
	ev.evidence[0] = (uint8_t)rnd(3);
	ev.trace = rnd(100);
	ev.case_id = 1 + rnd(3);
	ev.grant = rnd(9);
	ev.policy = rnd(100);
	return ev;
}

static struct audit_event random_act(void)
{
	static const enum audit_type types[] = {AUDIT_GRANT, AUDIT_REVOKE, AUDIT_MARK, AUDIT_QUERY,
		AUDIT_CASE, AUDIT_START, AUDIT_LOOKUP, AUDIT_LIST, AUDIT_XATTR};
	struct audit_event ev = random_access();

	ev.type = types[rnd(sizeof(types) / sizeof(types[0]))];
	ev.object = ev.type == AUDIT_GRANT ? rnd(50) : 0;
	ev.decision = 1 + (unsigned)rnd(3);
	ev.result = ev.decision == AUDIT_ALLOWED ? 0 : -EACCES;
	return ev;
}

/* What a record of the log is without the help of its OPEN. */
static struct audit_event random_event(uint64_t *opens)
{
	size_t i = (size_t)rnd(OPENS);
	struct audit_event ev = random_access();

	if (rnd(20) == 0)
		return random_act();
	if (!opens[i]) {
		opens[i] = model->n + 1;
		return ev;
	}
	ev = event_read(opens[i], rnd(64) * 4096);
	ev.uid = model->v[opens[i] - 1].uid;
	if (rnd(40) == 0) { /* refused: it says all itself */
		ev = random_access();
		ev.type = AUDIT_READ;
		ev.open_seq = opens[i];
		ev.decision = AUDIT_DENIED;
		ev.result = -EACCES;
	} else if (rnd(40) == 0) {
		ev.result = -EIO;
	} else if (rnd(50) == 0) {
		ev.type = AUDIT_CLOSE;
		ev.offset = 0;
		ev.length = 0;
		ev.result = 0;
		opens[i] = 0;
	} else {
		ev.result = (int64_t)rnd(4097);
	}
	return ev;
}

static void complete(struct audit_event *ev)
{
	const struct audit_event *o = ev->open_seq ? &model->v[ev->open_seq - 1] : NULL;

	if (!o || ev->decision == AUDIT_DENIED)
		return;
	ev->gid = o->gid;
	ev->loginuid = o->loginuid;
	ev->process_start = o->process_start;
	ev->trace = o->trace;
	ev->case_id = o->case_id;
	ev->grant = o->grant;
	ev->policy = o->policy;
	memcpy(ev->evidence, o->evidence, sizeof(ev->evidence));
	memcpy(ev->exe, o->exe, sizeof(ev->exe));
}

static void put_one(struct audit_log *l, uint64_t *opens)
{
	struct audit_event ev = random_event(opens);

	if (audit_append(l, &ev) < 0)
		bail_out("append");
	complete(&ev);
	model->v[model->n++] = ev;
}

static bool is_summed(const struct audit_event *ev)
{
	return ev->type == AUDIT_READ && ev->decision == AUDIT_ALLOWED && ev->result >= 0;
}

static bool fits(const struct query_filter *f, const struct audit_event *ev)
{
	if ((is_summed(ev) && (!f->reads || f->refused)) || ev->seq <= f->after ||
		ev->seq > f->upto || ev->time_ns < f->since_ns || ev->time_ns >= f->until_ns)
		return false;
	if ((f->uid >= 0 && ev->uid != f->uid) || (f->types && !(f->types & 1u << ev->type)) ||
		(f->case_id && ev->case_id != f->case_id) ||
		(f->refused && ev->decision == AUDIT_ALLOWED))
		return false;
	if (f->traces && ev->type >= AUDIT_GRANT)
		return true;
	return (!f->evidence || !memcmp(ev->evidence, f->evidence, AUDIT_EVIDENCE_ID)) &&
	       (!f->traces || (ev->trace >= f->first && ev->trace <= f->last));
}

/* ---- compared ---------------------------------------------------------------------------- */

struct compare {
	const struct query_filter *f;
	size_t at;
	uint64_t rows;
	uint64_t records; /* that are not summed up */
	bool same;
};

static bool same_event(const struct audit_event *a, const struct audit_event *b)
{
	return a->seq == b->seq && a->time_ns == b->time_ns && a->type == b->type &&
	       a->decision == b->decision && a->uid == b->uid && a->gid == b->gid &&
	       a->loginuid == b->loginuid && a->pid == b->pid &&
	       a->process_start == b->process_start && !strcmp(a->exe, b->exe) &&
	       !memcmp(a->evidence, b->evidence, AUDIT_EVIDENCE_ID) && a->trace == b->trace &&
	       a->case_id == b->case_id && a->object == b->object && a->grant == b->grant &&
	       a->policy == b->policy && a->open_seq == b->open_seq && a->offset == b->offset &&
	       a->length == b->length && a->result == b->result;
}

/* The sums of an open's reads, block by block. */
static bool same_sum(const struct audit_event *open, const struct query_sum *sum)
{
	uint64_t reads = 0;
	uint64_t bytes = 0;
	bool read[64 * 4096 + 4096] = {false};
	bool within = true;

	for (size_t i = open->seq; i < model->n; i++) {
		const struct audit_event *ev = &model->v[i];

		if (!is_summed(ev) || ev->open_seq != open->seq)
			continue;
		reads++;
		bytes += (uint64_t)ev->result;
		memset(read + ev->offset, true, (size_t)ev->result);
	}
	for (unsigned i = 0; i < sum->ranges.n; i++) {
		for (uint64_t b = sum->ranges.v[i].from; b < sum->ranges.v[i].to; b++) {
			within = within && read[b];
			read[b] = false;
		}
	}
	return sum->reads == reads && sum->bytes == bytes && within && !sum->ranges.coarse &&
	       !memchr(read, true, sizeof(read));
}

static int on_row(void *ctx, struct audit_event *ev, const struct query_sum *sum)
{
	struct compare *c = ctx;

	while (c->at < model->n && !fits(c->f, &model->v[c->at]))
		c->at++;
	c->same = c->at < model->n && same_event(ev, &model->v[c->at]) &&
		  (ev->type == AUDIT_OPEN) == (sum != NULL) &&
		  (!sum || c->rows % 50 || same_sum(ev, sum));
	if (!c->same)
		diag("row %d: record %d, not %d", (int)c->rows, (int)ev->seq, (int)c->at + 1);
	c->at++;
	c->rows++;
	c->records += !is_summed(ev);
	return c->same ? 0 : -EBADMSG;
}

static bool compare(struct query *q, const struct query_filter *f)
{
	struct compare c = {.f = f, .same = true};
	struct err e = {.code = 0};
	uint64_t count = 0;
	int r = query_each(q, f, on_row, &c, &e);

	while (c.at < model->n && !fits(f, &model->v[c.at]))
		c.at++;
	if (r == 0 && c.at < model->n)
		diag("record %d is missing", (int)c.at + 1);
	if (r < 0 && e.code)
		diag("%s", e.text);
	if (r == 0 && query_count(q, f, &count, NULL) == 0 && count != c.records)
		diag("%d counted, not %d", (int)count, (int)c.records);
	return r == 0 && c.same && c.at == model->n && count == c.records;
}

static struct query_filter any(void)
{
	return (struct query_filter){
		.since_ns = INT64_MIN, .until_ns = INT64_MAX, .uid = -1, .upto = UINT64_MAX};
}

static void random_filters(struct query *q, const char *what)
{
	size_t same = 0;

	for (int i = 0; i < ASKED; i++) {
		struct query_filter f = any();
		uint8_t evidence[AUDIT_EVIDENCE_ID];

		memset(evidence, 0xab, sizeof(evidence));
		evidence[0] = (uint8_t)rnd(4);
		f.reads = rnd(2) == 0;
		if (rnd(2))
			f.uid = 1000 + (int64_t)rnd(6);
		if (rnd(3) == 0)
			f.types = (uint32_t)rnd(1u << 28) << 1;
		if (rnd(6) == 0)
			f.types = 1u << AUDIT_GRANT | 1u << AUDIT_MARK;
		if (rnd(3) == 0)
			f.case_id = 1 + rnd(4);
		if (rnd(3) == 0)
			f.evidence = evidence;
		f.traces = f.evidence && rnd(2);
		f.first = rnd(100);
		f.last = f.first + rnd(20);
		f.refused = rnd(8) == 0;
		if (rnd(3) == 0)
			f.since_ns = model->v[rnd(model->n)].time_ns + (int64_t)rnd(2);
		if (rnd(3) == 0)
			f.until_ns = model->v[rnd(model->n)].time_ns + (int64_t)rnd(2);
		if (rnd(4) == 0)
			f.after = rnd(model->n);
		if (rnd(4) == 0)
			f.upto = rnd(model->n);
		same += compare(q, &f);
	}
	is_int(same, ASKED, what);
}

static void follow(struct query *q)
{
	struct err e = {.code = 0};

	if (query_follow(q, UINT64_MAX, NULL, NULL, &e) < 0)
		bail_out(e.text);
}

static struct query *must_query(const char *path, const char *log)
{
	struct query *q = NULL;
	struct err e = {.code = 0};

	if (query_open(path, log, &q, &e) < 0)
		bail_out(e.text);
	return q;
}

static void answers(const struct place *at, const char *path)
{
	struct audit_log *l = NULL;
	struct query *q = NULL;
	struct query *memory = NULL;
	struct query *second = NULL;
	static uint64_t opens[OPENS];
	struct query_filter f = any();

	must_open(at->log, &l);
	for (int i = 0; i < 15000; i++)
		put_one(l, opens);
	q = must_query(path, at->log);
	is_int(query_seq(q), 0, "a new one holds nothing");
	follow(q);
	is_int(query_seq(q), (long long)model->n, "then all of the log");
	ok(compare(q, &f), "every record but single reads");
	f.reads = true;
	ok(compare(q, &f), "and with these");
	random_filters(q, "questions of every kind");
	for (int i = 0; i < 5000; i++)
		put_one(l, opens);
	query_close(q);
	q = must_query(path, at->log);
	is_int(query_seq(q), 15000, "opened again it goes on where it was");
	second = must_query(path, at->log);
	while (query_follow_some(second, UINT64_MAX, NULL) == 1 && query_seq(second) < 17000)
		;
	follow(q);
	for (int i = 0; i < 5000; i++)
		put_one(l, opens);
	follow(second);
	random_filters(second, "two of them follow one log by turns");
	follow(q);
	random_filters(q, "and the other one");
	memory = must_query(NULL, at->log);
	follow(memory);
	random_filters(memory, "one in memory");
	audit_close(l);
	query_close(memory);
	query_close(second);
	query_close(q);
}

/* ---- what is not of the log ------------------------------------------------------------------ */

static void dropped(const char *path, const char *log, const char *why, const char *what)
{
	char text[ERR_TEXT_MAX];
	struct query *q = must_query(path, log);
	struct query_filter f = any();

	query_dropped(q, text);
	ok(strstr(text, why) != NULL, "%s: dropped (%s)", what, text);
	follow(q);
	ok(compare(q, &f), "%s: built again", what);
	query_close(q);
}

static void overwrite(const char *path, off_t from, size_t n)
{
	int fd = open(path, O_WRONLY);
	char *junk = malloc(n);

	if (fd < 0 || !junk)
		bail_out(path);
	memset(junk, 0x5a, n);
	if (pwrite(fd, junk, n, from) != (ssize_t)n)
		bail_out(path);
	free(junk);
	close(fd);
}

static void damage(const struct place *at, const char *path)
{
	struct query_filter f = any();
	struct query *q = NULL;
	struct stat st;
	char text[ERR_TEXT_MAX];
	int r = 0;

	overwrite(path, 0, 4096);
	dropped(path, at->log, "not a database", "no database at all");
	if (truncate(path, 100) < 0)
		bail_out(path);
	dropped(path, at->log, "", "a piece of one");
	if (stat(path, &st) < 0)
		bail_out(path);
	q = must_query(path, at->log);
	overwrite(path, 4096 * 8, (size_t)st.st_size - 4096 * 8);
	r = query_each(q, &f, on_row, &(struct compare){.f = &f, .same = true}, NULL);
	ok(r == -ESTALE, "damaged in use: said so");
	follow(q);
	query_dropped(q, text);
	ok(strstr(text, "damaged") != NULL && compare(q, &f), "and built again (%s)", text);
	is_int(query_reindex(q, NULL), 0, "reindex");
	is_int(query_seq(q), 0, "takes all of it away");
	follow(q);
	ok(compare(q, &f), "and it is built again");
	query_close(q);
}

/* The same numbers, another log: brought back from a backup, say. */
static void other_log(const char *path)
{
	struct place at;
	struct audit_log *l = NULL;
	static uint64_t opens[OPENS];
	size_t n = model->n;

	place_make(&at);
	must_open(at.log, &l);
	model->n = 0;
	for (size_t i = 0; i < n; i++)
		put_one(l, opens);
	audit_close(l);
	dropped(path, at.log, "not that of the log", "of another log");
	place_remove(&at);
}

static void ranges(void)
{
	struct ranges r = {.n = 0};
	struct ranges back = {.n = 1};
	struct buf b = BUF_INIT;

	for (uint64_t i = 0; i < 100; i++)
		ranges_add(&r, i * 1000, i == 50 ? 1 : 100);
	is_int(r.n, RANGES_MAX, "so many ranges are kept");
	ok(r.coarse, "and it shows that some were joined");
	ranges_add(&r, 0, 100000);
	is_int(r.n, 1, "one that covers them all");
	ranges_add(&r, 100000, 5);
	ranges_add(&r, 300000, 0);
	is_int(ranges_bytes(&r), 100005, "one that meets it, and nothing");
	ranges_add(&r, UINT64_MAX - 1, 10);
	is_int(r.n, 2, "at the end of all numbers");
	ranges_encode(&r, &b);
	ok(ranges_decode(b.data, b.len, &back) == 0 && back.n == r.n && back.coarse == r.coarse &&
			!memcmp(back.v, r.v, r.n * sizeof(*r.v)),
		"there and back");
	is_int(ranges_decode(b.data, b.len - 1, &back), -EBADMSG, "cut short");
	is_int(ranges_decode("\2", 1, &back), -EBADMSG, "a flag that is none");
	is_int(ranges_decode("\0\1\0", 3, &back), -EBADMSG, "an empty range");
	buf_release(&b);
}

int main(void)
{
	struct place at;
	char path[128];

	model = calloc(1, sizeof(*model));
	if (!model)
		bail_out("no memory");
	place_make(&at);
	snprintf(path, sizeof(path), "%s/query.db", at.top);
	ranges();
	answers(&at, path);
	damage(&at, path);
	other_log(path);
	place_remove(&at);
	free(model);
	return done_testing();
}
