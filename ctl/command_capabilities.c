/* SPDX-License-Identifier: Apache-2.0 */
/* The command capabilities: what schemas/capability_list.h declares, for programs that are not in
 * C. */
#include <stdio.h>

#include "common/capability_rows.h"
#include "common/record_dimensions.h"
#include "ctl/ctl.h"

static const struct ctl_option no_options[] = {{NULL, NULL, NULL, NULL, NULL}};

/* Behind a comma but for the first. */
static void begin_object(size_t n)
{
    printf("%s\n{", n == 0 ? "" : ",");
}

static void print_names(const char *what, const char *const *names)
{
    printf(", \"%s\": [", what);
    for (size_t i = 0; names[i] != NULL; i++) {
        printf("%s\"%s\"", i == 0 ? "" : ", ", names[i]);
    }
    putchar(']');
}

static void print_dimensions(void)
{
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        begin_object(d);
        printf("\"name\": \"%s\", \"element\": \"%s\", \"addresses\": %s}", dimension_rows[d].name,
               dimension_rows[d].element, dimension_rows[d].addresses ? "true" : "false");
    }
}

static void print_queries(void)
{
#define ITS_NAME(NAME, letter, KEYS) #NAME,
    static const char *const names[] = {QUERIES(ITS_NAME)};
#undef ITS_NAME
    for (size_t i = 0; i < QUERY_KINDS; i++) {
        begin_object(i);
        printf("\"name\": \"%s\", \"number\": %zu, \"cursor\": \"%s\"", names[i], i,
               query_rows[i].letter);
        print_names("columns", query_rows[i].columns);
        putchar('}');
    }
}

static void print_capabilities(void)
{
    for (size_t i = 0; i < CAPABILITY_COLLECT; i++) {
        const struct capability_row *row = &capability_rows[i];
        begin_object(i);
        printf("\"label\": \"%s\", \"verb\": \"%s\", \"query\": %d", row->label, row->verb,
               (int)row->query);
        print_names("parameters", row->parameters);
        print_names("columns", row->columns);
        putchar('}');
    }
}

static void print_commands(void)
{
#define ROW(NAME, name, summary) {name, CAPABILITY_##NAME},
    static const struct {
        const char *name;
        enum capability_kind capability;
    } commands[] = {ASKING_COMMANDS(ROW)};
#undef ROW
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        begin_object(i);
        printf("\"name\": \"%s\", \"label\": \"%s\"}", commands[i].name,
               capability_rows[commands[i].capability].label);
    }
}

int ctl_capabilities(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {no_options, NULL};
    int count, exit_code;
    if (ctl_options(self, groups, argc, argv, NULL, 0, 0, &count, &exit_code) == -1) {
        return exit_code;
    }
    fputs("{\"dimensions\": [", stdout);
    print_dimensions();
    fputs("],\n\"queries\": [", stdout);
    print_queries();
    fputs("],\n\"capabilities\": [", stdout);
    print_capabilities();
    fputs("],\n\"commands\": [", stdout);
    print_commands();
    puts("]}");
    return CTL_DONE;
}
