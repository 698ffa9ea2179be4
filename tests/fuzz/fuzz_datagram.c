/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as they may arrive in a datagram. Whatever is accepted must fit the messages of the set
 * (the batch writer takes it, the reader gives it back) and what PostgreSQL can hold; whatever is
 * refused says why.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/batch.h"
#include "common/pattern.h"
#include "ingestd/result/result.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The mapping is part of the program here, so that a fuzzer runs from anywhere. */
static const char mapping[] =
    "{\"mappings\": [{\"columns\": [\"delay.twoway.icmp*\"], \"type\": \"ping\", \"content\": "
    "\"ICMPECHO\"}, {\"columns\": [\"qos.*\"], \"type\": \"OTT\", \"content_from\": "
    "\"content.url\"}]}";

#define NOW_US  INT64_C(1795290000000000) /* November 2026 */
#define YEAR_US INT64_C(31557600000000)

static struct record_types *types;
static struct result_means means;
static struct arena *arena, *read_arena;
static struct batch_writer *writer;

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "violated: %s\n", what);
        abort();
    }
}

static void start(void)
{
    types = record_types_read_bytes("mapping", slice_of(mapping));
    means = (struct result_means){types, identity_new()};
    arena = arena_new(RESULT_ARENA_BYTES);
    read_arena = arena_new(RESULT_ARENA_BYTES);
    writer = batch_writer_new();
    require(types != NULL && means.identity != NULL && arena != NULL && read_arena != NULL &&
                writer != NULL,
            "start");
}

/* The records of one result, into a frame and out of it again. */
static uint32_t write_records(struct result *r)
{
    uint32_t written = 0;
    for (uint32_t i = 0; i < r->count && i < LIMIT_BATCH_RECORDS; i++) {
        struct record_message *m = &r->records[i];
        require(batch_writer_add(writer, &r->schema, m) == 0, "a record fits its limits");
        require(m->t_end_us >= m->t_start_us && m->t_start_us >= NOW_US - 2 * YEAR_US &&
                    m->t_end_us <= NOW_US + YEAR_US,
                "times within bounds");
        require(m->row < r->count && m->digest > 0 && m->digest <= LIMIT_DIGEST,
                "rows are numbered and have digests");
        require(i == 0 || m[-1].t_start_us < m->t_start_us ||
                    (m[-1].t_start_us == m->t_start_us &&
                     (m[-1].t_end_us < m->t_end_us ||
                      (m[-1].t_end_us == m->t_end_us && m[-1].digest < m->digest))),
                "records are in order, none is another");
        written++;
    }
    return written;
}

static void read_records(uint32_t expected)
{
    struct pack frame;
    struct batch_reader reader;
    struct record_message m;
    uint32_t count = 0;
    pack_init(&frame);
    require(batch_writer_finish(writer, &frame) == 0, "a frame is finished");
    require(batch_reader_open(&reader, pack_bytes(&frame), read_arena) == 0, "a frame is opened");
    int rc;
    while ((rc = batch_reader_next(&reader, read_arena, &m)) == 1) {
        const struct slice dimensions[] = {m.type, m.content, m.probe, m.source,
                                           m.dest, m.path,    m.label};
        for (size_t i = 0; i < sizeof dimensions / sizeof *dimensions; i++) {
            require(pattern_is_text(dimensions[i]), "a dimension is text");
        }
        for (uint32_t i = 0; i < m.values_count; i++) {
            require(m.values[i].at == NULL || pattern_is_text(m.values[i]), "a value is text");
        }
        require(m.type.len > 0, "a record has a type");
        count++;
    }
    require(rc == 0 && count == expected, "a frame gives back what was written");
    pack_release(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct result_limits limits = {.json = {16, 32768, 65507, false},
                                                .rows = 2048,
                                                .past_us = 2 * YEAR_US,
                                                .future_us = YEAR_US};
    struct result_origin origin = {slice_of("192.0.2.1"), NOW_US};
    struct result_set set;
    if (types == NULL) {
        start();
    }
    arena_reset(arena);
    result_read(arena, (struct slice){(const char *)data, size}, &means, &limits, &origin, &set);
    for (struct result *r = set.results; r != NULL; r = r->next) {
        uint32_t written = write_records(r);
        arena_reset(read_arena);
        read_records(written);
    }
    for (const struct refusal *f = set.refusals; f != NULL; f = f->next) {
        require(f->reason < RESULT_REASON_COUNT, "a refusal has a reason");
        struct slice detail = slice_of(f->detail);
        require(detail.len > 0 && detail.len <= LIMIT_TEXT_BYTES && pattern_is_text(detail),
                "a refusal has a detail");
    }
    return 0;
}
