/* SPDX-License-Identifier: Apache-2.0 */
/* window.c - space ahead that records are stored into; see window.h. */
#include "audit/window.h"

#include <errno.h>
#include <linux/magic.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>

#include "audit/record.h"
#include "base/file.h"

#define XFS_MAGIC 0x58465342 /* which no header of the kernel has */

/* Where this thread goes on when a store is refused; NULL: it does not store. A handler of
 * signals gets at nothing else. */
static _Thread_local sigjmp_buf *volatile guarded;

static void take_bus(int sig)
{
	if (guarded)
		siglongjmp(*guarded, 1);
	signal(sig, SIG_DFL); /* of something else: as if there were no handler */
	raise(sig);
}

/* Nothing is blocked in the handler: a jump out of it has nothing to undo. */
static void install(void)
{
	struct sigaction a = {.sa_handler = take_bus, .sa_flags = SA_NODEFER};

	sigemptyset(&a.sa_mask);
	sigaction(SIGBUS, &a, NULL);
}

bool window_can(int fd)
{
	struct statfs s;

	if (fstatfs(fd, &s) < 0)
		return false;
	return s.f_type == EXT4_SUPER_MAGIC || s.f_type == XFS_MAGIC || s.f_type == TMPFS_MAGIC;
}

int window_move(struct window *w, int fd, uint64_t end, uint64_t to)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static const uint8_t zeros[WINDOW_PAGE];
	const uint64_t from = end / WINDOW_PAGE * WINDOW_PAGE;
	void *map = NULL;

	pthread_once(&once, install);
	window_close(w);
	for (uint64_t at = end; at < to;) {
		const uint64_t n = WINDOW_PAGE - at % WINDOW_PAGE;
		int rc = file_write_at(fd, zeros, (size_t)n, at);

		if (rc < 0)
			return rc;
		at += n;
	}
	map = mmap(NULL, (size_t)(to - from), PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)from);
	if (map == MAP_FAILED)
		return -errno;
	*w = (struct window){.map = map, .from = from, .to = to};
	return 0;
}

static void put(uint8_t *to, const uint8_t *p, size_t n)
{
	const size_t behind = RECORD_BEGUN + sizeof(uint32_t);
	uint32_t begun = 0;

	memcpy(to + RECORD_UNIT, p + RECORD_UNIT, n - RECORD_UNIT);
	memcpy(to, p, RECORD_BEGUN);
	memcpy(to + behind, p + behind, RECORD_UNIT - behind);
	memcpy(&begun, p + RECORD_BEGUN, sizeof(begun));
	__atomic_store_n((uint32_t *)(void *)(to + RECORD_BEGUN), begun, __ATOMIC_RELEASE);
}

int window_store(struct window *w, const uint8_t *p, size_t n, uint64_t off)
{
	sigjmp_buf refused;

	if (sigsetjmp(refused, 0)) {
		guarded = NULL;
		return -EIO;
	}
	guarded = &refused;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	put(w->map + (off - w->from), p, n);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	guarded = NULL;
	return 0;
}

void window_close(struct window *w)
{
	if (w->map)
		munmap(w->map, (size_t)(w->to - w->from));
	*w = (struct window){.map = NULL};
}
