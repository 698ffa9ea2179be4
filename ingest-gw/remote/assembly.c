/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of all groups by their keys. A group is in one of the lists of its state: open ones in
 * the order in which their time is over, ready ones in the order in which they are delivered,
 * closed ones in the order in which they are forgotten; what is being delivered is in none.
 */
#include "ingest-gw/remote/assembly.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <utlist.h>

#include "ingest-gw/remote/assembled.h"
#include "ingest-gw/remote/sample_text.h"

struct assembly {
    struct assembly_limits limits;
    struct assembled *table;
    struct assembled *open, *ready, *closed;
    struct assembly_row *rows;
    struct assembly_counts counts;
    char *key, *last_key; /* what the key is the digest of: of this sample, of the one before */
    size_t key_used, key_size, last_used, last_size;
    struct assembled *last; /* the group of the sample before; NULL: none */
};

struct assembly *assembly_new(const struct assembly_limits *limits)
{
    struct assembly *a = calloc(1, sizeof *a);
    if (a != NULL) {
        a->limits = *limits;
    }
    return a;
}

void assembly_set_limits(struct assembly *a, const struct assembly_limits *limits)
{
    a->limits = *limits;
}

struct assembly_counts assembly_counts(const struct assembly *a)
{
    return a->counts;
}

static void free_row(struct assembly *a, struct assembly_row *row)
{
    DL_DELETE2(a->rows, row, previous, next);
    free(row);
}

int64_t assembly_oldest_us(const struct assembly *a)
{
    return a->rows == NULL ? INT64_MAX : a->rows->came_us;
}

void assembly_free(struct assembly **a)
{
    struct assembled *g, *after;
    if (*a == NULL) {
        return;
    }
    HASH_ITER(hh, (*a)->table, g, after)
    {
        HASH_DEL((*a)->table, g);
        for (uint32_t i = 0; i < g->row_count; i++) {
            if (--g->rows[i]->groups == 0) {
                free_row(*a, g->rows[i]);
            }
        }
        assembled_free(g);
    }
    free((*a)->key);
    free((*a)->last_key);
    free(*a);
    *a = NULL;
}

static int enter(struct assembly *a, struct assembled *g)
{
    HASH_ADD(hh, a->table, group.key, ASSEMBLY_KEY_BYTES, g);
    return g->hh.tbl == NULL ? -1 : 0;
}

static struct assembled *find(struct assembly *a, const uint8_t key[ASSEMBLY_KEY_BYTES])
{
    struct assembled *g;
    HASH_FIND(hh, a->table, key, ASSEMBLY_KEY_BYTES, g);
    return g;
}

/* ---- keys ---- */

/* Lengths stand before texts, so that no two groups have the same bytes. -1: memory is out. */
static int add_to_key(struct assembly *a, struct slice text)
{
    uint64_t length = text.len;
    size_t size = a->key_size;
    while (size < a->key_used + sizeof length + text.len) {
        size = size == 0 ? ASSEMBLED_FIRST_BYTES : 2 * size;
    }
    if (size > a->key_size) {
        char *key = realloc(a->key, size);
        if (key == NULL) {
            return -1;
        }
        a->key = key;
        a->key_size = size;
    }
    memcpy(a->key + a->key_used, &length, sizeof length);
    memcpy(a->key + a->key_used + sizeof length, text.at, text.len);
    a->key_used += sizeof length + text.len;
    return 0;
}

static int make_key(struct assembly *a, const struct assembly_door *d,
                    const struct remote_sample *s)
{
    struct slice time = {(const char *)&s->time_ms, sizeof s->time_ms};
    a->key_used = 0;
    int rc = add_to_key(a, d->format) | add_to_key(a, d->door) | add_to_key(a, time);
    for (uint32_t i = 0; i < d->rule->by_count && rc == 0; i++) {
        rc = add_to_key(a, sample_label(s, d->rule->by[i]));
    }
    return rc;
}

/* Nearly always the next sample is of the same group. */
static void keep_last(struct assembly *a, struct assembled *g)
{
    char *key = a->last_key;
    size_t size = a->last_size;
    a->last = g;
    a->last_key = a->key;
    a->last_size = a->key_size;
    a->last_used = a->key_used;
    a->key = key;
    a->key_size = size;
}

static bool is_last(const struct assembly *a)
{
    return a->last != NULL && a->key_used == a->last_used &&
           memcmp(a->key, a->last_key, a->key_used) == 0;
}

/* ---- groups ---- */

/* As they are due; nearly always it is the last one. */
static void put_in_open(struct assembly *a, struct assembled *g)
{
    struct assembled *before = a->open == NULL ? NULL : a->open->previous;
    while (before != NULL && before->until_us > g->until_us) {
        before = before == a->open ? NULL : before->previous;
    }
    if (before == NULL) {
        DL_PREPEND2(a->open, g, previous, next);
    } else {
        DL_APPEND_ELEM2(a->open, before, g, previous, next);
    }
    a->counts.open++;
}

