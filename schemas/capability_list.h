/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be asked of the repository, declared once. From these lists follow what mplane-gw offers
 * and how it reads a specification, what kinds of query there are between it and queryd, which
 * columns queryd answers with and how its listings go on, the commands of ezrepoctl that ask, and
 * what docs/mplane.md has to say. `ezrepoctl capabilities` prints them for what is not in C.
 *
 * For a new one: its names and rows here, a function for its statement in queryd/criteria.c (or,
 * where that is long, a file builder_NAME.c beside it), its row in docs/mplane.md. No two have the
 * same parameters and columns: by these a specification says which one it means. A parameter that
 * no other has is read in common/asking/specification.c; an element that no other has goes into
 * mplane/ezrepo.json.
 *
 * Of each NAME, as strings for an initialiser, in the order in which peers see them:
 *   PARAMETERS_OF_NAME  elements that a specification gives values
 *   COLUMNS_OF_NAME     elements of the rows of a result, or of queryd's answer
 */
#ifndef EZREPO_CAPABILITY_LIST_H
#define EZREPO_CAPABILITY_LIST_H

#include "schemas/dimensions.h"

#define PARAMETERS_OF_CRITERIA DIMENSION_ELEMENTS, "select.grade", "range.grade"
#define PARAMETERS_OF_LISTING  PARAMETERS_OF_CRITERIA, "list.limit", "list.after"

/* In which windows of maintenance what a row tells of lies (docs/semantics.md, "Maintenance"). A
 * specification may leave it out. */
#define COLUMN_MARK "maintenance.windows"

/* What who published a grading said of it, "" where nothing. A specification may leave it out, as a
 * parameter, too. */
#define COLUMN_COMMENT "grading.comment"

/* How often records of what is silent are expected; since when what is bad is so without a break,
 * by whichever bad grades; then what now.line says of a series, piece by
 * piece: what decided. A specification may leave each of them out. */
#define COLUMNS_OF_DECISION                                                                        \
    "now.metric", "now.value", "now.unit", "now.relation", "now.limit", "now.holds", "now.wants"
#define COLUMNS_ADDED_TO_NOW "now.expected", "bad.since", COLUMNS_OF_DECISION

#define PARAMETERS_OF_COUNT PARAMETERS_OF_CRITERIA
#define COLUMNS_OF_COUNT    "grade.name", "records.matched", "records.graded", COLUMN_MARK

#define PARAMETERS_OF_HISTOGRAM DIMENSION_ELEMENTS, "select.grade"
#define COLUMNS_OF_HISTOGRAM                                                                       \
    "grade.name", "grade.value", "grade.severity", "records.count", COLUMN_MARK

#define PARAMETERS_OF_PERIODS PARAMETERS_OF_LISTING
#define COLUMNS_OF_PERIODS                                                                         \
    DIMENSION_ELEMENTS, "grade.name", "grade.value", "period.start", "period.end", "period.ended", \
        "records.count", COLUMN_MARK, "list.cursor"

#define PARAMETERS_OF_EVENTS PARAMETERS_OF_LISTING
#define COLUMNS_OF_EVENTS                                                                          \
    "time", DIMENSION_ELEMENTS, "grade.name", "grade.from", "grade.to", "event.retracted",         \
        COLUMN_MARK, "list.cursor"

#define PARAMETERS_OF_RECORDS PARAMETERS_OF_LISTING
#define COLUMNS_OF_RECORDS                                                                         \
    "time", DIMENSION_ELEMENTS, "grade.name", "grade.value", "grading.version", "results.repo",    \
        COLUMN_MARK, "list.cursor"

/* Elements of result columns whose texts are JSON. */
#define JSON_ELEMENTS                                                                              \
    "results.repo", "grading.document", "why.document", "timeline.marks", "grid.cells",            \
        "grid.left", "datagrams.reasons", "alert.document", "try.document"

/* Why a series has the grade it has: a row for each grade name, or for each series that fits when
 * it is not one. The document is JSON (docs/mplane.md). */
