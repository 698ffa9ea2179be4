/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a POST's body to its reply, in steps: the body is read, each message is judged, each answer
 * becomes text. After each step it is the turn of the identity that has waited the longest, and
 * after a few milliseconds that of the loop. While it waits for answers it watches the peer: one
 * that leaves takes its questions with it, unless somebody has a receipt for them.
 */
#include "mplane-gw/exchange.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <utlist.h>

#include "common/daemon.h"
#include "common/http/reply.h"
#include "common/log.h"
#include "common/mplane/envelope.h"
#include "common/quote.h"
#include "mplane-gw/desk.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/jobs/answer.h"
#include "mplane-gw/jobs/ask.h"

/* A body up to this size is read for its token even when it is refused. */
#define SMALL_BODY 65536

/* Bodies up to this size are read at once, whatever is being judged. */
#define TINY_BODY 4096

/* What trees may take that are being judged, but for those of tiny bodies; one alone always may. */
#define TREES_BYTES ((size_t)96 * 1024 * 1024)

/* Then the loop looks after everything else. */
#define SLICE_US 2000

struct exchange;

enum item_state {
    ITEM_UNREAD,
    ITEM_WAITING,  /* for its job */
    ITEM_ANSWERED, /* its job has something to say, which is no text yet */
    ITEM_DONE
};

/* One message of the body. */
struct item {
    struct waiter waiter; /* the first member: a waiter is its item */
    struct exchange *exchange;
    struct item *next; /* utlist: of those answered */
    const struct json *tree;
    const char *place;
    struct desk_reply reply;
    enum item_state state;
};

struct exchange {
    struct exchange *next, *previous; /* utlist: of those with something to do */
    struct gateway *gateway;
    struct evhttp_request *request;
    struct connection *connection;
    struct arena *arena;
    struct event *timer;
    struct item *items;
    struct item *answered;
    struct desk_earlier *earlier;
    size_t count, handled, done; /* of items */
    size_t judged;               /* bytes that it takes of TREES_BYTES */
    size_t held;                 /* bytes, while it waits */
    bool queued;
    bool is_read; /* the body is a tree */
    bool is_late; /* nothing is waited for any longer */
    bool is_envelope;
    struct mplane_members body; /* none where it is no message or could not be read */
    struct slice fallback;
    int64_t begun_us;
};

struct exchanges {
    size_t open;
    size_t judged; /* bytes, by all that are judged */
    size_t held;   /* bytes, by all that wait */
    struct exchange *queue;
    struct event *turn;
};

size_t exchanges_open(const struct gateway *g)
{
    return g->exchanges->open;
}

/* ---- turns ---- */

static void enqueue(struct exchange *x)
{
    struct exchanges *all = x->gateway->exchanges;
    const struct timeval now = {0, 0};
    if (!x->queued) {
        x->queued = true;
        DL_APPEND2(all->queue, x, previous, next);
    }
    evtimer_add(all->turn, &now);
}

static void dequeue(struct exchange *x)
{
    if (x->queued) {
        x->queued = false;
        DL_DELETE2(x->gateway->exchanges->queue, x, previous, next);
    }
}

static struct slice body_of(const struct exchange *x)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(x->request);
    struct slice body = {(const char *)evbuffer_pullup(input, -1), evbuffer_get_length(input)};
    return body.at == NULL ? slice_of("") : body;
}

static bool waits_for_room(const struct exchange *x)
{
    return !x->is_read &&
           evbuffer_get_length(evhttp_request_get_input_buffer(x->request)) > TINY_BODY;
}

static bool is_before(const struct exchange *x, const struct exchange *y)
{
    return y == NULL || connection_last_turn(x->connection) < connection_last_turn(y->connection);
}

/* Of the bodies that take much memory only the one whose turn it is may begin, when it has room. */
static struct exchange *choose(const struct exchanges *all)
{
    struct exchange *x, *large = NULL, *chosen = NULL;
    DL_FOREACH2(all->queue, x, next)
    {
        if (waits_for_room(x)) {
            large = is_before(x, large) ? x : large;
        } else {
            chosen = is_before(x, chosen) ? x : chosen;
        }
    }
    if (large != NULL && is_before(large, chosen) &&
        (all->judged == 0 || all->judged + desk_tree_bytes(body_of(large).len) <= TREES_BYTES)) {
        return large;
    }
    return chosen;
}

