/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-client.c - the service's side of the workers
 *
 * Against a worker that speaks nonsense (fake-worker, beside this program) and
 * against the real one (EVIDENCEFS_BUILD) on an image that ewfacquire makes.
 */
#include "worker/client.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <dirent.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"
#include "base/file.h"
#include "base/memory.h"
#include "worker/cache.h"
#include "worker/pool.h"

#define FAKE_MS 400 /* deadline against a fake worker */
#define KIB     1024u
#define MIB     UINT64_C(1048576)

struct place {
	char dir[64];
	char fake[4096];
	char real[4096];
	struct image_files files; /* a small raw image */
	atomic_uint faults;
	pthread_mutex_t lock;
	char last_fault[512];
};

static void on_fault(void *ctx, const char *text)
{
	struct place *p = ctx;

	atomic_fetch_add(&p->faults, 1);
	pthread_mutex_lock(&p->lock);
	snprintf(p->last_fault, sizeof(p->last_fault), "%s", text);
	pthread_mutex_unlock(&p->lock);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void nap(long ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* --- a worker that speaks nonsense ------------------------------------------------------------ */

struct count {
	unsigned root;
	unsigned enter;
	unsigned leave;
	unsigned problem;
	unsigned unallocated;
	int stop_at; /* entries after which the sink says 77 */
	char text[256];
};

static int on_root(void *ctx, const struct entry *e)
{
	(void)e;
	((struct count *)ctx)->root++;
	return 0;
}

static int on_enter(void *ctx, const struct entry *e)
{
	struct count *c = ctx;

	(void)e;
	c->enter++;
	return c->stop_at && c->enter == (unsigned)c->stop_at ? 77 : 0;
}

static int on_leave(void *ctx)
{
	((struct count *)ctx)->leave++;
	return 0;
}

static int on_problem(void *ctx, const char *text)
{
	struct count *c = ctx;

	c->problem++;
	snprintf(c->text, sizeof(c->text), "%s", text);
	return 0;
}

static int on_unallocated(void *ctx, const uint8_t *content, size_t len, uint64_t size)
{
	(void)content;
	(void)len;
	(void)size;
	((struct count *)ctx)->unallocated++;
	return 0;
}

static struct workers *fake(struct place *p, const struct image_files *files, const char *mode)
{
	char types[64];
	struct workers_opts o = {.program = p->fake,
		.count = 2,
		.types = types,
		.deadline_ms = FAKE_MS,
		.fault = on_fault,
		.ctx = p};
	struct workers *w = NULL;
	struct err e = {0};

	snprintf(types, sizeof(types), "p0=%s", mode);
	if (workers_new(files, &o, &w, &e) < 0)
		bail_out(e.text);
	return w;
}

static int walk(struct workers *w, struct count *c, struct err *e)
{
	struct walk_sink sink = {.root = on_root,
		.enter = on_enter,
		.leave = on_leave,
		.problem = on_problem,
		.unallocated = on_unallocated,
		.ctx = c};
	struct walk_opts o = {.heads = WIRE_HEADS_ALL};

	return workers_walk(w, 0, &o, &sink, e);
}

static void fake_scans(struct place *p)
{
	static const char *const modes[] = {"nosilence", "noexit", "noversion", "nosandbox",
		"nolength", "scanhuge", "scantext", "scanmedia", "scanchunk", "scanpairs",
		"scanshort", "scanoffset", "scanlength", "scanbool", "scantype", "scanvolumes",
		"scanwrong", "scanmore"};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct workers *w = fake(p, &p->files, modes[i]);
		struct scan s = {.n = 0};
		struct err e = {0};
		int r = workers_scan(w, &s, &e);

		/* A volume that is told wrong is one that kills: it is left out, the rest goes on.
		 */
		if (r == 0)
			scan_release(&s);
		ok(r < 0 && e.code, "scan: %s is refused: %s", modes[i], e.text);
		workers_free(w);
	}
}

static void fake_scan_kills(struct place *p)
{
	struct workers *w = fake(p, &p->files, "scankill");
	struct scan s = {.n = 0};
	struct err e = {0};

	atomic_store(&p->faults, 0);
	is_int(workers_scan(w, &s, &e), 0, "a volume that kills does not end the scan");
	ok(s.n == 1 && !s.v[0].known && strcmp(s.v[0].type, "unknown") == 0, "it is unknown");
	ok(s.n == 1 && strstr(s.v[0].note, "signal 9"), "its note says why: %s",
		s.n == 1 ? s.v[0].note : "");
	is_int(atomic_load(&p->faults), 1, "and a fault is told once");
	scan_release(&s);
	workers_free(w);
	w = fake(p, &p->files, "good");
	is_int(workers_scan(w, &s, &e), 0, "a good scan");
	is_str(s.n == 1 ? s.v[0].desc : NULL, "tab\\x09here \\xff \\xe2\\x80\\xae end",
		"text is cleaned");
	scan_release(&s);
	workers_free(w);
}

static void fake_walks(struct place *p)
{
	static const struct {
		const char *mode;
		int result;
	} modes[] = {
		{"good", 0},
		{"walkproblem", 0},
		{"walkslow", 0},
		{"walkname", -EPROTO},
		{"walkextent", -EPROTO},
		{"walksize", -EPROTO},
		{"walkleave", -EPROTO},
		{"walkroot", -EPROTO},
		{"walkbelow", -EPROTO},
		{"walkstream", -EPROTO},
		{"walkdeep", -EPROTO},
		{"walkendless", -EPROTO},
		{"walkjunk", -EPROTO},
		{"walkmedia", -EPROTO},
		{"walknoroot", -EPROTO},
		{"walkfile", -EPROTO},
		{"walkopen", -EPROTO},
		{"walkunalloc", -EPROTO},
		{"walkfail", -EIO},
		{"walksilence", -ETIMEDOUT},
		{"walkdeath", -EPIPE},
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct workers *w = fake(p, &p->files, modes[i].mode);
		struct count c = {0};
		struct err e = {0};
		double began = seconds();
		int r = walk(w, &c, &e);

		ok(r == modes[i].result, "walk: %s gives %s: %s", modes[i].mode,
			strerror(-modes[i].result), e.text);
		if (r != modes[i].result)
			diag("got %d", r);
		ok(seconds() - began < 20, "in time");
		if (strcmp(modes[i].mode, "walkproblem") == 0)
			is_str(c.text, "bad \\x1b[31m \\xff name", "a problem's text is cleaned");
		if (strcmp(modes[i].mode, "walkdeath") == 0)
			ok(strstr(e.text, "signal 11") && strstr(e.text, "\"file\""),
				"says how it died, and where");
		workers_free(w);
	}
}

static void fake_walk_counts(struct place *p)
{
	struct workers *w = fake(p, &p->files, "good");
	struct count c = {0};
	struct err e = {0};

	is_int(walk(w, &c, &e), 0, "a good walk");
	ok(c.root == 1 && c.enter == 2 && c.leave == 2 && c.unallocated == 1, "each part once");
	c = (struct count){.stop_at = 1};
	is_int(walk(w, &c, &e), 77, "what the sink returns is handed through");
	workers_free(w);
}

static void fake_reads(struct place *p)
{
	static const char *const modes[] = {
		"readsilence", "readdeath", "readtype", "readlong", "readmore", "noexit"};
	char buf[3000] = "";

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct workers *w = fake(p, &p->files, modes[i]);

		atomic_store(&p->faults, 0);
		is_int(workers_read(w, 0, 5, 128, 1, buf, sizeof(buf), 0), -EIO, modes[i]);
		is_int(atomic_load(&p->faults), 1, "a fault is told");
		diag("%s", p->last_fault);
		workers_free(w);
	}
	struct workers *w = fake(p, &p->files, "good");

	is_int(workers_read(w, 0, 5, 128, 1, buf, sizeof(buf), 0), sizeof(buf), "a good read");
	workers_free(w);
}

