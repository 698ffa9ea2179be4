/* SPDX-License-Identifier: Apache-2.0 */
/* The server of the page and the API: what each path leads to. */
#ifndef EZREPO_PAGE_DOORS_H
#define EZREPO_PAGE_DOORS_H

#include "webd/web.h"

/* Sockets and certificates; -1 after an error was logged. */
int page_doors_prepare(struct web *w);

/* Takes requests on the loop; -1 after an error was logged. */
int page_doors_start(struct web *w);

/* Once a second. */
void page_doors_tick(struct web *w);

#endif
