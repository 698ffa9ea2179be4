/* SPDX-License-Identifier: Apache-2.0 */
/* Rules are few and looked at in order. */
#include "ingestd/sender_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/pattern.h"
#include "schemas/messages.h"

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

static const char *const door_names[] = {[SENDER_UDP] = "udp",
                                         [SENDER_HTTPS] = "https",
                                         [SENDER_FILE] = "file",
                                         [SENDER_IMPORT] = "import"};

/* That rules may name. */
static const char *const rule_doors[] = {
    [SENDER_UDP] = "udp", [SENDER_HTTPS] = "https", [SENDER_FILE] = "file", NULL};

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
                     .longest_of = "longest_s of the door file"},
    [SENDER_IMPORT] = {.past_us = DAYS_US(36525),
                       .longest_us = DAYS_US(400),
                       .past_of = "a century",
                       .longest_of = "what an import may have lasted"}};

const char *sender_door_name(enum sender_door door)
{
    return door_names[door];
}

/* ---- reading ---- */

static void read_door(const struct document_place *at, struct sender_rule *rule)
{
    int door = document_choice(at, rule_doors);
    if (door != -1) {
        rule->any_door = false;
        rule->door = (enum sender_door)door;
    }
}

static void read_sender(const struct document_place *at, struct sender_rule *rule)
{
    struct slice text = document_text(at, 0, LIMIT_DIMENSION_BYTES);
    if (text.at == NULL) {
        return;
    }
    rule->sender_text = strndup(text.at, text.len);
    if (rule->sender_text == NULL) {
        document_fault(at, "out of memory");
    } else if (pattern_compile(slice_of(rule->sender_text), true, &rule->sender) == -1) {
        document_expected(at, "an address, a prefix or a pattern");
    }
}

static void read_zone(const struct document_place *at, struct sender_rule *rule)
{
    struct slice name = document_text(at, 0, LIMIT_NAME_BYTES);
    rule->zone = name.at == NULL ? NULL : zone_load(name.at);
    if (name.at != NULL && rule->zone == NULL && errno == ENOMEM) {
        document_fault(at, "out of memory");
    } else if (name.at != NULL && rule->zone == NULL) {
        document_expected(at, "the name of a time zone, as \"Europe/Madrid\"");
    }
}

/* A member that may be missing; then *value stays. */
static void read_integer(const struct document_place *rule, const char *key, int64_t least,
                         int64_t most, int64_t *value)
{
    struct document_place at = document_member(rule, key);
    if (at.node != NULL) {
        document_integer(&at, "an integer", least, most, value);
    }
}

static void read_seconds(const struct document_place *rule, const char *key, int64_t least,
                         int64_t *us)
{
    int64_t s = -1;
    read_integer(rule, key, least, LONGEST_S, &s);
    *us = s < 0 ? *us : s * 1000000;
}

static void read_budget(const struct document_place *rule, struct sender_budget *budget)
{
    int64_t days = budget->days_per_day;
    read_integer(rule, "records_per_s", 0, RECORDS, &budget->records_per_s);
    read_integer(rule, "records_burst", 1, RECORDS, &budget->records_burst);
    read_integer(rule, "series_per_day", 0, SERIES, &budget->series_per_day);
    read_integer(rule, "days_per_day", 0, DAYS, &days);
    budget->days_per_day = (int32_t)days;
}

static void read_rule(const struct document_place *at, struct sender_rule *rule)
{
    static const char *const keys[] = {
        "door",      "sender",        "time_zone",     "past_limit_s",   "future_limit_s",
        "longest_s", "records_per_s", "records_burst", "series_per_day", "days_per_day",
        NULL};
    *rule = (struct sender_rule){
        .any_door = true,
        .what = {.past_us = -1, .future_us = -1, .longest_us = -1, .budget = {-1, -1, -1, -1}}};
    snprintf(rule->past_of, ORIGIN_SIZE, "ingestd.senders[%" PRIu32 "].past_limit_s", at->index);
    snprintf(rule->longest_of, ORIGIN_SIZE, "ingestd.senders[%" PRIu32 "].longest_s", at->index);
    pattern_compile(slice_of("*"), true, &rule->sender);
    if (!document_is_object_of(at, keys)) {
        return;
    }
    struct document_place door = document_member(at, "door");
    struct document_place sender = document_member(at, "sender");
    struct document_place zone = document_member(at, "time_zone");
    if (door.node != NULL) {
        read_door(&door, rule);
    }
    if (sender.node != NULL) {
        read_sender(&sender, rule);
    }
    if (zone.node != NULL) {
        read_zone(&zone, rule);
    }
    read_seconds(at, "past_limit_s", 0, &rule->what.past_us);
    read_seconds(at, "future_limit_s", 0, &rule->what.future_us);
    read_seconds(at, "longest_s", 1, &rule->what.longest_us);
    read_budget(at, &rule->what.budget);
}

struct sender_rules *sender_rules_read(struct document *d, const struct json *list,
                                       const struct sender_options *options)
{
    struct document_place at = document_part(d, "ingestd.senders", list);
    struct sender_rules *r = calloc(1, sizeof *r);
    uint32_t before = d->faults;
    if (r == NULL) {
        document_fault(&at, "out of memory");
        return NULL;
    }
    r->options = *options;
    if (list != NULL && document_is_list(&at, SENDER_RULES_MAX)) {
        for (struct document_place o = document_first(&at); o.node != NULL; document_next(&o)) {
            read_rule(&o, &r->rule[r->count++]);
        }
    }
    if (d->faults > before) {
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
    if (door == SENDER_IMPORT) {
        return;
    }
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
