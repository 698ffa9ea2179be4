/* SPDX-License-Identifier: Apache-2.0 */
/* A window of deliveries under way, found by their numbers. */
#include "ingest-gw/remote/remote_outbox.h"

#include <stdlib.h>

#include "common/daemon.h"
#include "common/door/link.h"
#include "common/log.h"

#define AT_ONCE       64 /* as many as wait on ingestd's side of the socket */
#define HIGH_WATER    64
#define PATIENCE_US   INT64_C(15000000) /* then an answer is not waited for any more */
#define BUSY_US       INT64_C(1000000)  /* after ingestd said so, nothing is sent for so long */
#define REFUSED_MOST  256               /* that wait */
#define MESSAGE_BYTES ((size_t)1 << 20)

/* What came too late. */
struct outbox_refused {
    struct outbox_refused *next;
    struct slice door, text; /* behind this struct */
    const char *why;         /* a constant */
};

struct outbox_place {
    uint64_t id; /* 0: it is free */
    const struct assembly_group *group;
    struct outbox_refused *refused; /* or this */
    int64_t until_us;
};

struct remote_outbox {
    struct link ingest;
    const struct outbox_kind *kind;
    struct outbox_place places[AT_ONCE];
    uint64_t last_id;
    int64_t not_before_us;
    struct outbox_refused *first, **end;
    uint32_t refused;
    struct arena *arena;
    uint64_t malformed;
};

/* ---- sending ---- */

static struct outbox_place *free_place(struct remote_outbox *o)
{
    for (int i = 0; i < AT_ONCE; i++) {
        if (o->places[i].id == 0) {
            return &o->places[i];
        }
    }
    return NULL;
}

/* 0, or -1: it could not be sent now. */
static int send_document(struct remote_outbox *o, uint64_t id, struct slice door, struct slice text,
                         const char *why)
{
    struct deliver_message m;
    struct pack head;
    arena_reset(o->arena);
    if (deliver_decode_all(door, o->arena, &m) == -1) {
        log_error("remote.door", "error=\"cannot be read\"");
        return -1;
    }
    m.id = id;
    m.received_us = daemon_now_us();
    m.late = slice_of(why);
    pack_init(&head);
    deliver_encode(&head, &m);
    const struct slice frames[] = {pack_bytes(&head), text};
    int rc = pack_ok(&head) ? link_send(&o->ingest, frames, 2) : -1;
    pack_release(&head);
    return rc;
}

static struct outbox_refused *take_refused(struct remote_outbox *o)
{
    struct outbox_refused *r = o->first;
    if (r != NULL) {
        o->first = r->next;
        o->end = o->first == NULL ? &o->first : o->end;
    }
    return r;
}

static void put_refused_back(struct remote_outbox *o, struct outbox_refused *r)
{
    r->next = o->first;
    o->end = o->first == NULL ? &r->next : o->end;
    o->first = r;
}

/* Into a free place. -1: there is nothing, or it cannot be sent. */
static int send_next(struct remote_outbox *o, struct outbox_place *p)
{
    struct outbox_place taken = {.id = o->last_id + 1,
                                 .refused = take_refused(o),
                                 .until_us = daemon_clock_us() + PATIENCE_US};
    taken.group = taken.refused == NULL ? o->kind->next(o->kind->context) : NULL;
    if (taken.refused == NULL && taken.group == NULL) {
        return -1;
    }
    int rc = taken.refused != NULL
                 ? send_document(o, taken.id, taken.refused->door, taken.refused->text,
                                 taken.refused->why)
                 : send_document(o, taken.id, taken.group->door, taken.group->text, "");
    if (rc == 0) {
        o->last_id++;
        *p = taken;
    } else if (taken.refused != NULL) {
        put_refused_back(o, taken.refused);
    } else {
        o->kind->again(o->kind->context, taken.group);
    }
    return rc;
}

void outbox_send(struct remote_outbox *o)
{
    struct outbox_place *p = NULL;
    if (daemon_clock_us() < o->not_before_us) {
        return;
    }
    do {
        p = free_place(o);
    } while (p != NULL && send_next(o, p) == 0);
}

