/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of one series, put together: its record, its period, what began and what ended it.
 */
#include "queryd/why/why.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/number.h"
#include "common/record_dimensions.h"
#include "common/when_time.h"
#include "common/why/explain.h"
#include "schemas/capability_list.h"

/* That a record came and was stored is told to the second, and an event within its transaction. */
#define TOLD_WITHIN_US INT64_C(2000000)

struct why_record {
    const struct json *facts;
    struct slice start, key;
    uint64_t version;
    struct slice published; /* .at NULL: the store has no such version */
    struct slice *names, *values;
    uint32_t count;
};

/* The parts a record can have in the answer for a name. */
enum why_part { WHY_LATEST, WHY_BEGAN, WHY_ENDED, WHY_PARTS };

struct why_place {
    const struct why_record *record; /* NULL: none, or it is dropped */
    bool explained;
    struct explanation told;
    bool types_kept;
};

struct why_name {
    const struct json *facts;
    struct slice name;
    struct why_place places[WHY_PARTS];
};

struct why {
    struct arena *arena;
    struct editions *editions;
    const struct json **series;
    struct slice dimensions[DIMENSION_COUNT]; /* of the first series */
    uint32_t series_count;
    struct why_record *records;
    uint32_t record_count;
    struct why_name *names;
    uint32_t name_count;
    bool no_memory;
};

/* ---- reading ---- */

static struct slice text_of(const struct json *object, const char *key)
{
    const struct json *node = json_get(object, key);
    bool has = node != NULL && (node->type == JSON_STRING || node->type == JSON_NUMBER);
    return has ? node->text : (struct slice){NULL, 0};
}

static int64_t integer_of(const struct json *object, const char *key)
{
    int64_t value = 0;
    number_integer(text_of(object, key), INT64_MIN, INT64_MAX, &value);
    return value;
}

/* A list's texts, null as no value; NULL when memory is out. */
static struct slice *texts_of(struct arena *a, const struct json *list, uint32_t count)
{
    struct slice *texts = arena_calloc(a, count + (size_t)1, sizeof *texts);
    const struct json *node = list == NULL ? NULL : list->first;
    for (uint32_t i = 0; texts != NULL && i < count && node != NULL; i++, node = node->next) {
        texts[i] = node->text;
    }
    return texts;
}

static void read_record(struct why *w, const struct json *facts)
{
    struct why_record *r = &w->records[w->record_count++];
    const struct json *names = json_get(facts, "names");
    *r = (struct why_record){.facts = facts,
                             .start = text_of(facts, "start"),
                             .key = text_of(facts, "key"),
                             .version = (uint64_t)integer_of(facts, "version"),
                             .published = text_of(facts, "published"),
                             .count = names == NULL ? 0 : names->count};
    r->names = texts_of(w->arena, names, r->count);
    r->values = texts_of(w->arena, json_get(facts, "values"), r->count);
    w->no_memory = w->no_memory || r->names == NULL || r->values == NULL;
}

static void read_row(struct why *w, struct slice what, const struct json *facts)
{
    if (slice_is(what, "series")) {
        w->series[w->series_count++] = facts;
    } else if (slice_is(what, "record")) {
        read_record(w, facts);
    } else {
        w->names[w->name_count++] =
            (struct why_name){.facts = facts, .name = text_of(facts, "name")};
    }
}

static const struct why_record *find_record(const struct why *w, const struct json *place)
{
    struct slice start = text_of(place, "start"), key = text_of(place, "key");
    for (uint32_t i = 0; i < w->record_count && start.at != NULL; i++) {
        if (slice_equal(w->records[i].start, start) && slice_equal(w->records[i].key, key)) {
            return &w->records[i];
        }
    }
    return NULL;
}

