/* SPDX-License-Identifier: Apache-2.0 */
/* ROUTER sockets. A question whose answer is not news yet is held. */
#include "stored/access/access_doors.h"

#include <stdlib.h>

#include "common/daemon.h"
#include "common/log.h"
#include "stored/access/access_change.h"
#include "stored/access/people.h"
#include "stored/asker.h"
#include "stored/kept_alerts.h"
#include "stored/maintenance.h"
#include "stored/publish.h"
#include "stored/silence/expected.h"

#define ARENA_BYTES   ((size_t)64 << 20)
#define REQUESTS_ONCE 8 /* then the records have their turn */
#define HIGH_WATER    64
#define HELD          32
#define PEER_BYTES    255
#define LINGER_MS     1000

enum { DOOR_ACCESS, DOOR_KEYS, DOOR_ADMIN, DOOR_ALERTS, DOOR_USERS, ACCESS_DOORS };

/* A question that waits. */
struct held {
    bool used;
    int door;
    char peer[PEER_BYTES];
    size_t peer_size;
    struct access_get_message asked;
    int64_t until_us; /* by the clock */
};

struct access_doors {
    struct store *store;
    zloop_t *loop;
    void (*published)(void);
    zsock_t *socket[ACCESS_DOORS];
    struct held held[HELD];
};

static const char *const endpoints[] = {ENDPOINT_ACCESS, ENDPOINT_KEYS, ENDPOINT_ADMIN,
                                        ENDPOINT_ALERTS, ENDPOINT_USERS};

/* ---- answers ---- */

static bool is_known(const struct store *s)
{
    return pg_is_open(&s->pg) && s->access.version != 0;
}

static bool has_it(const struct store *s, const struct access_get_message *m)
{
    return m->version == s->access.version && m->digest == s->access.digest;
}

static void tell_state(struct access_doors *d, int door, struct slice peer,
                       const struct access_get_message *asked)
{
    static struct log_limit said;
    const struct store *s = d->store;
    const struct bytes *document = door == DOOR_KEYS ? &s->access.whole : &s->access.open;
    struct access_state_message m = {.id = asked->id,
                                     .status = is_known(s) ? ANSWER_OK : ANSWER_UNAVAILABLE,
                                     .message = slice_of(is_known(s) ? "" : "the database is away"),
                                     .version = s->access.version,
                                     .digest = s->access.digest,
                                     .document = slice_of("")};
    if (is_known(s) && !has_it(s, asked)) {
        m.document = (struct slice){document->at, document->len};
    }
    struct pack p;
    pack_init(&p);
    access_state_encode(&p, &m);
    asker_tell(d->socket[door], peer, &p, "access.answer", &said);
}

static void release(struct access_doors *d, struct held *h)
{
    h->used = false;
    tell_state(d, h->door, (struct slice){h->peer, h->peer_size}, &h->asked);
}

/* One question of each asker; of too many the last are left without an answer, and ask again. */
static void hold(struct access_doors *d, int door, struct slice peer,
                 const struct access_get_message *m)
{
    struct held *place = NULL;
    for (struct held *h = d->held; h < d->held + HELD; h++) {
        bool same =
            h->used && h->door == door && slice_equal((struct slice){h->peer, h->peer_size}, peer);
        if (same || (!h->used && place == NULL)) {
            place = h;
        }
        if (same) {
            break;
        }
    }
    if (place != NULL && peer.len <= PEER_BYTES) {
        *place = (struct held){.used = true,
                               .door = door,
                               .peer_size = peer.len,
                               .asked = *m,
                               .until_us = daemon_clock_us() + ACCESS_HELD_MS * INT64_C(1000)};
        memcpy(place->peer, peer.at, peer.len);
    }
}

static void handle_get(struct access_doors *d, int door, struct slice peer,
                       const struct access_get_message *m)
{
    if (is_known(d->store) && has_it(d->store, m)) {
        hold(d, door, peer, m);
    } else {
        tell_state(d, door, peer, m);
    }
}

void access_doors_tick(struct access_doors *d)
{
    int64_t clock_us = daemon_clock_us();
    for (struct held *h = d->held; h < d->held + HELD; h++) {
        if (h->used &&
            (clock_us >= h->until_us || !is_known(d->store) || !has_it(d->store, &h->asked))) {
            release(d, h);
        }
    }
}

/* ---- what only the operator asks ---- */

