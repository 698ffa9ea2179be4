/* SPDX-License-Identifier: Apache-2.0 */
/* What a mapping reads and makes, in a few words for people who look for one. Pure. */
#ifndef EZREPO_FORMATS_FORMAT_ABOUT_H
#define EZREPO_FORMATS_FORMAT_ABOUT_H

#include "common/formats/format.h"

#define FORMAT_ABOUT_NAMES 64 /* of each list; there may be more */

struct format_about {
    struct slice comment; /* its own words; "" without */
    const char *decoder;
    uint32_t rule_count, path_count;
    /* The types of the records it makes, each once; of one that the data say, the path to it. */
    struct slice types[FORMAT_ABOUT_NAMES];
    uint32_t type_count;
    /* The names of what it asks of a delivery beside its bytes, each once. */
    struct slice context[FORMAT_ABOUT_NAMES];
    uint32_t context_count;
};

/* Texts live as long as the format. */
void format_about(const struct format *f, struct format_about *about);

/* Whether it asks of a delivery what has this name; what each door knows by itself (sender,
 * received, file) counts as asked for. */
bool format_asks(const struct format *f, struct slice name);

#endif
