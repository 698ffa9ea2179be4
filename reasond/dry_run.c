/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record is graded as it comes; what was found waits until one with another start comes, since
 * records with one start are in the order of their ends and numbers.
 */
#include "reasond/dry_run.h"

#include <stdlib.h>
#include <string.h>

#include "common/record_dimensions.h"

/* A grade of one name before and after. */
struct dry_cell {
    struct dry_grade of[DRY_SIDES];
};

/* A record that waits. Its cells stand elsewhere, by its place. */
struct dry_waiting {
    struct period_key key;
    int64_t t_end_us;
    uint32_t cells; /* which ones */
};

struct dry_run {
    struct dry_setup setup;
    struct dry_lane *lanes;
    uint32_t lane_count;
    int32_t lane_of[DRY_NAMES + 1];
    uint8_t *grades; /* of the document, for one record */
    uint16_t *steady;
    struct record_message record; /* the series at hand, as who grades sees it */
    struct dry_waiting *waiting;
    struct dry_cell *cells; /* lane_count for each */
    uint32_t waiting_count, waiting_size;
};

/* ---- names ---- */

static bool is_asked(const struct dry_setup *s, struct slice name)
{
    return s->only.at == NULL || slice_equal(s->only, name);
}

static void add_lane(struct dry_run *run, struct slice name, uint16_t id, int32_t place)
{
    struct dry_lane *l = &run->lanes[run->lane_count];
    *l = (struct dry_lane){
        .name = name, .grade_id = id, .place = place, .since_us = run->setup.since_us};
    if (id != 0) {
        run->lane_of[id] = (int32_t)run->lane_count;
    }
    run->lane_count++;
}

static uint16_t id_of(const struct dry_setup *s, struct slice name)
{
    for (uint32_t i = 0; i < s->name_count; i++) {
        if (slice_equal(s->names[i].name, name)) {
            return s->names[i].id;
        }
    }
    return 0;
}

static void make_lanes(struct dry_run *run)
{
    const struct dry_setup *s = &run->setup;
    for (uint32_t i = 0; i <= DRY_NAMES; i++) {
        run->lane_of[i] = -1;
    }
    for (uint32_t i = 0; i < s->grading->name_count; i++) {
        struct slice name = s->grading->names[i];
        if (is_asked(s, name)) {
            add_lane(run, name, id_of(s, name), (int32_t)i);
        }
    }
    for (uint32_t i = 0; i < s->name_count; i++) {
        if (is_asked(s, s->names[i].name) && run->lane_of[s->names[i].id] == -1) {
            add_lane(run, s->names[i].name, s->names[i].id, -1);
        }
    }
}

struct dry_run *dry_run_new(const struct dry_setup *setup)
{
    struct dry_run *run = calloc(1, sizeof *run);
    uint32_t names = setup->grading->name_count;
    if (run == NULL) {
        return NULL;
    }
    run->setup = *setup;
    run->lanes = calloc((size_t)names + setup->name_count + 1, sizeof *run->lanes);
    run->grades = calloc(names + (size_t)1, sizeof *run->grades);
    run->steady = calloc(names + (size_t)1, sizeof *run->steady);
    if (run->lanes == NULL || run->grades == NULL || run->steady == NULL) {
        dry_run_free(&run);
        return NULL;
    }
    make_lanes(run);
    for (uint32_t i = 0; i < run->lane_count; i++) {
        if (dry_most_init(&run->lanes[i].most, setup->told) == -1) {
            dry_run_free(&run);
            return NULL;
        }
    }
    dry_run_page(run);
    return run;
}

void dry_run_page(struct dry_run *run)
{
    grade_begin(run->setup.rules, run->setup.schemas);
}

void dry_run_free(struct dry_run **run)
{
    struct dry_run *r = *run;
    if (r != NULL) {
        for (uint32_t i = 0; i < r->lane_count; i++) {
            dry_lane_release(&r->lanes[i]);
        }
        free(r->lanes);
        free(r->grades);
        free(r->steady);
        free(r->waiting);
        free(r->cells);
        free(r);
        *run = NULL;
    }
}

struct dry_lane *dry_run_lanes(struct dry_run *run, uint32_t *count)
{
    *count = run->lane_count;
    return run->lanes;
}

int32_t dry_run_lane_of(const struct dry_run *run, uint16_t grade_id)
{
    return grade_id > DRY_NAMES ? -1 : run->lane_of[grade_id];
}

/* ---- grades ---- */

