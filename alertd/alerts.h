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

/* How much of an alert a receiver took. */
enum alert_known { ALERT_NOTHING, ALERT_FIRES, ALERT_ALL };

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
    bool alone;                      /* was in a request that was refused: is told by itself */
    int64_t wait_us;        /* was refused by itself, and passed over so long; 0: was not */
    int64_t again_clock_us; /* until then */
};

struct alert {
    UT_hash_handle hh;           /* by key: the newest of it */
    struct alert *newer, *older; /* of the same key; an older one is over */
    struct alert *next, *previous;
    char id[37];
    char *key; /* JSON: ["ROUTE","GRADE NAME",the dimensions] */
    char *route, *grade_name, *probe;
    int64_t series;             /* 0: none */
    char *labels, *annotations; /* JSON objects */
    char *link;                 /* "" : none */
    int64_t since_us, fired_us;
    int64_t resolved_us;   /* 0: it fires */
    uint64_t fired_change; /* such a one, of when it fired */
    uint64_t change;       /* grows when it fires, and when it is over */
    int64_t changed_clock_us;
    uint64_t kept;                 /* the change that the store has */
    bool noted;                    /* of what is told of it something else is to be kept */
    bool settled;                  /* over, and told to all */
    bool is_own;                   /* ours: not kept, and ended by nobody */
    bool is_test;                  /* such a one that everybody is told of */
    bool seen;                     /* in this look */
    unsigned busy;                 /* requests that have it */
    struct alert_receipt *receipt; /* of each receiver */
};

struct alerts {
    struct alert *by_key;
    struct alert *all; /* utlist, in the order in which they fired, but for tests */
    uint32_t firing;
    unsigned receivers;
    const char *page_url; /* "": alerts have no link */
    uint64_t last_change;
    uint32_t ended; /* that are not forgotten */
    uint64_t fired_ever, resolved_ever;
    uint64_t given_up; /* not told to all */
    int64_t due_us;    /* the next that will have been bad for long enough; INT64_MAX: none */
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
 * is over.
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

/* The same of an alert that is a test, as those of a route, or of none (NULL). The second is when
 * everybody knows, or need not: nothing more of it is told. */
struct alert *alerts_test(struct alerts *t, const struct alert_routes *routes,
                          const struct route *route, int64_t now_us, int64_t clock_us);
void alerts_test_end(struct alerts *t, struct alert *alert);

/* What was told by the alertd before: a row of the store, which has them the newest first. 0; -1:
 * memory is out, or it is none. */
struct alert_row {
    struct slice id, key, route, grade_name, probe, document;
    int64_t series, since_us, fired_us, resolved_us;
};
int alerts_adopt(struct alerts *t, const struct alert_row *row, const char *const *receivers,
                 int64_t clock_us);

/* Forgets what is over and told. */
void alerts_forget(struct alerts *t, int64_t now_us);

/* What a receiver is known to have taken. */
enum alert_known alert_known(const struct alert *alert, unsigned receiver);

/* Of an alert in a message: what a receiver took, or did not. */
void alert_taken(struct alert *alert, unsigned receiver, uint64_t change, bool taken,
                 const char *answer, int64_t now_us, int64_t clock_us);

#endif
