/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-audit-power.c - the access log after a power cut, at any moment and with any loss
 *
 * A log is written, sealed, ended and taken up again on a disk that notes all of it
 * (disk.h). Then, seed by seed, the power is cut at some moment, what may be left is made,
 * and the log is opened again as at a start; of some of these the power is cut again
 * while it is taken up. Each time: what was promised to be safe is there, byte by byte;
 * what is lost is named by a DISCONTINUITY, what is torn is kept; what was sealed is
 * complete, and what was not there any more is never called so.
 *
 * EVIDENCEFS_SEEDS: how many (3000); EVIDENCEFS_SEED: that one only.
 */
#include "tap.h"

#include "life.h"

#define AGAIN      4   /* of so many, one is cut a second time */
#define EARLY      8   /* of so many, one is cut while the log is made, and again losing all */
#define MADE       40  /* operations, or so, in which it is */
#define BY_PYTHON  400 /* of so many, one is looked at by the other verifier too */
#define FIRST_SEED 1

/* How long before the cut the oldest record that is lost had been answered; 0: none is. */
static int64_t oldest_loss(const struct life *f, size_t moment, uint64_t found)
{
	for (size_t i = 0; i < f->marks_n && f->marks[i].moment <= moment; i++)
		if (f->marks[i].kind == WRITTEN && f->marks[i].seq > found)
			return disk_time(f->disk, moment) - f->marks[i].ns;
	return 0;
}

static void count_loss(
	const struct life *f, const struct promised *p, size_t moment, uint64_t found)
{
	static unsigned long cuts, losing;
	static uint64_t lost;
	static int64_t oldest;
	int64_t age = oldest_loss(f, moment, found);

	cuts++;
	losing += found < p->written;
	lost += found < p->written ? p->written - found : 0;
	oldest = age > oldest ? age : oldest;
	if (cuts % 500 == 0)
		diag("%lu cuts: %lu lost records, %" PRIu64
		     " in all; the oldest was answered %.1f ms before",
			cuts, losing, lost, (double)oldest / 1e6);
}

static bool cut_once(const struct life *f, uint64_t seed, unsigned depth);

/* The first start leaves files of which only some are safe: the next builds on what it finds. */
static bool is_early(uint64_t seed)
{
	return (uint32_t)seed % EARLY == EARLY - 1;
}

/* The power is cut at @moment; the log is taken up again. */
static const char *cut(const struct life *f, size_t moment, enum disk_loss loss, uint64_t seed,
	const struct place *at, unsigned depth)
{
	static char why[ERR_TEXT_MAX + 64];
	struct promised p = promised_at(f, moment);
	struct life after = {.strict = seed % 3 == 0, .keep = {.compress = seed % 5 == 0}};
	struct err e = {.code = 0};
	char told[LIFE_TEXT] = "";
	const char *wrong = NULL;
	uint64_t found = 0;

	disk_cut(f->disk, moment, loss, seed, at->top);
	if (!raw_is_good(at->log, f, &p, loss, &e)) {
		snprintf(why, sizeof(why), "as it is: %s", e.text);
		return why;
	}
	load_files(at->log, "log-", &after.begun);
	if (depth == 0 && (seed % AGAIN == 0 || is_early(seed)))
		after.disk = disk_watch(at->top);
	wrong = session(&after, at->log, 3, 0, told, &found);
	if (after.disk)
		disk_stop(after.disk);
	if (!wrong)
		wrong = result_is_good(at, f, &p, found, &after);
	if (!wrong && (!all_is_kept(at, &after.begun) || !all_is_kept(at, &f->begun)))
		wrong = "what was torn is not kept";
	if (!wrong && seed % BY_PYTHON == 0 &&
		!python_agrees(at, after.origin, p.checkpoint, p.checkpoint ? 0 : 3))
		wrong = "the other verifier says something else";
	count_loss(f, &p, moment, found);
	if (!wrong && after.disk && !cut_once(&after, seed + (seed << 32), depth + 1))
		wrong = "cut again while it was taken up";
	life_free(&after);
	return wrong;
}

static bool cut_once(const struct life *f, uint64_t seed, unsigned depth)
{
	uint64_t state = seed;
	size_t moments = is_early(seed) && depth == 0 ? MADE : disk_moment(f->disk);
	size_t moment = (size_t)(disk_random(&state) % (moments + 1));
	enum disk_loss any = disk_random(&state) % DISK_LOSSES;
	enum disk_loss loss = is_early(seed) && depth > 0 ? DISK_DROPS : any;
	const char *wrong = NULL;
	struct place at;

	place_make(&at);
	wrong = cut(f, moment, loss, seed, &at, depth);
	if (wrong)
		diag("seed %" PRIu64 ", moment %zu of %zu, loss %d: %s (%s)", seed, moment, moments,
			(int)loss, wrong, at.top);
	if (!wrong || !getenv("EVIDENCEFS_KEEP"))
		place_remove(&at);
	return !wrong;
}

static bool has_hashes(const char *log)
{
	struct audit_reader *r = NULL;
	struct audit_event ev = {.type = 0};

	if (audit_reader_open(log, &r, NULL) < 0)
		return false;
	while (ev.type != AUDIT_HASHES && audit_reader_next(r, &ev, NULL) == 1)
		;
	audit_reader_close(r);
	return ev.type == AUDIT_HASHES;
}

/* A log that is made, sealed while it is used, ended, and taken up twice: then accesses of the
 * first time are deleted. */
static void live(struct life *f, struct place *at, bool strict)
{
	struct leaves known = {.n = 0};
	char told[LIFE_TEXT] = "";
	uint64_t found = 0;
	const char *wrong = NULL;

	place_make(at);
	f->disk = disk_watch(at->top);
	f->strict = strict;
	f->keep.compress = true;
	wrong = session(f, at->log, 60, 2, told, &found);
	f->hand_out = true; /* the checkpoint that they end at */
	if (!wrong)
		wrong = session(f, at->log, 30, 0, told, &found);
	f->hand_out = false;
	known = load_records(at->log, NULL);
	f->keep.retention_ns = 1;
	if (!wrong)
		wrong = session(f, at->log, 40, 2, told, &found);
	if (wrong)
		bail_out(wrong);
	disk_stop(f->disk);
	f->records = load_records(at->log, &known);
	free(known.all);
	ok(has_hashes(at->log), "accesses of long ago were deleted");
	diag("%s: %" PRIu64 " records, %zu operations", strict ? "strict" : "commit", f->records.n,
		disk_moment(f->disk));
}

int main(void)
{
	unsigned long seeds = number("EVIDENCEFS_SEEDS", 3000);
	unsigned long only = number("EVIDENCEFS_SEED", 0);
	unsigned long good = 0;

	if (!freopen("/dev/null", "w", stderr))
		bail_out("/dev/null");
	for (int strict = 0; strict < 2; strict++) {
		struct life f = {.disk = NULL};
		struct place at;
		unsigned long n = 0;

		good = 0;
		live(&f, &at, strict);
		for (uint64_t seed = only ? only : FIRST_SEED; n < (only ? 1 : seeds / 2);
			seed++, n++)
			good += cut_once(&f, seed, 0);
		is_int(good, (long long)n,
			strict ? "strict: nothing that was answered is lost, at no cut"
			       : "commit: what is lost was not promised, and is told, at every "
				 "cut");
		life_free(&f);
		place_remove(&at);
	}
	return done_testing();
}