#define PARAMETERS_OF_WHY DIMENSION_ELEMENTS, "select.grade"
#define COLUMNS_OF_WHY                                                                             \
    "time", DIMENSION_ELEMENTS, "grade.name", "grade.value", "grading.version", COLUMN_MARK,       \
        "why.series", "why.line", "why.document"

/*
 * For pages that draw (docs/mplane.md has the documents): lanes with at most one mark a column of
 * the range; dimension by dimension, the first row all together, then one for each value of the
 * one; a metric's values, a row for each column of the range that has some.
 */
#define PARAMETERS_OF_TIMELINE                                                                     \
    DIMENSION_ELEMENTS, "select.grade", "range.columns", "list.limit", "list.after"
#define COLUMNS_OF_TIMELINE                                                                        \
    DIMENSION_ELEMENTS, "grade.name", "timeline.marks", COLUMN_MARK, "list.cursor"

#define PARAMETERS_OF_GRID                                                                         \
    DIMENSION_ELEMENTS, "select.grade", "range.grade", "grid.rows", "grid.columns"
#define COLUMNS_OF_GRID                                                                            \
    "grid.row", "grade.worst", "grade.last", "records.matched", "records.rated", "records.graded", \
        "grade.share", COLUMN_MARK, "grid.cells", "grid.left"

#define PARAMETERS_OF_BUCKETS DIMENSION_ELEMENTS, "metric.name", "range.columns"
#define COLUMNS_OF_BUCKETS                                                                         \
    "time", "metric.min", "metric.mean", "metric.max", "values.count", "metric.unit",              \
        "metric.least", "metric.most", COLUMN_MARK

/*
 * What a grading document would have made of the records of the scope: a row for each grade name,
 * of the document or of these records. Of a sample the numbers are estimates. The document is JSON
 * (docs/gradings.md).
 */
#define PARAMETERS_OF_TRY                                                                          \
    "grading.document", DIMENSION_ELEMENTS, "select.grade", "try.sample", "list.limit"
#define COLUMNS_OF_TRY                                                                             \
    "grade.name", "records.count", "records.changed", "periods.before", "periods.after",           \
        "events.before", "events.after", "try.document"

/* The first EZRepo's: records by type, without paging. */
#define PARAMETERS_OF_ORIGINAL "type.repo", "range.grade", "select.grade"
#define COLUMNS_OF_ORIGINAL    "results.repo", "overall.grade"

#define COLUMNS_OF_GRADING                                                                         \
    "grading.version", "time", "grading.author", "grading.document", COLUMN_COMMENT
#define PARAMETERS_OF_GET_GRADING "grading.version"
#define COLUMNS_OF_GET_GRADING    COLUMNS_OF_GRADING

/* All versions without their documents, the newest first. */
#define PARAMETERS_OF_GRADINGS "list.limit", "list.after"
#define COLUMNS_OF_GRADINGS                                                                        \
    "grading.version", "time", "grading.author", COLUMN_COMMENT, "grading.blocks", "list.cursor"

/* With a version only if that one is in force. */
#define PARAMETERS_OF_SET_GRADING "grading.document", COLUMN_COMMENT, "grading.version"
#define COLUMNS_OF_SET_GRADING    "grading.version", "grading.blocks"

/*
 * The ledger: who sent what, and what became of it; what belongs to no sender; what does not add
 * up. Of hours of receipt that overlap the scope.
 */
#define PARAMETERS_OF_ACCOUNTS "ingestd.instance", "input.sender", "list.limit", "list.after"
#define COLUMNS_OF_ACCOUNTS                                                                        \
    "ingestd.instance", "input.sender", "ledger.hours", "ledger.first", "ledger.last",             \
        "datagrams.count", "datagrams.accepted", "datagrams.exceptions", "datagrams.rejected",     \
        "datagrams.reasons", "records.count", "records.stored", "records.samestart",               \
        "records.duplicates", "records.rejected", "datagrams.missing", "list.cursor"

#define PARAMETERS_OF_LOSSES "ingestd.instance"
#define COLUMNS_OF_LOSSES                                                                          \
    "ingestd.instance", "datagrams.dropped", "datagrams.lost", "datagrams.maybelost",              \
        "batches.missing"

