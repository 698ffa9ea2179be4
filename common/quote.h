/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of outsiders in a line of a log: they forge no field, no line, and drive no terminal. Pure.
 */
#ifndef EZREPO_QUOTE_H
#define EZREPO_QUOTE_H

#include "common/slice.h"

#define QUOTE_BYTES 240 /* of what is between the quotes */

/* With the quotes and a NUL. */
#define QUOTE_ROOM (QUOTE_BYTES + 3)

/*
 * The text in quotes, written to room, which is returned. Quotes and backslashes in it get a
 * backslash; what is no UTF-8, or not shown where it stands (utf8_is_shown()), is written as \xHH.
 * What takes more than QUOTE_BYTES is cut and ends with "...".
 */
const char *quote(struct slice text, char room[QUOTE_ROOM]);

/* The same for one statement, as for an argument of log_info(). */
#define QUOTED(text) quote((text), (char[QUOTE_ROOM]){0})

#endif
