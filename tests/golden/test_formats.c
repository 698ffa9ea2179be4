/* SPDX-License-Identifier: Apache-2.0 */
/*
 * formats/: each folder has what a tool wrote, the mapping that reads it, what is known of the
 * delivery beside it, and the records that must come of it, written by hand from the sample. All of
 * them, with the bytes at once and in pieces; by that mapping, and by the format that is delivered
 * for such a tool. Where that one differs on purpose, a table says so.
 */
#include <dirent.h>
#include <string.h>

#include "common/formats/format_files.h"
#include "common/record_dimensions.h"
#include "common/when_time.h"
#include "mplane_vectors.h"

#define RECORDS 1024
#define ARENA   ((size_t)64 << 20)

static const struct format_limits limits = {.document_bytes = 8 << 20,
                                            .line_bytes = 65536,
                                            .depth = 32,
                                            .values = 100000,
                                            .string_bytes = 65536,
                                            .records = RECORDS,
                                            .looked_at = FORMAT_LOOKED_AT};

/* The folders, in the byte order of their names, and the format that is delivered for each. */
static const struct {
    const char *name, *delivered;
} folders[] = {
    {"atlas-http", "atlas"},
    {"atlas-ping", "atlas"},
    {"atlas-traceroute", "atlas"},
    {"blackbox", "blackbox"},
    {"blackbox-dns", "blackbox"},
    {"blackbox-dns-refused", "blackbox"},
    {"blackbox-http-refused", "blackbox"},
    {"blackbox-http-tls", "blackbox"},
    {"blackbox-icmp", "blackbox"},
    {"blackbox-icmp-fail", "blackbox"},
    {"blackbox-tcp", "blackbox"},
    {"blackbox-tcp-tls", "blackbox"},
    {"collectd-real", "collectd"},
    {"curl-json", "curl"},
    {"dig-text", "dig"},
    {"fping-json", "fping-json"},
    {"fping-text", "fping-text"},
    {"fping-text-real", "fping-text"},
    {"glimpse", "glimpse"},
    {"globalping", "globalping"},
    {"httping-real", "httping"},
    {"iperf3-312-tcp", "iperf3"},
    {"iperf3-312-udp", "iperf3"},
    {"iperf3-error", "iperf3"},
    {"iperf3-server-ignored", "iperf3"},
    {"iperf3-stream", "iperf3-stream"},
    {"iperf3-tcp", "iperf3"},
    {"iperf3-udp", "iperf3"},
    {"iputils-text", "iputils"},
    {"iputils-text-real", "iputils"},
    {"irtt", "irtt"},
    {"irtt-real", "irtt"},
    {"kdig-json", "kdig"},
    {"librespeed", "librespeed"},
    {"lmap", "lmap"},
    {"monitoring-plugins-real", "monitoring-plugins"},
    {"mtr", "mtr"},
    {"mtr-095-loss", "mtr"},
    {"mtr-095-real", "mtr"},
    {"mtr-095-silent", "mtr"},
    {"ndt7-client", "ndt7-client"},
    {"ndt7-server", "ndt7"},
    {"ndt7-server-upload", "ndt7"},
    {"networkquality", "networkquality"},
    {"ookla", "ookla"},
    {"prometheus-query", "prometheus-query"},
    {"prometheus-query-real", "prometheus-query"},
    {"pscheduler-latencybg", "pscheduler"},
    {"pscheduler-rtt", "pscheduler"},
    {"pscheduler-throughput", "pscheduler"},
    {"remote-blackbox", "prometheus-blackbox"},
    {"remote-ping", "prometheus-ping"},
    {"remote-smokeping", "prometheus-smokeping"},
    {"scamper-ping", "scamper"},
    {"scamper-ping-real", "scamper"},
    {"scamper-trace", "scamper"},
    {"smokeping-lastupdate", "smokeping-lastupdate"},
    {"speedtest-cli", "speedtest-cli"},
    {"statsd", "statsd"},
    {"telegraf-influx", "telegraf-influx"},
    {"telegraf-json", "telegraf-json"},
    {"traceroute-real", "traceroute"},
    {"traceroute-text", "traceroute-text"},
    {"traceroute-text-ecmp", "traceroute-text"},
    {"traceroute-text-lost", "traceroute-text"},
    {"traceroute-text-mtu", "traceroute-text"},
    {"trippy", "trippy"},
};
#define FOLDERS (sizeof folders / sizeof folders[0])

