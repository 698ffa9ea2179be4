/* SPDX-License-Identifier: Apache-2.0 */
#include "scarce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PIECES_MOST 1000 /* who has not done it with as many never will */

static unsigned left = UINT32_MAX; /* UINT32_MAX: as many as are asked for */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool is_out(void)
{
    if (left == 0) {
        return true;
    }
    left -= left == UINT32_MAX ? 0 : 1;
    return false;
}

void *__wrap_malloc(size_t size)
{
    return is_out() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_out() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return is_out() ? NULL : __real_realloc(old, size);
}

unsigned scarce_until(bool (*add)(void *context), void *context)
{
    for (unsigned pieces = 0; pieces < PIECES_MOST; pieces++) {
        left = pieces;
        bool done = add(context);
        left = UINT32_MAX;
        if (done) {
            return pieces;
        }
    }
    fail_msg("it does not work with %d pieces of memory", PIECES_MOST);
    return 0;
}