static void make_ready(struct assembly *a, struct assembled *g)
{
    DL_DELETE2(a->open, g, previous, next);
    DL_APPEND2(a->ready, g, previous, next);
    g->state = ASSEMBLY_READY;
    a->counts.open--;
    a->counts.ready++;
}

/* NULL: memory is out. */
static struct assembled *make_group(struct assembly *a, const struct assembly_door *d,
                                    const struct remote_sample *s, const uint8_t *key,
                                    int64_t now_us)
{
    struct assembled *g = calloc(1, sizeof *g);
    if (g == NULL) {
        return NULL;
    }
    *g = (struct assembled){.group = {.format = d->format, .door = d->door, .time_ms = s->time_ms},
                            .header_bytes = d->format.len + d->door.len,
                            .until_us = now_us + d->rule->within_us,
                            .rule_version = d->rule_version};
    memcpy(g->group.key, key, ASSEMBLY_KEY_BYTES);
    g->group.format.len = d->format.len;
    g->text_used = g->header_bytes;
    if (assembled_make_room(g, 0, &a->counts.bytes) == -1 || enter(a, g) == -1) {
        a->counts.bytes -= g->text_size;
        assembled_free(g);
        return NULL;
    }
    memcpy(g->text, d->format.at, d->format.len);
    memcpy(g->text + d->format.len, d->door.at, d->door.len);
    a->counts.bytes += sizeof *g;
    put_in_open(a, g);
    return g;
}

/* The sample's group, made where there is none. NULL: memory is out. */
static struct assembled *group_of(struct assembly *a, const struct assembly_door *d,
                                  const struct remote_sample *s, int64_t now_us)
{
    uint8_t key[SHA256_DIGEST_LENGTH];
    if (make_key(a, d, s) == -1) {
        return NULL;
    }
    if (is_last(a)) {
        return a->last;
    }
    SHA256((const uint8_t *)a->key, a->key_used, key);
    struct assembled *g = find(a, key);
    g = g == NULL ? make_group(a, d, s, key, now_us) : g;
    keep_last(a, g);
    return g;
}

/* ---- samples ---- */

static bool takes(const struct assemble_rule *rule, struct slice metric)
{
    for (uint32_t i = 0; i < rule->metric_count; i++) {
        if (pattern_matches(&rule->metrics[i], metric)) {
            return sample_is_plain(metric);
        }
    }
    return rule->metric_count == 0 && sample_is_plain(metric);
}

/* ---- requests ---- */

/* What is being taken. */
struct assembly_request {
    struct assembly *a;
    const struct assembly_door *door;
    struct assembly_row *row;
    struct arena *arena;
    struct assembly_taken *taken;
    size_t late_size;
    struct assembled *touched; /* groups with new samples, by their `touched` */
};

/* More of the late ones. -1: memory is out. */
static int add_late(struct assembly_request *q, const struct remote_sample *s)
{
    struct slice *text = &q->taken->late_text;
    size_t most = sample_text_most(s);
    q->taken->late++;
    if (text->len + most > q->late_size) {
        size_t size = 2 * (text->len + most);
        char *room = arena_alloc(q->arena, size);
        if (room == NULL) {
            return -1;
        }
        memcpy(room, text->len == 0 ? "" : text->at, text->len);
        text->at = room;
        q->late_size = size;
    }
    text->len += sample_text(s, (char *)(uintptr_t)text->at + text->len);
    return 0;
}

static int take_one(struct assembly_request *q, const struct remote_sample *s, int64_t now_us)
{
    struct assembly_taken *taken = q->taken;
    if (!takes(q->door->rule, s->metric)) {
        taken->passed_over++;
        return 0;
    }
    struct assembled *g = group_of(q->a, q->door, s, now_us);
    if (g == NULL) {
        return -1;
    }
    uint64_t series = sample_series(s);
    const struct assembly_mark *mark = assembled_mark(g, series);
    bool open = g->state == ASSEMBLY_OPEN;
    if (g->state != ASSEMBLY_CLOSED && (mark != NULL || open) &&
        assembled_hold_row(g, q->row) == -1) {
        return -1;
    }
    if (mark != NULL && mark->value == assembled_bits(s->value)) {
        taken->repeated++;
        return 0;
    }
    if (mark != NULL || !open || g->group.count >= q->a->limits.group_samples) {
        return add_late(q, s);
    }
    if (!g->is_touched) {
        g->is_touched = true;
        g->touched = q->touched;
        q->touched = g;
    }
    taken->taken++;
    return assembled_add(g, q->door->rule, s, series, &q->a->counts.bytes);
}

/* Only now: what stands behind the sample that completes a group belongs to it, too. */
static void close_complete(struct assembly_request *q)
{
    for (struct assembled *g = q->touched; g != NULL; g = g->touched) {
        g->is_touched = false;
        if (assembled_is_complete(g, q->door)) {
            g->group.complete = true;
            make_ready(q->a, g);
        }
    }
}

