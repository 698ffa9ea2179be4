/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of elements as text: read liberally, written canonically as mPlane programs write them.
 * Pure: no clock, no sockets.
 */
#ifndef EZREPO_MPLANE_VALUE_H
#define EZREPO_MPLANE_VALUE_H

#include <stdbool.h>

#include "common/address.h"
#include "common/mplane/registry.h"
#include "common/mplane/when.h"
#include "common/number.h"

/* A natural has at most this many digits; more are refused. */
#define VALUE_DIGITS 320

struct value {
    enum primitive primitive;
    bool null;
    /* The canonical text: what is sent, hashed and compared. For null "*", see value_null_text().
     */
    struct slice text;
    double real;            /* PRIMITIVE_REAL */
    struct number natural;  /* PRIMITIVE_NATURAL, exact whatever its size; may be negative */
    bool boolean;           /* PRIMITIVE_BOOLEAN */
    enum when_point point;  /* PRIMITIVE_TIME: WHEN_AT, or past, now, future */
    int64_t time_us;        /* PRIMITIVE_TIME with WHEN_AT */
    struct address address; /* PRIMITIVE_ADDRESS without a zone */
    bool zoned;             /* PRIMITIVE_ADDRESS with a zone ("fe80::1%eth0"): compare the text */
};

/*
 * Reads text as a value of the type; "*" is null whatever the type, and so is a slice that is no
 * value. The result may point into text and the arena. 0; -1 when the text is no such value or
 * memory is out, and error says what was expected and what was found.
 *
 * Naturals are exact ("9007199254740993" stays); "7.9" is 7, "1e3" is 1000, blanks around numbers
 * and underscores between digits are allowed, as other programs allow them. Booleans: "True",
 * "False", "1", "0" and also "true", "false". Times as when_time_parse(), and "past", "now",
 * "future".
 */
int value_parse(struct arena *a, enum primitive primitive, struct slice text, struct value *value,
                char *error, size_t error_size);

/* Less than, equal to or greater than zero; only *comparable: same type, neither null, same family.
 */
int value_compare(const struct value *a, const struct value *b, bool *comparable);

/*
 * Whether null of this type can be written as the string "*". For times it cannot: no string stands
 * for a time that is null, only JSON's null.
 */
bool value_null_is_text(enum primitive primitive);

#endif
