/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mPlane over HTTPS with libcurl and mutual TLS. Believes nothing that comes back: sizes are
 * limited, texts are printed only through table_safe().
 */
#include "ctl/mplane_client.h"

#include <curl/curl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mplane/envelope.h"
#include "common/mplane/exception_text.h"

#define ANSWER_BYTES   ((size_t)64 << 20)
#define CONNECT_MS     5000L
#define PAUSE_FIRST_US 100000
#define PAUSE_LAST_US  1000000

static const struct json_limits limits = {
    .depth = 32, .nodes = 1000000, .string_bytes = 16 << 20, .comments = false};

static const char preset_timeout[] = "60";
struct mplane_connection mplane_connection = {.timeout = preset_timeout};

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
    const struct json *capabilities; /* the envelope, or the only one; NULL until asked for */
    char *bytes;                     /* of the answer being received */
    size_t length, room;
    char curl_error[CURL_ERROR_SIZE];
    const char *label;   /* of what was asked last */
    struct slice blamed; /* what the exception says of a specification that is at fault; or none */
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
    if (ctl_timeout(m->timeout, &seconds) == -1) {
        return CTL_USAGE;
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
    c->headers = curl_slist_append(NULL, "Content-Type: " MPLANE_CONTENT_TYPE);
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
    return clock_steady_us() / 1000;
}

/* ---- messages ---- */

/* How many messages there are in an answer that are no envelopes, and the last of them. */
struct messages_within {
    const struct json *last;
    uint32_t count;
};

static enum mplane_step look_within(void *context, const struct mplane_members *m,
                                    const struct mplane_place *place)
{
    struct messages_within *found = context;
    if (mplane_opens(m, place)) {
        return MPLANE_OPEN;
    }
    found->last = m->message;
    found->count++;
    return MPLANE_GO_ON;
}

/* An envelope of one message stands for that message. */
static void unwrap(const struct json *tree, struct mplane_members *m)
{
    struct messages_within found = {NULL, 0};
    mplane_walk(tree, look_within, &found);
    mplane_members_sort(found.count == 1 ? found.last : tree, m);
}

static bool is_kind(const struct mplane_members *m, enum mplane_kind kind)
{
    return m->at[mplane_kind_key(kind)] != NULL;
}

static struct slice behind(struct slice text, const char *prefix)
{
    size_t n = slice_starts(text, prefix) ? strlen(prefix) : 0;
    return (struct slice){text.at + n, text.len - n};
}

/* An exception has nothing but its text, which says where a specification is at fault; whoever
 * answers it says so in general, too. */
static void note_blame(struct mplane_client *c, struct slice text)
{
    struct slice rest = behind(text, MPLANE_AT_FAULT);
    bool at_fault = rest.len < text.len;
    rest = behind(behind(rest, at_fault ? "" : c->label), ": ");
    at_fault = at_fault || slice_starts(rest, "parameters.") || slice_starts(rest, "when:");
    c->blamed = at_fault ? behind(rest, "parameters.") : (struct slice){NULL, 0};
}

static void complain_status(struct mplane_client *c, long status, const struct mplane_members *m)
{
    if (is_kind(m, MPLANE_EXCEPTION)) {
        struct slice text = mplane_members_text(m, MPLANE_KEY_MESSAGE);
        note_blame(c, text.at == NULL ? slice_of("") : text);
        ctl_failed("%.*s", SLICE_SHOWN(text, INT_MAX));
    } else {
        ctl_failed("%s: expected an mPlane message, found HTTP status %ld", c->url, status);
    }
}

/* POSTs the body, or GETs when there is none. 0, or -1 after a complaint. */
static int transfer(struct mplane_client *c, const char *path, struct slice body,
                    int64_t deadline_ms)
{
    char url[1100];
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
        return -1;
    }
    return 0;
}

/* The message that comes back, by its members. 0; -1 after a complaint, also when it is an
 * exception. */
