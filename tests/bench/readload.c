/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reading costs ingestd, a record: samples of tools by their mappings, beside mPlane results
 * whose records have as many bytes, all in one process, in turn. One line each:
 *
 *     NAME BYTES RECORDS US MPLANE_BYTES MPLANE_US
 *
 * bytes of the sample, records in it, CPU microseconds a record; bytes of the mPlane result beside
 * it, CPU microseconds for that. Usage: readload FORMATS_DIR VECTORS_DIR SECONDS NAME=FOLDER...
 * A folder that begins with '@' holds requests of Prometheus remote write: uncompressing them and
 * putting samples together is a part of it; BYTES are those of the body uncompressed.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/formats/format_files.h"
#include "ingestd/result/result.h"
#include "tests/bench/remote_load.h"

#define ARENA   ((size_t)256 << 20)
#define YEARS   (INT64_C(31557600000000) * 100)
#define ROUNDS  5   /* of each, in turn */
#define COLUMNS 200 /* at most, of an mPlane result */
#define NOW     INT64_C(1795872611000000)

static struct arena *work, *kept;
static struct result_means means;

static const struct result_limits limits = {
    .json = {.depth = 32, .nodes = 1000000, .string_bytes = 65507},
    .rows = 100000,
    .past_us = YEARS,
    .future_us = YEARS};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "readload: %s: %s\n", what, why);
    exit(1);
}

/* ---- what is read ---- */

static struct slice read_whole(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *at = arena_alloc(kept, 1 << 20);
    if (f == NULL || at == NULL) {
        die(path, "cannot be read");
    }
    size_t n = fread(at, 1, 1 << 20, f);
    fclose(f);
    return (struct slice){at, n};
}

static struct slice read_sample(const char *folder)
{
    char path[2048];
    DIR *dir = opendir(folder);
    struct slice sample = {NULL, 0};
    if (dir == NULL) {
        die(folder, "no such folder");
    }
    for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (strncmp(e->d_name, "sample.", 7) == 0) {
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            sample = read_whole(path);
        }
    }
    closedir(dir);
    return sample;
}

static void read_context(const char *folder, struct format_context *c)
{
    static const struct json_limits json = {.depth = 4, .nodes = 100, .string_bytes = 4096};
    char path[2048], error[200];
    snprintf(path, sizeof path, "%s/context.json", folder);
    FILE *f = fopen(path, "rb");
    c->count = 0;
    if (f == NULL) {
        return;
    }
    fclose(f);
    const struct json *object = json_parse(kept, read_whole(path), &json, error, sizeof error);
    for (const struct json *m = object == NULL ? NULL : object->first; m != NULL; m = m->next) {
        format_context_set(c, m->key, m->text);
    }
}

/* A ping as mPlane's programs write it, with columns more until it has so many bytes. */
static struct slice make_mplane(size_t bytes)
{
    char *names = arena_alloc(kept, 65536), *values = arena_alloc(kept, 65536);
    char *text = arena_alloc(kept, 140000);
    size_t n = 0, v = 0, len = 0;
    for (int i = 0; i < COLUMNS && (i == 0 || len < bytes); i++) {
        n += (size_t)snprintf(names + n, 65536 - n, ", \"metric.%03d.us\"", i);
        v += (size_t)snprintf(values + v, 65536 - v, ", \"%d.%03d\"", 20125 + i, i);
        len = (size_t)snprintf(
            text, 140000,
            "{\"result\": \"measure\", \"version\": 1, \"registry\": "
            "\"http://ict-mplane.eu/registry/core\", \"label\": \"ping-average-ip4\", \"token\": "
            "\"8d2fbd7cd2c4bc7cd5f4f0a7a8b1b2ac\", \"when\": \"2026-11-28 13:30:00.649287 ... "
            "2026-11-28 13:30:10.649845\", \"parameters\": {\"source.ip4\": \"192.0.2.1\", "
            "\"destination.ip4\": \"192.0.2.2\"}, \"results\": [\"delay.twoway.icmp.us.min\"%s], "
            "\"resultvalues\": [[\"20125\"%s]]}",
            names, values);
    }
    return (struct slice){text, len};
}

/* ---- measuring ---- */

