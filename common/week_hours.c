/* SPDX-License-Identifier: Apache-2.0 */
/* A moment is looked at as a day of the week and a minute, as a clock there shows them. */
#include "common/week_hours.h"

#include <ctype.h>

#define MINUTE_US   INT64_C(60000000)
#define DAY_MINUTES 1440
#define WEEK        7
#define EVERY_DAY   0x7f
#define THURSDAY    3 /* 1970-01-01; Monday is 0 */

static const char *const day_names[WEEK] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

struct week_span {
    unsigned days;    /* a bit each, on which it begins; Monday's is the lowest */
    int32_t from, to; /* minutes of the day; an end that is not behind is on the next day */
};

struct week_hours {
    const struct zone *zone;
    uint32_t count;
    struct week_span span[WEEK_HOURS_SPANS];
};

/* ---- reading ---- */

static int day_of(struct slice name)
{
    for (int i = 0; i < WEEK; i++) {
        if (slice_is(name, day_names[i])) {
            return i;
        }
    }
    return -1;
}

/* "mon", or "fri-mon"; -1: neither. */
static int add_days(struct slice part, unsigned *days)
{
    const char *dash = memchr(part.at, '-', part.len);
    struct slice first = part, last = part;
    if (dash != NULL) {
        first.len = (size_t)(dash - part.at);
        last = (struct slice){dash + 1, part.len - first.len - 1};
    }
    int day = day_of(first), end = day_of(last);
    if (day == -1 || end == -1) {
        return -1;
    }
    *days |= 1U << day;
    while (day != end) {
        day = (day + 1) % WEEK;
        *days |= 1U << day;
    }
    return 0;
}

static void read_days(const struct document_place *span, unsigned *days)
{
    struct document_place at = document_member(span, "days");
    *days = at.node == NULL ? EVERY_DAY : 0;
    struct slice text = at.node == NULL ? (struct slice){NULL, 0} : document_text(&at, 1, 64);
    for (size_t i = 0; text.at != NULL && i <= text.len;) {
        const char *comma = memchr(text.at + i, ',', text.len - i);
        size_t length = comma == NULL ? text.len - i : (size_t)(comma - text.at) - i;
        if (add_days((struct slice){text.at + i, length}, days) == -1) {
            document_expected(&at, "days such as \"mon-fri\" or \"sat,sun\"");
            return;
        }
        i += length + 1;
    }
}

/* "08:00"; up to and with `most` minutes. */
static void read_time(const struct document_place *span, const char *key, int32_t most,
                      int32_t *minutes)
{
    struct document_place at = document_member(span, key);
    if (at.node == NULL) {
        return;
    }
    struct slice text = document_text(&at, 1, 64);
    const char *c = text.at;
    if (c == NULL) {
        return;
    }
    bool form = text.len == 5 && isdigit((unsigned char)c[0]) && isdigit((unsigned char)c[1]) &&
                c[2] == ':' && isdigit((unsigned char)c[3]) && isdigit((unsigned char)c[4]);
    int32_t minute = form ? (c[3] - '0') * 10 + c[4] - '0' : 60;
    int32_t value = form ? ((c[0] - '0') * 10 + c[1] - '0') * 60 + minute : 0;
    if (minute > 59 || value > most) {
        document_expected(&at, "a time of day such as \"08:00\"");
    } else {
        *minutes = value;
    }
}

static void read_span(const struct document_place *at, struct week_hours *h)
{
    static const char *const keys[] = {"days", "from", "to", NULL};
    uint32_t before = at->document->faults;
    struct week_span s = {.to = DAY_MINUTES};
    if (!document_is_object_of(at, keys)) {
        return;
    }
    read_days(at, &s.days);
    read_time(at, "from", DAY_MINUTES - 1, &s.from);
    read_time(at, "to", DAY_MINUTES, &s.to);
    if (at->document->faults == before && s.from == s.to) {
        document_fault(at, "ends where it begins; the whole day is \"00:00\" to \"24:00\"");
    }
    h->span[h->count++] = s;
}

static void read_zone(const struct document_place *at, struct zones *zones, struct week_hours *h)
{
    struct slice text = at->node == NULL ? slice_of("UTC") : document_text(at, 1, 64);
    const char *why;
    if (text.at == NULL) {
        return;
    }
    h->zone = zones_find(zones, text, &why);
    if (h->zone == NULL) {
        document_expected(at, "%s", why);
    }
}

struct week_hours *week_hours_read(const struct document_place *object, struct arena *a,
                                   struct zones *zones)
{
    struct document_place hours = document_member(object, "hours");
    struct document_place zone = document_member(object, "time_zone");
    uint32_t before = object->document->faults;
    if (hours.node == NULL) {
        if (zone.node != NULL) {
            document_fault(&zone, "there are no hours");
        }
        return NULL;
    }
    struct week_hours *h = document_take(&hours, a, 1, sizeof *h);
    if (h == NULL) {
        return NULL;
    }
    if (document_is_list(&hours, WEEK_HOURS_SPANS)) {
        for (struct document_place m = document_first(&hours); m.node != NULL; document_next(&m)) {
            read_span(&m, h);
        }
        if (hours.node->count == 0) {
            document_fault(&hours, "expected hours, found none");
        }
    }
    read_zone(&zone, zones, h);
    return object->document->faults > before ? NULL : h;
}

/* ---- asking ---- */

static bool span_has(const struct week_span *s, int day, int32_t minute)
{
    bool today = (s->days >> day & 1) != 0;
    bool yesterday = (s->days >> (day + WEEK - 1) % WEEK & 1) != 0;
    return s->from < s->to ? today && minute >= s->from && minute < s->to
                           : (today && minute >= s->from) || (yesterday && minute < s->to);
}

/* Whether one of the spans begins within the other. */
static bool begins_within(const struct week_span *s, const struct week_span *other)
{
    for (int day = 0; day < WEEK; day++) {
        if ((s->days >> day & 1) != 0 && span_has(other, day, s->from)) {
            return true;
        }
    }
    return false;
}

bool week_hours_overlap(const struct week_hours *h, uint32_t *first, uint32_t *second)
{
    for (*second = 1; *second < h->count; ++*second) {
        for (*first = 0; *first < *second; ++*first) {
            const struct week_span *a = &h->span[*first], *b = &h->span[*second];
            if (begins_within(a, b) || begins_within(b, a)) {
                return true;
            }
        }
    }
    return false;
}

bool week_hours_have(const struct week_hours *h, int64_t us)
{
    if (h == NULL) {
        return true;
    }
    int64_t local_us = zone_to_local(h->zone, us);
    int64_t minutes = local_us / MINUTE_US - (local_us % MINUTE_US < 0);
    int64_t day = minutes / DAY_MINUTES - (minutes % DAY_MINUTES < 0);
    int weekday = (int)(((day + THURSDAY) % WEEK + WEEK) % WEEK);
    for (uint32_t i = 0; i < h->count; i++) {
        if (span_has(&h->span[i], weekday, (int32_t)(minutes - day * DAY_MINUTES))) {
            return true;
        }
    }
    return false;
}
