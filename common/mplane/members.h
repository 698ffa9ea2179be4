/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of an mPlane message as JSON, sorted in one pass: which kind of message it is, and
 * where each of its sections stands. Only keys are looked at; what they hold is for others to
 * judge. Pure.
 */
#ifndef EZREPO_MPLANE_MEMBERS_H
#define EZREPO_MPLANE_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"

enum mplane_kind {
    MPLANE_CAPABILITY,
    MPLANE_SPECIFICATION,
    MPLANE_RESULT,
    MPLANE_RECEIPT,
    MPLANE_REDEMPTION,
    MPLANE_INTERRUPT,
    MPLANE_WITHDRAWAL,
    MPLANE_EXCEPTION,
    MPLANE_ENVELOPE
};
#define MPLANE_KINDS (MPLANE_ENVELOPE + 1)

/* "capability", "specification" ...: the key that names the kind. */
const char *mplane_kind_name(enum mplane_kind kind);

/* Each key that means something: KEY(constant, text). In the order in which members are written. */
#define MPLANE_KEYS(KEY)                                                                           \
    KEY(CAPABILITY, "capability")                                                                  \
    KEY(CONTENTS, "contents")                                                                      \
    KEY(ENVELOPE, "envelope")                                                                      \
    KEY(EXCEPTION, "exception")                                                                    \
    KEY(EXPORT, "export")                                                                          \
    KEY(INDIRECTION, "indirection")                                                                \
    KEY(INTERRUPT, "interrupt")                                                                    \
    KEY(LABEL, "label")                                                                            \
    KEY(LINK, "link")                                                                              \
    KEY(MESSAGE, "message")                                                                        \
    KEY(METADATA, "metadata")                                                                      \
    KEY(PARAMETERS, "parameters")                                                                  \
    KEY(RECEIPT, "receipt")                                                                        \
    KEY(REDEMPTION, "redemption")                                                                  \
    KEY(REGISTRY, "registry")                                                                      \
    KEY(RESULT, "result")                                                                          \
    KEY(RESULTS, "results")                                                                        \
    KEY(RESULTVALUES, "resultvalues")                                                              \
    KEY(SPECIFICATION, "specification")                                                            \
    KEY(TOKEN, "token")                                                                            \
    KEY(VERSION, "version")                                                                        \
    KEY(WHEN, "when")                                                                              \
    KEY(WITHDRAWAL, "withdrawal")

#define MPLANE_KEY_CONSTANT(constant, text) MPLANE_KEY_##constant,
enum mplane_key { MPLANE_KEYS(MPLANE_KEY_CONSTANT) MPLANE_KEY_COUNT };
#undef MPLANE_KEY_CONSTANT

const char *mplane_key_name(enum mplane_key key);

/* The key whose member names the kind. */
enum mplane_key mplane_kind_key(enum mplane_kind kind);

struct mplane_members {
    const struct json *message;
    const struct json *at[MPLANE_KEY_COUNT]; /* by enum mplane_key; NULL: there is none */
    /* How many of the members name a kind, and the last of these. Indirections are none of the
     * kinds: nobody uses them. */
    uint32_t kinds;
    enum mplane_kind kind;
};

/* What is no object has no members. Other members than those that mean something are passed over.
 */
void mplane_members_sort(const struct json *message, struct mplane_members *m);

/* Whether such messages can be read: of version 0 or 1, as a number or a string, or of none. */
bool mplane_version_is_known(const struct mplane_members *m);

/*
 * The text of a member that is a string; {NULL, 0} when there is no such member. So a message has
 * its token even if it cannot be read otherwise, for the exception that answers it: one without a
 * token breaks the peer's list of measurements.
 */
struct slice mplane_members_text(const struct mplane_members *m, enum mplane_key key);

/*
 * A value as text, which it is everywhere: a string or a number as it came, "True" or "False";
 * {NULL, 0} for null, which programs also write as "*". False for arrays and objects, which are no
 * values. Here since each cell of each datagram comes by.
 */
static inline bool mplane_value_text(const struct json *node, struct slice *text)
{
    *text = node->text;
    switch (node->type) {
    case JSON_STRING:
        if (text->len == 1 && text->at[0] == '*') {
            *text = (struct slice){NULL, 0};
        }
        return true;
    case JSON_NUMBER:
        return true;
    case JSON_NULL:
        *text = (struct slice){NULL, 0};
        return true;
    case JSON_TRUE:
        *text = slice_of("True");
        return true;
    case JSON_FALSE:
        *text = slice_of("False");
        return true;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return false;
}

#endif
