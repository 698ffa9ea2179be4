/* SPDX-License-Identifier: Apache-2.0 */
/* Classes and horizons. Must not read a clock or a database. */
#include "stored/cache/retention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_US INT64_C(86400000000)

/* ---- the option ---- */

/* Whole days within the bound; -1. */
static int32_t read_days(const struct json *value)
{
    int32_t days = 0;
    if (value->type != JSON_NUMBER || value->text.len == 0) {
        return -1;
    }
    for (size_t i = 0; i < value->text.len; i++) {
        char c = value->text.at[i];
        if (c < '0' || c > '9') {
            return -1;
        }
        days = days * 10 + (c - '0');
        if (days > RETENTION_DAYS) {
            return -1;
        }
    }
    return days;
}

static int read_rule(const struct json *member, struct retention_rules *rules, char *error,
                     size_t error_size)
{
    int shown = (int)(member->key.len < 80 ? member->key.len : 80);
    int32_t days = read_days(member);
    if (days == -1) {
        snprintf(error, error_size,
                 "retention.%.*s: expected whole days, 0 (for ever) to %d, found %s%.*s", shown,
                 member->key.at, RETENTION_DAYS,
                 member->type == JSON_NUMBER ? "" : json_type_name(member->type),
                 member->type == JSON_NUMBER && member->text.len < 40 ? (int)member->text.len : 0,
                 member->text.at == NULL ? "" : member->text.at);
        return -1;
    }
    if (slice_is(member->key, "*")) {
        rules->rest_days = days;
        return 0;
    }
    if (member->key.len > LIMIT_DIMENSION_BYTES) {
        snprintf(error, error_size, "retention.%.*s...: a record type has at most %d bytes", shown,
                 member->key.at, LIMIT_DIMENSION_BYTES);
        return -1;
    }
    if (rules->count == RETENTION_TYPES) {
        snprintf(error, error_size, "retention: expected at most %d record types beside \"*\"",
                 RETENTION_TYPES);
        return -1;
    }
    struct retention_rule *rule = &rules->rule[rules->count++];
    rule->type_bytes = (uint16_t)member->key.len;
    if (member->key.len > 0) {
        memcpy(rule->type, member->key.at, member->key.len);
    }
    rule->days = days;
    return 0;
}

int retention_rules_read(const struct json *option, struct retention_rules *rules, char *error,
                         size_t error_size)
{
    rules->count = 0;
    rules->rest_days = 0;
    for (const struct json *m = option == NULL ? NULL : option->first; m != NULL; m = m->next) {
        if (read_rule(m, rules, error, error_size) == -1) {
            return -1;
        }
    }
    return 0;
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
