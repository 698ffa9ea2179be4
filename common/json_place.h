/* SPDX-License-Identifier: Apache-2.0 */
/* Where in the bytes of a JSON document stands what a fault names by its place. Pure. */
#ifndef EZREPO_JSON_PLACE_H
#define EZREPO_JSON_PLACE_H

#include <stdint.h>

#include "common/slice.h"

struct json_place {
    size_t name_bytes;     /* of the fault's text: its place's name; 0: it names none */
    size_t offset;         /* in the document */
    uint32_t line, column; /* both from 1; columns are characters of UTF-8 */
};

#define JSON_PLACE_DEPTH 16 /* what is deeper has the place of what is around it */

/* Where one was: in what begins here, a member's key or an element. */
struct json_place_before {
    size_t around, index, at;
};

/* A document in which places are looked for. All but the document is 0 at the beginning. */
struct json_places {
    struct slice document;
    struct json_place_before before[JSON_PLACE_DEPTH];
    struct json_place last;
};

/*
 * Looks for what a fault of document.h or of json_parse() says, such as
 * "grading[2].gradingRules[0].grade: expected ..." or "document: ... at byte 12": a member by its
 * key, an element by its value. What is not there, as what is missing, has the place of what it is
 * missing in, at last of the whole. Any bytes may be the document, and the fault. For faults in the
 * order in which things stand it goes through the document about once, however many there are.
 */
struct json_place json_place_find(struct json_places *all, struct slice fault);

#endif
