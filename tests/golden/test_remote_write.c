/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote_write/: what Prometheus 2.42 of Debian 12 sent, byte by byte, of two exporters, a target
 * that was not there among them: its first five requests of at most 40 samples, one of metadata
 * only, and the last one, with marks for staleness, of a scrape that had been given up. What
 * becomes of them stands in documents.prom: a document of blackbox_exporter's format each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/formats/format.h"
#include "ingest-gw/remote/assembly.h"

#define TEXT_BYTES ((size_t)1 << 18)

static const struct {
    const char *name;
    uint32_t samples, stale;
} requests[] = {{"req000", 40, 0}, {"req001", 40, 0}, {"req002", 40, 0}, {"req003", 40, 0},
                {"req004", 33, 0}, {"req152", 0, 0},  {"req370", 11, 8}};

static struct slice read_whole(const char *name, struct arena *a)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", VECTORS, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *room = arena_alloc(a, 1 << 18);
    size_t n = fread(room, 1, 1 << 18, file);
    fclose(file);
    return (struct slice){room, n};
}

static void over(void *context, uint64_t row)
{
    (*(uint64_t *)context) |= UINT64_C(1) << row;
}

/* What is ready, behind what there is. */
static void take_ready(struct assembly *assembly, char *text, size_t *used, uint64_t *rows)
{
    const struct assembly_group *g;
    while ((g = assembly_next(assembly)) != NULL) {
        int n = snprintf(text + *used, TEXT_BYTES - *used, "# %s\n%.*s",
                         g->complete ? "complete" : "incomplete", SLICE_SHOWN(g->text, TEXT_BYTES));
        assert_in_range(n, 1, TEXT_BYTES - *used - 1);
        *used += (size_t)n;
        assembly_done(assembly, g, 0, over, rows);
    }
}

static void test_requests(void **state)
{
    static const struct remote_limits limits = {1 << 20, 1000, 32, 1000, 1000};
    static const struct assembly_limits most = {1000, 8 << 20, 1000, 1 << 20, 1000};
    static char text[TEXT_BYTES];
    (void)state;
    struct arena *a = arena_new(16 << 20);
    struct document d = {.name = "prometheus-blackbox.json"};
    struct format *f =
        format_read(&d, read_whole("../../schemas/formats/prometheus-blackbox.json", a));
    assert_non_null(f);
    const struct assembly_door door = {slice_of("prometheus-blackbox"), slice_of(""),
                                       format_mapping_of(f)->assemble, 1};
    struct assembly *assembly = assembly_new(&most);
    size_t used = 0;
    uint64_t rows = 0;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        char name[64];
        struct remote_request request;
        struct assembly_taken taken;
        snprintf(name, sizeof name, "remote_write/%s.bin", requests[i].name);
        assert_int_equal(remote_read(read_whole(name, a), &limits, a, &request), REMOTE_READ);
        assert_int_equal(request.count, requests[i].samples);
        assert_int_equal(request.stale, requests[i].stale);
        assert_int_equal(request.invalid, 0);
        assert_int_equal(assembly_take(assembly, &door, &request, i, 0, a, &taken), 0);
        assert_int_equal(taken.late + taken.repeated, 0);
        take_ready(assembly, text, &used, &rows);
    }
    assembly_close_all(assembly);
    take_ready(assembly, text, &used, &rows);
    /* All that have samples of the format: no more is kept of any of them. */
    assert_int_equal(rows, 1 << 0 | 1 << 3 | 1 << 4 | 1 << 6);
    struct slice expected = read_whole("remote_write/documents.prom", a);
    if (!slice_equal(expected, (struct slice){text, used})) {
        fail_msg("expected other documents, found:\n%.*s", (int)used, text);
    }
    assembly_free(&assembly);
    format_free(&f);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_requests)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
