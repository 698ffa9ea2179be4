/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the formats there are: those that are delivered, and the operator's own. What is in
 * them is ingestd's matter.
 */
#ifndef EZREPO_FORMAT_NAMES_H
#define EZREPO_FORMAT_NAMES_H

#include <stdbool.h>

#include "common/arena.h"
#include "common/config.h"
#include "schemas/messages.h"

struct format_names;

/* As they are now. NULL after a fault was told. The caller owns it. */
struct format_names *format_names_read(const struct config_common *common);
void format_names_free(struct format_names **f);

/* Whether there is a format of this name, FORMAT_MPLANE included. */
bool format_names_has(const struct format_names *f, struct slice name);

/* All of them, with commas between; in the arena. NULL: memory is out. */
const char *format_names_text(const struct format_names *f, struct arena *a);

#endif
