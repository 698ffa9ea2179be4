/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One supervisor that the gateway is registered with: polls it, hands on what it asks, posts what
 * answers it. When it may do what says supervisor_state.h.
 */
#ifndef EZREPO_GW_SUPERVISOR_H
#define EZREPO_GW_SUPERVISOR_H

#include "mplane-gw/supervisors/supervisor_settings.h"

struct supervisor;
struct gateway;

/*
 * Makes one of the gateway's, with a copy of the settings, and loads its certificates. NULL after
 * an error was logged. The caller owns it.
 */
struct supervisor *supervisor_new(struct gateway *g, const struct supervisor_settings *s);
void supervisor_free(struct supervisor **v);

/* Begins to talk to it: on the gateway's loop, when supervisor_http_start() has been called. */
int supervisor_start(struct supervisor *v);

/*
 * Other settings of the same URL, other certificates, other capabilities; one that was leaving
 * stays. -1 after an error was logged: then settings and certificates in force stay.
 */
int supervisor_configure(struct supervisor *v, const struct supervisor_settings *s);

const char *supervisor_url(const struct supervisor *v);

/*
 * Takes nothing more from it and withdraws what it was registered, if it is sure that it still has
 * it. What is under way is still answered, unless `at_once`.
 */
void supervisor_leave(struct supervisor *v, bool at_once);

/* Whether nothing is left to do after supervisor_leave(), or nothing that can be done soon. */
bool supervisor_has_left(const struct supervisor *v);

/* Questions whose answer is not there yet get an exception of this (constant) text. */
void supervisor_give_up(struct supervisor *v, const char *why);

struct supervisor_report {
    bool registered;
    size_t waiting;   /* messages to be posted */
    uint64_t dropped; /* messages that were not delivered */
    char text[200];   /* for people */
};
void supervisor_report(const struct supervisor *v, struct supervisor_report *report);

#endif
