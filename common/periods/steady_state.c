/* SPDX-License-Identifier: Apache-2.0 */
/* A walk's state as bytes: a msgpack array, its form first, then everything in a fixed order. */
#include "common/periods/steady.h"

#include <string.h>

#include "common/unpack.h"

#define FORM       1
#define FIELDS     21
#define ROW_FIELDS 9
#define TIME_US    (INT64_C(1) << 60) /* no time is as far from 1970 */

static void put_sum(struct pack *p, const struct period_sum *sum)
{
    pack_int(p, sum->t_end_us);
    pack_uint(p, sum->records);
}

static void put_row(struct pack *p, const struct steady_row *row)
{
    pack_array(p, ROW_FIELDS);
    pack_int(p, row->period.start.t_us);
    pack_int(p, row->period.start.end_us);
    pack_int(p, row->period.start.key);
    put_sum(p, &row->period.sum);
    pack_uint(p, row->period.grade);
    pack_uint(p, row->period.ended);
    pack_uint(p, row->from);
    pack_uint(p, (row->period.flap ? 1U : 0U) + (row->change ? 2U : 0U));
}

void steady_encode(struct pack *p, const struct steady *s)
{
    bool runs = s->run.side != 0;
    static const struct period_sum none = {0};
    pack_array(p, FIELDS - 4 + s->row_count);
    pack_uint(p, FORM);
    pack_uint(p, s->grade);
    pack_int(p, s->latest_us);
    pack_int(p, s->reaches_us);
    pack_int(p, s->run.side);
    pack_uint(p, runs ? s->run.nearest : 0);
    pack_uint(p, runs ? s->run.records : 0);
    pack_int(p, runs ? s->run.first.t_us : 0);
    pack_int(p, runs ? s->run.first.end_us : 0);
    pack_int(p, runs ? s->run.first.key : 0);
    put_sum(p, runs ? &s->run.sum : &none);
    put_sum(p, runs ? &s->run.before : &none);
    pack_uint(p, s->flaps ? 1 : 0);
    pack_int(p, s->flaps ? s->flap_us : 0);
    pack_int(p, s->flaps ? s->change_us : 0);
    for (uint32_t i = 0; i < s->row_count; i++) {
        put_row(p, &s->rows[i]);
    }
}

/* ---- back ---- */

/* Each returns what it read; *bad is set where it is not there or too great. */
static int64_t take_int(struct unpack *u, bool *bad)
{
    int64_t value = 0;
    *bad = *bad || unpack_int(u, &value) == -1;
    return value;
}

static uint64_t take_uint(struct unpack *u, uint64_t max, bool *bad)
{
    uint64_t value = 0;
    *bad = *bad || unpack_uint(u, max, &value) == -1;
    return value;
}

static int64_t take_time(struct unpack *u, bool *bad)
{
    int64_t us = take_int(u, bad);
    *bad = *bad || us <= -TIME_US || us >= TIME_US;
    return us;
}

static struct period_sum take_sum(struct unpack *u, bool *bad)
{
    struct period_sum sum;
    sum.t_end_us = take_int(u, bad);
    sum.records = take_uint(u, INT64_MAX, bad);
    *bad = *bad || (sum.records != 0 && (sum.t_end_us <= -TIME_US || sum.t_end_us >= TIME_US));
    return sum;
}

static struct period_key take_key(struct unpack *u, bool *bad)
{
    struct period_key key;
    key.t_us = take_time(u, bad);
    key.end_us = take_time(u, bad);
    key.key = take_int(u, bad);
    return key;
}

static void take_row(struct unpack *u, struct steady_row *row, bool *bad)
{
    uint32_t fields = 0;
    *bad = *bad || unpack_array(u, ROW_FIELDS, &fields) == -1 || fields != ROW_FIELDS;
    row->period.start = take_key(u, bad);
    row->period.sum = take_sum(u, bad);
    row->period.grade = (uint8_t)take_uint(u, 5, bad);
    *bad = *bad || row->period.grade == 0 || row->period.sum.records == 0;
    row->period.ended = (uint8_t)take_uint(u, PERIOD_STEADY, bad);
    row->from = (uint8_t)take_uint(u, 5, bad);
    uint64_t marks = take_uint(u, 3, bad);
    row->period.flap = (marks & 1) != 0;
    row->change = (marks & 2) != 0;
}

int steady_decode(struct slice bytes, struct steady *s)
{
    struct unpack u = unpack_bytes(bytes.at, bytes.len);
    uint32_t fields = 0;
    bool bad = unpack_array(&u, FIELDS - 4 + STEADY_ROWS, &fields) == -1 || fields < FIELDS - 3;
    memset(s, 0, sizeof *s);
    bad = bad || take_uint(&u, FORM, &bad) != FORM;
    s->grade = (uint8_t)take_uint(&u, 5, &bad);
    s->latest_us = take_time(&u, &bad);
    s->reaches_us = take_time(&u, &bad);
    int64_t side = take_int(&u, &bad);
    s->run.side = (int8_t)((side > 0) - (side < 0));
    s->run.nearest = (uint8_t)take_uint(&u, 5, &bad);
    s->run.records = (uint32_t)take_uint(&u, UINT32_MAX, &bad);
    s->run.first = take_key(&u, &bad);
    s->run.sum = take_sum(&u, &bad);
    s->run.before = take_sum(&u, &bad);
    s->flaps = take_uint(&u, 1, &bad) == 1;
    s->flap_us = take_time(&u, &bad);
    s->change_us = take_time(&u, &bad);
    for (uint32_t i = 0; !bad && i < fields - (FIELDS - 4); i++) {
        take_row(&u, &s->rows[s->row_count++], &bad);
    }
    bad = bad || s->grade == 0 ||
          (s->run.side != 0 && (s->run.nearest == 0 || s->run.sum.records == 0));
    return bad || !unpack_done(&u) ? -1 : 0;
}
