/* From a datagram to records or to a reject. */
#include "ingestd/intake.h"

#include <stdlib.h>

#include "common/log.h"

struct intake {
    const struct record_types *types;
    struct batches *batches;
    struct arena *arena; /* for one datagram */
    struct result_limits limits;
    struct prefix *allowed;
    size_t allowed_count; /* 0: everybody */
    /* The text of the last sender: datagrams tend to come several from one. */
    struct address sender;
    char sender_text[ADDRESS_TEXT_SIZE];
};

struct intake *intake_new(const struct record_types *types, struct batches *batches)
{
    struct intake *i = calloc(1, sizeof *i);
    if (i == NULL) {
        return NULL;
    }
    i->types = types;
    i->batches = batches;
    i->arena = arena_new(RESULT_ARENA_BYTES);
    if (i->arena == NULL) {
        intake_free(&i);
    }
    return i;
}

void intake_free(struct intake **i)
{
    if (*i != NULL) {
        arena_free(&(*i)->arena);
        free((*i)->allowed);
        free(*i);
        *i = NULL;
    }
}

static int set_allowed(struct intake *i, const struct config_strings *allow)
{
    struct prefix *allowed = calloc(allow->count + 1, sizeof *allowed);
    if (allowed == NULL) {
        return -1;
    }
    size_t count = 0;
    for (size_t k = 0; k < allow->count; k++) {
        if (prefix_parse(slice_of(allow->item[k]), &allowed[count]) == 0) {
            count++; /* always: the settings were checked */
        }
    }
    free(i->allowed);
    i->allowed = allowed;
    i->allowed_count = count;
    return 0;
}

int intake_configure(struct intake *i, const struct settings *s)
{
    i->limits = (struct result_limits){
        .json = {.depth = (uint32_t)s->max_depth,
                 .nodes = (uint32_t)s->max_values,
                 .string_bytes = (uint32_t)s->max_string_bytes},
        .rows = (uint32_t)s->max_rows,
        .past_us = s->past_limit_s * 1000000,
        .future_us = s->future_limit_s * 1000000,
    };
    return set_allowed(i, &s->allow);
}

static bool is_allowed(const struct intake *i, const struct address *sender)
{
    for (size_t k = 0; k < i->allowed_count; k++) {
        if (prefix_contains(&i->allowed[k], sender)) {
            return true;
        }
    }
    return i->allowed_count == 0;
}

static void refuse_input(struct intake *i, const struct udp_datagram *d,
                         const struct refusal *refusal, int64_t now_us)
{
    static struct log_limit said;
    char sender[64];
    bool six = d->sender.family == 6;
    size_t most = (size_t)settings.reject_head_bytes;
    snprintf(sender, sizeof sender, "%s%s%s:%u", six ? "[" : "", i->sender_text, six ? "]" : "",
             (unsigned)d->port);
    counters[COUNT_REJECTED + refusal->reason]++;
    if (log_allowed(&said, 5)) {
        log_warn("input.rejected", "sender=%s reason=%s bytes=%zu detail=\"%s\"", sender,
                 result_reason_name(refusal->reason), d->bytes.len, refusal->detail);
    }
    struct reject_message reject = {
        .reason = slice_of(result_reason_name(refusal->reason)),
        .detail = slice_of(refusal->detail),
        .sender = slice_of(sender),
        .received_us = d->received_us,
        .size_bytes = d->bytes.len,
        .head = {d->bytes.at, d->bytes.len < most ? d->bytes.len : most},
    };
    int rc = batches_reject(i->batches, &reject, now_us);
    counters[rc == 0 ? COUNT_REJECTS_KEPT : COUNT_REJECTS_NOT_KEPT]++;
}

static void name_sender(struct intake *i, const struct address *sender)
{
    if (memcmp(&i->sender, sender, sizeof *sender) != 0) {
        i->sender = *sender;
        address_text(sender, i->sender_text);
    }
}

static void account(struct intake *i, const struct udp_datagram *d, enum datagram_fate fate,
                    uint32_t reason, int64_t now_us)
{
    static const enum counter counter[] = {[DATAGRAM_ACCEPTED] = COUNT_DATAGRAMS_ACCEPTED,
                                           [DATAGRAM_EXCEPTION] = COUNT_DATAGRAMS_EXCEPTIONS,
                                           [DATAGRAM_REJECTED] = COUNT_DATAGRAMS_REJECTED};
    counters[counter[fate]]++;
    batches_datagram(i->batches, &d->sender, fate, reason, d->received_us, now_us);
}

void intake_datagram(struct intake *i, const struct udp_datagram *d, int64_t now_us)
{
    counters[COUNT_RECEIVED_DATAGRAMS]++;
    counters[COUNT_RECEIVED_BYTES] += d->bytes.len;
    if (!is_allowed(i, &d->sender)) {
        counters[COUNT_REJECTED_SENDER]++;
        account(i, d, DATAGRAM_REJECTED, ACCOUNT_SENDER_REFUSED, now_us);
        return;
    }
    name_sender(i, &d->sender);
    struct result_origin origin = {slice_of(i->sender_text), d->received_us};
    struct result_set set;
    arena_reset(i->arena);
    result_read(i->arena, d->bytes, i->types, &i->limits, &origin, &set);
    counters[COUNT_EXCEPTIONS] += set.exceptions;
    if (set.results != NULL) {
        account(i, d, DATAGRAM_ACCEPTED, 0, now_us);
    } else if (set.refusals != NULL) {
        account(i, d, DATAGRAM_REJECTED, set.refusals->reason, now_us);
    } else {
        account(i, d, DATAGRAM_EXCEPTION, 0, now_us);
    }
    for (struct result *r = set.results; r != NULL; r = r->next) {
        counters[COUNT_ACCEPTED_RESULTS]++;
        for (uint32_t k = 0; k < r->count; k++) {
            if (batches_add(i->batches, &r->schema, &r->records[k], d->received_us, now_us) == 0) {
                counters[COUNT_ACCEPTED_RECORDS]++;
            }
        }
    }
    for (const struct refusal *f = set.refusals; f != NULL; f = f->next) {
        refuse_input(i, d, f, now_us);
    }
}
