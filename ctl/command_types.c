/* SPDX-License-Identifier: Apache-2.0 */
/* The command types: what files of record types say, and what they leave open. */
#include <stdio.h>
#include <string.h>

#include "common/record_types.h"
#include "ctl/ctl.h"

static const struct ctl_option no_options[] = {{NULL, NULL, NULL, NULL, NULL}};

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

static int run_check(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {no_options, NULL};
    const char *rest[2] = {"", ""};
    int count, exit_code;
    if (ctl_options(self, groups, argc, argv, rest, 1, 2, &count, &exit_code) == -1) {
        return exit_code;
    }
    return check(rest[0], count == 2 ? rest[1] : "");
}

static const struct ctl_command verbs[] = {
    {"types check", "FILE [DIR]",
     "Checks a file of record types, and those in a folder of your own beside it: faults, mappings "
     "that are never reached or share columns.",
     run_check},
    {"types adopt", "",
     "Shows the gaps of record types that the store keeps of the release before, and what they "
     "become.",
     ctl_types_adopt},
};

int ctl_types(const struct ctl_command *self, int argc, char **argv)
{
    int exit_code;
    const struct ctl_command *v = ctl_verb(self, verbs, sizeof verbs / sizeof verbs[0],
                                           sizeof verbs[0], argc, argv, &exit_code);
    return v == NULL ? exit_code : v->run(v, argc - 1, argv + 1);
}
