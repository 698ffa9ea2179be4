/* SPDX-License-Identifier: Apache-2.0 */
/* The ROUTER socket: one question, one answer. */
#include "stored/publish.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/grading.h"
#include "common/log.h"
#include "stored/adopt.h"
#include "stored/asker.h"
#include "stored/beside/rebuild.h"

#define ARENA_BYTES   ((size_t)64 << 20)
#define REQUESTS_ONCE 8 /* then the records have their turn */

static void answer(zsock_t *socket, struct slice identity, const struct published_message *m)
{
    static struct log_limit said;
    struct pack p;
    pack_init(&p);
    published_encode(&p, m);
    asker_tell(socket, identity, &p, "grading.answer", &said);
}

/* What is no request, or none that can be read. */
static void refuse(const char *error)
{
    static struct log_limit said;
    if (log_allowed(&said, 5)) {
        log_warn("store.request", "error=\"%s\"", error);
    }
}

bool publish_do(struct store *store, struct arena *a, const struct publish_message *m,
                struct published_message *result)
{
    const struct grading_given given = {m->document, record_types_grading(store->types), m->author,
                                        m->comment, m->over};
    result->id = m->id;
    bool done = gradings_publish(&store->gradings, &store->arrival, &store->pg, &store->params, a,
                                 &given, result) == 0;
    if (done) {
        store->old_default = false;
        log_info("grading.published", "version=%" PRIu64 " blocks=%" PRIu64 " author=\"%.*s\"",
                 result->version, result->blocks, (int)m->author.len, m->author.at);
    } else {
        count_add(COUNT_GRADING_REFUSED, 1);
        log_warn("grading.refused", "author=\"%.*s\" error=\"%.*s\"", (int)m->author.len,
                 m->author.at, (int)result->message.len, result->message.at);
    }
    return done;
}

static bool handle_publish(struct store *store, struct arena *a, zsock_t *socket,
                           const struct bus_message *request)
{
    struct publish_message m;
    struct published_message result = {0};
    if (publish_decode_all(request->frames[1], a, &m) == -1) {
        refuse("not a publish message");
        return false;
    }
    bool done = publish_do(store, a, &m, &result);
    answer(socket, request->frames[0], &result);
    return done;
}

static void handle_rebuild(struct store *store, struct arena *a, zsock_t *socket,
                           const struct bus_message *request)
{
    struct rebuild_message m;
    if (rebuild_decode_all(request->frames[1], a, &m) == -1) {
        refuse("not a rebuild message");
    } else {
        rebuild_request(store->rebuild, socket, request->frames[0], &m);
    }
}

static bool handle_adopt(struct store *store, struct arena *a, zsock_t *socket,
                         const struct bus_message *request)
{
    struct adopt_message m;
    if (adopt_decode_all(request->frames[1], a, &m) == -1) {
        refuse("not an adopt message");
        return false;
    }
    return adopt_request(store, a, socket, request->frames[0], &m);
}

static void handle_cancel(struct store *store, struct arena *a, const struct bus_message *request)
{
    struct cancel_message m;
    if (cancel_decode_all(request->frames[1], a, &m) == -1) {
        refuse("not a cancel message");
    } else {
        rebuild_cancel(store->rebuild, request->frames[0], m.id);
    }
}

static bool handle(struct store *store, struct arena *a, zsock_t *socket,
                   const struct bus_message *request)
{
    switch (request->count == 2 ? message_number(request->frames[1]) : -1) {
    case MESSAGE_publish:
        return handle_publish(store, a, socket, request);
    case MESSAGE_rebuild:
        handle_rebuild(store, a, socket, request);
        return false;
    case MESSAGE_cancel:
        handle_cancel(store, a, request);
        return false;
    case MESSAGE_adopt:
        return handle_adopt(store, a, socket, request);
    default:
        refuse("expected a publish, rebuild, cancel or adopt message");
        return false;
    }
}

bool publish_requests(struct store *store, zsock_t *socket)
{
    bool changed = false;
    struct bus_message request;
    struct arena *a = arena_new(ARENA_BYTES);
    int rc;
    for (int i = 0; a != NULL && i < REQUESTS_ONCE && (rc = bus_receive(socket, &request)) != 1;
         i++) {
        if (rc == 0) {
            changed = handle(store, a, socket, &request) || changed;
            bus_release(&request);
        }
        arena_reset(a);
    }
    arena_free(&a);
    return changed;
}
