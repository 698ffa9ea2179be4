/* SPDX-License-Identifier: Apache-2.0 */
#include "result_box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/when_time.h"

static struct record_types *types;
struct result_means means;
struct arena *arena;
struct result_set set;
int64_t now_us;
struct result_limits limits;

int result_box_open(void **state)
{
    (void)state;
    types = record_types_read(SOURCE_ROOT "/schemas/record-types.json", "");
    arena = arena_new(RESULT_ARENA_BYTES);
    means = (struct result_means){types, identity_new()};
    return types == NULL || arena == NULL || means.identity == NULL ||
                   when_time_parse(slice_of("2026-11-21 20:00:00"), &now_us) == -1
               ? -1
               : 0;
}

int result_box_close(void **state)
{
    (void)state;
    identity_free(&means.identity);
    record_types_free(&types);
    arena_free(&arena);
    return 0;
}

int result_box_preset(void **state)
{
    (void)state;
    limits = (struct result_limits){.json = {16, 32768, 65507, false},
                                    .rows = 2048,
                                    .past_us = 400 * DAY,
                                    .future_us = 300 * SECOND};
    return 0;
}

void read_bytes(struct slice bytes)
{
    struct result_origin origin = {slice_of("198.51.100.7"), now_us};
    arena_reset(arena);
    result_read(arena, bytes, &means, &limits, &origin, &set);
}

void read_text(const char *text)
{
    static char json[1 << 20];
    size_t len = strlen(text);
    assert_true(len < sizeof json);
    for (size_t i = 0; i <= len; i++) {
        json[i] = text[i] == '\'' ? '"' : text[i];
    }
    read_bytes((struct slice){json, len});
}

const struct record_message *one(const char *text)
{
    read_text(text);
    if (set.refusals != NULL) {
        fail_msg("%s\nrefused: %s: %s", text, result_reason_name(set.refusals->reason),
                 set.refusals->detail);
    }
    assert_non_null(set.results);
    assert_null(set.results->next);
    assert_int_equal(set.results->count, 1);
    return set.results->records;
}

void refused(enum result_reason reason, const char *why, const char *text)
{
    read_text(text);
    if (set.refusals == NULL) {
        fail_msg("accepted: %s", text);
        return;
    }
    assert_null(set.refusals->next);
    if (set.refusals->reason != reason || strstr(set.refusals->detail, why) == NULL) {
        fail_msg("%s\nexpected %s: %s\nfound %s: %s", text, result_reason_name(reason), why,
                 result_reason_name(set.refusals->reason), set.refusals->detail);
    }
}

void is(struct slice found, const char *expected)
{
    if (!slice_equal(found, slice_of(expected))) {
        fail_msg("expected \"%s\", found \"%.*s\"", expected == NULL ? "(nil)" : expected,
                 (int)found.len, found.at == NULL ? "(nil)" : found.at);
    }
}

const struct record_message *records_by_row(void)
{
    struct result *r = set.results;
    struct record_message *m = arena_calloc(arena, r->count, sizeof *m);
    assert_non_null(m);
    for (uint32_t i = 0; i < r->count; i++) {
        assert_in_range(r->records[i].row, 0, r->count - 1);
        assert_int_equal(m[r->records[i].row].digest, 0);
        m[r->records[i].row] = r->records[i];
    }
    return m;
}

int64_t at(const char *text)
{
    int64_t us;
    assert_int_equal(when_time_parse(slice_of(text), &us), 0);
    return us;
}
