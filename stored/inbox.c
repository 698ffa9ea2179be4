/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a batch until it is written. Does not look into records. */
#include "stored/inbox.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/grow.h"
#include "common/log.h"
#include "stored/beside/days.h"

#define STREAMS       4096               /* that are remembered */
#define FLUSH_BYTES   ((size_t)24 << 20) /* most of one flush, but at least one batch */
#define SCRATCH_BYTES ((size_t)1 << 16)

void batch_free(void *batch)
{
    struct batch *b = batch;
    if (b != NULL) {
        bus_release(&b->message);
        free(b->needs.at);
        free(b);
    }
}

int inbox_init(struct inbox *in, const struct store_settings *settings)
{
    *in = (struct inbox){.most_bytes = (size_t)settings->buffer_bytes};
    in->order =
        order_new(STREAMS, (uint32_t)settings->high_water * 4, settings->reorder_wait_ms * 1000);
    in->scratch = arena_new(SCRATCH_BYTES);
    return in->order == NULL || in->scratch == NULL ? -1 : 0;
}

void inbox_release(struct inbox *in)
{
    for (uint32_t i = 0; i < in->ready_count; i++) {
        batch_free(in->ready[i]);
    }
    for (uint32_t i = 0; i < in->aside_count; i++) {
        batch_free(in->aside[i]);
    }
    free(in->ready);
    order_free(&in->order, batch_free);
    arena_free(&in->scratch);
    *in = (struct inbox){0};
}

/* ---- receiving ---- */

/* Why the header cannot be used, or NULL. */
static const char *header_fault(struct batch *b)
{
    const struct batch_header_message *h = &b->header;
    if (b->message.count < 3) {
        return "expected a header, records or rejects, and accounts";
    }
    /* A header holds no lists: nothing is taken from an arena. */
    if (batch_header_decode_all(b->message.frames[0], NULL, &b->header) == -1) {
        return "not a batch header";
    }
    if (h->sequence > INT64_MAX || h->epoch > INT64_MAX) {
        return "a sequence or an epoch no ingestd comes to";
    }
    if (h->sequence == 0 || h->oldest > h->sequence || h->first > h->sequence) {
        return "oldest or first lies beyond the batch's own sequence";
    }
    return NULL;
}

/* What graded it; a message that cannot be read is for the flush to refuse. */
static uint64_t digest_of(struct inbox *in, const struct batch *b)
{
    struct grades_message grades;
    bool read = b->header.kind == BATCH_RECORDS && b->message.count == 4 &&
                grades_decode_all(b->message.frames[3], in->scratch, &grades) == 0;
    arena_reset(in->scratch);
    return read ? grades.digest : 0;
}

static struct stream_name stream_of(const struct batch_header_message *h)
{
    struct stream_name name = {.epoch = h->epoch, .shard = (uint16_t)h->shard};
    memcpy(name.instance, h->instance, sizeof name.instance);
    return name;
}

static void take(struct inbox *in, struct batch *b, struct acks *again, int64_t clock_us)
{
    const struct batch_header_message *h = &b->header;
    const struct stream_name name = stream_of(h);
    uint64_t oldest = h->oldest > h->first ? h->oldest : h->first;
    switch (order_offer(in->order, &name, h->sequence, oldest, clock_us - in->written_us, b)) {
    case ORDER_TAKEN:
        in->bytes += b->bytes;
        return;
    case ORDER_DONE:
        (void)acks_add(again, h);
        break;
    case ORDER_KNOWN:
        break;
    case ORDER_ERROR:
        log_error("batch.order", "error=\"memory is out\"");
        break;
    }
    batch_free(b);
}

bool inbox_receive(struct inbox *in, zsock_t *graded, struct acks *again, int64_t clock_us)
{
    static struct log_limit said;
    struct batch *b = calloc(1, sizeof *b);
    if (b == NULL) {
        return false;
    }
    int rc = bus_receive(graded, &b->message);
    if (rc == 1) {
        free(b);
        return false;
    }
    const char *fault = rc == -1 ? "more frames than a batch has" : header_fault(b);
    if (fault != NULL) {
        count_add(COUNT_MALFORMED_BATCHES, 1);
        if (log_allowed(&said, 5)) {
            log_warn("batch.malformed", "error=\"%s\"", fault);
        }
        batch_free(b);
        return true;
    }
    for (int i = 0; i < b->message.count; i++) {
        b->bytes += b->message.frames[i].len;
    }
    b->grading_digest = digest_of(in, b);
    count_add(COUNT_RECEIVED_BATCHES, 1);
    count_add(COUNT_RECEIVED_RECORDS, b->header.kind == BATCH_RECORDS ? b->header.count : 0);
    take(in, b, again, clock_us);
    return true;
}

