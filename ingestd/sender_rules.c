/* Rules are few and looked at in order. */
#include "ingestd/sender_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/pattern.h"

#define LONGEST_S INT64_C(31557600000) /* 1000 years */

struct rule {
    bool any_door;
    enum sender_door door;
    struct pattern sender;
    char *sender_text; /* what the pattern points to */
    struct zone *zone;
    struct sender_rule what;
};

struct sender_rules {
    size_t count;
    struct rule rule[SENDER_RULES_MAX];
};

const char *sender_door_name(enum sender_door door)
{
    static const char *const names[] = {
        [SENDER_UDP] = "udp", [SENDER_HTTPS] = "https", [SENDER_FILE] = "file"};
    return names[door];
}

/* Reading: where, and whether there were faults. */
struct reading {
    size_t at;
    bool faulty;
};

static void fault(struct reading *g, struct slice key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fault(struct reading *g, struct slice key, const char *format, ...)
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

static void read_door(struct reading *g, const struct json *value, struct rule *rule)
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

static void read_sender(struct reading *g, const struct json *value, struct rule *rule)
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

static void read_zone(struct reading *g, const struct json *value, struct rule *rule)
{
    const char *name = value->type == JSON_STRING ? value->text.at : "";
    rule->zone = zone_load(name);
    rule->what.zone = rule->zone;
    if (rule->zone == NULL) {
        fault(g, value->key,
              "expected the name of a time zone, as \"Europe/Madrid\", found \"%s\"%s", name,
              errno == ENOMEM ? " and no memory" : "");
    }
}

static void read_seconds(struct reading *g, const struct json *value, int64_t least, int64_t *us)
{
    char *end = NULL;
    errno = 0;
    int64_t s = value->type == JSON_NUMBER ? strtoll(value->text.at, &end, 10) : -1;
    if (end == NULL || *end != '\0' || errno != 0 || s < least || s > LONGEST_S) {
        fault(g, value->key, "expected an integer %" PRId64 "..%" PRId64, least, LONGEST_S);
        return;
    }
    *us = s * 1000000;
}

static void read_member(struct reading *g, const struct json *m, struct rule *rule)
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
        read_seconds(g, m, 1, &rule->what.duration_us);
    } else {
        fault(g, m->key, "unknown option");
    }
}

static void read_rule(struct reading *g, const struct json *object, struct rule *rule)
{
    *rule = (struct rule){.any_door = true, .what = {NULL, -1, -1, -1}};
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

struct sender_rules *sender_rules_read(const struct json *list)
{
    struct sender_rules *r = calloc(1, sizeof *r);
    struct reading g = {.at = 0};
    if (r == NULL) {
        fprintf(stderr, "ingestd.senders: out of memory\n");
        return NULL;
    }
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

const struct sender_rule *sender_rules_find(const struct sender_rules *r, enum sender_door door,
                                            struct slice sender, const struct address *address)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct rule *rule = &r->rule[i];
        if ((rule->any_door || rule->door == door) &&
            pattern_matches_address(&rule->sender, sender, address)) {
            return &rule->what;
        }
    }
    return NULL;
}
