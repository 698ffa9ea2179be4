/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends real mPlane results (ping-average, rendered as the SDK does, about 560 bytes) over UDP, in
 * order of time within each series, at a stated rate or as fast as the receiver takes them. What it
 * sends follows from the seed but for the times, which are the present, or with --step as if each
 * series were measured once in so many seconds until now. Of them --late per cent are minutes to
 * hours late, a fifth of these of another quality than their series has. With --signed each is in
 * the envelope of an authenticated datagram, by a key whose id and secret are bytes 1.
 *
 * "As fast as taken" keeps the receiver's socket queue (/proc/net/udp) below a bound, so that
 * nothing is dropped: an ingestd whose batches are not acknowledged stops reading, and this waits.
 * SIGTERM ends it early; what it prints at its end is what it has sent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/signed_envelope.h"

#define BURST         64
#define MESSAGE_BYTES 700
#define TIME_BYTES    26  /* "2026-11-21 20:10:35.123456" */
#define QUALITY_RUN   200 /* records of a series between changes of quality, on average */

struct load_series {
    char message[MESSAGE_BYTES];
    size_t len;
    size_t start_at, end_at, values_at[3]; /* what changes in it, fixed widths */
    uint32_t delay_us;                     /* 10000..99999: five digits */
};

struct load {
    const char *host, *port;
    uint64_t series_count, records, rate; /* rate 0: as fast as taken */
    uint64_t late_percent, step_s;        /* step 0: all at present */
    uint64_t queue_bytes;
    uint64_t seed;
    bool is_signed;
};

static uint64_t random_state;
static volatile sig_atomic_t ending;

static void on_sigterm(int number)
{
    (void)number;
    ending = 1;
}

static uint32_t next_random(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) % below);
}

static int64_t now_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static uint32_t new_delay(void)
{
    static const uint32_t levels[] = {12000, 12000, 12000, 25000, 45000, 65000, 90000};
    return levels[next_random(7)] + next_random(5000);
}

/* Where `what` first stands in the message. */
static size_t find(const struct load_series *s, const char *what)
{
    const char *p = strstr(s->message, what);
    if (p == NULL) {
        abort();
    }
    return (size_t)(p - s->message);
}

static void make_series(struct load_series *s, unsigned n)
{
    int len = snprintf(
        s->message, sizeof s->message,
        "{\n  \"label\": \"ping-average-ip4-%u\",\n  \"parameters\": {\n"
        "    \"destination.ip4\": \"198.18.%u.%u\",\n    \"source.ip4\": \"192.0.2.%u\"\n  },\n"
        "  \"registry\": \"http://ict-mplane.eu/registry/core\",\n  \"result\": \"measure\",\n"
        "  \"results\": [\n    \"delay.twoway.icmp.us.min\",\n    \"delay.twoway.icmp.us.mean\",\n"
        "    \"delay.twoway.icmp.us.max\",\n    \"delay.twoway.icmp.count\"\n  ],\n"
        "  \"resultvalues\": [\n    [\n      \"AAAAA\",\n      \"BBBBB\",\n      \"CCCCC\",\n"
        "      \"3\"\n    ]\n  ],\n  \"token\": \"8de272a743502dfe85a35519cd268b31\",\n"
        "  \"version\": 1,\n  \"when\": \"SSSSSSSSSSSSSSSSSSSSSSSSSS ... "
        "EEEEEEEEEEEEEEEEEEEEEEEEEE\"\n}",
        n % 8, n / 250 % 250, n % 250 + 1, n / 62500 + 1);
    if (len < 0 || (size_t)len >= sizeof s->message) {
        abort();
    }
    s->len = (size_t)len;
    s->values_at[0] = find(s, "AAAAA");
    s->values_at[1] = find(s, "BBBBB");
    s->values_at[2] = find(s, "CCCCC");
    s->start_at = find(s, "SSSSS");
    s->end_at = find(s, "EEEEE");
    s->delay_us = new_delay();
}

