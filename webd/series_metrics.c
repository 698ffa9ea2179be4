/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of answers become states, states lines; each metric once, with all of its lines. */
#include "webd/series_metrics.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/answer_rows.h"
#include "common/number.h"
#include "common/record_dimensions.h"
#include "schemas/capability_list.h"
#include "webd/exposition.h"

#define VALUE_BYTES   64 /* of a number that is told */
#define SCRATCH_BYTES ((size_t)1 << 20)

/* Columns of the two answers. */
enum { NOW_KIND = 0, NOW_NAME = 1 + DIMENSION_COUNT, NOW_GRADE, NOW_SERIES = NOW_NAME + 5 };
enum {
    OF_NUMBER = DIMENSION_COUNT,
    OF_NAME,
    OF_GRADE,
    OF_STATE,
    OF_SINCE,
    OF_SILENT,
    OF_LAST,
    OF_VALUES,
    OF_CURSOR
};

static const struct json_limits limits = {.depth = 2, .nodes = 64, .string_bytes = 65536};

/* ---- what was answered ---- */

/* A copy; .at is NULL where there is nothing. False: memory is out. */
static bool keep(struct arena *a, struct slice text, struct slice *kept)
{
    *kept = text.at == NULL ? (struct slice){NULL, 0} : arena_copy(a, text);
    return text.at == NULL || kept->at != NULL;
}

int series_found_totals(struct series_found *f, const struct answer_message *m)
{
    uint32_t rows = m->columns_count > NOW_SERIES ? answer_rows(m) : 0;
    f->total = arena_calloc(f->arena, rows + 1, sizeof *f->total);
    for (uint32_t i = 0; f->total != NULL && i < rows; i++) {
        const struct slice *cell = answer_row(m, i);
        struct series_total *t = &f->total[f->total_count];
        if (!keep(f->arena, cell[NOW_KIND], &t->kind) ||
            !keep(f->arena, cell[NOW_NAME], &t->grade_name)) {
            return -1;
        }
        t->grade = answer_number(cell[NOW_GRADE]);
        t->count = answer_number(cell[NOW_SERIES]);
        f->total_count++;
    }
    return f->total == NULL ? -1 : 0;
}

struct series_export *series_found_begin(struct series_found *f, const struct export_rule *rule)
{
    struct series_export *e = &f->export[f->export_count++];
    bool good = keep(f->arena, rule->name, &e->name);
    for (uint32_t i = 0; good && i < rule->metric_count; i++) {
        good = keep(f->arena, rule->metrics[i], &e->metrics[i]);
    }
    e->metric_count = rule->metric_count;
    e->room = (uint32_t)rule->limit;
    e->state = arena_calloc(f->arena, e->room, sizeof *e->state);
    return good && e->state != NULL ? e : NULL;
}

/* Of the metrics those that are numbers, and such as a double can be: Prometheus refuses a page
 * with another. What is parsed is in `scratch`. */
static bool keep_values(const struct series_found *f, const struct series_export *e,
                        struct slice cell, struct arena *scratch, struct series_state *s)
{
    char error[128];
    struct number number;
    bool good = true;
    arena_reset(scratch);
    const struct json *values =
        cell.at == NULL ? NULL : json_parse(scratch, cell, &limits, error, sizeof error);
    for (uint32_t i = 0; good && values != NULL && i < e->metric_count; i++) {
        const struct json *value = json_find(values, e->metrics[i]);
        if (value != NULL && value->type == JSON_STRING && value->text.len <= VALUE_BYTES &&
            number_parse(value->text, &number) == 0 && isfinite(number.approximate)) {
            good = keep(f->arena, value->text, &s->values[i]);
        }
    }
    return good;
}

