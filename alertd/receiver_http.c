/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSTs: to Alertmanager's API v2, and to webhooks. Of each receiver one request is under way.
 * Credentials go nowhere else: no redirect is followed, no proxy asked.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alertd/alert_text.h"
#include "alertd/receiver.h"
#include "alertd/webhook_text.h"
#include "common/daemon.h"
#include "common/utf8.h"

#define AHEAD      4 /* an alert that is not told again so often ends by itself */
#define TIMEOUT_MS 10000L

struct receiver_http {
    struct curl_transfer transfer; /* .easy NULL: none is under way */
    struct receiver *of;
    struct curl_loop *loop;
    char address[TARGET_URL_BYTES + sizeof ALERTMANAGER_PATH];
    char *body;
    struct curl_slist *headers;
    char error[CURL_ERROR_SIZE];
    char said[RECEIVER_WHY_BYTES]; /* the beginning of the reply */
    size_t said_size;
};

/* ---- a request ---- */

static void print_alertmanager(FILE *f, const struct receiver *r)
{
    int64_t ends_us = daemon_now_us() + AHEAD * r->d->settings.resend_s * 1000000;
    fputc('[', f);
    for (unsigned i = 0; i < r->batch.count; i++) {
        fputs(i > 0 ? "," : "", f);
        alert_print_alertmanager(f, r->batch.item[i].alert, ends_us);
    }
    fputc(']', f);
}

static int write_body(struct receiver *r, size_t *size)
{
    FILE *f = open_memstream(&r->http->body, size);
    if (f == NULL) {
        return -1;
    }
    if (r->to->kind == TARGET_WEBHOOK) {
        webhook_print(f, &r->batch, r->to->name, r->d->settings.page_url);
    } else {
        print_alertmanager(f, r);
    }
    return fclose(f) == 0 ? 0 : -1;
}

static int add_header(struct receiver_http *h, const char *line)
{
    struct curl_slist *more = curl_slist_append(h->headers, line);
    h->headers = more == NULL ? h->headers : more;
    return more == NULL ? -1 : 0;
}

static int write_headers(struct receiver *r, size_t size)
{
    char signature[WEBHOOK_SIGNATURE_BYTES], line[WEBHOOK_SIGNATURE_BYTES + 32];
    const char *secret = r->d->secrets[r->number].signing;
    if (add_header(r->http, "Content-Type: application/json") == -1 ||
        add_header(r->http, "Expect:") == -1) {
        return -1;
    }
    if (secret == NULL) {
        return 0;
    }
    if (webhook_sign(slice_of(secret), daemon_now_us() / 1000000,
                     (struct slice){r->http->body, size}, signature) == -1) {
        return -1;
    }
    snprintf(line, sizeof line, WEBHOOK_HEADER ": %s", signature);
    return add_header(r->http, line);
}

static size_t on_reply(char *data, size_t size, size_t count, void *context)
{
    struct receiver_http *h = context;
    size_t more = size * count, room = sizeof h->said - 1 - h->said_size;
    size_t taken = more < room ? more : room;
    memcpy(h->said + h->said_size, data, taken);
    h->said_size += taken;
    h->said[h->said_size] = '\0';
    return more; /* the rest is passed over; the time is bounded */
}

/* Who we are, to whom that may be told. */
static bool set_trust(CURL *e, const struct receiver *r)
{
    const struct receiver_secrets *s = &r->d->secrets[r->number];
    const char *ca = r->to->ca;
    return curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           (ca[0] == '\0' || (curl_easy_setopt(e, CURLOPT_CAINFO, ca) == CURLE_OK &&
                              curl_easy_setopt(e, CURLOPT_CAPATH, NULL) == CURLE_OK)) &&
           (s->basic == NULL ||
            (curl_easy_setopt(e, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) == CURLE_OK &&
             curl_easy_setopt(e, CURLOPT_USERPWD, s->basic) == CURLE_OK)) &&
           (s->bearer == NULL ||
            (curl_easy_setopt(e, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER) == CURLE_OK &&
             curl_easy_setopt(e, CURLOPT_XOAUTH2_BEARER, s->bearer) == CURLE_OK));
}

