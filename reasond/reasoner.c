/* SPDX-License-Identifier: Apache-2.0 */
/* Runs take turns of a few milliseconds, whichever has something to do. */
#include "reasond/reasoner.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <utlist.h>

#include "common/bus.h"
#include "common/daemon.h"
#include "common/deadline.h"
#include "common/log.h"
#include "reasond/dry_job.h"

const struct counter_row counter_rows[] = {REASONER_COUNTERS(COUNTER_ROW, GAUGE_ROW)};
uint64_t counters[COUNTERS];

/* A run, and its socket as the loop has it. */
struct reasoner_run {
    struct reasoner_run *prev, *next;
    struct dry_job *job;
    int fd;    /* -1: none is watched */
    bool busy; /* it has more to do at once */
};

static struct {
    zloop_t *loop;
    zsock_t *socket;
    const struct reasond_settings *settings;
    struct reasoner_run *runs;
    uint32_t count;
    struct deadline soon; /* somebody is busy */
    bool draining;
    struct log_limit said;
} self;

/* ---- what is told ---- */

static void send_packed(struct pack *p)
{
    struct slice frame = pack_bytes(p);
    if (!pack_ok(p) || bus_send(self.socket, &frame, 1) != 0) {
        if (log_allowed(&self.said, 5)) {
            log_warn("answer.undeliverable", "bytes=%zu", frame.len);
        }
    }
    pack_release(p);
}

static void tell_presence(void)
{
    struct pack p;
    const struct reasoner_message m = {.jobs = self.draining ? 0 : (uint64_t)self.settings->jobs};
    pack_init(&p);
    reasoner_encode(&p, &m);
    send_packed(&p);
}

/* Of a page whose records come: behind which series it is. */
static int64_t reached(const struct dry_job *job)
{
    return job->at < job->series_count ? job->series[job->at].id - 1 : job->series_last;
}

static void tell_progress(const struct dry_job *job)
{
    struct pack p;
    uint64_t most = (uint64_t)(job->series_most > 0 ? job->series_most : 1);
    uint64_t part = (uint64_t)reached(job) * 1000 / most;
    const struct progress_message m = {
        .id = job->id, .thousandths = part > 1000 ? 1000 : part, .records = job->records};
    pack_init(&p);
    progress_encode(&p, &m);
    send_packed(&p);
}

static void answer_with(struct dry_job *job, enum answer_status status, const char *message,
                        struct slice *cells, uint32_t count)
{
    static const char *const names[] = {COLUMNS_OF_TRY};
    struct slice columns[sizeof names / sizeof *names];
    struct answer_message m = {.id = job->id, .status = status, .message = slice_of(message)};
    struct pack p;
    if (status == ANSWER_OK) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            columns[i] = slice_of(names[i]);
        }
        m.columns = columns;
        m.columns_count = sizeof names / sizeof *names;
        m.cells = cells;
        m.cells_count = count;
    }
    pack_init(&p);
    answer_encode(&p, &m);
    send_packed(&p);
}

static void answer(struct dry_job *job)
{
    uint32_t count = 0;
    struct slice *cells = job->failed ? NULL : dry_answer(job, &count);
    if (!job->failed && cells == NULL) {
        dry_job_fail(job, ANSWER_UNAVAILABLE, "out of memory");
    }
    counters[job->status == ANSWER_OK        ? COUNT_ANSWERED
             : job->status == ANSWER_INVALID ? COUNT_INVALID
                                             : COUNT_UNAVAILABLE]++;
    answer_with(job, job->status, job->error, cells, count);
    log_info("run.done",
             "id=%" PRIu64 " status=%d records=%" PRIu64 " series=%" PRIu64 " ms=%" PRId64, job->id,
             (int)job->status, job->records, job->series_taken,
             (daemon_clock_us() - job->began_us) / 1000);
}

/* ---- runs ---- */

static void unwatch(struct reasoner_run *run)
{
    if (run->fd != -1) {
        zmq_pollitem_t item = {.fd = run->fd};
        zloop_poller_end(self.loop, &item);
        run->fd = -1;
    }
}

static void forget(struct reasoner_run *run)
{
    unwatch(run);
    DL_DELETE(self.runs, run);
    self.count--;
    counters[COUNT_RECORDS] += run->job->records;
    counters[COUNT_EDGE_RECORDS] += run->job->records_before;
    dry_job_free(&run->job);
    free(run);
    if (self.draining && self.runs == NULL) {
        daemon_finished(0);
    }
}

static int on_ready(zloop_t *loop, zmq_pollitem_t *item, void *context);

static int watch(struct reasoner_run *run)
{
    int fd = PQsocket(run->job->task.pg.conn);
    if (fd == run->fd) {
        return 0;
    }
    unwatch(run);
    zmq_pollitem_t item = {.fd = fd, .events = ZMQ_POLLIN};
    if (fd == -1 || zloop_poller(self.loop, &item, on_ready, run) == -1) {
        return -1;
    }
    zloop_poller_set_tolerant(self.loop, &item);
    run->fd = fd;
    return 0;
}

