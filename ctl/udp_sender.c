/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/udp_sender.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

#define NOBODY "nobody listens there"

/* The first address that can be connected to, or -1 with errno. */
static int connect_to(const struct addrinfo *found)
{
    int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd != -1 && connect(fd, found->ai_addr, found->ai_addrlen) == -1) {
        int error = errno;
        close(fd);
        errno = error;
        fd = -1;
    }
    return fd;
}

static int open_socket(struct udp_sender *s, const char *option, const char *target)
{
    char host[256];
    const char *colon = strrchr(target, ':');
    size_t n = colon == NULL ? 0 : (size_t)(colon - target);
    int64_t port;
    if (n == 0 || n >= sizeof host || ctl_number(colon + 1, 1, 65535, &port) == -1) {
        return ctl_usage("--%s: expected HOST:PORT, found \"%s\"", option, target);
    }
    bool brackets = target[0] == '[' && target[n - 1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(brackets ? n - 2 : n),
             brackets ? target + 1 : target);
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found = NULL;
    int error = getaddrinfo(host, colon + 1, &hints, &found);
    if (error != 0) {
        return ctl_failed("--%s: %s: %s", option, host, gai_strerror(error));
    }
    s->fd = connect_to(found);
    int code = s->fd == -1 ? ctl_failed("--%s: %s: %s", option, target, strerror(errno)) : CTL_DONE;
    freeaddrinfo(found);
    return code;
}

int udp_sender_open(struct udp_sender *s, const char *option, const char *target, const char *rate)
{
    *s = (struct udp_sender){.fd = -1};
    if (ctl_number(rate, 1, 10000000, &s->rate) == -1) {
        return ctl_usage("--rate: expected 1 ... 10000000, found \"%s\"", rate);
    }
    s->started_us = clock_steady_us();
    return open_socket(s, option, target);
}

void udp_sender_close(struct udp_sender *s)
{
    if (s->fd != -1) {
        close(s->fd);
        s->fd = -1;
    }
}

/* Waits until the next one is due. */
static void pace(struct udp_sender *s)
{
    int64_t due_us = s->started_us + (int64_t)(s->sent * 1000000 / (uint64_t)s->rate);
    int64_t early_us = due_us - clock_steady_us();
    if (early_us > 1000) {
        usleep((useconds_t)early_us);
    }
}

const char *udp_sender_send(struct udp_sender *s, struct slice datagram)
{
    const char *news = NULL;
    pace(s);
    ssize_t n = send(s->fd, datagram.at, datagram.len, 0);
    if (n == -1 && errno == ECONNREFUSED) {
        news = NOBODY; /* the kernel tells it of an earlier datagram; this one was not sent yet */
        n = send(s->fd, datagram.at, datagram.len, 0);
    }
    if (n == -1 && errno != ECONNREFUSED) {
        return strerror(errno);
    }
    s->sent++;
    return news;
}

const char *udp_sender_last_word(struct udp_sender *s)
{
    int error = 0;
    socklen_t size = sizeof error;
    usleep(20000); /* the news that nobody listens comes a moment after the last datagram */
    if (s->sent == 0 || getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1 ||
        error == 0) {
        return NULL;
    }
    return error == ECONNREFUSED ? NOBODY : strerror(error);
}
