/*
 * What holds for the input of some senders, by the configuration: a list of rules, the first of
 * which that fits decides all; what it does not say is as for all senders.
 */
#ifndef EZREPO_INGESTD_SENDER_RULES_H
#define EZREPO_INGESTD_SENDER_RULES_H

#include "common/address.h"
#include "common/json.h"
#include "common/zone.h"

#define SENDER_RULES_MAX 256

enum sender_door { SENDER_UDP, SENDER_HTTPS, SENDER_FILE, SENDER_DOORS };

/* "udp", "https", "file". */
const char *sender_door_name(enum sender_door door);

struct sender_rule {
    const struct zone *zone;                 /* of times without an offset; NULL: UTC */
    int64_t past_us, future_us, duration_us; /* limits; -1: as for all senders */
};

struct sender_rules;

/*
 * The configuration's list: objects with `door` (any when it is missing), `sender` (a pattern as
 * for a grading's source; any), `time_zone`, `past_limit_s`, `future_limit_s`, `longest_s`. NULL
 * and, on standard error, a line for each fault; or when memory is out. The caller owns it; it
 * keeps nothing of the list.
 */
struct sender_rules *sender_rules_read(const struct json *list);
void sender_rules_free(struct sender_rules **r);

/* The rule for an address (whose text is `sender`) by UDP, an identity by HTTPS, the owner of a
 * file; NULL: none fits. */
const struct sender_rule *sender_rules_find(const struct sender_rules *r, enum sender_door door,
                                            struct slice sender, const struct address *address);

#endif
