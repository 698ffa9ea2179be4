/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/remote_load.h"

#include <snappy-c.h>
#include <stdio.h>

#include "ingest-gw/remote/remote_write.pb-c.h"

#define BODY_BYTES  65536
#define MOST_SERIES 1000

static struct slice read_message(const char *folder, const char *name, struct arena *a)
{
    char path[2048];
    struct slice none = {NULL, 0};
    size_t size = BODY_BYTES;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    char *body = arena_alloc(a, BODY_BYTES), *message = arena_alloc(a, BODY_BYTES);
    if (f == NULL || body == NULL || message == NULL) {
        return none;
    }
    size_t n = fread(body, 1, BODY_BYTES, f);
    fclose(f);
    return snappy_uncompress(body, n, message, &size) == SNAPPY_OK ? (struct slice){message, size}
                                                                   : none;
}

static bool is_probe(const Ezrepo__Remote__TimeSeries *s)
{
    for (size_t i = 0; i < s->n_labels; i++) {
        struct slice value = {(const char *)s->labels[i]->value.data, s->labels[i]->value.len};
        if (slice_starts(value, "probe_")) {
            return true;
        }
        if (slice_is(value, "smokeping")) {
            return false;
        }
    }
    return s->n_labels > 0 && slice_starts((struct slice){(const char *)s->labels[0]->value.data,
                                                          s->labels[0]->value.len},
                                           "scrape_samples_post");
}

struct slice remote_load_body(const char *folder, struct arena *a)
{
    static const char *const names[] = {"req000.bin", "req003.bin", "req004.bin"};
    static Ezrepo__Remote__TimeSeries *series[MOST_SERIES];
    Ezrepo__Remote__WriteRequest all = EZREPO__REMOTE__WRITE_REQUEST__INIT;
    Ezrepo__Remote__WriteRequest *read[3] = {NULL, NULL, NULL};
    struct slice none = {NULL, 0};
    all.timeseries = series;
    for (size_t i = 0; i < 3; i++) {
        struct slice message = read_message(folder, names[i], a);
        read[i] = message.at == NULL ? NULL
                                     : ezrepo__remote__write_request__unpack(
                                           NULL, message.len, (const uint8_t *)message.at);
        for (size_t k = 0; read[i] != NULL && k < read[i]->n_timeseries; k++) {
            if (is_probe(read[i]->timeseries[k]) && all.n_timeseries < MOST_SERIES) {
                series[all.n_timeseries++] = read[i]->timeseries[k];
            }
        }
    }
    size_t packed = ezrepo__remote__write_request__get_packed_size(&all);
    size_t size = snappy_max_compressed_length(packed);
    uint8_t *message = arena_alloc(a, packed + 1);
    char *body = arena_alloc(a, size);
    bool good = message != NULL && body != NULL && all.n_timeseries > 0;
    if (good) {
        ezrepo__remote__write_request__pack(&all, message);
    }
    for (size_t i = 0; i < 3; i++) {
        if (read[i] != NULL) {
            ezrepo__remote__write_request__free_unpacked(read[i], NULL);
        }
    }
    if (!good) {
        return none;
    }
    return snappy_compress((const char *)message, packed, body, &size) == SNAPPY_OK
               ? (struct slice){body, size}
               : none;
}

size_t remote_load_size(struct slice body)
{
    size_t size = 0;
    snappy_uncompressed_length(body.at, body.len, &size);
    return size;
}

static void over(void *context, uint64_t row)
{
    (void)context, (void)row;
}

int remote_load_read(struct slice body, const struct assemble_rule *rule, struct arena *a,
                     void (*document)(void *context, struct slice text), void *context)
{
    static const struct remote_limits limits = {1 << 20, 1000, 64, 1024, 1000};
    static const struct assembly_limits most = {1000, 16 << 20, 1000, 16 << 20, 1000};
    const struct assembly_door door = {slice_of("prometheus-blackbox"), slice_of(""), rule, 1};
    struct remote_request request;
    struct assembly_taken taken;
    struct assembly *assembly = assembly_new(&most);
    const struct assembly_group *g;
    int rc = assembly == NULL || remote_read(body, &limits, a, &request) != REMOTE_READ ||
                     assembly_take(assembly, &door, &request, 1, 0, a, &taken) == -1
                 ? -1
                 : 0;
    while (rc == 0 && (g = assembly_next(assembly)) != NULL) {
        document(context, g->text);
        assembly_done(assembly, g, 0, over, NULL);
    }
    assembly_free(&assembly);
    return rc;
}