static int exchange(struct mplane_client *c, const char *path, struct slice body,
                    int64_t deadline_ms, struct mplane_members *m)
{
    char error[200] = "";
    long status = 0;
    if (transfer(c, path, body, deadline_ms) == -1) {
        return -1;
    }
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    const struct json *tree =
        json_parse(c->arena, (struct slice){c->bytes, c->length}, &limits, error, sizeof error);
    unwrap(tree, m);
    if (status != 200 || is_kind(m, MPLANE_EXCEPTION)) {
        complain_status(c, status, m);
        return -1;
    }
    if (tree == NULL || m->message->type != JSON_OBJECT) {
        ctl_failed("%s: expected an mPlane message: %s", c->url, error);
        return -1;
    }
    return 0;
}

/* NULL after a complaint. Without a registry: what the gateway says of its elements is so. */
static const struct mplane_message *read_message(struct mplane_client *c, const struct json *tree)
{
    char error[400];
    const struct mplane_message *m = mplane_message_read(c->arena, tree, NULL, error, sizeof error);
    if (m == NULL) {
        ctl_failed("%s: expected an mPlane message: %s", c->url, error);
    }
    return m;
}

static struct slice value_of(struct slice name, const struct mplane_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_is(name, values[i].name)) {
            return slice_of(values[i].text);
        }
    }
    return (struct slice){NULL, 0};
}

/* The specification that asks this capability; .at NULL when memory is out. */
static struct slice specification(struct arena *a, const struct mplane_message *capability,
                                  const struct when *when, const struct mplane_value *values,
                                  size_t count)
{
    struct mplane_message m = mplane_message_answer(MPLANE_SPECIFICATION, capability);
    m.when = *when;
    m.token = (struct slice){NULL, 0};
    m.metadata_count = 0;
    m.parameters = arena_calloc(a, m.parameter_count + 1u, sizeof *m.parameters);
    struct slice *texts = arena_calloc(a, m.parameter_count + 1u, sizeof *texts);
    if (m.parameters == NULL || texts == NULL) {
        return (struct slice){NULL, 0};
    }
    for (uint32_t i = 0; i < m.parameter_count; i++) {
        struct slice name = capability->parameters[i].name;
        texts[i] = value_of(name, values, count);
        m.parameters[i] = (struct mplane_parameter){name, false, 1, &texts[i]};
    }
    return mplane_message_write(a, &m, NULL);
}

/* The receipt as a redemption or an interrupt. */
static struct slice about_receipt(struct mplane_client *c, const struct mplane_message *receipt,
                                  enum mplane_kind kind)
{
    struct mplane_message m = mplane_message_answer(kind, receipt);
    return mplane_message_write(c->arena, &m, NULL);
}

/* While a receipt is redeemed: somebody wants no answer any more. */
static const int breaking[] = {SIGINT, SIGTERM};
#define BREAKING (sizeof breaking / sizeof breaking[0])
static volatile sig_atomic_t broken_off; /* by this signal; 0: by none */

static void on_break(int number)
{
    broken_off = number;
}

int mplane_broken_off(void)
{
    return broken_off;
}

static void catch_breaks(struct sigaction before[BREAKING])
{
    struct sigaction action = {.sa_handler = on_break}; /* without SA_RESTART: pauses end */
    for (size_t i = 0; i < BREAKING; i++) {
        sigaction(breaking[i], &action, &before[i]);
        if (before[i].sa_handler == SIG_IGN) { /* as who started us wants it */
            sigaction(breaking[i], &before[i], NULL);
        }
    }
}

static void leave_breaks(const struct sigaction before[BREAKING])
{
    for (size_t i = 0; i < BREAKING; i++) {
        sigaction(breaking[i], &before[i], NULL);
    }
}

static void (*tell_progress)(struct slice words);

void mplane_tell_progress(void (*tell)(struct slice words))
{
    tell_progress = tell;
}

void mplane_be_patient(const char *seconds)
{
    if (mplane_connection.timeout == preset_timeout) {
        mplane_connection.timeout = seconds;
    }
}

/* A receipt may say how far it is. */
static void look_at_progress(const struct mplane_members *m)
{
    const struct json *metadata = json_get(m->message, "metadata");
    const struct json *words = metadata == NULL ? NULL : json_get(metadata, MPLANE_PROGRESS);
    if (tell_progress != NULL && words != NULL && words->type == JSON_STRING) {
        tell_progress(words->text);
    }
}

/* Redeems until there is something else than a receipt. 0, or -1 after a complaint; then, if time
 * is out or it was broken off, nobody works at the question any more. */
