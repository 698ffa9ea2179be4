/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing a grading: checked whole, numbered, kept for ever. stored is the only one that does
 * it. */
#include "stored/cache/gradings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/grow.h"
#include "common/log.h"
#include "common/pattern.h"
#include "stored/db/sql.h"
#include "stored/feed.h"

static void forget_names(struct gradings *g)
{
    for (uint16_t i = 0; i < g->name_count; i++) {
        free(g->name[i]);
        g->name[i] = NULL;
    }
    g->name_count = 0;
}

/* All of them: some may have gone, and their numbers be others'. */
static int load_names(struct gradings *g, struct pg *pg)
{
    PGresult *r = pg_rows(pg, SQL_GRADE_NAMES, NULL);
    if (r == NULL) {
        return -1;
    }
    forget_names(g);
    int rc = 0;
    for (int i = 0; i < PQntuples(r) && rc == 0; i++) {
        int16_t id = pg_cell_16(r, i, 0);
        struct slice name = pg_cell_text(r, i, 1);
        if (id <= g->name_count || id > GRADE_NAMES ||
            (g->name[id - 1] = strndup(name.at, name.len)) == NULL) {
            log_error("grading.names", "id=%d expected=\"rising numbers from 1 to %d\"", id,
                      GRADE_NAMES);
            snprintf(pg->message, sizeof pg->message, "grade names cannot be read");
            rc = -1;
        } else {
            g->name_count = (uint16_t)id;
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

static struct steady_terms terms_of(struct slice array)
{
    struct steady_terms terms;
    uint32_t number[STEADY_TERM_NUMBERS] = {0};
    _Static_assert(sizeof terms == sizeof number, "as many numbers");
    for (size_t i = 0; i < STEADY_TERM_NUMBERS && array.len >= 28 + 8 * i; i++) {
        number[i] = bytes_get_32(array.at + 24 + 8 * i); /* behind the head, and its length */
    }
    memcpy(&terms, number, sizeof terms);
    return terms;
}

static int load_steady(struct gradings *g, struct pg *pg, struct pg_params *params)
{
    pg_params_begin(params);
    pg_add_32(params, g->steady_count == 0 ? 0 : (int32_t)g->steady[g->steady_count - 1].version);
    PGresult *r = pg_rows(pg, SQL_STEADY_TERMS, params);
    if (r == NULL) {
        return -1;
    }
    int rc = 0;
    for (int i = 0; i < PQntuples(r) && rc == 0; i++) {
        struct grading_steady *at = grow(g->steady, g->steady_count, &g->steady_size, sizeof *at);
        rc = at == NULL ? -1 : 0;
        if (at != NULL) {
            g->steady = at;
            at[g->steady_count++] = (struct grading_steady){(uint32_t)pg_cell_32(r, i, 0),
                                                            (uint32_t)pg_cell_16(r, i, 1),
                                                            terms_of(pg_cell_text(r, i, 2))};
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
                   load_steady(g, pg, params) == -1 ||
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
    forget_names(g);
    bytes_release(&g->document);
    bytes_release(&g->types);
    free(g->editions);
    free(g->steady);
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

const struct steady_terms *gradings_terms(const struct gradings *g, uint64_t version,
                                          uint32_t place)
{
    uint32_t low = 0, high = place == 0 ? 0 : g->steady_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct grading_steady *at = &g->steady[middle];
        if (at->version < version || (at->version == version && at->place < place)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = place != 0 && low < g->steady_count && g->steady[low].version == version &&
                 g->steady[low].place == place;
    return found ? &g->steady[low].terms : NULL;
}

uint16_t gradings_name(const struct gradings *g, struct slice name)
{
    for (uint16_t i = 0; i < g->name_count; i++) {
        if (g->name[i] != NULL && slice_is(name, g->name[i])) {
            return (uint16_t)(i + 1);
        }
    }
    return 0;
}

const char *gradings_name_text(const struct gradings *g, int id)
{
    const char *name = id >= 1 && id <= g->name_count ? g->name[id - 1] : NULL;
    return name == NULL ? "?" : name;
}

static void put_names(struct pg_params *params, int column, const struct grading *grading)
{
    for (uint32_t i = 0; i < grading->name_count; i++) {
        pg_put_bytes(params, column, grading->names[i]);
    }
}

/*
 * Names that neither this grading nor the one in force has, and no record ever had, go; their
 * numbers are not taken any more. None go where the document in force cannot be read. 0; -1: the
 * database.
 */
static int free_names(const struct gradings *g, struct pg *pg, struct pg_params *params,
                      struct arena *a, const struct grading *grading, bool taken[GRADE_NAMES + 1])
{
    struct grading_faults faults = {0};
    const struct grading *in_force =
        grading_read(a, (struct slice){g->document.at, g->document.len}, &faults);
    if (in_force == NULL) {
        return 0;
    }
    pg_params_begin(params);
    int column = pg_add_array(params, PG_TEXT);
    put_names(params, column, grading);
    put_names(params, column, in_force);
    PGresult *r = pg_rows(pg, SQL_GRADE_NAMES_FREE, params);
    if (r == NULL) {
        return -1;
    }
    for (int i = 0; i < PQntuples(r); i++) {
        int16_t id = pg_cell_16(r, i, 0);
        taken[id >= 1 && id <= GRADE_NAMES ? id : 0] = false;
    }
    log_info("grading.names_freed", "count=%d", PQntuples(r));
    PQclear(r);
    return 0;
}

/* Which numbers names have; how many do. */
static uint32_t list_taken(const struct gradings *g, bool taken[GRADE_NAMES + 1])
{
    uint32_t count = 0;
    for (int id = 1; id <= GRADE_NAMES; id++) {
        taken[id] = id <= g->name_count && g->name[id - 1] != NULL;
        count += taken[id];
    }
    return count;
}

/* Numbers for names that have none. 0; 1: there would be too many; -1: the database. */
static int add_names(const struct gradings *g, struct pg *pg, struct pg_params *params,
                     struct arena *a, const struct grading *grading)
{
    bool taken[GRADE_NAMES + 1] = {false};
    uint32_t count = list_taken(g, taken);
    for (uint32_t i = 0; i < grading->name_count; i++) {
        count += gradings_name(g, grading->names[i]) == 0;
    }
    if (count > GRADE_NAMES && free_names(g, pg, params, a, grading, taken) == -1) {
        return -1;
    }
    int id = 1;
    for (uint32_t i = 0; i < grading->name_count; i++) {
        if (gradings_name(g, grading->names[i]) != 0) {
            continue;
        }
        for (; id <= GRADE_NAMES && taken[id]; id++) {
        }
        if (id > GRADE_NAMES) {
            return 1;
        }
        taken[id] = true;
        pg_params_begin(params);
        pg_add_16(params, (int16_t)id);
        pg_add_bytes(params, grading->names[i]);
        if (pg_run(pg, SQL_GRADE_NAME_ADD, params) == -1) {
            return -1;
        }
    }
    return 0;
}

static int write_terms(struct pg *pg, struct pg_params *params, const struct grading *grading,
                       uint32_t version)
{
    uint32_t number[STEADY_TERM_NUMBERS];
    if (grading->term_count == 0) {
        return 0;
    }
    pg_params_begin(params);
    pg_add_32(params, (int32_t)version);
    int numbers = pg_add_array(params, PG_INTEGER); /* of all terms, one behind the other */
    for (uint32_t i = 0; i < grading->term_count; i++) {
        memcpy(number, &grading->terms[i], sizeof number);
        for (int n = 0; n < STEADY_TERM_NUMBERS; n++) {
            pg_put_32(params, numbers, (int32_t)number[n]);
        }
    }
    return pg_run(pg, SQL_STEADY_TERMS_ADD, params);
}

static int write_grading(const struct gradings *g, struct arrival *arrival, struct pg *pg,
                         struct pg_params *params, struct arena *a, const struct grading *grading,
                         const struct grading_given *given)
{
    int rc = pg_do(pg, "BEGIN");
    if (rc == 0) {
        rc = add_names(g, pg, params, a, grading);
    }
    if (rc == 0) {
        pg_params_begin(params);
        pg_add_32(params, (int32_t)g->version + 1);
        pg_add_bytes(params, given->document);
        pg_add_32(params, (int32_t)grading->block_count);
        pg_add_bytes(params, given->author);
        pg_add_bytes(params, given->types);
        pg_add_bytes(params, given->comment);
        rc = pg_run(pg, SQL_GRADING_ADD, params);
    }
    if (rc == 0) {
        rc = write_terms(pg, params, grading, g->version + 1);
    }
    if (rc == 0) {
        rc = feed_tell_grading(arrival, pg, params, g->version + 1, given->author);
    }
    if (rc == 0) {
        rc = pg_commit(pg);
    }
    if (rc != 0) {
        pg_rollback(pg);
        arrival_forget(arrival);
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

int gradings_kept(struct arena *a, const struct grading *grading, struct slice types,
                  struct slice *kept)
{
    *kept = zones_keep(a, grading->zones, types);
    return kept->at == NULL || kept->len > LIMIT_DOCUMENT_BYTES ? -1 : 0;
}

int gradings_publish(struct gradings *g, struct arrival *arrival, struct pg *pg,
                     struct pg_params *params, struct arena *a, const struct grading_given *given,
                     struct published_message *answer)
{
    struct grading_faults faults = {0};
    const struct grading *grading = grading_read(a, given->document, &faults);
    if (grading == NULL) {
        say_faults(a, &faults, answer);
        return -1;
    }
    if (!pattern_is_text(given->comment)) {
        return say(answer, ANSWER_INVALID, "grading.comment: expected UTF-8 without NUL");
    }
    if (given->over != 0 && given->over != g->version) {
        const char *text = arena_printf(
            a, "grading.version: version %" PRIu32 " is in force, not version %" PRIu64, g->version,
            given->over);
        return say(answer, ANSWER_INVALID, text == NULL ? "out of memory" : text);
    }
    struct grading_given whole = *given;
    if (gradings_kept(a, grading, given->types, &whole.types) == -1) {
        return say(answer, ANSWER_INVALID,
                   "what of the record types and time zones is kept with it is larger than 1 MiB");
    }
    if (!pg_is_open(pg)) {
        return say(answer, ANSWER_UNAVAILABLE, "the database is away");
    }
    int rc = write_grading(g, arrival, pg, params, a, grading, &whole);
    if (rc == 1) {
        return say(answer, ANSWER_INVALID,
                   "grading: expected at most 1000 grade names in it and in what was ever graded");
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
