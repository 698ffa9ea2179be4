/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads an HTTPS server over mutual TLS: so many connections at once, a thread each, that send one
 * request after the other, or that do nothing but full handshakes; besides, if told so, others that
 * begin a request and never finish it. Writes what it counted as JSON.
 *
 * In the body `@@@@@@@@@@@@@@@@` becomes a number that no other request has, `$$` the connection's,
 * `######` that of the request on its connection.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_BYTES 65536
#define ANSWER_BYTES  (1 << 20)
#define LATENCIES     (1 << 20) /* kept of a connection; those after it are counted only */

static struct {
    struct sockaddr_in address;
    int connections, slow;
    double seconds;
    bool handshakes;
    const char *path;
    char body[REQUEST_BYTES];
    size_t body_size; /* 0: GET */
} options = {.connections = 1, .seconds = 5, .path = "/"};

struct worker {
    pthread_t thread;
    int number;
    uint64_t requests, faults;
    uint32_t *latency_us;
    size_t latencies;
    char text[REQUEST_BYTES + 512], answer[ANSWER_BYTES];
};

static SSL_CTX *context;
static int64_t end_us;

static int64_t clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* A connection after its handshake; NULL when there is none. */
static SSL *dial(void)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SSL *ssl = fd == -1 ? NULL : SSL_new(context);
    if (ssl != NULL &&
        connect(fd, (struct sockaddr *)&options.address, sizeof options.address) == 0 &&
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 && SSL_set_fd(ssl, fd) &&
        SSL_connect(ssl) == 1) {
        return ssl;
    }
    SSL_free(ssl);
    if (fd != -1) {
        close(fd);
    }
    return NULL;
}

static void hang_up(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
}

static void put(char *body, const char *mark, const char *text)
{
    for (char *at = body; (at = strstr(at, mark)) != NULL;) {
        memcpy(at, text, strlen(mark));
    }
}

