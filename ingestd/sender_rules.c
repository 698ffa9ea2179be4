/* SPDX-License-Identifier: Apache-2.0 */
/* Rules are few and looked at in order. */
#include "ingestd/sender_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/pattern.h"

#define LONGEST_S   INT64_C(31557600000) /* 1000 years */
#define DAYS_US(n)  ((n)*INT64_C(86400000000))
#define ORIGIN_SIZE 48
#define RECORDS     INT64_C(1000000000)
#define SERIES      INT64_C(200000) /* cost 128 KiB a sender */
#define DAYS        INT64_C(3660)
#define BURST_S     60 /* a burst has the records of so many seconds where no rule says how many */

struct sender_rule {
    bool any_door;
    enum sender_door door;
    struct pattern sender;
    char *sender_text; /* what the pattern points to */
    struct zone *zone;
    struct sender_limits what; /* -1: it does not say */
    char past_of[ORIGIN_SIZE], longest_of[ORIGIN_SIZE];
};

struct sender_rules {
    struct sender_options options;
    size_t count;
    struct sender_rule rule[SENDER_RULES_MAX];
};

static const char *const door_names[] = {
    [SENDER_UDP] = "udp", [SENDER_HTTPS] = "https", [SENDER_FILE] = "file"};

/*
 * Anybody may send a datagram, so it is to be of these days; a probe that posts may have been off
 * for a season; who may put files into the folder may bring archives, and as many as he likes. No
 * probe comes near the budgets, and a relay for thousands of them hardly.
 */
static const struct sender_limits presets[] = {
    [SENDER_UDP] = {.past_us = DAYS_US(7),
                    .longest_us = DAYS_US(7),
                    .past_of = "past_limit_s of the door udp",
                    .longest_of = "longest_s of the door udp",
                    .budget = {50000, 50000 * BURST_S, 50000, 31}},
    [SENDER_HTTPS] = {.past_us = DAYS_US(92),
                      .longest_us = DAYS_US(31),
                      .past_of = "past_limit_s of the door https",
                      .longest_of = "longest_s of the door https",
                      .budget = {50000, 50000 * BURST_S, 50000, 100}},
    [SENDER_FILE] = {.past_us = DAYS_US(400),
                     .longest_us = DAYS_US(31),
                     .past_of = "past_limit_s of the door file",
                     .longest_of = "longest_s of the door file"}};

const char *sender_door_name(enum sender_door door)
{
    return door_names[door];
}

/* Reading: where, and whether there were faults. */
struct sender_rules_reading {
    size_t at;
    bool faulty;
};

static void fault(struct sender_rules_reading *g, struct slice key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fault(struct sender_rules_reading *g, struct slice key, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "ingestd.senders[%zu]%s%.*s: ", g->at, key.len > 0 ? "." : "", (int)key.len,
            key.at);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    g->faulty = true;
}

static void read_door(struct sender_rules_reading *g, const struct json *value,
                      struct sender_rule *rule)
{
    for (int i = 0; i < SENDER_DOORS; i++) {
        if (json_is(value, sender_door_name((enum sender_door)i))) {
            rule->any_door = false;
            rule->door = (enum sender_door)i;
            return;
        }
    }
    fault(g, value->key, "expected \"udp\", \"https\" or \"file\"");
}

static void read_sender(struct sender_rules_reading *g, const struct json *value,
                        struct sender_rule *rule)
{
    if (value->type != JSON_STRING) {
        fault(g, value->key, "expected a string, found %s", json_type_name(value->type));
        return;
    }
    free(rule->sender_text);
    rule->sender_text = strndup(value->text.at, value->text.len);
    if (rule->sender_text == NULL ||
        pattern_compile(slice_of(rule->sender_text), true, &rule->sender) == -1) {
        fault(g, value->key, "expected an address, a prefix or a pattern, found \"%.*s\"",
              (int)value->text.len, value->text.at);
    }
}

static void read_zone(struct sender_rules_reading *g, const struct json *value,
                      struct sender_rule *rule)
{
    const char *name = value->type == JSON_STRING ? value->text.at : "";
    rule->zone = zone_load(name);
    if (rule->zone == NULL) {
        fault(g, value->key,
              "expected the name of a time zone, as \"Europe/Madrid\", found \"%s\"%s", name,
              errno == ENOMEM ? " and no memory" : "");
    }
}

static void read_integer(struct sender_rules_reading *g, const struct json *value, int64_t least,
                         int64_t most, int64_t *number)
{
    char *end = NULL;
    errno = 0;
    int64_t n = value->type == JSON_NUMBER ? strtoll(value->text.at, &end, 10) : -1;
    if (end == NULL || *end != '\0' || errno != 0 || n < least || n > most) {
        fault(g, value->key, "expected an integer %" PRId64 "..%" PRId64, least, most);
        return;
    }
    *number = n;
}

static void read_seconds(struct sender_rules_reading *g, const struct json *value, int64_t least,
                         int64_t *us)
{
    int64_t s = -1;
    read_integer(g, value, least, LONGEST_S, &s);
    *us = s < 0 ? *us : s * 1000000;
}

