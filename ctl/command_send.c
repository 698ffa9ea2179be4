/* SPDX-License-Identifier: Apache-2.0 */
/* The command send: mPlane results as datagrams, one each, at a steady pace; however they stand in
 * the file. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mplane/members.h"
#include "common/split.h"
#include "ctl/ctl.h"

#define DATAGRAM_BYTES 65507
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
    int fd;
    struct arena *arena;
    const char *file;
    int64_t rate;
    int64_t started_us;
    uint64_t line, sent, faults;
};

/* A socket connected to HOST:PORT; -1 after a complaint, then *exit_code is set. */
static int open_socket(const char *target, int *exit_code)
{
    char host[256];
    const char *colon = strrchr(target, ':');
    size_t n = colon == NULL ? 0 : (size_t)(colon - target);
    int64_t port;
    if (n == 0 || n >= sizeof host || ctl_number(colon + 1, 1, 65535, &port) == -1) {
        *exit_code = ctl_usage("--udp: expected HOST:PORT, found \"%s\"", target);
        return -1;
    }
    bool brackets = target[0] == '[' && target[n - 1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(brackets ? n - 2 : n),
             brackets ? target + 1 : target);
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found = NULL;
    int error = getaddrinfo(host, colon + 1, &hints, &found);
    *exit_code = CTL_FAILED;
    if (error != 0) {
        ctl_failed("--udp: %s: %s", host, gai_strerror(error));
        return -1;
    }
    int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -1 || connect(fd, found->ai_addr, found->ai_addrlen) == -1) {
        ctl_failed("--udp: %s: %s", target, strerror(errno));
        if (fd != -1) {
            close(fd);
        }
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

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

/* Waits until the next one is due. */
static void pace(const struct sending *s)
{
    int64_t due_us = s->started_us + (int64_t)(s->sent * 1000000 / (uint64_t)s->rate);
    int64_t early_us = due_us - clock_steady_us();
    if (early_us > 1000) {
        usleep((useconds_t)early_us);
    }
}

static void send_document(struct sending *s, struct slice document)
{
    if (!check_document(s, document)) {
        return;
    }
    pace(s);
    ssize_t n = send(s->fd, document.at, document.len, 0);
    if (n == -1 && errno == ECONNREFUSED) {
        /* The kernel tells it of an earlier datagram; this one was not sent yet. */
        fault(s, "nobody listens there");
        n = send(s->fd, document.at, document.len, 0);
    }
    if (n == -1 && errno != ECONNREFUSED) {
        fault(s, strerror(errno));
        return;
    }
    s->sent++;
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
    s->started_us = clock_steady_us();
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

/* The news that nobody listens comes a moment after the last datagram. */
static void look_for_refusal(struct sending *s)
{
    int error = 0;
    socklen_t size = sizeof error;
    usleep(20000);
    if (s->sent > 0 && getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) {
        fault(s, error == ECONNREFUSED ? "nobody listens there" : strerror(error));
    }
}

static int send_all(struct sending *s, int *exit_code)
{
    bool standard = strcmp(s->file, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(s->file, O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        return ctl_failed("%s: %s", s->file, strerror(errno));
    }
    s->fd = open_socket(given.udp, exit_code);
    if (s->fd != -1) {
        send_file(s, fd);
        look_for_refusal(s);
        close(s->fd);
    }
    if (!standard) {
        close(fd);
    }
    if (s->fd == -1) {
        return *exit_code;
    }
    printf("%llu sent, %llu faults\n", (unsigned long long)s->sent, (unsigned long long)s->faults);
    return s->faults == 0 ? CTL_DONE : CTL_FAILED;
}

int ctl_send(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {options, NULL};
    struct sending s = {.fd = -1};
    int count, exit_code;
    if (ctl_options(self, groups, argc, argv, &s.file, 1, 1, &count, &exit_code) == -1) {
        return exit_code;
    }
    if (ctl_number(given.rate, 1, 10000000, &s.rate) == -1) {
        return ctl_usage("--rate: expected 1 ... 10000000, found \"%s\"", given.rate);
    }
    s.arena = arena_new(ARENA_BYTES);
    exit_code = s.arena == NULL ? ctl_failed("out of memory") : send_all(&s, &exit_code);
    arena_free(&s.arena);
    return exit_code;
}
