/* SPDX-License-Identifier: Apache-2.0 */
/* Which alerts there are to be, as the configuration says. Pure. */
#ifndef EZREPO_ALERTD_ALERT_ROUTES_H
#define EZREPO_ALERTD_ALERT_ROUTES_H

#include "common/document.h"
#include "common/week_hours.h"
#include "schemas/dimensions.h"

#define ROUTES_MAX 64
#define ROUTE_LIMIT_MAX                                                                            \
    5000 /* alerts of one route at a time; an answer of queryd has more rows                       \
          */
#define ROUTE_PAIRS      32
#define ROUTE_NAME_BYTES 64
#define ROUTE_TEXT_BYTES 1024

/* Labels or annotations: names are unique. */
struct route_pairs {
    uint32_t count;
    struct {
        struct slice name, value;
    } pair[ROUTE_PAIRS + 1]; /* the last for that of a test */
};

struct route {
    struct slice name;                      /* the label alertname */
    bool silences;                          /* of what is silent; else of what is graded badly */
    struct slice criteria[DIMENSION_COUNT]; /* patterns */
    struct slice grade;                     /* a grade name, or "all" */
    int64_t low, high;                      /* grades that are bad */
    int64_t for_s;                          /* it is bad for so long before it fires */
    int64_t at_most_late_s;   /* none begins to fire whose last record is older; 0: of any age */
    int64_t limit;            /* alerts at a time */
    struct week_hours *hours; /* outside of which none fires; NULL: there are none */
    struct route_pairs labels, annotations;
};

struct alert_routes {
    struct arena *arena;
    struct zones *zones;       /* of the routes' hours */
    struct route_pairs labels; /* of every alert */
    uint32_t count;
    struct route route[ROUTES_MAX];
};

/* Of the options alertd.routes and alertd.labels, each NULL where it is not given. NULL after
 * faults were told. The caller owns it. */
struct alert_routes *alert_routes_read(struct document *d, const struct json *list,
                                       const struct json *labels);
void alert_routes_free(struct alert_routes **routes);

/* The route of that name, or NULL. */
const struct route *alert_routes_find(const struct alert_routes *routes, struct slice name);

#endif
