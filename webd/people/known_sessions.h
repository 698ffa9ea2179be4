/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that stored was asked for lately, so that it is not for each request. At most some
 * thousand: those that were confirmed last. Pure: the present is given. */
#ifndef EZREPO_KNOWN_SESSIONS_H
#define EZREPO_KNOWN_SESSIONS_H

#include <stdint.h>

#include "common/slice.h"
#include "schemas/messages.h"

#define SESSION_FRESH_US INT64_C(60000000)  /* so long it is not asked again */
#define SESSION_HELD_US  INT64_C(600000000) /* so long it holds while stored has no database */

struct known_session {
    uint8_t digest[LIMIT_DIGEST_BYTES];
    char user[LIMIT_USER_BYTES + 1]; /* "": the place is free */
    uint64_t version;                /* of who may do what, when it was confirmed */
    int64_t ends_us;                 /* time of day */
    int64_t confirmed_us;            /* by the clock */
};

struct known_sessions;

/* NULL when memory is out. The caller owns it. */
struct known_sessions *known_sessions_new(void);
void known_sessions_free(struct known_sessions **k);

/* Until another one is put. NULL: it is not known, or over. */
const struct known_session *known_sessions_find(const struct known_sessions *k,
                                                const uint8_t digest[LIMIT_DIGEST_BYTES],
                                                int64_t now_us);

/* Whether it need not be asked for; whether it holds although nobody can be. `version` is that of
 * who may do what: what was confirmed before that is not sure. */
bool known_session_is_fresh(const struct known_session *s, uint64_t version, int64_t clock_us);
bool known_session_holds(const struct known_session *s, uint64_t version, int64_t clock_us);

/* Stored has it; the user's name has at most LIMIT_USER_BYTES. */
const struct known_session *known_sessions_put(struct known_sessions *k,
                                               const struct known_session *s);

void known_sessions_forget(struct known_sessions *k, const uint8_t digest[LIMIT_DIGEST_BYTES]);

#endif
