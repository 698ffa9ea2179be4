/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of ingestd's doors, for who tries. */
#include "ctl/trial_limits.h"

#include "common/ingest_limits.h"

static struct ctl_texts changed;
static bool datagram;

const struct ctl_option trial_limits_options[] = {
    {"limit", "OPTION=N", NULL, NULL, "a limit of ingestd's that is not its preset: body_bytes ...",
     &changed},
    {"datagram", NULL, NULL, &datagram, "by the limits of a datagram, not of a body or file", NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL}};

struct values {
#define VALUE(name, preset, least, most, help) int64_t name;
    INGEST_LIMITS(VALUE)
};

/* NULL: there is no such limit. */
static int64_t *value_of(struct values *v, struct slice name)
{
#define FIND(known, preset, least, most, help)                                                     \
    if (slice_is(name, #known)) {                                                                  \
        return &v->known;                                                                          \
    }
    INGEST_LIMITS(FIND)
    return NULL;
}

static int change(struct values *v, const char *text)
{
    const char *equals = strchr(text, '=');
    int64_t *value =
        equals == NULL ? NULL : value_of(v, (struct slice){text, (size_t)(equals - text)});
    if (value == NULL || ctl_number(equals + 1, 1, LIMIT_BODY_BYTES, value) == -1) {
        ctl_usage("--limit: expected a limit of ingestd's such as body_bytes=4194304, found \"%s\"",
                  text);
        return -1;
    }
    return 0;
}

int trial_limits_read(struct trial_limits *l)
{
#define PRESET(name, preset, least, most, help) .name = preset,
    struct values v = {INGEST_LIMITS(PRESET)};
    for (int i = 0; i < changed.count; i++) {
        if (change(&v, changed.text[i]) == -1) {
            return -1;
        }
    }
    bool few = v.body_rows < INGEST_MAPPED_ROWS;
    *l = (struct trial_limits){.bytes = datagram ? INGEST_DATAGRAM_BYTES : (size_t)v.body_bytes,
                               .records = (uint64_t)(datagram ? v.max_rows
                                                     : few    ? INGEST_MAPPED_ROWS
                                                              : v.body_rows),
                               .bytes_of =
                                   datagram ? "what a datagram can hold" : "ingestd.body_bytes",
                               .records_of = datagram ? "ingestd.max_rows"
                                             : few    ? "of a body in a format"
                                                      : "ingestd.body_rows",
                               .datagram = datagram};
    int64_t values = datagram ? v.max_values : v.body_values;
    l->of_document = (struct format_limits){.document_bytes = l->bytes + 1,
                                            .line_bytes = (uint32_t)v.max_string_bytes,
                                            .depth = (uint32_t)v.max_depth,
                                            .values = (uint32_t)values,
                                            .string_bytes = (uint32_t)v.max_string_bytes,
                                            .records = (uint32_t)l->records,
                                            .looked_at = FORMAT_LOOKED_AT};
    return 0;
}
