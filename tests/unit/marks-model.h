/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marks-model.h - what marks withhold, slowly and by paths as text; for t-policy-model.c
 *
 * The second opinion on policy/marks.c and policy/roads.c: no ids, no intervals, no
 * sorting, no index. Every rule is asked of every pair of traces. What the traces are
 * (paths, metadata addresses, contents, targets of links) is given by who planted them.
 * Not in it: evidence that is away, and deleted names whose metadata serves another file.
 */
#ifndef EVIDENCEFS_TESTS_MARKS_MODEL_H
#define EVIDENCEFS_TESTS_MARKS_MODEL_H

#include "policy-help.h"

#define MODEL_MARKS  512
#define MODEL_FLOOR  256
#define MODEL_PIECES 2
#define LINKS_MAX    40

/* A mark as it was given. */
struct given_mark {
	size_t piece;
	size_t trace; /* place in the list of traces */
	enum mark_state state;
	enum mark_origin origin;
	uid_t by;
	int64_t ns;
};

struct marks_model {
	const struct known_traces *traces;
	/* by the model of paths: whether @path reaches the trace, as an exclusion does */
	bool (*names)(const char *path, const struct known_trace *k, bool takes);
	/* whether byte streams of its volume can be masked: then they are shown, masked */
	bool (*maskable)(const struct known_trace *k);
	struct given_mark v[MODEL_MARKS];
	size_t n;
	bool *withheld[MODEL_PIECES]; /* for each trace, after model_withhold() */
};

/* ---- contents ------------------------------------------------------------------------ */

/* What a metadata address holds, as a letter: some are the same, some of those small. */
MAYBE unsigned model_letter(uint64_t inode, uint32_t attribute)
{
	unsigned letter = (unsigned)((inode * 7 + attribute * 13) % 23);

	return letter < 6 ? letter : 100 + (unsigned)inode * 50 + attribute;
}

MAYBE uint64_t model_size(uint64_t inode, uint32_t attribute)
{
	return model_letter(inode, attribute) % 3 == 2 ? 100 : 1000;
}

static bool has_contents(const struct known_trace *k)
{
	return (k->kind == ENTRY_FILE || k->kind == ENTRY_STREAM) && trace_part(k->id) > 0 &&
	       k->size > 0;
}

static unsigned letter_of(const struct known_trace *k)
{
	return model_letter(k->inode, k->kind == ENTRY_STREAM ? k->attribute : 0);
}

/* ---- the state of one trace ------------------------------------------------------------- */

/* Of a confirmation: whether some later rejection is by another. */
static bool contradicted(const struct given_mark *const *v, size_t n, size_t at)
{
	for (size_t i = at + 1; i < n; i++) {
		if (v[i]->state == MARK_REJECTED && v[i]->by != v[at]->by)
			return true;
	}
	return false;
}

static enum mark_state own_state(
	const struct marks_model *m, size_t piece, size_t trace, int64_t ns)
{
	const struct given_mark *v[MODEL_MARKS];
	enum mark_state state = MARK_NONE;
	bool person = false;
	size_t since = 0; /* confirmed by this one and later ones */
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++) {
		const struct given_mark *g = &m->v[i];

		if (g->piece != piece || g->trace != trace || g->ns > ns)
			continue;
		if (g->origin == MARK_BY_RULE && person)
			continue; /* a person has spoken */
		person = person || g->origin == MARK_BY_USER;
		v[n++] = g;
	}
	for (size_t i = 0; i < n; i++) {
		bool all = true;

		switch (v[i]->state) {
		case MARK_SUSPECTED:
			if (state != MARK_CONFIRMED)
				state = MARK_SUSPECTED;
			break;
		case MARK_CONFIRMED:
			if (state != MARK_CONFIRMED)
				since = i;
			state = MARK_CONFIRMED;
			break;
		default:
			for (size_t c = since; state == MARK_CONFIRMED && c < i; c++)
				all = all &&
				      (v[c]->state != MARK_CONFIRMED || contradicted(v, i + 1, c));
			if (all)
				state = MARK_REJECTED;
			break;
		}
	}
	return state;
}

/* ---- the deepest mark ------------------------------------------------------------------- */

static unsigned components(const char *path)
{
	unsigned n = *path != '\0';

	for (; *path; path++)
		n += *path == '/';
	return n;
}

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return n == 0 || (strncmp(path, top, n) == 0 && (!path[n] || path[n] == '/'));
}

