/* SPDX-License-Identifier: Apache-2.0 */
/* reasond does what takes long and only reads: dry runs of a grading. It never writes to the store.
 */
#include <stddef.h>

#include "common/bus.h"
#include "common/daemon.h"
#include "common/pg/conninfo.h"
#include "reasond/reasoner.h"
#include "schemas/messages.h"

#define HIGH_WATER 1000
#define LINGER_MS  1000 /* answers on their way when the process ends */

static struct reasond_settings settings;
static zsock_t *dealer;

static const struct config_option options[] = {
    {"database", CONFIG_STRING, offsetof(struct reasond_settings, database), NULL, 0, 0, false,
     "libpq connection string of the store; best of a role that may only read"},
    {"jobs", CONFIG_INTEGER, offsetof(struct reasond_settings, jobs), "2", 1, LIMIT_REASONER_JOBS,
     true, "dry runs at a time, each with a connection of its own"},
    CONFIG_END};

static int check(struct document *d, const struct config_common *common, const void *given)
{
    const struct reasond_settings *s = given;
    (void)common;
    conninfo_check(d, "reasond.database", s->database);
    return 0;
}

static int start(zloop_t *loop)
{
    dealer = bus_connect(ZMQ_DEALER, ENDPOINT_REASON, HIGH_WATER);
    if (dealer == NULL) {
        return -1;
    }
    zsock_set_linger(dealer, LINGER_MS);
    return reasoner_start(loop, dealer, &settings);
}

static void stop(void)
{
    reasoner_stop();
    zsock_destroy(&dealer);
}

static const struct daemon reasond = {.name = "reasond",
                                      .summary =
                                          "Dry runs of a grading over what is stored, read-only.",
                                      .options = options,
                                      .settings = &settings,
                                      .settings_size = sizeof settings,
                                      .counter_rows = counter_rows,
                                      .counters = counters,
                                      .counter_count = COUNTERS,
                                      .several = true,
                                      .check = check,
                                      .start = start,
                                      .drain = reasoner_drain,
                                      .tick = reasoner_tick,
                                      .stop = stop};

int main(int argc, char **argv)
{
    return daemon_main(&reasond, argc, argv);
}
