/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON document that somebody wrote, checked while it is read. A fault is told with its place,
 * "FILE: senders[2].door: expected one of udp https file, found \"tcp\"", and reading goes on: who
 * wrote the document learns all that is wrong with it at once. How many faults are told, and how
 * long each is, is bounded. What may hold a password is never shown.
 *
 * A reader has a place for what it looks at. Places are made on the stack, and point to the one
 * around them; their text is made only for a fault.
 */
#ifndef EZREPO_DOCUMENT_H
#define EZREPO_DOCUMENT_H

#include "common/json.h"
#include "common/number.h"

#define DOCUMENT_FAULTS      100  /* told; the others are counted */
#define DOCUMENT_FAULT_BYTES 1024 /* of one, its NUL included; it is cut between characters */

/* What is being read. The members that are not named are 0 at the beginning. */
struct document {
    const char *name;                               /* the file's, before each place; NULL: none */
    void (*tell)(void *context, const char *fault); /* NULL: told_fault(); who keeps it copies it */
    void *context;
    uint32_t faults; /* found so far, all of them */
};

/* A value in it and where it stands. */
struct document_place {
    struct document *document;
    const struct document_place *around; /* NULL: the whole */
    const struct json *node;             /* NULL: nothing is there */
    struct slice key;                    /* of a member; .at NULL: it is an element */
    uint32_t index;                      /* of an element */
};

/*
 * The whole document out of its bytes, in the arena; node is NULL after a fault was told. The place
 * of the whole has no name.
 */
struct document_place document_parse(struct document *d, struct arena *a, struct slice bytes,
                                     const struct json_limits *limits);

/* A part that is read by itself, such as an option, under a name for its place. */
struct document_place document_part(struct document *d, const char *name, const struct json *node);

/* ---- going through it ---- */

/* A member by name; its node is NULL when there is none, or when there is no object. */
struct document_place document_member(const struct document_place *object, const char *key);

/*
 * The members of an object or the elements of a list, one after the other:
 *     for (struct document_place m = document_first(&p); m.node != NULL; document_next(&m))
 * None, when it is neither.
 */
struct document_place document_first(const struct document_place *around);
void document_next(struct document_place *at);

/* ---- what is expected: false after a fault was told; also where nothing is there ---- */

bool document_is_object(const struct document_place *at);

/* An object whose members all have one of these names; the list of names ends with NULL. */
bool document_is_object_of(const struct document_place *at, const char *const *keys);

/* A list of at most so many elements. */
bool document_is_list(const struct document_place *at, uint32_t most);

/* A string of so many bytes, without NULs in it; else .at is NULL. */
struct slice document_text(const struct document_place *at, size_t least, size_t most);

/* A JSON number that is whole, written without a fraction or an exponent; else *value stays. `what`
 * it is, for the message: "whole seconds". */
bool document_integer(const struct document_place *at, const char *what, int64_t least,
                      int64_t most, int64_t *value);

/* A number, or a string that is one; it points to the text. */
bool document_number(const struct document_place *at, struct number *number);

/* The index of the string in a list that ends with NULL; else -1. */
int document_choice(const struct document_place *at, const char *const *choices);

/* ---- memory for what is read; NULL after a fault was told ---- */

/* count elements of size bytes, cleared. */
void *document_take(const struct document_place *at, struct arena *a, size_t count, size_t size);

/* A copy with a NUL behind it. */
struct slice document_copy(const struct document_place *at, struct arena *a, struct slice text);

/* ---- faults ---- */

/* "PLACE: expected ..., found ...", the second of what stands there. */
void document_expected(const struct document_place *at, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "PLACE: ..." */
void document_fault(const struct document_place *at, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same where there is only a name for the place. */
void document_fault_in(struct document *d, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "NAME: expected ..., found TEXT", of a text that was read before. */
void document_expected_in(struct document *d, const char *name, const char *text,
                          const char *expected);

/* Tells how many faults there were beyond those that were told. 0, or -1: there were faults. */
int document_end(const struct document *d);

/* Where it stands, "types.ping.collect[2]", in the arena; "?" when memory is out. */
const char *document_place_text(const struct document_place *at, struct arena *a);

#define DOCUMENT_SHOWN_ROOM 128

/*
 * A text for a message, written to room, which is returned: in quotes, cut between characters, with
 * '?' for control characters. A text that may be or hold a password is not shown.
 */
const char *document_shown(struct slice text, char room[DOCUMENT_SHOWN_ROOM]);

/* The same for one statement. */
#define DOCUMENT_SHOWN(text) document_shown((text), (char[DOCUMENT_SHOWN_ROOM]){0})

#endif
