/* SPDX-License-Identifier: Apache-2.0 */
/* One who is told of alerts; how it is got through to. For receivers.c and the ways there only. */
#ifndef EZREPO_ALERTD_RECEIVER_H
#define EZREPO_ALERTD_RECEIVER_H

#include "alertd/alert_batch.h"
#include "alertd/alertd.h"
#include "common/door/curl_loop.h"

#define RECEIVER_WHY_BYTES 200

enum receiver_answer {
    RECEIVER_TAKEN,
    RECEIVER_REFUSED,      /* called faulty: it would say so for ever, and is not told again */
    RECEIVER_REFUSED_SOME, /* called faulty, maybe for one alert: they are told one at a time */
    RECEIVER_FAILED
};

struct receiver {
    struct alertd *d;
    const struct target *to;
    unsigned number;
    bool busy; /* the batch is under way */
    struct alert_batch batch;
    char why[RECEIVER_WHY_BYTES]; /* it fails; "": it does not */
    int64_t next_us, wait_us;
    struct receiver_http *http; /* NULL: it is syslog */
};

/* What came of the batch; never from within a begin. The text is for people. */
void receiver_done(struct receiver *r, enum receiver_answer answer, const char *text);

/* ---- over HTTP (receiver_http.c) ---- */

/* 0, or -1: memory is out. */
int receiver_http_open(struct receiver *r, struct curl_loop *loop);
void receiver_http_close(struct receiver *r);

/* Sends the batch. 0, or -1: memory is out. */
int receiver_http_begin(struct receiver *r);

/* ---- syslog (receiver_syslog.c) ---- */

/* Sends the batch without waiting; in *sent how many the socket took. 0, or -1 (errno). */
int receiver_syslog_send(const struct receiver *r, unsigned *sent);

#endif
