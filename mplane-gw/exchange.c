/*
 * From a POST's body to its reply. While it waits for answers it watches the peer: one that leaves
 * takes its questions with it, unless somebody has a receipt for them.
 */
#include "mplane-gw/exchange.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "common/daemon.h"
#include "common/log.h"
#include "mplane-gw/answer.h"
#include "mplane-gw/ask.h"
#include "mplane-gw/desk.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/reply.h"

/* A body up to this size is read for its token even when it is refused. */
#define SMALL_BODY 65536

struct exchange;

/* One message of the body. */
struct item {
    struct waiter waiter; /* the first member: a waiter is its item */
    struct exchange *exchange;
    struct desk_reply reply;
    bool waiting;
};

struct exchange {
    struct evhttp_request *request;
    struct connection *connection;
    struct arena *arena;
    struct event *timer;
    struct item *items;
    size_t count, pending;
    size_t held; /* bytes, while it waits */
    bool is_envelope;
    bool reading; /* not all messages are handled yet */
    const struct json *tree;
    struct slice fallback;
    int64_t begun_us;
};

static size_t open_count;
static size_t held_bytes; /* by all that wait */

size_t exchanges_open(void)
{
    return open_count;
}

static void exchange_release_jobs(struct exchange *x)
{
    for (size_t i = 0; i < x->count; i++) {
        if (x->items[i].reply.job != NULL) {
            job_release(x->items[i].reply.job);
        }
    }
    x->count = 0;
}

static void exchange_free(struct exchange *x)
{
    if (x->timer != NULL) {
        event_free(x->timer);
    }
    exchange_release_jobs(x);
    arena_free(&x->arena);
    held_bytes -= x->held;
    free(x);
    open_count--;
}

/* ---- the audit log ---- */

/* A line for each message that was handled. */
static void write_audit(const struct exchange *x)
{
    for (size_t i = 0; i < x->count; i++) {
        desk_audit(&x->items[i].reply, connection_identity(x->connection),
                   connection_peer(x->connection), x->items[i].waiting ? "abandoned" : NULL,
                   x->begun_us);
    }
}

/* ---- the reply ---- */

/*
 * The text that is sent; an exception when the whole would be too large. It lives in the exchange's
 * arena, unless *owner is set: then in that one.
 */
static struct slice write_reply(struct exchange *x, struct arena **owner)
{
    struct mplane_message e = {.kind = MPLANE_ENVELOPE, .verb = slice_of("message")};
    const struct mplane_message *m = x->count == 0 ? &e : &x->items[0].reply.message;
    for (size_t i = 0; i < x->count; i++) {
        desk_count(&x->items[i].reply.message);
    }
    if (x->is_envelope) {
        e.label = mplane_message_section(x->tree, "label");
        e.token = mplane_message_token(x->tree);
        e.contents = arena_calloc(x->arena, x->count + 1, sizeof *e.contents);
        for (size_t i = 0; i < x->count && e.contents != NULL; i++) {
            e.contents[e.content_count++] = x->items[i].reply.message;
        }
        m = &e;
    }
    struct slice text = mplane_message_write(x->arena, m, gateway.registry);
    if (text.at == NULL) {
        struct mplane_message large = mplane_exception(
            x->count == 0 ? x->fallback : x->items[0].reply.token, slice_of(ANSWER_OVERSIZED));
        struct arena *fresh = desk_arena();
        text = fresh == NULL ? text : mplane_message_write(fresh, &large, gateway.registry);
        *owner = fresh;
    }
    return text;
}

static void finish(struct exchange *x)
{
    struct arena *owner = NULL;
    struct slice text = write_reply(x, &owner);
    bool last = connection_is_last(x->connection);
    log_debug("request.answered", "peer=%s identity=\"%s\" messages=%zu bytes=%zu",
              connection_peer(x->connection), connection_identity(x->connection), x->count,
              text.len);
    write_audit(x);
    connection_set_phase(x->connection, CONNECTION_SENDING);
    struct evhttp_request *request = x->request;
    if (owner == NULL) {
        owner = x->arena; /* the reply's from now on */
        exchange_release_jobs(x);
        x->arena = NULL;
    }
    exchange_free(x);
    if (text.at == NULL) {
        arena_free(&owner);
        reply_text(request, HTTP_SERVUNAVAIL, "out of memory, ask again later\n", true);
    } else {
        reply_send_arena(request, HTTP_OK, MPLANE_CONTENT_TYPE, owner, text, last);
    }
}

/* ---- waiting ---- */

static void render(struct item *i)
{
    i->waiting = false;
    i->exchange->pending--;
    desk_render(i->exchange->arena, &i->reply);
}

