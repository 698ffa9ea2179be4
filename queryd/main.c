/* SPDX-License-Identifier: Apache-2.0 */
/* queryd answers query messages from PostgreSQL. It never writes there. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "common/bus.h"
#include "common/daemon.h"
#include "common/pg/conninfo.h"
#include "queryd/questions.h"
#include "schemas/messages.h"

#define NEWS_HIGH_WATER 100
#define LINGER_MS       1000 /* answers on their way when the process ends */

static struct queryd_settings settings;
static zsock_t *router, *news, *reason;

static const struct config_option options[] = {
    {"database", CONFIG_STRING, offsetof(struct queryd_settings, database), NULL, 0, 0, false,
     "libpq connection string of the store; best of a role that may only read"},
    {"connections", CONFIG_INTEGER, offsetof(struct queryd_settings, connections), "4", 1, 64,
     false, "connections to PostgreSQL: so many questions run at once"},
    {"timeout_ms", CONFIG_INTEGER, offsetof(struct queryd_settings, timeout_ms), "10000", 1,
     LIMIT_TIMEOUT_MS, true,
     "longest time for one question, also when its asker allows more; milliseconds"},
    {"recount_timeout_ms", CONFIG_INTEGER, offsetof(struct queryd_settings, recount_timeout_ms),
     "3600000", 1, LIMIT_TIMEOUT_MS, true,
     "the same of a question for which all records are counted or graded again; milliseconds"},
    {"rows_default", CONFIG_INTEGER, offsetof(struct queryd_settings, rows_default), "100", 1,
     LIMIT_ANSWER_ROWS, true, "rows of a listing when the question gives no limit"},
    {"rows_max", CONFIG_INTEGER, offsetof(struct queryd_settings, rows_max), "10000", 1,
     LIMIT_ANSWER_ROWS, true, "most rows of a listing, whatever limit the question gives"},
    {"waiting", CONFIG_INTEGER, offsetof(struct queryd_settings, waiting), "100", 1, 10000, true,
     "questions that may wait for a connection; more are refused as unavailable"},
    {"asker_connections", CONFIG_INTEGER, offsetof(struct queryd_settings, asker_connections), "2",
     1, 64, true, "of the connections, most that questions of one identity have at once"},
    {"asker_waiting", CONFIG_INTEGER, offsetof(struct queryd_settings, asker_waiting), "25", 1,
     10000, true, "of the questions that may wait, most of one identity"},
    {"held", CONFIG_INTEGER, offsetof(struct queryd_settings, held), "2000", 0, 100000, true,
     "questions that may be held until there is something to answer; more are answered at once"},
    {"asker_held", CONFIG_INTEGER, offsetof(struct queryd_settings, asker_held), "500", 0, 100000,
     true, "of these, most of one identity"},
    {"answer_bytes", CONFIG_INTEGER, offsetof(struct queryd_settings, answer_bytes), "16777216",
     65536, BUS_FRAME_BYTES / 2, true, "most bytes of one answer"},
    {"high_water", CONFIG_INTEGER, offsetof(struct queryd_settings, high_water), "1000", 1, 100000,
     false, "messages that may wait in the socket, in each direction and per gateway"},
    CONFIG_END};

static int check(struct document *d, const struct config_common *common, const void *given)
{
    const struct queryd_settings *s = given;
    (void)common;
    conninfo_check(d, "queryd.database", s->database);
    if (s->rows_default > s->rows_max) {
        document_fault_in(d, "queryd.rows_default",
                          "expected at most queryd.rows_max, %" PRId64 ", found %" PRId64,
                          s->rows_max, s->rows_default);
    }
    return 0;
}

static int start(zloop_t *loop)
{
    router = bus_bind(ZMQ_ROUTER, ENDPOINT_QUERY, (int)settings.high_water);
    if (router == NULL) {
        return -1;
    }
    zsock_set_linger(router, LINGER_MS);
    /* So that an answer to nobody is noticed and counted. */
    zsock_set_router_mandatory(router, 1);
    news = bus_connect(ZMQ_SUB, ENDPOINT_ANNOUNCE, NEWS_HIGH_WATER);
    if (news == NULL) {
        return -1;
    }
    zsock_set_subscribe(news, TOPIC_ARRIVED);
    reason = bus_bind(ZMQ_ROUTER, ENDPOINT_REASON, (int)settings.high_water);
    if (reason == NULL) {
        return -1;
    }
    zsock_set_router_mandatory(reason, 1);
    return questions_start(loop, router, news, reason, &settings);
}

static void stop(void)
{
    questions_stop();
    zsock_destroy(&router);
    zsock_destroy(&news);
    zsock_destroy(&reason);
}

static const struct daemon queryd = {.name = "queryd",
                                     .summary = "Answers questions from the store, read-only.",
                                     .options = options,
                                     .settings = &settings,
                                     .settings_size = sizeof settings,
                                     .counter_rows = counter_rows,
                                     .histogram_rows = histogram_rows,
                                     .histograms = durations,
                                     .histogram_count = QUESTION_DURATIONS,
                                     .counters = counters,
                                     .counter_count = COUNTERS,
                                     .check = check,
                                     .start = start,
                                     .drain = questions_drain,
                                     .tick = questions_tick,
                                     .stop = stop};

int main(int argc, char **argv)
{
    return daemon_main(&queryd, argc, argv);
}