static bool exactly(const struct known_trace *on, const struct known_trace *k)
{
	return trace_part(on->id) == trace_part(k->id);
}

/* Whether marks withhold the trace by its place. */
static bool marked(const struct marks_model *m, size_t piece, size_t trace, int64_t ns)
{
	const struct known_trace *k = &m->traces->v[trace];
	enum mark_state best = MARK_NONE;
	unsigned deepest = 0;

	for (size_t i = 0; i < m->traces->n; i++) {
		const struct known_trace *on = &m->traces->v[i];
		enum mark_state state = MARK_NONE;
		unsigned depth = 0;
		bool any = false;

		for (size_t g = 0; g < m->n && !any; g++)
			any = m->v[g].piece == piece && m->v[g].trace == i && m->v[g].ns <= ns;
		if (!any || (*on->path && !m->names(on->path, k, true)))
			continue;
		state = own_state(m, piece, i, ns);
		/* of two that are as deep, the one in the same tree is meant; then what withholds
		 */
		depth = 4 * (2 * components(on->path) + (on->kind == ENTRY_STREAM)) +
			2 * exactly(on, k) + (state != MARK_REJECTED);
		if (state != MARK_NONE && depth >= deepest) {
			deepest = depth;
			best = state;
		}
	}
	return best == MARK_SUSPECTED || best == MARK_CONFIRMED;
}

/* ---- volumes ------------------------------------------------------------------------------ */

/* Length of "p1-ext4" in "p1-ext4/x", "p1-ext4.deleted/x", "p1-ext4.raw"; 0 it is of none. */
static size_t volume_name(const char *path)
{
	size_t n = strcspn(path, "./");

	return path[0] == 'p' && path[1] >= '0' && path[1] <= '9' ? n : 0;
}

static bool of_one_volume(const struct known_trace *a, const struct known_trace *b)
{
	size_t n = volume_name(a->path);

	return n > 0 && n == volume_name(b->path) && strncmp(a->path, b->path, n) == 0;
}

static bool in_tree(const struct known_trace *k)
{
	return trace_part(k->id) > 0;
}

/* ---- links ----------------------------------------------------------------------------------- */

static const struct known_trace *trace_at(const struct known_traces *all, const char *path)
{
	for (size_t i = 0; i < all->n; i++) {
		if (strcmp(all->v[i].path, path) == 0)
			return &all->v[i];
	}
	return NULL;
}

/* Whether the way from folder @from along @path meets, or ends at, something withheld. */
static bool leads_to(const struct marks_model *m, const bool *withheld, const char *from,
	const char *path, unsigned *followed)
{
	char here[8192];
	size_t root = volume_name(from);
	const struct known_trace *end = NULL;

	root += strcspn(from + root, "/");
	snprintf(here, sizeof(here), "%.*s", *path == '/' ? (int)root : (int)strlen(from), from);
	while (*path) {
		size_t n = strcspn(path, "/");
		size_t at = strlen(here);
		const struct known_trace *next = NULL;

		if (n == 2 && strncmp(path, "..", 2) == 0) {
			if (at > root)
				*strrchr(here, '/') = '\0';
		} else if (n > 0) {
			snprintf(here + at, sizeof(here) - at, "/%.*s", (int)n, path);
			next = trace_at(m->traces, here);
			if (!next || next->kind == ENTRY_LINK)
				*strrchr(here, '/') = '\0';
			if (!next)
				break;
			if (next->kind == ENTRY_LINK) {
				char rest[8192];

				if (withheld[next - m->traces->v])
					return true;
				if (++*followed > LINKS_MAX)
					return false;
				snprintf(rest, sizeof(rest), "%s%s", next->target, path + n);
				return leads_to(m, withheld, here, rest, followed);
			}
		}
		path += n + (path[n] == '/');
	}
	end = trace_at(m->traces, here);
	return end && withheld[end - m->traces->v];
}

/* ---- all roads ----------------------------------------------------------------------------------
 */

static bool same_inode(const struct known_trace *a, const struct known_trace *b)
{
	return in_tree(a) && in_tree(b) && of_one_volume(a, b) && a->inode &&
	       a->inode == b->inode && !((a->flags | b->flags) & ENTRY_VIRTUAL) &&
	       (a->kind == ENTRY_STREAM) == (b->kind == ENTRY_STREAM) &&
	       (a->kind != ENTRY_STREAM || a->attribute == b->attribute);
}

