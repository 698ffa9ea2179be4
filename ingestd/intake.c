/* SPDX-License-Identifier: Apache-2.0 */
/* From a datagram to records or to a reject; what is the same for bodies. */
#include "ingestd/intake_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "ingestd/reject_context.h"

/* What is told to who sends what is too old. */
#define ARCHIVES "archives are put in as files"

/* Of one datagram or body: each of its rejects holds its first bytes, which may be 64 KiB. */
#define REJECTS_KEPT 16

/* Of what comes too fast so many are kept in a second, to see what it is. */
#define TOO_FAST_KEPT 1

#define DAY_US INT64_C(86400000000)

struct intake *intake_new(struct batches *batches)
{
    struct intake *i = calloc(1, sizeof *i);
    if (i == NULL) {
        return NULL;
    }
    i->means = (struct result_means){NULL, identity_new()};
    i->batches = batches;
    i->arena = arena_new(RESULT_ARENA_BYTES);
    i->budgets = budgets_new();
    if (i->means.identity == NULL || i->budgets == NULL || i->arena == NULL) {
        intake_free(&i);
    }
    return i;
}

void intake_free(struct intake **i)
{
    if (*i != NULL) {
        identity_free(&(*i)->means.identity);
        record_types_free(&(*i)->types);
        format_files_free(&(*i)->formats);
        arena_free(&(*i)->arena);
        sender_rules_free(&(*i)->rules);
        budgets_free(&(*i)->budgets);
        signed_door_free(&(*i)->door);
        free((*i)->allowed);
        free(*i);
        *i = NULL;
    }
}

void intake_take_types(struct intake *i, struct record_types *types)
{
    record_types_free(&i->types);
    i->types = types;
    i->means.types = types;
}

void intake_take_formats(struct intake *i, struct format_files *formats,
                         const struct listener_list *list)
{
    format_files_free(&i->formats);
    i->formats = formats;
    for (uint32_t k = 0; k < list->count; k++) {
        i->of_listener[k] = format_files_find(formats, slice_of(list->at[k].format));
        i->authenticated[k] = list->at[k].authenticated;
    }
}

void intake_take_door(struct intake *i, struct signed_door *door)
{
    signed_door_free(&i->door);
    i->door = door;
}

const struct signed_door *intake_door(const struct intake *i)
{
    return i->door;
}

