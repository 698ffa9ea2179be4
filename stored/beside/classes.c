/* SPDX-License-Identifier: Apache-2.0 */
/* Few rows, seldom changed: each change is a transaction of its own, and in memory once it is
 * committed. */
#include "stored/beside/classes.h"

#include "common/log.h"
#include "stored/beside/rebuild.h"
#include "stored/db/sql_columns.h"

/* ---- reading ---- */

static int take_class(struct retention *r, const PGresult *rows, int row)
{
    struct slice type = pg_cell_text(rows, row, CLASSES_TYPE);
    if (pg_cell_16(rows, row, CLASSES_CLASS) != row || row == RETENTION_CLASSES ||
        type.len > LIMIT_DIMENSION_BYTES) {
        log_error("retention.classes", "row=%d expected=\"numbers from 0 on, at most %d\"", row,
                  RETENTION_CLASSES);
        return -1;
    }
    struct retention_class *c = &r->class[r->count++];
    *c = (struct retention_class){.from_day = pg_cell_32(rows, row, CLASSES_FROM),
                                  .horizon_day = pg_cell_32(rows, row, CLASSES_HORIZON)};
    c->rule.type_bytes = (uint16_t)type.len;
    memcpy(c->rule.type, type.at, type.len);
    return 0;
}

static int read_classes(struct store *s)
{
    PGresult *rows = pg_rows(&s->pg, SQL_CLASSES, NULL);
    if (rows == NULL) {
        return -1;
    }
    int rc = 0;
    s->retention.count = 0;
    for (int i = 0; i < PQntuples(rows) && rc == 0; i++) {
        rc = take_class(&s->retention, rows, i);
    }
    PQclear(rows);
    return rc;
}

/*
 * A class for a type that has none. Its records of days that hold some already are in class 0, and
 * stay there: a record's class never changes.
 */
static int add_class(struct store *s, const struct retention_rule *rule)
{
    struct retention *r = &s->retention;
    struct slice type = {rule->type, rule->type_bytes};
    int32_t from_day = calendar_last_measured(&s->calendar) + 1;
    if (retention_of_type(r, type) != 0) {
        return 0;
    }
    if (r->count == RETENTION_CLASSES) {
        log_error("retention.full",
                  "type=\"%.*s\" effect=\"kept as all others are: %d types have had a retention of "
                  "their own, more are not possible\"",
                  (int)type.len, type.at, RETENTION_CLASSES - 1);
        return 0;
    }
    pg_params_begin(&s->params);
    pg_add_16(&s->params, (int16_t)r->count);
    pg_add_bytes(&s->params, type);
    pg_add_32(&s->params, from_day);
    if (pg_run(&s->pg, SQL_CLASS_ADD, &s->params) == -1) {
        return -1;
    }
    r->class[r->count] = (struct retention_class){.rule = *rule, .from_day = from_day};
    log_info("retention.class", "class=%u type=\"%.*s\" from_day=%d", r->count, (int)type.len,
             type.at, from_day);
    r->count++;
    return 0;
}

int classes_load(struct store *s, int64_t clock_us)
{
    if (s->calendar.stale && calendar_load(&s->calendar, &s->pg, clock_us) == -1) {
        return -1;
    }
    if (read_classes(s) == -1) {
        return -1;
    }
    for (uint32_t i = 0; i < s->rules.count; i++) {
        if (add_class(s, &s->rules.rule[i]) == -1) {
            return -1;
        }
    }
    retention_set_days(&s->retention, &s->rules);
    series_clear(&s->series); /* each knows its type's class */
    return 0;
}

/* ---- day by day ---- */

static int move_horizons(struct store *s, int32_t today)
{
    struct retention *r = &s->retention;
    struct pg_params *p = &s->params;
    pg_params_begin(p);
    int classes = pg_add_array(p, PG_SMALLINT), days = pg_add_array(p, PG_INTEGER);
    for (uint32_t class = 0; class < r->count; class ++) {
        int32_t due = retention_horizon_due(&r->class[class], today);
        if (due > r->class[class].horizon_day) {
            pg_put_16(p, classes, (int16_t) class);
            pg_put_32(p, days, due);
        }
    }
    if (pg_elements(p, classes) == 0) {
        return 0;
    }
    if (pg_run(&s->pg, SQL_CLASS_HORIZONS, p) == -1) {
        return -1;
    }
    for (uint32_t class = 0; class < r->count; class ++) {
        r->class[class].horizon_day = retention_horizon_due(&r->class[class], today);
    }
    log_info("retention.horizons", "classes=%u", pg_elements(p, classes));
    return 0;
}

static bool is_named(const struct store *s, uint32_t class)
{
    const struct retention_rule *own = &s->retention.class[class].rule;
    for (uint32_t i = 0; i < s->rules.count; i++) {
        const struct retention_rule *rule = &s->rules.rule[i];
        if (slice_equal((struct slice){rule->type, rule->type_bytes},
                        (struct slice){own->type, own->type_bytes})) {
            return true;
        }
    }
    return class == 0;
}

/* So that the first records of a day wait for no partition. */
static int make_ahead(struct store *s, int32_t today, int64_t clock_us)
{
    struct calendar *c = &s->calendar;
    if (c->stale && calendar_load(c, &s->pg, clock_us) == -1) {
        return -1;
    }
    for (int32_t day = today; day <= today + 1; day++) {
        for (uint32_t class = 0; class < s->retention.count; class ++) {
            if (is_named(s, class) && retention_on_day(&s->retention, class, day) == class &&
                calendar_need(c, day, (int32_t) class) == -1) {
                return -1;
            }
        }
    }
    if (c->missing.count == 0) {
        return 0;
    }
    if (pg_do(&s->pg, "BEGIN") == 0 && calendar_make(c, &s->pg) == 0 && pg_commit(&s->pg) == 0) {
        c->stale = false;
        return 0;
    }
    c->stale = true;
    pg_rollback(&s->pg);
    return -1;
}

int classes_remove_unused(struct store *s)
{
    const struct calendar_parts *parts = &s->calendar.parts;
    int32_t first_days[RETENTION_CLASSES];
    for (uint32_t class = 0; class < s->retention.count; class ++) {
        first_days[class] = INT32_MAX;
    }
    for (uint32_t i = parts->count; i > 0; i--) { /* ascending by day */
        if (parts->at[i - 1].class >= 0 && parts->at[i - 1].class < (int32_t)s->retention.count) {
            first_days[parts->at[i - 1].class] = parts->at[i - 1].day;
        }
    }
    struct interned_cache *const caches[] = {&s->schemas, &s->hops};
    for (size_t i = 0; i < sizeof caches / sizeof caches[0]; i++) {
        int64_t removed =
            interned_remove_unused(caches[i], &s->pg, &s->params, first_days, s->retention.count);
        if (removed == -1) {
            return -1;
        }
        count_add(i == 0 ? COUNT_SCHEMAS_REMOVED : COUNT_HOPS_REMOVED, (uint64_t)removed);
    }
    return 0;
}

int classes_go_on(struct store *s, int64_t now_us, int64_t clock_us)
{
    int32_t today = (int32_t)(now_us / DAY_US);
    if (!rebuild_is_under_way(s->rebuild) && move_horizons(s, today) == -1) {
        return -1;
    }
    return make_ahead(s, today, clock_us);
}