static bool keep_state(const struct series_found *f, const struct series_export *e,
                       const struct slice *cell, struct arena *scratch, struct series_state *s)
{
    bool good = keep(f->arena, cell[OF_NAME], &s->grade_name);
    for (enum dimension d = 0; d < DIMENSION_COUNT && good; d++) {
        good = keep(f->arena, cell[d].at == NULL ? slice_of("") : cell[d], &s->dimensions[d]);
    }
    s->series = answer_number(cell[OF_NUMBER]);
    s->grade = cell[OF_STATE].at != NULL && slice_is(cell[OF_STATE], "present")
                   ? answer_number(cell[OF_GRADE])
                   : 0;
    s->since_us = answer_time(cell[OF_SINCE], INT64_MIN);
    s->silent_us = answer_time(cell[OF_SILENT], INT64_MIN);
    s->last_us = answer_time(cell[OF_LAST], INT64_MIN);
    return good && keep_values(f, e, cell[OF_VALUES], scratch, s);
}

int series_found_states(struct series_found *f, const struct answer_message *m)
{
    struct series_export *e = &f->export[f->export_count - 1];
    struct arena *scratch = arena_new(SCRATCH_BYTES);
    uint32_t rows = answer_rows(m), room = e->room - e->count;
    bool good = scratch != NULL && m->columns_count > OF_CURSOR;
    e->cut = rows > room;
    for (uint32_t i = 0; good && i < rows && i < room; i++) {
        good = keep_state(f, e, answer_row(m, i), scratch, &e->state[e->count]);
        e->count += good;
    }
    arena_free(&scratch);
    return good ? 0 : -1;
}

/* ---- what is told ---- */

static void head(FILE *f, const char *metric, const char *help)
{
    fprintf(f, "# HELP %s %s\n# TYPE %s gauge\n", metric, help, metric);
}

static void write_label(FILE *f, const char *before, const char *name, struct slice value)
{
    fprintf(f, "%s%s=\"", before, name);
    exposition_text_write(f, value);
    fputc('"', f);
}

/* The metric's name and what all of a series have; a '}' is to follow. */
static void begin(FILE *f, const char *metric, const struct series_export *e,
                  const struct series_state *s)
{
    fputs(metric, f);
    write_label(f, "{", "export", e->name);
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        if (s->dimensions[d].len > 0) {
            write_label(f, ",", dimension_rows[d].name, s->dimensions[d]);
        }
    }
}

static void write_seconds(FILE *f, int64_t us)
{
    fprintf(f, "} %s%" PRId64 ".%06d\n", us < 0 ? "-" : "", (us < 0 ? -us : us) / 1000000,
            (int)((us < 0 ? -us : us) % 1000000));
}

static void write_totals(FILE *f, const struct series_found *found)
{
    head(f, "ezrepo_series",
         "series by grade name and how they are now: their grade, over, or ungraded");
    for (uint32_t i = 0; i < found->total_count; i++) {
        const struct series_total *t = &found->total[i];
        if (slice_is(t->kind, "total") || slice_is(t->kind, "over") ||
            slice_is(t->kind, "ungraded")) {
            fputs("ezrepo_series", f);
            write_label(f, "{", "grade_name", t->grade_name);
            if (slice_is(t->kind, "total")) {
                fprintf(f, ",state=\"%" PRId64 "\"} %" PRId64 "\n", t->grade, t->count);
            } else {
                write_label(f, ",", "state", t->kind);
                fprintf(f, "} %" PRId64 "\n", t->count);
            }
        }
    }
}

/* Where nothing was answered there is none. */
static void write_others(FILE *f, const struct series_found *found)
{
    int64_t silent = 0;
    head(f, "ezrepo_series_maintained", "of them, those that are bad, but in maintenance");
    for (uint32_t i = 0; i < found->total_count; i++) {
        const struct series_total *t = &found->total[i];
        if (slice_is(t->kind, "maintained")) {
            fputs("ezrepo_series_maintained", f);
            write_label(f, "{", "grade_name", t->grade_name);
            fprintf(f, "} %" PRId64 "\n", t->count);
        }
        silent += slice_is(t->kind, "silent") ? t->count : 0;
    }
    head(f, "ezrepo_series_silent", "series of which records are missing now");
    fprintf(f, "ezrepo_series_silent %" PRId64 "\n", silent);
    head(f, "ezrepo_series_as_of_timestamp_seconds",
         "as of when series are told, seconds since 1970");
    fprintf(f, "ezrepo_series_as_of_timestamp_seconds %" PRId64 "\n", found->as_of_us / 1000000);
}

