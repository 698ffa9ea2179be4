/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mPlane over HTTPS with libcurl and mutual TLS. Believes nothing that comes back: sizes are
 * limited, texts are printed only through table_safe().
 */
#include "ctl/mplane_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CONTENT_TYPE   "application/x-mplane+json"
#define ANSWER_BYTES   ((size_t)64 << 20)
#define CONNECT_MS     5000L
#define PAUSE_FIRST_US 100000
#define PAUSE_LAST_US  1000000

static const struct json_limits limits = {
    .depth = 32, .nodes = 1000000, .string_bytes = 16 << 20, .comments = false};

struct mplane_connection mplane_connection = {.timeout = "60"};

const struct ctl_option mplane_options[] = {
    {"url", "URL", &mplane_connection.url, NULL, "the gateway: https://HOST:PORT/"},
    {"cert", "FILE", &mplane_connection.certificate, NULL, "our certificate, PEM"},
    {"key", "FILE", &mplane_connection.key, NULL, "its private key, PEM"},
    {"ca", "FILE", &mplane_connection.authority, NULL,
     "certificate of the authority that the gateway's must be from, PEM"},
    {"timeout", "SECONDS", &mplane_connection.timeout, NULL,
     "longest time to wait for an answer; 60 unless given"},
    {NULL, NULL, NULL, NULL, NULL}};

struct mplane_client {
    struct arena *arena;
    CURL *curl;
    struct curl_slist *headers;
    char url[1024]; /* without the slash at its end */
    int64_t timeout_ms;
    const struct json *capabilities; /* the envelope; NULL until asked for */
    char *bytes;                     /* of the answer being received */
    size_t length, room;
    char curl_error[CURL_ERROR_SIZE];
};

/* ---- the connection ---- */

static size_t on_bytes(char *data, size_t size, size_t count, void *context)
{
    struct mplane_client *c = context;
    size_t n = size * count;
    if (n > ANSWER_BYTES - c->length) {
        snprintf(c->curl_error, sizeof c->curl_error, "the answer exceeds %zu bytes", ANSWER_BYTES);
        return 0;
    }
    if (c->length + n > c->room) {
        size_t room = (c->length + n) * 2;
        char *more = realloc(c->bytes, room);
        if (more == NULL) {
            return 0;
        }
        c->bytes = more;
        c->room = room;
    }
    memcpy(c->bytes + c->length, data, n);
    c->length += n;
    return n;
}

static int check_connection(struct mplane_client *c)
{
    const struct mplane_connection *m = &mplane_connection;
    int64_t seconds;
    if (m->url == NULL || m->certificate == NULL || m->key == NULL || m->authority == NULL) {
        return ctl_usage("expected --url, --cert, --key and --ca, found no --%s",
                         m->url == NULL           ? "url"
                         : m->certificate == NULL ? "cert"
                         : m->key == NULL         ? "key"
                                                  : "ca");
    }
    if (ctl_number(m->timeout, 1, 3600, &seconds) == -1) {
        return ctl_usage("--timeout: expected 1 ... 3600 seconds, found \"%s\"", m->timeout);
    }
    c->timeout_ms = seconds * 1000;
    size_t n = strlen(m->url);
    while (n > 0 && m->url[n - 1] == '/') {
        n--;
    }
    if (strncmp(m->url, "https://", 8) != 0 || n >= sizeof c->url) {
        return ctl_usage("--url: expected https://HOST:PORT/, found \"%s\"", m->url);
    }
    snprintf(c->url, sizeof c->url, "%.*s", (int)n, m->url);
    const struct {
        const char *option, *file;
    } files[] = {{"cert", m->certificate}, {"key", m->key}, {"ca", m->authority}};
    for (int i = 0; i < 3; i++) {
        if (access(files[i].file, R_OK) == -1) {
            return ctl_failed("--%s: %s cannot be read", files[i].option, files[i].file);
        }
    }
    return CTL_DONE;
}

static int set_options(struct mplane_client *c)
{
    const struct mplane_connection *m = &mplane_connection;
    CURL *h = c->curl;
    c->headers = curl_slist_append(NULL, "Content-Type: " CONTENT_TYPE);
    /* No waiting for a go-ahead before a large body. */
    if (c->headers == NULL || curl_slist_append(c->headers, "Expect:") == NULL) {
        return -1;
    }
    /* No proxy: what we ask is nobody's business. No redirects: who we are is for this gateway
     * only. */
    return curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
                   curl_easy_setopt(h, CURLOPT_PROXY, "") == CURLE_OK &&
                   curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
                   curl_easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
                       CURLE_OK &&
                   curl_easy_setopt(h, CURLOPT_SSLCERT, m->certificate) == CURLE_OK &&
                   curl_easy_setopt(h, CURLOPT_SSLKEY, m->key) == CURLE_OK &&
                   curl_easy_setopt(h, CURLOPT_CAINFO, m->authority) == CURLE_OK &&
                   curl_easy_setopt(h, CURLOPT_CAPATH, NULL) == CURLE_OK &&
                   curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) == CURLE_OK &&
                   curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->curl_error) == CURLE_OK &&
                   curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
                   curl_easy_setopt(h, CURLOPT_WRITEDATA, c) == CURLE_OK &&
                   curl_easy_setopt(h, CURLOPT_USERAGENT, "ezrepoctl/" EZREPO_VERSION) == CURLE_OK
               ? 0
               : -1;
}