static bool set_options(const struct receiver *r, size_t size)
{
    struct receiver_http *h = r->http;
    CURL *e = h->transfer.easy;
    return set_trust(e, r) && curl_easy_setopt(e, CURLOPT_URL, h->address) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, TIMEOUT_MS) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_ERRORBUFFER, h->error) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_reply) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEDATA, h) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HTTPHEADER, h->headers) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_POSTFIELDS, h->body) == CURLE_OK;
}

static void release(struct receiver_http *h)
{
    curl_easy_cleanup(h->transfer.easy);
    h->transfer.easy = NULL;
    curl_slist_free_all(h->headers);
    h->headers = NULL;
    free(h->body);
    h->body = NULL;
}

int receiver_http_begin(struct receiver *r)
{
    struct receiver_http *h = r->http;
    size_t size = 0;
    h->error[0] = h->said[0] = '\0';
    h->said_size = 0;
    h->transfer.easy = curl_easy_init();
    if (h->transfer.easy == NULL || write_body(r, &size) == -1 || write_headers(r, size) == -1 ||
        !set_options(r, size) || curl_loop_begin(h->loop, &h->transfer) == -1) {
        release(h);
        return -1;
    }
    return 0;
}

/* ---- what came of it ---- */

/* 4xx: what was sent is at fault, not who sent it, where to or when. */
static bool blames_body(long status)
{
    static const long others[] = {401, 403, 404, 407, 408, 425, 429};
    size_t i = 0;
    while (i < sizeof others / sizeof others[0] && others[i] != status) {
        i++;
    }
    return status >= 400 && status < 500 && i == sizeof others / sizeof others[0];
}

/* Of a request that it calls faulty Alertmanager takes what is not, a webhook nothing. */
static enum receiver_answer answer_of(const struct receiver *r, long status)
{
    bool manager = r->to->kind == TARGET_ALERTMANAGER;
    return status >= 200 && status < 300     ? RECEIVER_TAKEN
           : manager && status == 400        ? RECEIVER_REFUSED
           : !manager && blames_body(status) ? RECEIVER_REFUSED_SOME
                                             : RECEIVER_FAILED;
}

static void on_done(struct curl_transfer *transfer, CURLcode code)
{
    struct receiver_http *h = (void *)((char *)transfer - offsetof(struct receiver_http, transfer));
    struct receiver *r = h->of;
    char text[RECEIVER_WHY_BYTES];
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    enum receiver_answer answer = code == CURLE_OK ? answer_of(r, status) : RECEIVER_FAILED;
    if (code == CURLE_OK) {
        bool silent = answer == RECEIVER_TAKEN || h->said[0] == '\0';
        snprintf(text, sizeof text, "%ld%s%.150s", status, silent ? "" : " ",
                 silent ? "" : h->said);
    } else {
        snprintf(text, sizeof text, "%.*s", RECEIVER_WHY_BYTES - 1,
                 h->error[0] != '\0' ? h->error : curl_easy_strerror(code));
    }
    utf8_repair(text, text + strlen(text));
    release(h);
    receiver_done(r, answer, text);
}

/* ---- around ---- */

int receiver_http_open(struct receiver *r, struct curl_loop *loop)
{
    struct receiver_http *h = calloc(1, sizeof *h);
    size_t length = strlen(r->to->url);
    if (h == NULL) {
        return -1;
    }
    r->http = h;
    h->of = r;
    h->loop = loop;
    h->transfer.done = on_done;
    if (r->to->kind == TARGET_ALERTMANAGER) {
        length -= r->to->url[length - 1] == '/';
    }
    snprintf(h->address, sizeof h->address, "%.*s%s", (int)length, r->to->url,
             r->to->kind == TARGET_ALERTMANAGER ? ALERTMANAGER_PATH : "");
    return 0;
}

void receiver_http_close(struct receiver *r)
{
    if (r->http != NULL) {
        if (r->http->transfer.easy != NULL) {
            curl_loop_end(r->http->loop, &r->http->transfer);
            release(r->http);
        }
        free(r->http);
        r->http = NULL;
    }
}
