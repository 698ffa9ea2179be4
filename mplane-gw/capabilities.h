/*
 * The capabilities that the gateway offers, as mPlane messages. Pure: no clock, no sockets.
 */
#ifndef EZREPO_GW_CAPABILITIES_H
#define EZREPO_GW_CAPABILITIES_H

#include "mplane-gw/message.h"
#include "mplane-gw/token.h"

/* What a specification of the capability asks for. */
enum capability_kind {
    CAPABILITY_COUNT,
    CAPABILITY_HISTOGRAM,
    CAPABILITY_PERIODS,
    CAPABILITY_EVENTS,
    CAPABILITY_RECORDS,
    CAPABILITY_ORIGINAL, /* the first EZRepo's "ezrepo": records by type, without paging */
    CAPABILITY_GET_GRADING,
    CAPABILITY_SET_GRADING
};

struct capability {
    enum capability_kind kind;
    struct mplane_message message;
    struct slice label;
    struct slice token;
};

struct capabilities;

/*
 * Builds them with this registry URL and link. r has to know every element they name. NULL on a
 * fault; then error says what. All is copied; the caller owns the result.
 */
struct capabilities *capabilities_new(const char *registry_url, const char *link,
                                      const struct registry *r, char *error, size_t error_size);
void capabilities_free(struct capabilities **c);

size_t capabilities_count(const struct capabilities *c);
const struct capability *capabilities_at(const struct capabilities *c, size_t i);

/* The one of that token, or NULL. */
const struct capability *capabilities_by_token(const struct capabilities *c, struct slice token);

/*
 * The one whose schema (parameter names, result columns) the specification has; NULL when there is
 * none, and error says what the nearest one has otherwise. Values, scope and registry are not
 * looked at: mplane_message_fulfils() does.
 */
const struct capability *capabilities_match(const struct capabilities *c,
                                            const struct mplane_message *specification, char *error,
                                            size_t error_size);

#endif
