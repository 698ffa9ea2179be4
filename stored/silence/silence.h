/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Silences: who is silent is told in the feed of changes and in the table `silence`, once,
 * whatever is killed; and that it returned, is retired, or never was silent. Judged as of
 * signs_until_us(), in portions, each by a statement on a connection of its own; what follows from
 * its answer is told between flushes.
 */
#ifndef EZREPO_STORED_SILENCE_H
#define EZREPO_STORED_SILENCE_H

#include "stored/beside/beside.h"
#include "stored/silence/subjects.h"

#define SILENCE_PORTION_MOST 512

/* What the store says of a subject. */
struct silence_state {
    struct silence_subject *subject;
    int64_t last_us, last_start_us;
    int64_t e_us, d_us; /* e_us 0: it is never silent */
    int64_t holds, low_us;
    int64_t silent_from_us, told_from_us, retire_at_us; /* INT64_MAX: while something is absent */
    int64_t since_us;                                   /* the earliest start that e comes of */
    struct slice ingestd, door;                         /* of the rows */
};

/* Those of a portion. */
struct silence_look {
    int64_t as_of_us;
    struct silence_subject *probe;                          /* NULL: none is looked at */
    struct silence_subject *subjects[SILENCE_PORTION_MOST]; /* series */
    uint32_t count;
    struct silence_subject *retire[SILENCE_PORTION_MOST];
    uint32_t retire_count;
    struct silence_state tell[SILENCE_PORTION_MOST];
    uint32_t tell_count;
};

struct silence {
    struct beside beside;
    struct subjects all;
    struct silence_look look; /* under way */
    bool connected;           /* what was told is known */
    bool loading;             /* the series behind load_after are not known yet */
    int64_t load_after;
    int64_t retry_us;      /* after a failure nothing goes on before, of the steady clock */
    bool again;            /* there are rows in silence_again */
    bool judged;           /* what was asked last was about these */
    int64_t again_from_us; /* no more of them before, of the steady clock */
    bool more;             /* some that are due were not looked at yet */
    bool failed;           /* what followed from an answer could not be told */
    uint32_t portion;      /* of subjects, as many as take a fraction of a second */
};

/* One of what is beside the flushes (beside.h). NULL when memory is out. */
struct silence *silence_new(struct store *store);
/* Its memory; NULL is allowed. The rest goes with the others. */
void silence_forget(struct silence *s);

/* The connection is a new one: all is read again; what was told at once, so that no return is
 * missed. 0, or -1: the database. */
int silence_connected(struct silence *s);

/* Others are expected otherwise: all that is known of e holds no more. */
void silence_doubt_all(struct silence *s);

/* An entry of the list of expected series is new, or gone: these series are looked at again, and
 * all probes. */
void silence_expected_changed(struct silence *s, const PGresult *series);

/* An absence came to be known, and silences that it may prove wrong are in silence_again. */
void silence_absence_known(struct silence *s);

/* Somebody is there again, or is not waited for any more: who was put off is looked at. */
void silence_door_open(struct silence *s);

/* Called now and then while the database is there, between flushes. 0, or -1: the database; then
 * all is read again, some seconds later. */
int silence_go_on(struct silence *s);
bool silence_is_under_way(const struct silence *s);

/* Brings the gauges up to date. */
void silence_count(const struct silence *s);

/* What is told of a subject, as the database has it now. 0, or -1: the database; it is as it was.
 */
int silence_read_told(struct silence *s, struct silence_subject *const *subjects, uint32_t count);

#endif