/*
 * What the delivered formats give another text in: where a failure does not know what the success
 * does, neither has it, so that both are of one series (test_format_series.c).
 */
static const struct {
    const char *folder, *dimension, *vector, *delivered;
} differences[] = {
    {"curl-json", "source", "192.0.2.2", ""}, /* not known of a connection that failed */
    {"curl-json", "source", "2001:db8:1::2", ""},
    {"dig-text", "content", "", "www.example.net. A"},          /* the command line has it */
    {"globalping", "dest", "198.51.100.58", "www.example.net"}, /* what was asked for */
    /* With #target: what is given, as a refused connection has nothing else. */
    {"iperf3-312-tcp", "probe", "192.0.2.2", "192.0.2.250"},
    {"iperf3-312-tcp", "probe", "2001:db8:1::2", "192.0.2.250"},
    {"iperf3-312-tcp", "source", "192.0.2.2", ""},
    {"iperf3-312-tcp", "source", "2001:db8:1::2", ""},
    {"iperf3-312-tcp", "dest", "192.0.2.2", ""},
    {"iperf3-312-tcp", "dest", "2001:db8:3::10", "203.0.113.10"},
    {"iperf3-312-udp", "probe", "192.0.2.2", "192.0.2.250"},
    {"iperf3-312-udp", "source", "192.0.2.2", ""},
    {"iperf3-312-udp", "dest", "192.0.2.2", ""},
    {"iperf3-error", "content", "", "TCP"},
    {"iperf3-server-ignored", "probe", "192.0.2.2", "192.0.2.250"},
    {"iperf3-server-ignored", "source", "192.0.2.2", ""},
    {"iperf3-stream", "content", "", "TCP"},
    {"iperf3-stream", "probe", "192.0.2.2", "192.0.2.250"},
    {"iperf3-stream", "source", "192.0.2.2", ""},
    {"iperf3-stream", "dest", "192.0.2.2", ""},
    {"ndt7-client", "probe", "192.0.2.196", "192.0.2.250"},
    {"ndt7-client", "probe", "2001:db8::196", "192.0.2.250"},
    {"ndt7-client", "source", "192.0.2.196", ""},
    {"ndt7-client", "source", "2001:db8::196", ""},
    {"ndt7-client", "dest", "198.51.100.139", "ndt-mlab1-xyz01.example.net"},
    {"ndt7-client", "dest", "2001:db8:1::139", "ndt-mlab1-xyz01.example.net"},
};
#define DIFFERENCES (sizeof differences / sizeof differences[0])
static bool met[DIFFERENCES];

/* ---- a folder ---- */

struct sample_folder {
    const char *name;
    struct arena *arena;
    struct format *format;
    bool delivered; /* it is the one that is delivered */
    struct slice sample;
    struct format_context context;
    const struct json *expected, *next; /* the record that comes next */
    uint32_t faults;
};

static struct slice read_in(struct sample_folder *f, const char *name, bool needed)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/formats/%s/%s", VECTORS, f->name, name);
    FILE *file = fopen(path, "rb");
    struct slice none = {NULL, 0};
    if (file == NULL) {
        assert_false(needed);
        return none;
    }
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size_t size = (size_t)ftell(file);
    rewind(file);
    char *at = arena_alloc(f->arena, size + 1);
    assert_non_null(at);
    assert_int_equal(fread(at, 1, size, file), size);
    fclose(file);
    return (struct slice){at, size};
}

