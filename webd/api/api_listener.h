/* SPDX-License-Identifier: Apache-2.0 */
/* One who is told what changes: a request whose answer goes on. */
#ifndef EZREPO_API_LISTENER_H
#define EZREPO_API_LISTENER_H

#include <event2/bufferevent.h>

#include "webd/visitor.h"

/* From malloc; free()d when it is forgotten. */
struct api_listener {
    struct api_listener *next, *previous; /* utlist */
    struct web *web;
    struct api_listener **of; /* the list it is in */
    struct evhttp_request *request;
    struct bufferevent *socket;
    bool started;    /* the head was sent */
    bool by_session; /* so it came */
    uint64_t asker;  /* the hash of who asks */
    int64_t begun_us, told_us;
};

/* Sets it up, last in this list, for this request, which it takes over; it leaves with its peer. */
void api_listener_add(struct api_listener *l, struct web *w, struct api_listener **of,
                      struct evhttp_request *request, struct connection *c,
                      const struct visitor *v);

/* Tells it a part of the body. -1: it reads too slowly, or memory is out, and it is gone. */
int api_listener_tell(struct api_listener *l, struct slice text);

/* It is gone, and its connection once the end of the answer is sent. */
void api_listener_end(struct api_listener *l);

/* It is gone; its request is for the caller to answer. */
void api_listener_forget(struct api_listener *l);

#endif
