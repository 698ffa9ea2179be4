/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's multi interface in libevent's loop: requests of a process's own. Sets no option. */
#ifndef EZREPO_DOOR_CURL_LOOP_H
#define EZREPO_DOOR_CURL_LOOP_H

#include <curl/curl.h>
#include <event2/event.h>

struct curl_loop {
    struct event_base *base;
    CURLM *multi; /* NULL: libcurl is not in use */
    struct event *timer;
};

/* A part of whatever makes the request; its easy handle is the owner's. */
struct curl_transfer {
    CURL *easy;
    /* It has come to its end, and is not in the loop any more; never from within
     * curl_loop_begin(). */
    void (*done)(struct curl_transfer *transfer, CURLcode code);
};

/* -1 after an error was logged. */
int curl_loop_open(struct curl_loop *l, struct event_base *base);

/* All transfers are ended before. */
void curl_loop_close(struct curl_loop *l);

/* Takes CURLOPT_PRIVATE. 0, or -1: memory is out. */
int curl_loop_begin(struct curl_loop *l, struct curl_transfer *transfer);

/* Ends it without a word. */
void curl_loop_end(struct curl_loop *l, struct curl_transfer *transfer);

#endif
