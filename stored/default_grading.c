/* SPDX-License-Identifier: Apache-2.0 */
/* The grading of a store that nobody has published one for. */
#include "stored/default_grading.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/grading.h"
#include "common/log.h"

#define ARENA_BYTES ((size_t)64 << 20)

/* Whether this is what is kept with the version in force, with the time zones that it names. */
static bool is_kept(const struct gradings *g, struct arena *a, struct slice types)
{
    struct grading_faults faults;
    const struct grading *grading =
        grading_read(a, (struct slice){g->document.at, g->document.len}, &faults);
    struct slice kept = types;
    if (grading != NULL && gradings_kept(a, grading, types, &kept) == -1) {
        kept = types;
    }
    return kept.len == g->types.len &&
           (kept.len == 0 || memcmp(kept.at, g->types.at, kept.len) == 0);
}

/* The document in force once more, when what of the record types or time zones enters grading has
 * changed. */
static int publish_types(struct store *store)
{
    struct gradings *g = &store->gradings;
    struct slice types = record_types_grading(store->types);
    struct published_message result = {0};
    struct slice document = {NULL, 0};
    struct arena *a = arena_new(ARENA_BYTES);
    if (a != NULL && is_kept(g, a, types)) {
        arena_free(&a);
        return 0;
    }
    if (a != NULL) {
        arena_reset(a);
        document = arena_copy(a, (struct slice){g->document.at, g->document.len});
    }
    const struct grading_given given = {document, types, slice_of("record types"), slice_of("")};
    int rc = document.at == NULL ? 1 : 0;
    if (rc == 0 && gradings_publish(g, &store->arrival, &store->pg, &store->params, a, &given,
                                    &result) == -1) {
        log_error("grading.types", "error=\"%.*s\" effect=\"%s\"", (int)result.message.len,
                  result.message.at, "what is kept with the version in force stays");
        rc = result.status == ANSWER_INVALID ? 0 : 1;
    } else if (rc == 0) {
        log_info("grading.published", "version=%" PRIu64 " reason=\"other record types\"",
                 result.version);
    }
    arena_free(&a);
    return rc;
}

void default_grading_check(struct document *d, const char *file)
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
    const struct grading_given given = {document, record_types_grading(store->types),
                                        slice_of("default"), slice_of("")};
    struct published_message result = {0};
    if (gradings_publish(&store->gradings, &store->arrival, &store->pg, &store->params, a, &given,
                         &result) == 0) {
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

int default_grading_look(struct store *store)
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

int default_grading_publish(struct store *store)
{
    int rc = store->gradings.version != 0 ? publish_types(store) : publish_delivered(store);
    return rc != 0 ? rc : default_grading_look(store);
}

int default_grading_adopt(struct store *store)
{
    int rc = store->old_default ? publish_delivered(store) : 0;
    store->old_default = store->old_default && rc != 0;
    return rc;
}
