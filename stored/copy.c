/* Binary rows, one pass, no allocation but the buffer's growth. */
#include "stored/copy.h"

#include "stored/gradings.h"
#include "stored/pg.h"

/* Where things stand in a row: a count of fields, then a length before each field. */
#define AT_SERIES_ID (2 + 4)
#define AT_SCHEMA_ID (AT_SERIES_ID + 8 + 3 * 4 + 8 + 8 + 4 + 4)
#define AT_LEDGER_ID (AT_SCHEMA_ID + 4 + 4 + 4 + 4)
#define AT_CLASS     (AT_LEDGER_ID + 4 + 4)
#define FIXED_BYTES  (AT_CLASS + 2)
#define ARRAY_BYTES  20 /* dimensions, flags, type, length, lower bound */
#define FIELDS       11

static char *put_32(char *at, uint32_t v)
{
    bytes_set_32(at, v);
    return at + 4;
}

static char *put_field_32(char *at, uint32_t v)
{
    return put_32(put_32(at, 4), v);
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

static int put_values_and_label(struct bytes *rows, const struct record_message *r)
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
    char *field = rows->at + rows->len;
    char *at = put_array_head(field + 4, nulls, PG_TEXT, r->values_count);
    for (uint32_t i = 0; i < r->values_count; i++) {
        const struct slice *v = &r->values[i];
        at = put_32(at, v->at == NULL ? UINT32_MAX : (uint32_t)v->len);
        if (v->len > 0) {
            memcpy(at, v->at, v->len);
            at += v->len;
        }
    }
    bytes_set_32(field, (uint32_t)(at - field - 4));
    at = put_32(at, (uint32_t)r->label.len);
    if (r->label.len > 0) {
        memcpy(at, r->label.at, r->label.len);
        at += r->label.len;
    }
    rows->len = (size_t)(at - rows->at);
    return 0;
}

int copy_row(struct bytes *rows, const struct record_message *r, uint32_t grading_version,
             const struct copy_grades *grades)
{
    if (bytes_reserve(rows, FIXED_BYTES + 8) == -1) {
        return -1;
    }
    char *at = rows->at + rows->len;
    bytes_set_16(at, FIELDS);
    at = put_field_64(at + 2, 0);
    at = put_field_64(at, (uint64_t)(r->t_start_us - PG_EPOCH_US));
    at = put_field_64(at, (uint64_t)(r->t_end_us - PG_EPOCH_US));
    at = put_field_32(at, (uint32_t)r->row);
    at = put_field_32(at, 0);
    at = put_field_32(at, grading_version);
    at = put_field_32(at, 0);
    at = put_32(at, 2);
    bytes_set_16(at, 0);
    at += 2;
    rows->len = (size_t)(at - rows->at);
    return put_grades(rows, grades) == -1 ? -1 : put_values_and_label(rows, r);
}

void copy_row_set(char *row, int64_t series_id, int32_t schema_id, int32_t ledger_id,
                  uint16_t class)
{
    bytes_set_64(row + AT_SERIES_ID, (uint64_t)series_id);
    bytes_set_32(row + AT_SCHEMA_ID, (uint32_t)schema_id);
    bytes_set_32(row + AT_LEDGER_ID, (uint32_t)ledger_id);
    bytes_set_16(row + AT_CLASS, class);
}

void copy_staged(struct bytes *to, const char *row)
{
    static const uint32_t types[FIELDS] = {
        PG_BIGINT,  PG_TIMESTAMPTZ, PG_TIMESTAMPTZ,    PG_INTEGER,    PG_INTEGER, PG_INTEGER,
        PG_INTEGER, PG_SMALLINT,    PG_SMALLINT_ARRAY, PG_TEXT_ARRAY, PG_TEXT};
    const char *at = row + 2;
    bytes_put_32(to, FIELDS);
    for (int i = 0; i < FIELDS; i++) { /* none of them is ever NULL */
        size_t length = 4 + bytes_get_32(at);
        bytes_put_32(to, types[i]);
        bytes_put(to, (struct slice){at, length});
        at += length;
    }
}
