/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of a few: they are walked. */
#include "stored/silence/signs_known.h"

#include <stdio.h>
#include <string.h>

#include "common/life.h"
#include "common/uuid_text.h"

#define ARENA_BYTES ((size_t)1 << 16)

/* ---- who there is ---- */

static struct signs_ingestd *find(struct signs_known *k, struct slice instance)
{
    for (uint32_t i = 0; i < k->count; i++) {
        if (slice_is(instance, k->at[i].instance)) {
            return &k->at[i];
        }
    }
    return NULL;
}

static struct signs_ingestd *find_or_add(struct signs_known *k, struct slice instance)
{
    struct signs_ingestd *g = find(k, instance);
    if (g != NULL) {
        return g;
    }
    g = &k->at[0];
    if (k->count < SIGNS_INGESTDS) {
        g = &k->at[k->count++];
    } else {
        for (uint32_t i = 1; i < k->count; i++) {
            g = k->at[i].arrived_us < g->arrived_us ? &k->at[i] : g;
        }
    }
    *g = (struct signs_ingestd){.until_us = INT64_MIN, .count = 1};
    snprintf(g->instance, sizeof g->instance, "%.*s", (int)instance.len, instance.at);
    snprintf(g->process[0].as.name, sizeof g->process[0].as.name, SIGNS_KEEPER);
    g->process[0].noted = true;
    return g;
}

/* NULL: there is no room. */
static struct signs_process *process_of(struct signs_ingestd *g, struct slice name)
{
    for (uint32_t i = 0; i < g->count; i++) {
        if (slice_is(name, g->process[i].as.name)) {
            return &g->process[i];
        }
    }
    if (g->count == LIMIT_PROCESSES || name.len > LIMIT_PROCESS_BYTES) {
        return NULL;
    }
    struct signs_process *p = &g->process[g->count++];
    *p = (struct signs_process){.noted = true};
    memcpy(p->as.name, name.at, name.len);
    g->keep_us = g->keep_us == SIGNS_KEEP_NOW ? SIGNS_KEEP_NOW : 0; /* the store hears of it soon */
    return p;
}

/* ---- what is told ---- */

static void take_process(struct signs_ingestd *g, const struct presence_process *told)
{
    struct signs_process *p = process_of(g, slice_of(told->name));
    if (p == NULL) {
        return;
    }
    if (told->count != p->as.count ||
        memcmp(told->absences, p->as.absences, told->count * sizeof told->absences[0]) != 0) {
        p->noted = told->count == 0;
    }
    p->as = *told;
}

/* Whether what it says of itself can be; what else it says of times to come is left out. */
static bool is_of_now(struct signs_message *m, struct presence *told, int64_t ahead_us)
{
    if (!presence_is_time((uint64_t)m->heard_us) || m->heard_us > ahead_us ||
        (m->until_us != INT64_MIN && !presence_is_time((uint64_t)m->until_us))) {
        return false;
    }
    m->until_us = m->until_us > ahead_us ? INT64_MIN : m->until_us;
    for (uint32_t i = 0; i < told->count; i++) {
        struct presence_process *p = &told->process[i];
        uint32_t kept = 0;
        for (uint32_t n = 0; n < p->count; n++) {
            if (p->absences[n].to_us <= ahead_us) {
                p->absences[kept++] = p->absences[n];
            }
        }
        p->count = kept;
    }
    return true;
}

int signs_known_take(struct signs_known *k, struct slice message, int64_t now_us, int64_t clock_us)
{
    struct signs_message m;
    struct presence told;
    char instance[UUID_TEXT_BYTES];
    struct arena *a = arena_new(ARENA_BYTES);
    int rc = a == NULL || signs_decode_all(message, a, &m) == -1
                 ? -1
                 : presence_read(&told, SIGNS_KEEPER, &m);
    arena_free(&a);
    if (rc == -1 || !is_of_now(&m, &told, now_us + SIGNS_AHEAD_US)) {
        return -1;
    }
    uuid_text(m.instance, instance);
    struct signs_ingestd *g = find_or_add(k, slice_of(instance));
    g->heard = true;
    g->arrived_us = clock_us;
    g->heard_us = m.heard_us;
    g->until_us = m.until_us;
    if (told.process[0].last_us < g->process[0].as.last_us) {
        g->keep_us = SIGNS_KEEP_NOW; /* its clock is put back */
    }
    for (uint32_t i = 0; i < told.count; i++) {
        take_process(g, &told.process[i]);
    }
    return 0;
}

