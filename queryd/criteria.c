/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements of the query engine: with counting.c, the builder_*.c, and cursor.c for list.cursor,
 * all SQL that queryd sends about the store. It must not paste what an asker wrote into a
 * statement, and it does no I/O.
 *
 * Shape of those with criteria: "matched" (the series, when any dimension is restricted), "asked"
 * (the grade names), then what is counted or listed. Records of days that are known only while the
 * statement runs are read by functions of the store, so that it is not planned for every partition.
 * Counts read as little as they can: counting.c says how.
 */
#include "queryd/criteria.h"

#include "common/capability_rows.h"
#include "common/pattern.h"
#include "queryd/builder.h"

#define T_START   TIME_TEXT("k.t")
#define T_END     TIME_TEXT("k.t_end")
#define PUBLISHED TIME_TEXT("published_at")
#define OF_SERIES DIMENSION_SQL("s.")

#define MARK_OF_PERIOD MARK_OF_ROW("k.t", "k.t_end")
#define MARK_OF_EVENT  MARK_OF_ROW("k.t", "k.t")

/* Which grade names, and what grades of theirs. */
static int add_asked(struct builder *b)
{
    const struct query_message *q = b->q;
    if (q->grade_name.len == 0 || !pattern_is_text(q->grade_name)) {
        return builder_fault(b, "select.grade: expected \"all\" or a grade name in UTF-8");
    }
    builder_add(b, "asked AS (SELECT id, name FROM grade_name");
    if (!slice_is(q->grade_name, "all")) {
        b->name = builder_text(b, q->grade_name);
        b->c->grade_name = b->c->parameters[b->name - 1];
        builder_add(b, " WHERE name = $%d", b->name);
    }
    builder_add(b, ")");
    if (q->kind == QUERY_HISTOGRAM || q->kind == QUERY_WHY || q->kind == QUERY_TIMELINE ||
        q->kind == QUERY_GRID || q->kind == QUERY_BUCKETS || q->kind == QUERY_SILENT ||
        q->kind == QUERY_MAINTENANCE || q->kind == QUERY_ALERTS || q->kind == QUERY_METRICS ||
        (q->kind == QUERY_TELLING && q->silences == 1)) {
        return 0;
    }
    if (q->grade_high > 5 || q->grade_low > q->grade_high) {
        return builder_fault(b, "range.grade: expected two grades within 0 ... 5, found %u ... %u",
                             (unsigned)q->grade_low, (unsigned)q->grade_high);
    }
    b->low = builder_number(b, q->grade_low);
    b->high = builder_number(b, q->grade_high);
    return 0;
}

/* What a count counts from, and which windows that may lie in. */
static void begin_count(struct builder *b)
{
    b->c->counts = true;
    builder_windows_in_range(b);
    builder_touching(b, false);
    builder_tally(b);
}

static void build_count(struct builder *b)
{
    begin_count(b);
    builder_add(
        b,
        ", matched_records AS (SELECT coalesce(sum(n), 0) AS n FROM tally WHERE grade_id = 0)"
        " SELECT a.name, m.n, %scoalesce(sum(t.n), 0), " MARK_OF_ALL
        " FROM asked a CROSS JOIN matched_records m"
        " LEFT JOIN tally t ON t.grade_id = a.id GROUP BY a.id, a.name, m.n ORDER BY a.id",
        b->q->grade_low == 0 ? "m.n + " : "");
}

static void build_histogram(struct builder *b)
{
    begin_count(b);
    builder_add(
        b, "SELECT a.name, v.grade, (ARRAY['ungraded', 'critical', 'major', 'minor', 'warning',"
           " 'normal'])[v.grade + 1], coalesce(sum((ARRAY[t.n0, t.n1, t.n2, t.n3, t.n4, t.n5])"
           "[v.grade + 1]), 0), " MARK_OF_ALL
           " FROM asked a CROSS JOIN generate_series(0, 5) AS v (grade)"
           " LEFT JOIN tally t ON t.grade_id = a.id"
           " GROUP BY a.id, a.name, v.grade ORDER BY a.id, v.grade");
}