static int make_request(struct worker *w)
{
    char number[24];
    int head = snprintf(w->text, sizeof w->text,
                        "%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-mplane+json\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        options.body_size > 0 ? "POST" : "GET", options.path, options.body_size);
    memcpy(w->text + head, options.body, options.body_size + 1);
    snprintf(number, sizeof number, "%016" PRIx64, (uint64_t)w->number << 40 | w->requests);
    put(w->text + head, "@@@@@@@@@@@@@@@@", number);
    snprintf(number, sizeof number, "%02d", w->number % 100);
    put(w->text + head, "$$", number);
    snprintf(number, sizeof number, "%06" PRIu64, w->requests % 1000000);
    put(w->text + head, "######", number);
    return head + (int)options.body_size;
}

/* 0 when the whole answer has come; *good tells whether it is what was asked for. */
static int read_answer(struct worker *w, SSL *ssl, bool *good)
{
    size_t used = 0, whole = 0;
    while (whole == 0 || used < whole) {
        int n = SSL_read(ssl, w->answer + used, (int)(sizeof w->answer - 1 - used));
        if (n <= 0) {
            return -1;
        }
        used += (size_t)n;
        w->answer[used] = '\0';
        char *end = whole > 0 ? NULL : strstr(w->answer, "\r\n\r\n");
        if (end != NULL) {
            char *length = strstr(w->answer, "Content-Length: ");
            size_t body = length == NULL ? 0 : strtoul(length + 16, NULL, 10);
            whole = (size_t)(end - w->answer) + 4 + body;
            if (whole >= sizeof w->answer) {
                return -1;
            }
        }
    }
    *good =
        strncmp(w->answer, "HTTP/1.1 200", 12) == 0 && strstr(w->answer, "\"exception\"") == NULL;
    return 0;
}

static void note(struct worker *w, int64_t begun_us)
{
    if (w->latencies < LATENCIES) {
        w->latency_us[w->latencies++] = (uint32_t)(clock_us() - begun_us);
    }
    w->requests++;
}

/* Until the time is over, but once at least. */
static bool goes_on(const struct worker *w)
{
    return w->requests == 0 || clock_us() < end_us;
}

static void ask(struct worker *w)
{
    SSL *ssl = dial();
    bool good = false;
    while (ssl != NULL && goes_on(w)) {
        int64_t begun_us = clock_us();
        int size = make_request(w);
        if (SSL_write(ssl, w->text, size) != size || read_answer(w, ssl, &good) == -1) {
            break;
        }
        w->faults += !good;
        note(w, begun_us);
    }
    if (ssl == NULL || goes_on(w)) {
        w->faults++;
    }
    if (ssl != NULL) {
        hang_up(ssl);
    }
}

static void shake_hands(struct worker *w)
{
    while (goes_on(w)) {
        int64_t begun_us = clock_us();
        SSL *ssl = dial();
        if (ssl == NULL) {
            w->faults++;
            return;
        }
        note(w, begun_us);
        hang_up(ssl);
    }
}

static void *work(void *argument)
{
    if (options.handshakes) {
        shake_hands(argument);
    } else {
        ask(argument);
    }
    return NULL;
}

/* They stay until we end. */
static int open_slow(void)
{
    static const char begun[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{";
    for (int i = 0; i < options.slow; i++) {
        SSL *ssl = dial();
        if (ssl == NULL || SSL_write(ssl, begun, sizeof begun - 1) <= 0) {
            fprintf(stderr, "httpsload: slow connection %d: refused\n", i);
            return -1;
        }
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int report(struct worker *w, double seconds)
{
    uint64_t requests = 0, faults = 0;
    size_t count = 0;
    for (int i = 0; i < options.connections; i++) {
        requests += w[i].requests;
        faults += w[i].faults;
        count += w[i].latencies;
    }
    uint32_t *all = calloc(count + 1, sizeof *all);
    if (all == NULL) {
        return 1;
    }
    size_t used = 0;
    for (int i = 0; i < options.connections; i++) {
        memcpy(all + used, w[i].latency_us, w[i].latencies * sizeof *all);
        used += w[i].latencies;
    }
    qsort(all, count, sizeof *all, compare);
    printf("{\"requests\": %" PRIu64 ", \"faults\": %" PRIu64 ", \"seconds\": %.3f, "
           "\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}\n",
           requests, faults, seconds, all[count / 2] / 1e3,
           count == 0 ? 0 : all[(count * 99) / 100] / 1e3, count == 0 ? 0 : all[count - 1] / 1e3);
    free(all);
    return 0;
}

static int run(void)
{
    struct worker *workers = calloc((size_t)options.connections + 1, sizeof *workers);
    if (workers == NULL || open_slow() == -1) {
        return 1;
    }
    int64_t begun_us = clock_us();
    end_us = begun_us + (int64_t)(options.seconds * 1e6);
    while (options.connections == 0 && clock_us() < end_us) {
        sleep(1); /* only the slow ones are wanted */
    }
    for (int i = 0; i < options.connections; i++) {
        workers[i].number = i;
        workers[i].latency_us = calloc(LATENCIES, sizeof(uint32_t));
        if (workers[i].latency_us == NULL ||
            pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            fprintf(stderr, "httpsload: no thread %d\n", i);
            return 1;
        }
    }
    for (int i = 0; i < options.connections; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    int rc = report(workers, (double)(clock_us() - begun_us) / 1e6);
    for (int i = 0; i < options.connections; i++) {
        free(workers[i].latency_us);
    }
    free(workers);
    return rc;
}

static int prepare(const char *certificate, const char *key, const char *body)
{
    signal(SIGPIPE, SIG_IGN);
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "httpsload: the certificate or the key cannot be read\n");
        return -1;
    }
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (body != NULL) {
        FILE *f = fopen(body, "r");
        if (f == NULL) {
            fprintf(stderr, "httpsload: %s: %s\n", body, strerror(errno));
            return -1;
        }
        options.body_size = fread(options.body, 1, sizeof options.body - 1, f);
        fclose(f);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"port", required_argument, NULL, 'p'},
                                          {"certificate", required_argument, NULL, 'c'},
                                          {"key", required_argument, NULL, 'k'},
                                          {"body", required_argument, NULL, 'b'},
                                          {"path", required_argument, NULL, 'u'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"connections", required_argument, NULL, 'n'},
                                          {"slow", required_argument, NULL, 'l'},
                                          {"handshakes", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *certificate = "", *key = "", *body = NULL;
    options.address.sin_family = AF_INET;
    options.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 'p':
            options.address.sin_port = htons((uint16_t)atoi(optarg));
            break;
        case 'c':
            certificate = optarg;
            break;
        case 'k':
            key = optarg;
            break;
        case 'b':
            body = optarg;
            break;
        case 'u':
            options.path = optarg;
            break;
        case 's':
            options.seconds = atof(optarg);
            break;
        case 'n':
            options.connections = atoi(optarg);
            break;
        case 'l':
            options.slow = atoi(optarg);
            break;
        case 'h':
            options.handshakes = true;
            break;
        default:
            return 2;
        }
    }
    return prepare(certificate, key, body) == -1 ? 1 : run();
}
