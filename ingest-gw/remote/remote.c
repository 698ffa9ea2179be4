/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a request: read, put together, kept in the journal; who sent it is told once that is
 * synced. The way of a group: closed, delivered, marked in the journal, and the rows that nobody
 * needs any more removed from it.
 */
#include "ingest-gw/remote/remote.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/daemon.h"
#include "common/formats/format_files.h"
#include "common/grow.h"
#include "common/log.h"
#include "common/quote.h"
#include "ingest-gw/remote/remote_outbox.h"

#define SERIES_LABELS   128 /* more than what reads the document takes would never be read */
#define LABEL_BYTES     8192
#define GROUP_SAMPLES   4096
#define REMEMBERED      ((size_t)32 << 20) /* bytes of groups that were delivered */
#define REMEMBER_US     INT64_C(600000000)
#define FORGET_EVERY_US INT64_C(60000000)
#define READ_BYTES      ((size_t)64 << 20) /* for reading a row of the journal at a start */
#define LATE            "samples of a group that is closed, or of another value than before"

/* Who is to be told once the journal is synced. */
struct remote_waiting {
    uint64_t ticket, id;
};

struct remote {
    const struct remote_settings *settings;
    const struct format_files *formats;
    uint64_t version; /* of the formats */
    uint64_t *counters;
    remote_told *told;
    void *context;
    struct assembly *assembly;
    struct remote_journal *journal;
    struct outbox_kind outbox_kind;
    struct remote_outbox *outbox;
    struct event *synced, *due;
    struct remote_waiting *waiting; /* by their tickets */
    uint32_t waiting_first, waiting_count, waiting_size;
    uint64_t *spent; /* rows found at the start that nobody needs */
    uint32_t spent_count, spent_size;
    int64_t kept_us; /* when the last request came that the journal had at the start; 0: none */
    int64_t forget_us;
    uint64_t malformed;
};

static void count(struct remote *r, enum remote_counter which, uint64_t how_many)
{
    r->counters[which] += how_many;
}

static struct remote_limits limits_of(const struct remote *r, size_t bytes)
{
    uint32_t samples = (uint32_t)r->settings->remote_samples;
    return (struct remote_limits){.bytes = bytes,
                                  .series = samples,
                                  .labels = SERIES_LABELS,
                                  .label_bytes = LABEL_BYTES,
                                  .samples = samples};
}

static struct assembly_limits assembly_limits_of(const struct remote *r)
{
    return (struct assembly_limits){.groups = (uint32_t)r->settings->remote_groups,
                                    .bytes = (size_t)r->settings->remote_bytes,
                                    .group_samples = GROUP_SAMPLES,
                                    .closed_bytes = REMEMBERED,
                                    .remember_us = REMEMBER_US};
}

const struct assemble_rule *remote_rule(const struct remote *r, struct slice format)
{
    const struct format_file *file = format_files_find(r->formats, format);
    return file == NULL ? NULL : format_mapping_of(file->format)->assemble;
}

void remote_take_formats(struct remote *r, const struct format_files *formats)
{
    struct assembly_limits limits = assembly_limits_of(r);
    assembly_set_limits(r->assembly, &limits);
    r->formats = formats;
    r->version++;
}

/* ---- groups ---- */

/* The next time that something is due. */
static void set_timer(struct remote *r)
{
    int64_t due_us = assembly_due_us(r->assembly);
    if (due_us == INT64_MAX) {
        return;
    }
    int64_t us = due_us - daemon_clock_us();
    us = us < 1000 ? 1000 : us;
    const struct timeval wait = {us / 1000000, us % 1000000};
    evtimer_add(r->due, &wait);
}

static void send_ready(struct remote *r)
{
    assembly_pass_time(r->assembly, daemon_clock_us());
    outbox_send(r->outbox);
    set_timer(r);
}

static void on_due(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    send_ready(context);
}

static const struct assembly_group *next_group(void *context)
{
    struct remote *r = context;
    return assembly_next(r->assembly);
}

static void group_again(void *context, const struct assembly_group *g)
{
    struct remote *r = context;
    count(r, AT_REMOTE_AGAIN, 1);
    assembly_again(r->assembly, g);
}

static void row_over(void *context, uint64_t row)
{
    struct remote *r = context;
    static struct log_limit said;
    if (remote_journal_remove(r->journal, row) == -1 && log_allowed(&said, 2)) {
        log_warn("remote.memory", "effect=\"a request stays in the journal until the next start\"");
    }
}