/* Explains what can be by the versions that are at hand. */
static void explain_all(struct why *w)
{
    for (uint32_t i = 0; i < w->name_count * (uint32_t)WHY_PARTS; i++) {
        struct why_name *n = &w->names[i / WHY_PARTS];
        struct why_place *p = &n->places[i % WHY_PARTS];
        struct kept_edition *edition =
            p->record == NULL || p->explained
                ? NULL
                : editions_find(w->editions, p->record->version, p->record->published);
        if (edition != NULL) {
            struct explained_record record = {w->dimensions, p->record->names, p->record->values,
                                              p->record->count, 0};
            (void)when_time_parse(p->record->start, &record.t_start_us); /* PostgreSQL's text */
            p->told = explain(w->arena, edition, n->name, &record);
            p->types_kept = edition->types_kept;
            p->explained = true;
            w->no_memory = w->no_memory || p->told.json == NULL || p->told.because == NULL;
        }
    }
}

/* Which records the names' answers are about. The latest one is the last in order. */
static void find_places(struct why *w)
{
    const struct why_record *latest = w->record_count == 0 ? NULL : &w->records[0];
    for (uint32_t i = 1; i < w->record_count; i++) {
        if (json_get(w->records[i].facts, "latest")->type == JSON_TRUE) {
            latest = &w->records[i];
        }
    }
    for (uint32_t i = 0; i < w->name_count; i++) {
        struct why_name *n = &w->names[i];
        n->places[WHY_LATEST].record = latest;
        n->places[WHY_BEGAN].record = find_record(w, json_get(n->facts, "period"));
        n->places[WHY_ENDED].record = find_record(w, json_get(n->facts, "next"));
    }
}

static void *begin(struct arena *a, struct editions *editions, const struct slice *cells,
                   uint32_t cell_count, const char **error)
{
    static const struct json_limits limits = {
        .depth = 8, .nodes = 4 * LIMIT_COLUMNS + 1000, .string_bytes = LIMIT_DOCUMENT_BYTES};
    static char fault[200];
    uint32_t rows = cell_count / WHY_COLUMNS;
    struct why *w = arena_calloc(a, 1, sizeof *w);
    *error = "out of memory";
    if (w == NULL) {
        return NULL;
    }
    *w = (struct why){.arena = a, .editions = editions};
    w->series = arena_calloc(a, rows + (size_t)1, sizeof *w->series);
    w->records = arena_calloc(a, rows + (size_t)1, sizeof *w->records);
    w->names = arena_calloc(a, rows + (size_t)1, sizeof *w->names);
    if (w->series == NULL || w->records == NULL || w->names == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < rows; i++) {
        const struct json *facts =
            json_parse(a, cells[i * WHY_COLUMNS + 1], &limits, fault, sizeof fault);
        if (facts == NULL) {
            *error = fault;
            return NULL;
        }
        read_row(w, cells[i * WHY_COLUMNS], facts);
    }
    for (enum dimension d = 0; d < DIMENSION_COUNT && w->series_count > 0; d++) {
        w->dimensions[d] = text_of(w->series[0], dimension_rows[d].name);
    }
    find_places(w);
    explain_all(w);
    return w->no_memory ? NULL : w;
}

static const char *versions(void *explained)
{
    struct why *w = explained;
    const char *list = NULL;
    uint64_t last = 0;
    for (uint32_t i = 0; i < w->name_count * (uint32_t)WHY_PARTS; i++) {
        const struct why_place *p = &w->names[i / WHY_PARTS].places[i % WHY_PARTS];
        if (p->record == NULL || p->explained || p->record->published.at == NULL ||
            p->record->version == last) {
            continue;
        }
        last = p->record->version; /* what stands twice in the list is one row all the same */
        list = explainer_list(w->arena, list, last);
        if (list == NULL) {
            w->no_memory = true;
            return NULL;
        }
    }
    return explainer_listed(w->arena, list);
}

static void version(void *explained, const struct slice columns[EXPLAINER_VERSION_COLUMNS])
{
    struct why *w = explained;
    if (explainer_keep(w->editions, columns)) {
        explain_all(w);
    }
}

/* ---- what is told ---- */

