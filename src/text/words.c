/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words.c - keywords in a stream of folded characters; see words.h
 *
 * Edges of the trie are in one hash table, by node and character: a node has
 * few, and characters are many. A word that is divided at a line's end is
 * followed by a second state of the same automaton, which has not seen the
 * hyphen and the line break; it lives as long as it is another state.
 */
#include "text/words.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "text/fold.h"

#define NONE   UINT32_MAX
#define DIRECT 128 /* characters whose edges from the root are in a table */

struct node {
	uint32_t parent;
	uint32_t c; /* of the edge to it */
	uint32_t depth;
	uint32_t fail;    /* the longest other beginning of a keyword that the text ends in */
	uint32_t keyword; /* that ends here; NONE */
	uint32_t shorter; /* next node, by fail, where a keyword ends; 0: none */
};

struct edge {
	uint32_t node, c, to; /* to 0: a free place */
};

/* One reading of the text. */
struct reading {
	uint32_t state;
	uint32_t prev; /* character */
	uint64_t at;   /* characters so far */
};

struct words {
	struct node *node; /* 0: the root */
	size_t nodes, node_cap;
	uint32_t *same; /* of a keyword: the one added before with the same characters, or NONE */
	size_t keywords, keyword_cap;
	struct edge *edge;
	size_t edges, edge_cap; /* cap: a power of two */
	uint32_t root[DIRECT];
	uint8_t *start; /* [ring] of the last characters: whether a word may begin there */
	size_t ring;    /* a power of two, more than the longest keyword */
	size_t longest;
	struct reading main;
	struct reading other;
	uint8_t *other_start;
	bool two;                             /* other is alive */
	enum { WHOLE, HYPHEN, DIVIDED } line; /* what the main reading ends in */
	void (*found)(void *ctx, uint32_t keyword);
	void *ctx;
};

struct words *words_new(void)
{
	struct words *w = calloc(1, sizeof(*w));

	if (!w || array_room(&w->node, sizeof(*w->node), 0, &w->node_cap) < 0) {
		free(w);
		return NULL;
	}
	w->node[0] = (struct node){.keyword = NONE};
	w->nodes = 1;
	return w;
}

static size_t place_of(const struct words *w, uint32_t node, uint32_t c)
{
	uint64_t h = ((uint64_t)node << 21 ^ c) * UINT64_C(0x9E3779B97F4A7C15);
	size_t i = (size_t)(h >> 20) & (w->edge_cap - 1);

	while (w->edge[i].to && (w->edge[i].node != node || w->edge[i].c != c))
		i = (i + 1) & (w->edge_cap - 1);
	return i;
}

static uint32_t follow(const struct words *w, uint32_t node, uint32_t c)
{
	return w->edge_cap ? w->edge[place_of(w, node, c)].to : 0;
}

static int more_edges(struct words *w)
{
	size_t cap = w->edge_cap ? w->edge_cap * 2 : 256;
	struct edge *old = w->edge;
	size_t n = w->edge_cap;
	struct edge *e = calloc(cap, sizeof(*e));

	if (!e)
		return -ENOMEM;
	w->edge = e;
	w->edge_cap = cap;
	for (size_t i = 0; i < n; i++) {
		if (old[i].to)
			e[place_of(w, old[i].node, old[i].c)] = old[i];
	}
	free(old);
	return 0;
}

static int add_node(struct words *w, uint32_t parent, uint32_t c, uint32_t *out)
{
	struct edge e = {.node = parent, .c = c, .to = (uint32_t)w->nodes};

	if ((w->edges + 1) * 2 > w->edge_cap && more_edges(w) < 0)
		return -ENOMEM;
	if (w->nodes >= NONE || array_room(&w->node, sizeof(*w->node), w->nodes, &w->node_cap) < 0)
		return -ENOMEM;
	w->node[w->nodes] = (struct node){
		.parent = parent, .c = c, .depth = w->node[parent].depth + 1, .keyword = NONE};
	w->edge[place_of(w, parent, c)] = e;
	w->edges++;
	*out = (uint32_t)w->nodes++;
	return 0;
}

int words_add(struct words *w, const uint32_t *c, size_t n)
{
	uint32_t at = 0;

	if (w->keywords >= INT32_MAX)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		uint32_t to = follow(w, at, c[i]);

		if (!to && add_node(w, at, c[i], &to) < 0)
			return -ENOMEM;
		at = to;
	}
	if (array_room(&w->same, sizeof(*w->same), w->keywords, &w->keyword_cap) < 0)
		return -ENOMEM;
	w->same[w->keywords] = w->node[at].keyword;
	w->node[at].keyword = (uint32_t)w->keywords;
	if (n > w->longest)
		w->longest = n;
	return (int)w->keywords++;
}

