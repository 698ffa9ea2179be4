/* SPDX-License-Identifier: Apache-2.0 */
/* Room for one more element. */
#include "common/grow.h"

#include <stdlib.h>

#define FIRST_SIZE 64

void *grow(void *list, uint32_t count, uint32_t *size, size_t element_bytes)
{
    if (count < *size) {
        return list;
    }
    size_t more = *size == 0 ? FIRST_SIZE : (size_t)*size * 2;
    size_t bytes;
    if (more > UINT32_MAX || __builtin_mul_overflow(more, element_bytes, &bytes)) {
        return NULL;
    }
    void *moved = realloc(list, bytes);
    if (moved != NULL) {
        *size = (uint32_t)more;
    }
    return moved;
}
