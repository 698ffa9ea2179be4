/* SPDX-License-Identifier: Apache-2.0 */
/* What all explainers do with versions of the grading. Pure. */
#include "queryd/why/explainer.h"

#include <inttypes.h>

#include "common/log.h"
#include "common/number.h"

const char *explainer_list(struct arena *a, const char *list, uint64_t version)
{
    return list == NULL ? arena_printf(a, "{%" PRIu64, version)
                        : arena_printf(a, "%s,%" PRIu64, list, version);
}

const char *explainer_listed(struct arena *a, const char *list)
{
    return list == NULL ? NULL : arena_printf(a, "%s}", list);
}

bool explainer_keep(struct editions *editions,
                    const struct slice columns[EXPLAINER_VERSION_COLUMNS])
{
    char why[300];
    int64_t version = 0;
    number_integer(columns[0], 0, INT64_MAX, &version);
    if (editions_add(editions, (uint64_t)version, columns[1], columns[2], columns[3], why,
                     sizeof why) == NULL) {
        log_error("why.grading", "version=%" PRId64 " error=\"%s\"", version, why);
        return false;
    }
    return true;
}