struct mplane_client *mplane_client_new(struct arena *a, int *exit_code)
{
    struct mplane_client *c = calloc(1, sizeof *c);
    if (c == NULL) {
        *exit_code = ctl_failed("out of memory");
        return NULL;
    }
    c->arena = a;
    *exit_code = check_connection(c);
    if (*exit_code == CTL_DONE) {
        c->curl = curl_easy_init();
        if (c->curl == NULL || set_options(c) == -1) {
            *exit_code = ctl_failed("TLS cannot be set up");
        }
    }
    if (*exit_code != CTL_DONE) {
        mplane_client_free(&c);
    }
    return c;
}

void mplane_client_free(struct mplane_client **client)
{
    struct mplane_client *c = *client;
    if (c != NULL) {
        curl_easy_cleanup(c->curl);
        curl_slist_free_all(c->headers);
        free(c->bytes);
        free(c);
        *client = NULL;
    }
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- messages ---- */

/* A message of this kind: the key that names it is there. */
static bool is_kind(const struct json *message, const char *kind)
{
    return json_get(message, kind) != NULL;
}

static struct slice text_of(const struct json *node)
{
    return node != NULL && node->type == JSON_STRING ? node->text : slice_of("");
}

/* An envelope of one message stands for that message. */
static const struct json *unwrapped(const struct json *message)
{
    const struct json *contents = json_get(message, "contents");
    if (is_kind(message, "envelope") && contents != NULL && contents->type == JSON_ARRAY &&
        contents->count == 1) {
        return contents->first;
    }
    return message;
}

static void complain_status(const struct mplane_client *c, long status, const struct json *message)
{
    if (message != NULL && is_kind(message, "exception")) {
        struct slice text = text_of(json_get(message, "message"));
        ctl_failed("%.*s", (int)text.len, text.at);
    } else {
        ctl_failed("%s: expected an mPlane message, found HTTP status %ld", c->url, status);
    }
}

/* POSTs the body, or GETs when there is none; the message that comes back, NULL after a complaint.
 */
static const struct json *exchange(struct mplane_client *c, const char *path, struct slice body,
                                   int64_t deadline_ms)
{
    char url[1100], error[200] = "";
    int64_t left_ms = deadline_ms - now_ms();
    snprintf(url, sizeof url, "%s%s", c->url, path);
    c->length = 0;
    c->curl_error[0] = '\0';
    curl_easy_setopt(c->curl, CURLOPT_URL, url);
    curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, (long)(left_ms < 1 ? 1 : left_ms));
    if (body.at == NULL) {
        curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, NULL);
    } else {
        curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body.at);
        curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers);
    }
    CURLcode code = curl_easy_perform(c->curl);
    if (code != CURLE_OK) {
        ctl_failed("%s: %s", c->url,
                   c->curl_error[0] != '\0' ? c->curl_error : curl_easy_strerror(code));
        return NULL;
    }
    long status = 0;
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    const struct json *message =
        json_parse(c->arena, (struct slice){c->bytes, c->length}, &limits, error, sizeof error);
    message = message == NULL ? NULL : unwrapped(message);
    if (status != 200 || (message != NULL && is_kind(message, "exception"))) {
        complain_status(c, status, message);
        return NULL;
    }
    if (message == NULL || message->type != JSON_OBJECT) {
        ctl_failed("%s: expected an mPlane message: %s", c->url, error);
        return NULL;
    }
    return message;
}

/* ---- JSON that we send: members added one by one, the last first ---- */

static struct json *member(struct arena *a, struct json *object, struct slice key,
                           const struct json *value)
{
    struct json *m = arena_alloc(a, sizeof *m);
    if (m == NULL) {
        return NULL;
    }
    *m = *value;
    m->key = key;
    m->next = object->first;
    object->first = m;
    object->count++;
    return m;
}

