/* SPDX-License-Identifier: Apache-2.0 */
/* Which of some names somebody may have meant who wrote another one. Pure. */
#ifndef EZREPO_ALIKE_H
#define EZREPO_ALIKE_H

#include <stdint.h>

#include "common/slice.h"

/*
 * How many letters are added, left out, other ones, or changed places with their neighbour; whether
 * they are large or small does not count. ALIKE_NOT: more than a quarter of the longer one is
 * otherwise, and neither is a part, of ALIKE_PART letters at least, of the other; or one has more
 * than ALIKE_BYTES.
 */
#define ALIKE_NOT   UINT32_MAX
#define ALIKE_PART  4
#define ALIKE_BYTES 128
uint32_t alike(struct slice written, struct slice name);

#endif
