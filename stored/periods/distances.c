/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of the newest distances for each type. */
#include "stored/periods/distances.h"

#include <stdlib.h>
#include <string.h>

#define RING  64 /* bits of `apart` */
#define LEAST 4  /* distances before anything is said */

struct distance_type {
    struct slice type; /* owned */
    uint32_t count;    /* at most RING */
    uint32_t next;
    uint64_t apart; /* a bit for each distance */
    int64_t us[RING];
};

struct distances {
    struct distance_type *at[DISTANCE_TYPES];
    uint32_t count;
};

struct distances *distances_new(void)
{
    return calloc(1, sizeof(struct distances));
}

void distances_free(struct distances **d)
{
    for (uint32_t i = 0; *d != NULL && i < (*d)->count; i++) {
        free(((*d)->at[i]));
    }
    free(*d);
    *d = NULL;
}

/* The text stands behind the entry. */
static struct distance_type *entry_new(struct slice type)
{
    struct distance_type *t = calloc(1, sizeof *t + type.len + 1);
    if (t != NULL) {
        char *text = (char *)(t + 1);
        if (type.len > 0) {
            memcpy(text, type.at, type.len);
        }
        t->type = (struct slice){text, type.len};
    }
    return t;
}

struct distance_type *distances_type(struct distances *d, struct slice type)
{
    for (uint32_t i = 0; i < d->count; i++) {
        if (slice_equal(d->at[i]->type, type)) {
            return d->at[i];
        }
    }
    struct distance_type *t = d->count == DISTANCE_TYPES ? NULL : entry_new(type);
    if (t != NULL) {
        d->at[d->count++] = t;
    }
    return t;
}

void distances_take(struct distance_type *t, int64_t distance_us, bool apart)
{
    uint64_t bit = UINT64_C(1) << t->next;
    t->us[t->next] = distance_us;
    t->apart = apart ? t->apart | bit : t->apart & ~bit;
    t->next = (t->next + 1) % RING;
    t->count += t->count < RING;
}

void distances_forget(struct distances *d)
{
    for (uint32_t i = 0; i < d->count; i++) {
        d->at[i]->count = d->at[i]->next = 0;
        d->at[i]->apart = 0;
    }
}

static int by_length(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Of those apart; 0 when they are not most. */
static int64_t typical_us(const struct distance_type *t)
{
    int64_t apart[RING];
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        if ((t->apart >> i & 1) != 0) {
            apart[n++] = t->us[i];
        }
    }
    if (t->count < LEAST || 2 * n <= t->count) {
        return 0;
    }
    qsort(apart, n, sizeof apart[0], by_length);
    return apart[n / 2];
}

int distances_apart(const struct distances *d, uint32_t i, struct slice *type, int64_t *us)
{
    for (uint32_t k = 0; k < d->count; k++) {
        int64_t typical = typical_us(d->at[k]);
        if (typical > 0 && i-- == 0) {
            *type = d->at[k]->type;
            *us = typical;
            return 0;
        }
    }
    return -1;
}