static void handle_change(struct access_doors *d, struct arena *a, struct slice peer,
                          const struct access_change_message *m)
{
    static struct log_limit said;
    struct access_changed_message answer = {.id = m->id};
    struct pack p;
    if (access_change_do(d->store, a, m, &answer)) {
        access_doors_tick(d);
    }
    pack_init(&p);
    access_changed_encode(&p, &answer);
    asker_tell(d->socket[DOOR_ADMIN], peer, &p, "access.answer", &said);
}

static void handle_past(struct access_doors *d, struct arena *a, struct slice peer,
                        const struct access_past_message *m)
{
    static struct log_limit said;
    struct access_history_message answer = {.id = m->id};
    PGresult *rows = NULL;
    struct pack p;
    access_change_list(d->store, a, m, &answer, &rows);
    pack_init(&p);
    access_history_encode(&p, &answer);
    asker_tell(d->socket[DOOR_ADMIN], peer, &p, "access.answer", &said);
    PQclear(rows);
}

static void handle_maintain(struct access_doors *d, struct arena *a, struct slice peer,
                            const struct maintain_message *m)
{
    static struct log_limit said;
    struct maintained_message answer = {.id = m->id};
    PGresult *rows = NULL;
    struct pack p;
    maintenance_do(d->store, a, m, &answer, &rows);
    pack_init(&p);
    maintained_encode(&p, &answer);
    asker_tell(d->socket[DOOR_ADMIN], peer, &p, "maintenance.answer", &said);
    PQclear(rows);
}

static void handle_expect(struct access_doors *d, struct arena *a, struct slice peer,
                          const struct expect_message *m)
{
    static struct log_limit said;
    struct expected_message answer = {.id = m->id};
    PGresult *rows = NULL;
    struct pack p;
    expected_do(d->store, a, m, &answer, &rows);
    pack_init(&p);
    expected_encode(&p, &answer);
    asker_tell(d->socket[DOOR_ADMIN], peer, &p, "expected.answer", &said);
    PQclear(rows);
}

static void handle_user(struct access_doors *d, struct slice peer, const struct user_message *m)
{
    static struct log_limit said;
    struct user_state_message answer = {.id = m->id};
    PGresult *rows = NULL;
    struct pack p;
    people_user(d->store, m, &answer, &rows);
    pack_init(&p);
    user_state_encode(&p, &answer);
    asker_tell(d->socket[DOOR_ADMIN], peer, &p, "user.answer", &said);
    PQclear(rows);
}

/* ---- what only webd asks ---- */

static void handle_session(struct access_doors *d, struct slice peer,
                           const struct session_message *m)
{
    static struct log_limit said;
    struct session_state_message answer = {.id = m->id};
    PGresult *rows = NULL;
    struct pack p;
    people_session(d->store, m, &answer, &rows);
    pack_init(&p);
    session_state_encode(&p, &answer);
    asker_tell(d->socket[DOOR_USERS], peer, &p, "session.answer", &said);
    PQclear(rows);
}

/* For who may; that is webd's to know, as it is the gateway's. */
static void handle_publish(struct access_doors *d, struct arena *a, struct slice peer,
                           const struct publish_message *m)
{
    static struct log_limit said;
    struct published_message answer = {0};
    struct pack p;
    if (publish_do(d->store, a, m, &answer)) {
        d->published();
    }
    pack_init(&p);
    published_encode(&p, &answer);
    asker_tell(d->socket[DOOR_USERS], peer, &p, "grading.answer", &said);
}

/* ---- what only alertd says ---- */

static void handle_alerts(struct access_doors *d, struct slice peer, const struct alerts_message *m)
{
    static struct log_limit said;
    struct alerts_kept_message answer = {.id = m->id};
    struct pack p;
    kept_alerts_put(d->store, m, &answer);
    pack_init(&p);
    alerts_kept_encode(&p, &answer);
    asker_tell(d->socket[DOOR_ALERTS], peer, &p, "alerts.answer", &said);
}

/* ---- questions ---- */

