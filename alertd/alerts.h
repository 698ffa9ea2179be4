/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The alerts that fire, and those whose end is still to be told. What should fire is told look by
 * look: what a look does not find any more is over. Sends nothing; knows of each receiver what it
 * was told last. No I/O.
 */
#ifndef EZREPO_ALERTD_ALERTS_H
#define EZREPO_ALERTD_ALERTS_H

#include "alertd/alert_routes.h"
#include "common/hash_table.h"

#define ALERT_ANSWER_BYTES 64

#define ALERT_SETTLE_US                                                                            \
    INT64_C(900000000) /* an end is told again for so long, as Prometheus does */
#define ALERT_KEEP_US INT64_C(86400000000) /* and for so long to who does not take it */
#define ALERTS_ENDED  20000                /* at most; the oldest are forgotten then */

/* A row of an answer: a series, or a probe, that is bad or silent. */
struct alert_subject {
    struct slice dimensions[DIMENSION_COUNT]; /* .at NULL: it has none */
    int64_t series;                           /* its number; 0: of a probe */
    struct slice grade_name;                  /* "": silence */
    int64_t grade;
    int64_t since_us;
    int64_t last_us; /* its last record; INT64_MIN: not known */
    int64_t count;   /* of a probe: series */
    struct slice version, line;
};

/* What a receiver was told of an alert last. */
struct alert_receipt {
    uint64_t change;       /* that it took; 0: nothing */
    int64_t sent_clock_us; /* when that was, by the clock; 0: not since the start */
    int64_t sent_us;
    char answer[ALERT_ANSWER_BYTES]; /* what came back; "": nothing was sent */
};

struct alert {
    UT_hash_handle hh; /* by key, while it fires */
    struct alert *next, *previous;
    char id[37];
    char *key; /* JSON: ["ROUTE","GRADE NAME",the dimensions] */
    char *route, *grade_name, *probe;
    int64_t series;             /* 0: none */
    char *labels, *annotations; /* JSON objects */
    char *link;                 /* "" : none */
    int64_t since_us, fired_us;
    int64_t resolved_us; /* 0: it fires */
    uint64_t change;     /* grows when it fires, and when it is over */
    int64_t changed_clock_us;
    uint64_t kept;                 /* the change that the store has */
    bool noted;                    /* of what is told of it something else is to be kept */
    bool settled;                  /* over, and told to all */
    bool replaced;                 /* over, and another of its key fired since */
    bool is_own;                   /* of no route: not kept, and ended by nobody */
    bool seen;                     /* in this look */
    unsigned busy;                 /* requests that have it */
    struct alert_receipt *receipt; /* of each receiver */
};

struct alerts {
    struct alert *by_key;
    struct alert *all; /* utlist, in the order in which they fired */
    unsigned receivers;
    const char *page_url; /* "": alerts have no link */
    uint64_t last_change;
    uint32_t ended; /* that are not forgotten */
    uint64_t fired_ever, resolved_ever;
    int64_t due_us; /* the next that will have been bad for long enough; INT64_MAX: none */
};

/* The text is kept by the table's owner as long as the table. */
void alerts_init(struct alerts *t, unsigned receivers, const char *page_url);
void alerts_clear(struct alerts *t);

/* A round of looks begins: what is due is not known any more; alerts of routes that are no more
 * are over. */
void alerts_round(struct alerts *t, const struct alert_routes *routes, int64_t now_us,
                  int64_t clock_us);

/*
 * A look at one route: begins; a subject that was found; ends: what fires of it and was not found
 * is over. A look that found more than it may show (`cut`) ends nothing.
 */
void alerts_look(struct alerts *t, const struct route *route);
void alerts_found(struct alerts *t, const struct alert_routes *routes, const struct route *route,
                  const struct alert_subject *s, int64_t now_us, int64_t clock_us);
void alerts_looked(struct alerts *t, const struct route *route, int64_t now_us, int64_t clock_us);

/* An alert of our own, which fires as long as it is not ended; its value is a label. NULL: memory
 * is out. */
struct alert *alerts_own(struct alerts *t, const struct alert_routes *routes, const char *name,
                         struct slice route, const char *summary, int64_t now_us, int64_t clock_us);
void alerts_end(struct alerts *t, struct alert *alert, int64_t now_us, int64_t clock_us);

/* What was told by the alertd before: a row of the store. 0; -1: memory is out, or it is none. */
struct alert_row {
    struct slice id, key, route, grade_name, probe, document;
    int64_t series, since_us, fired_us, resolved_us;
};
int alerts_adopt(struct alerts *t, const struct alert_row *row, const char *const *receivers,
                 int64_t clock_us);

/* Forgets what is over and told. */
void alerts_forget(struct alerts *t, int64_t now_us);

/* Of an alert in a message: what a receiver took, or did not. */
void alert_taken(struct alert *alert, unsigned receiver, uint64_t change, bool taken,
                 const char *answer, int64_t now_us, int64_t clock_us);

#endif
