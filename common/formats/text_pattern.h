/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns that lines of text are taken apart with. In a pattern stands
 *
 *     {field:kind}  a text of that kind, under the field's name; without a name it is passed over;
 *                   without a kind it is a word
 *     [part]        a part that need not be there; there may be others in it
 *     a blank       one or more blanks and tabs
 *     \x            the character x itself, for x one of { } [ ] \ and any other
 *
 * and anything else for itself. Kinds (of ASCII characters, but for word, host and rest):
 *
 *     name     letters, digits and '-', at least one
 *     word     anything but white space, at least one
 *     host     like word, without ( and )
 *     int      digits, at least one; '-' may stand before
 *     num      digits and dots, at least one; '-' may stand before
 *     numbers  one or more num or a '-' alone, blanks and tabs between them
 *     rest     anything, or nothing
 *
 * How a line is matched, where it can be in several ways: from left to right each part in brackets
 * is taken if the pattern fits with it, and each field, and each blank, is as long as what follows
 * in the pattern allows; none ends within a character of UTF-8. So a pattern means the same as a
 * regular expression of greedy parts, but nothing is tried twice: the time is that of (elements of
 * the pattern) x (bytes of the line), whatever both are. See text_pattern.c for how.
 */
#ifndef EZREPO_FORMATS_TEXT_PATTERN_H
#define EZREPO_FORMATS_TEXT_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/slice.h"

#define TEXT_PATTERN_BYTES      1024 /* of a pattern */
#define TEXT_PATTERN_ELEMENTS   128  /* literal texts, blanks, fields, parts in brackets */
#define TEXT_PATTERN_FIELDS     32   /* that have a name */
#define TEXT_PATTERN_DEPTH      8    /* parts within each other */
#define TEXT_PATTERN_NAME_BYTES 64   /* of a field */
#define TEXT_PATTERN_WHY        160

struct text_pattern;

/* In the arena; NULL when it is refused: then `why` says what was expected and found. */
struct text_pattern *text_pattern_compile(struct arena *a, struct slice text,
                                          char why[TEXT_PATTERN_WHY]);

/* Whether it can be the name of a field: letters, digits and '_', no digit first. */
bool text_pattern_is_name(struct slice name);

/* Its fields that have a name, in their order; no name is there twice. */
uint32_t text_pattern_field_count(const struct text_pattern *p);
struct slice text_pattern_field_name(const struct text_pattern *p, uint32_t i);

/* How many words of room it takes to match lines of at most so many bytes. */
size_t text_pattern_room(const struct text_pattern *p, size_t line_bytes);

/*
 * Whether the pattern fits the line (which is not NULL): all of it, or (not `whole`) its beginning.
 * Then values[i] is the text of field i, within the line; .at is NULL when its part is not there.
 */
bool text_pattern_match(const struct text_pattern *p, struct slice line, bool whole, uint64_t *room,
                        struct slice values[TEXT_PATTERN_FIELDS]);

#endif
