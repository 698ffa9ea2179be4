/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alertmanager's API v2. It wants what fires told again and again, and takes it as over once that
 * ceases; what it is told twice is one. A request has some alerts, and of each receiver one is
 * under way.
 */
#include "alertd/receivers.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "alertd/alert_text.h"
#include "common/daemon.h"
#include "common/door/curl_loop.h"
#include "common/log.h"
#include "common/utf8.h"

#define PATH          "/api/v2/alerts"
#define URL_BYTES     1024
#define ONCE          64 /* alerts in a request */
#define ONCE_BYTES    ((size_t)256 * 1024)
#define AHEAD         4                /* an alert that is not told again so often ends by itself */
#define UNKEPT_US     INT64_C(2000000) /* the store is waited for so long */
#define TIMEOUT_MS    10000L
#define LEAST_WAIT_US INT64_C(1000000)
#define MOST_WAIT_US  INT64_C(60000000)
#define WHY_BYTES     200

struct receiver {
    struct curl_transfer transfer; /* .easy NULL: none is under way */
    struct receivers *all;
    unsigned number;
    const char *url; /* as it was given */
    char address[URL_BYTES];
    char *body;
    struct curl_slist *headers;
    char error[CURL_ERROR_SIZE];
    char said[WHY_BYTES]; /* the beginning of the reply */
    size_t said_size;
    char why[WHY_BYTES]; /* it fails; "": it does not */
    int64_t next_us, wait_us;
    unsigned count;
    struct {
        struct alert *alert;
        uint64_t change;
    } sent[ONCE];
};

struct receivers {
    struct alertd *d;
    struct curl_loop loop;
    unsigned count;
    struct receiver *receiver;
};

/* ---- which ---- */

void receivers_check(struct document *d, const struct alertd_settings *s)
{
    for (size_t i = 0; i < s->alertmanagers.count; i++) {
        const char *url = s->alertmanagers.item[i];
        char name[64];
        CURLU *u = curl_url();
        snprintf(name, sizeof name, "alertd.alertmanagers[%zu]", i);
        if (u == NULL || strlen(url) > URL_BYTES - sizeof PATH ||
            (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
            strpbrk(url, "?#@ ") != NULL || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK) {
            document_expected_in(d, name, url,
                                 "http://HOST:PORT or https://HOST:PORT, without a password");
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(url, s->alertmanagers.item[j]) == 0) {
                document_fault_in(d, name, "is that of alertd.alertmanagers[%zu], too", j);
            }
        }
        curl_url_cleanup(u);
    }
}

/* ---- a request ---- */

static bool wants(const struct receiver *r, struct alert *a, int64_t clock_us, int64_t now_us)
{
    struct alert_receipt *receipt = &a->receipt[r->number];
    bool fires = a->resolved_us == 0;
    if (a->replaced) {
        receipt->change = a->change; /* by its labels it fires */
        return false;
    }
    if (!a->is_own && a->kept != a->change && clock_us - a->changed_clock_us < UNKEPT_US) {
        return false;
    }
    return receipt->change != a->change ||
           ((fires || now_us - a->resolved_us < ALERT_SETTLE_US) &&
            (receipt->sent_clock_us == 0 ||
             clock_us - receipt->sent_clock_us >= r->all->d->settings.resend_s * 1000000));
}

static void write_body(struct receiver *r, FILE *f)
{
    int64_t clock_us = daemon_clock_us(), now_us = daemon_now_us();
    int64_t ends_us = now_us + AHEAD * r->all->d->settings.resend_s * 1000000;
    struct alert *a;
    fputc('[', f);
    DL_FOREACH2(r->all->d->alerts.all, a, next)
    {
        if (r->count == ONCE || (r->count > 0 && (size_t)ftell(f) > ONCE_BYTES)) {
            break;
        }
        if (wants(r, a, clock_us, now_us)) {
            fputs(r->count > 0 ? "," : "", f);
            alert_print_alertmanager(f, a, ends_us);
            a->busy++;
            r->sent[r->count].alert = a;
            r->sent[r->count++].change = a->change;
        }
    }
    fputc(']', f);
}

static size_t on_reply(char *data, size_t size, size_t count, void *context)
{
    struct receiver *r = context;
    size_t more = size * count, room = sizeof r->said - 1 - r->said_size;
    size_t taken = more < room ? more : room;
    memcpy(r->said + r->said_size, data, taken);
    r->said_size += taken;
    r->said[r->said_size] = '\0';
    return more; /* the rest is passed over; the time is bounded */
}

static bool set_options(struct receiver *r, size_t size)
{
    CURL *e = r->transfer.easy;
    const char *ca = r->all->d->settings.ca;
    return curl_easy_setopt(e, CURLOPT_URL, r->address) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           (ca[0] == '\0' || (curl_easy_setopt(e, CURLOPT_CAINFO, ca) == CURLE_OK &&
                              curl_easy_setopt(e, CURLOPT_CAPATH, NULL) == CURLE_OK)) &&
           curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, TIMEOUT_MS) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_ERRORBUFFER, r->error) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_reply) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEDATA, r) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HTTPHEADER, r->headers) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body) == CURLE_OK;
}

static void release(struct receiver *r)
{
    for (unsigned i = 0; i < r->count; i++) {
        r->sent[i].alert->busy--;
    }
    curl_easy_cleanup(r->transfer.easy);
    r->transfer.easy = NULL;
    free(r->body);
    r->body = NULL;
    r->count = 0;
}

static void back_off(struct receiver *r)
{
    r->wait_us = r->wait_us == 0                 ? LEAST_WAIT_US
                 : r->wait_us < MOST_WAIT_US / 2 ? 2 * r->wait_us
                                                 : MOST_WAIT_US;
    r->next_us = daemon_clock_us() + r->wait_us;
}

