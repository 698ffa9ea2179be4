/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets by which others learn who may do what, and by which that is changed. */
#ifndef EZREPO_STORED_ACCESS_DOORS_H
#define EZREPO_STORED_ACCESS_DOORS_H

#include "stored/store.h"

struct access_doors;

/* Binds them and reads them on the loop; `published` is called when a grading that came by one of
 * them is in force. NULL after an error was logged; the caller owns it. */
struct access_doors *access_doors_new(struct store *s, zloop_t *loop, void (*published)(void));
void access_doors_free(struct access_doors **d);

/* Once a second, and when the document was read: who waits and is to wait no longer is answered.
 * Touches no database. */
void access_doors_tick(struct access_doors *d);

#endif