#define PARAMETERS_OF_FAULTS "ingestd.instance", "input.sender", "ledger.recount"
#define COLUMNS_OF_FAULTS                                                                          \
    "ledger.row", "ledger.hour", "ingestd.instance", "input.sender", "ledger.fault",               \
        "ledger.expected", "ledger.found"

/* What was refused; and one of these with the bytes that are kept, in pieces one after the other.
 */
#define COLUMNS_OF_A_REJECT                                                                        \
    "rejected.number", "time", "input.sender", "rejected.reason", "rejected.detail",               \
        "rejected.bytes", "rejected.kept", "ingestd.instance", "batch.sequence", "batch.item",     \
        "input.door", "input.format", "input.context"

#define PARAMETERS_OF_REJECTS "input.sender", "rejected.reason", "list.limit", "list.after"
#define COLUMNS_OF_REJECTS    COLUMNS_OF_A_REJECT, "list.cursor"

#define PARAMETERS_OF_REJECT "rejected.number"
#define COLUMNS_OF_REJECT    COLUMNS_OF_A_REJECT, "rejected.head"

/*
 * The feed of changes behind a cursor, the oldest entry first, and at the end a row with the cursor
 * to go on with (schemas/feed_kinds.h). list.after may be CURSOR_NOW, which is also without one, or
 * CURSOR_BEGIN, too.
 */
#define CURSOR_NOW            "now"   /* behind all there is */
#define CURSOR_BEGIN          "begin" /* the first there is */
#define PARAMETERS_OF_CHANGES PARAMETERS_OF_LISTING, "feed.kinds", "feed.wait"
#define COLUMNS_OF_CHANGES                                                                         \
    "time", "feed.kind", DIMENSION_ELEMENTS, "grade.name", "grade.from", "grade.to", "event.time", \
        "event.number", "feed.detail", COLUMN_MARK, "list.cursor"

/*
 * What is so now, of the scope past ... future only (docs/semantics.md, "Now"). The series that
 * fit, a row for each of their grade names asked for; values of a dimension among them, the most
 * frequent first; and what is bad, explained by groups, what changed last, and how many are how.
 */
#define PARAMETERS_OF_SERIES PARAMETERS_OF_LISTING
#define COLUMNS_OF_SERIES                                                                          \
    DIMENSION_ELEMENTS, "series.number", "grade.name", "grade.value", "series.state",              \
        "period.start", "silent.since", "series.first", "series.last", "records.count",            \
        COLUMN_MARK, "list.cursor"

#define PARAMETERS_OF_FACETS PARAMETERS_OF_CRITERIA, "facet.dimension", "facet.begins", "list.limit"
#define COLUMNS_OF_FACETS                                                                          \
    "facet.dimension", "facet.value", "series.count", "series.bad", "records.count", COLUMN_MARK

/* Which metrics the series that fit have: the last records of so many of each type and content. */
#define PARAMETERS_OF_METRICS DIMENSION_ELEMENTS, "list.limit"
#define COLUMNS_OF_METRICS                                                                         \
    "record.type", "record.content", "metric.name", "metric.min", "metric.max", "series.count",    \
        "series.last"

#define PARAMETERS_OF_NOW PARAMETERS_OF_CRITERIA, "now.changed", "now.each", "list.limit"
#define COLUMNS_OF_NOW                                                                             \
    "now.kind", DIMENSION_ELEMENTS, "grade.name", "grade.value", "grade.from", "period.start",     \
        "silent.since", "series.count", "series.bad", COLUMN_MARK, "now.line",                     \
        COLUMNS_ADDED_TO_NOW

/*
 * Silences that were told and have not ended, of series and of probes; of a probe nothing but
 * record.probe is told, and how many series it has.
 */
