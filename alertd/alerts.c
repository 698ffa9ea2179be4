/* SPDX-License-Identifier: Apache-2.0 */
/* A table by key of what fires, and a list of all. */
#include "alertd/alerts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <utlist.h>

#include "alertd/alert_text.h"
#include "common/json.h"
#include "common/log.h"
#include "common/message.h"
#include "common/quote.h"
#include "common/utf8.h"
#include "common/uuid_text.h"

#define DOCUMENT_ARENA_BYTES ((size_t)4 << 20)

void alerts_init(struct alerts *t, unsigned receivers, const char *page_url)
{
    *t = (struct alerts){.receivers = receivers, .page_url = page_url, .due_us = INT64_MAX};
}

static void alert_free(struct alert *a)
{
    free(a->key);
    free(a->route);
    free(a->grade_name);
    free(a->probe);
    free(a->labels);
    free(a->annotations);
    free(a->link);
    free(a->receipt);
    free(a);
}

static struct alert *newest_of(const struct alerts *t, const char *key)
{
    struct alert *a = NULL;
    HASH_FIND(hh, t->by_key, key, strlen(key), a);
    return a;
}

static struct alert *find(const struct alerts *t, const char *key)
{
    struct alert *a = newest_of(t, key);
    return a != NULL && a->resolved_us == 0 ? a : NULL;
}

static void forget(struct alerts *t, struct alert *a)
{
    if (a->newer != NULL) {
        a->newer->older = a->older;
    } else if (a->hh.tbl != NULL) {
        HASH_DEL(t->by_key, a);
    }
    if (a->older != NULL) {
        a->older->newer = a->newer;
        if (a->newer == NULL) {
            HASH_ADD_KEYPTR(hh, t->by_key, a->older->key, strlen(a->older->key), a->older);
        }
    }
    t->ended -= a->resolved_us != 0;
    t->firing -= a->resolved_us == 0;
    DL_DELETE2(t->all, a, previous, next);
    alert_free(a);
}

void alerts_clear(struct alerts *t)
{
    while (t->all != NULL) {
        forget(t, t->all);
    }
}

/* ---- one begins, and ends ---- */

static char *text_of(struct slice s)
{
    return strndup(s.at == NULL ? "" : s.at, s.len);
}

static bool is_whole(const struct alert *a)
{
    return a->key != NULL && a->route != NULL && a->grade_name != NULL && a->probe != NULL &&
           a->labels != NULL && a->annotations != NULL && a->link != NULL && a->receipt != NULL;
}

/* The newest of its key, in the table; false: memory is out. */
static bool put_first(struct alerts *t, struct alert *a)
{
    struct alert *before = newest_of(t, a->key);
    HASH_ADD_KEYPTR(hh, t->by_key, a->key, strlen(a->key), a);
    if (a->hh.tbl != NULL && before != NULL) {
        HASH_DEL(t->by_key, before);
        before->newer = a;
        a->older = before;
    }
    return a->hh.tbl != NULL;
}

/* Behind those of its key that are there, which fired later. */
static bool put_last(struct alerts *t, struct alert *a)
{
    struct alert *after = newest_of(t, a->key);
    if (after == NULL) {
        return put_first(t, a);
    }
    while (after->older != NULL) {
        after = after->older;
    }
    after->older = a;
    a->newer = after;
    return true;
}

/* In the table, the newest or the oldest of all, a test before what waits; or NULL: memory is
 * out. */
static struct alert *add(struct alerts *t, struct alert *a, bool newest)
{
    static struct log_limit said;
    if (!is_whole(a) || !(newest ? put_first(t, a) : put_last(t, a))) {
        if (log_allowed(&said, 1)) {
            log_error("alert.fire", "error=\"out of memory\"");
        }
        alert_free(a);
        return NULL;
    }
    t->ended += a->resolved_us != 0;
    t->firing += a->resolved_us == 0;
    if (newest && !a->is_test) {
        DL_APPEND2(t->all, a, previous, next);
    } else {
        DL_PREPEND2(t->all, a, previous, next);
    }
    return a;
}

static void changes(struct alerts *t, struct alert *a, int64_t clock_us)
{
    a->change = ++t->last_change;
    a->changed_clock_us = clock_us;
}