/* Of the operator's. False: it is none of them. */
static bool handle_admin(struct access_doors *d, struct arena *a, struct slice peer, int number,
                         struct slice frame)
{
    struct access_change_message change;
    struct access_past_message past;
    struct maintain_message maintain;
    struct expect_message expect;
    struct user_message user;
    if (number == MESSAGE_access_change && access_change_decode_all(frame, a, &change) == 0) {
        handle_change(d, a, peer, &change);
    } else if (number == MESSAGE_access_past && access_past_decode_all(frame, a, &past) == 0) {
        handle_past(d, a, peer, &past);
    } else if (number == MESSAGE_maintain && maintain_decode_all(frame, a, &maintain) == 0) {
        handle_maintain(d, a, peer, &maintain);
    } else if (number == MESSAGE_expect && expect_decode_all(frame, a, &expect) == 0) {
        handle_expect(d, a, peer, &expect);
    } else if (number == MESSAGE_user && user_decode_all(frame, a, &user) == 0) {
        handle_user(d, peer, &user);
    } else {
        return false;
    }
    return true;
}

/* Of webd's. False: it is none of them. */
static bool handle_web(struct access_doors *d, struct arena *a, struct slice peer, int number,
                       struct slice frame)
{
    struct session_message session;
    struct publish_message publish;
    if (number == MESSAGE_session && session_decode_all(frame, a, &session) == 0) {
        handle_session(d, peer, &session);
    } else if (number == MESSAGE_publish && publish_decode_all(frame, a, &publish) == 0) {
        handle_publish(d, a, peer, &publish);
    } else {
        return false;
    }
    return true;
}

static void handle(struct access_doors *d, int door, struct arena *a,
                   const struct bus_message *request)
{
    static struct log_limit said;
    struct access_get_message get;
    struct alerts_message alerts;
    struct slice peer = request->frames[0];
    struct slice frame = request->count == 2 ? request->frames[1] : slice_of("");
    int number = request->count == 2 ? message_number(frame) : -1;
    bool for_rules = door != DOOR_ALERTS && door != DOOR_USERS;
    if (door == DOOR_ALERTS && number == MESSAGE_alerts &&
        alerts_decode_all(frame, a, &alerts) == 0) {
        handle_alerts(d, peer, &alerts);
    } else if (for_rules && number == MESSAGE_access_get &&
               access_get_decode_all(frame, a, &get) == 0) {
        handle_get(d, door, peer, &get);
    } else if ((door != DOOR_ADMIN || !handle_admin(d, a, peer, number, frame)) &&
               (door != DOOR_USERS || !handle_web(d, a, peer, number, frame)) &&
               log_allowed(&said, 5)) {
        log_warn("access.request", "endpoint=%s error=\"not a message for it\"", endpoints[door]);
    }
}

static int on_request(zloop_t *loop, zsock_t *reader, void *context)
{
    struct access_doors *d = context;
    struct bus_message request;
    struct arena *a = arena_new(ARENA_BYTES);
    int door = 0, rc;
    (void)loop;
    while (d->socket[door] != reader) {
        door++;
    }
    for (int i = 0; a != NULL && i < REQUESTS_ONCE && (rc = bus_receive(reader, &request)) != 1;
         i++) {
        if (rc == 0) {
            handle(d, door, a, &request);
            bus_release(&request);
        }
        arena_reset(a);
    }
    arena_free(&a);
    return 0;
}

struct access_doors *access_doors_new(struct store *s, zloop_t *loop, void (*published)(void))
{
    struct access_doors *d = calloc(1, sizeof *d);
    if (d == NULL) {
        log_error("access.start", "error=\"out of memory\"");
        return NULL;
    }
    d->store = s;
    d->loop = loop;
    d->published = published;
    for (int i = 0; i < ACCESS_DOORS; i++) {
        d->socket[i] = bus_bind(ZMQ_ROUTER, endpoints[i], HIGH_WATER);
        if (d->socket[i] == NULL) {
            access_doors_free(&d);
            return NULL;
        }
        zsock_set_linger(d->socket[i], LINGER_MS);
        if (zloop_reader(loop, d->socket[i], on_request, d) == -1) {
            log_error("access.start", "error=\"memory is out\"");
            access_doors_free(&d);
            return NULL;
        }
    }
    return d;
}

void access_doors_free(struct access_doors **d)
{
    if (*d == NULL) {
        return;
    }
    for (int i = 0; i < ACCESS_DOORS; i++) {
        if ((*d)->socket[i] != NULL) {
            zloop_reader_end((*d)->loop, (*d)->socket[i]);
            zsock_destroy(&(*d)->socket[i]);
        }
    }
    free(*d);
    *d = NULL;
}
