/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts that are not there: answers echo requests that come over a TUN device, each host after its
 * own delay and with its own loss, which change while it runs. For deploy/quickstart and tests, in
 * a network namespace of their own; it must not be used to test a network that anybody depends on.
 *
 *     tun_responder DEVICE
 *
 * The device must exist (ip tuntap add DEVICE mode tun). Commands on standard input, one a line, no
 * blank lines: "ADDRESS DELAY_MS JITTER_MS LOSS_PERCENT". Each is answered by "ok" or "error:
 * REASON" on standard output; the end of the input ends the program. An address never named does
 * not answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "deploy/lab/echo_reply.h"

enum { MAX_HOSTS = 64, MAX_WAITING = 1024, PACKET_BYTES = 2048, COMMAND_BYTES = 256 };

struct host {
    struct echo_address address;
    double delay_ms, jitter_ms, loss_percent;
};

/* A reply that is not due yet. */
struct waiting_reply {
    int64_t due_us;
    size_t size;
    uint8_t packet[PACKET_BYTES];
};

static struct host hosts[MAX_HOSTS];
static size_t host_count;
static struct waiting_reply
    queue[MAX_WAITING]; /* in no order; when it is full, requests are dropped */
static size_t queue_count;

static int64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static struct host *host_find(const struct echo_address *address)
{
    for (size_t i = 0; i < host_count; i++)
        if (memcmp(&hosts[i].address, address, sizeof(*address)) == 0)
            return &hosts[i];
    return NULL;
}

/* NULL when done, else what was wrong with the line. */
static const char *command_run(const char *line)
{
    char text[64];
    struct host wanted, *host;
    int end = 0;

    if (sscanf(line, "%63s %lf %lf %lf %n", text, &wanted.delay_ms, &wanted.jitter_ms,
               &wanted.loss_percent, &end) != 4 ||
        line[end] != '\0')
        return "expected ADDRESS DELAY_MS JITTER_MS LOSS_PERCENT";
    if (echo_address_parse(text, &wanted.address) == -1)
        return "the first word is no IPv4 or IPv6 address";
    if (!(wanted.delay_ms >= 0 && wanted.delay_ms <= 10000 && wanted.jitter_ms >= 0 &&
          wanted.jitter_ms <= 10000))
        return "delay and jitter are 0..10000 milliseconds";
    if (!(wanted.loss_percent >= 0 && wanted.loss_percent <= 100))
        return "loss is 0..100 percent";
    host = host_find(&wanted.address);
    if (host == NULL && host_count == MAX_HOSTS)
        return "there are 64 hosts already";
    if (host == NULL)
        host = &hosts[host_count++];
    *host = wanted;
    return NULL;
}

/* Reads what standard input has and runs its whole lines; -1 at its end. */
static int commands_read(void)
{
    static char line[COMMAND_BYTES];
    static size_t used;
    char *end;
    ssize_t got = read(STDIN_FILENO, line + used, sizeof(line) - 1 - used);

    if (got <= 0)
        return got == -1 && errno == EINTR ? 0 : -1;
    used += (size_t)got;
    line[used] = '\0';
    while ((end = strchr(line, '\n')) != NULL) {
        const char *fault;
        *end = '\0';
        fault = command_run(line);
        printf("%s%s\n", fault == NULL ? "ok" : "error: ", fault == NULL ? "" : fault);
        used -= (size_t)(end + 1 - line);
        memmove(line, end + 1, used + 1);
    }
    if (used == sizeof(line) - 1) {
        puts("error: the line is too long");
        used = 0;
    }
    fflush(stdout);
    return 0;
}

static void request_read(int tun)
{
    struct waiting_reply *reply;
    struct echo_address asked;
    struct host *host;
    uint8_t packet[PACKET_BYTES];
    ssize_t size = read(tun, packet, sizeof(packet));

    if (size <= 0 || echo_request_read(packet, (size_t)size, &asked) == -1)
        return;
    host = host_find(&asked);
    if (host == NULL || queue_count == MAX_WAITING || drand48() * 100 < host->loss_percent)
        return;
    echo_reply_make(packet);
    reply = &queue[queue_count++];
    reply->due_us = clock_us() + (int64_t)((host->delay_ms + drand48() * host->jitter_ms) * 1000);
    reply->size = (size_t)size;
    memcpy(reply->packet, packet, (size_t)size);
}

/* Sends what is due. How long until the next one, for poll(); -1 when nothing waits. */
static int replies_send(int tun)
{
    int64_t now = clock_us(), next = INT64_MAX;

    for (size_t i = 0; i < queue_count;) {
        if (queue[i].due_us > now) {
            if (queue[i].due_us < next)
                next = queue[i].due_us;
            i++;
            continue;
        }
        if (write(tun, queue[i].packet, queue[i].size) == -1)
            perror("tun_responder: write");
        if (i != --queue_count)
            queue[i] = queue[queue_count];
    }
    return queue_count == 0 ? -1 : (int)((next - now + 999) / 1000);
}

static int tun_open(const char *device)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int tun;

    if (strlen(device) >= sizeof(request.ifr_name)) {
        fprintf(stderr, "tun_responder: \"%s\" is too long for a device's name\n", device);
        return -1;
    }
    memcpy(request.ifr_name, device, strlen(device));
    tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun == -1) {
        perror("tun_responder: /dev/net/tun");
        return -1;
    }
    if (ioctl(tun, TUNSETIFF, &request) == -1) {
        fprintf(stderr, "tun_responder: %s: %s\n", device, strerror(errno));
        close(tun);
        return -1;
    }
    return tun;
}

int main(int argc, char **argv)
{
    int tun;

    if (argc != 2) {
        fputs("usage: tun_responder DEVICE\n", stderr);
        return 2;
    }
    tun = tun_open(argv[1]);
    if (tun == -1)
        return 1;
    srand48(clock_us() ^ getpid());
    for (;;) {
        struct pollfd ready[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                  {.fd = tun, .events = POLLIN}};
        if (poll(ready, 2, replies_send(tun)) == -1 && errno != EINTR) {
            perror("tun_responder: poll");
            return 1;
        }
        if (ready[0].revents != 0 && commands_read() == -1)
            return 0;
        if (ready[1].revents != 0)
            request_read(tun);
    }
}