#define PARAMETERS_OF_SILENT DIMENSION_ELEMENTS, "silence.retired", "list.limit", "list.after"
#define COLUMNS_OF_SILENT                                                                          \
    "silent.since", DIMENSION_ELEMENTS, "series.count", "silence.number", "silence.last",          \
        "silence.expected", "silence.delay", "silence.told", "silence.retired", COLUMN_MARK,       \
        "list.cursor"

/*
 * What is bad, or silent, now and not in maintenance, since when, the longest first: for alertd, no
 * capability asks for it. Of a row that is a `probe` only record.probe is told; what stands in
 * now.line follows from the last record as of NOW; time is when its version was published.
 */
#define COLUMNS_OF_TELLING                                                                         \
    "now.kind", DIMENSION_ELEMENTS, "grade.name", "grade.value", "series.number", "period.start",  \
        "series.last", "series.count", "grading.version", "time", "now.line"

/*
 * Series as they are now, as for SERIES, and of the last record of each the metrics asked for, as a
 * JSON object of what was sent: for webd, no capability asks for it.
 */
#define COLUMNS_OF_EXPORTED                                                                        \
    DIMENSION_ELEMENTS, "series.number", "grade.name", "grade.value", "series.state",              \
        "period.start", "silent.since", "series.last", "results.repo", "list.cursor"

/* Alerts that were told and fire, or all; of which series, or probe. The document is JSON. */
#define PARAMETERS_OF_ALERTS DIMENSION_ELEMENTS, "alert.ended", "list.limit", "list.after"
#define COLUMNS_OF_ALERTS                                                                          \
    "alert.fired", DIMENSION_ELEMENTS, "alert.route", "grade.name", "alert.since", "alert.over",   \
        "alert.id", "alert.key", "series.number", "alert.document", "list.cursor"

/*
 * The records behind a cursor in the order in which they arrived, each once; the same cursors and
 * last row.
 */
#define PARAMETERS_OF_ARRIVALS PARAMETERS_OF_LISTING, "feed.wait"
#define COLUMNS_OF_ARRIVALS                                                                        \
    "time", "feed.kind", DIMENSION_ELEMENTS, "grade.name", "grade.value", "grading.version",       \
        "results.repo", COLUMN_MARK, "list.cursor"

/*
 * Windows of maintenance that touch the scope, the newest first: of those that restrict, by
 * criteria or by what they may see, the windows in which a series that fits lies. The dimensions
 * are their patterns.
 */
#define PARAMETERS_OF_MAINTENANCE DIMENSION_ELEMENTS, "list.limit", "list.after"
#define COLUMNS_OF_MAINTENANCE                                                                     \
    "maintenance.number", DIMENSION_ELEMENTS, "maintenance.state", "maintenance.from",             \
        "maintenance.to", "maintenance.ended", "maintenance.reason", "maintenance.author",         \
        "maintenance.endedby", "maintenance.made", "list.cursor"

/*
 * QUERY(NAME, letter, KEYS): what queryd can be asked, QUERY_NAME in the message query; append
 * only. letter and KEYS are of a listing: with what its cursors begin, and by which columns k.* of
 * the statement its rows are in order. A TIME that comes first also bounds the range: then the
 * listing goes from the newest on. KEY(kind, column):
 *   ID     a number from 0
 *   GRADE  a grade name's number
 *   TIME   a time
 *   TEXT   a text that is not empty; only as the last one
 */
#define NO_KEYS(KEY)
#define KEYS_OF_PERIODS(KEY)                                                                       \
    KEY(TIME, t)                                                                                   \
    KEY(ID, series_id) KEY(GRADE, grade_id) KEY(TIME, start_end) KEY(ID, start_key)
#define KEYS_OF_EVENTS(KEY) KEY(TIME, t) KEY(ID, id)
#define KEYS_OF_RECORDS(KEY)                                                                       \
    KEY(TIME, t) KEY(ID, series_id) KEY(TIME, t_end) KEY(ID, key) KEY(GRADE, grade_id)