/* ---- in order ---- */

static int reserve_ready(struct inbox *in)
{
    struct batch **ready =
        grow(in->ready, in->ready_count, &in->ready_size, sizeof(struct batch *));
    if (ready == NULL) {
        return -1;
    }
    in->ready = ready;
    return 0;
}

void inbox_wrote(struct inbox *in, int64_t us)
{
    in->written_us += us;
}

void inbox_sort(struct inbox *in, int64_t clock_us, bool all)
{
    int64_t waited_us = all ? INT64_MAX : clock_us - in->written_us;
    struct batch *b;
    while (reserve_ready(in) == 0 && (b = order_next(in->order, waited_us)) != NULL) {
        in->ready[in->ready_count++] = b;
        in->ready_records += b->header.count;
    }
}

/* A version that is not in force any more may have names that have no number any more. */
static bool has_names(struct inbox *in, const struct batch *b, const struct gradings *gradings)
{
    struct grades_message grades;
    bool known = true;
    if (b->header.grading_version == gradings->version || b->message.count != 4 ||
        grades_decode_all(b->message.frames[3], in->scratch, &grades) == -1) {
        grades.names_count = 0;
    }
    for (uint32_t i = 0; i < grades.names_count && known; i++) {
        known = grades.names[i].at == NULL || gradings_name(gradings, grades.names[i]) != 0;
    }
    arena_reset(in->scratch);
    return known;
}

/* Rejects are not graded; what names no version is malformed, which the flush finds. */
static bool is_foreign(struct inbox *in, const struct batch *b, const struct gradings *gradings)
{
    return b->header.kind == BATCH_RECORDS && b->header.grading_version != 0 &&
           (!gradings_have(gradings, b->header.grading_version, b->grading_digest) ||
            !has_names(in, b, gradings));
}

/* Forgets one that is not ready any more. It comes again. */
static void give_back(struct inbox *in, struct batch *b)
{
    const struct stream_name name = stream_of(&b->header);
    order_returned(in->order, &name, b->header.sequence);
    in->bytes -= b->bytes;
    batch_free(b);
}

void inbox_return(struct inbox *in, const struct gradings *gradings)
{
    static struct log_limit said;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < in->ready_count; i++) {
        struct batch *b = in->ready[i];
        const struct batch_header_message *h = &b->header;
        if (!is_foreign(in, b, gradings)) {
            in->ready[kept++] = b;
            continue;
        }
        count_add(COUNT_RETURNED_BATCHES, 1);
        if (log_allowed(&said, 5)) {
            log_warn("batch.returned",
                     "grading=%" PRIu64 " digest=%016" PRIx64
                     " reason=\"the store has no such grading, or not all its names any more\""
                     " effect=\"it comes again\"",
                     h->grading_version, b->grading_digest);
        }
        in->ready_records -= h->count;
        give_back(in, b);
    }
    in->ready_count = kept;
}

/* ---- batches that wait for partitions ---- */

/* Whether there is room for it and what it needs; for one there always is, or it would never be
 * written. */
static bool set_aside(struct inbox *in, struct batch *b, const struct flush_need *needs,
                      uint32_t count)
{
    size_t bytes = count * sizeof *b->needs.at;
    if (in->aside_count == INBOX_ASIDE ||
        (in->aside_count > 0 && in->aside_bytes + b->bytes + bytes > in->most_bytes / 2)) {
        return false;
    }
    free(b->needs.at);
    b->needs = (struct calendar_parts){malloc(bytes), 0, count};
    if (b->needs.at == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        b->needs.at[b->needs.count++] = needs[i].part;
    }
    in->aside_bytes += b->bytes;
    in->aside[in->aside_count++] = b;
    return true;
}

