/* SPDX-License-Identifier: Apache-2.0 */
/* The command types: what files of record types say, and what they leave open. */
#include <stdio.h>
#include <string.h>

#include "common/record_types.h"
#include "ctl/ctl.h"

static const struct ctl_option no_options[] = {{NULL, NULL, NULL, NULL, NULL}};

static const struct ctl_command check_command = {
    "types check", "FILE [DIR]",
    "Checks a file of record types, and those in a folder of your own beside it: faults, mappings "
    "that "
    "are never reached or share columns.",
    ctl_types};

static int check(const char *file, const char *own_dir)
{
    struct record_types *t = record_types_read(file, own_dir);
    if (t == NULL) {
        return CTL_FAILED;
    }
    uint32_t found = record_types_check(t, stdout);
    if (found == 0) {
        printf("%s%s%s: good\n", file, own_dir[0] == '\0' ? "" : " with ", own_dir);
    }
    record_types_free(&t);
    return found == 0 ? CTL_DONE : CTL_FAILED;
}

static int run_check(int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {no_options, NULL};
    const char *rest[2] = {"", ""};
    int count, exit_code;
    if (ctl_options(&check_command, groups, argc, argv, rest, 1, 2, &count, &exit_code) == -1) {
        return exit_code;
    }
    return check(rest[0], count == 2 ? rest[1] : "");
}

int ctl_types(const struct ctl_command *self, int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "check") == 0) {
        return run_check(argc - 1, argv + 1);
    }
    if (strcmp(verb, "adopt") == 0) {
        return ctl_types_adopt(self, argc - 1, argv + 1);
    }
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) {
        printf("Usage: ezrepoctl types check FILE [DIR] | adopt --run-dir DIR [--yes] "
               "[--json]\n\n%s\n",
               self->summary);
        return CTL_DONE;
    }
    return ctl_usage("types: expected check or adopt, found \"%s\"", verb);
}
