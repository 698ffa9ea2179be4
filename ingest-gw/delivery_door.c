/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies to ingestd, and its answers as HTTP. */
#include "ingest-gw/delivery_door.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/daemon.h"
#include "common/http/reply.h"
#include "common/log.h"
#include "common/quote.h"
#include "common/utf8.h"
#include "common/when_time.h"

static struct delivery_about *about_of(const struct post *p)
{
    return p->about;
}

static struct ingest *gateway_of(const struct post *p)
{
    return about_of(p)->gateway;
}

static void tell(const struct post *p, const char *event, struct log_limit *said,
                 const char *reason, const char *detail)
{
    if (log_allowed(said, 10)) {
        log_info(event, "peer=%s identity=%s format=%s reason=%s detail=%s",
                 connection_peer(p->connection),
                 QUOTED(slice_of(connection_identity(p->connection))),
                 QUOTED(slice_of(about_of(p)->format)), QUOTED(slice_of(reason)),
                 QUOTED(slice_of(detail)));
    }
}

/* ---- replies ---- */

void delivery_reply_json(struct post *p, int status, const struct ingest_answer *answer)
{
    struct slice text = ingest_answer_text(p->arena, answer);
    if (text.at == NULL) {
        post_reply(p, status, "text/plain", slice_of("out of memory for more than the status\n"));
    } else {
        post_reply(p, status, "application/json", text);
    }
}

void delivery_answer(struct post *p, int status, enum ingest_counter counter, const char *outcome,
                     const struct ingest_answer *answer)
{
    ingest_count(gateway_of(p), counter);
    about_of(p)->outcome = outcome;
    about_of(p)->records = answer->records;
    about_of(p)->reply(p, status, answer);
}

void delivery_refuse(struct post *p, int status, const char *reason, const char *detail)
{
    static struct log_limit said;
    bool denied = status == INGEST_FORBIDDEN;
    const char *text = detail == NULL ? "out of memory" : detail;
    const struct ingest_answer a = {
        .refused = 1, .reason = slice_of(reason), .detail = slice_of(text)};
    tell(p, denied ? "post.denied" : "post.refused", &said, reason, text);
    delivery_answer(p, status, denied ? COUNT_POSTS_DENIED : COUNT_POSTS_REFUSED,
                    denied ? "denied" : "refused", &a);
}

void delivery_busy(struct post *p, const char *why)
{
    static struct log_limit said;
    const char *text = strcmp(why, DELIVERY_NOT_STORED) == 0 ? DELIVERY_NOT_STORED
                           ": post it again later, which does no harm"
                       : strcmp(why, POSTS_UNKNOWN) == 0
                           ? POSTS_UNKNOWN ", so it is not known whether it is kept: post it again "
                                           "later, which does no harm to what has a time of its own"
                           : arena_printf(p->arena, "not kept, post it again later: %s", why);
    const struct ingest_answer a = {.refused = 1,
                                    .reason = slice_of("busy"),
                                    .detail = slice_of(text == NULL ? "out of memory" : text)};
    tell(p, "post.busy", &said, "busy", why);
    reply_retry_after(p->request, POSTS_RETRY_US);
    delivery_answer(p, HTTP_SERVUNAVAIL, COUNT_POSTS_BUSY, "busy", &a);
}

/* ---- what ingestd says ---- */

/* What had no time of its own has the one that mappings know as #received: as RFC 3339 has it. */
static void add_time(struct post *p, const struct delivered_message *m, struct ingest_answer *a)
{
    const char *given = about_of(p)->time;
    char now[WHEN_TEXT];
    when_time_text(p->received_us, now);
    const char *text = given == NULL ? now : given;
    const char *time = arena_printf(p->arena, "%.10sT%sZ", text, text + 11);
    a->undated = m->undated;
    a->time = slice_of(time == NULL ? "" : time);
    a->time_given = given != NULL;
}

static void keep_time(struct post *p, const struct context_query *context)
{
    for (uint32_t i = 0; i < context->count; i++) {
        if (slice_is(context->names[i], "received")) {
            about_of(p)->time = context->values[i].at; /* as when_time_text() has it */
        }
    }
}