static int text_member(struct arena *a, struct json *object, struct slice key, const char *text)
{
    struct json value = {.type = JSON_STRING, .text = slice_of(text)};
    return member(a, object, key, &value) == NULL ? -1 : 0;
}

static const char *value_of(struct slice name, const struct mplane_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_is(name, values[i].name) && values[i].text != NULL) {
            return values[i].text;
        }
    }
    return "*";
}

/* The specification that asks this capability; .at NULL when memory is out. */
static struct slice specification(struct mplane_client *c, const struct json *capability,
                                  const char *when, const struct mplane_value *values, size_t count)
{
    struct arena *a = c->arena;
    struct json message = {.type = JSON_OBJECT};
    struct json parameters = {.type = JSON_OBJECT};
    struct json version = {.type = JSON_NUMBER, .text = slice_of("1")};
    static const char *const kept[] = {"registry", "label", "results"};
    const struct json *offered = json_get(capability, "parameters");
    int failed = 0;
    for (const struct json *p = offered == NULL ? NULL : offered->first; p != NULL; p = p->next) {
        failed |= text_member(a, &parameters, p->key, value_of(p->key, values, count));
    }
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        const struct json *section = json_get(capability, kept[i]);
        if (section != NULL) {
            failed |= member(a, &message, slice_of(kept[i]), section) == NULL;
        }
    }
    failed |= member(a, &message, slice_of("parameters"), &parameters) == NULL;
    failed |= text_member(a, &message, slice_of("when"), when);
    failed |= member(a, &message, slice_of("version"), &version) == NULL;
    failed |=
        member(a, &message, slice_of("specification"), json_get(capability, "capability")) == NULL;
    return failed != 0 ? (struct slice){NULL, 0} : json_text(a, &message);
}

/* The receipt as a redemption or an interrupt. */
static struct slice about_receipt(struct mplane_client *c, const struct json *receipt,
                                  const char *kind)
{
    struct json message = {.type = JSON_OBJECT};
    for (const struct json *m = receipt->first; m != NULL; m = m->next) {
        struct slice key = slice_is(m->key, "receipt") ? slice_of(kind) : m->key;
        if (member(c->arena, &message, key, m) == NULL) {
            return (struct slice){NULL, 0};
        }
    }
    return json_text(c->arena, &message);
}

/* Redeems until there is a result or time is out. */
static const struct json *redeem(struct mplane_client *c, const struct json *receipt,
                                 int64_t deadline_ms)
{
    useconds_t pause_us = PAUSE_FIRST_US;
    struct slice redemption = about_receipt(c, receipt, "redemption");
    struct slice interrupt = about_receipt(c, receipt, "interrupt");
    if (redemption.at == NULL || interrupt.at == NULL) {
        ctl_failed("out of memory");
        return NULL;
    }
    const struct json *answer = receipt;
    while (answer != NULL && is_kind(answer, "receipt")) {
        if (now_ms() >= deadline_ms) {
            exchange(c, "/", interrupt, now_ms() + CONNECT_MS);
            ctl_failed("no result within %s s: interrupted", mplane_connection.timeout);
            return NULL;
        }
        usleep(pause_us);
        pause_us = pause_us * 2 > PAUSE_LAST_US ? PAUSE_LAST_US : pause_us * 2;
        answer = exchange(c, "/", redemption, now_ms() + c->timeout_ms);
    }
    return answer;
}

static const struct json *find_capability(struct mplane_client *c, const char *label)
{
    if (c->capabilities == NULL) {
        c->capabilities =
            exchange(c, "/capabilities", (struct slice){NULL, 0}, now_ms() + c->timeout_ms);
        if (c->capabilities == NULL) {
            return NULL;
        }
    }
    /* An envelope of one was unwrapped. */
    const struct json *contents = json_get(c->capabilities, "contents");
    const struct json *m = contents == NULL ? c->capabilities : contents->first;
    for (; m != NULL; m = contents == NULL ? NULL : m->next) {
        const struct json *verb = json_get(m, "capability");
        if (verb != NULL && verb->type == JSON_STRING && json_is(json_get(m, "label"), label)) {
            return m;
        }
    }
    ctl_failed("%s: this gateway does not offer us %s", c->url, label);
    return NULL;
}

const struct json *mplane_ask(struct mplane_client *client, const char *label, const char *when,
                              const struct mplane_value *values, size_t count)
{
    const struct json *capability = find_capability(client, label);
    if (capability == NULL) {
        return NULL;
    }
    struct slice body = specification(client, capability, when, values, count);
    if (body.at == NULL) {
        ctl_failed("out of memory");
        return NULL;
    }
    int64_t deadline_ms = now_ms() + client->timeout_ms;
    const struct json *answer = exchange(client, "/", body, deadline_ms);
    if (answer != NULL && is_kind(answer, "receipt")) {
        answer = redeem(client, answer, deadline_ms);
    }
    if (answer != NULL && !is_kind(answer, "result")) {
        ctl_failed("%s: expected a result, found %s", client->url,
                   is_kind(answer, "withdrawal") ? "that the capability was withdrawn"
                                                 : "another message");
        return NULL;
    }
    return answer;
}

