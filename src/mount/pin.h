/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pin.h - reader sections that may sleep, over something that is swapped
 *
 * A reader pins, loads the pointer, uses it, unpins. Who swaps the pointer waits:
 * when pin_wait() returns, every section that began before it has ended, so what
 * was swapped out is nobody's. Readers take no lock and share no counter unless
 * they run on the same processor; sections may nest and may end in another thread.
 * Source: P. McKenney, "Sleepable Read-Copy Update"; two counts of two phases each.
 */
#ifndef EVIDENCEFS_MOUNT_PIN_H
#define EVIDENCEFS_MOUNT_PIN_H

#include <stdatomic.h>
#include <stdint.h>

#define PIN_COUNTS 16u

struct pins {
	_Atomic unsigned phase;
	struct pin_count {
		_Alignas(64) _Atomic uint64_t begun[2];
		_Atomic uint64_t ended[2];
	} count[PIN_COUNTS];
};

/** pin_enter() - begin a section. Return: what pin_leave() is to be given. */
unsigned pin_enter(struct pins *p);
void pin_leave(struct pins *p, unsigned token);
/** pin_wait() - until every section begun before has ended. One caller at a time, in none. */
void pin_wait(struct pins *p);

#endif
