/* SPDX-License-Identifier: Apache-2.0 */
/* The command send: mPlane results as datagrams, one each, at a steady pace; however they stand in
 * the file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mplane/members.h"
#include "common/split.h"
#include "ctl/udp_sender.h"

#define DATAGRAM_BYTES UDP_SENDER_BYTES
#define ARENA_BYTES    ((size_t)64 << 20)
#define FAULTS_SHOWN   20

static struct {
    const char *udp, *rate;
} given = {.udp = "127.0.0.1:9900", .rate = "10000"};

static const struct ctl_option options[] = {
    {"udp", "HOST:PORT", &given.udp, NULL,
     "where ingestd listens; [ADDRESS]:PORT for IPv6; 127.0.0.1:9900 unless given"},
    {"rate", "N", &given.rate, NULL, "at most so many datagrams a second; 10000 unless given"},
    {NULL, NULL, NULL, NULL, NULL}};

struct sending {
    struct udp_sender udp;
    struct arena *arena;
    const char *file;
    uint64_t line, faults;
};

static void fault(struct sending *s, const char *what)
{
    if (s->faults++ < FAULTS_SHOWN) {
        ctl_failed("%s:%llu: %s", s->file, (unsigned long long)s->line, what);
    }
}

/* Whether the document may go out; else it was named. */
static bool check_document(struct sending *s, struct slice document)
{
    static const struct json_limits limits = {
        .depth = 64, .nodes = 1000000, .string_bytes = DATAGRAM_BYTES, .comments = false};
    char error[200];
    arena_reset(s->arena);
    const struct json *message = json_parse(s->arena, document, &limits, error, sizeof error);
    if (message == NULL) {
        fault(s, error);
        return false;
    }
    struct mplane_members m;
    mplane_members_sort(message, &m);
    if (m.at[MPLANE_KEY_RESULT] == NULL && m.at[MPLANE_KEY_ENVELOPE] == NULL) {
        fault(s, "expected an mPlane result or an envelope of results");
        return false;
    }
    return true;
}

static void send_document(struct sending *s, struct slice document)
{
    const char *wrong = check_document(s, document) ? udp_sender_send(&s->udp, document) : NULL;
    if (wrong != NULL) {
        fault(s, wrong);
    }
}

/* What these bytes complete; with `last`, all that is left. */
static int send_bytes(struct sending *s, struct split *split, struct slice bytes, bool last)
{
    struct split_item item;
    enum split_event event;
    while ((event = split_next(split, &bytes, last, &item)) == SPLIT_ITEM || event == SPLIT_FAULT) {
        s->line = item.line;
        if (event == SPLIT_ITEM) {
            send_document(s, item.bytes);
        } else {
            char what[SPLIT_FAULT_TEXT + 60];
            snprintf(what, sizeof what, "%s; %llu bytes passed over", item.why,
                     (unsigned long long)item.passed);
            fault(s, what);
        }
    }
    return event == SPLIT_NO_MEMORY ? -1 : 0;
}

/* By read(), not fread(): what comes out of a pipe goes out when it comes. */
static void send_file(struct sending *s, int fd)
{
    static char buffer[DATAGRAM_BYTES];
    struct split *split = split_new(false, DATAGRAM_BYTES);
    int rc = split == NULL ? -1 : 0;
    for (ssize_t n = 1; rc == 0 && n > 0;) {
        n = read(fd, buffer, sizeof buffer);
        if (n == -1) {
            fault(s, strerror(errno));
        }
        rc = send_bytes(s, split, (struct slice){buffer, n > 0 ? (size_t)n : 0}, n <= 0);
    }
    if (rc == -1) {
        fault(s, "out of memory");
    }
    split_free(&split);
}

static int send_all(struct sending *s)
{
    bool standard = strcmp(s->file, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(s->file, O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        return ctl_failed("%s: %s", s->file, strerror(errno));
    }
    int code = udp_sender_open(&s->udp, "udp", given.udp, given.rate);
    if (code == CTL_DONE) {
        send_file(s, fd);
        const char *wrong = udp_sender_last_word(&s->udp);
        if (wrong != NULL) {
            fault(s, wrong);
        }
        printf("%llu sent, %llu faults\n", (unsigned long long)s->udp.sent,
               (unsigned long long)s->faults);
        code = s->faults == 0 ? CTL_DONE : CTL_FAILED;
    }
    udp_sender_close(&s->udp);
    if (!standard) {
        close(fd);
    }
    return code;
}

int ctl_send(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {options, NULL};
    struct sending s = {.udp = {.fd = -1}};
    int count, exit_code;
    if (ctl_options(self, groups, argc, argv, &s.file, 1, 1, &count, &exit_code) == -1) {
        return exit_code;
    }
    s.arena = arena_new(ARENA_BYTES);
    exit_code = s.arena == NULL ? ctl_failed("out of memory") : send_all(&s);
    arena_free(&s.arena);
    return exit_code;
}
