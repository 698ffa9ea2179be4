/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a supervisor asks for, from the reply to a poll to the messages that answer it. Judged at
 * the same desk as what clients ask; knows no HTTP.
 */
#ifndef EZREPO_GW_SUPERVISOR_ERRANDS_H
#define EZREPO_GW_SUPERVISOR_ERRANDS_H

#include "mplane-gw/desk.h"
#include "mplane-gw/supervisors/supervisor_settings.h"

/* So many answers are waited for at once for one supervisor. */
#define ERRANDS_MAX 1024

struct errand;

struct errands {
    struct gateway *gateway;
    const struct supervisor_settings *settings;
    /* Where answers go; `identity` is who they are for, NULL whoever is at the URL. */
    void (*post)(void *context, const char *url, const char *identity, struct slice text);
    void *context;
    struct errand *first; /* waited for */
    size_t count;
};

/* What else a reply said. */
struct errands_news {
    size_t messages;
    bool has_callback;
    int64_t callback_us; /* since 1970 */
    char error[256];     /* why the reply is nonsense */
};

/*
 * Takes the reply to a poll, of the supervisor of that identity: an envelope, or one message. What
 * can be answered at once is posted at once; what cannot within answer_timeout_ms gets a receipt
 * and then its result. -1 when it is nonsense: then nothing was done.
 */
int errands_take(struct errands *e, const char *identity, struct slice body,
                 struct errands_news *news);

/*
 * Waits for the repeated questions of this identity that nobody waits for, taken up after a
 * restart: their answer at the end is to be posted.
 */
void errands_adopt(struct errands *e, const char *identity);

/*
 * What is still waited for is answered with an exception of this (constant) text, but for repeated
 * questions that outlive us: errands_adopt().
 */
void errands_give_up(struct errands *e, const char *why);

/* Forgets them all without a word. */
void errands_drop(struct errands *e);

#endif
