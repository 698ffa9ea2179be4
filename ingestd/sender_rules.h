/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds for the input of a sender: the rule of the configuration's list that fits first; where
 * that says nothing the option for all doors; where that says nothing either, what suits the door.
 */
#ifndef EZREPO_INGESTD_SENDER_RULES_H
#define EZREPO_INGESTD_SENDER_RULES_H

#include "common/address.h"
#include "common/document.h"
#include "common/zone.h"

#define SENDER_RULES_MAX 256

enum sender_door {
    SENDER_UDP,
    SENDER_HTTPS,
    SENDER_FILE,
    SENDER_DOORS, /* for which there are rules, options and budgets */
    SENDER_IMPORT = SENDER_DOORS
};

/* "udp", "https", "file", "import". */
const char *sender_door_name(enum sender_door door);

/* See budgets.h. 0: any. */
struct sender_budget {
    int64_t records_per_s, records_burst; /* the second only with the first */
    int64_t series_per_day;
    int32_t days_per_day;
};

struct sender_limits {
    const struct zone *zone; /* of times without an offset; NULL: UTC */
    int64_t past_us, future_us, longest_us;
    const char *past_of, *longest_of; /* where the limit is set, in words; live as the rules do */
    struct sender_budget budget;
};

/* The options that hold at all doors, in seconds; -1: by door. */
struct sender_options {
    int64_t past_s, future_s, longest_s;
};

struct sender_rules;

/*
 * The configuration's list: objects with `door` (any when it is missing), `sender` (a pattern as
 * for a grading's source; any), `time_zone`, `past_limit_s`, `future_limit_s`, `longest_s`,
 * `records_per_s`, `records_burst`, `series_per_day`, `days_per_day`. NULL after each fault was
 * told. The caller owns it; it keeps nothing of the list, and copies the options.
 */
struct sender_rules *sender_rules_read(struct document *d, const struct json *list,
                                       const struct sender_options *options);
void sender_rules_free(struct sender_rules **r);

/*
 * What holds for an import: nothing but how far in the future it may lie, and how long it may have
 * lasted. No rule is for it: who imports is on this machine, and means what he does.
 *
 * What holds for an address (whose text is `sender`) by UDP, an identity by HTTPS, the owner of a
 * file. */
void sender_rules_limits(const struct sender_rules *r, enum sender_door door, struct slice sender,
                         const struct address *address, struct sender_limits *limits);

#endif
