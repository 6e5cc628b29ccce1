/* SPDX-License-Identifier: Apache-2.0 */
/*
 * awake.h - processors that do not halt while somebody reads
 *
 * Each request wakes a thread here, and its reply one of the reader's. On a virtual machine
 * an idle processor that halts leaves the machine, and to be woken takes it longer than many
 * an answer. Linux lets root ask it for less (PM QoS): while anybody asks for 0 us, idle
 * processors poll. That is asked only where the idle driver is haltpoll, which is for virtual
 * machines, and by who is asked often (mount/loop.c). It ends with the process, however that ends.
 * Source: Linux Documentation/power/pm_qos_interface.rst, drivers/cpuidle/governors/haltpoll.c.
 * docs/PERFORMANCE.md has what it gains.
 */
#ifndef EVIDENCEFS_MOUNT_AWAKE_H
#define EVIDENCEFS_MOUNT_AWAKE_H

#include <stdbool.h>

struct awake;

/**
 * awake_new() - to be called as root: nobody else may ask
 * @root: what stands before the kernel's paths: "" but in tests
 * Return: NULL: it would not help here, or is not allowed; nothing is lost then but speed.
 */
struct awake *awake_new(const char *root);
/**
 * awake_ask() - one asks for it, or does not any more; as long as one does it holds
 * Safe from several threads. NULL allowed.
 */
void awake_ask(struct awake *a, bool on);
/** awake_free() - nobody asks any more. NULL allowed. */
void awake_free(struct awake *a);

#endif
