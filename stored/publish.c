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

static bool handle_publish(struct store *store, struct arena *a, zsock_t *socket,
                           const struct bus_message *request)
{
    struct publish_message m;
    struct published_message result = {0};
    if (publish_decode_all(request->frames[1], a, &m) == -1) {
        refuse("not a publish message");
        return false;
    }
    result.id = m.id;
    bool done = gradings_publish(&store->gradings, &store->pg, &store->params, a, m.document,
                                 record_types_grading(store->types), m.author, &result) == 0;
    if (done) {
        store->old_default = false;
        log_info("grading.published", "version=%" PRIu64 " blocks=%" PRIu64 " author=\"%.*s\"",
                 result.version, result.blocks, (int)m.author.len, m.author.at);
    } else {
        count_add(COUNT_GRADING_REFUSED, 1);
        log_warn("grading.refused", "author=\"%.*s\" error=\"%.*s\"", (int)m.author.len,
                 m.author.at, (int)result.message.len, result.message.at);
    }
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

/* The document in force once more, when what of the record types enters grading has changed. */
static int publish_types(struct store *store)
{
    struct gradings *g = &store->gradings;
    struct slice types = record_types_grading(store->types);
    struct published_message result = {0};
    if (types.len == g->types.len &&
        (types.len == 0 || memcmp(types.at, g->types.at, types.len) == 0)) {
        return 0;
    }
    struct arena *a = arena_new(ARENA_BYTES);
    struct slice document = {NULL, 0};
    if (a != NULL) {
        document = arena_copy(a, (struct slice){g->document.at, g->document.len});
    }
    int rc = document.at == NULL ? 1 : 0;
    if (rc == 0 && gradings_publish(g, &store->pg, &store->params, a, document, types,
                                    slice_of("record types"), &result) == -1) {
        log_error("grading.types", "error=\"%.*s\" effect=\"%s\"", (int)result.message.len,
                  result.message.at, "the types of the version in force stay");
        rc = result.status == ANSWER_INVALID ? 0 : 1;
    } else if (rc == 0) {
        log_info("grading.published", "version=%" PRIu64 " reason=\"other record types\"",
                 result.version);
    }
    arena_free(&a);
    return rc;
}

void publish_check(struct document *d, const char *file)
{
    static const char *const option = "stored.grading_default";
    struct grading_faults faults = {0};
    size_t size;
    char *bytes = file_read(file, LIMIT_DOCUMENT_BYTES, &size);
    struct arena *a = arena_new(GRADING_ARENA_BYTES);
    if (bytes == NULL && errno == EFBIG) {
        document_fault_in(d, option, "expected a file of at most %d bytes", LIMIT_DOCUMENT_BYTES);
    } else if (bytes == NULL) {
        document_expected_in(d, option, file, "a file that can be read");
    } else if (a == NULL) {
        document_fault_in(d, option, "out of memory");
    } else {
        grading_read(a, (struct slice){bytes, size}, &faults);
    }
    for (uint32_t i = 0; i < faults.kept; i++) {
        document_fault_in(d, option, "%s: %s", file, faults.text[i]);
    }
    free(bytes);
    arena_free(&a);
}

/* The default document; the caller frees it. NULL after it was logged why. */
static char *read_default(const struct store *store, size_t *size)
{
    char path[1024];
    const char *file = store->settings->grading_default;
    if (file[0] == '\0') {
        snprintf(path, sizeof path, "%s/grading/default.json", store->schemas_dir);
        file = path;
    }
    char *bytes = file_read(file, LIMIT_DOCUMENT_BYTES, size);
    if (bytes == NULL) {
        log_errno("grading.default", "file=%s", file);
    }
    return bytes;
}

/* As the next version. 0; 1 when the database failed; -1 when it is no good (it was logged why). */
static int publish_document(struct store *store, struct arena *a, struct slice document)
{
    struct published_message result = {0};
    if (gradings_publish(&store->gradings, &store->pg, &store->params, a, document,
                         record_types_grading(store->types), slice_of("default"), &result) == 0) {
        return 0;
    }
    log_error("grading.default", "error=\"%.*s\"", (int)result.message.len, result.message.at);
    for (uint32_t i = 0; i < result.faults_count; i++) {
        log_error("grading.default", "fault=\"%.*s\"", (int)result.faults[i].len,
                  result.faults[i].at);
    }
    return result.status == ANSWER_INVALID ? -1 : 1;
}

static int publish_delivered(struct store *store)
{
    struct arena *a = arena_new(ARENA_BYTES);
    size_t size = 0;
    char *bytes = read_default(store, &size);
    int rc = bytes == NULL ? -1
             : a == NULL   ? 1
                           : publish_document(store, a, (struct slice){bytes, size});
    free(bytes);
    arena_free(&a);
    return rc;
}

/* 1: somebody published a grading; 0; -1: the database. */
static int is_authored(struct store *store)
{
    PGresult *r = pg_rows(&store->pg, SQL_GRADING_AUTHORED, NULL);
    int rc = r == NULL ? -1 : pg_cell_bool(r, 0, 0);
    PQclear(r);
    return rc;
}

int publish_look(struct store *store)
{
    struct gradings *g = &store->gradings;
    int authored = is_authored(store);
    store->old_default = false;
    if (authored != 0) {
        return authored == -1 ? 1 : 0;
    }
    size_t size = 0;
    char *bytes = read_default(store, &size);
    store->old_default =
        bytes != NULL && (size != g->document.len || memcmp(bytes, g->document.at, size) != 0);
    free(bytes);
    return 0;
}

int publish_default(struct store *store)
{
    int rc = store->gradings.version != 0 ? publish_types(store) : publish_delivered(store);
    return rc != 0 ? rc : publish_look(store);
}

int publish_adopt(struct store *store)
{
    int rc = store->old_default ? publish_delivered(store) : 0;
    store->old_default = store->old_default && rc != 0;
    return rc;
}