/* newest_periods() also completes open ones from the records (0011-identity.sql). */
static void build_periods(struct builder *b, int limit)
{
    int from = builder_time(b, b->from_us), to = builder_time(b, b->to_us);
    builder_add(b,
                ", page AS MATERIALIZED (SELECT * FROM newest_periods($%d::timestamptz,"
                " $%d::timestamptz, %s, ARRAY(SELECT id FROM asked), $%d::int, $%d::int",
                from, to, builder_series_array(b), b->low, b->high);
    builder_go_on(b);
    builder_add(b, ", $%d::bigint))", limit);
    builder_windows_of(b, "page", "t", "t_end");
    builder_add(
        b,
        " SELECT " OF_SERIES ", n.name, k.grade, " T_START ", " T_END
        ", coalesce(k.ended, ''), k.records, " MARK_OF_PERIOD
        ", %s FROM page k JOIN asked n ON n.id = k.grade_id JOIN series s ON s.id = k.series_id"
        " ORDER BY k.t DESC, k.series_id DESC, k.grade_id DESC, k.start_end DESC,"
        " k.start_key DESC",
        cursor_sql(QUERY_PERIODS));
}

static void build_events(struct builder *b, int limit)
{
    int from = builder_time(b, b->from_us), to = builder_time(b, b->to_us);
    builder_add(
        b,
        ", page AS MATERIALIZED ("
        "SELECT e.id, e.series_id, e.grade_id, e.t, e.from_grade, e.to_grade, e.retracted_at"
        " FROM event e WHERE e.t >= $%d::timestamptz AND e.t < $%d::timestamptz"
        " AND e.to_grade BETWEEN $%d::int AND $%d::int AND e.grade_id IN (SELECT id FROM asked)",
        from, to, b->low, b->high);
    builder_series(b, "e");
    builder_after(b, "e.t, e.id", "<");
    builder_add(b, " ORDER BY e.t DESC, e.id DESC LIMIT $%d::bigint)", limit);
    builder_windows_of(b, "page", "t", "t");
    builder_add(b,
                " SELECT " T_START ", " OF_SERIES ", n.name, k.from_grade, k.to_grade,"
                " CASE WHEN k.retracted_at IS NULL THEN 'False' ELSE 'True' END, " MARK_OF_EVENT
                ", %s FROM page k JOIN series s ON s.id = k.series_id"
                " JOIN grade_name n ON n.id = k.grade_id ORDER BY k.t DESC, k.id DESC",
                cursor_sql(QUERY_EVENTS));
}

static void build_grading(struct builder *b)
{
    b->c->no_row = b->q->grading_version == 0
                       ? "grading.version: no grading has been published yet"
                       : "grading.version: there is no grading of this version";
    builder_add(b, "SELECT version, " PUBLISHED ", author, document, comment FROM grading");
    if (b->q->grading_version != 0) {
        builder_add(b, " WHERE version = $%d::bigint", builder_number(b, b->q->grading_version));
    }
    builder_add(b, " ORDER BY version DESC LIMIT 1");
}

static int build_gradings(struct builder *b, uint64_t rows)
{
    if (builder_range(b) == -1) {
        return -1;
    }
    builder_add(b,
                "SELECT k.version, " PUBLISHED ", k.author, k.comment, k.blocks, %s FROM grading k"
                " WHERE true",
                cursor_sql(QUERY_GRADINGS));
    builder_after(b, "k.version", "<");
    builder_add(b, " ORDER BY k.version DESC LIMIT $%d::bigint", builder_number(b, rows));
    return 0;
}

static uint64_t row_limit(const struct query_message *q, uint32_t rows_default, uint32_t rows_max)
{
    uint64_t rows = q->limit == 0 ? rows_default : q->limit;
    return rows < rows_max ? rows : rows_max;
}

/* Begins what has criteria: series, names, range. */
static int begin_criteria(struct builder *b)
{
    builder_add(b, "WITH ");
    return builder_matched(b) == -1 || add_asked(b) == -1 || builder_range(b) == -1 ? -1 : 0;
}

/* The same where it has some; what cannot be cut to series is for who may see all. */
static int begin(struct builder *b, enum query_kind kind)
{
    if ((QUERY_HAS_CRITERIA(kind) || kind == QUERY_WHY) && begin_criteria(b) == -1) {
        return -1;
    }
    return !QUERY_HAS_CRITERIA(kind) && b->q->sees_count > 0
               ? builder_fault(b, "this tells of all series, and your roles are bound to some")
               : 0;
}