static struct process *get(struct workers *w, uint64_t about)
{
	struct process *p = NULL;
	struct err e = {0};

	if (pool_get(w, POOL_WAIT, about, &p, &e) < 0)
		bail_out(e.text);
	return p;
}

/* Who asks about a file again gets the worker that has it open; who asks about another one, not. */
static void fake_affinity(struct place *p)
{
	const struct workers_opts o = {.program = p->fake, .count = 3, .types = "p0=good"};
	struct workers *w = NULL;
	struct process *a = NULL;
	struct process *b = NULL;
	struct process *c = NULL;
	struct process *got[3] = {NULL};
	struct err e = {0};

	if (workers_new(&p->files, &o, &w, &e) < 0)
		bail_out(e.text);
	a = get(w, 1);
	pool_put(w, a);
	b = get(w, 2);
	ok(b != a, "another one is started before one forgets what it has open");
	ok(get(w, 1) == a, "which is found again");
	c = get(w, 3);
	ok(a != b && b != c && a != c, "three at a time");
	pool_put(w, b);
	pool_put(w, a);
	pool_put(w, c);
	for (size_t i = 0; i < 3; i++)
		got[i] = get(w, i + 1);
	ok(got[0] == a && got[1] == b && got[2] == c, "each is found again");
	pool_put(w, b);
	pool_put(w, c);
	pool_put(w, a);
	ok(get(w, 4) == b, "something else: whose last request is the oldest");
	pool_put(w, b);
	got[0] = get(w, 0);
	ok(got[0] == b, "nothing to keep open: who was given back last");
	pool_put(w, b);
	ok(get(w, 4) == b, "which keeps what was open");
	got[0] = get(w, 3);
	got[1] = get(w, 3);
	ok(got[0] == c && got[1] == a, "twice at a time: another one");
	pool_put(w, a);
	pool_put(w, b);
	pool_put(w, c);
	workers_free(w);
}

