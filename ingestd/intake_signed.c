/* SPDX-License-Identifier: Apache-2.0 */
/* Signed datagrams: who sends them is whom the key stands for. */
#include <stdio.h>

#include "common/log.h"
#include "common/when_time.h"
#include "ingestd/intake_parts.h"

/* Of what is no true envelope so many are kept in a second, for each reason. */
#define SIGNED_KEPT 1

/* Nobody knows whose it is: its first bytes say enough, and what is wrong so is kept once a second.
 */
static void refuse_signed(struct intake *i, const struct udp_datagram *d, struct received *r,
                          const struct signed_arrival *a, int64_t now_us)
{
    static struct log_limit kept[RESULT_REASON_COUNT];
    char from[ADDRESS_TEXT_SIZE + 16];
    const struct refusal refusal = {.reason = a->reason, .detail = a->detail};
    if (!a->known) {
        intake_name_origin(i, d, from);
        r->from = from;
        r->head_most = SIGNED_HEAD_BYTES;
    }
    intake_account(i, r, DATAGRAM_REJECTED, a->reason, now_us);
    intake_refuse(i, r, &refusal, log_allowed(&kept[a->reason], SIGNED_KEPT), now_us);
}

static void count_signed(const struct signed_arrival *a)
{
    counters[COUNT_ENVELOPES_TAKEN]++;
    counters[a->missing < 0 ? COUNT_ENVELOPES_LATE : COUNT_ENVELOPES_SKIPPED] +=
        (uint64_t)(a->missing < 0 ? -a->missing : a->missing);
}

void intake_take_signed(struct intake *i, const struct udp_datagram *d, struct received *r,
                        int64_t now_us)
{
    struct signed_arrival a;
    char name[LIMIT_SENDER_BYTES + 1], time[WHEN_TEXT];
    struct pattern allowed[ACCESS_TYPES];
    struct format_context context;
    bool taken = signed_door_take(i->door, i->access, d->bytes, &d->sender, d->received_us,
                                  settings.envelope_window_s * 1000000, now_us, &a);
    if (a.known) {
        snprintf(name, sizeof name, "%s:%.*s", sender_door_name(SENDER_UDP),
                 SLICE_SHOWN(a.grant.identity, LIMIT_SENDER_BYTES));
        r->sender.name = slice_of(name);
        r->sender.address = (struct address){0};
        r->sender.missing = a.missing;
        r->from = name;
        r->name = a.grant.identity;
        r->bytes = a.content;
        count_signed(&a);
    }
    if (!taken) {
        refuse_signed(i, d, r, &a, now_us);
    } else {
        struct result_origin origin = {
            .sender = a.grant.identity,
            .now_us = d->received_us,
            .allowed = allowed,
            .allowed_count = intake_allowed(a.grant.labels, a.grant.types_count, allowed),
            .bound = a.bound};
        context.count = 0;
        if (i->of_listener[d->listener] != NULL) { /* mPlane's knows no time but its own */
            when_time_text(a.time_us, time);
            format_context_set(&context, slice_of("received"), slice_of(time));
        }
        intake_take_content(i, d, r, &context, &origin, NULL, now_us);
    }
}
