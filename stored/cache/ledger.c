/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of the ledger's rows. */
#include "stored/cache/ledger.h"

#include <stdlib.h>

#include "schemas/messages.h"
#include "stored/cache/calendar.h"
#include "stored/db/sql.h"

#define HOURS_KEPT 4
#define KEY_HEAD   (4 + 16)

static const struct slice others = {"(others)", 8};

static size_t make_key(char key[KEY_HEAD + LIMIT_SENDER_BYTES], int32_t hour, const void *instance,
                       struct slice sender)
{
    size_t length = sender.len < LIMIT_SENDER_BYTES ? sender.len : LIMIT_SENDER_BYTES;
    memcpy(key, &hour, 4);
    memcpy(key + 4, instance, 16);
    if (length > 0) {
        memcpy(key + KEY_HEAD, sender.at, length);
    }
    return KEY_HEAD + length;
}

static struct slice sender_of(const struct ledger_row *row)
{
    return (struct slice){row->key + KEY_HEAD, row->key_bytes - (size_t)KEY_HEAD};
}

static struct ledger_row *find_row(const struct ledger *l, const char *key, size_t length)
{
    struct ledger_row *row = NULL;
    HASH_FIND(hh, l->table, key, length, row);
    return row;
}

static struct ledger_row *add_row(struct ledger *l, struct ledger_hour *h, const char *key,
                                  size_t length)
{
    struct ledger_row *row = calloc(1, sizeof *row + length);
    if (row == NULL) {
        return NULL;
    }
    row->key_bytes = (uint16_t)length;
    memcpy(row->key, key, length);
    HASH_ADD_KEYPTR(hh, l->table, row->key, length, row);
    if (row->hh.tbl == NULL) {
        free(row);
        return NULL;
    }
    row->hour = h;
    row->next = h->rows;
    h->rows = row;
    h->senders += !slice_equal(sender_of(row), others);
    return row;
}

/* ---- hours ---- */

static void free_hour(struct ledger *l, struct ledger_hour *h)
{
    for (struct ledger_row *row = h->rows, *next; row != NULL; row = next) {
        next = row->next;
        HASH_DEL(l->table, row);
        free(row);
    }
    free(h);
}

/* Moved to the front when it is there. */
static struct ledger_hour *find_hour(struct ledger *l, int32_t hour)
{
    for (struct ledger_hour **at = &l->hours; *at != NULL; at = &(*at)->older) {
        struct ledger_hour *h = *at;
        if (h->hour == hour) {
            *at = h->older;
            h->older = l->hours;
            l->hours = h;
            return h;
        }
    }
    return NULL;
}

static int fill_hour(struct ledger *l, struct ledger_hour *h, const PGresult *r)
{
    char key[KEY_HEAD + LIMIT_SENDER_BYTES];
    for (int i = 0; i < PQntuples(r); i++) {
        size_t length = make_key(key, h->hour, PQgetvalue(r, i, 0), pg_cell_text(r, i, 1));
        struct ledger_row *row = add_row(l, h, key, length);
        if (row == NULL) {
            return -1;
        }
        row->id = pg_cell_32(r, i, 2);
    }
    return 0;
}

int ledger_open(struct ledger *l, int32_t hour, struct pg *pg, struct pg_params *params)
{
    if (find_hour(l, hour) != NULL) {
        return 0;
    }
    struct ledger_hour *h = calloc(1, sizeof *h);
    if (h == NULL) {
        return -1;
    }
    pg_params_begin(params);
    pg_add_time(params, hour * HOUR_US);
    PGresult *r = pg_rows(pg, SQL_LEDGER_HOUR, params);
    *h = (struct ledger_hour){.hour = hour};
    if (r == NULL || fill_hour(l, h, r) == -1) {
        PQclear(r);
        free_hour(l, h);
        return -1;
    }
    PQclear(r);
    h->older = l->hours;
    l->hours = h;
    return 0;
}

/* ---- rows ---- */

void ledger_begin(struct ledger *l, uint64_t stamp)
{
    l->stamp = stamp;
    l->touched = NULL;
    l->unseen = NULL;
}

static struct ledger_row *make_row(struct ledger *l, struct ledger_hour *h, const uint8_t *instance,
                                   struct slice sender, uint32_t most)
{
    char key[KEY_HEAD + LIMIT_SENDER_BYTES];
    size_t length = make_key(key, h->hour, instance, sender);
    struct ledger_row *row = find_row(l, key, length);
    if (row == NULL && h->senders >= most) {
        length = make_key(key, h->hour, instance, others);
        row = find_row(l, key, length);
    }
    if (row == NULL) {
        row = add_row(l, h, key, length);
        if (row != NULL) {
            row->unseen = l->unseen;
            l->unseen = row;
        }
    }
    return row;
}

struct ledger_row *ledger_get(struct ledger *l, int32_t hour, const uint8_t instance[16],
                              struct slice sender, uint32_t most)
{
    struct ledger_hour *h = find_hour(l, hour);
    struct ledger_row *row = h == NULL ? NULL : make_row(l, h, instance, sender, most);
    if (row != NULL && row->stamp != l->stamp) {
        row->stamp = l->stamp;
        memset(row->add, 0, sizeof row->add);
        row->touched = l->touched;
        l->touched = row;
    }
    return row;
}

int ledger_load(struct ledger *l, struct pg *pg, struct pg_params *params)
{
    char key[KEY_HEAD + LIMIT_SENDER_BYTES];
    if (l->unseen == NULL) {
        return 0;
    }
    pg_params_begin(params);
    pg_add_array(params, PG_TIMESTAMPTZ);
    pg_add_array(params, PG_UUID);
    pg_add_array(params, PG_TEXT);
    for (const struct ledger_row *row = l->unseen; row != NULL; row = row->unseen) {
        pg_put_time(params, 0, row->hour->hour * HOUR_US);
        pg_put_bytes(params, 1, (struct slice){row->key + 4, 16});
        pg_put_bytes(params, 2, sender_of(row));
    }
    PGresult *r = pg_rows(pg, SQL_LEDGER_ADD, params);
    if (r == NULL) {
        return -1;
    }
    for (int i = 0; i < PQntuples(r); i++) {
        int32_t hour = (int32_t)(pg_cell_time(r, i, 0) / HOUR_US);
        size_t length = make_key(key, hour, PQgetvalue(r, i, 1), pg_cell_text(r, i, 2));
        struct ledger_row *row = find_row(l, key, length);
        if (row != NULL) {
            row->id = pg_cell_32(r, i, 3);
        }
    }
    PQclear(r);
    l->unseen = NULL;
    return 0;
}

/* ---- forgetting ---- */

void ledger_forget(struct ledger *l)
{
    while (l->hours != NULL) {
        struct ledger_hour *h = l->hours;
        l->hours = h->older;
        free_hour(l, h);
    }
    l->touched = NULL;
    l->unseen = NULL;
}

void ledger_trim(struct ledger *l)
{
    struct ledger_hour **at = &l->hours;
    for (int i = 0; i < HOURS_KEPT && *at != NULL; i++) {
        at = &(*at)->older;
    }
    while (*at != NULL) {
        struct ledger_hour *h = *at;
        *at = h->older;
        free_hour(l, h);
    }
    l->touched = NULL;
    l->unseen = NULL;
}
