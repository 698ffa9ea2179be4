/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks: whose certificate it is, or whose token. */
#ifndef EZREPO_GUEST_H
#define EZREPO_GUEST_H

#include "ingest-gw/doors.h"

/* How a token may stand in the header Authorization. */
enum guest_scheme {
    GUEST_BEARER, /* "Bearer TOKEN" */
    GUEST_APIKEY  /* "ApiKey USER:TOKEN", as GLIMPSE's clients have it */
};

/* What was found out of a guest; zeroed at first. */
struct guest_found {
    struct door_guest guest;
    char token[ACCESS_NAME_BYTES + 1];
    struct slice labels[LIMIT_ALLOWED], rows[LIMIT_DELIVERS * DELIVERS_ROW];
    bool known;      /* else guest has nothing but an identity of "" */
    bool tried;      /* a token was shown, and is not good */
    int64_t wait_us; /* it has asked too much, and may again after so long */
};

/*
 * Looks who asks, and whether he may ask now; it counts as a request of his, or of the address of
 * one who is nobody. *found lives as long as the request is being looked at.
 */
void guest_find(struct ingest *g, struct evhttp_request *request, struct connection *c,
                enum guest_scheme scheme, struct guest_found *found);

#endif