static void fake_fill(struct place *p, const char *mode, ssize_t want, unsigned faults)
{
	struct image_files ewf = p->files;
	struct workers *w = NULL;
	struct source *s = NULL;
	struct err e = {0};
	char *buf = malloc(8 * 32 * KIB);

	ewf.format = IMAGE_EWF;
	w = fake(p, &ewf, mode);
	atomic_store(&p->faults, 0);
	if (!buf || workers_source(w, 8 * 32 * KIB, 32 * KIB, &s, &e) < 0)
		bail_out("no source");
	ok(source_pread(s, buf, 8 * 32 * KIB, 0) == want, "%s: a read gives %zd", mode, want);
	is_int(atomic_load(&p->faults), faults, "faults told");
	if (faults == 1) {
		is_int(source_pread(s, buf, 100, 2 * 32 * KIB), -EIO, "the bad chunk: EIO");
		is_int(source_pread(s, buf, 100, 2 * 32 * KIB - 50), 50, "bytes before it: short");
		is_int(source_pread(s, buf, 32 * KIB, 3 * 32 * KIB), 32 * KIB, "behind it: all");
		is_int(atomic_load(&p->faults), 1, "told once");
		diag("%s", p->last_fault);
	}
	source_close(s);
	workers_free(w);
	free(buf);
}

static void fake_fills(struct place *p)
{
	fake_fill(p, "good", 8 * 32 * KIB, 0);
	fake_fill(p, "fillbad", 2 * 32 * KIB, 1);
	fake_fill(p, "fillkill", 2 * 32 * KIB, 1);
	fake_fill(p, "filldeath", -EIO, 8);
	fake_fill(p, "fillfew", -EIO, 8);
	fake_fill(p, "fillshort", -EIO, 8);
	fake_fill(p, "noexit", -EIO, 8);
}

/* --- the cache's bookkeeping ------------------------------------------------------------------ */

static void use(struct cache *c, uint64_t chunk, bool *hit)
{
	struct cache_ref r;

	if (cache_take(c, chunk, 1, 0, &r) != 1)
		bail_out("cache_take");
	*hit = r.how == CACHE_READY;
	if (r.how == CACHE_CLAIMED)
		cache_done(c, &r, 0, false);
	cache_put(c, &r, 1, 512);
}