/* Nodes by depth, so that what a node needs is known. Caller frees; NULL: no memory. */
static uint32_t *by_depth(const struct words *w)
{
	uint32_t *order = malloc(w->nodes * sizeof(*order));
	size_t *next = calloc(w->longest + 2, sizeof(*next));

	for (size_t i = 0; order && next && i < w->nodes; i++)
		next[w->node[i].depth + 1]++;
	for (size_t i = 1; order && next && i < w->longest + 2; i++)
		next[i] += next[i - 1];
	for (size_t i = 0; order && next && i < w->nodes; i++)
		order[next[w->node[i].depth]++] = (uint32_t)i;
	if (!next) {
		free(order);
		order = NULL;
	}
	free(next);
	return order;
}

static uint32_t step(const struct words *w, uint32_t state, uint32_t c)
{
	uint32_t to = 0;

	while (state && !(to = follow(w, state, c)))
		state = w->node[state].fail;
	if (state)
		return to;
	return c < DIRECT ? w->root[c] : follow(w, 0, c);
}

int words_ready(struct words *w)
{
	uint32_t *order = by_depth(w);

	w->ring = 2;
	while (w->ring < w->longest + 2)
		w->ring *= 2;
	w->start = calloc(w->ring, 1);
	w->other_start = calloc(w->ring, 1);
	if (!order || !w->start || !w->other_start) {
		free(order);
		return -ENOMEM;
	}
	for (uint32_t c = 0; c < DIRECT; c++)
		w->root[c] = follow(w, 0, c);
	for (size_t i = 1; i < w->nodes; i++) {
		struct node *n = &w->node[order[i]];
		const struct node *fail = NULL;

		n->fail = n->depth > 1 ? step(w, w->node[n->parent].fail, n->c) : 0;
		fail = &w->node[n->fail];
		n->shorter = fail->keyword != NONE ? n->fail : fail->shorter;
	}
	free(order);
	return 0;
}

void words_begin(struct words *w, void (*found)(void *ctx, uint32_t keyword), void *ctx)
{
	w->main = w->other = (struct reading){.prev = ' '};
	w->two = false;
	w->line = WHOLE;
	w->found = found;
	w->ctx = ctx;
}

/* Keywords that end at the last character, behind which a word may end. */
static void tell(const struct words *w, const struct reading *r, const uint8_t *start)
{
	uint32_t at = r->state;

	if (w->node[at].keyword == NONE)
		at = w->node[at].shorter;
	for (; at; at = w->node[at].shorter) {
		size_t first = (size_t)(r->at - w->node[at].depth + 1) & (w->ring - 1);

		for (uint32_t k = w->node[at].keyword; start[first] && k != NONE; k = w->same[k])
			w->found(w->ctx, k);
	}
}

static void advance(struct words *w, struct reading *r, uint8_t *start, uint32_t c)
{
	bool border = !fold_joined(r->prev, c);

	if (border && r->state)
		tell(w, r, start);
	r->at++;
	start[r->at & (w->ring - 1)] = border;
	r->state = step(w, r->state, c);
	r->prev = c;
}

void words_step(struct words *w, uint32_t c)
{
	bool line_break = c == FOLD_BREAK;

	if (line_break)
		c = ' ';
	if (w->line == DIVIDED && w->two && !fold_is_letter(c))
		w->two = false;
	if (w->two && w->line != HYPHEN)
		advance(w, &w->other, w->other_start, c);
	/* The other reading stops before a hyphen behind a letter, in case a line ends there. */
	if (c == '-' && fold_is_letter(w->main.prev)) {
		w->other = w->main;
		memcpy(w->other_start, w->start, w->ring);
		w->two = true;
		w->line = HYPHEN;
	} else if (w->line == HYPHEN) {
		w->two = line_break;
		w->line = line_break ? DIVIDED : WHOLE;
	} else {
		w->line = WHOLE;
	}
	advance(w, &w->main, w->start, c);
	if (w->two && w->line == WHOLE && w->other.state == w->main.state && c == ' ')
		w->two = false;
}

void words_end(struct words *w)
{
	if (w->two && w->line == WHOLE)
		tell(w, &w->other, w->other_start);
	tell(w, &w->main, w->start);
}

void words_free(struct words *w)
{
	if (!w)
		return;
	free(w->node);
	free(w->same);
	free(w->edge);
	free(w->start);
	free(w->other_start);
	free(w);
}