static void fires(struct alerts *t, struct alert *a, int64_t clock_us)
{
    changes(t, a, clock_us);
    a->fired_change = a->change;
}

static void make_id(char id[37])
{
    uint8_t uuid[16];
    if (getrandom(uuid, sizeof uuid, 0) != (ssize_t)sizeof uuid) {
        log_panic("alert.id", "error=\"no random numbers\"");
    }
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
    uuid_text(uuid, id);
}

static struct alert *begin(const struct alerts *t, int64_t since_us, int64_t now_us)
{
    struct alert *a = calloc(1, sizeof *a);
    if (a != NULL) {
        make_id(a->id);
        a->since_us = since_us;
        a->fired_us = now_us;
        a->seen = true;
        a->receipt = calloc(t->receivers + (size_t)1, sizeof *a->receipt);
    }
    return a;
}

static void fire(struct alerts *t, const struct alert_routes *routes, const struct route *route,
                 const struct alert_subject *s, const char *key, int64_t now_us, int64_t clock_us)
{
    struct alert *a = begin(t, s->since_us, now_us);
    if (a == NULL) {
        return;
    }
    a->key = strdup(key);
    a->route = text_of(route->name);
    a->grade_name = text_of(s->grade_name);
    a->probe = text_of(s->dimensions[DIMENSION_probe]);
    a->series = s->series;
    a->link = alert_link(t->page_url, s);
    a->labels = alert_labels(routes, route, s);
    a->annotations = a->link == NULL ? NULL : alert_annotations(route, s, a->link);
    a = add(t, a, true);
    if (a != NULL) {
        fires(t, a, clock_us);
        t->fired_ever++;
        log_info("alert.fires", "id=%s labels=%s", a->id, QUOTED(slice_of(a->labels)));
    }
}

void alerts_end(struct alerts *t, struct alert *a, int64_t now_us, int64_t clock_us)
{
    a->resolved_us = now_us > a->fired_us ? now_us : a->fired_us + 1000;
    t->ended++;
    t->firing--;
    t->resolved_ever++;
    changes(t, a, clock_us);
    log_info("alert.over", "id=%s labels=%s", a->id, QUOTED(slice_of(a->labels)));
}

/* A key that no series has. */
static char *own_key(const char *name, struct slice route)
{
    const struct alert_subject none = {.grade_name = {name, strlen(name)}};
    return alert_key(route, &none);
}

/* The key is the alert's. NULL: memory is out. */
static struct alert *begin_own(const struct alerts *t, char *key, const char *summary,
                               int64_t now_us)
{
    struct alert *a = begin(t, now_us, now_us);
    if (a == NULL) {
        free(key);
    } else {
        a->is_own = true;
        a->settled = true;
        a->key = key;
        a->grade_name = strdup("");
        a->probe = strdup("");
        a->link = strdup("");
        a->annotations = alert_own_annotations(summary);
    }
    return a;
}

static struct alert *fire_own(struct alerts *t, struct alert *a, int64_t clock_us)
{
    a = a == NULL ? NULL : add(t, a, true);
    if (a != NULL) {
        fires(t, a, clock_us);
    }
    return a;
}

struct alert *alerts_own(struct alerts *t, const struct alert_routes *routes, const char *name,
                         struct slice route, const char *summary, int64_t now_us, int64_t clock_us)
{
    char *key = own_key(name, route);
    struct alert *a = key == NULL ? NULL : find(t, key);
    if (a != NULL) {
        free(key);
        return a;
    }
    a = begin_own(t, key, summary, now_us);
    if (a != NULL) {
        a->route = strdup("");
        a->labels = alert_own_labels(routes, name, route);
    }
    return fire_own(t, a, clock_us);
}

/* A route like this one, whose alerts have test="true" whatever else they have. */
static struct route as_test(const struct route *route)
{
    static const struct route none = {.name = SLICE("EzrepoTest")};
    struct route r = route == NULL ? none : *route;
    uint32_t i = 0;
    while (i < r.labels.count && !slice_is(r.labels.pair[i].name, "test")) {
        i++;
    }
    r.labels.count += i == r.labels.count;
    r.labels.pair[i].name = slice_of("test");
    r.labels.pair[i].value = slice_of("true");
    return r;
}