static void on_answered(struct waiter *w, struct job *job)
{
    struct item *i = (struct item *)w;
    struct exchange *x = i->exchange;
    (void)job;
    render(i);
    if (x->pending == 0 && !x->reading) {
        finish(x);
    }
}

/* Long enough waited for a direct answer: receipts for what is still under way. */
static void on_timeout(evutil_socket_t fd, short what, void *context)
{
    struct exchange *x = context;
    (void)fd, (void)what;
    for (size_t i = 0; i < x->count; i++) {
        if (x->items[i].waiting) {
            job_leave(&x->items[i].waiter);
            render(&x->items[i]);
        }
    }
    finish(x);
}

static void abandon(struct exchange *x)
{
    write_audit(x);
    for (size_t i = 0; i < x->count; i++) {
        if (x->items[i].waiting) {
            ask_leave(&x->items[i].waiter);
        }
    }
    exchange_free(x);
}

static void on_gone(struct bufferevent *b, short what, void *context)
{
    struct exchange *x = context;
    (void)b;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0) {
        return;
    }
    struct evhttp_connection *c = evhttp_request_get_connection(x->request);
    log_debug("request.abandoned", "peer=%s", connection_peer(x->connection));
    abandon(x);
    evhttp_connection_free(c); /* and with it the request */
}

/*
 * evhttp takes the callbacks back when the reply is sent. -1 when it cannot wait: out of memory, or
 * the bodies of all that wait would take more than answers may.
 */
static int wait_for_answers(struct exchange *x)
{
    x->held = arena_used(x->arena);
    held_bytes += x->held;
    if (held_bytes > (size_t)gateway.settings.results_bytes) {
        return -1;
    }
    struct timeval t = gateway_timeval(gateway.settings.answer_timeout_ms * 1000);
    struct bufferevent *b =
        evhttp_connection_get_bufferevent(evhttp_request_get_connection(x->request));
    x->timer = evtimer_new(gateway.base, on_timeout, x);
    if (x->timer == NULL || evtimer_add(x->timer, &t) == -1) {
        return -1;
    }
    bufferevent_setcb(b, NULL, NULL, on_gone, x);
    bufferevent_enable(b, EV_READ);
    return 0;
}

/* ---- the body ---- */

/* How many messages there are; -1 when more than `max`, nested too deeply, or contents is no list.
 */
static long count_messages(const struct json *tree, long max, int nesting)
{
    if (json_get(tree, "envelope") == NULL) {
        return 1;
    }
    const struct json *contents = json_get(tree, "contents");
    long count = 0;
    if (nesting == 0 || contents == NULL || contents->type != JSON_ARRAY) {
        return -1;
    }
    for (const struct json *m = contents->first; m != NULL; m = m->next) {
        long more = count_messages(m, max, nesting - 1);
        if (more == -1 || (count += more) > max) {
            return -1;
        }
    }
    return count;
}

static void handle_messages(struct exchange *x, const struct json *tree, const char *place)
{
    if (json_get(tree, "envelope") == NULL) {
        struct item *i = &x->items[x->count++];
        struct desk_request r = {x->arena,
                                 slice_of(connection_identity(x->connection)),
                                 connection_peer(x->connection),
                                 tree,
                                 x->fallback,
                                 place};
        i->exchange = x;
        i->waiter.answered = on_answered;
        desk_handle(&r, &i->reply);
        if (i->reply.job == NULL) {
            return;
        }
        x->pending++;
        if (i->reply.wait && i->reply.job->state == JOB_RUNNING) {
            i->waiting = true;
            job_wait(i->reply.job, &i->waiter);
        } else {
            render(i);
        }
        return;
    }
    unsigned number = 0;
    for (const struct json *m = json_get(tree, "contents")->first; m != NULL; m = m->next) {
        const char *inner = arena_printf(x->arena, "%scontents[%u].", place, number++);
        handle_messages(x, m, inner == NULL ? "" : inner);
    }
}

/* The whole body is answered with one exception of this text; `outcome` is the audit log's. */
static void refuse_body(struct exchange *x, struct slice token, const char *outcome,
                        const char *text)
{
    struct desk_request r = {.arena = x->arena, .place = ""};
    x->is_envelope = false;
    x->items = arena_calloc(x->arena, 1, sizeof *x->items);
    if (x->items != NULL) {
        x->count = 1;
        x->items[0].reply.door = "message";
        x->items[0].reply.outcome = outcome;
        x->items[0].reply.token = token.len > 0 ? token : x->fallback;
        desk_refuse(&r, &x->items[0].reply, "%s", text);
    }
    finish(x);
}

