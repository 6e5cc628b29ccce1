/* SPDX-License-Identifier: Apache-2.0 */
/* phone.c - phone numbers in a stream of folded characters; see phone.h, and match.h for the rules.
 */
#include "text/phone.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "text/fold.h"

#define GROUPS     16 /* of a run; more are another number */
#define GROUP_MAX  19 /* digits of a group that are kept */
#define DIGITS_MAX 20 /* of a run, with prefixes */
#define GAP_MAX    4  /* characters between groups */
#define BEHIND     64 /* characters that are kept, to know an IBAN: a power of two */
#define NSN_CLEAR  8  /* digits of a number that is no other country's by chance */

/* As what a number was written: what it may be compared with. */
enum how {
	FULL,     /* country and number */
	ABROAD,   /* the number only, of one that was written with its country */
	INLAND,   /* the number, written with a 0 */
	BARE,     /* as it stands, without prefix */
	BARE_LONG /* the number only, of one that may begin with a country */
};

struct key {
	uint64_t digits; /* with a 1 before them, so that zeros count */
	enum how how;
	uint32_t pattern;
};

struct group {
	char digits[GROUP_MAX];
	size_t n;
	bool plus;   /* a plus stands before it */
	bool letter; /* a letter does */
	bool zero;   /* "(0)" */
	bool iban;
	bool inside; /* behind the prefix of a country */
	bool open;   /* "(" stands before it */
};

struct phone {
	struct key *key;
	size_t keys, cap;
	uint32_t patterns;
	/* the text */
	struct group run[GROUPS];
	size_t groups; /* finished, or being read */
	bool reading;  /* the last one goes on */
	size_t gap;    /* characters since the last one ended */
	bool plus;     /* one was seen, and nothing but spaces and "(" since */
	uint32_t prev;
	char behind[BEHIND]; /* the last characters; those that are not ASCII are '*' */
	uint64_t at;
	void (*found)(void *ctx, uint32_t pattern);
	void *ctx;
};

struct phone *phone_new(void)
{
	return calloc(1, sizeof(struct phone));
}

static bool is_digit(uint32_t c)
{
	return c >= '0' && c <= '9';
}

/* Digits of the code of the country that [n] digits begin with (ITU-T E.164); 0: none. */
static size_t country(const char *d, size_t n)
{
	static const char *const two = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 "
				       "51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 "
				       "81 82 84 86 90 91 92 93 94 95 98 ";

	if (n < 4 || d[0] == '0')
		return 0;
	if (d[0] == '1' || d[0] == '7')
		return 1;
	for (const char *t = two; *t; t += 3) {
		if (t[0] == d[0] && t[1] == d[1])
			return 2;
	}
	return 3;
}

/* What is dialled before a number within its country, where that is not 0. */
static const char *trunk(const char *d, size_t n)
{
	static const struct {
		const char *country, *trunk;
	} odd[] = {{"1", "1"}, {"7", "8"}, {"36", "06"}, {"370", "8"}, {"375", "8"}, {"993", "8"}};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		if (strlen(odd[i].country) == n && memcmp(odd[i].country, d, n) == 0)
			return odd[i].trunk;
	}
	return NULL;
}

static size_t zeros(const char *d, size_t n)
{
	size_t z = 0;

	while (z < n && d[z] == '0')
		z++;
	return z;
}

/* Up to three pieces of digits as one number; 0: too many. */
static uint64_t number(const char *a, size_t na, const char *b, size_t nb)
{
	uint64_t v = 1;

	if (na + nb > 18)
		return 0;
	for (size_t i = 0; i < na; i++)
		v = v * 10 + (uint64_t)(a[i] - '0');
	for (size_t i = 0; i < nb; i++)
		v = v * 10 + (uint64_t)(b[i] - '0');
	return v;
}

/* ---- patterns ------------------------------------------------------------------------------ */

static int add_key(struct phone *p, enum how how, uint64_t digits)
{
	if (digits == 0)
		return 0;
	if (array_room(&p->key, sizeof(*p->key), p->keys, &p->cap) < 0)
		return -ENOMEM;
	p->key[p->keys++] = (struct key){.digits = digits, .how = how, .pattern = p->patterns};
	return 0;
}

static int add_all(struct phone *p, const struct key *k, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = add_key(p, k[i].how, k[i].digits);
	return r;
}