static const struct json *read_json(struct sample_folder *f, const char *name, bool needed)
{
    static const struct json_limits json = {.depth = 32, .nodes = 100000, .string_bytes = 65536};
    char error[256] = "";
    struct slice bytes = read_in(f, name, needed);
    if (bytes.at == NULL) {
        return NULL;
    }
    const struct json *node = json_parse(f->arena, bytes, &json, error, sizeof error);
    if (node == NULL) {
        fail_msg("%s/%s: %s", f->name, name, error);
    }
    return node;
}

/* What begins with "sample.". */
static void find_sample(struct sample_folder *f)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/formats/%s", VECTORS, f->name);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (strncmp(e->d_name, "sample.", 7) == 0) {
            f->sample = read_in(f, e->d_name, true);
        }
    }
    closedir(dir);
    assert_non_null(f->sample.at);
}

/* Without a format. */
static void open_folder(struct sample_folder *f, const char *name)
{
    *f = (struct sample_folder){.name = name, .arena = arena_new(ARENA)};
    assert_non_null(f->arena);
    find_sample(f);
    const struct json *context = read_json(f, "context.json", false);
    for (const struct json *m = context == NULL ? NULL : context->first; m != NULL; m = m->next) {
        assert_int_equal(format_context_set(&f->context, m->key, m->text), 0);
    }
    f->expected = read_json(f, "expected.json", true);
    f->next = f->expected->first;
}

/* ---- comparing ---- */

static void same(const struct sample_folder *f, const char *what, struct slice found,
                 const struct json *expected)
{
    if (expected == NULL || !slice_equal(found, expected->text)) {
        fail_msg("%s: %s is \"%.*s\", expected \"%.*s\"", f->name, what, (int)found.len, found.at,
                 expected == NULL ? 0 : (int)expected->text.len,
                 expected == NULL ? "" : expected->text.at);
    }
}

static void same_dimension(const struct sample_folder *f, enum dimension d, struct slice found,
                           const struct json *expected)
{
    const char *name = dimension_rows[d].name;
    for (size_t i = 0; f->delivered && i < DIFFERENCES; i++) {
        if (strcmp(differences[i].folder, f->name) == 0 &&
            strcmp(differences[i].dimension, name) == 0 &&
            json_is(expected, differences[i].vector)) {
            struct json other = {.type = JSON_STRING, .text = slice_of(differences[i].delivered)};
            met[i] = true;
            same(f, name, found, &other);
            return;
        }
    }
    same(f, name, found, expected);
}

static void same_time(const struct sample_folder *f, const char *what, int64_t us,
                      const struct json *expected)
{
    char text[WHEN_TEXT];
    when_time_text(us, text);
    same(f, what, slice_of(text), expected);
}

static void same_record(const struct sample_folder *f, const struct format_record *r,
                        const struct json *e)
{
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        same_dimension(f, d, r->dimensions[d], json_get(e, dimension_rows[d].name));
    }
    same_time(f, "t_start", r->start_us, json_get(e, "t_start"));
    same_time(f, "t_end", r->end_us, json_get(e, "t_end"));
    const struct json *m = json_get(e, "hops")->first;
    for (uint32_t i = 0; i < r->hop_count; i++, m = m->next) {
        same(f, "hops", r->hops[i], m);
    }
    assert_null(m);
    m = json_get(e, "metrics")->first;
    for (uint32_t i = 0; i < r->metric_count; i++, m = m->next) {
        if (m == NULL || !slice_equal(r->names[i], m->key)) {
            fail_msg("%s: a metric %.*s, expected %.*s", f->name, (int)r->names[i].len,
                     r->names[i].at, m == NULL ? 0 : (int)m->key.len, m == NULL ? "" : m->key.at);
        }
        same(f, m->key.at, r->values[i], m);
    }
    if (m != NULL) {
        fail_msg("%s: no metric %.*s", f->name, (int)m->key.len, m->key.at);
    }
}