/* About what came in: the ledger, and what was refused. */
static int build_intake(struct builder *b, uint64_t rows, uint64_t rows_max)
{
    switch (b->c->kind) {
    case QUERY_ACCOUNTS:
        return builder_accounts(b, rows);
    case QUERY_LOSSES:
        return builder_losses(b, rows_max);
    case QUERY_FAULTS:
        return builder_faults(b, rows_max);
    case QUERY_REJECTS:
        return builder_rejects(b, rows);
    default:
        builder_reject(b);
        return 0;
    }
}

/* About what is so now, and what is told of it. */
static int build_now(struct builder *b, uint64_t rows)
{
    switch (b->c->kind) {
    case QUERY_SERIES:
        return builder_which(b, rows);
    case QUERY_EXPORTED:
        return builder_exported(b, rows);
    case QUERY_METRICS:
        return builder_metrics(b, rows);
    case QUERY_FACETS:
        return builder_facets(b, rows);
    case QUERY_NOW:
        return builder_now(b, rows);
    case QUERY_SILENT:
        return builder_silences(b, rows);
    case QUERY_TELLING:
        return builder_telling(b, rows);
    default:
        return builder_alerts(b, rows);
    }
}

/* What pages draw; likewise. */
static int build_picture(struct builder *b, uint64_t rows)
{
    return b->c->kind == QUERY_TIMELINE ? builder_timeline(b, rows)
           : b->c->kind == QUERY_GRID   ? builder_grid(b)
                                        : builder_buckets(b);
}

/* The statement. -1: the question is at fault. */
static int build(struct builder *b, uint64_t rows, uint64_t rows_max)
{
    if (begin(b, b->c->kind) == -1) {
        return -1;
    }
    switch (b->c->kind) {
    case QUERY_COUNT:
        build_count(b);
        break;
    case QUERY_HISTOGRAM:
        build_histogram(b);
        break;
    case QUERY_PERIODS:
        build_periods(b, builder_number(b, rows));
        break;
    case QUERY_EVENTS:
        build_events(b, builder_number(b, rows));
        break;
    case QUERY_RECORDS:
        builder_newest(b, builder_number(b, rows));
        break;
    case QUERY_GRADING:
        build_grading(b);
        break;
    case QUERY_GRADINGS:
        return build_gradings(b, rows);
    case QUERY_CHANGES:
        return builder_changes(b, rows);
    case QUERY_ARRIVALS:
        builder_arrivals(b, rows);
        break;
    case QUERY_WHY:
        builder_why(b);
        break;
    case QUERY_TIMELINE:
    case QUERY_GRID:
    case QUERY_BUCKETS:
        return build_picture(b, rows);
    case QUERY_MAINTENANCE:
        builder_maintenance(b, rows);
        break;
    case QUERY_ACCOUNTS:
    case QUERY_LOSSES:
    case QUERY_FAULTS:
    case QUERY_REJECTS:
    case QUERY_REJECT:
        return build_intake(b, rows, rows_max);
    case QUERY_SERIES:
    case QUERY_EXPORTED:
    case QUERY_METRICS:
    case QUERY_FACETS:
    case QUERY_NOW:
    case QUERY_SILENT:
    case QUERY_TELLING:
    case QUERY_ALERTS:
        return build_now(b, rows);
    case QUERY_TRY: /* a reasond's */
    case QUERY_KINDS:
        break;
    }
    return 0;
}

int criteria_build(struct arena *a, const struct query_message *q, uint32_t rows_default,
                   uint32_t rows_max, struct criteria *c, char error[CRITERIA_ERROR])
{
    struct builder *b = arena_calloc(a, 1, sizeof *b);
    if (b == NULL) {
        return -2;
    }
    *c = (struct criteria){
        .kind = (enum query_kind)q->kind, .columns = query_rows[q->kind].columns, .moving = -1};
    while (c->columns[c->column_count] != NULL) {
        c->column_count++;
    }
    b->arena = a;
    b->q = q;
    b->c = c;
    b->error = error;
    error[0] = '\0';
    int result = build(b, row_limit(q, rows_default, rows_max), rows_max);
    c->sql = b->sql;
    return result == -1 ? -1 : b->failed ? -2 : 0;
}
