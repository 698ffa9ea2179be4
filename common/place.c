/* SPDX-License-Identifier: Apache-2.0 */
/* By the path of the running program, which the kernel knows. */
#include "common/place.h"

#include <string.h>
#include <sys/types.h>
#include <unistd.h>

const char *place_of_schemas(void)
{
    static const char build[] = EZREPO_BUILD_ROOT "/";
    char program[sizeof build];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program);
    if (n >= (ssize_t)sizeof build - 1 && memcmp(program, build, sizeof build - 1) == 0) {
        return EZREPO_SOURCE_SCHEMAS;
    }
    return EZREPO_INSTALLED_SCHEMAS;
}
