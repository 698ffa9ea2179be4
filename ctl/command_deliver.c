/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command deliver: what a tool wrote, in a format, to ingestd's own door on this machine. It is
 * on disk when that is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "ctl/format_given.h"
#include "ctl/format_options.h"
#include "ctl/interrupt.h"
#include "ctl/store_link.h"

#define ARENA_BYTES ((size_t)64 << 20)
#define BODY_BYTES  ((size_t)256 << 10) /* of what is followed: then it is delivered */
#define BODY_MS     200                 /* the same, so long after its first document */
#define AGAIN_MS    5000 /* without an answer: ingestd was started anew, or it was lost */
#define TRIES       24
#define BUSY_US     500000

static struct {
    const char *run_dir;
    bool follow;
} given;

static const struct ctl_option deliver_options[] = {
    {"run-dir", "DIR", &given.run_dir, NULL, "folder of the set's sockets", NULL},
    {"follow", NULL, NULL, &given.follow, "delivers standard input as it comes, until it ends",
     NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL}};

struct delivering {
    struct store_link link;
    struct arena *arena; /* the context; bodies */
    const struct format *format;
    const char *format_name, *name; /* of what is delivered, for messages */
    struct format_context context;
    const char *owner;
    uint64_t id, records, refused;
    bool said_busy;
};

/* ---- what is known beside the bytes ---- */

static int fill_context(struct delivering *d, int fd)
{
    arena_reset(d->arena);
    d->context.count = 0;
    return format_given_fill(d->arena, fd, fd == STDIN_FILENO ? "" : d->name, &d->context);
}

/* ---- one body ---- */

/* 0, or -1 after a complaint. */
static int send_body(struct delivering *d, struct slice body)
{
    static struct slice everything = {"*", 1};
    struct pack p;
    struct deliver_message m = {.id = d->id,
                                .door = DOOR_FILE,
                                .sender = slice_of(d->owner),
                                .place = slice_of(""),
                                .received_us = clock_utc_us(),
                                .allowed = &everything,
                                .allowed_count = 1,
                                .format = slice_of(d->format_name),
                                .context_names = d->context.names,
                                .context_names_count = d->context.count,
                                .context_values = d->context.values,
                                .context_values_count = d->context.count};
    pack_init(&p);
    deliver_encode(&p, &m);
    struct slice head = pack_bytes(&p);
    bool sent = pack_ok(&p) &&
                zmq_send(d->link.socket, head.at, head.len, ZMQ_DONTWAIT | ZMQ_SNDMORE) != -1 &&
                zmq_send(d->link.socket, body.at, body.len, ZMQ_DONTWAIT) != -1;
    pack_release(&p);
    if (!sent) {
        ctl_failed("%s: it could not be sent to ingestd", d->name);
    }
    return sent ? 0 : -1;
}

enum heard { HEARD_ANSWER, HEARD_BUSY, HEARD_OLD, HEARD_NOTHING, HEARD_FAULT };

/* HEARD_FAULT after a complaint. */
static enum heard take_answer(struct delivering *d, struct slice frame)
{
    struct delivered_message m;
    if (delivered_decode_all(frame, NULL, &m) == -1) {
        (void)store_link_strange(&d->link);
        return HEARD_FAULT;
    }
    if (m.id != d->id) {
        return HEARD_OLD; /* of one that was sent again */
    }
    if (m.outcome == DELIVERY_BUSY) {
        if (!d->said_busy) {
            ctl_failed("ingestd cannot take it yet: %.*s; waiting", (int)m.reason.len, m.reason.at);
        }
        d->said_busy = true;
        return HEARD_BUSY;
    }
    d->records += m.records;
    d->refused += m.rejected;
    if (m.rejected > 0) {
        ctl_failed("%s: %" PRIu64 " refused; the first as %.*s: %.*s", d->name, m.rejected,
                   (int)m.reason.len, m.reason.at, (int)m.detail.len, m.detail.at);
    }
    return HEARD_ANSWER;
}