static void group_done(void *context, const struct assembly_group *g,
                       const struct delivered_message *m)
{
    struct remote *r = context;
    static struct log_limit said;
    count(r, g->complete ? AT_REMOTE_COMPLETE : AT_REMOTE_INCOMPLETE, 1);
    count(r, AT_REMOTE_RECORDS, m->records);
    count(r, AT_REMOTE_REFUSED, m->rejected);
    if (m->rejected > 0 && log_allowed(&said, 10)) {
        log_info("remote.refused", "format=%s reason=%s detail=%s", QUOTED(g->format),
                 QUOTED(m->reason), QUOTED(m->detail));
    }
    /* The mark first: a row that is gone is known by it. */
    if (remote_journal_mark(r->journal, g, daemon_now_us()) == 0) {
        assembly_done(r->assembly, g, daemon_clock_us(), row_over, r);
    } else {
        group_again(r, g);
    }
}

/* ---- requests ---- */

static void tell_first(struct remote *r, bool kept)
{
    uint64_t id = r->waiting[r->waiting_first++].id;
    if (r->waiting_first == r->waiting_count) {
        r->waiting_first = r->waiting_count = 0;
    }
    r->told(r->context, id, kept);
}

static void on_synced(evutil_socket_t fd, short what, void *context)
{
    struct remote *r = context;
    (void)fd, (void)what;
    struct journal_synced done = remote_journal_synced(r->journal);
    while (r->waiting_first < r->waiting_count) {
        uint64_t ticket = r->waiting[r->waiting_first].ticket;
        if (ticket > done.synced && ticket > done.failed) {
            break;
        }
        tell_first(r, ticket <= done.synced);
    }
}

/* Room for one more that waits, and is told. -1: memory is out. */
static int reserve_waiting(struct remote *r)
{
    if (r->waiting_first > 0 && r->waiting_count == r->waiting_size) {
        r->waiting_count -= r->waiting_first;
        memmove(r->waiting, r->waiting + r->waiting_first, r->waiting_count * sizeof *r->waiting);
        r->waiting_first = 0;
    }
    struct remote_waiting *waiting =
        grow(r->waiting, r->waiting_count, &r->waiting_size, sizeof *waiting);
    r->waiting = waiting == NULL ? r->waiting : waiting;
    return waiting == NULL ? -1 : 0;
}

static void count_taken(struct remote *r, const struct remote_request *request,
                        const struct assembly_taken *taken)
{
    count(r, AT_REMOTE_REQUESTS, 1);
    count(r, AT_REMOTE_SAMPLES, taken->taken);
    count(r, AT_REMOTE_REPEATED, taken->repeated);
    count(r, AT_REMOTE_LATE, taken->late);
    count(r, AT_REMOTE_PASSED_OVER, taken->passed_over);
    count(r, AT_REMOTE_STALE, request->stale);
    count(r, AT_REMOTE_INVALID, request->invalid);
}

/* For whom groups are delivered, as they keep it. -1: memory is out. */
static int pack_door(const struct deliver_message *head, struct pack *door)
{
    struct deliver_message m = *head;
    m.id = 0;
    m.received_us = 0;
    m.late = slice_of("");
    pack_init(door);
    deliver_encode(door, &m);
    return pack_ok(door) ? 0 : -1;
}

/* What it says is on disk already, or will be with this: -1 when memory is out. */
static int keep_request(struct remote *r, const struct assembly_door *door, struct slice body,
                        uint64_t row, bool holds)
{
    const struct journal_request request = {.row = row,
                                            .received_us = daemon_now_us(),
                                            .format = door->format,
                                            .door = door->door,
                                            .body = body};
    return holds ? remote_journal_put(r->journal, &request) : 0;
}

static void keep_late(struct remote *r, const struct assembly_door *door,
                      const struct assembly_taken *taken)
{
    if (taken->late > 0 && outbox_refuse(r->outbox, door->door, taken->late_text, LATE) == -1) {
        count(r, AT_REMOTE_NOT_KEPT, taken->late);
    }
}

static enum remote_answer busy(struct remote_reply *reply, const char *why)
{
    reply->why = why;
    return REMOTE_BUSY;
}

