/* SPDX-License-Identifier: Apache-2.0 */
/* main.h - the service process, which the starter starts; the rest of the process's life. */
#ifndef EVIDENCEFS_CONTROL_MAIN_H
#define EVIDENCEFS_CONTROL_MAIN_H

/** control_main() - take the start message, lock itself in, serve. Return: exit status. */
int control_main(void);

#endif