/* What is heard of the body that was sent last. */
static enum heard hear(struct delivering *d, bool last_time)
{
    zmq_pollitem_t item = {.socket = d->link.socket, .events = ZMQ_POLLIN};
    enum heard heard = HEARD_OLD;
    zmq_msg_t bytes;
    struct slice frame;
    zmq_msg_init(&bytes);
    while (heard == HEARD_OLD) {
        int ready = zmq_poll(&item, 1, AGAIN_MS);
        if (ready == -1 && errno == EINTR) {
            continue;
        }
        if (ready == 0 && !last_time) {
            heard = HEARD_NOTHING;
        } else if (store_link_receive(&d->link, 0, &bytes, &frame) != 0) {
            heard = HEARD_FAULT;
        } else {
            heard = take_answer(d, frame);
        }
    }
    zmq_msg_close(&bytes);
    return heard;
}

/* Until it is answered; what is equal is stored once. 0, or -1 after a complaint. */
static int deliver(struct delivering *d, struct slice body)
{
    enum heard heard = HEARD_NOTHING;
    for (int tries = TRIES; heard == HEARD_NOTHING || heard == HEARD_BUSY;) {
        d->id++;
        tries = heard == HEARD_BUSY ? TRIES : tries - 1;
        heard = send_body(d, body) == -1 ? HEARD_FAULT : hear(d, tries == 0);
        if (heard == HEARD_BUSY) {
            usleep(BUSY_US);
        }
    }
    return heard == HEARD_ANSWER ? 0 : -1;
}

/* ---- documents, together ---- */

/* What is read and not yet delivered: whole documents, one behind the other. */
struct following {
    struct delivering *d;
    struct format_reading *reading;
    struct arena *arena; /* of one document */
    int fd;
    char *body;
    size_t size, len;
    int64_t begun_us; /* when the first of what waits came */
    bool any;         /* there was something but blanks */
};

/* What waits. What has no time of its own was measured when the file was changed, else now: so
 * BODY_MS is well below the second that rounds of tools take; two that are alike would be one
 * record. */
static int flush(struct following *f)
{
    struct slice body = {f->body == NULL ? "" : f->body, f->len};
    f->len = 0;
    return fill_context(f->d, f->fd) != CTL_DONE ? -1 : deliver(f->d, body);
}

/* A document, or what is none and shall be refused where that is kept. A large one goes by itself,
 * lest those before it are refused with it. */
static int add(struct following *f, struct slice bytes)
{
    if (f->len > 0 && f->len + bytes.len >= BODY_BYTES && flush(f) == -1) {
        return -1;
    }
    if (f->len == 0) {
        f->begun_us = clock_steady_us();
    }
    if (f->size - f->len < bytes.len + 1) {
        size_t size = 2 * (f->len + bytes.len + 1);
        char *body = realloc(f->body, size);
        if (body == NULL) {
            ctl_failed("out of memory");
            return -1;
        }
        f->body = body;
        f->size = size;
    }
    memcpy(f->body + f->len, bytes.at, bytes.len);
    f->body[f->len + bytes.len] = '\n';
    f->len += bytes.len + 1;
    return f->len < BODY_BYTES ? 0 : flush(f);
}

static int take_bytes(struct following *f, struct slice bytes, bool last)
{
    struct format_outcome o;
    enum format_event event;
    int rc = 0;
    for (size_t i = 0; i < bytes.len && !f->any; i++) {
        f->any = strchr(" \t\r\n", bytes.at[i]) == NULL;
    }
    while (rc == 0 &&
           (event = format_next(f->reading, &bytes, last, f->arena, &o)) == FORMAT_DOCUMENT) {
        if (o.bytes.len > 0) {
            rc = add(f, o.bytes);
        } else if (o.faults != NULL && f->any) { /* else nothing is what it says something of */
            f->d->refused++;
            ctl_failed("%s: line %" PRIu64 ": %s", f->d->name, o.line, o.faults->why);
        }
        arena_reset(f->arena);
    }
    return rc;
}

/* Until when it may be waited for more, milliseconds; -1: for ever. */
static int patience(const struct following *f)
{
    int64_t left = BODY_MS - (clock_steady_us() - f->begun_us) / 1000;
    return f->len == 0 ? -1 : left < 0 ? 0 : (int)left;
}