/* Country and number: @d is [n] digits; what is @sure has a prefix that says so. */
static int add_abroad(struct phone *p, const char *d, size_t n, bool sure)
{
	size_t c = country(d, n);
	const char *nsn = d + c + zeros(d + c, n - c);
	size_t len = n - (size_t)(nsn - d);
	const char *t = trunk(d, c);
	uint64_t alone = number(nsn, len, "", 0);
	uint64_t inland = t ? number(t, strlen(t), nsn, len) : 0;
	const struct key always[] = {{.how = FULL, .digits = number(d, c, nsn, len)},
		{.how = BARE, .digits = number(d, n, "", 0)},
		{.how = BARE, .digits = number(d, c, nsn, len)}};
	/* "06" of Hungary is a 0 and a 6 */
	const struct key inlands[] = {{.how = INLAND, .digits = alone},
		{.how = t && *t == '0' ? INLAND : BARE,
			.digits =
				t && *t == '0' ? number(t + 1, strlen(t) - 1, nsn, len) : inland}};
	int r = 0;

	if (c == 0 || len == 0)
		return sure ? -EINVAL : 0;
	r = add_all(p, always, 3);
	if (r == 0 && (sure || len >= NSN_CLEAR))
		r = add_all(p, inlands, 2);
	if (r == 0 && sure)
		r = add_key(p, BARE, alone);
	return r;
}

/* A number of no country. */
static int add_inland(struct phone *p, const char *d, size_t n)
{
	size_t z = zeros(d, n);
	uint64_t nsn = number(d + z, n - z, "", 0);
	const struct key keys[] = {{.how = ABROAD, .digits = nsn}, {.how = INLAND, .digits = nsn},
		{.how = BARE, .digits = nsn}, {.how = BARE_LONG, .digits = nsn}};

	return n - z < PHONE_MIN - 1 ? -EINVAL : add_all(p, keys, 4);
}

/* Digits of a pattern, without "(0)" behind a country. Return: how many; -EINVAL. */
static int digits_of(const uint32_t *c, size_t n, char *d, size_t room, bool *plus)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		bool sep = c[i] == ' ' || c[i] == FOLD_BREAK || c[i] == '-' || c[i] == '.' ||
			   c[i] == '/' || c[i] == '(' || c[i] == ')';

		if (c[i] == '+' && len == 0 && !*plus) {
			*plus = true;
		} else if (len > 0 && c[i] == '(' && i + 2 < n && c[i + 1] == '0' &&
			   c[i + 2] == ')') {
			i += 2;
		} else if (is_digit(c[i]) && len < room) {
			d[len++] = (char)c[i];
		} else if (!sep) {
			return -EINVAL;
		}
	}
	return (int)len;
}

int phone_add(struct phone *p, const uint32_t *c, size_t n)
{
	char d[PHONE_MAX + 2];
	bool plus = false;
	int len = digits_of(c, n, d, sizeof(d), &plus);
	bool prefix = len > 2 && d[0] == '0' && d[1] == '0' && !plus;
	const char *number_at = prefix ? d + 2 : d;
	size_t digits = len < 0 ? 0 : (size_t)len - (prefix ? 2 : 0);
	int r = 0;

	if (digits < PHONE_MIN || digits > PHONE_MAX || p->patterns >= INT32_MAX)
		return -EINVAL;
	if (plus || prefix)
		r = add_abroad(p, number_at, digits, true);
	else
		r = add_inland(p, number_at, digits);
	if (r == 0 && !plus && d[0] != '0')
		r = add_abroad(p, number_at, digits, false);
	return r < 0 ? r : (int)p->patterns++;
}

static int compare(const void *x, const void *y)
{
	const struct key *a = x;
	const struct key *b = y;

	if (a->digits != b->digits)
		return a->digits < b->digits ? -1 : 1;
	return a->how == b->how ? 0 : a->how < b->how ? -1 : 1;
}

void phone_ready(struct phone *p)
{
	if (p->keys > 0)
		qsort(p->key, p->keys, sizeof(*p->key), compare);
}

/* ---- numbers in the text -------------------------------------------------------------------- */

static void look_up(const struct phone *p, enum how how, uint64_t digits)
{
	const struct key want = {.digits = digits, .how = how};
	size_t low = 0;
	size_t high = p->keys;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare(&p->key[mid], &want) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < p->keys && compare(&p->key[low], &want) == 0; low++)
		p->found(p->ctx, p->key[low].pattern);
}

/* @bare: without a prefix that says so */
static void abroad(const struct phone *p, const char *d, size_t n, bool bare)
{
	size_t c = country(d, n);
	size_t z = zeros(d + c, n - c);

	if (c == 0 || c + z >= n)
		return;
	if (!bare)
		look_up(p, FULL, number(d, c, d + c + z, n - c - z));
	look_up(p, bare ? BARE_LONG : ABROAD, number(d + c + z, n - c - z, "", 0));
}