#define KEYS_OF_GRADINGS(KEY) KEY(ID, version)
#define KEYS_OF_ACCOUNTS(KEY) KEY(TEXT, account)
#define KEYS_OF_REJECTS(KEY)  KEY(ID, id)
#define KEYS_OF_CHANGES(KEY)  KEY(ID, arrival) KEY(ID, n) KEY(ID, mark)
#define KEYS_OF_TIMELINE(KEY) KEY(ID, series_id) KEY(GRADE, grade_id)
#define KEYS_OF_ARRIVALS(KEY)                                                                      \
    KEY(ID, arrival) KEY(ID, series_id) KEY(TIME, t) KEY(ID, key) KEY(GRADE, grade_id) KEY(ID, mark)

#define KEYS_OF_SERIES(KEY) KEY(ID, id) KEY(GRADE, grade_id)

#define KEYS_OF_SILENT(KEY) KEY(TIME, t) KEY(ID, number)

#define KEYS_OF_MAINTENANCE(KEY) KEY(ID, number)

#define KEYS_OF_ALERTS(KEY) KEY(TIME, t) KEY(ID, number)

#define QUERIES(QUERY)                                                                             \
    QUERY(COUNT, "", NO_KEYS)                                                                      \
    QUERY(HISTOGRAM, "", NO_KEYS)                                                                  \
    QUERY(PERIODS, "p", KEYS_OF_PERIODS)                                                           \
    QUERY(EVENTS, "e", KEYS_OF_EVENTS)                                                             \
    QUERY(RECORDS, "r", KEYS_OF_RECORDS)                                                           \
    QUERY(GRADING, "", NO_KEYS) /* only grading_version counts; 0 is the one in force */           \
    QUERY(GRADINGS, "v", KEYS_OF_GRADINGS)                                                         \
    QUERY(ACCOUNTS, "a", KEYS_OF_ACCOUNTS)                                                         \
    QUERY(LOSSES, "", NO_KEYS)                                                                     \
    QUERY(FAULTS, "", NO_KEYS)                                                                     \
    QUERY(REJECTS, "j", KEYS_OF_REJECTS)                                                           \
    QUERY(REJECT, "", NO_KEYS) /* only reject counts */                                            \
    QUERY(CHANGES, "c", KEYS_OF_CHANGES)                                                           \
    QUERY(WHY, "", NO_KEYS) /* of an instant what starts at or before it */                        \
    QUERY(TIMELINE, "t", KEYS_OF_TIMELINE)                                                         \
    QUERY(GRID, "", NO_KEYS)                                                                       \
    QUERY(BUCKETS, "", NO_KEYS)                                                                    \
    QUERY(SERIES, "s", KEYS_OF_SERIES)                                                             \
    QUERY(FACETS, "", NO_KEYS)                                                                     \
    QUERY(NOW, "", NO_KEYS)                                                                        \
    QUERY(SILENT, "q", KEYS_OF_SILENT)                                                             \
    QUERY(ARRIVALS, "n", KEYS_OF_ARRIVALS)                                                         \
    QUERY(MAINTENANCE, "m", KEYS_OF_MAINTENANCE)                                                   \
    QUERY(TELLING, "", NO_KEYS)                                                                    \
    QUERY(ALERTS, "w", KEYS_OF_ALERTS)                                                             \
    QUERY(EXPORTED, "x", KEYS_OF_SERIES)                                                           \
    QUERY(METRICS, "", NO_KEYS)                                                                    \
    QUERY(TRY, "", NO_KEYS) /* by a reasond */

#define QUERY_KIND(NAME, letter, KEYS) QUERY_##NAME,
enum query_kind { QUERIES(QUERY_KIND) QUERY_KINDS };

/* Whether its answer can be cut to some series. Those of the first ones can, of the feed, and of
 * those behind WHY; what explains a grade shows the grading, which is about all. */
#define QUERY_HAS_CRITERIA(kind)                                                                   \
    ((kind) <= QUERY_RECORDS || (kind) == QUERY_CHANGES || (kind) > QUERY_WHY)

/* What takes as long as there are records: it may have all the time that queryd allows. */
#define QUERY_TAKES_LONG(q) ((q)->recount == 1 || (q)->kind == QUERY_TRY)

