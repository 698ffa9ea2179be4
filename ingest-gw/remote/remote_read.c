/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest-gw/remote/remote_read.h"

#include <inttypes.h>
#include <snappy-c.h>

#include "common/utf8.h"
#include "remote_write.pb-c.h"

#define STALE     UINT64_C(0x7ff0000000000002) /* the bits of the NaN that says so */
#define YEAR_9999 INT64_C(253402300799999)     /* its last millisecond */

bool remote_is_stale(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits == STALE;
}

/* ---- bytes ---- */

static enum remote_outcome uncompress(struct slice body, const struct remote_limits *limits,
                                      struct arena *a, struct slice *message, const char **why)
{
    size_t size = 0;
    *why = "the body is no block of snappy";
    if (body.len == 0 || snappy_uncompressed_length(body.at, body.len, &size) != SNAPPY_OK) {
        return REMOTE_MALFORMED;
    }
    if (size > limits->bytes) {
        *why = arena_printf(a, "%zu bytes, uncompressed, are more than %zu", size, limits->bytes);
        return REMOTE_TOO_LARGE;
    }
    char *room = arena_alloc(a, size + 1);
    if (room == NULL) {
        return REMOTE_NO_MEMORY;
    }
    if (snappy_uncompress(body.at, body.len, room, &size) != SNAPPY_OK) {
        return REMOTE_MALFORMED;
    }
    *message = (struct slice){room, size};
    return REMOTE_READ;
}

/* What protobuf-c reads into comes from the arena, so no message can become larger than that. */
struct bounded_memory {
    struct arena *arena;
    bool out; /* protobuf-c tells that as it tells bytes that are no message */
};

static void *take_memory(void *context, size_t size)
{
    struct bounded_memory *m = context;
    void *at = arena_alloc(m->arena, size);
    m->out = m->out || at == NULL;
    return at;
}

static void leave_memory(void *context, void *at)
{
    (void)context, (void)at; /* it goes with the arena */
}

static enum remote_outcome unpack_message(struct slice bytes, struct arena *a,
                                          Ezrepo__Remote__WriteRequest **message, const char **why)
{
    struct bounded_memory memory = {a, false};
    ProtobufCAllocator allocator = {take_memory, leave_memory, &memory};
    *why = "the body is no WriteRequest of protobuf";
    *message =
        ezrepo__remote__write_request__unpack(&allocator, bytes.len, (const uint8_t *)bytes.at);
    return *message != NULL ? REMOTE_READ : memory.out ? REMOTE_NO_MEMORY : REMOTE_MALFORMED;
}

/* ---- labels ---- */

static bool is_label_text(struct slice text, uint32_t most)
{
    return text.len > 0 && text.len <= most && utf8_is_text(text.at, text.at + text.len);
}

static struct slice slice_of_bytes(ProtobufCBinaryData bytes)
{
    return (struct slice){bytes.data == NULL ? "" : (const char *)bytes.data, bytes.len};
}

/* NULL, or what is wrong with the label behind those before it. */
static const char *fault_of_label(const struct remote_label *l, bool first, uint32_t most)
{
    if (!is_label_text(l->name, most) || !is_label_text(l->value, most)) {
        return "a label's name or value that is empty, too long, or no UTF-8";
    }
    int order = first ? -1 : slice_order(l[-1].name, l->name);
    return order == 0  ? "a label's name that stands twice"
           : order > 0 ? "labels that are not sorted by name"
                       : NULL;
}

/* A series with its labels; .why NULL when all is as it should be. */
struct series_read {
    struct remote_label *labels;
    uint32_t count;
    struct slice metric;
    const char *why;
};

/* -1: memory is out. */
static int read_labels(const Ezrepo__Remote__TimeSeries *from, const struct remote_limits *limits,
                       struct arena *a, struct series_read *s)
{
    *s = (struct series_read){.labels = arena_alloc(a, from->n_labels * sizeof *s->labels + 1)};
    if (s->labels == NULL) {
        return -1;
    }
    for (size_t i = 0; i < from->n_labels && s->why == NULL; i++) {
        struct remote_label *l = &s->labels[s->count++];
        *l = (struct remote_label){slice_of_bytes(from->labels[i]->name),
                                   slice_of_bytes(from->labels[i]->value)};
        s->why = fault_of_label(l, i == 0, limits->label_bytes);
        s->metric = slice_is(l->name, "__name__") ? l->value : s->metric;
    }
    s->why = s->why == NULL && s->metric.at == NULL ? "a series without a name" : s->why;
    return 0;
}

