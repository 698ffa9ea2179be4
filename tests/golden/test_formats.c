/* SPDX-License-Identifier: Apache-2.0 */
/*
 * formats/: each folder has what a tool wrote, the mapping that reads it, what is known of the
 * delivery beside it, and the records that must come of it, written by hand from the sample. All of
 * them, with the bytes at once and in pieces.
 */
#include <dirent.h>
#include <string.h>

#include "common/formats/format.h"
#include "common/record_dimensions.h"
#include "common/when_time.h"
#include "mplane_vectors.h"

#define FOLDERS 55
#define RECORDS 1024
#define ARENA   ((size_t)64 << 20)

static const struct format_limits limits = {.document_bytes = 8 << 20,
                                            .line_bytes = 65536,
                                            .depth = 32,
                                            .values = 100000,
                                            .string_bytes = 65536,
                                            .records = RECORDS,
                                            .looked_at = 10000000};

/* ---- a folder ---- */

struct sample_folder {
    const char *name;
    struct arena *arena;
    struct format *format;
    struct slice sample;
    struct format_context context;
    const struct json *expected, *next; /* the record that comes next */
    uint32_t faults;
};

static void tell_fault(void *context, const char *fault)
{
    print_error("%s: %s\n", (const char *)context, fault);
}

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

static void open_folder(struct sample_folder *f, const char *name)
{
    struct document d = {.name = "mapping.json", .tell = tell_fault};
    *f = (struct sample_folder){.name = name, .arena = arena_new(ARENA)};
    d.context = (void *)(uintptr_t)name;
    assert_non_null(f->arena);
    f->format = format_read(&d, read_in(f, "mapping.json", true));
    if (f->format == NULL) {
        fail_msg("%s: its mapping was not read", name);
    }
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
        same(f, dimension_rows[d].name, r->dimensions[d], json_get(e, dimension_rows[d].name));
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

static void read_folder(const char *name)
{
    struct sample_folder f;
    open_folder(&f, name);
    read_sample(&f, SIZE_MAX);
    read_sample(&f, 1);
    read_sample(&f, 61);
    format_free(&f.format);
    arena_free(&f.arena);
}

static int is_folder(const struct dirent *e)
{
    return e->d_name[0] != '.' && strchr(e->d_name, '.') == NULL;
}

static void samples(void **state)
{
    struct dirent **names;
    (void)state;
    int n = scandir(VECTORS "/formats", &names, is_folder, alphasort);
    assert_int_equal(n, FOLDERS);
    for (int i = 0; i < n; i++) {
        read_folder(names[i]->d_name);
        free(names[i]);
    }
    free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(samples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
