/* SPDX-License-Identifier: Apache-2.0 */
/* The gaps in force, in the database; and what it keeps of the release before. */
#include <stdlib.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/quote.h"
#include "stored/store.h"

#define TYPE_SHOWN      40 /* bytes of a type's name in a note */
#define TYPES_TEXT      320
#define TYPES_TEXT_FULL 130 /* then a note has no room for one more */

/* Texts live in the result. NULL: memory. */
static struct kept_gap *kept_of(const PGresult *r)
{
    struct kept_gap *kept = calloc((size_t)PQntuples(r) + 1, sizeof *kept);
    for (int i = 0; kept != NULL && i < PQntuples(r); i++) {
        kept[i] = (struct kept_gap){pg_cell_text(r, i, 0), pg_cell_64(r, i, 1)};
    }
    return kept;
}

static int read_kept(struct store *s, struct gaps *g)
{
    PGresult *r = pg_rows(&s->pg, SQL_GAPS_KEPT, NULL);
    struct kept_gap *kept = r == NULL ? NULL : kept_of(r);
    int rc = kept == NULL ? -1 : gaps_decide(g, s->types, kept, (uint32_t)PQntuples(r));
    free(kept);
    PQclear(r);
    return rc;
}

static void add_gaps(struct pg_params *p, const struct gaps *g)
{
    pg_params_begin(p);
    int types = pg_add_array(p, PG_TEXT), gaps = pg_add_array(p, PG_BIGINT);
    for (uint32_t i = 0; i < g->count; i++) {
        pg_put_bytes(p, types, g->at[i].type);
        pg_put_64(p, gaps, g->at[i].us);
    }
}

/* Of a store that had gaps: a new one gets all of them. */
static void log_changes(const PGresult *r)
{
    bool is_new = PQntuples(r) > 0 && pg_cell_text(r, 0, 0).len == 0 && pg_cell_64(r, 0, 1) == 0;
    for (int i = 0; !is_new && i < PQntuples(r); i++) {
        log_info("record_type.gap_changed", "type=%s was_ms=%lld is_ms=%lld",
                 QUOTED(pg_cell_text(r, i, 0)), (long long)(pg_cell_64(r, i, 1) / 1000),
                 (long long)(pg_cell_64(r, i, 2) / 1000));
    }
}

/* 1: some are others than those in force, which is logged; 0; -1. */
static int differ(struct store *s, const struct gaps *g)
{
    add_gaps(&s->params, g);
    PGresult *r = pg_rows(&s->pg, SQL_GAPS_CHANGED, &s->params);
    if (r == NULL) {
        return -1;
    }
    log_changes(r);
    int rc = PQntuples(r) > 0 ? 1 : 0;
    PQclear(r);
    return rc;
}

static int write_all(struct store *s, const struct gaps *g, bool forget)
{
    if (pg_do(&s->pg, "BEGIN") == -1) {
        return -1;
    }
    int rc = forget ? pg_run(&s->pg, SQL_GAPS_FORGET, NULL) : 0;
    add_gaps(&s->params, g);
    if (rc == 0) {
        s->pg.unhurried = true; /* there may be a million series */
        rc = pg_run(&s->pg, SQL_GAPS_AGAIN, &s->params);
        s->pg.unhurried = false;
    }
    if (rc == -1 || pg_run(&s->pg, SQL_FEED_DUE_GAPS, &s->params) == -1 ||
        pg_run(&s->pg, SQL_GAPS_PUT, &s->params) == -1 || pg_commit(&s->pg) == -1) {
        pg_rollback(&s->pg);
        return -1;
    }
    return 0;
}

static int decide_and_write(struct store *s, struct gaps *g, bool forget)
{
    int rc = forget ? gaps_decide(g, s->types, NULL, 0) : read_kept(s, g);
    rc = rc == -1 ? -1 : differ(s, g);
    if ((rc == 1 || (rc == 0 && forget)) && write_all(s, g, forget) == -1) {
        rc = -1;
    }
    return rc;
}

static int settle(struct store *s, bool forget)
{
    struct gaps fresh = {NULL, NULL, 0, 0};
    int rc = decide_and_write(s, &fresh, forget);
    if (rc == -1) {
        gaps_release(&fresh);
        return -1;
    }
    gaps_release(&s->gaps);
    s->gaps = fresh;
    if (rc == 1) {
        series_set_gaps(&s->series, &s->gaps);
        distances_forget(s->distances);
    }
    return rc;
}

int gaps_settle(struct store *s)
{
    return settle(s, false);
}

int gaps_adopt(struct store *s)
{
    return settle(s, true);
}

int gaps_count_series(struct store *s, uint64_t *series)
{
    struct pg_params *p = &s->params;
    pg_params_begin(p);
    int types = pg_add_array(p, PG_TEXT), places = pg_add_array(p, PG_INTEGER);
    for (uint32_t i = 0; i < s->gaps.count; i++) {
        pg_put_bytes(p, types, s->gaps.at[i].type);
        pg_put_32(p, places, (int32_t)i);
        series[i] = 0;
    }
    PGresult *r = pg_rows(&s->pg, SQL_GAPS_SERIES, p);
    if (r == NULL) {
        return -1;
    }
    for (int i = 0; i < PQntuples(r); i++) {
        int32_t place = pg_cell_32(r, i, 0);
        if (place >= 0 && (uint32_t)place < s->gaps.count) {
            series[place] = (uint64_t)pg_cell_64(r, i, 1);
        }
    }
    PQclear(r);
    return 0;
}

/* Types whose periods have a record each; and what is still as the release before had it. */
void gaps_tell(const struct store *s)
{
    char text[TYPES_TEXT] = "";
    size_t used = 0;
    struct slice type;
    int64_t typical_us;
    for (uint32_t i = 0;
         used < TYPES_TEXT_FULL && distances_apart(s->distances, i, &type, &typical_us) == 0; i++) {
        struct slice shown = {type.at, type.len < TYPE_SHOWN ? type.len : TYPE_SHOWN};
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%s every %lld s, gap %lld s",
                             i == 0 ? "" : "; ", QUOTED(shown), (long long)(typical_us / 1000000),
                             (long long)(gaps_of(&s->gaps, type) / 1000000));
    }
    daemon_note("sparse", "%s", text);
    char gaps[64] = "";
    if (s->gaps.kept > 0) {
        snprintf(gaps, sizeof gaps, "%u gaps of record types%s", s->gaps.kept,
                 s->old_default ? ", " : "");
    }
    daemon_note("kept", "%s%s", gaps, s->old_default ? "the default grading" : "");
}
