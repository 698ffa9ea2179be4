/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capabilities that the gateway offers, as mPlane messages. Pure: no clock, no sockets.
 */
#ifndef EZREPO_GW_CAPABILITIES_H
#define EZREPO_GW_CAPABILITIES_H

#include "common/access/access.h"
#include "common/mplane/mplane_message.h"
#include "common/mplane/token.h"
#include "common/record_types.h"
#include "schemas/capability_list.h"

struct capability {
    enum capability_kind kind; /* what a specification of it asks for */
    struct mplane_message message;
    struct slice label; /* without the prefix that the message's has: rules name it by this */
    struct slice token;
};

/*
 * NULL: this identity may use it by these rules; else why not: "" where no role of it may, words
 * where one may but is bound to series, and what the capability tells or changes is not of series.
 */
const char *capability_denied(const struct capability *c, const struct access *a,
                              struct slice identity);

struct capabilities;

/*
 * Builds them with this registry URL and link, and with this before each label that peers see. r
 * has to know every element they name. NULL on a fault; then error says what. All is copied; the
 * caller owns the result.
 */
struct capabilities *capabilities_new(const char *registry_url, const char *link,
                                      const char *prefix, const struct registry *r, char *error,
                                      size_t error_size);
void capabilities_free(struct capabilities **c);

/*
 * LABEL_COLLECT + type for each of these URLs, its export, and each schema of each type in which
 * records are collected, in place of those there were; NULL ends the URLs. Pointers to these are
 * void then; those to all others hold. -1 on a fault: then error says what, and nothing changed.
 * The types may go afterwards.
 */
int capabilities_collect(struct capabilities *c, const struct record_types *types,
                         const char *const *export_urls, const struct registry *r, char *error,
                         size_t error_size);

size_t capabilities_count(const struct capabilities *c);
const struct capability *capabilities_at(const struct capabilities *c, size_t i);

/* The first of this label (without prefix), NULL when there is none. */
const struct capability *capabilities_by_label(const struct capabilities *c, struct slice label);

/* The one of that token, or NULL. */
const struct capability *capabilities_by_token(const struct capabilities *c, struct slice token);

/*
 * The specification with null for each parameter that it may leave out and does: paging and the
 * version of a grading, whose other value, 0, some supervisors drop; and with the result columns it
 * leaves out. In the arena; NULL when that is full.
 */
const struct mplane_message *capabilities_complete(struct arena *a, const struct capability *c,
                                                   const struct mplane_message *specification);

/*
 * The one whose schema (names of parameters and result columns, but for those that may be absent)
 * the specification has; NULL when there is none, and error says what the nearest one has
 * otherwise. Values, scope and registry are not looked at: mplane_message_fulfils() does.
 */
const struct capability *capabilities_match(const struct capabilities *c,
                                            const struct mplane_message *specification, char *error,
                                            size_t error_size);

#endif