static bool read_budget(struct sender_rules_reading *g, const struct json *m,
                        struct sender_budget *budget)
{
    int64_t days = budget->days_per_day;
    if (slice_is(m->key, "records_per_s")) {
        read_integer(g, m, 0, RECORDS, &budget->records_per_s);
    } else if (slice_is(m->key, "records_burst")) {
        read_integer(g, m, 1, RECORDS, &budget->records_burst);
    } else if (slice_is(m->key, "series_per_day")) {
        read_integer(g, m, 0, SERIES, &budget->series_per_day);
    } else if (slice_is(m->key, "days_per_day")) {
        read_integer(g, m, 0, DAYS, &days);
        budget->days_per_day = (int32_t)days;
    } else {
        return false;
    }
    return true;
}

static void read_member(struct sender_rules_reading *g, const struct json *m,
                        struct sender_rule *rule)
{
    if (slice_is(m->key, "door")) {
        read_door(g, m, rule);
    } else if (slice_is(m->key, "sender")) {
        read_sender(g, m, rule);
    } else if (slice_is(m->key, "time_zone")) {
        read_zone(g, m, rule);
    } else if (slice_is(m->key, "past_limit_s")) {
        read_seconds(g, m, 0, &rule->what.past_us);
    } else if (slice_is(m->key, "future_limit_s")) {
        read_seconds(g, m, 0, &rule->what.future_us);
    } else if (slice_is(m->key, "longest_s")) {
        read_seconds(g, m, 1, &rule->what.longest_us);
    } else if (!read_budget(g, m, &rule->what.budget)) {
        fault(g, m->key, "unknown option");
    }
}

static void read_rule(struct sender_rules_reading *g, const struct json *object,
                      struct sender_rule *rule)
{
    *rule = (struct sender_rule){
        .any_door = true,
        .what = {.past_us = -1, .future_us = -1, .longest_us = -1, .budget = {-1, -1, -1, -1}}};
    snprintf(rule->past_of, ORIGIN_SIZE, "ingestd.senders[%zu].past_limit_s", g->at);
    snprintf(rule->longest_of, ORIGIN_SIZE, "ingestd.senders[%zu].longest_s", g->at);
    pattern_compile(slice_of("*"), true, &rule->sender);
    if (object->type != JSON_OBJECT) {
        fault(g, (struct slice){"", 0}, "expected an object, found %s",
              json_type_name(object->type));
        return;
    }
    for (const struct json *m = object->first; m != NULL; m = m->next) {
        read_member(g, m, rule);
    }
}

struct sender_rules *sender_rules_read(const struct json *list,
                                       const struct sender_options *options)
{
    struct sender_rules *r = calloc(1, sizeof *r);
    struct sender_rules_reading g = {.at = 0};
    if (r == NULL) {
        fprintf(stderr, "ingestd.senders: out of memory\n");
        return NULL;
    }
    r->options = *options;
    for (const struct json *o = list == NULL ? NULL : list->first; o != NULL; o = o->next) {
        if (r->count == SENDER_RULES_MAX) {
            fault(&g, (struct slice){"", 0}, "expected at most %d rules", SENDER_RULES_MAX);
            break;
        }
        read_rule(&g, o, &r->rule[r->count++]);
        g.at++;
    }
    if (g.faulty) {
        sender_rules_free(&r);
    }
    return r;
}

void sender_rules_free(struct sender_rules **r)
{
    for (size_t i = 0; *r != NULL && i < (*r)->count; i++) {
        free((*r)->rule[i].sender_text);
        zone_free(&(*r)->rule[i].zone);
    }
    free(*r);
    *r = NULL;
}

static const struct sender_rule *find_rule(const struct sender_rules *r, enum sender_door door,
                                           struct slice sender, const struct address *address)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct sender_rule *rule = &r->rule[i];
        if ((rule->any_door || rule->door == door) &&
            pattern_matches_address(&rule->sender, sender, address)) {
            return rule;
        }
    }
    return NULL;
}

/* The limit that is set nearest to the sender. */
static void choose(int64_t *us, const char **of, int64_t limit_us, const char *limit_of)
{
    if (limit_us >= 0) {
        *us = limit_us;
        *of = limit_of;
    }
}

static void choose_budget(struct sender_budget *b, const struct sender_budget *rule)
{
    if (rule->records_per_s >= 0) {
        b->records_per_s = rule->records_per_s;
        b->records_burst = rule->records_per_s * BURST_S;
    }
    b->records_burst = rule->records_burst < 0 ? b->records_burst : rule->records_burst;
    b->series_per_day = rule->series_per_day < 0 ? b->series_per_day : rule->series_per_day;
    b->days_per_day = rule->days_per_day < 0 ? b->days_per_day : rule->days_per_day;
}

static int64_t option_us(int64_t seconds)
{
    return seconds < 0 ? -1 : seconds * 1000000;
}

void sender_rules_limits(const struct sender_rules *r, enum sender_door door, struct slice sender,
                         const struct address *address, struct sender_limits *limits)
{
    const struct sender_rule *rule = find_rule(r, door, sender, address);
    *limits = presets[door];
    limits->future_us = option_us(r->options.future_s);
    choose(&limits->past_us, &limits->past_of, option_us(r->options.past_s),
           "ingestd.past_limit_s");
    choose(&limits->longest_us, &limits->longest_of, option_us(r->options.longest_s),
           "ingestd.longest_s");
    if (rule != NULL) {
        limits->zone = rule->zone;
        limits->future_us = rule->what.future_us < 0 ? limits->future_us : rule->what.future_us;
        choose(&limits->past_us, &limits->past_of, rule->what.past_us, rule->past_of);
        choose(&limits->longest_us, &limits->longest_of, rule->what.longest_us, rule->longest_of);
        choose_budget(&limits->budget, &rule->what.budget);
    }
}