void intake_take_access(struct intake *i, const struct access *access)
{
    i->access = access;
    if (i->door != NULL) {
        signed_door_forget(i->door);
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

int intake_configure(struct intake *i, const struct ingestd_settings *s)
{
    i->limits = (struct result_limits){
        .json = {.depth = (uint32_t)s->max_depth,
                 .nodes = (uint32_t)s->max_values,
                 .string_bytes = (uint32_t)s->max_string_bytes},
        .rows = (uint32_t)s->max_rows,
    };
    i->body_limits = i->limits;
    i->body_limits.json.nodes = (uint32_t)s->body_values;
    i->body_limits.rows = (uint32_t)s->body_rows;
    const struct sender_options all = {s->past_limit_s, s->future_limit_s, s->longest_s};
    struct sender_rules *rules = sender_rules_read(&(struct document){0}, s->senders, &all);
    if (rules == NULL) {
        return -1;
    }
    sender_rules_free(&i->rules);
    i->rules = rules;
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

void intake_apply_limits(const struct received *r, struct result_origin *origin,
                         struct result_limits *limits)
{
    origin->zone = r->own.zone;
    limits->past_us = r->own.past_us;
    limits->past_of = r->own.past_of;
    limits->future_us = r->own.future_us;
    limits->longest_us = r->own.longest_us;
    limits->longest_of = r->own.longest_of;
    limits->advice = r->door == SENDER_FILE ? NULL : ARCHIVES;
}

void intake_refuse(struct intake *i, const struct received *r, const struct refusal *refusal,
                   bool keep, int64_t now_us)
{
    static struct log_limit said;
    char detail[LIMIT_TEXT_BYTES + 1];
    snprintf(detail, sizeof detail, "%s%s%.*s%s%s", r->format == NULL ? "" : r->format,
             r->format == NULL ? "" : ": ", (int)r->place.len, r->place.at,
             r->place.len > 0 ? ": " : "", refusal->detail);
    counters[COUNT_REJECTED + refusal->reason]++;
    if (log_allowed(&said, 5)) {
        log_warn("input.rejected", "sender=\"%s\" reason=%s bytes=%zu detail=\"%s\"", r->from,
                 result_reason_name(refusal->reason), r->bytes.len, detail);
    }
    struct reject_message reject = {
        .reason = slice_of(result_reason_name(refusal->reason)),
        .detail = slice_of(detail),
        .sender = slice_of(r->from),
        .received_us = r->received_us,
        .size_bytes = r->bytes.len,
        .head = {r->bytes.at, r->bytes.len < r->head_most ? r->bytes.len : r->head_most},
        .door = slice_of(r->sender.door),
        .format = r->as,
        .context = r->context == NULL ? slice_of("") : reject_context(r->arena, r->context),
    };
    int rc = keep ? batches_reject(i->batches, &reject, now_us) : 1;
    counters[rc == 0 ? COUNT_REJECTS_KEPT : COUNT_REJECTS_NOT_KEPT]++;
}

void intake_account(struct intake *i, const struct received *r, enum datagram_fate fate,
                    uint32_t reason, int64_t now_us)
{
    static const enum counter counter[] = {[DATAGRAM_ACCEPTED] = COUNT_DATAGRAMS_ACCEPTED,
                                           [DATAGRAM_EXCEPTION] = COUNT_DATAGRAMS_EXCEPTIONS,
                                           [DATAGRAM_REJECTED] = COUNT_DATAGRAMS_REJECTED};
    counters[counter[fate]]++;
    batches_datagram(i->batches, &r->sender, fate, reason, r->received_us, now_us);
}

/* ---- budgets ---- */

static const char *budget_text(struct arena *a, enum budget_verdict verdict,
                               const struct sender_limits *own, const char *advice)
{
    const struct sender_budget *b = &own->budget;
    switch (verdict) {
    case BUDGET_RECORDS:
        return arena_printf(a,
                            "expected at most %" PRId64 " records a second of one sender, %" PRId64
                            " at once; the limit is records_per_s",
                            b->records_per_s, b->records_burst);
    case BUDGET_SERIES:
        return arena_printf(a,
                            "expected at most %" PRId64 " series of one sender in a day; the limit "
                            "is series_per_day",
                            b->series_per_day);
    case BUDGET_DAYS:
        return arena_printf(a,
                            "expected records of at most %d days of one sender in a day; the limit "
                            "is days_per_day%s%s",
                            b->days_per_day, advice == NULL ? "" : "; ",
                            advice == NULL ? "" : advice);
    case BUDGET_WITHIN:
        break;
    }
    return NULL;
}

/* In front of what else is refused: it may be sent again later. */
static void refuse_beyond(const struct received *r, struct result_set *set,
                          enum budget_verdict verdict)
{
    static const enum result_reason reasons[] = {[BUDGET_RECORDS] = RESULT_BUDGET_RECORDS,
                                                 [BUDGET_SERIES] = RESULT_BUDGET_SERIES,
                                                 [BUDGET_DAYS] = RESULT_BUDGET_DAYS};
    struct refusal *f = arena_alloc(r->arena, sizeof *f);
    const char *detail =
        budget_text(r->arena, verdict, &r->own, r->door == SENDER_FILE ? NULL : ARCHIVES);
    if (f == NULL) {
        f = set->refusals != NULL ? set->refusals : &set->spare; /* at least the reason is told */
    }
    if (f != set->refusals) {
        f->next = set->refusals;
    }
    f->reason = reasons[verdict];
    f->detail = detail == NULL ? "more than one sender may have" : detail;
    set->refusals = f;
}

void intake_keep_within(struct intake *i, const struct received *r, struct result_set *set,
                        int64_t now_us)
{
    struct result **link = &set->results;
    bool begun = false;
    while (r->door != SENDER_IMPORT && *link != NULL) {
        const struct result *one = *link;
        enum budget_verdict verdict =
            budgets_take(i->budgets, r->door, r->name, &r->own.budget, one->records, one->count,
                         begun, r->received_us, now_us);
        if (verdict == BUDGET_WITHIN) {
            begun = true;
            link = &(*link)->next;
        } else {
            *link = one->next;
            refuse_beyond(r, set, verdict);
        }
    }
}

/* A sender that comes too fast shall not fill what is kept of others. */
static bool may_be_kept(const struct refusal *f)
{
    static struct log_limit kept;
    return f->reason != RESULT_BUDGET_RECORDS || log_allowed(&kept, TOO_FAST_KEPT);
}

/* Whether one of its records is of a day that stored need not have. */
static bool is_of_old(const struct received *r, const struct result_set *set)
{
    int64_t today = r->received_us / DAY_US;
    for (const struct result *one = set->results; one != NULL; one = one->next) {
        for (uint32_t k = 0; k < one->count; k++) {
            int64_t day = one->records[k].t_start_us / DAY_US;
            if (day < today - 1 || day > today + 1) {
                return true;
            }
        }
    }
    return false;
}

struct intake_outcome intake_take_set(struct intake *i, const struct received *r,
                                      const struct result_set *set, int64_t now_us)
{
    struct intake_outcome out = {
        .exceptions = set->exceptions, .undated = set->undated, .reason = "", .detail = ""};
    counters[COUNT_EXCEPTIONS] += set->exceptions;
    if (set->results != NULL) {
        batches_of_old(i->batches, is_of_old(r, set), now_us);
        intake_account(i, r, DATAGRAM_ACCEPTED, 0, now_us);
    } else if (set->refusals != NULL) {
        intake_account(i, r, DATAGRAM_REJECTED, set->refusals->reason, now_us);
    } else {
        intake_account(i, r, DATAGRAM_EXCEPTION, 0, now_us);
    }
    for (const struct result *one = set->results; one != NULL; one = one->next) {
        counters[COUNT_ACCEPTED_RESULTS]++;
        out.results++;
        out.records += one->count;
        for (uint32_t k = 0; k < one->count; k++) {
            if (batches_add(i->batches, &one->schema, &one->records[k], r->received_us, now_us) ==
                0) {
                counters[COUNT_ACCEPTED_RECORDS]++;
            }
        }
    }
    for (const struct refusal *f = set->refusals; f != NULL; f = f->next) {
        intake_refuse(i, r, f, out.rejected < REJECTS_KEPT && may_be_kept(f), now_us);
        out.rejected++;
        out.of_reason[f->reason]++;
    }
    if (set->refusals != NULL) {
        out.reason = result_reason_name(set->refusals->reason);
        out.detail = set->refusals->detail;
    }
    return out;
}

uint32_t intake_allowed(const struct slice *globs, uint32_t globs_count, struct pattern *patterns)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < globs_count; k++) {
        if (globs[k].at != NULL && pattern_compile(globs[k], false, &patterns[count]) == 0) {
            count++;
        }
    }
    return count;
}

/* ---- datagrams ---- */

static void name_sender(struct intake *i, const struct address *sender)
{
    if (memcmp(&i->sender, sender, sizeof *sender) != 0) {
        i->sender = *sender;
        address_text(sender, i->sender_text);
    }
}

static const struct format_context nothing_known;

/* By a format (NULL: mPlane's), which is told with what is refused. */
static void read_datagram(struct intake *i, struct received *r, const struct format_file *file,
                          const struct format_context *context, const struct result_limits *limits,
                          const struct result_origin *origin, struct result_set *set)
{
    r->as = slice_of(file == NULL ? FORMAT_MPLANE : file->name);
    r->context = context;
    if (file == NULL) {
        result_read(r->arena, r->bytes, &i->means, limits, origin, set);
        return;
    }
    const struct result_mapping mapping = {slice_of(file->name), file->format, context};
    r->format = file->name;
    result_read_mapped(r->arena, r->bytes, &mapping, &i->means, limits, origin, set);
}

void intake_name_origin(const struct intake *i, const struct udp_datagram *d,
                        char from[ADDRESS_TEXT_SIZE + 16])
{
    bool six = d->sender.family == 6;
    snprintf(from, ADDRESS_TEXT_SIZE + 16, "%s%s%s:%u", six ? "[" : "", i->sender_text,
             six ? "]" : "", (unsigned)d->port);
}

void intake_take_content(struct intake *i, const struct udp_datagram *d, struct received *r,
                         const struct format_context *context, struct result_origin *origin,
                         char *from, int64_t now_us)
{
    struct result_limits limits = i->limits;
    struct result_set set;
    sender_rules_limits(i->rules, r->door, r->name, &d->sender, &r->own);
    intake_apply_limits(r, origin, &limits);
    arena_reset(i->arena);
    read_datagram(i, r, i->of_listener[d->listener], context, &limits, origin, &set);
    intake_keep_within(i, r, &set, now_us);
    if (set.refusals != NULL && from != NULL) {
        intake_name_origin(i, d, from);
    }
    intake_take_set(i, r, &set, now_us);
}

static void take_unsigned(struct intake *i, const struct udp_datagram *d, struct received *r,
                          int64_t now_us)
{
    char from[ADDRESS_TEXT_SIZE + 16];
    struct result_origin origin = {.sender = slice_of(i->sender_text), .now_us = d->received_us};
    r->from = from;
    r->name = origin.sender;
    intake_take_content(i, d, r, &nothing_known, &origin, from, now_us);
}

void intake_datagram(struct intake *i, const struct udp_datagram *d, int64_t now_us)
{
    struct received r = {.bytes = d->bytes,
                         .received_us = d->received_us,
                         .sender = {.door = sender_door_name(SENDER_UDP), .address = d->sender},
                         .as = slice_of(""),
                         .door = SENDER_UDP,
                         .head_most = (size_t)settings.reject_head_bytes,
                         .arena = i->arena};
    counters[COUNT_RECEIVED_DATAGRAMS]++;
    counters[COUNT_RECEIVED_BYTES] += d->bytes.len;
    if (!is_allowed(i, &d->sender)) {
        counters[COUNT_REJECTED_SENDER]++;
        intake_account(i, &r, DATAGRAM_REJECTED, ACCOUNT_SENDER_REFUSED, now_us);
        return;
    }
    name_sender(i, &d->sender);
    if (i->authenticated[d->listener]) {
        intake_take_signed(i, d, &r, now_us);
    } else {
        take_unsigned(i, d, &r, now_us);
    }
}
