/* SPDX-License-Identifier: Apache-2.0 */
/* JSON objects as rows: for people in columns, for programs as JSON or CSV. */
#ifndef EZREPO_CTL_LISTING_H
#define EZREPO_CTL_LISTING_H

#include "common/json.h"
#include "ctl/ctl.h"

/* The option --output of whoever lists; what it was given goes to the text. */
#define LISTING_OPTION(text)                                                                       \
    {                                                                                              \
        "output", "FORM", &(text), NULL, "table, vertical, json (an object a line) or csv"         \
    }

/*
 * Prints the objects of a list: of each the members that have these names (the list ends with
 * NULL), lists joined by blanks, what is not there as "-"; as JSON all of each object. Memory comes
 * from the arena. CTL_DONE, or an exit code after a complaint.
 */
int listing_print(struct arena *a, const char *output, const struct json *list,
                  const char *const *names);

#endif