struct timed_reading {
    struct slice bytes;
    size_t size;                          /* of what is read, uncompressed */
    const struct result_mapping *mapping; /* NULL: mPlane */
    const struct assemble_rule *rule;     /* NULL: it is no remote write */
    uint64_t records, rounds;
    double cpu_s;
};

static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void read_document(void *context, struct slice bytes)
{
    struct timed_reading *r = context;
    const struct result_origin origin = {.sender = slice_of("192.0.2.250"), .now_us = NOW};
    struct result_set set;
    if (r->mapping == NULL) {
        result_read(work, bytes, &means, &limits, &origin, &set);
    } else {
        result_read_mapped(work, bytes, r->mapping, &means, &limits, &origin, &set);
    }
    if (set.refusals != NULL) {
        die("refused", set.refusals->detail);
    }
    for (const struct result *one = set.results; one != NULL; one = one->next) {
        r->records += one->count;
    }
}

static void read_once(struct timed_reading *r)
{
    arena_reset(work);
    r->records = 0;
    if (r->rule == NULL) {
        read_document(r, r->bytes);
    } else if (remote_load_read(r->bytes, r->rule, work, read_document, r) == -1) {
        die("remote write", "cannot be read");
    }
}

static void measure(struct timed_reading *r, double seconds)
{
    double begun = cpu_now(), now = begun;
    while (now - begun < seconds) {
        for (int i = 0; i < 100; i++) {
            read_once(r);
        }
        r->rounds += 100;
        now = cpu_now();
    }
    r->cpu_s += now - begun;
}

static double us_a_record(const struct timed_reading *r)
{
    return r->cpu_s * 1e6 / (double)(r->rounds * r->records);
}

static void compare(const struct format_files *formats, const char *vectors, double seconds,
                    const char *pair)
{
    char folder[1024];
    const char *equals = strchr(pair, '=');
    const struct format_file *file =
        equals == NULL ? NULL
                       : format_files_find(formats, (struct slice){pair, (size_t)(equals - pair)});
    struct format_context context;
    if (file == NULL) {
        die(pair, "expected FORMAT=FOLDER");
    }
    bool remote = equals[1] == '@';
    snprintf(folder, sizeof folder, "%s/%s", vectors, equals + (remote ? 2 : 1));
    read_context(folder, &context);
    const struct result_mapping mapping = {slice_of(file->name), file->format, &context};
    struct timed_reading mapped = {.mapping = &mapping};
    mapped.bytes = remote ? remote_load_body(folder, kept) : read_sample(folder);
    mapped.size = remote ? remote_load_size(mapped.bytes) : mapped.bytes.len;
    mapped.rule = remote ? format_mapping_of(file->format)->assemble : NULL;
    if (mapped.bytes.at == NULL) {
        die(folder, "cannot be read");
    }
    read_once(&mapped);
    struct timed_reading mplane = {.bytes = make_mplane(mapped.size / mapped.records)};
    read_once(&mplane);
    for (int i = 0; i < ROUNDS; i++) {
        measure(&mapped, seconds / ROUNDS);
        measure(&mplane, seconds / ROUNDS);
    }
    printf("%s %zu %llu %.3f %zu %.3f\n", file->name, mapped.size,
           (unsigned long long)mapped.records, us_a_record(&mapped), mplane.bytes.len,
           us_a_record(&mplane));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        die("usage", "readload SCHEMAS_DIR VECTORS_DIR SECONDS NAME=FOLDER...");
    }
    work = arena_new(ARENA);
    kept = arena_new(ARENA);
    struct record_types *types = record_types_of(argv[1], "", "");
    struct format_files *formats = format_files_of(argv[1], "");
    means = (struct result_means){types, identity_new()};
    if (work == NULL || kept == NULL || types == NULL || formats == NULL ||
        means.identity == NULL) {
        die("start", "out of memory, or a file at fault");
    }
    for (int i = 4; i < argc; i++) {
        compare(formats, argv[2], atof(argv[3]), argv[i]);
    }
    identity_free(&means.identity);
    format_files_free(&formats);
    record_types_free(&types);
    arena_free(&work);
    arena_free(&kept);
    return 0;
}