static void put_digits(char *at, uint32_t value, int width)
{
    while (width-- > 0) {
        at[width] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* The calendar part is made once a second. */
static void put_time(char *at, int64_t us)
{
    static int64_t made_for = -1;
    static char text[TIME_BYTES];
    int64_t second = us / 1000000;
    if (second != made_for) {
        time_t t = (time_t)second;
        struct tm utc;
        char whole[32];
        gmtime_r(&t, &utc);
        strftime(whole, sizeof whole, "%Y-%m-%d %H:%M:%S.", &utc);
        memcpy(text, whole, 20);
        made_for = second;
    }
    memcpy(at, text, 20);
    put_digits(at + 20, (uint32_t)(us % 1000000), 6);
}

/* From a minute to two hours ago. */
static int64_t lateness_us(void)
{
    return (INT64_C(60000000) + next_random(60000000)) << next_random(7);
}

static void next_record(struct load_series *s, int64_t us, bool late)
{
    if (next_random(QUALITY_RUN) == 0) {
        s->delay_us = new_delay();
    }
    uint32_t delay_us = s->delay_us;
    if (late) {
        us -= lateness_us();
        delay_us = next_random(5) == 0 ? new_delay() : delay_us;
    }
    uint32_t mean = delay_us + next_random(2000);
    put_digits(s->message + s->values_at[0], mean - next_random(1000), 5);
    put_digits(s->message + s->values_at[1], mean, 5);
    put_digits(s->message + s->values_at[2], mean + next_random(1000), 5);
    put_time(s->message + s->end_at, us);
    put_time(s->message + s->start_at, us);
}

/* Bytes in the receive queue of the local UDP socket bound to the port; 0 when there is none. */
static uint64_t receiver_queue(unsigned port)
{
    static FILE *f;
    char line[256];
    uint64_t queued = 0;
    if (f == NULL) {
        f = fopen("/proc/net/udp", "r");
    } else {
        rewind(f);
    }
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        unsigned local_port, state;
        uint64_t out, in;
        if (sscanf(line, " %*d: %*x:%x %*x:%*x %x %" SCNx64 ":%" SCNx64, &local_port, &state, &out,
                   &in) == 4 &&
            local_port == port) {
            queued += in;
        }
    }
    return queued;
}

static void sleep_us(int64_t us)
{
    struct timespec t = {us / 1000000, us % 1000000 * 1000};
    nanosleep(&t, NULL);
}

/* Waits until the next burst may go. */
static void pace(const struct load *load, unsigned port, int64_t started_us, uint64_t sent)
{
    if (load->rate > 0) {
        int64_t due = started_us + (int64_t)(sent * 1000000 / load->rate);
        int64_t ahead = due - now_us(CLOCK_MONOTONIC);
        if (ahead > 0) {
            sleep_us(ahead);
        }
    }
    /* Looked at every few bursts, since looking costs as much as some: the bound is far below the
     * buffer. */
    if (load->queue_bytes > 0 && sent / BURST % 8 == 0) {
        while (receiver_queue(port) > load->queue_bytes && !ending) {
            sleep_us(1000);
        }
    }
}

/*
 * Datagrams of equal length that follow each other are handed to the kernel as one piece, which it
 * cuts (UDP_SEGMENT): what the receiver gets is the same, and the two share the machine. A receiver
 * that is away for a moment (ECONNREFUSED) costs what is sent meanwhile, as in the field.
 */
static int send_burst(int fd, struct iovec *parts, unsigned count)
{
    unsigned done = 0;
    while (done < count) {
        unsigned equal = 1;
        while (done + equal < count && parts[done + equal].iov_len == parts[done].iov_len) {
            equal++;
        }
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(uint16_t))] = {0};
        struct msghdr message = {.msg_iov = parts + done,
                                 .msg_iovlen = equal,
                                 .msg_control = control,
                                 .msg_controllen = sizeof control};
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        *c = (struct cmsghdr){CMSG_LEN(sizeof(uint16_t)), SOL_UDP, UDP_SEGMENT};
        memcpy(CMSG_DATA(c), &(uint16_t){(uint16_t)parts[done].iov_len}, sizeof(uint16_t));
        if (sendmsg(fd, &message, 0) != -1) {
            done += equal;
        } else if (errno != EINTR && errno != ENOBUFS && errno != ECONNREFUSED) {
            perror("sendmsg");
            return -1;
        }
    }
    return 0;
}

/* Those of a burst, each in an envelope. */
static void sign_burst(struct iovec *parts, unsigned count)
{
    static char out[BURST][MESSAGE_BYTES + SIGNED_FRAME_BYTES];
    static struct signed_key *key;
    static struct signed_head head;
    if (key == NULL) {
        uint8_t secret[SIGNED_SECRET_BYTES];
        memset(secret, 1, sizeof secret);
        memset(head.key_id, 1, sizeof head.key_id);
        key = signed_key_new(secret);
        head.epoch = (uint64_t)now_us(CLOCK_REALTIME);
    }
    head.time_us = now_us(CLOCK_REALTIME);
    for (unsigned i = 0; i < count && key != NULL; i++) {
        struct slice content = {parts[i].iov_base, parts[i].iov_len};
        head.sequence++;
        parts[i] = (struct iovec){out[i], signed_write(key, &head, content, out[i])};
    }
}

/* When record `n` of all was measured; the last one just now. */
static int64_t measured_us(const struct load *load, int64_t began_us, uint64_t n)
{
    if (load->step_s == 0) {
        return now_us(CLOCK_REALTIME);
    }
    return began_us - (int64_t)((load->records - n) * load->step_s * 1000000 / load->series_count);
}

