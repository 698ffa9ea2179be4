/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is out when a test says so, in what is linked with scarce_dep: the project's own
 * calls of malloc() and its like, not those of other libraries.
 */
#ifndef EZREPO_TESTS_SCARCE_H
#define EZREPO_TESTS_SCARCE_H

#include <stdbool.h>

/*
 * Calls `add` until it says that it worked: first without any memory, then with one piece of it
 * more each time. Afterwards there is enough again. How often memory was out.
 */
unsigned scarce_until(bool (*add)(void *context), void *context);

#endif