void signs_known_add(struct signs_known *k, struct slice instance, struct slice process,
                     int64_t last_us, bool told_absent, int64_t clock_us)
{
    if (instance.len >= UUID_TEXT_BYTES) {
        return;
    }
    bool known = find(k, instance) != NULL;
    struct signs_ingestd *g = find_or_add(k, instance);
    struct signs_process *p = process_of(g, process);
    if (!known) {
        g->arrived_us = clock_us;
    }
    if (p != NULL) {
        p->told_absent = told_absent;
        p->as.last_us = last_us > p->as.last_us ? last_us : p->as.last_us;
    }
}

/* ---- what follows ---- */

static bool is_away(const struct signs_ingestd *g, int64_t clock_us)
{
    return clock_us - g->arrived_us > LIFE_BREAK_US;
}

bool signs_known_is_absent(const struct signs_ingestd *g, uint32_t i, int64_t clock_us)
{
    if (i == 0) { /* one that the store says is absent is so until it is heard */
        return is_away(g, clock_us) || (!g->heard && g->process[0].told_absent);
    }
    return !g->heard || is_away(g, clock_us)
               ? g->process[i].told_absent
               : g->heard_us - g->process[i].as.last_us > LIFE_BREAK_US;
}

int64_t signs_known_until(struct signs_known *k, int64_t clock_us)
{
    int64_t until_us = INT64_MAX;
    for (uint32_t i = 0; i < k->count; i++) {
        const struct signs_ingestd *g = &k->at[i];
        if (is_away(g, clock_us) || (!g->heard && g->process[0].told_absent)) {
            continue;
        }
        int64_t its_us = g->heard ? g->until_us : INT64_MIN; /* it may come yet */
        until_us = its_us < until_us ? its_us : until_us;
    }
    if (until_us != INT64_MAX) {
        k->last_until_us = until_us;
    }
    return k->last_until_us;
}

static bool goes_through(struct slice door, uint32_t process)
{
    return process == 0 ||
           !(slice_is(door, "udp") || slice_is(door, "file") || slice_is(door, "import"));
}

bool signs_known_misses(const struct signs_known *k, struct slice ingestd, struct slice door,
                        int64_t clock_us)
{
    for (uint32_t i = 0; i < k->count; i++) {
        const struct signs_ingestd *g = &k->at[i];
        if (!slice_is(ingestd, g->instance)) {
            continue;
        }
        for (uint32_t n = 0; n < g->count; n++) {
            const struct signs_process *p = &g->process[n];
            if (goes_through(door, n) && (!g->heard || !p->noted || p->told_absent ||
                                          signs_known_is_absent(g, n, clock_us))) {
                return true;
            }
        }
    }
    return false;
}

void signs_known_wait(struct signs_known *k, int64_t clock_us)
{
    for (uint32_t i = 0; i < k->count; i++) {
        if (!k->at[i].process[0].told_absent) {
            k->at[i].arrived_us = clock_us;
        }
    }
}

void signs_known_forget(struct signs_known *k, uint32_t ingestd, uint32_t i)
{
    struct signs_ingestd *g = &k->at[ingestd];
    if (i == 0) {
        k->count--;
        memmove(g, g + 1, (k->count - ingestd) * sizeof *g);
        return;
    }
    g->count--;
    memmove(&g->process[i], &g->process[i + 1], (g->count - i) * sizeof g->process[0]);
}