struct alert *alerts_test(struct alerts *t, const struct alert_routes *routes,
                          const struct route *route, int64_t now_us, int64_t clock_us)
{
    static const struct alert_subject none = {.grade_name = SLICE("")};
    const struct route r = as_test(route);
    struct alert *a =
        begin_own(t, own_key("EzrepoTest", r.name), "a test: ezrepo alert test", now_us);
    if (a != NULL) {
        a->is_test = true;
        a->route = route == NULL ? strdup("") : text_of(r.name);
        a->labels = alert_labels(routes, &r, &none);
    }
    return fire_own(t, a, clock_us);
}

void alerts_test_end(struct alerts *t, struct alert *a)
{
    for (unsigned i = 0; i < t->receivers; i++) {
        a->receipt[i].change = a->change;
    }
}

/* ---- looks ---- */

void alerts_round(struct alerts *t, const struct alert_routes *routes, int64_t now_us,
                  int64_t clock_us)
{
    struct alert *a;
    t->due_us = INT64_MAX;
    DL_FOREACH2(t->all, a, next)
    {
        if (a->resolved_us == 0 && !a->is_own &&
            alert_routes_find(routes, slice_of(a->route)) == NULL) {
            alerts_end(t, a, now_us, clock_us);
        }
    }
}

void alerts_look(struct alerts *t, const struct route *route)
{
    struct alert *a;
    DL_FOREACH2(t->all, a, next)
    {
        a->seen = a->seen && !slice_is(route->name, a->route);
    }
}

/* Its labels stay as they were told. */
static void renew(const struct alerts *t, struct alert *a, const struct route *route,
                  const struct alert_subject *s)
{
    char *link = alert_link(t->page_url, s);
    char *annotations = link == NULL ? NULL : alert_annotations(route, s, link);
    a->seen = true;
    if (annotations == NULL) {
        free(link);
        return;
    }
    a->noted = a->noted || a->since_us != s->since_us;
    a->since_us = s->since_us;
    free(a->link);
    free(a->annotations);
    a->link = link;
    a->annotations = annotations;
}

static bool is_due(struct alerts *t, const struct route *route, const struct alert_subject *s,
                   int64_t now_us)
{
    int64_t since_us = s->since_us < now_us ? s->since_us : now_us;
    int64_t due_us = since_us + route->for_s * 1000000;
    if (route->at_most_late_s > 0 && s->last_us < now_us - route->at_most_late_s * 1000000) {
        return false;
    }
    if (due_us > now_us) {
        t->due_us = due_us < t->due_us ? due_us : t->due_us;
        return false;
    }
    return true;
}

void alerts_found(struct alerts *t, const struct alert_routes *routes, const struct route *route,
                  const struct alert_subject *s, int64_t now_us, int64_t clock_us)
{
    char *key = alert_key(route->name, s);
    struct alert *a = key == NULL ? NULL : find(t, key);
    if (a != NULL) {
        renew(t, a, route, s);
    } else if (key != NULL && is_due(t, route, s, now_us)) {
        fire(t, routes, route, s, key, now_us, clock_us);
    }
    free(key);
}

void alerts_looked(struct alerts *t, const struct route *route, int64_t now_us, int64_t clock_us)
{
    struct alert *a;
    DL_FOREACH2(t->all, a, next)
    {
        if (a->resolved_us == 0 && !a->seen && !a->is_own && slice_is(route->name, a->route)) {
            alerts_end(t, a, now_us, clock_us);
        }
    }
}

/* ---- what was told before ---- */

static char *member_text(struct arena *arena, const struct json *document, const char *name)
{
    const struct json *node = json_get(document, name);
    struct slice text =
        node == NULL || node->type != JSON_OBJECT ? slice_of("{}") : json_text(arena, node);
    return text.at == NULL ? NULL : strndup(text.at, text.len);
}

static void read_receipts(struct alert *a, const struct json *document,
                          const char *const *receivers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct json *r = json_get(json_get(document, "receivers"), receivers[i]);
        bool all = json_is(json_get(r, "taken"), alert_known_names[ALERT_ALL]);
        if (all || json_is(json_get(r, "taken"), alert_known_names[ALERT_FIRES])) {
            const struct json *answer = json_get(r, "answer");
            a->receipt[i].change = all ? a->change : a->fired_change;
            snprintf(a->receipt[i].answer, ALERT_ANSWER_BYTES, "%.*s",
                     answer == NULL ? 0 : (int)answer->text.len,
                     answer == NULL ? "" : answer->text.at);
            a->receipt[i].sent_us = a->resolved_us != 0 ? a->resolved_us : a->fired_us;
        }
    }
}

