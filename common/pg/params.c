/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters in PostgreSQL's binary formats. Knows no connection. */
#include "common/pg/params.h"

void pg_params_begin(struct pg_params *p)
{
    p->count = 0;
    p->failed = false;
}

void pg_params_release(struct pg_params *p)
{
    for (int i = 0; i < PG_PARAMS; i++) {
        bytes_release(&p->value[i].bytes);
    }
    pg_params_begin(p);
}

/* The next parameter, empty; its number, or -1 (and failed) when there are too many. */
static int next(struct pg_params *p, uint32_t type)
{
    if (p->count == PG_PARAMS) {
        p->failed = true;
        return -1;
    }
    int i = p->count++;
    bytes_reset(&p->value[i].bytes, (size_t)1 << 20);
    p->value[i].type = type;
    p->value[i].elements = 0;
    p->value[i].null = false;
    return i;
}

static void check(struct pg_params *p, int i)
{
    p->failed = p->failed || p->value[i].bytes.failed || p->value[i].bytes.len > INT32_MAX;
}

void pg_add_16(struct pg_params *p, int16_t v)
{
    int i = next(p, 0);
    if (i != -1) {
        bytes_put_16(&p->value[i].bytes, (uint16_t)v);
        check(p, i);
    }
}

void pg_add_32(struct pg_params *p, int32_t v)
{
    int i = next(p, 0);
    if (i != -1) {
        bytes_put_32(&p->value[i].bytes, (uint32_t)v);
        check(p, i);
    }
}

void pg_add_64(struct pg_params *p, int64_t v)
{
    int i = next(p, 0);
    if (i != -1) {
        bytes_put_64(&p->value[i].bytes, (uint64_t)v);
        check(p, i);
    }
}

void pg_add_time(struct pg_params *p, int64_t us)
{
    pg_add_64(p, us - PG_EPOCH_US);
}

void pg_add_bytes(struct pg_params *p, struct slice s)
{
    int i = next(p, 0);
    if (i != -1) {
        p->value[i].null = s.at == NULL;
        bytes_put(&p->value[i].bytes, s);
        check(p, i);
    }
}

/* The array's head without elements: no dimensions; the first element gives it one (put_head). */
int pg_add_array(struct pg_params *p, uint32_t type)
{
    int i = next(p, type);
    if (i == -1) {
        return PG_PARAMS - 1;
    }
    bytes_put_32(&p->value[i].bytes, 0);
    bytes_put_32(&p->value[i].bytes, 0);
    bytes_put_32(&p->value[i].bytes, type);
    check(p, i);
    return i;
}

/* Before each element: one dimension, its length (set when it runs), lower bound 1; may hold NULLs.
 */
static struct bytes *put_head(struct pg_params *p, int column)
{
    struct bytes *b = &p->value[column].bytes;
    if (p->value[column].elements++ == 0 && !b->failed) {
        bytes_set_32(b->at, 1);
        bytes_put_32(b, 0);
        bytes_put_32(b, 1);
    }
    return b;
}

void pg_put_16(struct pg_params *p, int column, int16_t v)
{
    struct bytes *b = put_head(p, column);
    bytes_put_32(b, 2);
    bytes_put_16(b, (uint16_t)v);
    check(p, column);
}

void pg_put_32(struct pg_params *p, int column, int32_t v)
{
    struct bytes *b = put_head(p, column);
    bytes_put_32(b, 4);
    bytes_put_32(b, (uint32_t)v);
    check(p, column);
}

void pg_put_64(struct pg_params *p, int column, int64_t v)
{
    struct bytes *b = put_head(p, column);
    bytes_put_32(b, 8);
    bytes_put_64(b, (uint64_t)v);
    check(p, column);
}

void pg_put_time(struct pg_params *p, int column, int64_t us)
{
    pg_put_64(p, column, us - PG_EPOCH_US);
}

void pg_put_bytes(struct pg_params *p, int column, struct slice s)
{
    struct bytes *b = put_head(p, column);
    if (s.at == NULL) {
        if (!b->failed) {
            bytes_set_32(b->at + 4, 1);
        }
        bytes_put_32(b, UINT32_MAX);
    } else {
        bytes_put_32(b, (uint32_t)s.len);
        bytes_put(b, s);
    }
    check(p, column);
}