/* The grade it was stored with; GRADE_NONE: none of this name. */
static uint8_t stored_grade(const struct why_name *n, const struct why_record *r)
{
    const struct json *grades = json_get(r->facts, "grades");
    for (const struct json *g = grades == NULL ? NULL : grades->first; g != NULL; g = g->next) {
        if (slice_equal(g->key, n->name) && g->type == JSON_NUMBER) {
            return (uint8_t)(g->text.at[0] - '0');
        }
    }
    return GRADE_NONE;
}

static bool agrees(const struct why_name *n, const struct why_place *p)
{
    return p->told.grade == stored_grade(n, p->record);
}

static uint32_t faults_of(const void *explained)
{
    const struct why *w = explained;
    uint32_t faults = 0;
    for (uint32_t i = 0; i < w->name_count * (uint32_t)WHY_PARTS; i++) {
        const struct why_name *n = &w->names[i / WHY_PARTS];
        const struct why_place *p = &n->places[i % WHY_PARTS];
        faults += p->explained && p->types_kept && !agrees(n, p);
    }
    return faults;
}

static void put_grade(FILE *f, const char *key, uint8_t grade)
{
    if (grade == GRADE_NONE) {
        fprintf(f, ",\"%s\":null", key);
    } else {
        fprintf(f, ",\"%s\":%u", key, grade);
    }
}

/* Members of the facts as they came; those that are not there are null. */
static void put_facts(FILE *f, struct arena *a, const struct json *facts, const char *const *keys)
{
    for (int i = 0; keys[i] != NULL; i++) {
        const struct json *node = json_get(facts, keys[i]);
        struct slice text = node == NULL ? slice_of("null") : json_text(a, node);
        fprintf(f, "%s\"%s\":%.*s", i == 0 ? "" : ",", keys[i], SLICE_SHOWN(text, text.len));
    }
}

static void put_place(FILE *f, const struct why *w, const struct why_name *n, enum why_part part)
{
    static const char *const keys[] = {
        "start",     "end",  "digest", "row",      "label",     "hops",    "version",     "author",
        "published", "door", "format", "received", "committed", "ingestd", "maintenance", NULL};
    const struct why_place *p = &n->places[part];
    if (p->record == NULL) {
        fputs("null", f);
        return;
    }
    fputs("{", f);
    put_facts(f, w->arena, p->record->facts, keys);
    put_grade(f, "grade", stored_grade(n, p->record));
    fprintf(f, ",\"explained\":%s", p->explained ? "true" : "false");
    if (p->explained) {
        put_grade(f, "graded_again", p->told.grade);
        fprintf(f, ",\"agrees\":%s,\"types_kept\":%s%s", agrees(n, p) ? "true" : "false",
                p->types_kept ? "true" : "false", p->told.json);
        fputs(",\"because\":", f);
        json_print_string(f, p->told.because);
    }
    fputs("}", f);
}

static bool is_covered(const struct why_name *n)
{
    const struct why_record *r = n->places[WHY_LATEST].record;
    uint8_t grade = r == NULL ? GRADE_NONE : stored_grade(n, r);
    return json_get(n->facts, "period")->type == JSON_OBJECT && grade >= 1 && grade <= 5;
}

/* Whether the event was told when its record had long been there. */
static bool is_late(const struct why_name *n)
{
    int64_t told, committed;
    const struct why_record *began = n->places[WHY_BEGAN].record;
    return began != NULL &&
           when_time_parse(text_of(json_get(n->facts, "event"), "told"), &told) == 0 &&
           when_time_parse(text_of(began->facts, "committed"), &committed) == 0 &&
           told > committed + TOLD_WITHIN_US;
}