/* Of a key one fires: what was told twice, by two that did not know of each other, is over. */
static void settle_with(struct alerts *t, struct alert *a, int64_t clock_us)
{
    struct alert *other = find(t, a->key);
    if (a->resolved_us == 0 && other != NULL) {
        a->resolved_us = a->fired_us + 1000;
        a->kept = 0;
        changes(t, a, clock_us);
    }
}

int alerts_adopt(struct alerts *t, const struct alert_row *row, const char *const *receivers,
                 int64_t clock_us)
{
    static const struct json_limits limits = {
        .depth = 8, .nodes = 4096, .string_bytes = LIMIT_DOCUMENT_BYTES};
    char error[100];
    struct arena *arena = arena_new(DOCUMENT_ARENA_BYTES);
    const struct json *document =
        arena == NULL ? NULL : json_parse(arena, row->document, &limits, error, sizeof error);
    struct alert *a = document == NULL ? NULL : begin(t, row->since_us, row->fired_us);
    if (a != NULL) {
        const struct json *link = json_get(document, "link");
        snprintf(a->id, sizeof a->id, "%.*s", (int)row->id.len, row->id.at);
        a->key = text_of(row->key);
        a->route = text_of(row->route);
        a->grade_name = text_of(row->grade_name);
        a->probe = text_of(row->probe);
        a->series = row->series;
        a->resolved_us = row->resolved_us;
        a->labels = member_text(arena, document, "labels");
        a->annotations = member_text(arena, document, "annotations");
        a->link = text_of(link == NULL ? slice_of("") : link->text);
        fires(t, a, clock_us);
        if (a->resolved_us != 0) {
            changes(t, a, clock_us);
        }
        a->kept = a->change;
        if (is_whole(a)) {
            read_receipts(a, document, receivers, t->receivers);
            settle_with(t, a, clock_us);
        }
        a = add(t, a, false);
    }
    arena_free(&arena);
    return a != NULL ? 0 : -1;
}

/* ---- what receivers took ---- */

enum alert_known alert_known(const struct alert *a, unsigned receiver)
{
    uint64_t change = a->receipt[receiver].change;
    return change == a->change ? ALERT_ALL : change == 0 ? ALERT_NOTHING : ALERT_FIRES;
}

void alert_taken(struct alert *a, unsigned receiver, uint64_t change, bool taken,
                 const char *answer, int64_t now_us, int64_t clock_us)
{
    struct alert_receipt *r = &a->receipt[receiver];
    char text[ALERT_ANSWER_BYTES]; /* of an outsider, and cut anywhere */
    snprintf(text, sizeof text, "%s", answer);
    utf8_repair(text, text + strlen(text));
    a->noted = a->noted || strcmp(r->answer, text) != 0 || (taken && r->change != change);
    memcpy(r->answer, text, sizeof text);
    r->sent_us = now_us;
    if (taken) {
        r->change = change;
        r->sent_clock_us = clock_us;
        r->alone = false;
        r->wait_us = 0;
    }
}

static bool is_told(const struct alerts *t, const struct alert *a)
{
    for (unsigned i = 0; i < t->receivers; i++) {
        if (alert_known(a, i) != ALERT_ALL) {
            return false;
        }
    }
    return true;
}

void alerts_forget(struct alerts *t, int64_t now_us)
{
    struct alert *a, *next;
    DL_FOREACH_SAFE2(t->all, a, next, next)
    {
        if (a->resolved_us == 0) {
            continue;
        }
        int64_t over_us = now_us - a->resolved_us;
        bool told = is_told(t, a);
        bool late = over_us > ALERT_KEEP_US || t->ended > ALERTS_ENDED;
        if (!a->settled && (told || late)) {
            a->settled = a->noted = true;
            t->given_up += !told;
        }
        bool kept = a->is_own || (a->kept == a->change && !a->noted);
        if (a->busy == 0 && a->settled && (kept || late) &&
            (over_us > ALERT_SETTLE_US || a->newer != NULL || late)) {
            forget(t, a);
        }
    }
}