static void delivered(struct post *p, const struct delivered_message *m)
{
    static struct log_limit said;
    int64_t wait_us = posts_budget_wait_us(m, daemon_now_us());
    struct ingest_answer a = {.records = m->records,
                              .refused = m->rejected,
                              .ignored = m->exceptions,
                              .reason = arena_copy(p->arena, m->reason),
                              .detail = arena_copy(p->arena, m->detail)};
    a.reason = a.reason.at == NULL ? slice_of("") : a.reason;
    a.detail = a.detail.at == NULL ? slice_of("") : a.detail;
    if (m->undated > 0) {
        add_time(p, m, &a);
    }
    utf8_repair((char *)(uintptr_t)a.detail.at, a.detail.at + a.detail.len); /* it may be cut */
    if (m->rejected > 0) {
        tell(p, "post.rejected", &said,
             arena_printf(p->arena, "%.*s", (int)a.reason.len, a.reason.at),
             arena_printf(p->arena, "%.*s", (int)a.detail.len, a.detail.at));
    }
    if (wait_us > 0) {
        reply_retry_after(p->request, wait_us);
        delivery_answer(p, INGEST_TOO_MANY, COUNT_POSTS_LIMITED, "limited", &a);
    } else if (m->outcome == DELIVERY_REFUSED && slice_starts(m->reason, "denied")) {
        delivery_answer(p, INGEST_FORBIDDEN, COUNT_POSTS_DENIED, "denied", &a);
    } else if (m->outcome == DELIVERY_REFUSED) {
        delivery_answer(p, HTTP_BADREQUEST, COUNT_POSTS_REFUSED, "refused", &a);
    } else if (m->rejected > 0) {
        delivery_answer(p, HTTP_OK, COUNT_POSTS_PARTLY_KEPT, "partly kept", &a);
    } else {
        delivery_answer(p, HTTP_OK, COUNT_POSTS_KEPT, "kept", &a);
    }
}

static void ended(struct post *p)
{
    const struct delivery_about *d = about_of(p);
    struct audit_line line = {.used = 0};
    audit_line_add(&line, "identity", slice_of(connection_identity(p->connection)));
    audit_line_add(&line, "token", slice_of(d->token == NULL ? "" : d->token));
    audit_line_add(&line, "peer", slice_of(connection_peer(p->connection)));
    audit_line_add(&line, "door", slice_of(d->door));
    audit_line_add(&line, "format", slice_of(d->format));
    audit_line_add(&line, "outcome", slice_of(d->outcome == NULL ? "abandoned" : d->outcome));
    audit_log_write(d->gateway->audit, &line, p->begun_us, "records", d->records);
}

static const struct post_kind kind = {delivered, delivery_busy, ended};

/* ---- taking ---- */

static const char *kept_text(struct post *p, const char *text)
{
    struct slice kept = arena_copy(p->arena, slice_of(text));
    return kept.at == NULL ? "" : kept.at;
}

struct post *delivery_begin(const struct door_request *r, const char *door, const char *format,
                            delivery_reply *reply)
{
    struct post *p = post_new(r->gateway->posts, &kind, r->request, r->connection,
                              sizeof(struct delivery_about));
    if (p == NULL) {
        return NULL;
    }
    struct delivery_about *d = about_of(p);
    d->gateway = r->gateway;
    d->reply = reply;
    d->door = door;
    d->format = kept_text(p, format);
    d->token = r->guest->token == NULL ? NULL : kept_text(p, r->guest->token);
    if (r->guest->denied != NULL) {
        delivery_refuse(p, INGEST_FORBIDDEN, "denied", r->guest->denied);
        return NULL;
    }
    if (strlen(r->guest->identity) > LIMIT_SENDER_BYTES - 6) {
        delivery_refuse(p, INGEST_FORBIDDEN, "denied",
                        "your identity is too long to be accounted for");
        return NULL;
    }
    return p;
}

void delivery_send(struct post *p, const struct door_guest *guest, struct slice format,
                   const struct context_query *context, struct slice body)
{
    struct deliver_message m = {.door = DOOR_HTTPS,
                                .sender = slice_of(guest->identity),
                                .place = slice_of(""),
                                .allowed = (struct slice *)(uintptr_t)guest->allowed,
                                .allowed_count = guest->allowed_count,
                                .delivers = (struct slice *)(uintptr_t)guest->delivers,
                                .delivers_count = guest->delivers_count,
                                .format = format};
    if (ingest_accepts_stored(&gateway_of(p)->settings)) {
        /* So that ingestd is the first to say that it takes too long: it knows more. */
        m.stored_within_ms = (uint64_t)(gateway_of(p)->settings.posts.post_timeout_ms * 9 / 10);
    }
    if (context != NULL) {
        keep_time(p, context);
        m.context_names = (struct slice *)(uintptr_t)context->names;
        m.context_values = (struct slice *)(uintptr_t)context->values;
        m.context_names_count = m.context_values_count = context->count;
    }
    post_deliver(p, &m, body);
}
