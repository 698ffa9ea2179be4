/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Silences: who is silent is told in the feed of changes and in the table `silence`, once,
 * whatever is killed; and that it returned, is retired, or never was silent. Judged as of
 * signs_until_us(), between flushes, in portions of some milliseconds.
 */
#ifndef EZREPO_STORED_SILENCE_H
#define EZREPO_STORED_SILENCE_H

#include "stored/silence/subjects.h"
#include "stored/store.h"

struct silence {
    struct store *store;
    struct subjects all;
    bool connected; /* what was told is known */
    bool loading;   /* the series behind load_after are not known yet */
    int64_t load_after;
    int64_t retry_us; /* after a failure nothing goes on before, of the steady clock */
    bool again;       /* there are rows in silence_again */
    bool more;        /* some that are due were not looked at yet */
    uint32_t portion; /* of subjects, as many as take a few milliseconds */
};

/* The caller owns it. NULL when memory is out. */
struct silence *silence_new(struct store *store);
void silence_free(struct silence **s);

/* The connection is a new one: all is read again; what was told at once, so that no return is
 * missed. 0, or -1: the database. */
int silence_connected(struct silence *s);

/* Others are expected otherwise: all that is known of e holds no more. */
void silence_doubt_all(struct silence *s);

/* An entry of the list of expected series is new, or gone: these series are looked at again, and
 * all probes. */
void silence_expected_changed(struct silence *s, const PGresult *series);

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
