/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command sign: what a tool wrote, or mPlane results, as authenticated datagrams, a document
 * each. For who measures elsewhere: it needs no set on its machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/split.h"
#include "ctl/format_options.h"
#include "ctl/interrupt.h"
#include "ctl/signing.h"
#include "ctl/udp_sender.h"

#define ARENA_BYTES  ((size_t)64 << 20)
#define FAULTS_SHOWN 20

static struct {
    const char *to, *rate, *format, *sequence;
    bool follow;
} given = {.to = "127.0.0.1:9900", .rate = "10000"};

static const struct ctl_option sign_options[] = {
    {"to", "HOST:PORT", &given.to, NULL,
     "where ingestd listens for authenticated datagrams; 127.0.0.1:9900 unless given", NULL},
    {"format", "FORMAT", &given.format, NULL, "what the tool wrote; mPlane results unless given",
     NULL},
    {"follow", NULL, NULL, &given.follow, "sends standard input as it comes, until it ends", NULL},
    {"rate", "N", &given.rate, NULL, "at most so many datagrams a second; 10000 unless given",
     NULL},
    {"sequence", "FILE", &given.sequence, NULL,
     "goes on with the sequence kept in this file, and keeps it there", NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL}};

struct sign_run {
    struct udp_sender udp;
    struct signing signing;
    const struct format *format; /* NULL: mPlane's */
    struct arena *arena;
    const char *file;
    uint64_t line, faults;
};

static void fault(struct sign_run *r, const char *what)
{
    if (r->faults++ < FAULTS_SHOWN) {
        ctl_failed("%s:%" PRIu64 ": %s", r->file, r->line, what);
    }
}

static void send_document(struct sign_run *r, struct slice document)
{
    static char datagram[UDP_SENDER_BYTES];
    size_t size = signing_make(&r->signing, document, clock_utc_us(), datagram);
    const char *wrong =
        size == 0 ? "expected a document of 1 ... 65454 bytes, found a longer or an empty one"
                  : udp_sender_send(&r->udp, (struct slice){datagram, size});
    if (wrong != NULL) {
        fault(r, wrong);
    }
}

/* ---- documents ---- */

/* What these bytes complete, by the rules of mPlane's doors; with `last`, all that is left. -1:
 * memory is out. */
static int send_results(struct sign_run *r, struct split *split, struct slice bytes, bool last)
{
    struct split_item item;
    enum split_event event;
    while ((event = split_next(split, &bytes, last, &item)) == SPLIT_ITEM || event == SPLIT_FAULT) {
        r->line = item.line;
        if (event == SPLIT_ITEM) {
            send_document(r, item.bytes);
        } else {
            fault(r, item.why);
        }
    }
    return event == SPLIT_NO_MEMORY ? -1 : 0;
}

/* The same by a format. */
static int send_documents(struct sign_run *r, struct format_reading *reading, struct slice bytes,
                          bool last)
{
    struct format_outcome o;
    enum format_event event;
    while ((event = format_next(reading, &bytes, last, r->arena, &o)) == FORMAT_DOCUMENT) {
        r->line = o.line;
        if (o.bytes.len > 0) {
            send_document(r, o.bytes);
        } else if (o.faults != NULL) {
            fault(r, o.faults->why);
        }
        arena_reset(r->arena);
    }
    return event == FORMAT_NO_MEMORY ? -1 : 0;
}

/* By read(), not fread(): what comes out of a pipe goes out when it comes. -1: memory is out. */
static int read_to_end(struct sign_run *r, int fd, struct format_reading *reading,
                       struct split *split)
{
    static char buffer[65536];
    int rc = 0;
    for (ssize_t n = 1; rc == 0 && n > 0;) {
        n = read(fd, buffer, sizeof buffer);
        if (n == -1) {
            fault(r, strerror(errno));
        }
        struct slice bytes = {buffer, n > 0 ? (size_t)n : 0};
        rc = r->format == NULL ? send_results(r, split, bytes, n <= 0)
                               : send_documents(r, reading, bytes, n <= 0);
    }
    return rc;
}