static void cache_keeps(void)
{
	const uint64_t coming[] = {5000, 5001, 5002, 5003, 5004, 5005, 5006, 5007};
	struct cache *c = NULL;
	struct cache_ref r[8];
	bool hit = false;
	unsigned hits = 0;

	if (cache_new(512, 16, &c) < 0)
		bail_out("cache_new");
	for (int pass = 0; pass < 3; pass++)
		for (uint64_t i = 0; i < 8; i++)
			use(c, i, &hit);
	for (uint64_t i = 1000; i < 1020; i++)
		use(c, i, &hit);
	for (uint64_t i = 0; i < 8; i++) {
		use(c, i, &hit);
		hits += hit;
	}
	is_int(hits, 8, "one pass over much else does not drive out what is used again");
	is_int(cache_take(c, 5000, 8, 0, r), 8, "eight at once");
	is_int(cache_claim(c, coming, 8, r), 0, "what is being filled is not claimed twice");
	cache_free(c);
	if (cache_new(512, 4, &c) < 0)
		bail_out("cache_new");
	is_int(cache_take(c, 0, 8, 0, r), 4, "no more than there are slots");
	is_int(cache_claim(c, (const uint64_t[]){100}, 1, &r[4]), 0, "and no slot for a claim");
	ok(cache_done(c, &r[0], -EIO, true), "a bad chunk is told");
	ok(!cache_done(c, &r[1], 0, false), "a good one is not");
	is_int(cache_wait(c, &r[0]), -EIO, "a bad one stays bad");
	is_int(cache_wait(c, &r[1]), 0, "a good one good");
	cache_done(c, &r[2], -EIO, false);
	cache_done(c, &r[3], 0, false);
	cache_put(c, r, 4, 512);
	is_int(cache_take(c, 2, 1, 0, &r[4]), 1, "a failure that is not kept");
	is_int(r[4].how, CACHE_CLAIMED, "is tried again");
	ok(!cache_done(c, &r[4], -EIO, false), "and not told again");
	cache_put(c, &r[4], 1, 512);
	cache_free(c);
}

/* KiB that the memory of the cache takes. */
static long kib_of(const struct cache *c)
{
	struct stat st;

	return fstat(cache_fd(c), &st) ? -1 : (long)st.st_blocks / 2;
}

/* As a worker writes. */
static void scribble(const struct cache *c, uint32_t slot)
{
	uint8_t bytes[4096];

	memset(bytes, (int)slot + 1, sizeof(bytes));
	if (pwrite(cache_fd(c), bytes, sizeof(bytes), (off_t)slot * 4096) != sizeof(bytes))
		bail_out("pwrite");
}

static void cache_shrinks(void)
{
	struct cache *c = NULL;
	struct cache_ref r[16];
	struct cache_ref again[16];
	bool hit = false;

	if (cache_new(4096, 16, &c) < 0)
		bail_out("cache_new");
	is_int(cache_ready(c, 0, 16, 0, r), 0, "nothing is there yet");
	is_int(cache_take(c, 0, 16, 0, r), 16, "sixteen chunks");
	for (size_t i = 0; i < 16; i++) {
		scribble(c, r[i].slot);
		cache_done(c, &r[i], 0, false);
	}
	is_int(kib_of(c), 64, "in 64 KiB");
	is_int(cache_ready(c, 3, 13, 0, again), 13, "all are there");
	is_int(cache_ready(c, 3, 14, 0, again), 0, "but not what was never asked for");
	cache_put(c, r, 15, 4096); /* the last stays pinned, and 3 to 15 by the other use */
	cache_limit(c, 4);
	is_int(kib_of(c), 64, "what is in use keeps its memory");
	is_int(cache_bytes(c, r[9].slot)[0], r[9].slot + 1, "and its bytes");
	cache_put(c, again, 13, 4096);
	is_int(kib_of(c), 20, "then it is given back, but of what is allowed and in use");
	is_int(cache_bytes(c, r[15].slot)[0], r[15].slot + 1, "which keeps its bytes too");
	for (uint64_t i = 100; i < 120; i++)
		use(c, i, &hit);
	is_int(kib_of(c), 20, "no more is taken");
	is_int(cache_take(c, 200, 16, 0, again), 4, "at once neither");
	for (size_t i = 0; i < 4; i++)
		cache_done(c, &again[i], 0, false);
	cache_put(c, again, 4, 4096);
	cache_put(c, &r[15], 1, 4096);
	is_int(kib_of(c), 16, "the last goes when nobody uses it");
	cache_limit(c, 16);
	is_int(cache_take(c, 300, 16, 0, r), 16, "all of it is there again");
	cache_free(c);
}

