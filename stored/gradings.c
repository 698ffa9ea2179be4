/* Publishing a grading: checked whole, numbered, kept for ever. stored is the only one that does
 * it. */
#include "stored/gradings.h"

#include <stdlib.h>

#include "common/grow.h"
#include "common/log.h"

static int load_names(struct gradings *g, struct pg *pg)
{
    PGresult *r = pg_rows(pg, SQL_GRADE_NAMES, NULL);
    if (r == NULL) {
        return -1;
    }
    int rc = 0;
    for (int i = g->name_count; i < PQntuples(r) && rc == 0; i++) {
        struct slice name = pg_cell_text(r, i, 1);
        if (pg_cell_16(r, i, 0) != i + 1 || i == GRADE_NAMES ||
            (g->name[i] = strndup(name.at, name.len)) == NULL) {
            log_error("grading.names", "error=\"table grade_name is not numbered from 1\"");
            rc = -1;
        } else {
            g->name_count++;
        }
    }
    PQclear(r);
    return rc;
}

static int load_editions(struct gradings *g, struct pg *pg, struct pg_params *params)
{
    pg_params_begin(params);
    pg_add_32(params,
              g->edition_count == 0 ? 0 : (int32_t)g->editions[g->edition_count - 1].version);
    PGresult *r = pg_rows(pg, SQL_GRADING_DIGESTS, params);
    if (r == NULL) {
        return -1;
    }
    int rc = 0;
    for (int i = 0; i < PQntuples(r) && rc == 0; i++) {
        struct grading_edition *at =
            grow(g->editions, g->edition_count, &g->edition_size, sizeof *at);
        rc = at == NULL ? -1 : 0;
        if (at != NULL) {
            g->editions = at;
            at[g->edition_count++] = (struct grading_edition){(uint32_t)pg_cell_32(r, i, 0),
                                                              (uint64_t)pg_cell_64(r, i, 1)};
        }
    }
    PQclear(r);
    return rc;
}

static int load_newest(struct gradings *g, struct pg *pg)
{
    PGresult *r = pg_rows(pg, SQL_GRADING_LATEST, NULL);
    if (r == NULL) {
        return -1;
    }
    int rc = 0;
    if (PQntuples(r) == 1) {
        g->document.len = 0;
        g->types.len = 0;
        bytes_put(&g->document, pg_cell_text(r, 0, 1));
        bytes_put(&g->types, pg_cell_text(r, 0, 2));
        rc = g->document.failed || g->types.failed ? -1 : 0;
        g->version = (uint32_t)pg_cell_32(r, 0, 0);
        g->digest = g->editions[g->edition_count - 1].digest;
    }
    PQclear(r);
    return rc;
}

/* What came since it was read last. */
static int load_more(struct gradings *g, struct pg *pg, struct pg_params *params)
{
    return load_names(g, pg) == -1 || load_editions(g, pg, params) == -1 ||
                   (g->edition_count > 0 && load_newest(g, pg) == -1)
               ? -1
               : 0;
}

int gradings_load(struct gradings *g, struct pg *pg, struct pg_params *params)
{
    gradings_release(g);
    return load_more(g, pg, params);
}

void gradings_release(struct gradings *g)
{
    for (uint16_t i = 0; i < g->name_count; i++) {
        free(g->name[i]);
    }
    bytes_release(&g->document);
    bytes_release(&g->types);
    free(g->editions);
    memset(g, 0, sizeof *g);
}

bool gradings_have(const struct gradings *g, uint64_t version, uint64_t digest)
{
    uint32_t low = 0, high = g->edition_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (g->editions[middle].version < version) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < g->edition_count && g->editions[low].version == version &&
           (digest == 0 || g->editions[low].digest == digest);
}

uint16_t gradings_name(const struct gradings *g, struct slice name)
{
    for (uint16_t i = 0; i < g->name_count; i++) {
        if (slice_is(name, g->name[i])) {
            return (uint16_t)(i + 1);
        }
    }
    return 0;
}