/* ---- of exports ---- */

static void write_grade(FILE *f, const char *metric, const struct series_export *e, uint32_t i)
{
    if (e->state[i].grade > 0) {
        begin(f, metric, e, &e->state[i]);
        write_label(f, ",", "grade_name", e->state[i].grade_name);
        fprintf(f, "} %" PRId64 "\n", e->state[i].grade);
    }
}

static void write_since(FILE *f, const char *metric, const struct series_export *e, uint32_t i)
{
    if (e->state[i].grade > 0 && e->state[i].since_us != INT64_MIN) {
        begin(f, metric, e, &e->state[i]);
        write_label(f, ",", "grade_name", e->state[i].grade_name);
        write_seconds(f, e->state[i].since_us);
    }
}

/* Whether it is the first state of its series, by which what the series has is told. */
static bool is_first(const struct series_export *e, uint32_t i)
{
    return i == 0 || e->state[i].series != e->state[i - 1].series;
}

static void write_silent(FILE *f, const char *metric, const struct series_export *e, uint32_t i)
{
    if (is_first(e, i) && e->state[i].silent_us != INT64_MIN) {
        begin(f, metric, e, &e->state[i]);
        write_seconds(f, e->state[i].silent_us);
    }
}

static void write_last(FILE *f, const char *metric, const struct series_export *e, uint32_t i)
{
    if (is_first(e, i) && e->state[i].last_us != INT64_MIN) {
        begin(f, metric, e, &e->state[i]);
        write_seconds(f, e->state[i].last_us);
    }
}

static void write_values(FILE *f, const char *metric, const struct series_export *e, uint32_t i)
{
    for (uint32_t m = 0; m < e->metric_count && is_first(e, i); m++) {
        struct slice value = e->state[i].values[m];
        if (value.at != NULL) {
            begin(f, metric, e, &e->state[i]);
            write_label(f, ",", "metric", e->metrics[m]);
            fprintf(f, "} %.*s\n", (int)value.len, value.at);
        }
    }
}

/* What is told of each state, in this order. */
static const struct exported_metric {
    const char *name, *help;
    void (*write)(FILE *f, const char *metric, const struct series_export *e, uint32_t i);
} exported[] = {
    {"ezrepo_exported_grade", "a series' grade now, 1 (critical) to 5 (normal)", write_grade},
    {"ezrepo_exported_since_timestamp_seconds",
     "since when a series has its grade, seconds since 1970", write_since},
    {"ezrepo_exported_silent_since_timestamp_seconds",
     "since when records of a series are missing, seconds since 1970", write_silent},
    {"ezrepo_exported_last_timestamp_seconds",
     "when the last record of a series ended, seconds since 1970", write_last},
    {"ezrepo_exported_value", "a metric of a series' last record, in the unit of its name",
     write_values}};

static void write_exported(FILE *f, const struct series_found *found,
                           const struct exported_metric *metric)
{
    head(f, metric->name, metric->help);
    for (uint32_t x = 0; x < found->export_count; x++) {
        const struct series_export *e = &found->export[x];
        for (uint32_t i = 0; i < e->count; i++) {
            metric->write(f, metric->name, e, i);
        }
    }
}

static void write_cut(FILE *f, const struct series_found *found)
{
    head(f, "ezrepo_exported_cut", "1: there is more than the export may tell");
    for (uint32_t x = 0; x < found->export_count; x++) {
        fputs("ezrepo_exported_cut", f);
        write_label(f, "{", "export", found->export[x].name);
        fprintf(f, "} %d\n", found->export[x].cut);
    }
}

void series_metrics_write(FILE *f, const struct series_found *found)
{
    write_totals(f, found);
    write_others(f, found);
    for (size_t i = 0; found->export_count > 0 && i < sizeof exported / sizeof *exported; i++) {
        write_exported(f, found, &exported[i]);
    }
    if (found->export_count > 0) {
        write_cut(f, found);
    }
}
