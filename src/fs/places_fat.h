/* SPDX-License-Identifier: Apache-2.0 */
/* places_fat.h - shared by places_fat.c and places_exfat.c: clusters, and entries of 32 bytes. */
#ifndef EVIDENCEFS_FS_PLACES_FAT_H
#define EVIDENCEFS_FS_PLACES_FAT_H

#include <errno.h>

#include "fs/places.h"

#define FAT_ENTRY        32u
#define FAT_FIRST_INODE  3u
#define FAT_GATHER_MAX   256u /* entries of one name: 21, in exFAT 19; as many as can be said */
#define FAT_CLUSTERS_MAX 0x0fffffffu

struct fat_places;

/* One entry of a directory. */
struct fat_slot {
	const uint8_t *p;
	uint64_t off; /* image byte */
	uint64_t inode;
};

/* Entries that belong together, while they come. */
struct fat_gather {
	uint64_t off[FAT_GATHER_MAX];
	unsigned n;
	bool gone;   /* they are deleted */
	uint8_t sum; /* FAT: what pieces of one long name have in common */
};

/* A directory to be gone through. */
struct fat_dir {
	uint64_t cluster;  /* 0: the root of FAT12 and FAT16 */
	uint64_t clusters; /* that lie behind each other; 0: a chain in the table */
	uint64_t inode;
};

struct fat_places {
	struct places *p;
	uint32_t sector;
	uint32_t cluster;     /* bytes */
	uint64_t table;       /* image byte of the first allocation table */
	unsigned bits;        /* of an entry in it: 12, 16, 32 */
	uint64_t clusters;    /* their number; the first is 2 */
	uint64_t heap;        /* image byte of cluster 2 */
	uint64_t first;       /* image byte of the first numbered entry */
	uint64_t root_bytes;  /* FAT12, FAT16: of the root at `first` */
	uint64_t reads;       /* bytes that may still be read of directories */
	struct set done;      /* clusters of directories that were gone through */
	struct set covered;   /* entries told so far */
	struct fat_dir *dirs; /* still to be gone through */
	size_t dirs_n, dirs_cap;
	uint8_t window[4096]; /* of the table */
	uint64_t window_at;
	size_t window_n;
	/* the kind of file system: what of the fields above its boot sector says, and `dirs` begins
	 * with its root; false: nothing can be gone through */
	bool (*geometry)(struct fat_places *x);
	/* the kind of entries; *@stale: in clusters that no directory has now. slot() is told of
	 * each entry in turn. Return: false: the directory ends here. end() after the last. */
	bool (*slot)(
		struct fat_places *x, struct fat_gather *g, const struct fat_slot *s, bool stale);
	void (*end)(struct fat_places *x, struct fat_gather *g, bool stale);
};

/** fat_next() - the cluster behind @cluster; 0: the last, or none. */
uint64_t fat_next(struct fat_places *x, uint64_t cluster);
/** fat_cluster() - where it lies in the image. False: outside. */
bool fat_cluster(const struct fat_places *x, uint64_t cluster, uint64_t *off);
/** fat_add_dir() - go through it later. */
void fat_add_dir(struct fat_places *x, const struct fat_dir *d);
/** fat_claim() - @n clusters from @cluster are @inode's contents; @chain: by the table, else
 * behind each other. @skip: so many of them are told elsewhere. */
void fat_claim(struct fat_places *x, uint64_t cluster, bool chain, uint64_t skip, uint64_t n,
	uint64_t inode);
/** fat_claim_deleted() - what a deleted entry had, if it lay in one piece: @bytes from @cluster on.
 * Whether something else has some of it by now is not asked here. */
void fat_claim_deleted(struct fat_places *x, uint64_t cluster, uint64_t bytes, uint64_t inode);
/** fat_blank() - what was gathered, and forget it; @inode 0: nobody's. @mark: what its first byte
 * becomes; -1: it stays. */
void fat_blank(struct fat_places *x, struct fat_gather *g, uint64_t inode, int mark, bool stale);
void fat_gather(struct fat_gather *g, uint64_t off);
/** fat_walk() - all directories of @p's volume, then what is left of handed out entries; @x has its
 * functions and nothing else, and is released but for its own memory. Return: all of it could be
 * gone through. */
bool fat_walk(struct fat_places *x, struct places *p, uint32_t *cluster, uint64_t *base);

#endif
