/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mPlane messages: read from JSON into a struct, written as JSON byte for byte as mPlane programs
 * write them. Pure: no clock, no sockets, nothing fetched.
 */
#ifndef EZREPO_MPLANE_MESSAGE_H
#define EZREPO_MPLANE_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mplane/members.h"
#include "common/mplane/registry.h"
#include "common/mplane/when.h"

#define MPLANE_CONTENT_TYPE "application/x-mplane+json"
#define MPLANE_VERSION      1

/*
 * A parameter. In a capability or withdrawal its one value is the constraint's text; elsewhere it
 * has one value, or any number of them when it is a list. A value whose .at is NULL is null, which
 * peers also write as "*".
 */
struct mplane_parameter {
    struct slice name; /* the first member, as in mplane_metadata: they are sorted by it */
    bool list;
    uint32_t count;
    struct slice *values;
};

/* What a receipt's metadata may tell: how far the answer is, in words. */
#define MPLANE_PROGRESS "try.progress"

struct mplane_metadata {
    struct slice name, value;
};

/* What a message does not have is zero: {NULL, 0} for texts. Everything lives in the arena. */
struct mplane_message {
    enum mplane_kind kind;
    struct slice verb; /* "query", "measure" ...; an envelope's kind; none in an exception */
    struct slice registry, label, token, link, export;
    bool has_when; /* false: a notification that names its token only, or an envelope */
    struct when when;
    uint32_t parameter_count, metadata_count, column_count, row_count, content_count;
    struct mplane_parameter *parameters;
    struct mplane_metadata *metadata;
    struct slice *columns;           /* "results" */
    struct slice *cells;             /* row by row, column_count in each; .at NULL: null */
    struct slice text;               /* an exception's message */
    struct mplane_message *contents; /* an envelope's */
};

/* For json_parse() of what a peer sends: room for a result of a million cells, no more. */
extern const struct json_limits mplane_limits;

/*
 * Reads a message. With a registry every element must be in it, and values and constraints must be
 * of their types and become canonical; without (NULL) they stay as they are. NULL on a fault or
 * when the arena is full; then error says where and what: "contents[1].parameters.source.ip4:
 * expected ...".
 */
const struct mplane_message *mplane_message_read(struct arena *a, const struct json *tree,
                                                 const struct registry *r, char *error,
                                                 size_t error_size);

/*
 * The message as JSON in the arena: keys sorted, two blanks of indentation, ASCII only, no newline
 * at the end. The registry tells how a null cell is written: "*", for a time null. .at NULL when
 * the arena is full, for a result whose scope is not absolute, for a parameter that is no list and
 * has not one value. Sends what the struct holds; a gateway leaves out what its peers cannot take
 * (`export` in a capability, parameters and columns of a withdrawal).
 */
struct slice mplane_message_write(struct arena *a, const struct mplane_message *m,
                                  const struct registry *r);

/* An exception in answer to the message of that token (null without one). */
struct mplane_message mplane_exception(struct slice token, struct slice text);

/*
 * A message of this kind with the sections of another: a receipt or result to a specification, a
 * withdrawal of a capability. Verb, label, token, registry, when, parameters, metadata and columns
 * are the same (shared, not copied); link, export and rows are left out.
 */
struct mplane_message mplane_message_answer(enum mplane_kind kind, const struct mplane_message *to);

/* All of the message, texts too, in the arena; NULL when that is full. */
const struct mplane_message *mplane_message_copy(struct arena *a, const struct mplane_message *m);

/* The parameter of that name, NULL when there is none. */
const struct mplane_parameter *mplane_message_parameter(const struct mplane_message *m,
                                                        struct slice name);

/* The parameter's single value; {NULL, 0} when it is absent, null or a list. */
struct slice mplane_message_value(const struct mplane_message *m, const char *name);

/*
 * Copies in the order of their names, in which the first two are written and all are hashed; the
 * message stays as it is. NULL when the arena is full.
 */
struct mplane_parameter *mplane_parameters_sorted(struct arena *a, const struct mplane_message *m);
struct mplane_metadata *mplane_metadata_sorted(struct arena *a, const struct mplane_message *m);
struct slice *mplane_columns_sorted(struct arena *a, const struct mplane_message *m);

/* The index of a result column; -1 when there is none of that name. */
int mplane_message_column(const struct mplane_message *m, struct slice name);

/*
 * Whether a specification fulfils a capability: the same parameter names, result columns and
 * registry (as registry_same says), each value within its constraint, the scope follows at now_us.
 * The verb is not compared. When not, error says why.
 */
bool mplane_message_fulfils(struct arena *a, const struct mplane_message *specification,
                            const struct mplane_message *capability, const struct registry *r,
                            int64_t now_us, char *error, size_t error_size);

#endif