static enum remote_answer take_request(struct remote *r, const struct assembly_door *door,
                                       const struct remote_request *request, struct slice body,
                                       uint64_t id, struct arena *a, struct remote_reply *reply)
{
    struct assembly_taken taken;
    uint64_t row = remote_journal_next_row(r->journal);
    int64_t now_us = daemon_clock_us();
    assembly_pass_time(r->assembly, now_us); /* as at a start, when the journal is read */
    if (reserve_waiting(r) == -1 ||
        assembly_take(r->assembly, door, request, row, now_us, a, &taken) == -1 ||
        keep_request(r, door, body, row, taken.holds) == -1) {
        return busy(reply, "out of memory");
    }
    count_taken(r, request, &taken);
    keep_late(r, door, &taken);
    reply->samples = taken.taken;
    reply->invalid = request->invalid;
    reply->why = request->why;
    send_ready(r);
    /* Also of what was there before it is not known whether it is on disk. */
    uint64_t ticket = remote_journal_ticket(r->journal);
    if (remote_journal_synced(r->journal).synced >= ticket) {
        return REMOTE_DONE;
    }
    r->waiting[r->waiting_count++] = (struct remote_waiting){ticket, id};
    return REMOTE_WAITS;
}

static enum remote_answer take_read(struct remote *r, const struct deliver_message *head,
                                    const struct remote_request *request, struct slice body,
                                    struct arena *a, struct remote_reply *reply)
{
    const struct assemble_rule *rule = remote_rule(r, head->format);
    size_t waiting = remote_journal_counts(r->journal).waiting_bytes;
    struct pack door;
    if (!assembly_has_room(r->assembly, request->count, arena_used(a)) ||
        waiting + body.len > (size_t)r->settings->remote_bytes) {
        return busy(reply, "too many samples wait for the rest of their groups");
    }
    enum remote_answer answer = busy(reply, "out of memory");
    if (rule != NULL && pack_door(head, &door) == 0) {
        const struct assembly_door of = {head->format, pack_bytes(&door), rule, r->version};
        answer = take_request(r, &of, request, body, head->id, a, reply);
    }
    pack_release(&door);
    return answer;
}

enum remote_answer remote_take(struct remote *r, const struct deliver_message *head,
                               struct slice body, size_t most_bytes, struct arena *a,
                               struct remote_reply *reply)
{
    struct remote_limits limits = limits_of(r, most_bytes);
    struct remote_request request;
    *reply = (struct remote_reply){.why = ""};
    enum remote_outcome outcome = remote_read(body, &limits, a, &request);
    reply->why = request.why;
    reply->bytes = request.bytes;
    switch (outcome) {
    case REMOTE_MALFORMED:
        return REMOTE_REFUSED;
    case REMOTE_TOO_LARGE:
        return REMOTE_OVERSIZED;
    case REMOTE_NO_MEMORY:
        return REMOTE_BUSY;
    case REMOTE_READ:
        break;
    }
    return take_read(r, head, &request, body, a, reply);
}

/* ---- what the journal has at a start ---- */

/* A time since 1970 by the clock that never steps. */
static int64_t steady_us(int64_t us)
{
    return daemon_clock_us() - (daemon_now_us() - us);
}

static int take_mark(void *context, const uint8_t key[ASSEMBLY_KEY_BYTES],
                     const struct assembly_mark *marks, uint32_t how_many, int64_t done_us)
{
    struct remote *r = context;
    return assembly_remember(r->assembly, key, marks, how_many, steady_us(done_us));
}

/* Such a row can be removed, once the journal is open. -1: memory is out. */
static int note_spent(struct remote *r, uint64_t row)
{
    uint64_t *spent = grow(r->spent, r->spent_count, &r->spent_size, sizeof *spent);
    if (spent == NULL) {
        return -1;
    }
    r->spent = spent;
    spent[r->spent_count++] = row;
    return 0;
}

/* At the time at which it came, so that groups that were closed before it are, whose delivery may
 * have no mark: what it has of them is late again. */