static const struct steady_terms *terms_of(const struct dry_setup *s, uint32_t version,
                                           uint32_t place)
{
    uint32_t low = 0, high = place == 0 ? 0 : s->term_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct dry_terms *t = &s->terms[middle];
        if (t->version == version && t->place == place) {
            return &t->terms;
        }
        if (t->version < version || (t->version == version && t->place < place)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

struct dry_grade dry_run_stored(const struct dry_run *run, const struct dry_record *r,
                                uint16_t grade_id)
{
    struct dry_grade g = {.grade = DRY_NONE};
    if (grade_id == 0 || grade_id > r->grade_count) {
        return g;
    }
    g.grade = r->grades[grade_id - 1];
    if (r->steady.len >= (size_t)2 * grade_id) {
        const char *at = r->steady.at + 2 * (grade_id - (size_t)1);
        uint32_t bits = (uint32_t)((unsigned char)at[0] << 8 | (unsigned char)at[1]);
        g.stands = (uint8_t)(bits & 31);
        g.terms = terms_of(&run->setup, r->version, STEADY_TERMS(bits));
    }
    return g;
}

static struct dry_grade graded_now(const struct dry_run *run, int32_t place)
{
    struct dry_grade g = {.grade = DRY_NONE};
    if (place >= 0 && run->grades[place] != GRADE_NONE) {
        uint32_t bits = run->steady[place];
        g.grade = run->grades[place];
        g.stands = (uint8_t)(bits & 31);
        g.terms =
            STEADY_TERMS(bits) == 0 ? NULL : &run->setup.grading->terms[STEADY_TERMS(bits) - 1];
    }
    return g;
}

/* ---- a series ---- */

void dry_run_series(struct dry_run *run, const struct slice dimensions[DIMENSION_COUNT],
                    int64_t gap_us, const struct steady *const *edges)
{
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        *(struct slice *)(void *)(uintptr_t)record_dimension(&run->record, d) = dimensions[d];
    }
    for (uint32_t i = 0; i < run->lane_count; i++) {
        dry_lane_begin(&run->lanes[i], edges == NULL ? NULL : edges[i], gap_us);
    }
    run->waiting_count = 0;
}

static int compare_waiting(const void *a, const void *b)
{
    const struct dry_waiting *x = a, *y = b;
    return period_key_compare(&x->key, &y->key);
}

static int walk_one(struct dry_run *run, const struct dry_waiting *w)
{
    const struct dry_cell *cells = run->cells + (size_t)w->cells * run->lane_count;
    for (uint32_t i = 0; i < run->lane_count; i++) {
        if (cells[i].of[DRY_BEFORE].grade == DRY_NONE && cells[i].of[DRY_AFTER].grade == DRY_NONE) {
            continue;
        }
        if (dry_lane_record(&run->lanes[i], &w->key, w->t_end_us, cells[i].of) == -1) {
            return -1;
        }
    }
    return 0;
}

static int walk_waiting(struct dry_run *run)
{
    int rc = 0;
    if (run->waiting_count > 1) {
        qsort(run->waiting, run->waiting_count, sizeof *run->waiting, compare_waiting);
    }
    for (uint32_t i = 0; i < run->waiting_count && rc == 0; i++) {
        rc = walk_one(run, &run->waiting[i]);
    }
    run->waiting_count = 0;
    return rc;
}

/* Room for one more. */
static int make_room(struct dry_run *run)
{
    if (run->waiting_count < run->waiting_size) {
        return 0;
    }
    uint32_t size = run->waiting_size == 0 ? 16 : run->waiting_size * 2;
    if (run->waiting_count >= DRY_TIES) {
        return -1;
    }
    void *waiting = realloc(run->waiting, size * sizeof *run->waiting);
    if (waiting == NULL) {
        return -1;
    }
    run->waiting = waiting;
    void *cells = realloc(run->cells, (size_t)size * (run->lane_count + 1) * sizeof *run->cells);
    if (cells == NULL) {
        return -1;
    }
    run->cells = cells;
    run->waiting_size = size;
    return 0;
}

/* The first of the series that changes is an example. */
static int keep_example(const struct dry_run *run, struct dry_lane *l, const struct dry_record *r,
                        const struct dry_cell *cell)
{
    const struct schema_message *schema = &run->setup.schemas[r->schema];
    if (l->example.is_there || cell->of[DRY_BEFORE].grade == cell->of[DRY_AFTER].grade) {
        return 0;
    }
    l->example = (struct dry_example){.t_start_us = r->key.t_us,
                                      .version = r->version,
                                      .schema = r->schema,
                                      .before = cell->of[DRY_BEFORE].grade,
                                      .after = cell->of[DRY_AFTER].grade};
    return dry_example_keep(&l->example, r->values, schema->results_count);
}

int dry_run_record(struct dry_run *run, const struct dry_record *r)
{
    if (run->waiting_count > 0 && run->waiting[0].key.t_us != r->key.t_us &&
        walk_waiting(run) == -1) {
        return -1;
    }
    if (make_room(run) == -1) {
        return -1;
    }
    run->record.schema = r->schema;
    run->record.values = r->values;
    run->record.t_start_us = r->key.t_us;
    run->record.t_end_us = r->t_end_us;
    grade_record_steady(run->setup.rules, &run->record, run->grades, run->steady);
    uint32_t place = run->waiting_count++;
    struct dry_cell *cells = run->cells + (size_t)place * run->lane_count;
    run->waiting[place] = (struct dry_waiting){r->key, r->t_end_us, place};
    for (uint32_t i = 0; i < run->lane_count; i++) {
        cells[i].of[DRY_BEFORE] = dry_run_stored(run, r, run->lanes[i].grade_id);
        cells[i].of[DRY_AFTER] = graded_now(run, run->lanes[i].place);
        if (keep_example(run, &run->lanes[i], r, &cells[i]) == -1) {
            return -1;
        }
    }
    return 0;
}

int dry_run_series_end(struct dry_run *run)
{
    int rc = walk_waiting(run);
    struct slice dimensions[DIMENSION_COUNT];
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        dimensions[d] = *record_dimension(&run->record, d);
    }
    for (uint32_t i = 0; i < run->lane_count && rc == 0; i++) {
        rc = dry_lane_end(&run->lanes[i], dimensions);
    }
    return rc;
}