static void put_period(FILE *f, const struct why *w, const struct why_name *n)
{
    static const char *const own[] = {"start", "end", "grade", "records", "ended", "flap", NULL};
    static const char *const gap[] = {"gap_s", "gap_type", NULL};
    static const char *const event[] = {"from", "to", "told", NULL};
    static const char *const retracted[] = {"retracted", NULL};
    static const char *const next[] = {"start", "after_s", NULL};
    const struct json *facts = n->facts, *period = json_get(facts, "period");
    if (period->type != JSON_OBJECT) {
        fputs(",\"period\":null", f);
        return;
    }
    fputs(",\"period\":{", f);
    put_facts(f, w->arena, period, own);
    fputs(",", f);
    put_facts(f, w->arena, facts, gap);
    fprintf(f, ",\"holds_the_record\":%s,\"began\":", is_covered(n) ? "true" : "false");
    put_place(f, w, n, WHY_BEGAN);
    fputs(",\"event\":{", f);
    put_facts(f, w->arena, json_get(facts, "event"), event);
    fprintf(f, ",\"late\":%s},", is_late(n) ? "true" : "false");
    put_facts(f, w->arena, facts, retracted);
    fputs(",\"next\":", f);
    if (json_get(facts, "next")->type == JSON_OBJECT) {
        fputs("{", f);
        put_facts(f, w->arena, json_get(facts, "next"), next);
        fputs(",\"record\":", f);
        put_place(f, w, n, WHY_ENDED);
        fputs("}", f);
    } else {
        fputs("null", f);
    }
    fputs("}", f);
}

/* Of a record that came before it begins by how much; else "". NULL: no memory. */
static const char *ahead_of(const struct why *w, const struct why_record *r)
{
    int64_t start, received;
    if (r == NULL || when_time_parse(r->start, &start) == -1 ||
        when_time_parse(text_of(r->facts, "received"), &received) == -1 ||
        start <= received + TOLD_WITHIN_US) {
        return "";
    }
    return arena_printf(w->arena, " (it came %" PRId64 " s before it begins: a clock is ahead)",
                        (start - received) / 1000000);
}

/* The first thing an operator reads. */
static const char *line_of(const struct why *w, const struct why_name *n)
{
    static const char *const severities[] = {"ungraded", "critical", "major",
                                             "minor",    "warning",  "normal"};
    const struct why_place *p = &n->places[WHY_LATEST];
    uint8_t grade = stored_grade(n, p->record);
    const struct json *period = json_get(n->facts, "period");
    struct slice since = text_of(period, "start");
    bool covered = is_covered(n);
    bool fault = p->explained && !agrees(n, p) && p->types_kept; /* of the record, not its state */
    int64_t state = covered && !fault ? integer_of(period, "grade") : grade;
    state = state >= 0 && state <= 5 ? state : grade;
    bool flaps = covered && !fault && json_get(period, "flap") != NULL &&
                 json_get(period, "flap")->type == JSON_TRUE;
    const char *steady = flaps ? ", flapping" : grade <= 5 && state != grade ? ", held" : "";
    const char *own = grade <= 5 && state != grade
                          ? arena_printf(w->arena, "the record is graded %u: ", grade)
                          : "";
    const char *what =
        grade > 5 ? arena_printf(w->arena, "%.*s: no grade", SLICE_SHOWN(n->name, n->name.len))
                  : arena_printf(w->arena, "%.*s %u (%s%s)", SLICE_SHOWN(n->name, n->name.len),
                                 (unsigned)state, severities[state], steady);
    const char *from =
        covered ? arena_printf(w->arena, " since %.*s UTC", SLICE_SHOWN(since, since.len)) : "";
    const char *ahead = ahead_of(w, p->record);
    if (what == NULL || from == NULL || ahead == NULL || own == NULL) {
        return NULL;
    }
    if (!p->explained) {
        return arena_printf(w->arena,
                            "%s%s; its version of the grading, %" PRIu64 ", cannot be had", what,
                            from, p->record->version);
    }
    if (fault) {
        return arena_printf(
            w->arena, "FAULT: %s%s is stored, but by version %" PRIu64 " it is another grade: %s",
            what, from, p->record->version, p->told.because);
    }
    return arena_printf(w->arena, "%s%s: %s%s%s%s", what, from, own, p->told.because, ahead,
                        agrees(n, p) ? ""
                                     : " (which record types entered was not kept, so that this is"
                                       " not how it was graded)");
}

