/* SPDX-License-Identifier: Apache-2.0 */
/* What is told is kept to be told again: who hears it may not be there at the moment. */
#include "common/presence.h"

#include <stdio.h>
#include <string.h>

#include "common/life.h"

#define END_US UINT64_C(253402300800000000) /* the year 10000: what databases take */

void presence_init(struct presence *p, const char *keeper)
{
    *p = (struct presence){.count = 1};
    snprintf(p->process[0].name, sizeof p->process[0].name, "%s", keeper);
}

static bool is_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-') {
            return false;
        }
    }
    return name.len > 0 && name.len <= LIMIT_PROCESS_BYTES;
}

/* The one of this name, or a place for it: the one that was last heard of longest ago makes room.
 */
static struct presence_process *find(struct presence *p, struct slice name)
{
    struct presence_process *place = &p->process[1];
    for (uint32_t i = 0; i < p->count; i++) {
        if (slice_is(name, p->process[i].name)) {
            return &p->process[i];
        }
        if (i > 0 && p->process[i].last_us < place->last_us) {
            place = &p->process[i];
        }
    }
    if (p->count < LIMIT_PROCESSES) {
        place = &p->process[p->count++];
    }
    *place = (struct presence_process){.last_us = 0};
    memcpy(place->name, name.at, name.len);
    return place;
}

static void add_absence(struct presence_process *process, int64_t from_us, int64_t to_us)
{
    struct presence_absence *a = process->absences;
    if (process->count == PRESENCE_ABSENCES) {
        memmove(&a[0], &a[1], (PRESENCE_ABSENCES - 1) * sizeof *a);
        process->count--;
    }
    a[process->count++] = (struct presence_absence){from_us, to_us};
}

/* Who is there now was not absent later: a clock that was put forward said so, and is back. */
static void cut_absences(struct presence_process *process, int64_t now_us)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < process->count; i++) {
        struct presence_absence a = process->absences[i];
        a.to_us = a.to_us > now_us ? now_us : a.to_us;
        if (a.from_us < a.to_us) {
            process->absences[kept++] = a;
        }
    }
    process->count = kept;
}

int presence_sign(struct presence *p, struct slice name, int64_t now_us, int64_t since_us,
                  int64_t until_us)
{
    if (!is_name(name) || now_us <= 0 || since_us <= 0 || until_us <= 0 || since_us > now_us) {
        return -1;
    }
    struct presence_process *process = find(p, name);
    cut_absences(process, now_us);
    if (process->last_us != 0 && since_us > process->last_us) {
        add_absence(process, process->last_us, since_us);
    }
    process->last_us = now_us;
    process->until_us = until_us < now_us ? until_us : now_us;
    return 0;
}

static void forget_absences(struct presence_process *process, int64_t before_us)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < process->count; i++) {
        if (process->absences[i].to_us >= before_us) {
            process->absences[kept++] = process->absences[i];
        }
    }
    process->count = kept;
}

void presence_forget(struct presence *p, int64_t now_us)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        forget_absences(&p->process[i], now_us - PRESENCE_KEPT_US);
        if (i == 0 || p->process[i].last_us >= now_us - PRESENCE_KEPT_US) {
            p->process[kept++] = p->process[i];
        }
    }
    p->count = kept;
}

int64_t presence_earliest(const struct presence *p, int64_t heard_us)
{
    int64_t earliest_us = INT64_MAX;
    for (uint32_t i = 1; i < p->count; i++) {
        const struct presence_process *process = &p->process[i];
        if (heard_us - process->last_us <= LIFE_BREAK_US && process->until_us < earliest_us) {
            earliest_us = process->until_us;
        }
    }
    return earliest_us;
}

void presence_tell(const struct presence *p, struct presence_lists *lists, struct signs_message *m)
{
    uint32_t absences = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct presence_process *process = &p->process[i];
        lists->names[i] = slice_of(process->name);
        lists->last_us[i] = (uint64_t)process->last_us;
        for (uint32_t k = 0; k < process->count; k++) {
            lists->absent[absences] = i;
            lists->from_us[absences] = (uint64_t)process->absences[k].from_us;
            lists->to_us[absences++] = (uint64_t)process->absences[k].to_us;
        }
    }
    m->processes = lists->names;
    m->last_us = lists->last_us;
    m->absent = lists->absent;
    m->from_us = lists->from_us;
    m->to_us = lists->to_us;
    m->processes_count = m->last_us_count = p->count;
    m->absent_count = m->from_us_count = m->to_us_count = absences;
}

bool presence_is_time(uint64_t us)
{
    return us > 0 && us < END_US;
}

static int read_processes(struct presence *p, const struct signs_message *m)
{
    if (m->processes_count == 0 || m->processes_count != m->last_us_count ||
        !slice_is(m->processes[0], p->process[0].name)) {
        return -1;
    }
    for (uint32_t i = 0; i < m->processes_count; i++) {
        if (m->processes[i].at == NULL || !is_name(m->processes[i]) ||
            !presence_is_time(m->last_us[i]) ||
            (i > 0 && find(p, m->processes[i]) != &p->process[i])) {
            return -1;
        }
        p->process[i].last_us = (int64_t)m->last_us[i];
        p->process[i].until_us = INT64_MIN;
    }
    return 0;
}

static int read_absences(struct presence *p, const struct signs_message *m)
{
    if (m->absent_count != m->from_us_count || m->absent_count != m->to_us_count) {
        return -1;
    }
    for (uint32_t i = 0; i < m->absent_count; i++) {
        if (m->absent[i] >= p->count || !presence_is_time(m->from_us[i]) ||
            !presence_is_time(m->to_us[i]) || m->from_us[i] >= m->to_us[i] ||
            p->process[m->absent[i]].count == PRESENCE_ABSENCES) {
            return -1;
        }
        add_absence(&p->process[m->absent[i]], (int64_t)m->from_us[i], (int64_t)m->to_us[i]);
    }
    return 0;
}

int presence_read(struct presence *p, const char *keeper, const struct signs_message *m)
{
    presence_init(p, keeper);
    if (read_processes(p, m) == -1 || read_absences(p, m) == -1) {
        presence_init(p, keeper);
        return -1;
    }
    return 0;
}
