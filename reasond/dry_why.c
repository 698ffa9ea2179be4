/* SPDX-License-Identifier: Apache-2.0 */
/* Why examples have the grades they have: graded again, with a trace, by the version that graded
 * them and by the document. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/json.h"
#include "reasond/dry_job.h"
#include "reasond/dry_sql.h"

/* Calls for each example; false: it wants no more. */
static void each_example(struct dry_job *job,
                         bool (*take)(void *context, const struct dry_example *e), void *context)
{
    uint32_t lanes;
    const struct dry_lane *l = dry_run_lanes(job->run, &lanes);
    for (uint32_t i = 0; i < lanes; i++) {
        for (uint32_t k = 0; k < l[i].most.count; k++) {
            if (l[i].most.at[k].example.is_there && !take(context, &l[i].most.at[k].example)) {
                return;
            }
        }
    }
}

/* Of as many versions as can be kept the first that are met. */
struct wanted_versions {
    uint32_t version[EDITIONS];
    uint32_t count;
};

static bool want(void *context, const struct dry_example *e)
{
    struct wanted_versions *w = context;
    for (uint32_t i = 0; i < w->count; i++) {
        if (w->version[i] == e->version) {
            return true;
        }
    }
    w->version[w->count++] = e->version;
    return w->count < EDITIONS;
}

bool dry_why_has_examples(struct dry_job *job)
{
    struct wanted_versions w = {.count = 0};
    each_example(job, want, &w);
    return w.count > 0;
}

static void put_versions(void *owner, struct pg_params *p)
{
    struct wanted_versions w = {.count = 0};
    each_example(owner, want, &w);
    int column = pg_add_array(p, PG_INTEGER);
    for (uint32_t i = 0; i < w.count; i++) {
        pg_put_32(p, column, (int32_t)w.version[i]);
    }
}

/* One that cannot be read has nothing told of it. */
static int on_versions(void *owner, const PGresult *r, int64_t clock_us)
{
    struct dry_job *job = owner;
    char why[200];
    (void)clock_us;
    for (int i = 0; i < PQntuples(r); i++) {
        (void)editions_add(&job->editions, (uint64_t)pg_cell_32(r, i, 0), slice_of(""),
                           pg_cell_text(r, i, 1), pg_cell_text(r, i, 2), why, sizeof why);
    }
    return PG_OVER;
}

const struct pg_step dry_why_steps[] = {{.name = "versions",
                                         .statement = DRY_SQL_VERSIONS,
                                         .put = put_versions,
                                         .answer = PG_ANSWER_ROWS,
                                         .done = on_versions}};

static void put_line(FILE *f, struct dry_job *job, const char *key, struct kept_edition *edition,
                     struct slice name, const struct explained_record *record)
{
    struct explained_decision decision;
    uint8_t grade;
    const char *line = explain_line(job->arena, edition, name, record, &grade, &decision);
    fprintf(f, ",\"%s\":", key);
    json_print_string(f, line == NULL ? "" : line);
}

void dry_why_write(FILE *f, struct dry_job *job, struct slice name, const struct dry_told *told)
{
    const struct dry_example *e = &told->example;
    const struct explained_record record = {.dimensions = told->dimensions,
                                            .names = job->schemas[e->schema].results,
                                            .values = e->values,
                                            .count = e->count,
                                            .t_start_us = e->t_start_us};
    struct kept_edition document = {.types_kept = true,
                                    .compiled = {.grading = job->grading, .rules = job->rules}};
    struct kept_edition *edition = editions_find(&job->editions, e->version, slice_of(""));
    fprintf(f, ",\"version\":%" PRIu32, e->version);
    if (edition != NULL) {
        put_line(f, job, "why_before", edition, name, &record);
    }
    put_line(f, job, "why_after", &document, name, &record);
}
