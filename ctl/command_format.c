/* SPDX-License-Identifier: Apache-2.0 */
/* The command format: which formats there are, and whether a mapping is good. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/formats/format_about.h"
#include "common/formats/mapping.h"
#include "common/json_files.h"
#include "common/place.h"
#include "common/record_types.h"
#include "ctl/format_options.h"
#include "ctl/table.h"

#define ARENA_BYTES ((size_t)16 << 20)

static const char *schemas_dir, *own_dir = "";

const struct ctl_option format_options[] = {
    {"schemas", "DIR", &schemas_dir, NULL,
     "folder of the contracts; the programs' own unless given"},
    {"own", "DIR", &own_dir, NULL,
     "folder of your own formats, formats.d of a set; none unless given"},
    {NULL, NULL, NULL, NULL, NULL}};

const char *format_options_schemas(void)
{
    return schemas_dir == NULL ? place_of_schemas() : schemas_dir;
}

const char *format_options_own(void)
{
    return own_dir;
}

struct format_files *format_options_read(void)
{
    return format_files_of(format_options_schemas(), own_dir);
}

struct format *format_options_one(const char *name)
{
    struct format_folders folders = {.own = {.path = NULL}};
    char *delivered = json_files_path(format_options_schemas(), "formats");
    const char *path = NULL;
    struct format *f = NULL;
    if (delivered != NULL && format_folders_list(delivered, own_dir, &folders) == 0) {
        path = format_name_is(slice_of(name)) ? format_folders_find(&folders, name) : NULL;
        if (path == NULL) {
            ctl_failed("there is no format \"%s\"; format list names those there are", name);
        }
    }
    if (path != NULL) {
        f = format_file_read(path);
    }
    format_folders_release(&folders);
    free(delivered);
    return f;
}

/* ---- list ---- */

/* "a b c", in the arena; .at NULL for none. */
static struct slice joined(struct arena *a, const struct slice *names, uint32_t count)
{
    const char *text = NULL;
    for (uint32_t i = 0; i < count; i++) {
        text = arena_printf(a, "%s%s%.*s", text == NULL ? "" : text, text == NULL ? "" : " ",
                            (int)names[i].len, names[i].at);
    }
    return slice_of(text);
}

static int list(const char *none)
{
    static const char *headings[] = {"format", "of", "input", "record types", "comment"};
    enum { COLUMNS = sizeof headings / sizeof headings[0] };
    (void)none;
    struct format_files *f = format_options_read();
    struct arena *a = f == NULL ? NULL : arena_new(ARENA_BYTES);
    uint32_t count = f == NULL ? 0 : format_files_count(f);
    struct slice(*cells)[COLUMNS] = a == NULL ? NULL : arena_calloc(a, count + 1, sizeof *cells);
    for (uint32_t i = 0; cells != NULL && i < count; i++) {
        const struct format_file *file = format_files_at(f, i);
        struct format_about about;
        format_about(file->format, &about);
        cells[i][0] = slice_of(file->name);
        cells[i][1] = slice_of(file->own ? "you" : "EZRepo");
        cells[i][2] = slice_of(about.decoder);
        cells[i][3] = joined(a, about.types, about.type_count);
        cells[i][4] = about.comment.len == 0 ? slice_of(NULL) : about.comment;
    }
    if (cells != NULL) {
        table_print(stdout, headings, COLUMNS, cells[0], count);
    }
    int code = cells != NULL ? CTL_DONE : f == NULL ? CTL_FAILED : ctl_failed("out of memory");
    arena_free(&a);
    format_files_free(&f);
    return code;
}

/* ---- show ---- */

/* The file as it stands: comments in it are worth reading. */
static int print_file(const struct format_file *file)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct slice text = {NULL, 0};
    if (a != NULL) {
        text = ctl_read_file(a, file->path, FORMAT_BYTES);
    }
    if (text.at != NULL) {
        fwrite(text.at, 1, text.len, stdout);
        if (text.len > 0 && text.at[text.len - 1] != '\n') {
            putchar('\n');
        }
    }
    arena_free(&a);
    return text.at == NULL ? CTL_FAILED : CTL_DONE;
}

static void print_brought(FILE *out, const struct json *elements, const struct json *blocks)
{
    uint32_t e = elements == NULL ? 0 : elements->count, b = blocks == NULL ? 0 : blocks->count;
    fprintf(out, ": %u element%s, %u grading block%s", e, e == 1 ? "" : "s", b, b == 1 ? "" : "s");
}

/* What a type brings along: on standard error, since the mapping alone is what was asked for. */
static void print_type(const struct record_types *t, struct slice type)
{
    struct slice other;
    const struct json *elements = NULL;
    const char *place;
    struct record_types_said said = {.place = ""};
    for (uint32_t i = 0; record_types_each(t, i, &other) == 0; i++) {
        elements = slice_equal(other, type) ? record_types_elements(t, i, &place) : elements;
    }
    const struct json *blocks = record_types_blocks(t, type, &said);
    fputs("type ", stderr);
    table_safe(stderr, type);
    print_brought(stderr, elements, blocks);
    if (blocks == NULL) {
        fputc('\n', stderr);
    } else {
        fprintf(stderr, " to start with, by %s\n", said.place);
    }
}