void inbox_put_aside(struct inbox *in, const struct flush_need *needs, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0, n; i < in->ready_count; i++) {
        struct batch *b = in->ready[i];
        for (n = 0; n < count && needs[n].batch == i; n++) {
        }
        if (n == 0) {
            in->ready[kept++] = b;
            continue;
        }
        in->ready_records -= b->header.count;
        if (!set_aside(in, b, needs, n)) {
            give_back(in, b);
        }
        needs += n;
        count -= n;
    }
    in->ready_count = kept;
}

static bool waits(struct batch *b, const struct store *store)
{
    const struct retention *r = &store->retention;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < b->needs.count; i++) {
        const struct calendar_part part = b->needs.at[i];
        if (!calendar_has(&store->calendar, part.day, part.class) &&
            part.day >= r->class[part.class].horizon_day) {
            b->needs.at[kept++] = part;
        }
    }
    b->needs.count = kept;
    return kept > 0;
}

/* They came before what is ready now. */
void inbox_take_up(struct inbox *in, const struct store *store)
{
    uint32_t kept = 0, taken = 0;
    for (uint32_t i = 0; i < in->aside_count; i++) {
        struct batch *b = in->aside[i];
        if (waits(b, store) || reserve_ready(in) == -1) {
            in->aside[kept++] = b;
            continue;
        }
        in->aside_bytes -= b->bytes;
        struct batch **at = &in->ready[taken++];
        memmove(at + 1, at, (in->ready_count++ - (taken - 1)) * sizeof(struct batch *));
        *at = b;
        in->ready_records += b->header.count;
    }
    in->aside_count = kept;
}

/* Into the list, newest first, where it is not there yet and is among the newest. */
static uint32_t want(struct calendar_part *parts, uint32_t count, uint32_t most,
                     struct calendar_part part)
{
    uint32_t at = count;
    while (at > 0 && (parts[at - 1].day < part.day ||
                      (parts[at - 1].day == part.day && parts[at - 1].class < part.class))) {
        at--;
    }
    if (at == most ||
        (at > 0 && parts[at - 1].day == part.day && parts[at - 1].class == part.class)) {
        return count;
    }
    count = count < most ? count + 1 : most;
    memmove(&parts[at + 1], &parts[at], (count - 1 - at) * sizeof *parts);
    parts[at] = part;
    return count;
}

uint32_t inbox_wanted(const struct inbox *in, const struct days *days, int64_t clock_us,
                      struct calendar_part *parts, uint32_t most)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < in->aside_count; i++) {
        const struct calendar_parts *needs = &in->aside[i]->needs;
        for (uint32_t n = 0; n < needs->count; n++) {
            if (!days_passes_over(days, needs->at[n], clock_us)) {
                count = want(parts, count, most, needs->at[n]);
            }
        }
    }
    return count;
}

/* ---- in portions ---- */

int64_t inbox_deadline(const struct inbox *in, int64_t flush_at_us)
{
    int64_t order = order_deadline(in->order);
    order = order == INT64_MAX ? order : order + in->written_us;
    return in->ready_count > 0 && flush_at_us < order ? flush_at_us : order;
}

uint32_t inbox_portion(const struct inbox *in, uint64_t records)
{
    uint32_t count = 0;
    uint64_t sum = 0;
    size_t bytes = 0;
    while (count < in->ready_count && sum < records) {
        sum += in->ready[count]->header.count;
        bytes += in->ready[count]->bytes;
        if (count > 0 && bytes > FLUSH_BYTES) {
            break;
        }
        count++;
    }
    return count;
}

void inbox_committed(struct inbox *in, uint32_t count, struct acks *acks)
{
    for (uint32_t i = 0; i < count; i++) {
        struct batch *b = in->ready[i];
        const struct batch_header_message *h = &b->header;
        const struct stream_name name = stream_of(h);
        order_committed(in->order, &name, h->sequence);
        (void)acks_add(acks, h);
        in->ready_records -= h->count;
        in->bytes -= b->bytes;
        batch_free(b);
    }
    in->ready_count -= count;
    memmove(in->ready, in->ready + count, in->ready_count * sizeof(struct batch *));
}
