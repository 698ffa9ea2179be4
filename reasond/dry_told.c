/* SPDX-License-Identifier: Apache-2.0 */
#include "reasond/dry_told.h"

#include <stdlib.h>
#include <string.h>

int dry_most_init(struct dry_most *m, uint32_t size)
{
    *m = (struct dry_most){.at = calloc(size + (size_t)1, sizeof *m->at), .size = size};
    return m->at == NULL ? -1 : 0;
}

static void release(struct dry_told *t)
{
    free(t->texts);
    dry_example_release(&t->example);
}

void dry_most_release(struct dry_most *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        release(&m->at[i]);
    }
    free(m->at);
    *m = (struct dry_most){0};
}

/* Copies of texts, one behind the other in one piece of memory, which is behind `head` bytes of it.
 * NULL: memory is out. */
static char *copy_texts(const struct slice *texts, uint32_t count, size_t head, struct slice *to)
{
    size_t size = head;
    for (uint32_t i = 0; i < count; i++) {
        size += texts[i].len;
    }
    char *all = malloc(size + 1), *at = all == NULL ? NULL : all + head;
    for (uint32_t i = 0; i < count && all != NULL; i++) {
        struct slice *copy = to == NULL ? (struct slice *)(void *)all + i : to + i;
        *copy = (struct slice){texts[i].at == NULL ? NULL : at, texts[i].len};
        if (texts[i].len > 0) {
            memcpy(at, texts[i].at, texts[i].len);
        }
        at += texts[i].len;
    }
    return all;
}

int dry_example_keep(struct dry_example *e, const struct slice *values, uint32_t count)
{
    e->values = (struct slice *)(void *)copy_texts(values, count, count * sizeof *values, NULL);
    e->count = count;
    e->is_there = e->values != NULL;
    return e->is_there ? 0 : -1;
}

void dry_example_release(struct dry_example *e)
{
    free(e->values);
    *e = (struct dry_example){.is_there = false};
}

static bool changes_more(const struct dry_told *a, const struct dry_told *b)
{
    return a->changed > b->changed;
}

int dry_most_add(struct dry_most *m, const struct dry_told *told,
                 const struct slice dimensions[DIMENSION_COUNT], struct dry_example *example)
{
    struct dry_told t = *told;
    bool full = m->count == m->size;
    if (m->size == 0 || (full && !changes_more(&t, &m->at[m->count - 1]))) {
        dry_example_release(example);
        return 0;
    }
    t.example = *example;
    *example = (struct dry_example){.is_there = false};
    t.texts = copy_texts(dimensions, DIMENSION_COUNT, 0, t.dimensions);
    if (t.texts == NULL) {
        release(&t);
        return -1;
    }
    if (full) {
        release(&m->at[--m->count]);
    }
    uint32_t place = m->count++;
    while (place > 0 && changes_more(&t, &m->at[place - 1])) {
        m->at[place] = m->at[place - 1];
        place--;
    }
    m->at[place] = t;
    return 0;
}
