/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
/*
 * The six dimensions that say of what a record is, declared once, in the order in which they stand
 * everywhere: in messages, in the store's table `series`, as parameters and columns of
 * capabilities.
 *
 * DIMENSION(x, name, Name, addresses, help); x is what the list was given, for the macros that make
 * something of it:
 *   name       of the member and the column; the mPlane element is record.NAME
 *   Name       in grading documents: recordName
 *   addresses  whether its values may be addresses, so that a pattern may be a prefix; the store
 *              has a column NAME_addr then
 *   help       for who asks by it, of the option --NAME
 */
/* clang-format on */
#ifndef EZREPO_DIMENSIONS_H
#define EZREPO_DIMENSIONS_H

#define DIMENSIONS_BUT_TYPE(DIMENSION, x)                                                          \
    DIMENSION(x, content, Content, false, "what was measured")                                     \
    DIMENSION(x, probe, Probe, false, "who measured")                                              \
    DIMENSION(x, source, Source, true, "from where: a glob, an address, or a prefix 192.0.2.0/24") \
    DIMENSION(x, dest, Dest, true, "to where, likewise")                                           \
    DIMENSION(x, path, Path, false, "network path")

#define DIMENSIONS(DIMENSION, x)                                                                   \
    DIMENSION(x, type, Type, false, "record type: *, or a glob such as GLIM*")                     \
    DIMENSIONS_BUT_TYPE(DIMENSION, x)

/* Their numbers, in this order: DIMENSION_type is 0. */
#define DIMENSION_NUMBER(x, name, Name, addresses, help) DIMENSION_##name,
enum dimension { DIMENSIONS(DIMENSION_NUMBER, ) DIMENSION_COUNT };

/* "type, content, ..." as SQL has it; each behind this string, an alias such as "s.". */
#define DIMENSION_COLUMNS                                    DIMENSION_SQL("")
#define DIMENSION_SQL(before)                                before "type" DIMENSIONS_BUT_TYPE(DIMENSION_COMMA, before)
#define DIMENSION_COMMA(before, name, Name, addresses, help) ", " before #name

/* The mPlane elements, as strings of an initialiser. */
#define DIMENSION_ELEMENT(x, name, Name, addresses, help) , "record." #name
#define DIMENSION_ELEMENTS                                "record.type" DIMENSIONS_BUT_TYPE(DIMENSION_ELEMENT, )

#endif