static void refuse_malformed(struct exchange *x, struct slice token, const char *text)
{
    static struct log_limit said;
    gateway_count(COUNT_MALFORMED);
    if (log_allowed(&said, 10)) {
        log_info("request.malformed", "peer=%s identity=\"%s\" error=\"%s\"",
                 connection_peer(x->connection), connection_identity(x->connection), text);
    }
    refuse_body(x, token, "malformed", text);
}

/* Liberal: parameters, and plain JSON. */
bool exchange_type_is(const char *type, const char *wanted)
{
    type = type == NULL ? "" : type;
    size_t n = strcspn(type, "; \t");
    return n == strlen(wanted) && strncasecmp(type, wanted, n) == 0;
}

bool exchange_accepts(const char *type)
{
    return exchange_type_is(type, MPLANE_CONTENT_TYPE) ||
           exchange_type_is(type, "application/json");
}

/* What is wrong with the body as a whole: 0, or -1 and the text. */
static int check_body(struct exchange *x, struct slice body, long *count, char *text, size_t size)
{
    char error[512] = "";
    const char *type =
        evhttp_find_header(evhttp_request_get_input_headers(x->request), "Content-Type");
    x->tree = json_parse(x->arena, body, &mplane_limits, error, sizeof error);
    connection_drop_body(x->connection, x->request); /* the tree has copies */
    if (!exchange_accepts(type)) {
        snprintf(text, size, "Content-Type: expected " MPLANE_CONTENT_TYPE ", found \"%.100s\"",
                 type == NULL ? "" : type);
        return -1;
    }
    if (x->tree == NULL) {
        snprintf(text, size, "expected an mPlane message as JSON: %s", error);
        return -1;
    }
    *count = count_messages(x->tree, gateway.settings.envelope_max, DESK_NESTING);
    if (*count == -1) {
        snprintf(text, size,
                 "contents: expected a list of at most %lld messages, nested at most %d deep",
                 (long long)gateway.settings.envelope_max, DESK_NESTING);
        return -1;
    }
    return 0;
}

static void read_body(struct exchange *x, struct slice body)
{
    char text[768] = "";
    long count = 0;
    x->fallback = desk_fallback_token(x->arena, body);
    if (check_body(x, body, &count, text, sizeof text) == -1) {
        refuse_malformed(x, mplane_message_token(x->tree), text);
        return;
    }
    x->is_envelope = json_get(x->tree, "envelope") != NULL;
    x->items = arena_calloc(x->arena, (size_t)count + 1, sizeof *x->items);
    if (x->items == NULL) {
        refuse_malformed(x, x->fallback, "the body is too large for the gateway");
        return;
    }
    connection_charge_more(x->connection, count - 1);
    x->reading = true;
    handle_messages(x, x->tree, "");
    x->reading = false;
    if (x->pending == 0) {
        finish(x);
    } else if (wait_for_answers(x) == -1) {
        on_timeout(-1, 0, x);
    }
}

/*
 * The peer asks too often. SDK clients look at no status but 200, and find an exception by its
 * token: a small body is read for that.
 */
static void refuse_rate(struct exchange *x, struct slice body, int64_t wait_us)
{
    char text[256], error[512];
    long seconds = reply_retry_after(x->request, wait_us);
    snprintf(text, sizeof text,
             "too many requests: an identity may make %lld a second, and %lld at once; come again "
             "in %ld s",
             (long long)gateway.settings.requests_per_second,
             (long long)gateway.settings.requests_burst, seconds);
    x->fallback = desk_fallback_token(x->arena, body);
    if (body.len <= SMALL_BODY) {
        x->tree = json_parse(x->arena, body, &mplane_limits, error, sizeof error);
    }
    refuse_body(x, mplane_message_token(x->tree), "limited", text);
}

void exchange_start(struct evhttp_request *request, struct connection *c, int64_t wait_us)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    struct slice body = {(const char *)evbuffer_pullup(input, -1), evbuffer_get_length(input)};
    struct exchange *x = calloc(1, sizeof *x);
    if (x != NULL) {
        x->arena = desk_arena();
    }
    if (x == NULL || x->arena == NULL) {
        free(x);
        reply_text(request, HTTP_SERVUNAVAIL, "out of memory, ask again later\n", true);
        return;
    }
    open_count++;
    x->request = request;
    x->connection = c;
    x->begun_us = daemon_clock_us();
    connection_set_phase(c, CONNECTION_ANSWERING);
    body = body.at == NULL ? slice_of("") : body;
    if (wait_us > 0) {
        refuse_rate(x, body, wait_us);
    } else {
        read_body(x, body);
    }
}
