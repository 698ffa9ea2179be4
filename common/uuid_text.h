/* SPDX-License-Identifier: Apache-2.0 */
/* A UUID as people and SQL write it. */
#ifndef EZREPO_UUID_TEXT_H
#define EZREPO_UUID_TEXT_H

#include <stdint.h>
#include <stdio.h>

#define UUID_TEXT_BYTES 37 /* the NUL included */

/* "8c2f0c5e-....". */
static inline void uuid_text(const uint8_t uuid[16], char text[UUID_TEXT_BYTES])
{
    char *at = text;
    for (int i = 0; i < 16; i++) {
        at += snprintf(at, 4, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
    }
}

#endif
