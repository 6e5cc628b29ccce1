/* SPDX-License-Identifier: Apache-2.0 */
/* handle.c - open files and directories; see handle.h. */
#include "mount/handle.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define NONE UINT32_MAX

struct handles {
	struct session_table *table;
	struct handle *at;    /* [TABLE_HANDLES]; reserved, used as far as needed */
	pthread_mutex_t lock; /* over what follows, and over states that become free or used */
	uint32_t free;        /* chain by next_free */
};

static void to_free(struct handles *hs, uint32_t i)
{
	hs->at[i].next_free = hs->free;
	hs->free = i;
}

int handles_new(struct session_table *t, struct handles **out)
{
	struct handles *hs = calloc(1, sizeof(*hs));
	void *p = MAP_FAILED;

	if (hs)
		p = mmap(NULL, TABLE_HANDLES * sizeof(*hs->at), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		free(hs);
		return -ENOMEM;
	}
	pthread_mutex_init(&hs->lock, NULL);
	hs->table = t;
	hs->at = p;
	hs->free = NONE;
	for (uint32_t i = table_high(t); i-- > 0;) {
		hs->at[i].kept = table_handle(t, i);
		if (atomic_load(&hs->at[i].kept->state) == TABLE_FREE)
			to_free(hs, i);
		else
			atomic_store(&hs->at[i].holds, 1);
	}
	*out = hs;
	return 0;
}

static void close_contents(struct handle *h)
{
	content_close(atomic_exchange(&h->content, NULL));
	content_close(h->text);
	h->text = NULL;
}

void handles_free(struct handles *hs)
{
	if (!hs)
		return;
	for (uint32_t i = 0; i < table_high(hs->table); i++)
		close_contents(&hs->at[i]);
	munmap(hs->at, TABLE_HANDLES * sizeof(*hs->at));
	pthread_mutex_destroy(&hs->lock);
	free(hs);
}

static void fill(struct table_handle *kept, enum table_state state, const struct table_handle *like)
{
	kept->generation++;
	kept->slot = like->slot;
	kept->root = like->root;
	kept->trace = like->trace;
	kept->case_id = like->case_id;
	kept->evidence_id = like->evidence_id;
	kept->grant = like->grant;
	kept->unique = like->unique;
	atomic_store(&kept->open_seq, 0);
	atomic_store(&kept->state, state);
}

/* Which place an OPEN took before it was sent again. With the lock held. */
static uint32_t find_again(struct handles *hs, uint64_t unique)
{
	for (uint32_t i = 0; i < table_high(hs->table); i++) {
		if (atomic_load(&hs->at[i].kept->state) != TABLE_FREE &&
			hs->at[i].kept->unique == unique)
			return i;
	}
	return NONE;
}

static uint32_t take_free(struct handles *hs)
{
	uint32_t i = hs->free;

	if (i != NONE) {
		hs->free = hs->at[i].next_free;
		return i;
	}
	i = table_high(hs->table);
	if (i >= TABLE_HANDLES)
		return NONE;
	hs->at[i].kept = table_handle(hs->table, i);
	table_set_high(hs->table, i + 1);
	return i;
}

int handle_new(struct handles *hs, enum table_state state, const struct table_handle *like,
	bool again, struct handle **out)
{
	uint32_t i = NONE;

	pthread_mutex_lock(&hs->lock);
	if (again)
		i = find_again(hs, like->unique);
	if (i != NONE) {
		atomic_fetch_add(&hs->at[i].holds, 1);
	} else {
		i = take_free(hs);
		if (i != NONE) {
			fill(hs->at[i].kept, state, like);
			atomic_store(&hs->at[i].holds, 2);
		}
	}
	pthread_mutex_unlock(&hs->lock);
	if (i == NONE)
		return -ENFILE;
	*out = &hs->at[i];
	return 0;
}

uint64_t handle_number(const struct handles *hs, const struct handle *h)
{
	return (uint64_t)h->kept->generation << 32 | (uint32_t)(h - hs->at);
}

struct handle *handle_hold(struct handles *hs, uint64_t number)
{
	uint32_t i = (uint32_t)number;
	struct handle *h = NULL;

	if (i >= table_high(hs->table))
		return NULL;
	/* the kernel releases a handle when nothing asks of it any more: it cannot go here */
	h = &hs->at[i];
	if (atomic_load(&h->kept->state) == TABLE_FREE || h->kept->generation != number >> 32)
		return NULL;
	atomic_fetch_add(&h->holds, 1);
	return h;
}

void handle_put(struct handles *hs, struct handle *h)
{
	if (!h || atomic_fetch_sub(&h->holds, 1) != 1)
		return;
	close_contents(h);
	pthread_mutex_lock(&hs->lock);
	to_free(hs, (uint32_t)(h - hs->at));
	pthread_mutex_unlock(&hs->lock);
}

void handle_release(struct handles *hs, struct handle *h)
{
	uint32_t was = TABLE_FREE;

	pthread_mutex_lock(&hs->lock);
	was = atomic_exchange(&h->kept->state, TABLE_FREE);
	pthread_mutex_unlock(&hs->lock);
	if (was != TABLE_FREE)
		handle_put(hs, h);
}

struct node handle_node(const struct handle *h)
{
	return (struct node){.root = h->kept->root, .slot = h->kept->slot, .trace = h->kept->trace};
}

void handles_each(struct handles *hs, void (*fn)(void *ctx, struct handle *h), void *ctx)
{
	pthread_mutex_lock(&hs->lock);
	for (uint32_t i = 0; i < table_high(hs->table); i++) {
		if (atomic_load(&hs->at[i].kept->state) != TABLE_FREE)
			fn(ctx, &hs->at[i]);
	}
	pthread_mutex_unlock(&hs->lock);
}

bool handles_hold_directory(struct handles *hs, const struct node *n)
{
	bool found = false;

	pthread_mutex_lock(&hs->lock);
	for (uint32_t i = 0; !found && i < table_high(hs->table); i++) {
		const struct table_handle *k = hs->at[i].kept;

		found = atomic_load(&k->state) == TABLE_DIRECTORY && !k->root &&
			k->slot == n->slot && k->trace == n->trace;
	}
	pthread_mutex_unlock(&hs->lock);
	return found;
}
