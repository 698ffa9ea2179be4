/* SPDX-License-Identifier: Apache-2.0 */
/* By the path of the running program, which the kernel knows. */
#include "common/place.h"

#include <stdbool.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static bool runs_where_it_was_built(void)
{
    static const char build[] = EZREPO_BUILD_ROOT "/";
    char program[sizeof build];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program);
    return n >= (ssize_t)sizeof build - 1 && memcmp(program, build, sizeof build - 1) == 0;
}

const char *place_of_schemas(void)
{
    return runs_where_it_was_built() ? EZREPO_SOURCE "/schemas" : EZREPO_INSTALLED "/schemas";
}

const char *place_of_web(void)
{
    return runs_where_it_was_built() ? EZREPO_SOURCE "/web" : EZREPO_INSTALLED "/web";
}