static void step(struct exchange *x);

static void on_turn(evutil_socket_t fd, short what, void *context)
{
    struct exchanges *all = context;
    int64_t until_us = daemon_clock_us() + SLICE_US;
    const struct timeval now = {0, 0};
    struct exchange *x;
    (void)fd, (void)what;
    while ((x = choose(all)) != NULL) {
        connection_take_turn(x->connection);
        step(x);
        if (daemon_clock_us() >= until_us) {
            break;
        }
    }
    if (all->queue != NULL) {
        evtimer_add(all->turn, &now);
    }
}

int exchanges_start(struct gateway *g)
{
    struct exchanges *all = calloc(1, sizeof *all);
    g->exchanges = all;
    if (all == NULL || (all->turn = evtimer_new(g->base, on_turn, all)) == NULL) {
        log_error("exchanges.start", "error=\"out of memory\"");
        return -1;
    }
    return 0;
}

void exchanges_stop(struct gateway *g)
{
    if (g->exchanges != NULL && g->exchanges->turn != NULL) {
        event_free(g->exchanges->turn);
    }
    free(g->exchanges);
    g->exchanges = NULL;
}

/* ---- the end ---- */

/* What the tree takes counts as judged no longer. */
static void leave_judgement(struct exchange *x)
{
    x->gateway->exchanges->judged -= x->judged;
    x->judged = 0;
}

static void exchange_free(struct exchange *x)
{
    struct exchanges *all = x->gateway->exchanges;
    if (x->timer != NULL) {
        event_free(x->timer);
    }
    for (size_t i = 0; i < x->handled; i++) {
        desk_release(&x->items[i].reply);
    }
    dequeue(x);
    leave_judgement(x);
    arena_free(&x->arena);
    all->held -= x->held;
    free(x);
    all->open--;
}

/* A line of the audit log for each message that was handled. */
static void write_audit(const struct exchange *x)
{
    for (size_t i = 0; i < x->handled; i++) {
        desk_audit(x->gateway, &x->items[i].reply, connection_identity(x->connection),
                   connection_peer(x->connection),
                   x->items[i].state == ITEM_DONE ? NULL : "abandoned", x->begun_us);
    }
}

/* ---- the reply ---- */

static void release_rendered(const void *data, size_t size, void *context)
{
    struct rendered *r = context;
    (void)data, (void)size;
    rendered_release(&r);
}

static int add_rendered(struct arena *a, struct evbuffer *out, struct rendered *r,
                        struct slice label)
{
    struct slice pieces[RENDERED_PIECES];
    unsigned count = rendered_pieces(a, r, label, pieces);
    for (unsigned i = 0; i < count; i++) {
        bool shared = i != 1; /* the middle one is the label */
        int failed = shared ? evbuffer_add_reference(out, pieces[i].at, pieces[i].len,
                                                     release_rendered, rendered_hold(r))
                            : evbuffer_add(out, pieces[i].at, pieces[i].len);
        if (failed == -1) {
            if (shared) {
                r->holders--; /* the caller holds it as well */
            }
            return -1;
        }
    }
    return count == 0 ? -1 : 0;
}

static int add_message(struct exchange *x, struct evbuffer *out, const struct mplane_message *m)
{
    const struct registry *registry = x->gateway->registry;
    struct slice text = mplane_message_write(x->arena, m, registry);
    if (text.at == NULL) {
        struct mplane_message large = mplane_exception(m->token, slice_of(ANSWER_OVERSIZED));
        text = mplane_message_write(x->arena, &large, registry);
    }
    return text.at == NULL ? -1 : evbuffer_add(out, text.at, text.len);
}

static int add_items(struct exchange *x, struct evbuffer *out)
{
    for (size_t i = 0; i < x->count; i++) {
        const struct desk_reply *r = &x->items[i].reply;
        desk_count(x->gateway, &r->message);
        if ((i > 0 && evbuffer_add(out, ",", 1) == -1) ||
            (x->is_envelope && evbuffer_add(out, "\n", 1) == -1) ||
            (r->rendered != NULL ? add_rendered(x->arena, out, r->rendered, r->label)
                                 : add_message(x, out, &r->message)) == -1) {
            return -1;
        }
    }
    return 0;
}

