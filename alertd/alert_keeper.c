/* SPDX-License-Identifier: Apache-2.0 */
/* One message at a time; what was not acknowledged is sent again, as it is then. */
#include "alertd/alert_keeper.h"

#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

#include "alertd/alert_text.h"
#include "common/bus.h"
#include "common/daemon.h"
#include "common/door/link.h"
#include "common/log.h"
#include "common/message.h"

#define HIGH_WATER  16
#define ANSWER_US   INT64_C(5000000)
#define ONCE        200 /* alerts in a message */
#define ONCE_BYTES  ((size_t)512 * 1024)
#define ARENA_BYTES ((size_t)1 << 16)

struct alert_keeper {
    struct alertd *d;
    void (*kept)(struct alertd *d);
    struct link link;
    uint64_t last_id, id; /* of the message under way; 0: none */
    int64_t until_us, away_since_us;
    bool greeted; /* stored has answered once */
    unsigned count;
    struct {
        struct alert *alert;
        uint64_t change;
    } sent[ONCE];
};

static void settle(struct alert_keeper *k, bool kept)
{
    for (unsigned i = 0; i < k->count; i++) {
        struct alert *a = k->sent[i].alert;
        a->busy--;
        if (kept) {
            a->kept = k->sent[i].change;
        } else {
            a->noted = true;
        }
    }
    k->count = 0;
    k->id = 0;
    counters[kept ? COUNT_KEPT : COUNT_KEEPS_FAILED]++;
}

static bool is_wanted(const struct alert *a)
{
    return !a->is_own && (a->kept != a->change || a->noted);
}

/* A list of what the store does not have, as much as a message takes. */
static void write_alerts(struct alert_keeper *k, FILE *f)
{
    struct alert *a;
    fputc('[', f);
    DL_FOREACH2(k->d->alerts.all, a, next)
    {
        if (k->count == ONCE || (k->count > 0 && (size_t)ftell(f) > ONCE_BYTES)) {
            break;
        }
        if (is_wanted(a)) {
            fputs(k->count > 0 ? "," : "", f);
            alert_print_store(f, a, k->d->targets->names, k->d->alerts.receivers);
            a->noted = false;
            a->busy++;
            k->sent[k->count].alert = a;
            k->sent[k->count++].change = a->change;
        }
    }
    fputc(']', f);
}

static int send_text(struct alert_keeper *k, struct slice text)
{
    struct alerts_message m = {.id = ++k->last_id, .alerts = text};
    struct pack p;
    pack_init(&p);
    alerts_encode(&p, &m);
    if (link_send_packed(&k->link, &p) == -1) {
        return -1;
    }
    k->id = m.id;
    k->until_us = daemon_clock_us() + ANSWER_US;
    return 0;
}

static void note_away(struct alert_keeper *k)
{
    if (k->away_since_us == 0) {
        k->away_since_us = daemon_clock_us();
    }
}

void alert_keeper_go_on(struct alert_keeper *k)
{
    char *text = NULL;
    size_t size = 0;
    int64_t clock_us = daemon_clock_us();
    link_drain(&k->link);
    if (k->id != 0 && clock_us >= k->until_us) {
        note_away(k);
        settle(k, false);
    }
    if (k->id != 0 || clock_us < k->until_us) {
        return;
    }
    FILE *f = open_memstream(&text, &size);
    if (f != NULL) {
        write_alerts(k, f);
    }
    bool written = f != NULL && fclose(f) == 0;
    if (k->count > 0 || !k->greeted) {
        if (!written || send_text(k, (struct slice){text, size}) == -1) {
            note_away(k);
            settle(k, false);
            k->until_us = clock_us + 1000000;
        }
    }
    free(text);
}

static void take_answer(struct alert_keeper *k, const struct alerts_kept_message *m)
{
    static struct log_limit said;
    bool kept = m->status == ANSWER_OK;
    if (!kept && log_allowed(&said, 3)) {
        log_warn("alerts.keep", "status=%" PRIu64 " error=\"%.*s\"", m->status,
                 SLICE_SHOWN(m->message, 200));
    }
    settle(k, kept);
    k->until_us = kept ? 0 : daemon_clock_us() + 1000000;
    if (kept) {
        k->away_since_us = 0;
        k->greeted = true;
    } else {
        note_away(k);
    }
    k->kept(k->d);
}

static void on_answer(const struct link *link, struct slice bytes)
{
    struct alert_keeper *k = link->context;
    struct alerts_kept_message m;
    struct arena *a = arena_new(ARENA_BYTES);
    if (a == NULL || alerts_kept_decode_all(bytes, a, &m) == -1) {
        counters[COUNT_MALFORMED]++;
    } else if (k->id != 0 && m.id == k->id) {
        take_answer(k, &m);
    }
    arena_free(&a);
}

struct alert_keeper *alert_keeper_new(struct alertd *d, void (*kept)(struct alertd *d))
{
    struct alert_keeper *k = calloc(1, sizeof *k);
    if (k == NULL) {
        log_error("keeper.start", "error=\"out of memory\"");
        return NULL;
    }
    k->d = d;
    k->kept = kept;
    k->link = (struct link){.base = d->base,
                            .context = k,
                            .endpoint = ENDPOINT_ALERTS,
                            .peer = "stored",
                            .take = on_answer,
                            .malformed = &counters[COUNT_MALFORMED],
                            .high_water = HIGH_WATER,
                            .only_present = true};
    if (link_open(&k->link) == -1) {
        alert_keeper_free(&k);
    }
    return k;
}

void alert_keeper_free(struct alert_keeper **k)
{
    if (*k != NULL) {
        link_close(&(*k)->link);
        free(*k);
        *k = NULL;
    }
}

bool alert_keeper_is_idle(const struct alert_keeper *k)
{
    return k->id == 0;
}

int64_t alert_keeper_away_us(const struct alert_keeper *k)
{
    return k->away_since_us == 0 ? 0 : daemon_clock_us() - k->away_since_us;
}