/* ---- samples ---- */

static void refuse(struct remote_request *r, size_t count, const char *why)
{
    r->invalid += (uint32_t)count;
    r->why = r->why[0] == '\0' && count > 0 ? why : r->why;
}

static void take_sample(const Ezrepo__Remote__Sample *from, const struct series_read *s,
                        struct remote_sample *samples, struct remote_request *r)
{
    if (from->timestamp < 0 || from->timestamp > YEAR_9999) {
        refuse(r, 1, "a time before 1970 or behind the year 9999");
    } else if (remote_is_stale(from->value)) {
        r->stale++;
    } else {
        samples[r->count++] = (struct remote_sample){.metric = s->metric,
                                                     .labels = s->labels,
                                                     .label_count = s->count,
                                                     .time_ms = from->timestamp,
                                                     .value = from->value};
    }
}

static int take_series(const Ezrepo__Remote__TimeSeries *from, const struct remote_limits *limits,
                       struct arena *a, struct remote_sample *samples, struct remote_request *r)
{
    struct series_read s;
    if (from->n_samples == 0) {
        return 0;
    }
    if (read_labels(from, limits, a, &s) == -1) {
        return -1;
    }
    if (s.why != NULL) {
        refuse(r, from->n_samples, s.why);
        return 0;
    }
    for (size_t i = 0; i < from->n_samples; i++) {
        take_sample(from->samples[i], &s, samples, r);
    }
    return 0;
}

/* How many samples there are; NULL in *why when all is within the limits. */
static size_t measure(const Ezrepo__Remote__WriteRequest *m, const struct remote_limits *limits,
                      struct arena *a, const char **why)
{
    size_t samples = 0, labels = 0;
    for (size_t i = 0; i < m->n_timeseries; i++) {
        samples += m->timeseries[i]->n_samples;
        labels = m->timeseries[i]->n_labels > labels ? m->timeseries[i]->n_labels : labels;
    }
    *why = NULL;
    if (m->n_timeseries > limits->series || samples > limits->samples || labels > limits->labels) {
        *why = arena_printf(a,
                            "%zu series with %zu samples and up to %zu labels are more than "
                            "%" PRIu32 ", %" PRIu32 " and %" PRIu32,
                            m->n_timeseries, samples, labels, limits->series, limits->samples,
                            limits->labels);
        *why = *why == NULL ? "too many series, samples or labels" : *why;
    }
    return samples;
}

static enum remote_outcome take_message(const Ezrepo__Remote__WriteRequest *m,
                                        const struct remote_limits *limits, struct arena *a,
                                        struct remote_request *r)
{
    const char *beyond;
    size_t count = measure(m, limits, a, &beyond);
    if (beyond != NULL) {
        r->why = beyond;
        return REMOTE_TOO_LARGE;
    }
    struct remote_sample *samples = arena_alloc(a, count * sizeof *samples + 1);
    r->samples = samples;
    r->why = "";
    for (size_t i = 0; samples != NULL && i < m->n_timeseries; i++) {
        if (take_series(m->timeseries[i], limits, a, samples, r) == -1) {
            samples = NULL;
        }
    }
    r->why = samples == NULL ? "the request needs more memory than there is" : r->why;
    return samples == NULL ? REMOTE_NO_MEMORY : REMOTE_READ;
}

enum remote_outcome remote_read(struct slice body, const struct remote_limits *limits,
                                struct arena *a, struct remote_request *request)
{
    Ezrepo__Remote__WriteRequest *message = NULL;
    struct slice bytes = {NULL, 0};
    *request = (struct remote_request){.why = ""};
    enum remote_outcome outcome = uncompress(body, limits, a, &bytes, &request->why);
    request->bytes = bytes.len;
    if (outcome == REMOTE_READ) {
        outcome = unpack_message(bytes, a, &message, &request->why);
    }
    if (outcome == REMOTE_READ) {
        return take_message(message, limits, a, request);
    }
    if (outcome == REMOTE_NO_MEMORY || request->why == NULL) {
        request->why = "the request needs more memory than there is";
    }
    return outcome;
}