bool assembly_has_room(const struct assembly *a, uint32_t samples, size_t bytes)
{
    size_t groups = a->counts.open + (size_t)a->counts.ready + samples;
    /* Each sample may begin a group, and a text is given twice the room it needs. */
    size_t most = samples * (sizeof(struct assembled) + ASSEMBLED_FIRST_BYTES) + 4 * bytes;
    return groups <= a->limits.groups && a->counts.bytes + most <= a->limits.bytes;
}

int assembly_take(struct assembly *a, const struct assembly_door *door,
                  const struct remote_request *request, uint64_t row, int64_t now_us,
                  struct arena *arena, struct assembly_taken *taken)
{
    struct assembly_row *kept = malloc(sizeof *kept);
    struct assembly_request q = {a, door, kept, arena, taken, 0, NULL};
    *taken = (struct assembly_taken){.late_text = {"", 0}};
    if (kept == NULL) {
        return -1;
    }
    *kept = (struct assembly_row){.came_us = now_us, .number = row, .groups = 1};
    DL_APPEND2(a->rows, kept, previous, next);
    int rc = 0;
    for (uint32_t i = 0; i < request->count && rc == 0; i++) {
        rc = take_one(&q, &request->samples[i], now_us);
    }
    close_complete(&q);
    a->last = NULL;
    taken->holds = --kept->groups > 0;
    if (!taken->holds) {
        free_row(a, kept);
    }
    return rc;
}

/* ---- time ---- */

/* Of what is closed, the oldest. */
static void forget_oldest(struct assembly *a)
{
    struct assembled *g = a->closed;
    DL_DELETE2(a->closed, g, previous, next);
    HASH_DEL(a->table, g);
    a->counts.closed--;
    a->counts.closed_bytes -= assembled_closed_bytes(g);
    assembled_free(g);
}

void assembly_pass_time(struct assembly *a, int64_t now_us)
{
    while (a->open != NULL && a->open->until_us <= now_us) {
        make_ready(a, a->open);
    }
    while (a->closed != NULL && (a->closed->until_us <= now_us - a->limits.remember_us ||
                                 a->counts.closed_bytes > a->limits.closed_bytes)) {
        forget_oldest(a);
    }
}

void assembly_wait_longer(struct assembly *a, int64_t us)
{
    struct assembled *g;
    DL_FOREACH2(a->open, g, next)
    {
        g->until_us += us;
    }
}

int64_t assembly_due_us(const struct assembly *a)
{
    return a->open == NULL ? INT64_MAX : a->open->until_us;
}

void assembly_close_all(struct assembly *a)
{
    while (a->open != NULL) {
        make_ready(a, a->open);
    }
}

/* ---- delivery ---- */

const struct assembly_group *assembly_next(struct assembly *a)
{
    struct assembled *g = a->ready;
    if (g == NULL) {
        return NULL;
    }
    DL_DELETE2(a->ready, g, previous, next);
    g->state = ASSEMBLY_LEAVING;
    return &g->group;
}

static struct assembled *leaving(struct assembly *a, const struct assembly_group *g)
{
    return find(a, g->key);
}

void assembly_again(struct assembly *a, const struct assembly_group *group)
{
    struct assembled *g = leaving(a, group);
    DL_PREPEND2(a->ready, g, previous, next);
    g->state = ASSEMBLY_READY;
}

static void put_in_closed(struct assembly *a, struct assembled *g, int64_t done_us)
{
    g->state = ASSEMBLY_CLOSED;
    g->until_us = done_us;
    DL_APPEND2(a->closed, g, previous, next);
    a->counts.closed++;
    a->counts.closed_bytes += assembled_closed_bytes(g);
}

void assembly_done(struct assembly *a, const struct assembly_group *group, int64_t now_us,
                   void (*over)(void *context, uint64_t row), void *context)
{
    struct assembled *g = leaving(a, group);
    for (uint32_t i = 0; i < g->row_count; i++) {
        struct assembly_row *row = g->rows[i];
        if (--row->groups == 0) {
            over(context, row->number);
            free_row(a, row);
        }
    }
    a->counts.ready--;
    a->counts.bytes -= assembled_bytes(g);
    assembled_reduce(g);
    put_in_closed(a, g, now_us);
}

int assembly_remember(struct assembly *a, const uint8_t key[ASSEMBLY_KEY_BYTES],
                      const struct assembly_mark *marks, uint32_t count, int64_t done_us)
{
    struct assembled *g = find(a, key) == NULL ? calloc(1, sizeof *g) : NULL;
    if (g == NULL) {
        return find(a, key) == NULL ? -1 : 0;
    }
    memcpy(g->group.key, key, ASSEMBLY_KEY_BYTES);
    g->marks = malloc(count * sizeof *marks + 1);
    if (g->marks == NULL || enter(a, g) == -1) {
        assembled_free(g);
        return -1;
    }
    memcpy(g->marks, marks, count * sizeof *marks);
    g->group.marks = g->marks;
    g->group.count = g->marks_size = count;
    put_in_closed(a, g, done_us);
    return 0;
}
