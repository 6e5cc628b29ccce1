/* SPDX-License-Identifier: Apache-2.0 */
/* awake.c - processors that do not halt while somebody reads; see awake.h. */
#include "mount/awake.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define DEVICE      "/dev/cpu_dma_latency"
#define IDLE_DRIVER "/sys/devices/system/cpu/cpuidle/current_driver"

/* What is written to the device: microseconds that waking may take, or that it is all one. */
#define AT_ONCE 0
#define ALL_ONE (-1)

struct awake {
	int fd;
	pthread_mutex_t lock;
	unsigned asking; /* how many do; under the lock */
};

/* Whether an idle processor leaves the machine here, and the kernel can keep it from that. */
static bool helps(const char *root)
{
	char path[PATH_MAX];
	char *driver = NULL;
	bool yes = false;

	snprintf(path, sizeof(path), "%s" IDLE_DRIVER, root);
	yes = file_read(path, 64, &driver, NULL) == 0 && strcmp(driver, "haltpoll\n") == 0;
	free(driver);
	return yes;
}

struct awake *awake_new(const char *root)
{
	char path[PATH_MAX];
	struct awake *a = helps(root) ? calloc(1, sizeof(*a)) : NULL;

	if (!a)
		return NULL;
	snprintf(path, sizeof(path), "%s" DEVICE, root);
	a->fd = open(path, O_WRONLY | O_CLOEXEC);
	if (a->fd < 0) {
		free(a);
		return NULL;
	}
	pthread_mutex_init(&a->lock, NULL);
	return a;
}

/* A refusal costs time only. */
static void say(const struct awake *a, int32_t us)
{
	file_write_at(a->fd, &us, sizeof(us), 0);
}

void awake_ask(struct awake *a, bool on)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	if (on && a->asking++ == 0)
		say(a, AT_ONCE);
	else if (!on && --a->asking == 0)
		say(a, ALL_ONE);
	pthread_mutex_unlock(&a->lock);
}

void awake_free(struct awake *a)
{
	if (!a)
		return;
	close(a->fd);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