static int run(const struct load *load, int fd, unsigned port)
{
    struct load_series *series = calloc(load->series_count, sizeof *series);
    if (series == NULL) {
        perror("series");
        return -1;
    }
    random_state = load->seed;
    for (uint64_t i = 0; i < load->series_count; i++) {
        make_series(&series[i], (unsigned)i);
    }
    struct iovec parts[BURST];
    int64_t started = now_us(CLOCK_MONOTONIC), began_us = now_us(CLOCK_REALTIME);
    uint64_t sent = 0, bytes = 0;
    /* A series has one message, so it is in a burst once. */
    uint64_t most = load->series_count < BURST ? load->series_count : BURST;
    while (sent < load->records && !ending) {
        unsigned count = (unsigned)(load->records - sent < most ? load->records - sent : most);
        int64_t us = measured_us(load, began_us, sent);
        for (unsigned i = 0; i < count; i++) {
            struct load_series *s = &series[(sent + i) % load->series_count];
            bool late = load->late_percent > 0 && next_random(100) < load->late_percent;
            next_record(s, us + i, late);
            parts[i] = (struct iovec){s->message, s->len};
            bytes += s->len;
        }
        if (load->is_signed) {
            sign_burst(parts, count);
        }
        if (send_burst(fd, parts, count) == -1) {
            free(series);
            return -1;
        }
        sent += count;
        pace(load, port, started, sent);
    }
    double seconds = (double)(now_us(CLOCK_MONOTONIC) - started) / 1e6;
    printf("{\"sent\": %" PRIu64 ", \"seconds\": %.3f, \"per_second\": %.0f, "
           "\"bytes_per_datagram\": %.1f}\n",
           sent, seconds, (double)sent / seconds, (double)bytes / (double)(sent > 0 ? sent : 1));
    free(series);
    return 0;
}

static int open_socket(const struct load *load, unsigned *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_family = AF_INET}, *found;
    int rc = getaddrinfo(load->host, load->port, &hints, &found);
    if (rc != 0) {
        fprintf(stderr, "%s:%s: %s\n", load->host, load->port, gai_strerror(rc));
        return -1;
    }
    int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -1 || connect(fd, found->ai_addr, found->ai_addrlen) == -1) {
        perror(load->host);
        fd = -1;
    }
    *port = ntohs(((struct sockaddr_in *)(void *)found->ai_addr)->sin_port);
    freeaddrinfo(found);
    return fd;
}

static int usage(void)
{
    fputs(
        "Usage: loadgen [--host ADDRESS] --port N [--series N] [--records N] [--rate N|max]\n"
        "               [--late PERCENT] [--step SECONDS] [--queue BYTES] [--seed N] [--signed]\n"
        "Sends mPlane ping results over UDP, keeping at most BYTES in the queue of a receiver on\n"
        "this machine; 2000000 unless told with --rate max, which sends as fast as it takes them,\n"
        "else however many.\n",
        stderr);
    return 2;
}

static bool number(const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

/* One option; false: it is none, or its value is of no use. */
static bool take_option(struct load *load, int option)
{
    switch (option) {
    case 'h':
        load->host = optarg;
        return true;
    case 'p':
        load->port = optarg;
        return true;
    case 's':
        return number(optarg, &load->series_count) && load->series_count > 0;
    case 'n':
        return number(optarg, &load->records);
    case 'r':
        return strcmp(optarg, "max") == 0 || number(optarg, &load->rate);
    case 'l':
        return number(optarg, &load->late_percent) && load->late_percent <= 100;
    case 't':
        return number(optarg, &load->step_s);
    case 'q':
        return number(optarg, &load->queue_bytes);
    case 'i':
        load->is_signed = true;
        return true;
    case 'e':
        return number(optarg, &load->seed);
    default:
        return false;
    }
}

int main(int argc, char **argv)
{
    struct load load = {.host = "127.0.0.1", .series_count = 10000, .records = 1000000, .seed = 1};
    static const struct option options[] = {{"host", required_argument, NULL, 'h'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"series", required_argument, NULL, 's'},
                                            {"records", required_argument, NULL, 'n'},
                                            {"rate", required_argument, NULL, 'r'},
                                            {"queue", required_argument, NULL, 'q'},
                                            {"late", required_argument, NULL, 'l'},
                                            {"step", required_argument, NULL, 't'},
                                            {"seed", required_argument, NULL, 'e'},
                                            {"signed", no_argument, NULL, 'i'},
                                            {NULL, 0, NULL, 0}};
    int c;
    bool good = true;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        good = take_option(&load, c) && good;
    }
    if (!good || load.port == NULL || optind != argc) {
        return usage();
    }
    if (load.rate == 0 && load.queue_bytes == 0) {
        load.queue_bytes = 2000000;
    }
    unsigned port;
    int fd = open_socket(&load, &port);
    if (fd == -1) {
        return 1;
    }
    signal(SIGTERM, on_sigterm);
    int rc = run(&load, fd, port);
    close(fd);
    return rc == 0 ? 0 : 1;
}
