/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/import_window.h"

#include <stdlib.h>

#include "common/clock.h"
#include "ctl/ctl.h"

#define BUSY_US     500000
#define AGAIN_US    10000000 /* without any answer: it was started anew, or they were lost */
#define PATIENCE_US 120000000
#define WAIT_MS     200

struct import_slot {
    struct import_body body;
    struct pack head;
    uint64_t id;
    bool answered;
    int64_t due_us; /* it is busy: to be sent again then; 0: it is on its way */
};

static struct import_slot *slot_at(const struct import_window *w, uint32_t i)
{
    return &w->slots[(w->first + i) % IMPORT_WINDOW];
}

int import_window_open(struct import_window *w, const char *run_dir)
{
    w->slots = calloc(IMPORT_WINDOW, sizeof *w->slots);
    if (w->slots == NULL) {
        import_window_close(w);
        return ctl_failed("out of memory");
    }
    int code = store_link_open(&w->link, run_dir, ENDPOINT_DELIVER, "ingestd");
    if (code != CTL_DONE) {
        import_window_close(w);
    }
    w->heard_us = w->sent_again_us = clock_steady_us();
    return code;
}

void import_window_close(struct import_window *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        w->dropped(w->context, &slot_at(w, i)->body);
        free(slot_at(w, i)->body.bytes);
        pack_release(&slot_at(w, i)->head);
    }
    w->count = 0;
    free(w->slots);
    w->slots = NULL;
    store_link_close(&w->link);
}

/* ---- out ---- */

/* What cannot be sent now is sent with those that got no answer. */
static void send_slot(struct import_window *w, struct import_slot *s)
{
    struct slice head = pack_bytes(&s->head);
    s->due_us = 0;
    if (zmq_send(w->link.socket, head.at, head.len, ZMQ_DONTWAIT | ZMQ_SNDMORE) != -1) {
        (void)zmq_send(w->link.socket, s->body.bytes == NULL ? "" : s->body.bytes, s->body.len,
                       ZMQ_DONTWAIT);
    }
}

static void send_again(struct import_window *w, int64_t now_us)
{
    bool silent = now_us - w->heard_us > AGAIN_US && now_us - w->sent_again_us > AGAIN_US;
    for (uint32_t i = 0; i < w->count; i++) {
        struct import_slot *s = slot_at(w, i);
        if (!s->answered && (silent || (s->due_us != 0 && s->due_us <= now_us))) {
            send_slot(w, s);
        }
    }
    w->sent_again_us = silent ? now_us : w->sent_again_us;
}

/* ---- in ---- */

static struct import_slot *slot_of(const struct import_window *w, uint64_t id)
{
    for (uint32_t i = 0; i < w->count; i++) {
        if (slot_at(w, i)->id == id) {
            return slot_at(w, i);
        }
    }
    return NULL;
}

static void take_answer(struct import_window *w, const struct imported_message *m, int64_t now_us)
{
    struct import_slot *s = slot_of(w, m->id);
    if (s == NULL || s->answered) {
        return; /* of one that was sent twice */
    }
    if (m->outcome == DELIVERY_BUSY) {
        s->due_us = now_us + BUSY_US;
        if (!w->told_busy) {
            ctl_failed("ingestd cannot take it yet: %.*s; waiting", (int)m->reason.len,
                       m->reason.at);
        }
        w->told_busy = true;
        return;
    }
    s->answered = true;
    s->body.records = m->records;
    s->body.rejected = m->rejected;
    w->answered(w->context, &s->body, m);
}

/* What is busy says so as of any delivery. */
static int decode_answer(struct slice frame, struct imported_message *m)
{
    struct delivered_message busy;
    if (message_number(frame) != MESSAGE_delivered) {
        return imported_decode_all(frame, NULL, m);
    }
    int rc = delivered_decode_all(frame, NULL, &busy);
    if (rc == 0) {
        *m = (struct imported_message){busy.id,     busy.outcome, busy.records, busy.rejected,
                                       busy.reason, busy.detail,  slice_of("")};
    }
    return rc;
}

/* All answers that are there. -1 after a complaint. */
static int take_answers(struct import_window *w)
{
    zmq_msg_t bytes;
    int rc = 0;
    zmq_msg_init(&bytes);
    while (rc == 0 && zmq_msg_recv(&bytes, w->link.socket, ZMQ_DONTWAIT) != -1) {
        struct imported_message m;
        struct slice frame = {zmq_msg_data(&bytes), zmq_msg_size(&bytes)};
        w->heard_us = clock_steady_us();
        if (zmq_msg_more(&bytes) != 0 || decode_answer(frame, &m) == -1) {
            rc = store_link_strange(&w->link);
        } else {
            take_answer(w, &m, w->heard_us);
        }
    }
    zmq_msg_close(&bytes);
    return rc;
}

static int finish_first(struct import_window *w)
{
    int rc = 0;
    while (rc == 0 && w->count > 0 && slot_at(w, 0)->answered) {
        struct import_slot *s = slot_at(w, 0);
        rc = w->done(w->context, &s->body);
        free(s->body.bytes);
        pack_release(&s->head);
        *s = (struct import_slot){.id = 0};
        w->first = (w->first + 1) % IMPORT_WINDOW;
        w->count--;
    }
    return rc;
}

/* Waits for an answer, not for long. -1 after a complaint. */
static int step(struct import_window *w, int wait_ms)
{
    zmq_pollitem_t item = {.socket = w->link.socket, .events = ZMQ_POLLIN};
    (void)zmq_poll(&item, 1, wait_ms);
    if (take_answers(w) == -1 || finish_first(w) == -1) {
        return -1;
    }
    int64_t now_us = clock_steady_us();
    if (w->count > 0 && now_us - w->heard_us > PATIENCE_US) {
        ctl_failed("ingestd does not answer; `ezrepo status` tells more. The same command goes on "
                   "where this one ended");
        return -1;
    }
    send_again(w, now_us);
    return 0;
}

int import_window_send(struct import_window *w, struct deliver_message *head,
                       const struct import_body *body)
{
    int rc = step(w, 0);
    while (rc == 0 && w->count == IMPORT_WINDOW) {
        rc = step(w, WAIT_MS);
    }
    if (rc == -1) {
        free(body->bytes);
        return -1;
    }
    if (w->count == 0) {
        w->heard_us = clock_steady_us(); /* it had nothing to say */
    }
    struct import_slot *s = slot_at(w, w->count);
    *s = (struct import_slot){.body = *body, .id = ++w->id};
    head->id = s->id;
    pack_init(&s->head);
    deliver_encode(&s->head, head);
    if (!pack_ok(&s->head)) {
        free(s->body.bytes);
        pack_release(&s->head);
        ctl_failed("out of memory");
        return -1;
    }
    w->count++;
    send_slot(w, s);
    return 0;
}

int import_window_finish(struct import_window *w)
{
    int rc = 0;
    while (rc == 0 && w->count > 0) {
        rc = step(w, WAIT_MS);
    }
    return rc;
}
