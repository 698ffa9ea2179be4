/* SPDX-License-Identifier: Apache-2.0 */
/* What commands that ask by criteria in a way of their own share. */
#ifndef EZREPO_CRITERIA_COMMAND_H
#define EZREPO_CRITERIA_COMMAND_H

#include "ctl/query_rows.h"

/* What of the criteria's options is another one for a command; help NULL: it has none of that
 * name. A list ends with NULL. */
struct criteria_but {
    const char *name, *help;
};

/*
 * Reads the options, those of criteria first, and does `command` with an arena. bounded: it needs
 * --since. The exit code.
 */
int criteria_command(const struct ctl_command *self, const struct ctl_option *own,
                     const struct criteria_but *but, bool bounded, int (*command)(struct arena *a),
                     int argc, char **argv);

/* The same of one that may be given a word, and needs no --since. */
int criteria_command_word(const struct ctl_command *self, const struct ctl_option *own,
                          const struct criteria_but *but, int (*command)(struct arena *a),
                          const char **word, int argc, char **argv);

/* Whether an answer is drawn: neither a form nor columns were asked for. */
bool criteria_is_drawn(int form);

#endif
