/* SPDX-License-Identifier: Apache-2.0 */
/* Sending and waiting, in order of sending; every result that is sent is answered. */
#include "ingestd/folder/folder_queue.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/bus.h"
#include "common/daemon.h"
#include "common/log.h"

#define FLIGHTS_MAX LIMIT_BEYOND /* so many may be answered before the first one */
#define BYTES_MAX   ((size_t)4 * 1024 * 1024)
#define HIGH_WATER  (2 * FLIGHTS_MAX)
#define WAIT_MS     200      /* then it looks whether to stop */
#define BUSY_MS     500      /* before what was not taken is sent again */
#define LOST_US     30000000 /* without an answer for so long it is sent again */
#define SETTLE_MS   300      /* without an answer for so long, when no more are given, none comes */

struct flight {
    struct flight *next, *previous; /* utlist */
    uint64_t id, line, number;      /* line and number in the file */
    int64_t sent_us;
    bool refused_for_now; /* while settling: it was busy */
    size_t size;
    char body[];
};

struct folder_queue {
    bool (*stopping)(void *context);
    void *context;
    zsock_t *socket;
    struct pack head;
    struct flight *flights;
    size_t count, bytes;
    uint64_t last_id;
    struct folder_file file;
    uint64_t last;              /* number of the last document that was given */
    uint64_t faults_before;     /* parts passed over that are in the tally from before */
    struct folder_progress now; /* its `open` is found when it is asked for */
};

struct folder_queue *folder_queue_new(bool (*stopping)(void *context), void *context)
{
    struct folder_queue *q = calloc(1, sizeof *q);
    if (q == NULL) {
        log_error("drop.memory", "error=\"out of memory\"");
        return NULL;
    }
    q->stopping = stopping;
    q->context = context;
    pack_init(&q->head);
    q->socket = bus_connect(ZMQ_DEALER, ENDPOINT_DELIVER, HIGH_WATER);
    if (q->socket == NULL) {
        folder_queue_free(&q);
    }
    return q;
}

/* The first that is not taken. */
static uint64_t find_open(const struct folder_queue *q)
{
    uint64_t open = q->flights != NULL ? q->flights->number : q->last + 1;
    return open > q->now.open ? open : q->now.open;
}

static void forget_beyond(struct folder_queue *q)
{
    struct folder_progress *p = &q->now;
    uint32_t left = 0;
    for (uint32_t i = 0; i < p->beyond_count; i++) {
        if (p->beyond[i] > find_open(q)) {
            p->beyond[left++] = p->beyond[i];
        }
    }
    p->beyond_count = left;
}

static void forget(struct folder_queue *q, struct flight *f)
{
    DL_DELETE2(q->flights, f, previous, next);
    q->count--;
    q->bytes -= f->size;
    free(f);
}

/* It was taken: the next ingestd need not do it again. */
static void note_taken(struct folder_queue *q, struct flight *f)
{
    struct folder_progress *p = &q->now;
    if (f != q->flights && p->beyond_count < LIMIT_BEYOND) {
        p->beyond[p->beyond_count++] = f->number;
    }
    forget(q, f);
    forget_beyond(q);
}

void folder_queue_free(struct folder_queue **q)
{
    if (*q == NULL) {
        return;
    }
    while ((*q)->flights != NULL) {
        forget(*q, (*q)->flights);
    }
    zsock_destroy(&(*q)->socket);
    pack_release(&(*q)->head);
    free(*q);
    *q = NULL;
}

void folder_queue_begin(struct folder_queue *q, const struct folder_file *file,
                        const struct folder_progress *before)
{
    while (q->flights != NULL) {
        forget(q, q->flights);
    }
    q->file = *file;
    q->last = 0;
    q->now = before == NULL ? (struct folder_progress){.open = 1} : *before;
    q->faults_before = q->now.faults;
    q->now.faults = 0;
}

/* A line more to the reasons, if it fits. */
static void add_reason(struct folder_queue *q, const char *line)
{
    size_t used = strlen(q->now.tally.reasons), room = sizeof q->now.tally.reasons - used;
    int n = snprintf(q->now.tally.reasons + used, room, "%s\n", line);
    if (n < 0 || (size_t)n >= room) {
        q->now.tally.reasons[used] = '\0';
    }
}

static void refuse(struct folder_queue *q, uint64_t line, uint64_t number, const char *why)
{
    char text[LIMIT_TEXT_BYTES + 160];
    q->now.tally.refused++;
    snprintf(text, sizeof text, "line %" PRIu64 ", document %" PRIu64 ": %s", line, number, why);
    add_reason(q, text);
}

/* Whether it is one more than there was before. */
static bool is_new_fault(struct folder_queue *q)
{
    return ++q->now.faults > q->faults_before;
}

void folder_queue_refuse_passed(struct folder_queue *q, const struct split_item *item)
{
    char why[SPLIT_FAULT_TEXT + 60];
    if (!is_new_fault(q)) {
        return;
    }
    q->now.tally.passed += item->passed;
    snprintf(why, sizeof why, "%s; %" PRIu64 " bytes passed over", item->why, item->passed);
    refuse(q, item->line, item->number, why);
}

void folder_queue_refuse_rest(struct folder_queue *q, const char *why)
{
    if (is_new_fault(q)) {
        q->now.tally.refused++;
        add_reason(q, why);
    }
}

