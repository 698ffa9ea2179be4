/* SPDX-License-Identifier: Apache-2.0 */
#include "reasond/dry_row.h"

#include "common/pg/params.h"

#define FIELD_NULL UINT32_MAX

static uint16_t get_16(const char *at)
{
    uint16_t n;
    memcpy(&n, at, sizeof n);
    return be16toh(n);
}

struct dry_row dry_row_of(struct slice bytes, uint16_t fields)
{
    bool good = bytes.len >= 2 && get_16(bytes.at) == fields;
    return (struct dry_row){
        .at = bytes.at + (good ? 2 : 0), .end = bytes.at + bytes.len, .bad = !good};
}

struct slice dry_row_bytes(struct dry_row *r)
{
    struct slice none = {NULL, 0};
    if (r->bad || r->end - r->at < 4) {
        r->bad = true;
        return none;
    }
    uint32_t n = bytes_get_32(r->at);
    r->at += 4;
    if (n == FIELD_NULL) {
        return none;
    }
    if ((size_t)(r->end - r->at) < n) {
        r->bad = true;
        return none;
    }
    struct slice found = {r->at, n};
    r->at += n;
    return found;
}

int64_t dry_row_64(struct dry_row *r)
{
    struct slice s = dry_row_bytes(r);
    r->bad = r->bad || s.len != 8;
    return r->bad ? 0 : (int64_t)bytes_get_64(s.at);
}

int32_t dry_row_32(struct dry_row *r)
{
    struct slice s = dry_row_bytes(r);
    r->bad = r->bad || s.len != 4;
    return r->bad ? 0 : (int32_t)bytes_get_32(s.at);
}

int64_t dry_row_time(struct dry_row *r)
{
    return dry_row_64(r) + PG_EPOCH_US;
}

/* ---- arrays: dimensions, flags, type, then length and lower bound, then the elements ---- */

/* Goes to the first element; how many there are. */
static uint32_t open_array(struct slice array, uint32_t size, struct dry_row *elements, bool *bad)
{
    bool empty = array.len == 12 && bytes_get_32(array.at) == 0;
    bool good = array.len >= 20 && bytes_get_32(array.at) == 1;
    uint32_t count = good ? bytes_get_32(array.at + 12) : 0;
    *elements = (struct dry_row){.at = array.at + (good ? 20 : 0), .end = array.at + array.len};
    if ((!empty && !good) || count > size) {
        *bad = true;
        return 0;
    }
    return count;
}

uint32_t dry_array_grades(struct slice array, uint8_t *grades, uint32_t size, bool *bad)
{
    struct dry_row e;
    uint32_t count = open_array(array, size, &e, bad);
    for (uint32_t i = 0; i < count; i++) {
        struct slice s = dry_row_bytes(&e);
        uint16_t grade = s.len == 2 ? get_16(s.at) : DRY_NONE;
        e.bad = e.bad || (s.at != NULL && (s.len != 2 || grade > 5));
        grades[i] = (uint8_t)(e.bad ? DRY_NONE : grade);
    }
    *bad = *bad || e.bad;
    return count;
}

uint32_t dry_array_texts(struct slice array, struct slice *texts, uint32_t size, bool *bad)
{
    struct dry_row e;
    uint32_t count = open_array(array, size, &e, bad);
    for (uint32_t i = 0; i < count; i++) {
        texts[i] = dry_row_bytes(&e);
    }
    *bad = *bad || e.bad;
    return count;
}

uint32_t dry_array_32(struct slice array, uint32_t *numbers, uint32_t size, bool *bad)
{
    struct dry_row e;
    uint32_t count = open_array(array, size, &e, bad);
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = (uint32_t)dry_row_32(&e);
    }
    *bad = *bad || e.bad;
    return count;
}
