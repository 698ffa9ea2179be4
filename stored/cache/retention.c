/* SPDX-License-Identifier: Apache-2.0 */
/* Classes and horizons. Must not read a clock or a database. */
#include "stored/cache/retention.h"

#include <stdlib.h>
#include <string.h>

#define DAY_US INT64_C(86400000000)

/* ---- the option ---- */

static void read_rule(const struct document_place *at, struct retention_rules *rules)
{
    int64_t days = 0;
    if (at->key.len > LIMIT_DIMENSION_BYTES) {
        document_fault(at, "expected a record type of at most %d bytes", LIMIT_DIMENSION_BYTES);
    } else if (!document_integer(at, "whole days (0: for ever)", 0, RETENTION_DAYS, &days)) {
        return;
    } else if (slice_is(at->key, "*")) {
        rules->rest_days = (int32_t)days;
    } else if (rules->count == RETENTION_TYPES) {
        document_fault(at, "expected at most %d record types beside \"*\"", RETENTION_TYPES);
    } else {
        struct retention_rule *rule = &rules->rule[rules->count++];
        *rule = (struct retention_rule){.type_bytes = (uint16_t)at->key.len, .days = (int32_t)days};
        if (at->key.len > 0) {
            memcpy(rule->type, at->key.at, at->key.len);
        }
    }
}

int retention_rules_read(struct document *d, const struct json *option,
                         struct retention_rules *rules)
{
    struct document_place at = document_part(d, "stored.retention", option);
    uint32_t before = d->faults;
    rules->count = 0;
    rules->rest_days = 0;
    for (struct document_place m = document_first(&at); m.node != NULL; document_next(&m)) {
        read_rule(&m, rules);
    }
    return d->faults == before ? 0 : -1;
}

/* ---- classes ---- */

static bool is_type(const struct retention_rule *rule, struct slice type)
{
    return slice_equal((struct slice){rule->type, rule->type_bytes}, type);
}

uint32_t retention_of_type(const struct retention *r, struct slice type)
{
    for (uint32_t class = 1; class < r->count; class ++) {
        if (is_type(&r->class[class].rule, type)) {
            return class;
        }
    }
    return 0;
}

static int64_t start_of(int32_t day)
{
    return day <= 0 ? INT64_MIN : day * DAY_US;
}

int64_t retention_horizon_us(const struct retention *r, uint32_t class)
{
    const struct retention_class *own = &r->class[class], *rest = &r->class[0];
    if (class == 0 || own->horizon_day > own->from_day) {
        return start_of(own->horizon_day);
    }
    /* Nothing of its own is to be dropped yet; what lies before it is in class 0. */
    return start_of(rest->horizon_day < own->from_day ? rest->horizon_day : own->from_day);
}

int64_t retention_earliest_us(const struct retention *r)
{
    int64_t earliest_us = retention_horizon_us(r, 0);
    for (uint32_t class = 1; class < r->count; class ++) {
        int64_t us = retention_horizon_us(r, class);
        earliest_us = us < earliest_us ? us : earliest_us;
    }
    return earliest_us;
}

bool retention_is_expired(const struct retention *r, struct slice type, int64_t t_us)
{
    int32_t latest = 0;
    for (uint32_t class = 0; class < r->count; class ++) {
        latest = r->class[class].horizon_day > latest ? r->class[class].horizon_day : latest;
    }
    /* Nearly always decided without a look at the type. */
    return t_us < start_of(latest) && t_us < retention_horizon_us(r, retention_of_type(r, type));
}

void retention_set_days(struct retention *r, const struct retention_rules *rules)
{
    for (uint32_t class = 0; class < r->count; class ++) {
        struct retention_rule *own = &r->class[class].rule;
        own->days = rules->rest_days;
        for (uint32_t i = 0; class > 0 && i < rules->count; i++) {
            const struct retention_rule *rule = &rules->rule[i];
            if (is_type(own, (struct slice){rule->type, rule->type_bytes})) {
                own->days = rule->days;
            }
        }
    }
}

int32_t retention_horizon_due(const struct retention_class *c, int32_t today)
{
    int32_t due = c->rule.days == 0 ? 0 : today - c->rule.days;
    return due > c->horizon_day ? due : c->horizon_day;
}
