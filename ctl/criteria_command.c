/* SPDX-License-Identifier: Apache-2.0 */
/* From options to what a command does. */
#include "ctl/criteria_command.h"

#include <string.h>

#define ARENA_BYTES ((size_t)512 << 20)
#define OPTIONS     32

bool criteria_is_drawn(int form)
{
    return form == FOR_TERMINAL && !criteria_has_columns();
}

/* The criteria's options as the command has them. */
static void options_but(const struct criteria_but *but, struct ctl_option kept[OPTIONS])
{
    int n = 0;
    for (const struct ctl_option *o = criteria_options; o->name != NULL && n < OPTIONS - 1; o++) {
        const struct criteria_but *other = but;
        while (other->name != NULL && strcmp(other->name, o->name) != 0) {
            other++;
        }
        if (other->name == NULL || other->help != NULL) {
            kept[n] = *o;
            kept[n++].help = other->name == NULL ? o->help : other->help;
        }
    }
    kept[n] = (struct ctl_option){NULL, NULL, NULL, NULL, NULL};
}

/* word NULL: it takes none. */
static int run(const struct ctl_command *self, const struct ctl_option *own,
               const struct criteria_but *but, bool bounded, int (*command)(struct arena *a),
               const char **word, int argc, char **argv)
{
    struct ctl_option criteria[OPTIONS];
    const struct ctl_option *const groups[CTL_GROUPS] = {criteria, own, mplane_options, NULL};
    int count, exit_code;
    options_but(but, criteria);
    if (ctl_options(self, groups, argc, argv, word, 0, word == NULL ? 0 : 1, &count, &exit_code) ==
        -1) {
        return exit_code;
    }
    exit_code = bounded ? criteria_bounded(self) : CTL_DONE;
    if (exit_code != CTL_DONE) {
        return exit_code;
    }
    struct arena *a = arena_new(ARENA_BYTES);
    exit_code = a == NULL ? ctl_failed("out of memory") : command(a);
    arena_free(&a);
    return exit_code;
}

int criteria_command(const struct ctl_command *self, const struct ctl_option *own,
                     const struct criteria_but *but, bool bounded, int (*command)(struct arena *a),
                     int argc, char **argv)
{
    return run(self, own, but, bounded, command, NULL, argc, argv);
}

int criteria_command_word(const struct ctl_command *self, const struct ctl_option *own,
                          const struct criteria_but *but, int (*command)(struct arena *a),
                          const char **word, int argc, char **argv)
{
    return run(self, own, but, false, command, word, argc, argv);
}
