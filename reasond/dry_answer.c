/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From sums to the rows of an answer.
 *
 * Of a sample they are estimates: series are drawn, each with all of its records, so a series is
 * what counts as one observation. N fit, n of them were drawn, x is what one has: the estimate is
 * N * mean(x), and off by less than 1.96 * N * sqrt((1 - n/N) * variance(x) / n) 95 times of 100,
 * where n is not small.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/record_dimensions.h"
#include "common/when_time.h"
#include "reasond/dry_job.h"

#define COLUMNS ((uint32_t)(sizeof((const char *[]){COLUMNS_OF_TRY}) / sizeof(char *)))
#define SURE    1.96 /* of the normal distribution: 95 % */

/* An estimate and what it lies between. */
struct dry_estimate {
    double about, low, high;
};

static struct dry_estimate estimate(const struct dry_job *job, const struct dry_figure *f)
{
    double all = (double)job->series_seen, n = (double)job->series_taken;
    double sum = (double)f->sum;
    if (job->share >= 1 || n == 0) {
        return (struct dry_estimate){sum, sum, sum};
    }
    double mean = sum / n;
    double variance = n > 1 ? (f->squares - n * mean * mean) / (n - 1) : 0;
    double off = SURE * all * sqrt((1 - n / all) * (variance > 0 ? variance : 0) / n);
    double about = all * mean;
    /* What was found is there in any case. */
    return (struct dry_estimate){about, about - off > sum ? about - off : sum, about + off};
}

/* ---- JSON ---- */

static void put_grade(FILE *f, uint32_t grade)
{
    if (grade == DRY_NONE) {
        fputs("null", f);
    } else {
        fprintf(f, "%u", grade);
    }
}

static void put_matrix(FILE *f, const struct dry_lane *l)
{
    bool first = true;
    fputs(",\"matrix\":[", f);
    for (uint32_t before = 0; before < DRY_GRADES; before++) {
        for (uint32_t after = 0; after < DRY_GRADES; after++) {
            if (l->matrix[before][after] > 0) {
                fprintf(f, "%s{\"before\":", first ? "" : ",");
                put_grade(f, before);
                fputs(",\"after\":", f);
                put_grade(f, after);
                fprintf(f, ",\"records\":%" PRIu64 "}", l->matrix[before][after]);
                first = false;
            }
        }
    }
    fputs("]", f);
}

static void put_periods(FILE *f, const struct dry_lane *l)
{
    static const char *const sides[DRY_SIDES] = {"before", "after"};
    fputs(",\"periods\":{", f);
    for (enum dry_side side = 0; side < DRY_SIDES; side++) {
        fprintf(f, "%s\"%s\":{", side == 0 ? "" : ",", sides[side]);
        for (uint32_t grade = 1; grade <= 5; grade++) {
            fprintf(f, "%s\"%u\":%" PRIu64, grade == 1 ? "" : ",", grade, l->by_grade[side][grade]);
        }
        fputs("}", f);
    }
    fputs("}", f);
}

static void put_range(FILE *f, const struct dry_job *job)
{
    char text[WHEN_TEXT];
    when_time_text(job->since_us, text);
    fprintf(f, "{\"from\":\"%s\",\"to\":", text);
    if (job->until_us == INT64_MAX) {
        fputs("null", f);
    } else {
        when_time_text(job->until_us, text);
        fprintf(f, "\"%s\"", text);
    }
}

static void put_between(FILE *f, const struct dry_job *job, const char *what,
                        const struct dry_figure *figure)
{
    const struct dry_estimate e = estimate(job, figure);
    fprintf(f, ",\"%s\":[%.0f,%.0f]", what, floor(e.low), ceil(e.high));
}

static void put_sample(FILE *f, const struct dry_job *job, const struct dry_lane *l)
{
    if (job->share >= 1) {
        return;
    }
    fprintf(f, ",\"sample\":{\"share\":%g,\"sure\":0.95", job->share);
    put_between(f, job, "records", &l->records);
    put_between(f, job, "changed", &l->changed);
    put_between(f, job, "periods_before", &l->periods[DRY_BEFORE]);
    put_between(f, job, "periods_after", &l->periods[DRY_AFTER]);
    put_between(f, job, "events_before", &l->events[DRY_BEFORE]);
    put_between(f, job, "events_after", &l->events[DRY_AFTER]);
    fputs("}", f);
}