static void take(struct sample_folder *f, const struct format_outcome *o)
{
    for (const struct format_fault *fault = o->faults; fault != NULL; fault = fault->next) {
        print_error("%s: document %llu, %s: %s\n", f->name, (unsigned long long)o->number,
                    fault->place, fault->why);
        f->faults++;
    }
    for (uint32_t i = 0; i < o->count; i++) {
        if (f->next == NULL) {
            fail_msg("%s: more records than expected", f->name);
        }
        same_record(f, &o->records[i], f->next);
        f->next = f->next->next;
    }
}

/* In pieces of so many bytes. */
static void read_sample(struct sample_folder *f, size_t piece)
{
    struct arena *a = arena_new(ARENA);
    struct format_reading *r = format_begin(f->format, &f->context, &limits);
    struct format_outcome o;
    size_t at = 0;
    enum format_event event = FORMAT_MORE;
    assert_non_null(a);
    assert_non_null(r);
    f->next = f->expected->first;
    while (event != FORMAT_END) {
        size_t n = f->sample.len - at < piece ? f->sample.len - at : piece;
        struct slice bytes = {f->sample.at + at, n};
        at += n;
        do {
            event = format_next(r, &bytes, at == f->sample.len, a, &o);
            assert_int_not_equal(event, FORMAT_NO_MEMORY);
            take(f, &o);
            arena_reset(a);
        } while (event == FORMAT_DOCUMENT);
    }
    if (f->next != NULL) {
        fail_msg("%s: fewer records than expected", f->name);
    }
    assert_int_equal(f->faults, 0);
    format_end(&r);
    arena_free(&a);
}

/* By a mapping in a file; path from the folder of the vectors. */
static void read_by(struct sample_folder *f, const char *path)
{
    char whole[1024];
    snprintf(whole, sizeof whole, "%s/%s", VECTORS, path);
    f->format = format_file_read(whole);
    if (f->format == NULL) {
        fail_msg("%s: %s was not read", f->name, path);
    }
    read_sample(f, SIZE_MAX);
    read_sample(f, 1);
    read_sample(f, 61);
    format_free(&f->format);
}

static void samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < FOLDERS; i++) {
        struct sample_folder f;
        char path[512];
        open_folder(&f, folders[i].name);
        snprintf(path, sizeof path, "formats/%s/mapping.json", folders[i].name);
        read_by(&f, path);
        snprintf(path, sizeof path, "../../schemas/formats/%s.json", folders[i].delivered);
        f.delivered = true;
        read_by(&f, path);
        arena_free(&f.arena);
    }
    for (size_t i = 0; i < DIFFERENCES; i++) {
        if (!met[i]) {
            fail_msg("%s: %s is no more \"%s\"", differences[i].folder, differences[i].dimension,
                     differences[i].vector);
        }
    }
}

/* ---- tables are whole ---- */

static int is_folder(const struct dirent *e)
{
    return e->d_name[0] != '.' && strchr(e->d_name, '.') == NULL;
}

static void each_folder_is_in_the_table(void **state)
{
    struct dirent **names;
    (void)state;
    int n = scandir(VECTORS "/formats", &names, is_folder, alphasort);
    assert_int_equal(n, FOLDERS);
    for (int i = 0; i < n; i++) {
        assert_string_equal(names[i]->d_name, folders[i].name);
        free(names[i]);
    }
    free(names);
}

static void each_delivered_format_has_a_sample(void **state)
{
    (void)state;
    struct format_files *files = format_files_read(VECTORS "/../../schemas/formats", "");
    assert_non_null(files);
    for (uint32_t i = 0; i < format_files_count(files); i++) {
        const char *name = format_files_at(files, i)->name;
        size_t k = 0;
        while (k < FOLDERS && strcmp(folders[k].delivered, name) != 0) {
            k++;
        }
        if (k == FOLDERS) {
            fail_msg("%s: expected a folder with a sample of it", name);
        }
    }
    format_files_free(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_folder_is_in_the_table),
                                       cmocka_unit_test(each_delivered_format_has_a_sample),
                                       cmocka_unit_test(samples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
