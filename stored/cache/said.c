/* SPDX-License-Identifier: Apache-2.0 */
/* Values that are dimensions, by their names first, then as text. */
#include "stored/cache/said.h"

#include "common/record_dimensions.h"

/* What ingestd makes dimensions of, the longer beginning of a name first. */
static const struct {
    const char *beginning;
    enum dimension dimension;
    bool whole; /* the name is this */
} rules[] = {
    {"source.", DIMENSION_source, false},        {"destination.", DIMENSION_dest, false},
    {"content.", DIMENSION_content, false},      {"System_ID", DIMENSION_probe, true},
    {"record.probe", DIMENSION_probe, true},     {"record.type", DIMENSION_type, true},
    {"record.content", DIMENSION_content, true}, {"record.path", DIMENSION_path, true},
};

enum dimension said_dimension(struct slice name)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i].whole ? slice_is(name, rules[i].beginning)
                           : slice_starts(name, rules[i].beginning)) {
            return rules[i].dimension;
        }
    }
    return DIMENSION_COUNT;
}

static void add_candidates(struct said *said, const struct slice *list, uint32_t count,
                           uint32_t first)
{
    for (uint32_t i = 0; i < count && said->count < SAID_MOST; i++) {
        enum dimension dimension = said_dimension(list[i]);
        if (dimension != DIMENSION_COUNT) {
            said->candidate[said->count].place = (uint16_t)(first + i);
            said->candidate[said->count++].dimension = (uint8_t)dimension;
        }
    }
}

void said_of_schema(const struct schema_message *s, struct said *said)
{
    said->count = 0;
    add_candidates(said, s->parameters, s->parameters_count, s->results_count);
    add_candidates(said, s->metadata, s->metadata_count, s->results_count + s->parameters_count);
}

uint32_t said_of_record(const struct said *said, const struct record_message *r)
{
    uint32_t mask = 0;
    for (uint32_t i = 0; i < said->count; i++) {
        const struct slice *value = &r->values[said->candidate[i].place];
        bool is_said = value->len > 0 &&
                       slice_equal(*value, *record_dimension(r, said->candidate[i].dimension));
        mask |= is_said ? UINT32_C(1) << i : 0;
    }
    return mask;
}