static int take_row(struct remote *r, const struct journal_request *row,
                    const struct assemble_rule *rule, struct arena *a)
{
    const struct remote_limits most = {READ_BYTES, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    const struct assembly_door door = {row->format, row->door, rule, r->version};
    struct remote_request request;
    struct assembly_taken taken;
    if (remote_read(row->body, &most, a, &request) != REMOTE_READ) {
        log_error("remote.journal", "row=%" PRIu64 " error=%s effect=\"it stays there\"", row->row,
                  QUOTED(slice_of(request.why)));
        return 0;
    }
    r->kept_us = steady_us(row->received_us);
    assembly_pass_time(r->assembly, r->kept_us);
    if (assembly_take(r->assembly, &door, &request, row->row, r->kept_us, a, &taken) == -1) {
        return -1;
    }
    return taken.holds ? 0 : note_spent(r, row->row);
}

static int take_kept(void *context, const struct journal_request *row)
{
    struct remote *r = context;
    const struct assemble_rule *rule = remote_rule(r, row->format);
    if (rule == NULL) {
        log_error("remote.journal",
                  "row=%" PRIu64 " format=%s effect=\"it stays there until there is such a format "
                  "again that says `assemble`\"",
                  row->row, QUOTED(row->format));
        return 0;
    }
    struct arena *a = arena_new(2 * READ_BYTES);
    int rc = a == NULL ? -1 : take_row(r, row, rule, a);
    arena_free(&a);
    return rc;
}

/* ---- its life ---- */

int64_t remote_until_us(const struct remote *r)
{
    int64_t oldest_us = assembly_oldest_us(r->assembly);
    return oldest_us == INT64_MAX ? INT64_MAX
                                  : daemon_now_us() - (daemon_clock_us() - oldest_us) - 1;
}

static int open_parts(struct remote *r, struct event_base *base)
{
    const struct assembly_limits limits = assembly_limits_of(r);
    const struct journal_reader reader = {r, take_mark, take_kept};
    r->assembly = assembly_new(&limits);
    r->journal = r->assembly == NULL ? NULL : remote_journal_open(r->settings->remote_dir, &reader);
    r->outbox = r->journal == NULL ? NULL : outbox_new(base, &r->outbox_kind);
    if (r->outbox == NULL) {
        return -1;
    }
    r->due = evtimer_new(base, on_due, r);
    r->synced = event_new(base, remote_journal_fd(r->journal), EV_READ | EV_PERSIST, on_synced, r);
    if (r->due == NULL || r->synced == NULL || event_add(r->synced, NULL) == -1) {
        log_error("remote.start", "error=\"out of memory\"");
        return -1;
    }
    return 0;
}

static void remove_spent(struct remote *r)
{
    for (uint32_t i = 0; i < r->spent_count; i++) {
        row_over(r, r->spent[i]);
    }
    free(r->spent);
    r->spent = NULL;
    r->spent_count = r->spent_size = 0;
}

struct remote *remote_new(struct event_base *base, const struct remote_settings *settings,
                          const struct format_files *formats, uint64_t *counters, remote_told *told,
                          void *context)
{
    struct remote *r = calloc(1, sizeof *r);
    if (r == NULL) {
        log_error("remote.start", "error=\"out of memory\"");
        return NULL;
    }
    r->settings = settings;
    r->formats = formats;
    r->version = 1;
    r->counters = counters;
    r->told = told;
    r->context = context;
    r->outbox_kind = (struct outbox_kind){r, next_group, group_done, group_again, &r->malformed};
    if (open_parts(r, base) == -1) {
        remote_free(&r);
        return NULL;
    }
    if (r->kept_us != 0) { /* since then nothing could come that a group still waits for */
        assembly_wait_longer(r->assembly, daemon_clock_us() - r->kept_us);
    }
    remove_spent(r);
    send_ready(r);
    log_info("remote.started", "groups=%" PRIu32 " remembered=%" PRIu32,
             assembly_counts(r->assembly).open, assembly_counts(r->assembly).closed);
    return r;
}

void remote_free(struct remote **r)
{
    if (*r == NULL) {
        return;
    }
    outbox_free(&(*r)->outbox);
    if ((*r)->due != NULL) {
        event_free((*r)->due);
    }
    if ((*r)->synced != NULL) {
        event_free((*r)->synced);
    }
    remote_journal_close(&(*r)->journal);
    assembly_free(&(*r)->assembly);
    free((*r)->waiting);
    free((*r)->spent);
    free(*r);
    *r = NULL;
}

static void tell_state(struct remote *r)
{
    struct assembly_counts now = assembly_counts(r->assembly);
    struct journal_counts journal = remote_journal_counts(r->journal);
    r->counters[AT_REMOTE_GROUPS] = (uint64_t)now.open + now.ready;
    r->counters[AT_REMOTE_BYTES] = now.bytes;
    r->counters[AT_REMOTE_COMMITS] = journal.commits;
    r->counters[AT_REMOTE_COMMIT_FAILURES] = journal.failures;
    daemon_trouble("remote", journal.failing, "%s",
                   journal.failing ? "the journal cannot be written" : "open");
}

void remote_tick(struct remote *r)
{
    int64_t now_us = daemon_clock_us();
    outbox_tick(r->outbox);
    send_ready(r);
    if (now_us >= r->forget_us) {
        r->forget_us = now_us + FORGET_EVERY_US;
        remote_journal_forget(r->journal, daemon_now_us() - REMEMBER_US);
    }
    tell_state(r);
}