/* An envelope's list of messages, the first member of its text, is written around theirs. */
static int add_envelope(struct exchange *x, struct evbuffer *out)
{
    struct mplane_message e = {.kind = MPLANE_ENVELOPE,
                               .verb = slice_of("message"),
                               .label = mplane_members_text(&x->body, MPLANE_KEY_LABEL),
                               .token = mplane_members_text(&x->body, MPLANE_KEY_TOKEN)};
    struct slice frame = mplane_message_write(x->arena, &e, x->gateway->registry);
    const char *list = frame.at == NULL ? NULL : memchr(frame.at, '[', frame.len);
    if (list == NULL) {
        return -1;
    }
    size_t head = (size_t)(list + 1 - frame.at);
    return evbuffer_add(out, frame.at, head) == 0 && add_items(x, out) == 0
               ? evbuffer_add(out, frame.at + head, frame.len - head)
               : -1;
}

static void finish(struct exchange *x)
{
    struct evbuffer *out = evbuffer_new();
    bool last = connection_is_last(x->connection);
    bool written = out != NULL && (x->is_envelope || x->count > 0);
    int failed = !written ? -1 : x->is_envelope ? add_envelope(x, out) : add_items(x, out);
    log_debug("request.answered", "peer=%s identity=%s messages=%zu bytes=%zu",
              connection_peer(x->connection), QUOTED(slice_of(connection_identity(x->connection))),
              x->count, out == NULL ? 0 : evbuffer_get_length(out));
    write_audit(x);
    connection_set_phase(x->connection, CONNECTION_SENDING);
    struct evhttp_request *request = x->request;
    exchange_free(x);
    if (failed == 0) {
        reply_send_buffer(request, HTTP_OK, MPLANE_CONTENT_TYPE, out, last);
        return;
    }
    if (out != NULL) {
        evbuffer_free(out);
    }
    reply_text(request, HTTP_SERVUNAVAIL, "out of memory, ask again later\n", true);
}

/* ---- waiting ---- */

static void set_answered(struct item *i)
{
    i->state = ITEM_ANSWERED;
    LL_APPEND(i->exchange->answered, i);
    enqueue(i->exchange);
}

static void on_answered(struct waiter *w, struct job *job)
{
    (void)job;
    set_answered((struct item *)w);
}

/* Long enough waited for a direct answer: receipts for what is still under way. */
static void stop_waiting(struct exchange *x)
{
    x->is_late = true;
    for (size_t i = 0; i < x->handled; i++) {
        if (x->items[i].state == ITEM_WAITING) {
            job_leave(&x->items[i].waiter);
            set_answered(&x->items[i]);
        }
    }
}

static void on_timeout(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    stop_waiting(context);
}

