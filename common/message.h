/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structs, encoders, decoders and printers of the messages declared in schemas/messages.h.
 *
 * For each MESSAGE(name, ...):
 *   struct name_message;
 *   void name_encode(struct pack *p, const struct name_message *m);
 *       a failure sticks in the pack; what exceeds a limit of its own declaration is a failure
 *   int name_decode(struct unpack *u, struct arena *a, struct name_message *m);
 *       0, or -1 with the cursor unmoved; slices point into the bytes, lists live in the arena
 *   int name_decode_all(struct slice bytes, struct arena *a, struct name_message *m);
 *       the same, and nothing may be left over
 *   void name_print(FILE *f, const struct name_message *m);
 */
#ifndef EZREPO_MESSAGE_H
#define EZREPO_MESSAGE_H

#include <stdint.h>
#include <stdio.h>

#include "common/arena.h"
#include "common/pack.h"
#include "common/slice.h"
#include "common/unpack.h"
#include "schemas/messages.h"

#define MEMBER_UINT(name, max) uint64_t name;
#define MEMBER_INT(name)       int64_t name;
#define MEMBER_STR(name, max)  struct slice name;
#define MEMBER_UUID(name)      uint8_t name[16];
#define MEMBER_STRS(name, max, bytes)                                                              \
    struct slice *name;                                                                            \
    uint32_t name##_count;
#define MEMBER_UINTS(name, max)                                                                    \
    uint64_t *name;                                                                                \
    uint32_t name##_count;
#define MEMBER_ADDED()

#define DECLARE_MESSAGE(name, FIELDS)                                                              \
    struct name##_message {                                                                        \
        FIELDS(MEMBER_UINT, MEMBER_INT, MEMBER_STR, MEMBER_STR, MEMBER_UUID, MEMBER_STRS,          \
               MEMBER_UINTS, MEMBER_ADDED)                                                         \
    };                                                                                             \
    void name##_encode(struct pack *p, const struct name##_message *m);                            \
    int name##_decode(struct unpack *u, struct arena *a, struct name##_message *m);                \
    int name##_decode_all(struct slice bytes, struct arena *a, struct name##_message *m);          \
    void name##_print(FILE *f, const struct name##_message *m);

MESSAGES(DECLARE_MESSAGE)
#undef DECLARE_MESSAGE

/* The number that stands in the message's second field, from 0 in the order of MESSAGES. */
#define MESSAGE_NUMBER(name, FIELDS) MESSAGE_##name,
enum message_number { MESSAGES(MESSAGE_NUMBER) MESSAGE_COUNT };
#undef MESSAGE_NUMBER

/* The version of a message; 0 when these bytes are none. */
uint64_t message_version(struct slice bytes);

/* Which message these bytes claim to be; -1 when they are none of a version that is read. */
int message_number(struct slice bytes);

#endif