static int redeem_until(struct mplane_client *c, int64_t deadline_ms, struct mplane_members *m)
{
    useconds_t pause_us = PAUSE_FIRST_US;
    const struct mplane_message *receipt = read_message(c, m->message);
    if (receipt == NULL) {
        return -1;
    }
    struct slice redemption = about_receipt(c, receipt, MPLANE_REDEMPTION);
    struct slice interrupt = about_receipt(c, receipt, MPLANE_INTERRUPT);
    if (redemption.at == NULL || interrupt.at == NULL) {
        ctl_failed("out of memory");
        return -1;
    }
    while (is_kind(m, MPLANE_RECEIPT)) {
        look_at_progress(m);
        if (broken_off || now_ms() >= deadline_ms) {
            exchange(c, "/", interrupt, now_ms() + CONNECT_MS, m);
            ctl_failed(broken_off ? "interrupted" : "no result within %s s: interrupted",
                       mplane_connection.timeout);
            return -1;
        }
        usleep(pause_us);
        pause_us = pause_us * 2 > PAUSE_LAST_US ? PAUSE_LAST_US : pause_us * 2;
        if (exchange(c, "/", redemption, now_ms() + c->timeout_ms, m) == -1) {
            return -1;
        }
    }
    return 0;
}

/* The same; whoever breaks it off takes the question back. */
static int redeem(struct mplane_client *c, int64_t deadline_ms, struct mplane_members *m)
{
    struct sigaction before[BREAKING];
    catch_breaks(before);
    int rc = redeem_until(c, deadline_ms, m);
    leave_breaks(before);
    if (rc == 0 && broken_off) {
        ctl_failed("interrupted");
        rc = -1;
    }
    return rc;
}

/* A capability that is looked for: of this label, or the first that has something before it, as
 * gateways do by which several sets are told apart. */
struct wanted_capability {
    const char *label;
    const struct json *found;
};

static bool ends_with(struct slice text, const char *end)
{
    size_t n = strlen(end);
    return text.len >= n && memcmp(text.at + text.len - n, end, n) == 0;
}

static enum mplane_step look_for_capability(void *context, const struct mplane_members *m,
                                            const struct mplane_place *place)
{
    struct wanted_capability *wanted = context;
    if (mplane_opens(m, place)) {
        return MPLANE_OPEN;
    }
    struct slice label = mplane_members_text(m, MPLANE_KEY_LABEL);
    if (!is_kind(m, MPLANE_CAPABILITY) || !ends_with(label, wanted->label)) {
        return MPLANE_GO_ON;
    }
    bool exact = slice_is(label, wanted->label);
    if (exact || wanted->found == NULL) {
        wanted->found = m->message;
    }
    return exact ? MPLANE_STOP : MPLANE_GO_ON;
}

/* NULL after a complaint. */
static const struct mplane_message *find_capability(struct mplane_client *c, const char *label)
{
    struct wanted_capability wanted = {label, NULL};
    struct mplane_members m;
    if (c->capabilities == NULL) {
        if (exchange(c, "/capabilities", (struct slice){NULL, 0}, now_ms() + c->timeout_ms, &m) ==
            -1) {
            return NULL;
        }
        c->capabilities = m.message;
    }
    mplane_walk(c->capabilities, look_for_capability, &wanted);
    if (wanted.found == NULL) {
        ctl_failed("%s: this gateway does not offer us %s", c->url, label);
        return NULL;
    }
    return read_message(c, wanted.found);
}

const struct mplane_message *mplane_ask(struct mplane_client *client, const char *label,
                                        const struct when *when, const struct mplane_value *values,
                                        size_t count)
{
    client->label = label;
    client->blamed = (struct slice){NULL, 0};
    const struct mplane_message *capability = find_capability(client, label);
    struct mplane_members answer;
    if (capability == NULL) {
        return NULL;
    }
    struct slice body = specification(client->arena, capability, when, values, count);
    if (body.at == NULL) {
        ctl_failed("out of memory");
        return NULL;
    }
    int64_t deadline_ms = now_ms() + client->timeout_ms;
    if (exchange(client, "/", body, deadline_ms, &answer) == -1 ||
        (is_kind(&answer, MPLANE_RECEIPT) && redeem(client, deadline_ms, &answer) == -1)) {
        return NULL;
    }
    if (!is_kind(&answer, MPLANE_RESULT)) {
        ctl_failed("%s: expected a result, found %s", client->url,
                   is_kind(&answer, MPLANE_WITHDRAWAL) ? "that the capability was withdrawn"
                                                       : "another message");
        return NULL;
    }
    return read_message(client, answer.message);
}

