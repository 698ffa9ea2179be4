/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constraints on a capability's parameters: "*", "A ... B", "A,B,C", for addresses "A/N" and, for
 * lists, "[C]". Pure: no clock, no sockets.
 */
#ifndef EZREPO_MPLANE_CONSTRAINT_H
#define EZREPO_MPLANE_CONSTRAINT_H

#include "common/mplane/value.h"

/* A set has at most this many members. */
#define CONSTRAINT_MEMBERS 4096

enum constraint_kind { CONSTRAINT_ANY, CONSTRAINT_RANGE, CONSTRAINT_PREFIX, CONSTRAINT_SET };

struct constraint {
    enum constraint_kind kind;
    bool list;            /* "[C]": the parameter is a list of values, each of which must meet C */
    struct prefix prefix; /* CONSTRAINT_PREFIX */
    struct value low, high; /* CONSTRAINT_RANGE: inclusive, low <= high */
    struct value *members;  /* CONSTRAINT_SET, in the order given, each once; in the arena */
    uint32_t member_count;
};

/*
 * Reads a constraint for an element of this type; "" is any, as for the programs that accept it.
 * 0, or -1: error says what was expected and what was found.
 */
int constraint_parse(struct arena *a, enum primitive primitive, struct slice text,
                     struct constraint *constraint, char *error, size_t error_size);

/* The canonical text in the arena; members in the order given. .at NULL when memory is out. */
struct slice constraint_text(struct arena *a, const struct constraint *constraint);

/* Whether the value meets it. Null meets CONSTRAINT_ANY, and a set one of whose members it is. */
bool constraint_met(const struct constraint *constraint, const struct value *value);

#endif
