/* SPDX-License-Identifier: Apache-2.0 */
/* common/formats/format_files.h: delivered and own formats as one set, and what is refused. */
#include "tests/unit/heard.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "common/formats/format_about.h"
#include "common/formats/format_files.h"

#define FOLDERS_ROOM 300

/* Two folders that are gone at the end. */
struct folders {
    char root[32], delivered[64], own[64];
};

static int make_folders(void **state)
{
    struct folders *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return -1;
    }
    memcpy(f->root, "/tmp/ezff.XXXXXX", sizeof "/tmp/ezff.XXXXXX");
    *state = f;
    if (mkdtemp(f->root) == NULL) {
        return -1;
    }
    snprintf(f->delivered, sizeof f->delivered, "%s/formats", f->root);
    snprintf(f->own, sizeof f->own, "%s/formats.d", f->root);
    return mkdir(f->delivered, 0700) == -1 || mkdir(f->own, 0700) == -1 ? -1 : 0;
}

static int remove_folders(void **state)
{
    struct folders *f = *state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", f->root);
    int rc = system(command);
    free(f);
    return rc == 0 ? 0 : -1;
}

static void put(const char *folder, const char *name, const char *text)
{
    char path[FOLDERS_ROOM];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

#define MAPPING(type)                                                                              \
    "{\"input\": {\"decoder\": \"json\"}, \"records\": [{\"type\": \"" type                        \
    "\", \"start\": {\"epoch\": \"$.t\"}, \"metrics\": {}}]}"

static void assert_type(const struct format_files *f, uint32_t i, const char *name,
                        const char *type, bool own)
{
    const struct format_file *file = format_files_at(f, i);
    struct format_about about;
    format_about(file->format, &about);
    assert_string_equal(file->name, name);
    assert_int_equal(file->own, own);
    assert_int_equal(about.type_count, 1);
    assert_true(slice_is(about.types[0], type));
    assert_ptr_equal(format_files_find(f, slice_of(name)), file);
}

/* Nothing is read, and it is said why. */
static void refuse(const struct folders *f, const char *why)
{
    struct heard heard;
    heard_begin(&heard);
    struct format_files *files = format_files_read(f->delivered, f->own);
    heard_end(&heard);
    assert_null(files);
    assert_heard(&heard, why);
}

static void own_before_delivered(void **state)
{
    const struct folders *f = *state;
    put(f->delivered, "b.json", MAPPING("two"));
    put(f->delivered, "a.json", MAPPING("one"));
    put(f->own, "b.json", MAPPING("mine"));
    put(f->own, "c-3.json", MAPPING("third"));
    put(f->own, "README", "words");
    put(f->own, ".b.json", "{");
    put(f->own, "b.json~", "{");
    struct format_files *files = format_files_of(f->root, f->own);
    assert_non_null(files);
    assert_int_equal(format_files_count(files), 3);
    assert_type(files, 0, "a", "one", false);
    assert_type(files, 1, "b", "mine", true);
    assert_type(files, 2, "c-3", "third", true);
    assert_null(format_files_find(files, slice_of("c")));
    format_files_free(&files);
    assert_null(files);
    files = format_files_of(f->root, "");
    assert_non_null(files);
    assert_int_equal(format_files_count(files), 2);
    assert_type(files, 1, "b", "two", false);
    format_files_free(&files);
}

static void all_faults_of_all_files(void **state)
{
    const struct folders *f = *state;
    struct heard heard;
    put(f->delivered, "a.json", "{\"input\": {\"decoder\": \"xml\"}, \"records\": []}");
    put(f->own, "b.json", "{");
    put(f->own, "B_1.json", MAPPING("t"));
    put(f->own, "mplane.json", MAPPING("t"));
    put(f->own, "good.json", MAPPING("t"));
    heard_begin(&heard);
    struct format_files *files = format_files_read(f->delivered, f->own);
    heard_end(&heard);
    assert_null(files);
    assert_heard(&heard, "formats/a.json: input.decoder: expected one of");
    assert_heard(&heard, "formats/a.json: records: expected at least one rule");
    assert_heard(&heard, "formats.d/b.json: ends too early");
    assert_heard(&heard, "formats.d/B_1.json: expected a name of 1 to 64 of a-z, 0-9 and '-'");
    assert_heard(&heard, "formats.d/mplane.json: expected a name");
}

static void what_is_no_file(void **state)
{
    const struct folders *f = *state;
    char path[FOLDERS_ROOM];
    put(f->delivered, "a.json", MAPPING("one"));
    snprintf(path, sizeof path, "%s/b.json", f->own);
    assert_int_equal(mkfifo(path, 0600), 0);
    refuse(f, "b.json: expected a file, found something else");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("nowhere", path), 0);
    refuse(f, "b.json: No such file or directory");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(f->own), 0);
    refuse(f, "formats.d: expected the folder of your own formats: No such file or directory");
}

