/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of alertd share: options, counters. */
#ifndef EZREPO_ALERTD_ALERTD_H
#define EZREPO_ALERTD_ALERTD_H

#include <event2/event.h>

#include "alertd/alert_targets.h"
#include "alertd/alerts.h"
#include "common/config.h"
#include "common/counter.h"

#define ALERT_COUNTERS(COUNTER, GAUGE)                                                             \
    COUNTER(ROUNDS, "rounds", "", "looks at all that is bad or silent, by all routes")             \
    COUNTER(ROUNDS_FAILED, "rounds.failed", "", "such looks that queryd did not answer")           \
    GAUGE(ROUND_MS, "round_ms", "milliseconds", "how long the last such look took")                \
    COUNTER(ENTRIES, "entries", "", "entries of the feed of changes")                              \
    GAUGE(FIRING, "firing", "", "alerts that fire, now")                                           \
    COUNTER(FIRED, "fired", "", "alerts that fired")                                               \
    COUNTER(RESOLVED, "resolved", "", "alerts that were over")                                     \
    GAUGE(UNSETTLED, "unsettled", "", "alerts that are over, which is still told, now")            \
    COUNTER(GIVEN_UP, "given_up", "", "alerts that were over and that a receiver never took")      \
    COUNTER(SENT, "sent", "", "alerts in requests that receivers took")                            \
    COUNTER(SENDS_REFUSED, "sends.refused", "", "requests whose alerts a receiver called faulty")  \
    COUNTER(PASSED_OVER, "passed_over", "",                                                        \
            "times that an alert, which a webhook refused by itself, was left for later")          \
    COUNTER(SENDS_FAILED, "sends.failed", "", "requests to receivers that failed")                 \
    COUNTER(KEPT, "kept", "", "writes of alerts to the store")                                     \
    COUNTER(KEEPS_FAILED, "keeps.failed", "", "such writes that failed or were not answered")      \
    COUNTER(MALFORMED, "malformed", "", "messages that are no answers")

enum { ALERT_COUNTERS(COUNTER_CONSTANT, COUNTER_CONSTANT) COUNTERS };
extern uint64_t counters[COUNTERS];

struct alertd_settings {
    struct target_options to;
    const char *page_url;
    const struct json *routes, *labels;
    int64_t resend_s, look_s, blind_s;
};

/* Of a receiver, by its number; each NULL where there is none. Never shown. */
struct receiver_secrets {
    char *signing, *basic, *bearer;
};

struct looks;
struct alert_keeper;
struct receivers;
struct alert_trial;

struct alertd {
    struct alertd_settings settings;
    struct event_base *base;
    struct alert_routes *routes;
    struct alert_targets *targets;
    struct receiver_secrets secrets[TARGETS_MAX];
    struct alerts alerts;
    struct looks *looks;
    struct alert_keeper *keeper;
    struct receivers *receivers;
    struct alert_trial *trial;
};

#endif
