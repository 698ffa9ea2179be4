/* SPDX-License-Identifier: Apache-2.0 */
/* Names from patterns. */
#include "common/owner.h"

#include <stdio.h>
#include <string.h>

static const char mark[] = "%p";

bool owner_is_each(const char *user)
{
    return strstr(user, mark) != NULL;
}

int owner_name(const char *user, const char *process, char *name, size_t size)
{
    const char *at = strstr(user, mark);
    int n = at == NULL ? snprintf(name, size, "%s", user)
                       : snprintf(name, size, "%.*s%s%s", (int)(at - user), user, process,
                                  at + sizeof mark - 1);
    return n >= 0 && (size_t)n < size ? 0 : -1;
}

int owner_folder(const char *run_dir, const char *user, const char *process_or_endpoint, char *path,
                 size_t size)
{
    int n = owner_is_each(user) ? snprintf(path, size, "%s/%s", run_dir, process_or_endpoint)
                                : snprintf(path, size, "%s", run_dir);
    return n >= 0 && (size_t)n < size ? 0 : -1;
}
