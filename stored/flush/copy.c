/* SPDX-License-Identifier: Apache-2.0 */
/* Binary rows, one pass, no allocation but the buffer's growth. */
#include "stored/flush/copy.h"

#include "common/pg/pg.h"
#include "stored/cache/gradings.h"

/* Where things stand in a row: a count of fields, then a length before each field. */
#define FIELD_64     (4 + 8)
#define FIELD_32     (4 + 4)
#define FIELD_16     (4 + 2)
#define AT_SERIES_ID (2 + 4)
#define AT_KEY       (AT_SERIES_ID + 3 * FIELD_64)
#define AT_ARRIVAL   (AT_KEY + FIELD_64)
#define AT_SCHEMA_ID (AT_ARRIVAL + FIELD_64)
#define AT_HOPS_ID   (AT_SCHEMA_ID + FIELD_64)
#define AT_LEDGER_ID (AT_HOPS_ID + FIELD_64 + 2 * FIELD_32)
#define FIXED_BYTES  (AT_LEDGER_ID + FIELD_32 + FIELD_16)
#define ARRAY_BYTES  20 /* dimensions, flags, type, length, lower bound */
#define FIELDS       15

static char *put_32(char *at, uint32_t v)
{
    bytes_set_32(at, v);
    return at + 4;
}

static char *put_field_32(char *at, uint32_t v)
{
    return put_32(put_32(at, 4), v);
}

static char *put_field_16(char *at, uint16_t v)
{
    at = put_32(at, 2);
    bytes_set_16(at, v);
    return at + 2;
}

static char *put_field_64(char *at, uint64_t v)
{
    at = put_32(at, 8);
    bytes_set_64(at, v);
    return at + 8;
}

static char *put_array_head(char *at, bool nulls, uint32_t type, uint32_t count)
{
    at = put_32(at, count == 0 ? 0 : 1);
    at = put_32(at, nulls);
    at = put_32(at, type);
    if (count > 0) {
        at = put_32(put_32(at, count), 1);
    }
    return at;
}

/* By position: element n is the grade under the number n; what ends the array is never NULL. */
static int put_grades(struct bytes *rows, const struct copy_grades *g)
{
    uint8_t by_id[GRADE_NAMES + 1];
    uint32_t last = 0, given = 0;
    for (uint32_t i = 0; i < g->count; i++) {
        if (g->grades[i] != GRADE_NONE && g->ids[i] > last) {
            last = g->ids[i];
        }
    }
    if (bytes_reserve(rows, 4 + ARRAY_BYTES + last * 6u) == -1) {
        return -1;
    }
    memset(by_id, GRADE_NONE, last + 1);
    for (uint32_t i = 0; i < g->count; i++) {
        if (g->grades[i] != GRADE_NONE) {
            by_id[g->ids[i]] = g->grades[i];
            given++;
        }
    }
    char *field = rows->at + rows->len;
    char *at = put_array_head(field + 4, given < last, PG_SMALLINT, last);
    for (uint32_t id = 1; id <= last; id++) {
        if (by_id[id] == GRADE_NONE) {
            at = put_32(at, UINT32_MAX);
        } else {
            at = put_32(at, 2);
            bytes_set_16(at, by_id[id]);
            at += 2;
        }
    }
    bytes_set_32(field, (uint32_t)(at - field - 4));
    rows->len = (size_t)(at - rows->at);
    return 0;
}

/* Of a name, what its record says of steadiness. */
static uint16_t steady_of(const struct copy_grades *g, uint32_t i)
{
    bool graded = g->grades[i] != GRADE_NONE && g->grades[i] != 0;
    if (g->steady == NULL || !graded) {
        return 0;
    }
    const unsigned char *at = (const unsigned char *)g->steady + 2 * (size_t)i;
    return (uint16_t)(at[0] << 8 | at[1]);
}

/* By position as well; nothing where no name has any. */
static int put_steady(struct bytes *rows, const struct copy_grades *g)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < g->count && g->steady != NULL; i++) {
        last = steady_of(g, i) != 0 && g->ids[i] > last ? g->ids[i] : last;
    }
    if (bytes_reserve(rows, 4 + last * 2u) == -1) {
        return -1;
    }
    char *at = put_32(rows->at + rows->len, last * 2);
    memset(at, 0, last * 2);
    for (uint32_t i = 0; i < g->count && last > 0; i++) {
        if (steady_of(g, i) != 0) {
            bytes_set_16(at + 2 * (g->ids[i] - 1), steady_of(g, i));
        }
    }
    rows->len = (size_t)(at + last * 2 - rows->at);
    return 0;
}

