/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Askers are few, at most as many as questions: lists are walked. Who had the last turn longest ago
 * is next. One that comes anew goes behind those that wait already, but for the one that had the
 * newest turn: so who always asks one question at a time does not go before all who wait.
 */
#include "common/turns.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct asker {
    struct asker *prev, *next;
    uint32_t waiting, running;
    uint64_t turn; /* the last one it had */
    size_t length;
    char name[];
};

static struct asker *find_asker(const struct turns *t, struct slice name)
{
    struct asker *a;
    DL_FOREACH(t->askers, a)
    {
        if (slice_equal((struct slice){a->name, a->length}, name)) {
            return a;
        }
    }
    return NULL;
}

static struct asker *get_asker(struct turns *t, struct slice name)
{
    struct asker *a = find_asker(t, name);
    if (a != NULL) {
        return a;
    }
    a = malloc(sizeof *a + name.len + 1);
    if (a != NULL) {
        *a = (struct asker){.turn = t->clock, .length = name.len};
        if (name.len > 0) {
            memcpy(a->name, name.at, name.len);
        }
        DL_APPEND(t->askers, a);
    }
    return a;
}

static void release_asker(struct turns *t, struct asker *a)
{
    if (a->waiting == 0 && a->running == 0) {
        DL_DELETE(t->askers, a);
        free(a);
    }
}

int turns_join(struct turns *t, struct slice asker, struct turn *turn)
{
    struct asker *a = get_asker(t, asker);
    if (a == NULL) {
        return -1;
    }
    if (a->length > 0 && a->waiting >= t->waiting_most) {
        return 1;
    }
    turn->asker = a;
    DL_APPEND(t->waiting, turn);
    t->waiting_count++;
    a->waiting++;
    return 0;
}

static void take_out(struct turns *t, struct turn *turn)
{
    DL_DELETE(t->waiting, turn);
    t->waiting_count--;
    turn->asker->waiting--;
}

static bool may_run(const struct turns *t, const struct asker *a)
{
    return a->length == 0 || a->running < t->running_most;
}

struct turn *turns_next(struct turns *t)
{
    struct turn *turn, *found = NULL;
    DL_FOREACH(t->waiting, turn)
    {
        if (may_run(t, turn->asker) && (found == NULL || turn->asker->turn < found->asker->turn)) {
            found = turn;
        }
    }
    if (found != NULL) {
        take_out(t, found);
        found->asker->running++;
        t->clock += 2;
        found->asker->turn = t->clock + 1; /* behind who comes before the next one is taken */
    }
    return found;
}

void turns_again(struct turns *t, struct turn *turn)
{
    turn->asker->running--;
    turn->asker->waiting++;
    DL_PREPEND(t->waiting, turn); /* before what else its asker has */
    t->waiting_count++;
}

void turns_back(struct turns *t, struct turn *turn)
{
    turn->asker->turn = 0;
    turns_again(t, turn);
}

void turns_leave(struct turns *t, struct turn *turn)
{
    take_out(t, turn);
    release_asker(t, turn->asker);
}

void turns_done(struct turns *t, struct turn *turn)
{
    turn->asker->running--;
    release_asker(t, turn->asker);
}
