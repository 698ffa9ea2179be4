/* SPDX-License-Identifier: Apache-2.0 */
/* Which series are told one by one as metrics, as the configuration says. Pure. */
#ifndef EZREPO_WEBD_EXPORT_RULES_H
#define EZREPO_WEBD_EXPORT_RULES_H

#include "common/document.h"
#include "schemas/dimensions.h"
#include "schemas/messages.h"

#define EXPORTS_MAX       16
#define EXPORT_SERIES_MAX 20000 /* of all exports together */
#define EXPORT_LINES_MAX  100000
#define EXPORT_NAME_BYTES 64

struct export_rule {
    struct slice name;                      /* the label `export` */
    struct slice criteria[DIMENSION_COUNT]; /* patterns */
    struct slice grade;                     /* a grade name, or "all" */
    struct slice metrics[LIMIT_EXPORTED_METRICS];
    uint32_t metric_count;
    int64_t limit; /* grades of series at most */
};

struct export_rules {
    struct arena *arena;
    uint32_t count;
    struct export_rule at[EXPORTS_MAX];
};

/* Of the option webd.export, NULL where it is not given. NULL after faults were told. The caller
 * owns it. */
struct export_rules *export_rules_read(struct document *d, const struct json *list);
void export_rules_free(struct export_rules **e);

#endif