static char *put_value(char *at, const struct slice *v)
{
    at = put_32(at, v->at == NULL ? UINT32_MAX : (uint32_t)v->len);
    if (v->len > 0) {
        memcpy(at, v->at, v->len);
    }
    return at + v->len;
}

/* All but those that the series says. */
static char *put_values(char *at, const struct record_message *r, const struct copy_about *about)
{
    uint32_t first = 0;
    for (uint32_t c = 0; c <= about->said->count; c++) {
        bool end = c == about->said->count;
        if (!end && (about->mask >> c & 1) == 0) {
            continue;
        }
        uint32_t behind = end ? r->values_count : about->said->candidate[c].place;
        for (uint32_t i = first; i < behind; i++) {
            at = put_value(at, &r->values[i]);
        }
        first = behind + 1;
    }
    return at;
}

static int put_values_and_label(struct bytes *rows, const struct record_message *r,
                                const struct copy_about *about)
{
    size_t size = 4 + ARRAY_BYTES + 4 + r->label.len;
    bool nulls = false;
    for (uint32_t i = 0; i < r->values_count; i++) {
        size += 4 + r->values[i].len;
        nulls = nulls || r->values[i].at == NULL;
    }
    if (bytes_reserve(rows, size) == -1) {
        return -1;
    }
    uint32_t count = r->values_count - (uint32_t)__builtin_popcount(about->mask);
    char *field = rows->at + rows->len;
    char *at = put_array_head(field + 4, nulls, PG_TEXT, count);
    at = put_values(at, r, about);
    bytes_set_32(field, (uint32_t)(at - field - 4));
    at = put_32(at, (uint32_t)r->label.len);
    if (r->label.len > 0) {
        memcpy(at, r->label.at, r->label.len);
        at += r->label.len;
    }
    rows->len = (size_t)(at - rows->at);
    return 0;
}

int copy_row(struct bytes *rows, const struct record_message *r, const struct copy_about *about)
{
    if (bytes_reserve(rows, FIXED_BYTES) == -1) {
        return -1;
    }
    char *at = rows->at + rows->len;
    bytes_set_16(at, FIELDS);
    at = put_field_64(at + 2, 0);
    at = put_field_64(at, (uint64_t)(r->t_start_us - PG_EPOCH_US));
    at = put_field_64(at, (uint64_t)(r->t_end_us - PG_EPOCH_US));
    at = put_field_64(at, 0);
    at = put_field_64(at, 0);
    at = put_field_64(at, 0);
    at = put_field_64(at, 0);
    at = put_field_32(at, (uint32_t)r->row);
    at = put_field_32(at, about->grading_version);
    at = put_field_32(at, 0);
    at = put_field_16(at, (uint16_t)about->origin);
    rows->len = (size_t)(at - rows->at);
    return put_grades(rows, &about->grades) == -1 || put_values_and_label(rows, r, about) == -1
               ? -1
               : put_steady(rows, &about->grades);
}

void copy_row_set(char *row, const struct copy_ids *ids)
{
    bytes_set_64(row + AT_SERIES_ID, (uint64_t)ids->series_id);
    bytes_set_64(row + AT_KEY, (uint64_t)ids->key);
    bytes_set_64(row + AT_ARRIVAL, (uint64_t)ids->arrival);
    bytes_set_64(row + AT_SCHEMA_ID, (uint64_t)ids->schema_id);
    bytes_set_64(row + AT_HOPS_ID, (uint64_t)ids->hops_id);
    bytes_set_32(row + AT_LEDGER_ID, (uint32_t)ids->ledger_id);
}

void copy_staged(struct bytes *to, const char *row)
{
    static const uint32_t types[FIELDS] = {
        PG_BIGINT,   PG_TIMESTAMPTZ,    PG_TIMESTAMPTZ, PG_BIGINT,  PG_BIGINT,
        PG_BIGINT,   PG_BIGINT,         PG_INTEGER,     PG_INTEGER, PG_INTEGER,
        PG_SMALLINT, PG_SMALLINT_ARRAY, PG_TEXT_ARRAY,  PG_TEXT,    PG_BYTEA};
    const char *at = row + 2;
    bytes_put_32(to, FIELDS);
    for (int i = 0; i < FIELDS; i++) {
        size_t length = 4 + bytes_get_32(at);
        bytes_put_32(to, types[i]);
        bytes_put(to, (struct slice){at, length});
        at += length;
    }
}
