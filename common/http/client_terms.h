/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients whose certificates end soon, of those that connected: their owners learn it from whoever
 * watches the set, before they are turned away. Pure.
 */
#ifndef EZREPO_HTTP_CLIENT_TERMS_H
#define EZREPO_HTTP_CLIENT_TERMS_H

#include <stdbool.h>
#include <stdint.h>

#define CLIENT_TERMS_MAX 64 /* so many are known at a time; of more some */

struct client_term {
    char *identity;
    int64_t ends_us;
};

/* All 0 at the beginning. */
struct client_terms {
    struct client_term at[CLIENT_TERMS_MAX];
    uint32_t count;
};

/*
 * This identity has shown a certificate that is good from one time to another, since 1970. It ends
 * soon within 14 days, but not before the last quarter of its life: one that lives a day is no
 * trouble all day. Another certificate of the same identity takes its place.
 */
void client_terms_saw(struct client_terms *t, const char *identity, int64_t begins_us,
                      int64_t ends_us, int64_t now_us);

/* That of them which ends first, or NULL; those that have ended are forgotten. */
const struct client_term *client_terms_first(struct client_terms *t, int64_t now_us);

void client_terms_release(struct client_terms *t);

#endif