static void too_many(void **state)
{
    const struct folders *f = *state;
    char name[FOLDERS_ROOM];
    for (int i = 0; i < FORMAT_FILES; i++) {
        snprintf(name, sizeof name, "f%d.json", i);
        put(f->own, name, MAPPING("t"));
    }
    put(f->delivered, "f0.json", MAPPING("t")); /* his own goes before */
    struct format_files *files = format_files_read(f->delivered, f->own);
    assert_non_null(files);
    assert_int_equal(format_files_count(files), FORMAT_FILES);
    format_files_free(&files);
    put(f->delivered, "one-more.json", MAPPING("t"));
    refuse(f, "formats/one-more.json: expected at most 256 formats, found more");
    put(f->own, "f256.json", MAPPING("t"));
    refuse(f, "formats.d: expected at most 256 files NAME.json, found more");
}

static void too_large(void **state)
{
    const struct folders *f = *state;
    size_t size = FORMAT_BYTES + 1;
    char *text = malloc(size + 1), path[FOLDERS_ROOM];
    assert_non_null(text);
    memset(text, ' ', size);
    text[size] = '\0';
    put(f->own, "a.json", text);
    free(text);
    refuse(f, "a.json: expected at most 1048576 bytes, found 1048577");
    snprintf(path, sizeof path, "%s/a.json", f->own);
    struct heard heard;
    heard_begin(&heard);
    assert_null(format_file_read(path));
    heard_end(&heard);
    assert_heard(&heard, "a.json: expected at most 1048576 bytes, found more");
    for (int i = 0; i < 17; i++) {
        snprintf(path, sizeof path, "%s/a%d.json", f->own, i);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(ftruncate(fileno(file), FORMAT_BYTES), 0);
        assert_int_equal(fclose(file), 0);
    }
    refuse(f, "expected at most 16777216 bytes in all files of the folder together, found more");
}

static void names(void **state)
{
    (void)state;
    char long_name[FORMAT_NAME_BYTES + 2];
    memset(long_name, 'a', sizeof long_name);
    assert_true(format_name_is(slice_of("mtr-0")));
    assert_true(format_name_is((struct slice){long_name, FORMAT_NAME_BYTES}));
    assert_false(format_name_is((struct slice){long_name, FORMAT_NAME_BYTES + 1}));
    assert_false(format_name_is(slice_of("")));
    assert_false(format_name_is(slice_of("Mtr")));
    assert_false(format_name_is(slice_of("a.b")));
    assert_false(format_name_is(slice_of("../a")));
    assert_false(format_name_is((struct slice){"a\0b", 3}));
    assert_false(format_name_is(slice_of("mplane")));
}

/* What it says of itself, and what follows from its rules. */
static void about(void **state)
{
    const struct folders *f = *state;
    char path[FOLDERS_ROOM];
    struct format_about about;
    put(f->own, "a.json",
        "{\"comment\": \"words\", \"input\": {\"decoder\": \"influx\"}, \"defaults\": {\"start\": "
        "\"#received\", \"probe\": \"#sender\"}, \"records\": [{\"type\": \"one\", \"dest\": "
        "{\"path\": [\"$.a\", \"#target\"]}, \"metrics\": {}}, {\"type\": {\"if\": {\"has\": "
        "\"~#module\"}, \"then\": \"two\", \"else\": {\"first\": [\"#module\", \"one\"]}}, "
        "\"metrics\": {}}]}");
    snprintf(path, sizeof path, "%s/a.json", f->own);
    struct format *format = format_file_read(path);
    assert_non_null(format);
    format_about(format, &about);
    assert_true(slice_is(about.comment, "words"));
    assert_string_equal(about.decoder, "influx");
    assert_int_equal(about.rule_count, 2);
    static const char *const types[] = {"one", "two", "#module"};
    static const char *const context[] = {"sender", "received", "target", "module"};
    assert_int_equal(about.type_count, 3);
    assert_int_equal(about.context_count, 4);
    for (int i = 0; i < 3; i++) {
        assert_true(slice_is(about.types[i], types[i]));
    }
    for (int i = 0; i < 4; i++) {
        assert_true(slice_is(about.context[i], context[i]));
    }
    format_free(&format);
}

/* Each that is delivered is good and says what it is for. */
static void delivered(void **state)
{
    (void)state;
    struct format_files *files = format_files_of(SOURCE_ROOT "/schemas", "");
    assert_non_null(files);
    assert_true(format_files_count(files) > 0);
    for (uint32_t i = 0; i < format_files_count(files); i++) {
        struct format_about about;
        format_about(format_files_at(files, i)->format, &about);
        if (about.comment.len < 20 || about.comment.len > 160) {
            fail_msg("%s: expected a comment of 20 to 160 bytes", format_files_at(files, i)->name);
        }
    }
    format_files_free(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(own_before_delivered, make_folders, remove_folders),
        cmocka_unit_test_setup_teardown(all_faults_of_all_files, make_folders, remove_folders),
        cmocka_unit_test_setup_teardown(what_is_no_file, make_folders, remove_folders),
        cmocka_unit_test_setup_teardown(too_many, make_folders, remove_folders),
        cmocka_unit_test_setup_teardown(too_large, make_folders, remove_folders),
        cmocka_unit_test_setup_teardown(about, make_folders, remove_folders),
        cmocka_unit_test(names),
        cmocka_unit_test(delivered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