/* @own: digits of its first group; @c: what stands behind it */
static void try_number(
	const struct phone *p, const char *d, size_t n, bool plus, size_t own, uint32_t c)
{
	size_t z = zeros(d, n);

	if (plus) {
		abroad(p, d, n, false);
	} else if (z >= 2) {
		abroad(p, d + 2, n - 2, false);
	} else if (z == 1) {
		look_up(p, INLAND, number(d + 1, n - 1, "", 0));
		if (n > 3 && memcmp(d, "011", 3) == 0)
			abroad(p, d + 3, n - 3, false);
	} else {
		look_up(p, BARE, number(d, n, "", 0));
		if (c == '@' || own == country(d, n)) /* no digits that are just longer */
			abroad(p, d, n, true);
	}
}

/* Every run of whole groups that ends with the last one. */
static void try_runs(const struct phone *p, uint32_t c)
{
	char d[DIGITS_MAX];
	size_t at = sizeof(d);

	for (size_t i = p->groups; i-- > 0;) {
		const struct group *g = &p->run[i];

		if (g->n > at)
			break;
		at -= g->n;
		memcpy(d + at, g->digits, g->n);
		if (!(g->iban && g->n <= 4) && !g->inside && (!g->letter || g->plus))
			try_number(p, d + at, sizeof(d) - at, g->plus, g->n, c);
		if (g->zero && i > 0) /* "(0)" counts only where a number begins with it */
			at += g->n;
		if (g->plus)
			break;
	}
}

/* Whether the group that begins now stands in an IBAN in groups of four: "NL91 ABNA 0417 ...". */
static bool in_iban(const struct phone *p)
{
	char word[5] = {0};
	size_t n = 0;
	uint64_t low = p->at > BEHIND ? p->at - BEHIND : 0;

	for (uint64_t i = p->at; i-- > low;) {
		char c = p->behind[i % BEHIND];

		if (c != ' ' && n < 4 && fold_is_letter((unsigned char)c)) {
			word[n++] = c; /* backwards */
			if (n < 4 || (i > 0 && p->behind[(i - 1) % BEHIND] != ' '))
				continue;
			if (is_digit((unsigned char)word[0]) && is_digit((unsigned char)word[1]) &&
				!is_digit((unsigned char)word[2]) &&
				!is_digit((unsigned char)word[3]))
				return true;
		} else if (c == ' ' && (n == 4 || i + 1 == p->at)) {
			n = 0;
		} else {
			return false;
		}
	}
	return false;
}

/* Whether a group is no more than the prefix of a country. */
static bool is_prefix(const struct group *g)
{
	return (g->plus && g->n <= 3) || (g->n > 2 && g->n <= 5 && zeros(g->digits, g->n) == 2);
}

static void begin_group(struct phone *p)
{
	struct group *g = NULL;
	const struct group *last = NULL;

	if (p->groups == GROUPS) {
		memmove(p->run, p->run + 1, (GROUPS - 1) * sizeof(*p->run));
		p->groups--;
	}
	g = &p->run[p->groups];
	last = p->groups > 0 ? g - 1 : NULL;
	*g = (struct group){.plus = p->plus,
		.letter = fold_is_letter(p->prev),
		.open = p->prev == '(',
		.iban = in_iban(p),
		.inside = last && (is_prefix(last) || (last->zero && last->inside))};
	p->groups++;
	p->reading = true;
	p->plus = false;
}

/* A group has ended: @c stands behind it. */
static void end_group(struct phone *p, uint32_t c)
{
	struct group *g = &p->run[p->groups - 1];

	p->reading = false;
	p->gap = 0;
	g->zero = g->n == 1 && g->digits[0] == '0' && g->open && c == ')';
	if (g->n == GROUP_MAX || fold_is_letter(c))
		p->groups = 0;
	else
		try_runs(p, c);
}

static void in_gap(struct phone *p, uint32_t c)
{
	bool separates = c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')';

	if (c == '+')
		p->plus = true;
	else if (c != ' ' && c != '(')
		p->plus = false;
	if (!separates || ++p->gap > GAP_MAX)
		p->groups = 0;
}

void phone_begin(struct phone *p, void (*found)(void *ctx, uint32_t pattern), void *ctx)
{
	p->groups = 0;
	p->reading = p->plus = false;
	p->prev = ' ';
	p->gap = 0;
	p->at = 0;
	p->found = found;
	p->ctx = ctx;
}

void phone_step(struct phone *p, uint32_t c)
{
	if (c == FOLD_BREAK)
		c = ' ';
	if (is_digit(c)) {
		struct group *g = NULL;

		if (!p->reading)
			begin_group(p);
		g = &p->run[p->groups - 1];
		if (g->n < GROUP_MAX)
			g->digits[g->n++] = (char)c;
	} else {
		if (p->reading)
			end_group(p, c);
		in_gap(p, c);
	}
	p->behind[p->at++ % BEHIND] = c < 0x80 ? (char)c : '*';
	p->prev = c;
}

void phone_end(struct phone *p)
{
	if (p->reading)
		end_group(p, ' ');
}

void phone_free(struct phone *p)
{
	if (!p)
		return;
	free(p->key);
	free(p);
}