/* Numbers for names that no grading had before. 0; 1: there would be too many; -1: the database. */
static int add_names(const struct gradings *g, struct pg *pg, struct pg_params *params,
                     const struct grading *grading)
{
    int id = g->name_count;
    for (uint32_t i = 0; i < grading->name_count; i++) {
        if (gradings_name(g, grading->names[i]) != 0) {
            continue;
        }
        if (++id > GRADE_NAMES) {
            return 1;
        }
        pg_params_begin(params);
        pg_add_16(params, (int16_t)id);
        pg_add_bytes(params, grading->names[i]);
        if (pg_run(pg, SQL_GRADE_NAME_ADD, params) == -1) {
            return -1;
        }
    }
    return 0;
}

static int write_grading(const struct gradings *g, struct pg *pg, struct pg_params *params,
                         const struct grading *grading, struct slice document, struct slice types,
                         struct slice author)
{
    int rc = pg_do(pg, "BEGIN");
    if (rc == 0) {
        rc = add_names(g, pg, params, grading);
    }
    if (rc == 0) {
        pg_params_begin(params);
        pg_add_32(params, (int32_t)g->version + 1);
        pg_add_bytes(params, document);
        pg_add_32(params, (int32_t)grading->block_count);
        pg_add_bytes(params, author);
        pg_add_bytes(params, types);
        rc = pg_run(pg, SQL_GRADING_ADD, params);
    }
    if (rc == 0) {
        rc = pg_commit(pg);
    }
    if (rc != 0) {
        pg_rollback(pg);
    }
    return rc;
}

static void say_faults(struct arena *a, const struct grading_faults *faults,
                       struct published_message *answer)
{
    answer->status = ANSWER_INVALID;
    answer->message = slice_of(arena_printf(a, "the document has %u %s", faults->count,
                                            faults->count == 1 ? "fault" : "faults"));
    answer->faults = arena_calloc(a, faults->kept, sizeof *answer->faults);
    for (uint32_t i = 0; answer->faults != NULL && i < faults->kept; i++) {
        answer->faults[i] = slice_of(faults->text[i]);
        if (answer->faults[i].len > LIMIT_TEXT_BYTES) {
            answer->faults[i].len = LIMIT_TEXT_BYTES;
        }
        answer->faults_count = i + 1;
    }
}

static int say(struct published_message *answer, enum answer_status status, const char *text)
{
    answer->status = status;
    answer->message = slice_of(text);
    return -1;
}

int gradings_publish(struct gradings *g, struct pg *pg, struct pg_params *params, struct arena *a,
                     struct slice document, struct slice types, struct slice author,
                     struct published_message *answer)
{
    struct grading_faults faults = {0};
    const struct grading *grading = grading_read(a, document, &faults);
    if (grading == NULL) {
        say_faults(a, &faults, answer);
        return -1;
    }
    if (!pg_is_open(pg)) {
        return say(answer, ANSWER_UNAVAILABLE, "the database is away");
    }
    int rc = write_grading(g, pg, params, grading, document, types, author);
    if (rc == 1) {
        return say(answer, ANSWER_INVALID, "grading: more than 1000 grade names over all versions");
    }
    if (rc == -1) {
        log_error("grading.write", "sqlstate=%s error=\"%s\"", pg->sqlstate, pg->message);
        return say(answer, pg->fault == PG_DATA ? ANSWER_INVALID : ANSWER_UNAVAILABLE,
                   pg->fault == PG_DATA ? "the database refuses this text" : "the database failed");
    }
    if (load_more(g, pg, params) == -1) {
        pg_close(pg); /* what is in force is read again with the next connection */
        return say(answer, ANSWER_UNAVAILABLE, "published, but the database failed afterwards");
    }
    answer->status = ANSWER_OK;
    answer->message = slice_of("published");
    answer->version = g->version;
    answer->blocks = grading->block_count;
    return 0;
}