/* A turn of one run; it may be gone afterwards. */
static void go_on(struct reasoner_run *run)
{
    run->busy = dry_job_go_on(run->job, daemon_clock_us());
    if (run->job->phase != DRY_OVER && watch(run) == -1) {
        dry_job_fail(run->job, ANSWER_UNAVAILABLE, "the connection to the database is lost");
    }
    if (run->job->phase == DRY_OVER) {
        answer(run->job);
        forget(run);
    } else if (run->busy) {
        deadline_by(&self.soon, daemon_clock_us());
    }
}

static int on_ready(zloop_t *loop, zmq_pollitem_t *item, void *context)
{
    (void)loop;
    (void)item;
    go_on(context);
    return 0;
}

static void on_soon(void *context)
{
    struct reasoner_run *run, *next;
    (void)context;
    DL_FOREACH_SAFE(self.runs, run, next)
    {
        if (run->busy) {
            go_on(run);
        }
    }
}

/* ---- what is asked ---- */

static void malformed(const char *what)
{
    counters[COUNT_MALFORMED]++;
    if (log_allowed(&self.said, 5)) {
        log_warn("query.malformed", "reason=\"%s\"", what);
    }
}

static void on_query(struct slice bytes)
{
    struct reasoner_run *run = calloc(1, sizeof *run);
    struct dry_job *job =
        run == NULL ? NULL : dry_job_new(NULL, bytes, self.settings->database, daemon_clock_us());
    if (job == NULL) {
        free(run);
        malformed("not a query message, or memory is out");
        return;
    }
    counters[COUNT_RECEIVED]++;
    *run = (struct reasoner_run){.job = job, .fd = -1};
    DL_APPEND(self.runs, run);
    self.count++;
    if (self.count > (uint32_t)self.settings->jobs || self.draining) {
        dry_job_fail(job, ANSWER_UNAVAILABLE, "too many dry runs at once: ask again later");
    }
    dry_job_begin(job, daemon_clock_us());
    go_on(run);
}

static void on_cancel(struct slice bytes)
{
    struct cancel_message m;
    struct reasoner_run *run, *next;
    if (cancel_decode_all(bytes, NULL, &m) == -1) {
        malformed("not a cancel message");
        return;
    }
    DL_FOREACH_SAFE(self.runs, run, next)
    {
        if (run->job->id == m.id) {
            counters[COUNT_CANCELLED]++;
            log_info("run.cancelled", "id=%" PRIu64 " records=%" PRIu64, m.id, run->job->records);
            forget(run);
        }
    }
}

static int on_socket(zloop_t *loop, zsock_t *socket, void *context)
{
    struct bus_message m;
    int received;
    (void)loop;
    (void)context;
    while ((received = bus_receive(socket, &m)) != 1) {
        if (received == -1) {
            malformed("expected one frame");
            continue;
        }
        int number = m.count == 1 ? message_number(m.frames[0]) : -1;
        if (number == MESSAGE_query) {
            on_query(m.frames[0]);
        } else if (number == MESSAGE_cancel) {
            on_cancel(m.frames[0]);
        } else {
            malformed("expected a query or a cancel message");
        }
        bus_release(&m);
    }
    return 0;
}

/* ---- around ---- */

int reasoner_start(zloop_t *loop, zsock_t *socket, const struct reasond_settings *settings)
{
    self.loop = loop;
    self.socket = socket;
    self.settings = settings;
    deadline_init(&self.soon, loop, on_soon, NULL);
    if (zloop_reader(loop, socket, on_socket, NULL) == -1) {
        log_error("reasoner.start", "error=\"out of memory\"");
        return -1;
    }
    zloop_reader_set_tolerant(loop, socket);
    tell_presence();
    return 0;
}

void reasoner_drain(void)
{
    struct reasoner_run *run, *next;
    self.draining = true;
    tell_presence();
    DL_FOREACH_SAFE(self.runs, run, next)
    {
        dry_job_fail(run->job, ANSWER_UNAVAILABLE, "reasond is stopping");
        answer(run->job);
        forget(run);
    }
    daemon_finished(0);
}

void reasoner_tick(void)
{
    struct reasoner_run *run;
    if (self.socket == NULL) {
        return;
    }
    if (!self.draining) {
        tell_presence();
    }
    DL_FOREACH(self.runs, run)
    {
        tell_progress(run->job);
    }
    counters[COUNT_RUNNING] = self.count;
}

void reasoner_stop(void)
{
    while (self.runs != NULL) {
        forget(self.runs);
    }
    deadline_end(&self.soon);
    self.socket = NULL;
}
