/* SPDX-License-Identifier: Apache-2.0 */
#include "stored/beside/beside.h"

#include <stdlib.h>

#include "common/log.h"

void *beside_new(struct store *store, size_t size, const struct pg_task_kind *kind)
{
    struct beside *b = calloc(1, size);
    if (b != NULL) {
        b->store = store;
        b->next = store->beside;
        store->beside = b;
        pg_task_init(&b->task, kind, &sql_statements, store->settings->database, &store->params, b);
    }
    return b;
}

void beside_close_all(struct store *store)
{
    for (struct beside *b = store->beside; b != NULL; b = b->next) {
        pg_task_close(&b->task);
    }
}

void beside_free_all(struct store *store)
{
    while (store->beside != NULL) {
        struct beside *b = store->beside;
        store->beside = b->next;
        pg_task_close(&b->task);
        free(b);
    }
}

bool beside_any_is_under_way(const struct store *store)
{
    const struct beside *b = store->beside;
    while (b != NULL && !beside_is_under_way(b)) {
        b = b->next;
    }
    return b != NULL;
}

void beside_log(const struct beside *b, const char *event, const char *step)
{
    const struct pg *pg = &b->task.pg;
    log_error(event, "step=%s sqlstate=%s error=\"%.200s\"", step, pg->sqlstate, pg->message);
    count_add(COUNT_DATABASE_ERRORS, 1);
}