static void memory_is_told(void)
{
	static const char text[] = "MemTotal:       16000000 kB\nMemFree:  5 kB\n"
				   "MemAvailable:    3000000 kB\nBuffers: 1 kB\n";
	struct memory m = {0, 0};

	is_int(memory_now(&m), 0, "the machine tells its memory");
	ok(m.available > 0 && m.available < m.total, "which is more than what is left");
	is_int(memory_parse(text, &m), 0, "a text of it");
	ok(m.total == UINT64_C(16000000) * KIB && m.available == UINT64_C(3000000) * KIB,
		"in bytes");
	is_int(memory_parse("MemTotal: 5 kB\n", &m), -EBADMSG, "half of it is none");
	is_int(memory_share(&m, KIB, 1000, 125), 1000, "much is left: all of a cache");
	m.available = m.total / 10;
	is_int(memory_share(&m, KIB, 1000, 1000), 1000, "less: as it is");
	is_int(memory_share(&m, KIB, 1000, 125), 125, "either way");
	m.available = m.total / 17;
	is_int(memory_share(&m, KIB, 1000, 1000), 125, "little: an eighth");
	m = (struct memory){.total = 1200 * KIB, .available = 1000 * KIB};
	is_int(memory_share(&m, KIB, 1000, 1000), 300, "never more than a quarter of all there is");
}

static void group_file(const char *dir, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (file_write(path, text, strlen(text), NULL))
		bail_out(path);
}

/* Of a machine of 8 GiB of which a quarter is left. */
static struct memory grouped(const char *root, const char *group)
{
	struct memory m = {.total = 8192 * MIB, .available = 2048 * MIB};

	memory_group(root, group, &m);
	return m;
}

static void groups_limit_memory(void)
{
	static char root[] = "/tmp/t-client.XXXXXX";
	char outer[64];
	char inner[80];
	struct memory m;

	if (!mkdtemp(root))
		bail_out("no folder");
	snprintf(outer, sizeof(outer), "%s/a", root);
	snprintf(inner, sizeof(inner), "%s/b", outer);
	if (mkdir(outer, 0700) || mkdir(inner, 0700))
		bail_out("no folder");
	m = grouped(root, "/a/b");
	ok(m.total == 8192 * MIB && m.available == 2048 * MIB, "groups that limit no memory");
	group_file(inner, "memory.max", "max\n");
	group_file(inner, "memory.high", "max\n");
	m = grouped(root, "/a/b");
	ok(m.total == 8192 * MIB, "nor do those that could");
	group_file(inner, "memory.max", "419430400\n");
	group_file(inner, "memory.current", "314572800\n");
	group_file(inner, "memory.stat",
		"anon 1\nfile 209715200\nslab_inactive_file 5\ninactive_file 52428800\n"
		"active_file 26214400\n");
	m = grouped(root, "/a/b");
	ok(m.total == 400 * MIB && m.available / MIB == 100,
		"a limit, of which the machine has the smaller part left");
	group_file(inner, "memory.high", "262144000\n");
	m = grouped(root, "/a/b");
	ok(m.total == 250 * MIB && m.available / MIB == 25,
		"a lower one: what is taken, without pages that can be read again");
	group_file(outer, "memory.max", "1073741824\n");
	group_file(outer, "memory.current", "1063741824\n");
	m = grouped(root, "/a/b");
	ok(m.total == 250 * MIB && m.available / MIB == 2, "the group above has the least left");
	group_file(inner, "memory.current", "999999999999\n");
	m = grouped(root, "/a/b");
	ok(m.available == 0, "more is taken than the limit");
	m = grouped(root, "/not there");
	ok(m.total == 8192 * MIB && m.available == 2048 * MIB, "a group that is not there");
	file_remove_tree(root, NULL);
}