static struct slice document_of(struct why *w, const struct why_name *n, const char *line)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL) {
        return (struct slice){NULL, 0};
    }
    fputs("{\"line\":", f);
    json_print_string(f, line);
    fputs(",\"grade_name\":", f);
    json_print_slice(f, n->name);
    fputs(",\"series\":{", f);
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        fprintf(f, "%s\"%s\":", d == 0 ? "" : ",", dimension_rows[d].name);
        json_print_slice(f, w->dimensions[d]);
    }
    fputs("},\"record\":", f);
    put_place(f, w, n, WHY_LATEST);
    put_period(f, w, n);
    fputs("}", f);
    bool whole = fclose(f) == 0;
    struct slice kept =
        whole ? arena_copy(w->arena, (struct slice){text, size}) : (struct slice){NULL, 0};
    free(text);
    return kept;
}

/* ---- the answer's cells, as COLUMNS_OF_WHY says ---- */

#define COLUMNS ((uint32_t)(sizeof((const char *[]){COLUMNS_OF_WHY}) / sizeof(char *)))

static const char *fit_text(struct why *w)
{
    int64_t fit = integer_of(w->series[0], "fit");
    return fit > WHY_SERIES_COUNTED ? "more than 1000" : arena_printf(w->arena, "%" PRId64, fit);
}

/* Time and dimensions, and how many series fit; the others are null. */
static struct slice *put_series(struct why *w, struct slice *cell, const struct json *series)
{
    struct slice *after = cell + COLUMNS;
    *cell++ = (struct slice){NULL, 0};
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        *cell++ = text_of(series, dimension_rows[d].name);
    }
    while (cell < after) {
        *cell++ = (struct slice){NULL, 0};
    }
    after[-3] = text_of(w->series[0], "fit");
    return after;
}

static struct slice *put_name(struct why *w, struct slice *cell, const struct why_name *n)
{
    const struct why_record *r = n->places[WHY_LATEST].record;
    uint8_t grade = stored_grade(n, r);
    const char *line = line_of(w, n);
    struct slice *after = put_series(w, cell, w->series[0]);
    cell[0] = r->start;
    after[-7] = n->name;
    after[-6] = grade > 5 ? (struct slice){NULL, 0} : slice_of(arena_printf(w->arena, "%u", grade));
    after[-5] = text_of(r->facts, "version");
    after[-4] = text_of(r->facts, "maintenance");
    after[-2] = slice_of(line);
    after[-1] = line == NULL ? (struct slice){NULL, 0} : document_of(w, n, line);
    w->no_memory = w->no_memory || after[-1].at == NULL || (grade <= 5 && after[-6].at == NULL);
    return after;
}

static struct slice *cells_of(void *explained, uint32_t *count)
{
    struct why *w = explained;
    bool has_record = w->record_count > 0;
    uint32_t rows = has_record ? w->name_count : w->series_count;
    struct slice *cells = arena_calloc(w->arena, (size_t)rows * COLUMNS + 1, sizeof *cells);
    struct slice *cell = cells;
    const char *line = NULL;
    if (cells == NULL) {
        return NULL;
    }
    if (!has_record && rows > 0) {
        line = integer_of(w->series[0], "fit") == 1
                   ? "this series has no record in the time that is asked for"
                   : arena_printf(w->arena, "one of %s series that fit: say which", fit_text(w));
        w->no_memory = w->no_memory || line == NULL;
    }
    for (uint32_t i = 0; i < rows && !w->no_memory; i++) {
        if (has_record) {
            cell = put_name(w, cell, &w->names[i]);
        } else {
            cell = put_series(w, cell, w->series[i]);
            cell[-2] = slice_of(line);
        }
    }
    *count = rows * COLUMNS;
    return w->no_memory ? NULL : cells;
}

const struct explainer why_explainer = {WHY_COLUMNS, begin, versions, version, cells_of, faults_of};
