/* The command types: what a file of record types says, and what it leaves open. */
#include <stdio.h>
#include <string.h>

#include "common/record_types.h"
#include "ctl/ctl.h"

static const struct ctl_option no_options[] = {{NULL, NULL, NULL, NULL, NULL}};

static const struct ctl_command check_command = {
    "types check", "FILE",
    "Checks a file of record types: faults, mappings that are never reached or share columns.",
    ctl_types};

static int check(const char *file)
{
    struct record_types *t = record_types_read(file);
    if (t == NULL) {
        return CTL_FAILED;
    }
    uint32_t found = record_types_check(t, stdout);
    if (found == 0) {
        printf("%s: good\n", file);
    }
    record_types_free(&t);
    return found == 0 ? CTL_DONE : CTL_FAILED;
}

int ctl_types(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {no_options, NULL};
    const char *file;
    int count, exit_code;
    if (argc < 2 || strcmp(argv[1], "check") != 0) {
        bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
        if (help) {
            printf("Usage: ezrepoctl types check FILE\n\n%s\n", self->summary);
        }
        return help ? CTL_DONE
                    : ctl_usage("types: expected check, found \"%s\"", argc < 2 ? "" : argv[1]);
    }
    if (ctl_options(&check_command, groups, argc - 1, argv + 1, &file, 1, 1, &count, &exit_code) ==
        -1) {
        return exit_code;
    }
    return check(file);
}