static void put_counts(FILE *f, const char *what, const uint64_t n[DRY_SIDES])
{
    fprintf(f, ",\"%s_before\":%" PRIu64 ",\"%s_after\":%" PRIu64, what, n[DRY_BEFORE], what,
            n[DRY_AFTER]);
}

/* The series that change most, each with a record as an example, and why. */
static void put_most(FILE *f, struct dry_job *job, const struct dry_lane *l)
{
    fputs(",\"most\":[", f);
    for (uint32_t i = 0; i < l->most.count; i++) {
        const struct dry_told *t = &l->most.at[i];
        fprintf(f, "%s{\"series\":{", i == 0 ? "" : ",");
        for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
            fprintf(f, "%s\"%s\":", d == 0 ? "" : ",", dimension_rows[d].name);
            json_print_slice(f, t->dimensions[d]);
        }
        fprintf(f, "},\"records\":%" PRIu64 ",\"changed\":%" PRIu64, t->records, t->changed);
        put_counts(f, "periods", t->periods);
        put_counts(f, "events", t->events);
        if (t->example.is_there) {
            char text[WHEN_TEXT];
            when_time_text(t->example.t_start_us, text);
            fprintf(f, ",\"example\":{\"time\":\"%s\",\"before\":", text);
            put_grade(f, t->example.before);
            fputs(",\"after\":", f);
            put_grade(f, t->example.after);
            dry_why_write(f, job, l->name, t);
            fputs("}", f);
        }
        fputs("}", f);
    }
    fputs("]", f);
}

static struct slice document_of(struct dry_job *job, const struct dry_lane *l)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL) {
        return (struct slice){NULL, 0};
    }
    put_range(f, job);
    fprintf(f,
            ",\"series\":{\"fit\":%" PRIu64 ",\"looked_at\":%" PRIu64 ",\"changed\":%" PRIu64 "}",
            job->series_seen, job->series_taken, l->series_changed);
    put_matrix(f, l);
    put_periods(f, l);
    put_sample(f, job, l);
    put_most(f, job, l);
    fputs("}", f);
    bool whole = fclose(f) == 0;
    struct slice kept =
        whole ? arena_copy(job->arena, (struct slice){text, size}) : (struct slice){NULL, 0};
    free(text);
    return kept;
}

/* ---- rows ---- */

static struct slice number(struct dry_job *job, const struct dry_figure *f)
{
    const char *text = arena_printf(job->arena, "%.0f", estimate(job, f).about);
    return text == NULL ? (struct slice){NULL, 0} : slice_of(text);
}

static bool put_lane(struct dry_job *job, const struct dry_lane *l, struct slice *cell)
{
    cell[0] = l->name;
    cell[1] = number(job, &l->records);
    cell[2] = number(job, &l->changed);
    cell[3] = number(job, &l->periods[DRY_BEFORE]);
    cell[4] = number(job, &l->periods[DRY_AFTER]);
    cell[5] = number(job, &l->events[DRY_BEFORE]);
    cell[6] = number(job, &l->events[DRY_AFTER]);
    cell[7] = document_of(job, l);
    for (uint32_t i = 0; i < COLUMNS; i++) {
        if (cell[i].at == NULL) {
            return false;
        }
    }
    return true;
}

/* A name that no record has and the document has not is not told of. */
struct slice *dry_answer(struct dry_job *job, uint32_t *count)
{
    uint32_t lanes;
    const struct dry_lane *l = dry_run_lanes(job->run, &lanes);
    struct slice *cells = arena_calloc(job->arena, (size_t)lanes * COLUMNS + 1, sizeof *cells);
    *count = 0;
    for (uint32_t i = 0; i < lanes && cells != NULL; i++) {
        if (l[i].place == -1 && l[i].records.sum == 0) {
            continue;
        }
        if (!put_lane(job, &l[i], cells + *count)) {
            return NULL;
        }
        *count += COLUMNS;
    }
    return cells;
}