static void abandon(struct exchange *x)
{
    write_audit(x);
    for (size_t i = 0; i < x->handled; i++) {
        if (x->items[i].state == ITEM_WAITING) {
            ask_leave(x->gateway, &x->items[i].waiter);
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

static void start_timer(struct exchange *x)
{
    struct timeval t = gateway_timeval(x->gateway->settings.answer_timeout_ms * 1000);
    x->timer = evtimer_new(x->gateway->base, on_timeout, x);
    if (x->timer == NULL || evtimer_add(x->timer, &t) == -1) {
        stop_waiting(x);
    }
}

/* All messages are judged. What waits may not take more memory than answers may. */
static void hold(struct exchange *x)
{
    struct exchanges *all = x->gateway->exchanges;
    leave_judgement(x);
    x->held = arena_used(x->arena);
    all->held += x->held;
    if (all->held > (size_t)x->gateway->settings.results_bytes) {
        stop_waiting(x);
    }
}

/* ---- steps ---- */

/* What does not fit beside what is on its way already is kept: a receipt says so. */
static void render(struct exchange *x, struct item *i)
{
    desk_render(x->gateway, x->arena, &i->reply);
    if (i->reply.rendered != NULL && !connection_take_room(x->connection, i->reply.rendered->len)) {
        desk_postpone(&i->reply);
    }
    if (i->reply.rendered != NULL) {
        job_release(i->reply.job);
        i->reply.job = NULL;
    }
    i->state = ITEM_DONE;
    x->done++;
}

static void render_answered(struct exchange *x)
{
    struct item *i = x->answered;
    LL_DELETE(x->answered, i);
    render(x, i);
}

static void handle_message(struct exchange *x)
{
    struct item *i = &x->items[x->handled];
    struct desk_request r = {x->gateway,
                             x->arena,
                             slice_of(connection_identity(x->connection)),
                             connection_certificates(x->connection),
                             connection_peer(x->connection),
                             i->tree,
                             x->fallback,
                             i->place,
                             x->earlier,
                             x->handled};
    i->waiter.answered = on_answered;
    desk_handle(&r, &i->reply);
    x->earlier[x->handled++] = (struct desk_earlier){i->reply.door, i->reply.token};
    if (i->reply.job == NULL) {
        i->state = ITEM_DONE;
        x->done++;
    } else if (i->reply.wait && i->reply.job->state == JOB_RUNNING && !x->is_late) {
        i->state = ITEM_WAITING;
        job_wait(i->reply.job, &i->waiter);
    } else {
        render(x, i);
    }
    if (x->handled == x->count) {
        hold(x);
    }
}

static void read_body(struct exchange *x, struct slice body);

/* Whose question is ended by a message of this exchange is answered before it. */
static void step(struct exchange *x)
{
    dequeue(x);
    if (!x->is_read) {
        x->is_read = true;
        read_body(x, body_of(x));
    } else if (x->handled < x->count) {
        handle_message(x);
    } else {
        if (x->answered != NULL) {
            render_answered(x);
        }
        if (x->done == x->count) {
            finish(x);
            return;
        }
    }
    if (x->handled < x->count || x->answered != NULL || x->done == x->count) {
        enqueue(x);
    }
}

/* ---- the body ---- */

struct message_count {
    int64_t count, max;
};

static enum mplane_step count_message(void *context, const struct mplane_members *m,
                                      const struct mplane_place *place)
{
    struct message_count *c = context;
    if (m->at[MPLANE_KEY_ENVELOPE] != NULL) {
        return mplane_opens(m, place) ? MPLANE_OPEN : MPLANE_STOP;
    }
    return ++c->count > c->max ? MPLANE_STOP : MPLANE_GO_ON;
}

/* How many messages there are; -1 when more than `max`, nested too deeply, or contents is no list.
 */
static long count_messages(const struct json *tree, int64_t max)
{
    struct message_count c = {0, max};
    return mplane_walk(tree, count_message, &c) == -1 ? -1 : (long)c.count;
}

static enum mplane_step list_message(void *context, const struct mplane_members *m,
                                     const struct mplane_place *place)
{
    struct exchange *x = context;
    if (m->at[MPLANE_KEY_ENVELOPE] != NULL) {
        return MPLANE_OPEN;
    }
    struct item *i = &x->items[x->count++];
    i->exchange = x;
    i->tree = m->message;
    i->place = mplane_place_prefix(x->arena, place);
    return MPLANE_GO_ON;
}

/* The whole body is answered with one exception of this text; `outcome` is the audit log's. */
static void refuse_body(struct exchange *x, struct slice token, const char *outcome,
                        const char *text)
{
    struct desk_request r = {.gateway = x->gateway, .arena = x->arena, .place = ""};
    x->is_read = true;
    x->is_envelope = false;
    leave_judgement(x);
    x->items = arena_calloc(x->arena, 1, sizeof *x->items);
    if (x->items != NULL) {
        x->count = x->handled = x->done = 1;
        x->items[0].state = ITEM_DONE;
        x->items[0].reply.door = "message";
        x->items[0].reply.outcome = outcome;
        x->items[0].reply.token = token.len > 0 ? token : x->fallback;
        desk_refuse(&r, &x->items[0].reply, "%s", text);
    }
}

static void refuse_malformed(struct exchange *x, struct slice token, const char *text)
{
    static struct log_limit said;
    gateway_count(x->gateway, COUNT_MALFORMED);
    if (log_allowed(&said, 10)) {
        log_info("request.malformed", "peer=%s identity=%s error=%s",
                 connection_peer(x->connection),
                 QUOTED(slice_of(connection_identity(x->connection))), QUOTED(slice_of(text)));
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
    const struct json *tree = json_parse(x->arena, body, &mplane_limits, error, sizeof error);
    mplane_members_sort(tree, &x->body);
    connection_drop_body(x->connection, x->request); /* the tree has copies */
    if (!exchange_accepts(type)) {
        snprintf(text, size, "Content-Type: expected " MPLANE_CONTENT_TYPE ", found \"%.100s\"",
                 type == NULL ? "" : type);
        return -1;
    }
    if (tree == NULL) {
        snprintf(text, size, "expected an mPlane message as JSON: %s", error);
        return -1;
    }
    *count = count_messages(tree, x->gateway->settings.envelope_max);
    if (*count == -1) {
        snprintf(text, size,
                 "contents: expected a list of at most %lld messages, nested at most %d deep",
                 (long long)x->gateway->settings.envelope_max, MPLANE_NESTING);
        return -1;
    }
    return 0;
}

static void read_body(struct exchange *x, struct slice body)
{
    char text[768] = "";
    long count = 0;
    x->judged = waits_for_room(x) ? desk_tree_bytes(body.len) : 0;
    x->gateway->exchanges->judged += x->judged;
    x->fallback = desk_fallback_token(x->arena, body);
    connection_charge_bytes(x->connection, body.len);
    if (check_body(x, body, &count, text, sizeof text) == -1) {
        refuse_malformed(x, mplane_members_text(&x->body, MPLANE_KEY_TOKEN), text);
        return;
    }
    x->is_envelope = x->body.at[MPLANE_KEY_ENVELOPE] != NULL;
    x->items = arena_calloc(x->arena, (size_t)count + 1, sizeof *x->items);
    x->earlier = arena_calloc(x->arena, (size_t)count + 1, sizeof *x->earlier);
    if (x->items == NULL || x->earlier == NULL) {
        refuse_malformed(x, x->fallback, "the body is too large for the gateway");
        return;
    }
    connection_charge_more(x->connection, count - 1);
    mplane_walk(x->body.message, list_message, x);
    start_timer(x);
}

/*
 * The peer asks too much. SDK clients look at no status but 200, and find an exception by its
 * token: a small body is read for that.
 */
static void refuse_unread(struct exchange *x, int64_t wait_us)
{
    char text[256], error[512];
    struct slice body = body_of(x);
    long seconds = reply_retry_after(x->request, wait_us);
    const struct gateway_settings *s = &x->gateway->settings;
    if (connection_is_clogged(x->connection)) {
        snprintf(
            text, sizeof text,
            "too many bytes of answers are on their way, to you or to all; read them, and come "
            "again in %ld s",
            seconds);
    } else {
        snprintf(text, sizeof text,
                 "too many requests: an identity may make %lld a second, and %lld at once; come "
                 "again in %ld s",
                 (long long)s->http.requests_per_second, (long long)s->http.requests_burst,
                 seconds);
    }
    x->fallback = desk_fallback_token(x->arena, body);
    if (body.len <= SMALL_BODY) {
        mplane_members_sort(json_parse(x->arena, body, &mplane_limits, error, sizeof error),
                            &x->body);
    }
    refuse_body(x, mplane_members_text(&x->body, MPLANE_KEY_TOKEN), "limited", text);
    finish(x);
}

void exchange_start(struct gateway *g, struct evhttp_request *request, struct connection *c,
                    int64_t wait_us)
{
    struct exchange *x = calloc(1, sizeof *x);
    if (x != NULL) {
        x->arena = desk_arena();
    }
    if (x == NULL || x->arena == NULL) {
        free(x);
        reply_text(request, HTTP_SERVUNAVAIL, "out of memory, ask again later\n", true);
        return;
    }
    g->exchanges->open++;
    x->gateway = g;
    x->request = request;
    x->connection = c;
    x->begun_us = daemon_clock_us();
    connection_set_phase(c, CONNECTION_ANSWERING);
    if (wait_us > 0) {
        refuse_unread(x, wait_us);
    } else {
        connection_answers_later(x->connection, on_gone, x);
        enqueue(x);
    }
}