/* ---- what came of it ---- */

static void judge(struct receiver *r, CURLcode code, long status)
{
    static struct log_limit said;
    bool taken = code == CURLE_OK && status >= 200 && status < 300;
    if (taken) {
        r->why[0] = '\0';
        r->wait_us = 0;
        return;
    }
    if (code == CURLE_OK) {
        snprintf(r->why, sizeof r->why, "%ld %.150s", status, r->said);
    } else {
        snprintf(r->why, sizeof r->why, "%.*s", WHY_BYTES - 1,
                 r->error[0] != '\0' ? r->error : curl_easy_strerror(code));
    }
    utf8_repair(r->why, r->why + strlen(r->why));
    if (log_allowed(&said, 5)) {
        log_warn("receiver.failed", "url=%s error=\"%s\"", r->url, r->why);
    }
}

static void on_done(struct curl_transfer *transfer, CURLcode code)
{
    struct receiver *r = (void *)((char *)transfer - offsetof(struct receiver, transfer));
    long status = 0;
    char answer[ALERT_ANSWER_BYTES];
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    judge(r, code, status);
    /* Of a request that is called faulty Alertmanager takes what is not, and would say so for ever.
     */
    bool refused = code == CURLE_OK && status == 400;
    bool taken = r->why[0] == '\0' || refused;
    snprintf(answer, sizeof answer, "%.*s", ALERT_ANSWER_BYTES - 1,
             r->why[0] == '\0'  ? "200"
             : code == CURLE_OK ? r->why
                                : curl_easy_strerror(code)); /* that says no numbers */
    for (unsigned i = 0; i < r->count; i++) {
        alert_taken(r->sent[i].alert, r->number, r->sent[i].change, taken, answer, daemon_now_us(),
                    daemon_clock_us());
    }
    counters[COUNT_SENT] += taken && !refused ? r->count : 0;
    counters[COUNT_SENDS_REFUSED] += refused;
    counters[COUNT_SENDS_FAILED] += !taken;
    release(r);
    if (!taken) {
        back_off(r);
    }
    receivers_go_on(r->all);
}

static void begin(struct receiver *r)
{
    size_t size = 0;
    FILE *f = open_memstream(&r->body, &size);
    if (f == NULL) {
        back_off(r);
        return;
    }
    write_body(r, f);
    bool good = fclose(f) == 0;
    if (r->count == 0) {
        release(r);
        return;
    }
    r->error[0] = r->said[0] = '\0';
    r->said_size = 0;
    r->transfer.easy = curl_easy_init();
    if (!good || r->transfer.easy == NULL || !set_options(r, size) ||
        curl_loop_begin(&r->all->loop, &r->transfer) == -1) {
        log_error("receiver.send", "url=%s error=\"out of memory\"", r->url);
        release(r);
        back_off(r);
    }
}

void receivers_go_on(struct receivers *all)
{
    int64_t clock_us = daemon_clock_us();
    for (unsigned i = 0; i < all->count; i++) {
        struct receiver *r = &all->receiver[i];
        if (r->transfer.easy == NULL && clock_us >= r->next_us) {
            begin(r);
        }
    }
}

unsigned receivers_failing(const struct receivers *all, const char **url, const char **why)
{
    unsigned failing = 0;
    for (unsigned i = 0; i < all->count; i++) {
        if (all->receiver[i].why[0] != '\0') {
            *url = all->receiver[i].url;
            *why = all->receiver[i].why;
            failing++;
        }
    }
    return failing;
}

/* ---- around ---- */

static int open_receiver(struct receivers *all, unsigned number)
{
    struct receiver *r = &all->receiver[number];
    size_t length;
    r->all = all;
    r->number = number;
    r->url = all->d->settings.alertmanagers.item[number];
    r->transfer.done = on_done;
    length = strlen(r->url);
    length -= r->url[length - 1] == '/';
    snprintf(r->address, sizeof r->address, "%.*s" PATH, (int)length, r->url);
    r->headers = curl_slist_append(NULL, "Content-Type: application/json");
    struct curl_slist *more = r->headers == NULL ? NULL : curl_slist_append(r->headers, "Expect:");
    return more == NULL ? -1 : 0;
}

struct receivers *receivers_new(struct alertd *d)
{
    struct receivers *all = calloc(1, sizeof *all);
    if (all != NULL) {
        all->d = d;
        all->receiver = calloc(d->settings.alertmanagers.count + 1, sizeof *all->receiver);
    }
    if (all == NULL || all->receiver == NULL || curl_loop_open(&all->loop, d->base) == -1) {
        log_error("receivers.start", "error=\"out of memory\"");
        receivers_free(&all);
        return NULL;
    }
    all->count = (unsigned)d->settings.alertmanagers.count;
    for (unsigned i = 0; i < all->count; i++) {
        if (open_receiver(all, i) == -1) {
            log_error("receivers.start", "error=\"out of memory\"");
            receivers_free(&all);
            return NULL;
        }
    }
    return all;
}

void receivers_free(struct receivers **all)
{
    if (*all == NULL) {
        return;
    }
    for (unsigned i = 0; i < (*all)->count; i++) {
        struct receiver *r = &(*all)->receiver[i];
        if (r->transfer.easy != NULL) {
            curl_loop_end(&(*all)->loop, &r->transfer);
            release(r);
        }
        curl_slist_free_all(r->headers);
    }
    curl_loop_close(&(*all)->loop);
    free((*all)->receiver);
    free(*all);
    *all = NULL;
}
