/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of ingestds and of the processes that deliver to them. Pure. */
#ifndef EZREPO_STORED_SIGNS_KNOWN_H
#define EZREPO_STORED_SIGNS_KNOWN_H

#include "common/presence.h"
#include "common/uuid_text.h"

#define SIGNS_KEEPER   "ingestd"
#define SIGNS_KEEP_NOW INT64_MIN          /* a keep_us: its clock was put back */
#define SIGNS_AHEAD_US INT64_C(300000000) /* a time so much later than now is a wrong clock's */
#define SIGNS_INGESTDS                                                                             \
    64 /* beyond these the one that was last heard of longest ago is forgotten                     \
        */

struct signs_process {
    struct presence_process as; /* as it was told last */
    bool told_absent;           /* the store says so */
    bool noted;                 /* its absences are in the store */
};

struct signs_ingestd {
    char instance[UUID_TEXT_BYTES];
    bool heard;         /* since the start, by its own signs; else it is known from the store */
    int64_t arrived_us; /* its last sign, or when it came to be known; of the steady clock */
    int64_t heard_us, until_us; /* as in the message */
    int64_t keep_us; /* when its last signs are to be written again; of the steady clock */
    struct signs_process process[LIMIT_PROCESSES]; /* the first one is itself */
    uint32_t count;
};

struct signs_known {
    struct signs_ingestd at[SIGNS_INGESTDS];
    uint32_t count;
    int64_t last_until_us; /* what signs_known_until() said last */
};

/* By now. 0; -1: the message is not well formed, or of no time that can be. */
int signs_known_take(struct signs_known *k, struct slice message, int64_t now_us, int64_t clock_us);

/* One that the store knows, with its last sign. */
void signs_known_add(struct signs_known *k, struct slice instance, struct slice process,
                     int64_t last_us, bool told_absent, int64_t clock_us);

/* Whether the i-th process is absent; of a gateway of an ingestd that is itself absent nobody
 * knows, so it is what was told. */
bool signs_known_is_absent(const struct signs_ingestd *g, uint32_t i, int64_t clock_us);

/* See signs.h. */
int64_t signs_known_until(struct signs_known *k, int64_t clock_us);
bool signs_known_misses(const struct signs_known *k, struct slice ingestd, struct slice door,
                        int64_t clock_us);

/* We stood still ourselves: who could not be heard meanwhile has as long again. */
void signs_known_wait(struct signs_known *k, int64_t clock_us);

/* The i-th process of it goes; with the first all of it. */
void signs_known_forget(struct signs_known *k, uint32_t ingestd, uint32_t i);

#endif