/* What is known of the types of its records, by whichever file. */
static int print_types(const struct format_file *file)
{
    struct format_about about;
    struct record_types *t = record_types_of(format_options_schemas(), "", own_dir);
    format_about(file->format, &about);
    for (uint32_t i = 0; t != NULL && i < about.type_count; i++) {
        print_type(t, about.types[i]);
    }
    int code = t == NULL ? CTL_FAILED : CTL_DONE;
    record_types_free(&t);
    return code;
}

static int show(const char *name)
{
    struct format_files *f = format_options_read();
    const struct format_file *file = f == NULL ? NULL : format_files_find(f, slice_of(name));
    int code = CTL_FAILED;
    if (file != NULL) {
        code = print_file(file) == CTL_DONE ? print_types(file) : CTL_FAILED;
    } else if (f != NULL) {
        ctl_failed("there is no format \"%s\"; format list names those there are", name);
    }
    format_files_free(&f);
    return code;
}

/* ---- check ---- */

/* What it says of record types; NULL after the faults were told. The caller owns it. */
static struct record_types *types_said(const char *path)
{
    struct json_files_room room = {FORMAT_BYTES, FORMAT_BYTES, ""};
    size_t size;
    char *bytes = json_files_read(path, &room, &size);
    if (bytes == NULL) {
        return NULL;
    }
    const struct record_types_source source = {
        .name = path, .bytes = {bytes, size}, .mapping = true};
    struct record_types *t = record_types_read_sources(&source, 1);
    free(bytes);
    return t;
}

static void print_types_said(const struct record_types *t)
{
    struct slice type;
    for (uint32_t i = 0; record_types_each(t, i, &type) == 0; i++) {
        const char *place;
        struct record_types_said said;
        const struct json *elements = record_types_elements(t, i, &place);
        const struct json *blocks = record_types_blocks(t, type, &said);
        fputs("  says of the type ", stdout);
        table_safe(stdout, type);
        print_brought(stdout, elements, blocks);
        putchar('\n');
    }
}

static void print_names(const char *what, const struct slice *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        fputs(i == 0 ? what : ", ", stdout);
        table_safe(stdout, names[i]);
    }
    if (count > 0) {
        putchar('\n');
    }
}

/* What is no fault, and perhaps not meant. */
static void print_doubts(const struct format_mapping *m)
{
    for (uint32_t i = 0; i < m->doubt_count; i++) {
        fputs("  doubtful: ", stdout);
        table_safe(stdout, slice_of(m->doubts[i].place));
        fputs(": \"", stdout);
        table_safe(stdout, m->doubts[i].text);
        puts("\" stays as it is written: no path in it is followed, as {\"text\": ...} would");
    }
}

static int check(const char *path)
{
    struct format_about about;
    struct format *f = format_file_read(path);
    struct record_types *t = f == NULL ? NULL : types_said(path);
    if (t == NULL) {
        format_free(&f);
        return CTL_FAILED;
    }
    format_about(f, &about);
    printf("%s: good\n  reads: %s\n  rules: %u, with %u paths\n", path, about.decoder,
           about.rule_count, about.path_count);
    print_names("  makes records of the types: ", about.types, about.type_count);
    print_types_said(t);
    print_names("  asks of a delivery: ", about.context, about.context_count);
    print_doubts(format_mapping_of(f));
    record_types_free(&t);
    format_free(&f);
    return CTL_DONE;
}

/* ---- verbs ---- */

static const struct ctl_option no_options[] = {{NULL, NULL, NULL, NULL, NULL}};

static const struct format_verb {
    struct ctl_command command;
    const struct ctl_option *options;
    int arguments;
    int (*run)(const char *argument); /* NULL: by the command's own function */
} verbs[] = {
    {{"format list", "", "Lists the formats, those that are delivered and your own.", NULL},
     format_options,
     0,
     list},
    {{"format show", "NAME",
      "Prints the mapping of a format, and what its record types bring along.", NULL},
     format_options,
     1,
     show},
    {{"format check", "FILE",
      "Checks a mapping: tells every fault with its place, or what it would read.", NULL},
     no_options,
     1,
     check},
    {{"format try", "FORMAT [FILE]",
      "Shows the records that a file, or standard input, would become: FORMAT is the name of one, "
      "or the path of a mapping.",
      ctl_format_try},
     NULL,
     0,
     NULL},
};

static int run_verb(const struct format_verb *v, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {v->options, NULL};
    const char *argument = NULL;
    int count, exit_code;
    if (v->run == NULL) {
        return v->command.run(&v->command, argc, argv);
    }
    if (ctl_options(&v->command, groups, argc, argv, &argument, v->arguments, v->arguments, &count,
                    &exit_code) == -1) {
        return exit_code;
    }
    return v->run(argument);
}

int ctl_format(const struct ctl_command *self, int argc, char **argv)
{
    int exit_code;
    const struct format_verb *v = ctl_verb(self, verbs, sizeof verbs / sizeof verbs[0],
                                           sizeof verbs[0], argc, argv, &exit_code);
    return v == NULL ? exit_code : run_verb(v, argc - 1, argv + 1);
}