/* Reads to the end; what waits for long is delivered meanwhile. */
static int read_to_end(struct following *f)
{
    static char buffer[65536];
    struct pollfd in = {.fd = f->fd, .events = POLLIN};
    ssize_t n = 1;
    int rc = 0;
    while (rc == 0 && n > 0) {
        int ready = poll(&in, 1, patience(f));
        if (ready == 0) {
            rc = flush(f);
            continue;
        }
        n = ready == -1 ? -1 : read(f->fd, buffer, sizeof buffer);
        if (n == -1 && errno == EINTR) {
            n = 1;
            continue;
        }
        if (n == -1) {
            ctl_failed("%s: %s", f->d->name, strerror(errno));
            rc = -1;
        }
        rc = rc == 0 ? take_bytes(f, (struct slice){buffer, n > 0 ? (size_t)n : 0}, n <= 0) : rc;
    }
    return rc == 0 && (f->len > 0 || !f->any) ? flush(f) : rc;
}

static int deliver_documents(struct delivering *d, int fd)
{
    static const struct format_limits limits = {.document_bytes = LIMIT_BODY_BYTES - 1,
                                                .line_bytes = 65507,
                                                .depth = 64,
                                                .values = 1000000,
                                                .string_bytes = 65507,
                                                .records = 1000000,
                                                .looked_at = FORMAT_LOOKED_AT};
    static const struct format_context nothing;
    struct following f = {.d = d, .fd = fd, .arena = arena_new(ARENA_BYTES)};
    int rc = -1;
    f.reading = format_begin(d->format, &nothing, &limits);
    if (f.arena == NULL || f.reading == NULL) {
        ctl_failed("out of memory");
    } else {
        rc = read_to_end(&f);
    }
    format_end(&f.reading);
    arena_free(&f.arena);
    free(f.body);
    return rc == 0 ? CTL_DONE : CTL_FAILED;
}

/* ---- a file ---- */

/* Where documents are meant together all of it goes as one body. */
static int deliver_whole(struct delivering *d, const char *name, int fd)
{
    int code = fill_context(d, fd);
    if (code != CTL_DONE) {
        return code;
    }
    struct slice body = ctl_read_file(d->arena, name, LIMIT_BODY_BYTES);
    return body.at == NULL || deliver(d, body) == -1 ? CTL_FAILED : CTL_DONE;
}

static int deliver_file(struct delivering *d, const char *name)
{
    bool standard = strcmp(name, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    d->name = standard ? "standard input" : name;
    if (fd == -1) {
        return ctl_failed("%s: %s", name, strerror(errno));
    }
    int code = format_remembers(d->format) ? deliver_whole(d, name, fd) : deliver_documents(d, fd);
    if (!standard) {
        close(fd);
    }
    return code;
}

static int follow(struct delivering *d)
{
    d->name = "standard input";
    interrupt_once_passes();
    return format_remembers(d->format)
               ? ctl_failed("--follow: documents of the format %s are meant together; deliver them "
                            "as one file",
                            d->format_name)
               : deliver_documents(d, STDIN_FILENO);
}

/* ---- the command ---- */

static int deliver_all(struct delivering *d, const char *const *files, int count)
{
    int code = store_link_open(&d->link, given.run_dir, ENDPOINT_DELIVER, "ingestd");
    if (code != CTL_DONE) {
        return code;
    }
    d->owner = ctl_user();
    if (given.follow) {
        code = follow(d);
    }
    for (int i = 0; !given.follow && i < count; i++) {
        int one = deliver_file(d, files[i]);
        code = one != CTL_DONE ? one : code;
    }
    store_link_close(&d->link);
    printf("%" PRIu64 " record%s taken, %" PRIu64 " refused\n", d->records,
           d->records == 1 ? "" : "s", d->refused);
    return code != CTL_DONE ? code : d->refused > 0 ? CTL_FAILED : CTL_DONE;
}

int ctl_deliver(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {deliver_options, format_options,
                                                         format_given_options, NULL};
    const char *words[1 + CTL_TEXTS];
    struct delivering d = {.records = 0};
    int count, code;
    if (ctl_options(self, groups, argc, argv, words, 1, 1 + CTL_TEXTS, &count, &code) == -1) {
        return code;
    }
    if (given.follow != (count == 1)) {
        return ctl_usage("--format: expected files, or --follow for standard input");
    }
    struct format *format = format_options_one(words[0]);
    if (format == NULL || format_given_check(words[0], format) == -1) {
        format_free(&format);
        return CTL_FAILED;
    }
    d.format = format;
    d.format_name = words[0];
    d.arena = arena_new(ARENA_BYTES);
    code = d.arena == NULL ? ctl_failed("out of memory") : deliver_all(&d, words + 1, count - 1);
    arena_free(&d.arena);
    format_free(&format);
    return code;
}