/* 0; 1 when there is no room in the socket. */
static int send_flight(struct folder_queue *q, struct flight *f)
{
    static struct slice everything = {"*", 1};
    static struct slice names[] = {{"received", 8}, {"file", 4}};
    struct slice values[] = {slice_of(q->file.changed), slice_of(q->file.name)};
    char place[512];
    snprintf(place, sizeof place, "%s:%" PRIu64, q->file.name, f->line);
    struct deliver_message m = {.id = f->id,
                                .door = DOOR_FILE,
                                .sender = slice_of(q->file.owner),
                                .format = slice_of(q->file.format),
                                .context_names = names,
                                .context_names_count = 2,
                                .context_values = values,
                                .context_values_count = 2,
                                .place = slice_of(place),
                                .received_us = daemon_now_us(),
                                .allowed = &everything,
                                .allowed_count = 1};
    pack_reset(&q->head);
    deliver_encode(&q->head, &m);
    const struct slice frames[] = {pack_bytes(&q->head), {f->body, f->size}};
    f->sent_us = daemon_clock_us();
    f->refused_for_now = false;
    return pack_ok(&q->head) && bus_send(q->socket, frames, 2) == 0 ? 0 : 1;
}

static void take_answer(struct folder_queue *q, const struct delivered_message *m)
{
    char why[LIMIT_TEXT_BYTES + 80];
    struct flight *f;
    DL_FOREACH2(q->flights, f, next)
    {
        if (f->id == m->id) {
            break;
        }
    }
    if (f == NULL) {
        return; /* answered before: it was sent twice */
    }
    if (m->outcome == DELIVERY_BUSY) {
        f->sent_us = daemon_clock_us() - LOST_US + BUSY_MS * 1000;
        f->refused_for_now = true;
        return;
    }
    q->now.tally.kept += m->outcome == DELIVERY_KEPT;
    q->now.tally.records += m->records;
    if (m->rejected > 0) {
        snprintf(why, sizeof why, "%.*s: %.*s", (int)m->reason.len, m->reason.at,
                 (int)m->detail.len, m->detail.at);
        refuse(q, f->line, f->number, why);
        q->now.tally.refused += m->rejected - 1;
    }
    note_taken(q, f);
}

/* Those that come within so long: how many; -1: ZeroMQ is being ended. */
static int receive_answers(struct folder_queue *q, long wait_ms)
{
    zmq_pollitem_t item = {.socket = zsock_resolve(q->socket), .events = ZMQ_POLLIN};
    struct bus_message m;
    int count = 0;
    if (zmq_poll(&item, 1, wait_ms) == -1 && errno != EINTR) {
        return -1;
    }
    while (bus_receive(q->socket, &m) == 0) {
        struct delivered_message answer;
        if (m.count == 1 && delivered_decode_all(m.frames[0], NULL, &answer) == 0) {
            take_answer(q, &answer);
        }
        bus_release(&m);
        count++;
    }
    return count;
}

/* Waits for answers, a short while at most; sends again what is due. -1: stopping. */
static int wait_for_answers(struct folder_queue *q)
{
    struct flight *f;
    if (receive_answers(q, WAIT_MS) == -1) {
        return -1;
    }
    DL_FOREACH2(q->flights, f, next)
    {
        if (daemon_clock_us() - f->sent_us >= LOST_US) {
            send_flight(q, f);
        }
    }
    return q->stopping(q->context) ? -1 : 0;
}

static bool is_taken(const struct folder_queue *q, uint64_t number)
{
    for (uint32_t i = 0; i < q->now.beyond_count; i++) {
        if (q->now.beyond[i] == number) {
            return true;
        }
    }
    return number < q->now.open;
}

int folder_queue_add(struct folder_queue *q, const struct split_item *item)
{
    struct slice body = item->bytes;
    if (is_taken(q, item->number)) {
        q->last = item->number;
        return q->stopping(q->context) ? -1 : 0;
    }
    while (q->count > 0 &&
           (q->count + q->now.beyond_count >= FLIGHTS_MAX || q->bytes + body.len > BYTES_MAX)) {
        if (wait_for_answers(q) == -1) {
            return -1;
        }
    }
    struct flight *f = malloc(sizeof *f + body.len);
    while (f == NULL) { /* memory may come back */
        if (wait_for_answers(q) == -1) {
            return -1;
        }
        f = malloc(sizeof *f + body.len);
    }
    *f = (struct flight){
        .id = ++q->last_id, .line = item->line, .number = item->number, .size = body.len};
    memcpy(f->body, body.at, body.len);
    DL_APPEND2(q->flights, f, previous, next);
    q->last = item->number;
    q->count++;
    q->bytes += f->size;
    while (send_flight(q, f) != 0) {
        if (wait_for_answers(q) == -1) {
            return -1;
        }
    }
    return q->stopping(q->context) ? -1 : 0;
}

int folder_queue_end(struct folder_queue *q)
{
    while (q->count > 0) {
        if (wait_for_answers(q) == -1) {
            return -1;
        }
    }
    return 0;
}

static bool may_be_answered(const struct folder_queue *q)
{
    const struct flight *f;
    DL_FOREACH2(q->flights, f, next)
    {
        if (!f->refused_for_now) {
            return true;
        }
    }
    return false;
}

void folder_queue_settle(struct folder_queue *q, bool (*over)(void *context))
{
    while (may_be_answered(q)) {
        bool last = over(q->context);
        int n = receive_answers(q, last ? SETTLE_MS : WAIT_MS);
        if (n == -1 || (n == 0 && last)) {
            return;
        }
    }
}

const struct folder_progress *folder_queue_progress(struct folder_queue *q)
{
    q->now.open = find_open(q);
    q->now.faults = q->now.faults > q->faults_before ? q->now.faults : q->faults_before;
    return &q->now;
}
