/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each method and path leads to. Before that it is known who asks, by the peer's certificate
 * or by a token, and that he may ask now; who is nobody comes to no door.
 */
#ifndef EZREPO_DOORS_H
#define EZREPO_DOORS_H

#include "ingest-gw/ingest.h"
#include "schemas/messages.h"

#define DOOR_PATH_BYTES 512 /* of a request's path, the NUL included */

/* Who asks. Texts live until the next request. */
struct door_guest {
    const char *identity;
    const char *token;           /* its name; NULL: it is a certificate */
    const char *denied;          /* why he may deliver nothing; NULL: he may */
    const struct slice *allowed; /* globs on labels LABEL_COLLECT + TYPE */
    uint32_t allowed_count;
    const struct slice *delivers; /* what binds him, as `deliver` takes it */
    uint32_t delivers_count;
};

/* A request that has come to a door. */
struct door_request {
    struct ingest *gateway;
    struct evhttp_request *request;
    struct connection *connection;
    const struct door_guest *guest;
    const char *rest; /* of the path, behind the door's */
};

/* Makes the server, whose sockets are open; -1 after an error was logged. */
int doors_prepare(struct ingest *g);

/* Accepts connections on the loop. -1 after an error was logged. */
int doors_start(struct ingest *g);

/* Once a second: ends slow connections, takes over what the server counts. */
void doors_tick(struct ingest *g);

#endif
