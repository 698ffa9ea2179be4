/* SPDX-License-Identifier: Apache-2.0 */
/* Options by tables, with the help that follows from them; complaints; small readers. */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/number.h"
#include "common/when_time.h"
#include "ctl/ctl.h"
#include "ctl/table.h"

#define OPTIONS 32
#define FIRST   1000 /* what getopt returns for the first of ours */

static void complain(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

static void complain(const char *format, va_list args)
{
    char text[4096];
    vsnprintf(text, sizeof text, format, args);
    fputs("ezrepoctl: ", stderr);
    table_safe(stderr, slice_of(text));
    fputc('\n', stderr);
}

int ctl_failed(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(format, args);
    va_end(args);
    return CTL_FAILED;
}

int ctl_usage(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(format, args);
    va_end(args);
    return CTL_USAGE;
}

static void print_help(const struct ctl_command *command,
                       const struct ctl_option *const groups[CTL_GROUPS])
{
    printf("Usage: ezrepoctl %s [options]%s%s\n\n%s\n\nOptions:\n", command->name,
           command->arguments[0] == '\0' ? "" : " ", command->arguments, command->summary);
    for (int g = 0; groups[g] != NULL; g++) {
        for (const struct ctl_option *o = groups[g]; o->name != NULL; o++) {
            char left[64];
            snprintf(left, sizeof left, "--%s %s", o->name, o->argument == NULL ? "" : o->argument);
            printf("  %-22s %s\n", left, o->help);
        }
    }
    printf("  %-22s this text\n", "--help");
}

/* getopt's table out of ours; `ours` has at the same places what stands there. */
static void fill_long_options(const struct ctl_option *const groups[CTL_GROUPS],
                              struct option long_options[OPTIONS],
                              const struct ctl_option *ours[OPTIONS])
{
    int n = 0;
    for (int g = 0; groups[g] != NULL; g++) {
        for (const struct ctl_option *o = groups[g]; o->name != NULL && n < OPTIONS - 2; o++) {
            ours[n] = o;
            long_options[n] = (struct option){
                o->name, o->argument == NULL ? no_argument : required_argument, NULL, FIRST + n};
            n++;
        }
    }
    long_options[n++] = (struct option){"help", no_argument, NULL, 'h'};
    long_options[n] = (struct option){0};
}

/* What getopt found. -1 after a complaint. */
static int take_option(const struct ctl_option *o)
{
    if (o->argument == NULL) {
        *o->flag = true;
    } else if (o->texts == NULL) {
        *o->text = optarg;
    } else if (o->texts->count == CTL_TEXTS) {
        ctl_usage("--%s: expected at most %d of them", o->name, CTL_TEXTS);
        return -1;
    } else {
        o->texts->text[o->texts->count++] = optarg;
    }
    return 0;
}

int ctl_options(const struct ctl_command *command,
                const struct ctl_option *const groups[CTL_GROUPS], int argc, char **argv,
                const char **rest, int least, int most, int *count, int *exit_code)
{
    struct option long_options[OPTIONS];
    const struct ctl_option *ours[OPTIONS] = {NULL};
    int c;
    fill_long_options(groups, long_options, ours);
    optind = 1;
    opterr = 0;
    while ((c = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        if (c == 'h') {
            print_help(command, groups);
            *exit_code = CTL_DONE;
            return -1;
        }
        if (c < FIRST) {
            *exit_code =
                ctl_usage("%s: %s %s (--help tells more)", command->name,
                          c == ':' ? "an argument is missing behind" : "there is no option",
                          argv[optind - 1]);
            return -1;
        }
        if (take_option(ours[c - FIRST]) == -1) {
            *exit_code = CTL_USAGE;
            return -1;
        }
    }
    *count = argc - optind;
    if (*count < least || *count > most) {
        *exit_code =
            ctl_usage("%s: expected %s, found %d arguments (--help tells more)", command->name,
                      command->arguments[0] == '\0' ? "no argument" : command->arguments, *count);
        return -1;
    }
    for (int i = 0; i < *count; i++) {
        rest[i] = argv[optind + i];
    }
    return 0;
}

/* Of the i-th verb of a table; its name behind the command's. */
static const struct ctl_command *verb_at(const void *verbs, size_t i, size_t size)
{
    return (const struct ctl_command *)((const char *)verbs + i * size);
}

static const char *verb_name(const struct ctl_command *self, const struct ctl_command *verb)
{
    return verb->name + strlen(self->name) + 1;
}

static void print_verbs(const struct ctl_command *self, const void *verbs, size_t count,
                        size_t size)
{
    printf("Usage: ezrepoctl %s VERB [options]\n\n%s\n\nVerbs:\n", self->name, self->summary);
    for (size_t i = 0; i < count; i++) {
        const struct ctl_command *v = verb_at(verbs, i, size);
        char left[64];
        snprintf(left, sizeof left, "%s %s", verb_name(self, v), v->arguments);
        printf("  %-26s %s\n", left, v->summary);
    }
    fputs("\nVERB --help tells its options.\n", stdout);
}

const void *ctl_verb(const struct ctl_command *self, const void *verbs, size_t count, size_t size,
                     int argc, char **argv, int *exit_code)
{
    char known[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = verb_name(self, verb_at(verbs, i, size));
        if (argc > 1 && strcmp(argv[1], name) == 0) {
            return verb_at(verbs, i, size);
        }
        int n = snprintf(known + used, sizeof known - used, "%s%s",
                         i == 0           ? ""
                         : i + 1 == count ? " or "
                                          : ", ",
                         name);
        used = n < 0 || used + (size_t)n >= sizeof known ? used : used + (size_t)n;
    }
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        print_verbs(self, verbs, count, size);
        *exit_code = CTL_DONE;
    } else {
        *exit_code = ctl_usage("%s: expected %s, found \"%s\" (--help tells more)", self->name,
                               known, argc > 1 ? argv[1] : "");
    }
    return NULL;
}

int ctl_number(const char *text, int64_t min, int64_t max, int64_t *value)
{
    return text[0] == '-' ? -1 : number_integer(slice_of(text), min, max, value);
}

/* The beginning of a day (UTC) by its name. -1 when it is none. */
static int named_day(const char *text, int64_t now_us, int64_t *us)
{
    static const char *const names[] = {"yesterday", "today", "tomorrow"};
    const int64_t day_us = INT64_C(86400000000);
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *us = now_us - now_us % day_us + (i - 1) * day_us;
            return 0;
        }
    }
    return -1;
}

