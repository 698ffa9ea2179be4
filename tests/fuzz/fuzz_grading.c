/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A grading document out of any bytes. One that is accepted is compiled and grades fixed records;
 * what it says of them must be a grade. One that is refused must say why.
 */
#include <stdint.h>
#include <stdlib.h>

#include "common/grade.h"
#include "common/json_place.h"

#define MAPPING                                                                                    \
    "{\"types\": {\"ping\": {\"aliases\": {\"delay.twoway.icmp.us\": "                             \
    "[\"delay.twoway.icmp.us.mean\"], \"m\": [\"n\"]}}}}"

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void grade(struct grade_rules *rules, struct record_message record)
{
    uint8_t grades[LIMIT_GRADE_NAMES];
    grade_record(rules, &record, grades);
    for (uint32_t i = 0; i < grade_name_count(rules); i++) {
        check(grades[i] <= 5 || grades[i] == GRADE_NONE);
    }
}

static void grade_fixed_records(struct grade_rules *rules)
{
    struct slice names[] = {slice_of("delay.twoway.icmp.us.mean"), slice_of("n"), slice_of("a"),
                            slice_of("rtt.ms.avg")};
    struct slice values[] = {
        slice_of("21125"), slice_of("184467440737095516150e-1"), {NULL, 0}, slice_of("n/a")};
    struct schema_message schemas[] = {{.results = names, .results_count = 4},
                                       {.results_count = 0}};
    struct record_message record = {.type = slice_of("ping"),
                                    .content = slice_of("ICMPECHO"),
                                    .probe = slice_of("org.example.probe"),
                                    .source = slice_of("192.0.2.1"),
                                    .dest = slice_of("2001:db8::1"),
                                    .path = slice_of("AS64496 AS64501"),
                                    .values = values,
                                    .values_count = 4};
    grade_begin(rules, schemas);
    grade(rules, record);
    record.type = slice_of("GLIMPSE");
    record.source = slice_of("Br\xc3\xbc"
                             "cke");
    grade(rules, record);
    record.schema = 1;
    record.values_count = 0;
    grade(rules, record);
}

static void check_faults(struct slice document, const struct grading_faults *faults)
{
    check(faults->count > 0 && faults->kept > 0 && faults->kept <= faults->count);
    struct json_places places = {.document = document};
    for (uint32_t i = 0; i < faults->kept; i++) {
        struct slice text = slice_of(faults->text[i]);
        check(text.len > 0 && text.len <= LIMIT_TEXT_BYTES && pattern_is_text(text));
        struct json_place p = json_place_find(&places, text);
        check(p.offset <= document.len && p.name_bytes > 0 && p.name_bytes < text.len);
        check(p.line >= 1 && p.line <= document.len + 1 && p.column >= 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct record_types *types;
    if (types == NULL) {
        types = record_types_read_bytes("mapping", slice_of(MAPPING));
    }
    struct arena *a = arena_new(GRADING_ARENA_BYTES);
    check(types != NULL && a != NULL);
    struct grading_faults faults;
    const struct grading *grading =
        grading_read(a, (struct slice){(const char *)data, size}, &faults);
    if (grading == NULL) {
        check_faults((struct slice){(const char *)data, size}, &faults);
    } else {
        check(faults.count == 0);
        struct grade_rules *rules = grade_rules_new(grading, types);
        check(rules != NULL);
        grade_fixed_records(rules);
        grade_rules_free(&rules);
    }
    arena_free(&a);
    return 0;
}