/* --- the real worker -------------------------------------------------------------------------- */

/* The children of this process: its workers. */
static size_t children(pid_t *pid, size_t max)
{
	DIR *d = opendir("/proc");
	struct dirent *de = NULL;
	size_t n = 0;

	while (d && (de = readdir(d)) && n < max) {
		char path[300];
		char line[512] = "";
		const char *at = NULL;
		int parent = 0;
		FILE *f = NULL;

		if (de->d_name[0] < '1' || de->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", de->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		at = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
		if (at && sscanf(at, ") %*c %d", &parent) == 1 && parent == getpid())
			pid[n++] = (pid_t)strtol(de->d_name, NULL, 10);
		fclose(f);
	}
	if (d)
		closedir(d);
	return n;
}

struct reader {
	const struct source *s;
	int plain; /* the same bytes, by another road */
	unsigned seed;
	bool sequential;
	atomic_bool *stop;
	unsigned reads;
	unsigned wrong;
};

static void *read_on(void *arg)
{
	struct reader *r = arg;
	size_t max = 200 * KIB;
	uint8_t *a = malloc(max);
	uint8_t *b = malloc(max);
	uint64_t at = 0;

	while (a && b && !atomic_load(r->stop)) {
		size_t len = r->sequential ? 128 * KIB : 1 + (size_t)rand_r(&r->seed) % max;
		ssize_t n = 0;

		if (!r->sequential)
			at = ((uint64_t)rand_r(&r->seed) * 4096) % source_size(r->s);
		if (at >= source_size(r->s))
			at = 0;
		if (len > source_size(r->s) - at)
			len = (size_t)(source_size(r->s) - at);
		source_ahead(r->s, at, len, source_size(r->s) - at - len);
		n = source_pread(r->s, a, len, at);
		if (n != (ssize_t)len || pread(r->plain, b, len, (off_t)at) != n ||
			memcmp(a, b, len) != 0)
			r->wrong++;
		r->reads++;
		at += len;
	}
	free(a);
	free(b);
	return NULL;
}

static bool shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static bool shell(const char *fmt, ...)
{
	char line[8192];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	return system(line) == 0;
}

/* 24 MiB of ext4 with some files, as plain.img and image.E01. */
static bool make_images(const char *dir)
{
	return shell("cd '%s' && mkdir tree && for i in 1 2 3 4 5 6; do "
		     "head -c 1500000 /dev/urandom | base64 >tree/text$i; "
		     "head -c 700000 /dev/urandom >tree/rand$i; mkdir -p tree/d$i/e; "
		     "echo $i >tree/d$i/e/f; done; ln -s f tree/d1/e/link; "
		     "PATH=$PATH:/sbin:/usr/sbin; truncate -s 24M plain.img && "
		     "mkfs.ext4 -q -d tree plain.img && "
		     "ewfacquire -q -u -t image -C 1 -D d -e e -E 1 -N n -f encase6 -c fast "
		     "-S 5MiB plain.img >/dev/null",
		dir);
}

/* Workers are killed while four threads read: nobody notices. */
static void killed(struct place *p, struct workers *w, const struct scan *s, int plain)
{
	struct reader r[4];
	pthread_t t[4];
	atomic_bool stop = false;
	struct source *src = NULL;
	struct err e = {0};
	unsigned kills = 0;
	unsigned reads = 0;
	unsigned wrong = 0;
	double until = seconds() + 4;

	atomic_store(&p->faults, 0);
	if (workers_source(w, s->media_size, s->chunk_size, &src, &e) < 0)
		bail_out(e.text);
	for (unsigned i = 0; i < 4; i++) {
		r[i] = (struct reader){.s = src,
			.plain = plain,
			.seed = i + 1,
			.sequential = i == 0,
			.stop = &stop};
		if (pthread_create(&t[i], NULL, read_on, &r[i]))
			bail_out("pthread_create");
	}
	while (seconds() < until) {
		pid_t pid[16];
		size_t n = 0;

		nap(200);
		n = children(pid, 16);
		if (n > 0 && kill(pid[kills % n], SIGKILL) == 0)
			kills++;
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		reads += r[i].reads;
		wrong += r[i].wrong;
	}
	ok(kills >= 5, "%u workers killed during %u reads", kills, reads);
	is_int(wrong, 0, "no reader noticed: all bytes equal");
	is_int(atomic_load(&p->faults), 0, "no fault told");
	if (atomic_load(&p->faults))
		diag("%s", p->last_fault);
	source_close(src);
}

static uint8_t *whole(const struct source *s)
{
	size_t n = (size_t)source_size(s);
	uint8_t *p = malloc(n);

	for (size_t at = 0; p && at < n;) {
		const size_t want = 300 * KIB < n - at ? 300 * KIB : n - at;
		ssize_t got = 0;

		source_ahead(s, at, want, n - at - want);
		got = source_pread(s, p + at, want, at);
		if (got <= 0) {
			free(p);
			return NULL;
		}
		at += (size_t)got;
	}
	return p;
}

static void damaged(struct place *p)
{
	char path[128];
	struct image_files files;
	struct workers_opts o = {.program = p->real, .count = 2, .fault = on_fault, .ctx = p};
	struct workers *w = NULL;
	struct source *src = NULL;
	struct scan s = {.n = 0};
	struct err e = {0};
	uint8_t *bytes = NULL;
	int fd = -1;

	snprintf(path, sizeof(path), "%s/image.E02", p->dir);
	fd = open(path, O_RDWR);
	if (fd < 0 || pwrite(fd, "damage damage damage", 20, 1000 * 1000) != 20)
		bail_out("cannot damage the image");
	close(fd);
	snprintf(path, sizeof(path), "%s/image.E01", p->dir);
	if (image_files_open(path, &files, &e) < 0 || workers_new(&files, &o, &w, &e) < 0)
		bail_out(e.text);
	atomic_store(&p->faults, 0);
	if (!ok(workers_scan(w, &s, &e) == 0, "a damaged image is scanned: %s", e.text))
		bail_out("no scan");
	if (workers_source(w, s.media_size, s.chunk_size, &src, &e) < 0)
		bail_out(e.text);
	bytes = whole(src);
	ok(!bytes, "reading all of it fails");
	free(bytes);
	source_close(src); /* what is read ahead has told what it found when that has ended */
	is_int(atomic_load(&p->faults), 1, "one chunk is bad, told once");
	diag("%s", p->last_fault);
	scan_release(&s);
	workers_free(w);
	image_files_close(&files);
}

static void real_image(struct place *p, const char *name)
{
	char path[128];
	struct image_files files;
	struct workers_opts o = {.program = p->real,
		.count = 2,
		.cache_bytes = 2048 * KIB,
		.fault = on_fault,
		.ctx = p};
	struct workers *w = NULL;
	struct source *src = NULL;
	struct scan s = {.n = 0};
	struct count c = {0};
	struct err e = {0};
	uint8_t *a = NULL;
	uint8_t *b = NULL;
	char text[256] = "";
	int plain = -1;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	if (image_files_open(path, &files, &e) < 0 || workers_new(&files, &o, &w, &e) < 0)
		bail_out(e.text);
	workers_sandbox(w, text, sizeof(text));
	is_str(text, "", "no worker yet");
	ok(workers_scan(w, &s, &e) == 0, "%s is scanned %s", name, e.text);
	ok(s.n == 1 && s.v[0].known && strcmp(s.v[0].type, "ext4") == 0, "one volume, ext4");
	is_int(s.media_size, 24 * KIB * KIB, "media size");
	is_int(s.chunk_size != 0, files.format == IMAGE_EWF, "chunks if EWF");
	workers_sandbox(w, text, sizeof(text));
	ok(strstr(text, "seccomp"), "sandbox: %s", text);
	ok(walk(w, &c, &e) == 0, "it is walked %s", e.text);
	ok(c.root == 1 && c.enter >= 32 && c.enter == c.leave && c.unallocated == 1, "%u entries",
		c.enter);
	c = (struct count){.stop_at = 1};
	ok(workers_walk(w, 99, &(struct walk_opts){.skip_n = 0},
		   &(struct walk_sink){.root = on_root}, &e) < 0,
		"no 99th volume");
	is_int(workers_read(w, 0, 1 << 30, 128, 1, text, 10, 0) < 0, 1, "no such inode");
	snprintf(path, sizeof(path), "%s/plain.img", p->dir);
	plain = open(path, O_RDONLY);
	err_clear(&e);
	if (workers_source(w, s.media_size, s.chunk_size, &src, &e) < 0)
		bail_out(e.text);
	a = whole(src);
	b = malloc((size_t)s.media_size);
	ok(a && b && pread(plain, b, (size_t)s.media_size, 0) == (ssize_t)s.media_size &&
			memcmp(a, b, (size_t)s.media_size) == 0,
		"all bytes equal");
	free(a);
	free(b);
	is_int(source_pread(src, text, 10, s.media_size), 0, "end of the media");
	source_close(src);
	if (files.format == IMAGE_EWF)
		killed(p, w, &s, plain);
	close(plain);
	scan_release(&s);
	workers_free(w);
	image_files_close(&files);
}

static void real_worker(struct place *p)
{
	pid_t pid[4];

	if (access(p->real, X_OK) < 0) {
		skip("evidencefs-worker is not there (EVIDENCEFS_BUILD)");
		return;
	}
	if (!make_images(p->dir)) {
		skip("mkfs.ext4 or ewfacquire is not there");
		return;
	}
	real_image(p, "plain.img");
	real_image(p, "image.E01");
	damaged(p);
	is_int(children(pid, 4), 0, "no child is left");
}

static void prepare(struct place *p)
{
	const char *build = getenv("EVIDENCEFS_BUILD");
	char path[128];
	struct err e = {0};
	ssize_t n = readlink("/proc/self/exe", p->fake, sizeof(p->fake) - 32);

	if (n < 0)
		bail_out("/proc/self/exe");
	p->fake[n] = '\0';
	strcpy(strrchr(p->fake, '/') + 1, "fake-worker");
	snprintf(p->real, sizeof(p->real), "%s/evidencefs-worker", build ? build : ".");
	snprintf(p->dir, sizeof(p->dir), "/tmp/t-client.XXXXXX");
	pthread_mutex_init(&p->lock, NULL);
	if (!mkdtemp(p->dir) || chmod(p->dir, 0755) < 0)
		bail_out("mkdtemp");
	snprintf(path, sizeof(path), "%s/small.img", p->dir);
	if (!shell("head -c 1000000 /dev/zero >'%s'", path) ||
		image_files_open(path, &p->files, &e) < 0)
		bail_out("cannot make an image");
}

int main(void)
{
	static struct place p;
	struct workers_opts bad = {.program = "/nonexistent/worker"};
	struct workers *w = NULL;
	struct err e = {0};

	alarm(300);
	prepare(&p);
	is_int(workers_new(&p.files, &bad, &w, &e), -ENOENT, "no worker program");
	err_clear(&e);
	bad = (struct workers_opts){.program = p.fake, .types = "p2:ntfs"};
	is_int(workers_new(&p.files, &bad, &w, &e), -EINVAL, "forced types not of that form");
	cache_keeps();
	cache_shrinks();
	memory_is_told();
	groups_limit_memory();
	fake_scans(&p);
	fake_scan_kills(&p);
	fake_walks(&p);
	fake_walk_counts(&p);
	fake_reads(&p);
	fake_affinity(&p);
	fake_fills(&p);
	real_worker(&p);
	image_files_close(&p.files);
	shell("rm -rf '%s'", p.dir);
	return done_testing();
}