/* ---- what ingestd says ---- */

static void free_refused(struct remote_outbox *o, struct outbox_refused *r)
{
    o->refused--;
    free(r);
}

/* Takes what is there out of its place, to be sent again. */
static void send_again(struct remote_outbox *o, struct outbox_place *p)
{
    struct outbox_place was = *p;
    *p = (struct outbox_place){.id = 0};
    if (was.refused != NULL) {
        put_refused_back(o, was.refused);
    } else {
        o->kind->again(o->kind->context, was.group);
    }
}

static void settle(struct remote_outbox *o, struct outbox_place *p,
                   const struct delivered_message *m)
{
    struct outbox_place was = *p;
    *p = (struct outbox_place){.id = 0};
    if (was.refused != NULL) {
        free_refused(o, was.refused);
    } else {
        o->kind->done(o->kind->context, was.group, m);
    }
}

static void take_answer(const struct link *link, struct slice bytes)
{
    struct remote_outbox *o = link->context;
    struct delivered_message m;
    if (delivered_decode_all(bytes, NULL, &m) == -1) {
        ++*o->kind->malformed;
        return;
    }
    for (int i = 0; i < AT_ONCE; i++) {
        struct outbox_place *p = &o->places[i];
        if (p->id == 0 || p->id != m.id) {
            continue;
        }
        if (m.outcome == DELIVERY_BUSY) {
            o->not_before_us = daemon_clock_us() + BUSY_US;
            send_again(o, p);
        } else {
            settle(o, p, &m);
        }
        break;
    }
    outbox_send(o);
}

void outbox_tick(struct remote_outbox *o)
{
    int64_t now_us = daemon_clock_us();
    link_drain(&o->ingest);
    for (int i = 0; i < AT_ONCE; i++) {
        if (o->places[i].id != 0 && o->places[i].until_us <= now_us) {
            send_again(o, &o->places[i]);
        }
    }
    outbox_send(o);
}

/* ---- its life ---- */

struct remote_outbox *outbox_new(struct event_base *base, const struct outbox_kind *kind)
{
    struct remote_outbox *o = calloc(1, sizeof *o);
    if (o == NULL) {
        log_error("remote.outbox", "error=\"out of memory\"");
        return NULL;
    }
    o->kind = kind;
    o->end = &o->first;
    o->arena = arena_new(MESSAGE_BYTES);
    o->ingest = (struct link){.base = base,
                              .context = o,
                              .endpoint = ENDPOINT_DELIVER,
                              .peer = "ingestd",
                              .take = take_answer,
                              .malformed = kind->malformed,
                              .high_water = HIGH_WATER,
                              .only_present = true};
    if (o->arena == NULL || link_open(&o->ingest) == -1) {
        outbox_free(&o);
    }
    return o;
}

void outbox_free(struct remote_outbox **o)
{
    struct outbox_refused *r;
    if (*o == NULL) {
        return;
    }
    for (int i = 0; i < AT_ONCE; i++) {
        if ((*o)->places[i].id != 0) {
            free((*o)->places[i].refused);
        }
    }
    while ((r = take_refused(*o)) != NULL) {
        free(r);
    }
    link_close(&(*o)->ingest);
    arena_free(&(*o)->arena);
    free(*o);
    *o = NULL;
}

int outbox_refuse(struct remote_outbox *o, struct slice door, struct slice text, const char *why)
{
    struct outbox_refused *r =
        o->refused == REFUSED_MOST ? NULL : malloc(sizeof *r + door.len + text.len);
    if (r == NULL) {
        return -1;
    }
    char *room = (char *)(r + 1);
    *r = (struct outbox_refused){
        .door = {room, door.len}, .text = {room + door.len, text.len}, .why = why};
    memcpy(room, door.at, door.len);
    memcpy(room + door.len, text.at, text.len);
    *o->end = r;
    o->end = &r->next;
    o->refused++;
    outbox_send(o);
    return 0;
}
