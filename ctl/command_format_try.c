/* SPDX-License-Identifier: Apache-2.0 */
/* The command format try: what a format makes of a file, before anything is sent anywhere. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/formats/format_json.h"
#include "common/json_files.h"
#include "common/record_dimensions.h"
#include "common/when_time.h"
#include "ctl/format_given.h"
#include "ctl/format_options.h"
#include "ctl/mplane_client.h"
#include "ctl/table.h"
#include "ctl/trial_report.h"

#define PIECE_BYTES    65536
#define DOCUMENT_BYTES ((size_t)512 << 20) /* memory for one document and its records */
#define FAULT_BYTES    ((size_t)16 << 20)  /* for the faults that are told */
#define CONTEXT_BYTES  65536

static struct {
    const char *output, *grading, *grading_default, *record_types;
} given = {.record_types = ""};

static const struct ctl_option try_options[] = {
    {"output", "FORM", &given.output, NULL, "text, or json: the records alone, as a list"},
    {"grading", "FILE", &given.grading, NULL,
     "grades by this document; by the grading in force, with --url and what goes with it, else by "
     "the default one, unless given"},
    {"grading-default", "FILE", &given.grading_default, NULL,
     "the default one; the one that is delivered unless given"},
    {"record-types", "DIR", &given.record_types, NULL, "folder of your own record types"},
    {NULL, NULL, NULL, NULL, NULL}};

/* ---- what is known of the delivery ---- */

static int fill_context(struct trial *t, FILE *in)
{
    int code = format_given_fill(t->kept, fileno(in), in == stdin ? "" : t->file, &t->context);
    if (code == CTL_DONE && !format_context_has(&t->context, slice_of("sender")) &&
        format_context_set(&t->context, slice_of("sender"), slice_of("127.0.0.1")) == -1) {
        return ctl_failed("--context: expected at most %d names", FORMAT_CONTEXT_NAMES - 3);
    }
    return code;
}

/* ---- records ---- */

static void print_named(struct slice name, size_t width, struct slice value)
{
    table_safe(stdout, name);
    printf("%*s", (int)(width < name.len ? 2 : width - name.len + 2), "");
    table_safe(stdout, value);
    putchar('\n');
}

static struct slice hops_text(struct arena *a, const struct format_record *r)
{
    const char *text = NULL;
    for (uint32_t i = 0; i < r->hop_count; i++) {
        text = arena_printf(a, "%s%s%.*s", text == NULL ? "" : text, text == NULL ? "" : " ",
                            (int)r->hops[i].len, r->hops[i].at);
    }
    return slice_of(text);
}

/* A block of lines; dimensions without a value are left out. */
static void print_record(struct trial *t, struct arena *a, const struct format_outcome *o,
                         const struct format_record *r)
{
    char time[WHEN_TEXT];
    size_t width = strlen("content");
    for (uint32_t i = 0; i < r->metric_count; i++) {
        width = r->names[i].len > width ? r->names[i].len : width;
    }
    printf("-- record %" PRIu64 ", of document %" PRIu64 " in line %" PRIu64 "\n", t->records,
           o->number, o->line);
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        if (r->dimensions[d].len > 0) {
            print_named(slice_of(dimension_rows[d].name), width, r->dimensions[d]);
        }
    }
    when_time_text(r->start_us, time);
    print_named(slice_of("start"), width, slice_of(time));
    if (r->end_us != r->start_us) {
        when_time_text(r->end_us, time);
        print_named(slice_of("end"), width, slice_of(time));
    }
    if (r->hop_count > 0) {
        print_named(slice_of("hops"), width, hops_text(a, r));
    }
    for (uint32_t i = 0; i < r->metric_count; i++) {
        print_named(r->names[i], width, r->values[i]);
    }
    if (t->grades != NULL) {
        struct slice grades = trial_grades_text(t->grades, a, r);
        print_named(slice_of("(grade)"), width,
                    grades.at == NULL ? slice_of("no block of the grading is about it") : grades);
    }
}