/* ---- results ---- */

/* A null also stands as "*": mPlane programs cannot send that text as a value. */
static struct slice cell_of(struct arena *a, const struct json *value)
{
    if (value->type == JSON_NULL || json_is(value, "*")) {
        return (struct slice){NULL, 0};
    }
    return value->type == JSON_STRING || value->type == JSON_NUMBER ? value->text
                                                                    : json_text(a, value);
}

int mplane_rows(struct arena *a, const struct json *result, struct mplane_rows *rows)
{
    const struct json *columns = json_get(result, "results");
    const struct json *values = json_get(result, "resultvalues");
    uint32_t n = 0;
    *rows = (struct mplane_rows){.columns = columns == NULL ? 0 : columns->count,
                                 .rows = values == NULL ? 0 : values->count};
    rows->names = arena_calloc(a, rows->columns + 1, sizeof *rows->names);
    rows->cells = arena_calloc(a, (size_t)rows->columns * rows->rows + 1, sizeof *rows->cells);
    if (rows->names == NULL || rows->cells == NULL) {
        return ctl_failed("out of memory"), -1;
    }
    if (columns == NULL || columns->type != JSON_ARRAY ||
        (values != NULL && values->type != JSON_ARRAY)) {
        return ctl_failed("expected a result with columns and rows"), -1;
    }
    for (const struct json *c = columns->first; c != NULL; c = c->next) {
        struct slice name = arena_copy(a, text_of(c));
        if (name.at == NULL) {
            return ctl_failed("out of memory"), -1;
        }
        rows->names[n++] = name.at;
    }
    n = 0;
    for (const struct json *r = values == NULL ? NULL : values->first; r != NULL; r = r->next) {
        const struct json *v = r->type == JSON_ARRAY ? r->first : NULL;
        /* A row may be shorter: what is missing is null. */
        for (uint32_t c = 0; c < rows->columns; c++, n++) {
            rows->cells[n] = v == NULL ? (struct slice){NULL, 0} : cell_of(a, v);
            v = v == NULL ? NULL : v->next;
        }
    }
    return 0;
}

struct slice mplane_cell(const struct mplane_rows *rows, uint32_t row, const char *column)
{
    for (uint32_t c = 0; c < rows->columns && row < rows->rows; c++) {
        if (strcmp(rows->names[c], column) == 0) {
            return rows->cells[row * rows->columns + c];
        }
    }
    return (struct slice){NULL, 0};
}

/* What the registry has as numbers and truth values, of the columns that capabilities have. */
static const char *const number_columns[] = {"grade.from",     "grade.to",        "grade.value",
                                             "grading.blocks", "grading.version", "records.count",
                                             "records.graded", "records.matched"};
static const char *const boolean_columns[] = {"event.retracted"};

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* mPlane programs send everything as text; here a number is one again, if it is one. */
static enum json_type type_of(const char *column, struct slice cell)
{
    if (cell.at == NULL) {
        return JSON_NULL;
    }
    if (is_among(column, number_columns, sizeof number_columns / sizeof *number_columns) &&
        cell.len > 0 && strspn(cell.at, "0123456789") >= cell.len &&
        (cell.len == 1 || cell.at[0] != '0')) {
        return JSON_NUMBER;
    }
    if (is_among(column, boolean_columns, sizeof boolean_columns / sizeof *boolean_columns)) {
        return slice_is(cell, "True")    ? JSON_TRUE
               : slice_is(cell, "False") ? JSON_FALSE
                                         : JSON_STRING;
    }
    return JSON_STRING;
}

int mplane_print_json(struct arena *a, const struct mplane_rows *rows)
{
    for (uint32_t r = 0; r < rows->rows; r++) {
        struct json object = {.type = JSON_OBJECT};
        for (uint32_t c = rows->columns; c-- > 0;) {
            struct slice cell = rows->cells[r * rows->columns + c];
            struct json value = {.type = type_of(rows->names[c], cell), .text = cell};
            if (member(a, &object, slice_of(rows->names[c]), &value) == NULL) {
                return ctl_failed("out of memory");
            }
        }
        struct slice line = json_text(a, &object);
        if (line.at == NULL) {
            return ctl_failed("out of memory");
        }
        fwrite(line.at, 1, line.len, stdout);
        putchar('\n');
    }
    return CTL_DONE;
}