/*
 * CAPABILITY(NAME, label, verb, query): what the gateway offers, in the order of /capabilities, and
 * what queryd is asked then. What is to "store" goes to stored instead.
 */
#define CAPABILITIES(CAPABILITY)                                                                   \
    CAPABILITY(COUNT, "QueryByCriteria", "query", QUERY_COUNT)                                     \
    CAPABILITY(HISTOGRAM, "QueryHistogram", "query", QUERY_HISTOGRAM)                              \
    CAPABILITY(PERIODS, "QueryPeriods", "query", QUERY_PERIODS)                                    \
    CAPABILITY(EVENTS, "QueryEvents", "query", QUERY_EVENTS)                                       \
    CAPABILITY(RECORDS, "QueryRecords", "query", QUERY_RECORDS)                                    \
    CAPABILITY(ORIGINAL, "ezrepo", "query", QUERY_RECORDS)                                         \
    CAPABILITY(GET_GRADING, "GetGrading", "query", QUERY_GRADING)                                  \
    CAPABILITY(SET_GRADING, "SetGrading", "store", QUERY_GRADING)                                  \
    CAPABILITY(ACCOUNTS, "LedgerAccounts", "query", QUERY_ACCOUNTS)                                \
    CAPABILITY(LOSSES, "LedgerLosses", "query", QUERY_LOSSES)                                      \
    CAPABILITY(FAULTS, "LedgerFaults", "query", QUERY_FAULTS)                                      \
    CAPABILITY(REJECTS, "RejectedList", "query", QUERY_REJECTS)                                    \
    CAPABILITY(REJECT, "RejectedBytes", "query", QUERY_REJECT)                                     \
    CAPABILITY(CHANGES, "QueryChanges", "query", QUERY_CHANGES)                                    \
    CAPABILITY(WHY, "QueryWhy", "query", QUERY_WHY)                                                \
    CAPABILITY(TIMELINE, "QueryTimeline", "query", QUERY_TIMELINE)                                 \
    CAPABILITY(GRID, "QueryGrid", "query", QUERY_GRID)                                             \
    CAPABILITY(BUCKETS, "QueryBuckets", "query", QUERY_BUCKETS)                                    \
    CAPABILITY(SERIES, "QuerySeries", "query", QUERY_SERIES)                                       \
    CAPABILITY(FACETS, "QueryFacets", "query", QUERY_FACETS)                                       \
    CAPABILITY(NOW, "QueryNow", "query", QUERY_NOW)                                                \
    CAPABILITY(SILENT, "QuerySilent", "query", QUERY_SILENT)                                       \
    CAPABILITY(ARRIVALS, "QueryArrivals", "query", QUERY_ARRIVALS)                                 \
    CAPABILITY(MAINTENANCE, "QueryMaintenance", "query", QUERY_MAINTENANCE)                        \
    CAPABILITY(ALERTS, "QueryAlerts", "query", QUERY_ALERTS)                                       \
    CAPABILITY(GRADINGS, "QueryGradings", "query", QUERY_GRADINGS)                                 \
    CAPABILITY(METRICS, "QueryMetrics", "query", QUERY_METRICS)                                    \
    CAPABILITY(TRY, "TryGrading", "query", QUERY_TRY)

/* The last: results of a record type are taken; one of each type, made of the record types. */
#define CAPABILITY_KIND(NAME, label, verb, query) CAPABILITY_##NAME,
enum capability_kind { CAPABILITIES(CAPABILITY_KIND) CAPABILITY_COLLECT };

/* COMMAND(NAME, name, summary): the commands of ezrepoctl that ask by criteria, and what for. */
#define ASKING_COMMANDS(COMMAND)                                                                   \
    COMMAND(COUNT, "query",                                                                        \
            "Counts: how many records match, how many of them have a grade in the range.")         \
    COMMAND(PERIODS, "periods",                                                                    \
            "Lists periods of steady quality that overlap the range, newest first.")               \
    COMMAND(EVENTS, "events", "Lists changes of quality, newest first.")                           \
    COMMAND(RECORDS, "records", "Lists the records themselves, newest first.")

#endif