static void take_record(struct trial *t, struct arena *a, const struct format_outcome *o,
                        const struct format_record *r)
{
    t->records++;
    if (t->json) {
        fputs(t->records == 1 ? "[\n" : ",\n", stdout);
        format_json_print(stdout, r);
    } else {
        print_record(t, a, o, r);
    }
}

/* ---- faults ---- */

static void keep_fault(struct trial *t, const struct format_outcome *o,
                       const struct format_fault *fault)
{
    char element[40] = "";
    if (fault->element > 0) {
        snprintf(element, sizeof element, ", element %" PRIu64, fault->element);
    }
    if (t->faults < TRIAL_FAULTS) {
        t->fault[t->faults] = arena_printf(
            t->kept, "%s: line %" PRIu64 ", document %" PRIu64 "%s: %s%s%s%s", t->file, o->line,
            o->number, element, fault->why, fault->place[0] == '\0' ? "" : " (by ", fault->place,
            fault->place[0] == '\0' ? "" : " of the mapping)");
    }
    t->faults++;
}

/* ---- reading ---- */

static void take_outcome(struct trial *t, struct arena *a, const struct format_outcome *o)
{
    uint64_t before = t->records;
    t->documents++;
    t->ignored += o->ignored;
    for (uint32_t i = 0; i < o->count; i++) {
        take_record(t, a, o, &o->records[i]);
    }
    for (const struct format_fault *f = o->faults; f != NULL; f = f->next) {
        keep_fault(t, o, f);
    }
    trial_remarks_keep(&t->remarks, t->kept, o->remarks, before + 1);
}

/* All that can be read of a piece. */
static enum format_event read_piece(struct trial *t, struct format_reading *r, struct arena *a,
                                    struct slice bytes, bool last)
{
    struct format_outcome o;
    enum format_event event;
    do {
        event = format_next(r, &bytes, last, a, &o);
        t->ignored_lines += o.ignored_lines;
        if (event == FORMAT_DOCUMENT) {
            take_outcome(t, a, &o);
        }
        arena_reset(a);
    } while (event == FORMAT_DOCUMENT);
    return event;
}

static bool is_blank(const char *bytes, size_t n)
{
    size_t i = 0;
    while (i < n && strchr(" \t\r\n", bytes[i]) != NULL && bytes[i] != '\0') {
        i++;
    }
    return i == n;
}

static int read_all(struct trial *t, struct format_reading *r, struct arena *a, FILE *in)
{
    char piece[PIECE_BYTES];
    enum format_event event = FORMAT_MORE;
    while (event == FORMAT_MORE) {
        size_t n = fread(piece, 1, sizeof piece, in);
        if (ferror(in) != 0) {
            return ctl_failed("%s: cannot be read", t->file);
        }
        t->something = t->something || !is_blank(piece, n);
        t->bytes += n;
        event = read_piece(t, r, a, (struct slice){piece, n}, n < sizeof piece);
    }
    return event == FORMAT_END ? CTL_DONE : ctl_failed("out of memory");
}

static int run_trial(struct trial *t, const struct format *f, FILE *in)
{
    struct arena *a = arena_new(DOCUMENT_BYTES);
    struct format_reading *r = format_begin(f, &t->context, &t->limits.of_document);
    if (r != NULL) {
        format_remark_on(r);
    }
    int code = a == NULL || r == NULL ? ctl_failed("out of memory") : read_all(t, r, a, in);
    if (code == CTL_DONE) {
        if (t->json) {
            fputs(t->records == 0 ? "[]\n" : "\n]\n", stdout);
        }
        trial_tell_faults(t);
        trial_remarks_tell(&t->remarks, t->report);
        trial_look_at_sizes(t, t->limits.datagram || format_remembers(f));
        if (t->something) {
            trial_tell_untouched(t, r, true, "Paths that found nothing:");
            trial_tell_untouched(t, r, false, "Paths that were not looked for:");
        }
        bool nothing = t->documents == 0 && t->ignored_lines == 0;
        if (nothing) {
            trial_tell_nothing(t);
        } else {
            trial_tell_summary(t);
        }
        code = t->faults > 0 || nothing ? CTL_FAILED : CTL_DONE;
    }
    format_end(&r);
    arena_free(&a);
    return code;
}