/* Other names, each with what is below it. */
static void add_names(const struct marks_model *m, bool *w)
{
	size_t n = m->traces->n;
	bool *before = malloc(n);

	if (!before)
		bail_out("no memory");
	memcpy(before, w, n);
	for (size_t a = 0; a < n; a++) {
		for (size_t b = 0; before[a] && b < n; b++) {
			if (a == b || !same_inode(&m->traces->v[a], &m->traces->v[b]))
				continue;
			for (size_t c = 0; c < n; c++)
				w[c] |= is_below(m->traces->v[c].path, m->traces->v[b].path);
		}
	}
	free(before);
}

static void add_copies(const struct marks_model *m, bool *const w[MODEL_PIECES])
{
	const struct known_traces *t = m->traces;
	bool *copied = calloc(t->n, 1);

	if (!copied)
		bail_out("no memory");
	for (size_t p = 0; p < MODEL_PIECES; p++) {
		for (size_t a = 0; a < t->n; a++) {
			if (!w[p][a] || !has_contents(&t->v[a]) || t->v[a].size < MODEL_FLOOR)
				continue;
			for (size_t b = 0; b < t->n; b++)
				copied[b] |= has_contents(&t->v[b]) &&
					     letter_of(&t->v[a]) == letter_of(&t->v[b]);
		}
	}
	/* the pieces have the same contents */
	for (size_t p = 0; p < MODEL_PIECES; p++) {
		for (size_t b = 0; b < t->n; b++)
			w[p][b] |= copied[b];
	}
	free(copied);
}

static bool is_system(const struct known_trace *k)
{
	static const char *const names[] = {"/pagefile.sys", "/System Volume Information"};
	size_t n = volume_name(k->path);

	n += strncmp(k->path + n, ".deleted", 8) == 0 ? 8 : 0;
	for (size_t i = 0; n > 0 && i < sizeof(names) / sizeof(*names); i++) {
		size_t len = strlen(names[i]);

		if (strncasecmp(k->path + n, names[i], len) == 0 &&
			(!k->path[n + len] || k->path[n + len] == '/'))
			return true;
	}
	return k->flags & ENTRY_META;
}

static bool ends(const char *s, const char *tail)
{
	return strlen(s) >= strlen(tail) && strcmp(s + strlen(s) - strlen(tail), tail) == 0;
}

static bool is_bytes(const struct known_trace *k)
{
	return !strchr(k->path, '/') && (ends(k->path, ".raw") || ends(k->path, ".unallocated"));
}

/* What leads to it, and what holds its bytes. */
static void add_rest(const struct marks_model *m, bool *w)
{
	const struct known_traces *t = m->traces;
	bool *before = malloc(t->n);
	bool image = false;

	if (!before)
		bail_out("no memory");
	memcpy(before, w, t->n);
	for (size_t i = 0; i < t->n; i++) {
		const struct known_trace *k = &t->v[i];
		char folder[4096];
		unsigned followed = 0;
		bool held = false;
		bool bytes = false;

		for (size_t b = 0; b < t->n; b++)
			bytes = bytes ||
				(before[b] && of_one_volume(k, &t->v[b]) && is_bytes(&t->v[b]));
		for (size_t b = 0; b < t->n && !held; b++)
			held = before[b] && of_one_volume(k, &t->v[b]) && in_tree(&t->v[b]);
		if (k->kind == ENTRY_LINK) {
			snprintf(folder, sizeof(folder), "%.*s",
				(int)(strrchr(k->path, '/') - k->path), k->path);
			w[i] |= leads_to(m, before, folder, k->target, &followed);
		}
		w[i] |= held && in_tree(k) && is_system(k);
		held = held && (!m->maskable(k) || bytes);
		w[i] |= held && is_bytes(k);
		image = image || (is_bytes(k) && volume_name(k->path) && (held || bytes));
	}
	for (size_t i = 0; i < t->n; i++)
		w[i] |= image && strcmp(t->v[i].path, "image.raw") == 0;
	free(before);
}

/* What is withheld at @ns of each piece. */
MAYBE void model_withhold(struct marks_model *m, int64_t ns)
{
	for (size_t p = 0; p < MODEL_PIECES; p++) {
		for (size_t i = 0; i < m->traces->n; i++)
			m->withheld[p][i] = m->n > 0 && marked(m, p, i, ns);
		add_names(m, m->withheld[p]);
	}
	add_copies(m, m->withheld);
	for (size_t p = 0; p < MODEL_PIECES; p++) {
		add_names(m, m->withheld[p]);
		add_rest(m, m->withheld[p]);
	}
}

#endif