/* Each document of it. */
static void send_each(struct sign_run *r, int fd)
{
    static const struct format_context nothing;
    static const struct format_limits limits = {.document_bytes = SIGNED_CONTENT_BYTES,
                                                .line_bytes = SIGNED_CONTENT_BYTES,
                                                .depth = 64,
                                                .values = 1000000,
                                                .string_bytes = SIGNED_CONTENT_BYTES,
                                                .records = 1000000,
                                                .looked_at = FORMAT_LOOKED_AT};
    struct split *split = r->format == NULL ? split_new(false, SIGNED_CONTENT_BYTES) : NULL;
    struct format_reading *reading =
        r->format == NULL ? NULL : format_begin(r->format, &nothing, &limits);
    if ((split == NULL && reading == NULL) || read_to_end(r, fd, reading, split) == -1) {
        fault(r, "out of memory");
    }
    split_free(&split);
    format_end(&reading);
}

/* Documents that are meant together go as one datagram. */
static void send_whole(struct sign_run *r, int fd)
{
    static char bytes[SIGNED_CONTENT_BYTES + 1];
    size_t size = 0;
    for (ssize_t n = 1; n > 0 && size<sizeof bytes; size += n> 0 ? (size_t)n : 0) {
        n = read(fd, bytes + size, sizeof bytes - size);
        if (n == -1) {
            fault(r, strerror(errno));
        }
    }
    send_document(r, (struct slice){bytes, size});
}

static void send_file(struct sign_run *r, const char *name)
{
    bool standard = strcmp(name, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    r->file = standard ? "standard input" : name;
    r->line = 1;
    if (fd == -1) {
        fault(r, strerror(errno));
        return;
    }
    if (r->format != NULL && format_remembers(r->format)) {
        send_whole(r, fd);
    } else {
        send_each(r, fd);
    }
    if (!standard) {
        close(fd);
    }
}

/* ---- the command ---- */

static int send_files(struct sign_run *r, const char *const *files, int count)
{
    static const char *const standard = "-";
    int code = udp_sender_open(&r->udp, "to", given.to, given.rate);
    if (code != CTL_DONE) {
        return code;
    }
    if (given.follow) {
        interrupt_once_passes();
    }
    for (int i = 0; i < (given.follow ? 1 : count); i++) {
        send_file(r, given.follow ? standard : files[i]);
    }
    const char *wrong = udp_sender_last_word(&r->udp);
    if (wrong != NULL) {
        fault(r, wrong);
    }
    udp_sender_close(&r->udp);
    if (signing_end(&r->signing, given.sequence) == -1) {
        r->faults++;
    }
    printf("%" PRIu64 " sent, %" PRIu64 " faults\n", r->udp.sent, r->faults);
    return r->faults == 0 ? CTL_DONE : CTL_FAILED;
}

int ctl_sign(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {sign_options, format_options, NULL};
    const char *words[1 + CTL_TEXTS];
    struct sign_run r = {.faults = 0};
    int count, code;
    if (ctl_options(self, groups, argc, argv, words, 1, 1 + CTL_TEXTS, &count, &code) == -1) {
        return code;
    }
    if (given.follow != (count == 1)) {
        return ctl_usage("--key: expected files, or --follow for standard input");
    }
    struct format *format = given.format == NULL ? NULL : format_options_one(given.format);
    if (given.format != NULL && format == NULL) {
        return CTL_FAILED;
    }
    r.format = format;
    r.arena = arena_new(ARENA_BYTES);
    code = r.arena == NULL ? ctl_failed("out of memory")
                           : signing_begin(&r.signing, words[0], given.sequence);
    if (code == CTL_DONE) {
        code = send_files(&r, words + 1, count - 1);
    }
    signing_free(&r.signing);
    arena_free(&r.arena);
    format_free(&format);
    return code;
}