int mplane_refused(const struct mplane_client *client)
{
    return client->blamed.at != NULL ? CTL_USAGE : CTL_FAILED;
}

bool mplane_blames(const struct mplane_client *client, const char *parameter)
{
    size_t n = strlen(parameter);
    return slice_starts(client->blamed, parameter) && client->blamed.len > n &&
           client->blamed.at[n] == ':';
}

/* ---- results ---- */

int mplane_rows(struct arena *a, const struct mplane_message *result, struct mplane_rows *rows)
{
    if (result->column_count == 0) {
        ctl_failed("expected a result with columns");
        return -1;
    }
    *rows = (struct mplane_rows){result->column_count, result->row_count,
                                 arena_calloc(a, result->column_count + 1u, sizeof *rows->names),
                                 result->cells, result->when};
    for (uint32_t c = 0; rows->names != NULL && c < rows->columns; c++) {
        rows->names[c] = arena_copy(a, result->columns[c]).at;
        if (rows->names[c] == NULL) {
            rows->names = NULL;
        }
    }
    if (rows->names == NULL) {
        ctl_failed("out of memory");
        return -1;
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
static const char *const number_columns[] = {
    "batch.item",           "batch.sequence",      "rejected.bytes",
    "rejected.kept",        "rejected.number",     "batches.missing",
    "datagrams.accepted",   "datagrams.count",     "datagrams.dropped",
    "datagrams.lost",       "datagrams.maybelost", "datagrams.rejected",
    "datagrams.exceptions", "grade.from",          "grade.to",
    "grade.value",          "grading.blocks",      "grading.version",
    "ledger.expected",      "ledger.found",        "ledger.hours",
    "ledger.row",           "records.count",       "records.graded",
    "records.matched",      "records.duplicates",  "records.rejected",
    "records.samestart",    "records.stored",      "datagrams.missing",
    "why.series",           "grade.last",          "grade.worst",
    "grade.share",          "records.rated",       "values.count",
    "series.number",        "series.count",        "series.bad",
    "silence.number",       "now.wants",           "records.changed",
    "periods.before",       "periods.after",       "events.before",
    "events.after",
};
static const char *const boolean_columns[] = {"event.retracted", "silence.retired", "now.holds"};

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

/* Adds a member before the others. -1 when memory is out. */
static int add_member(struct arena *a, struct json *object, const char *key,
                      const struct json *value)
{
    struct json *m = arena_alloc(a, sizeof *m);
    if (m == NULL) {
        return -1;
    }
    *m = *value;
    m->key = slice_of(key);
    m->next = object->first;
    object->first = m;
    object->count++;
    return 0;
}

struct slice mplane_json_row(struct arena *a, const struct mplane_rows *rows, uint32_t row)
{
    struct json object = {.type = JSON_OBJECT};
    struct slice line = {NULL, 0};
    for (uint32_t c = rows->columns; c-- > 0;) {
        struct slice cell = rows->cells[row * rows->columns + c];
        struct json value = {.type = type_of(rows->names[c], cell), .text = cell};
        if (add_member(a, &object, rows->names[c], &value) == -1) {
            ctl_failed("out of memory");
            return line;
        }
    }
    line = json_text(a, &object);
    if (line.at == NULL) {
        ctl_failed("out of memory");
    }
    return line;
}

int mplane_print_json_row(struct arena *a, const struct mplane_rows *rows, uint32_t row)
{
    struct slice line = mplane_json_row(a, rows, row);
    if (line.at == NULL) {
        return CTL_FAILED;
    }
    fwrite(line.at, 1, line.len, stdout);
    putchar('\n');
    return CTL_DONE;
}

int mplane_print_json(struct arena *a, const struct mplane_rows *rows)
{
    int exit_code = CTL_DONE;
    for (uint32_t r = 0; r < rows->rows && exit_code == CTL_DONE; r++) {
        exit_code = mplane_print_json_row(a, rows, r);
    }
    return exit_code;
}