int ctl_timeout(const char *text, int64_t *seconds)
{
    if (ctl_number(text, 1, 3600, seconds) == -1) {
        ctl_usage("--timeout: expected 1 ... 3600 seconds, found \"%s\"", text);
        return -1;
    }
    return 0;
}

int ctl_time(const char *text, int64_t *us)
{
    int64_t now_us = clock_utc_us();
    if (named_day(text, now_us, us) == 0) {
        return 0;
    }
    if (when_duration_parse(slice_of(text), us) == 0) {
        *us = now_us - *us;
        return 0;
    }
    return when_time_parse(slice_of(text), us);
}

struct slice ctl_read_file(struct arena *a, const char *file, size_t limit)
{
    struct slice none = {NULL, 0};
    bool standard = strcmp(file, "-") == 0;
    FILE *f = standard ? stdin : fopen(file, "rb");
    if (f == NULL) {
        ctl_failed("%s: %s", file, strerror(errno));
        return none;
    }
    char *bytes = arena_alloc(a, limit + 2);
    size_t n = bytes == NULL ? 0 : fread(bytes, 1, limit + 1, f);
    bool failed = ferror(f) != 0;
    if (!standard) {
        fclose(f);
    }
    if (bytes == NULL || failed) {
        ctl_failed("%s: %s", file, bytes == NULL ? "out of memory" : "cannot be read");
        return none;
    }
    if (n > limit) {
        ctl_failed("%s: expected at most %zu bytes", file, limit);
        return none;
    }
    bytes[n] = '\0';
    return (struct slice){bytes, n};
}

const char *ctl_user(void)
{
    const struct passwd *entry = getpwuid(getuid());
    return entry == NULL ? "unknown" : entry->pw_name;
}
