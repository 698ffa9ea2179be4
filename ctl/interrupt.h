/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C where standard input is followed. */
#ifndef EZREPO_CTL_INTERRUPT_H
#define EZREPO_CTL_INTERRUPT_H

/*
 * The first SIGINT ends nothing: it goes to all of a pipeline, and what its tool still says of
 * itself, and what waits here, is taken until the end of the input. A second one ends the process.
 */
void interrupt_once_passes(void);

#endif
