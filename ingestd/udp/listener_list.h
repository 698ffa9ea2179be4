/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which UDP sockets there are to be, and what comes by them: mPlane results by those of `listen`,
 * by those of `listeners` what a format says, or signed datagrams. Pure.
 */
#ifndef EZREPO_INGESTD_LISTENER_LIST_H
#define EZREPO_INGESTD_LISTENER_LIST_H

#include "common/config.h"
#include "common/document.h"
#include "ingestd/udp/udp.h"

#define LISTENER_ENDPOINT_BYTES 80
#define LISTENER_FORMAT_BYTES   64

#define FORMAT_EXPECTED "the name of a format; \"ezrepo format list\" shows them"

struct listener {
    char endpoint[LISTENER_ENDPOINT_BYTES];
    char format[LISTENER_FORMAT_BYTES]; /* ""; mPlane */
    bool authenticated;                 /* takes nothing but envelopes: see signed/signed_door.h */
};

struct listener_list {
    uint32_t count;
    struct listener at[UDP_LISTENERS];
};

/*
 * Both options together; every fault is told with its place. is_format tells whether there is one
 * of a name. 0, or -1.
 */
int listener_list_read(struct document *d, const struct config_strings *listen,
                       const struct json *listeners,
                       bool (*is_format)(void *context, struct slice name), void *context,
                       struct listener_list *list);

/* Whether there is one that takes signed datagrams. */
bool listener_list_has_authenticated(const struct listener_list *list);

#endif