/* ---- what is asked for ---- */

/* A path has a '/' in it, or ends as files of mappings do. */
static bool is_path(const char *format)
{
    size_t length = strlen(format);
    return strchr(format, '/') != NULL || (length > 5 && strcmp(format + length - 5, ".json") == 0);
}

/* With the formats that were read for it; both are the caller's, and NULL where there is no need.
 */
static const struct format *find_format(const char *name, struct format **own,
                                        struct format_files **all)
{
    if (is_path(name)) {
        return *own = format_file_read(name);
    }
    *all = format_options_read();
    const struct format_file *file = *all == NULL ? NULL : format_files_find(*all, slice_of(name));
    if (*all != NULL && file == NULL) {
        ctl_failed("there is no format \"%s\"; format list names those there are, and the path of "
                   "a mapping has a / in it or ends with .json",
                   name);
    }
    return file == NULL ? NULL : file->format;
}

static struct trial_grades *open_grades(void)
{
    char *delivered = json_files_path(format_options_schemas(), "grading/default.json");
    const struct trial_grading from = {
        .file = given.grading,
        .ask = mplane_connection.url != NULL,
        .otherwise = given.grading_default != NULL ? given.grading_default : delivered};
    struct trial_grades *g = delivered == NULL
                                 ? NULL
                                 : trial_grades_new(&from, format_options_schemas(),
                                                    given.record_types, format_options_own());
    free(delivered);
    return g;
}

static int try_file(struct trial *t, const struct format *f, const char *file)
{
    bool standard = strcmp(file, "-") == 0;
    FILE *in = standard ? stdin : fopen(file, "rb");
    t->file = standard ? "standard input" : file;
    if (in == NULL) {
        return ctl_failed("%s: %s", file, strerror(errno));
    }
    int code = fill_context(t, in);
    if (code == CTL_DONE && !t->json) {
        t->grades = open_grades();
        code = t->grades == NULL ? CTL_FAILED : CTL_DONE;
    }
    if (code == CTL_DONE) {
        code = run_trial(t, f, in);
    }
    if (!standard) {
        fclose(in);
    }
    trial_grades_free(&t->grades);
    return code;
}

int ctl_format_try(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {try_options,          format_given_options,
                                                         trial_limits_options, format_options,
                                                         mplane_options,       NULL};
    static struct trial t;
    const char *rest[2] = {NULL, "-"};
    int count, exit_code;
    if (ctl_options(self, groups, argc, argv, rest, 1, 2, &count, &exit_code) == -1) {
        return exit_code;
    }
    if (trial_limits_read(&t.limits) == -1) {
        return CTL_USAGE;
    }
    t.json = given.output != NULL && strcmp(given.output, "json") == 0;
    if (given.output != NULL && !t.json && strcmp(given.output, "text") != 0) {
        return ctl_usage("--output: expected text or json, found \"%s\"", given.output);
    }
    t.report = t.json ? stderr : stdout;
    t.format = rest[0];
    t.kept = arena_new(CONTEXT_BYTES + FAULT_BYTES);
    struct format *own = NULL;
    struct format_files *all = NULL;
    const struct format *f = t.kept == NULL ? NULL : find_format(rest[0], &own, &all);
    exit_code = f == NULL ? CTL_FAILED : try_file(&t, f, rest[1]);
    format_free(&own);
    format_files_free(&all);
    arena_free(&t.kept);
    return exit_code;
}
