/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socketd: holds the UDP sockets of ingestd, so that they outlive it. It never reads them, but at
 * its own end when no ingestd is there: to say how much is lost with them.
 */
#include <inttypes.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/owner.h"
#include "common/sockets.h"

/* An ingestd that ends, the one that follows it, and somebody who looks. */
#define CLIENTS 4

#define SOCKET_COUNTERS(COUNTER, GAUGE)                                                            \
    GAUGE(HELD, "sockets.held", "", "sockets held, now")                                           \
    COUNTER(HANDED_OUT, "sockets.handed_out", "", "sockets handed to whoever connected")           \
    COUNTER(TAKEN, "sockets.taken", "", "sockets taken from ingestd")                              \
    COUNTER(REFUSED, "connections.refused", "",                                                    \
            "connections of another user, or more than can be")                                    \
    COUNTER(LOST, "datagrams.lost", "",                                                            \
            "datagrams in the sockets when this process ended and no ingestd was there")

enum counter { SOCKET_COUNTERS(COUNTER_CONSTANT, COUNTER_CONSTANT) COUNTERS };
static const struct counter_row counter_rows[] = {SOCKET_COUNTERS(COUNTER_ROW, GAUGE_ROW)};
static uint64_t counters[COUNTERS];
static char nothing; /* there are no options */

static const struct config_option options[] = {CONFIG_END};

static struct {
    zloop_t *loop;
    int listener;
    int clients[CLIENTS]; /* -1: none */
    int held[SOCKETS_MAX];
    size_t count;
} self = {.listener = -1, .clients = {-1, -1, -1, -1}};

/* ---- clients ---- */

static void end_client(int *client)
{
    zmq_pollitem_t item = {.fd = *client, .events = ZMQ_POLLIN};
    zloop_poller_end(self.loop, &item);
    log_info("client.gone", "held=%zu", self.count);
    close(*client);
    *client = -1;
}

static void close_held(void)
{
    while (self.count > 0) {
        close(self.held[--self.count]);
    }
}

/* 0; -1: the client is gone, or has to go. */
static int take_from(int client)
{
    int fds[SOCKETS_MAX];
    size_t count;
    for (;;) {
        int rc = sockets_receive(client, fds, &count);
        if (rc != 1) {
            return rc;
        }
        close_held();
        memcpy(self.held, fds, sizeof fds);
        self.count = count;
        counters[COUNT_TAKEN] += count;
        log_info("sockets.held", "count=%zu", count);
        if (sockets_send(client, NULL, 0) == -1) {
            return -1;
        }
    }
}

static int on_client(zloop_t *loop, zmq_pollitem_t *item, void *context)
{
    (void)loop, (void)item;
    int *client = context;
    if (*client != -1 && take_from(*client) == -1) {
        end_client(client);
    }
    return 0;
}

/* Root, our own user, and ingestd's, where that is another one. */
static bool may_take(uid_t peer)
{
    char name[64];
    if (peer == geteuid() || peer == 0) {
        return true;
    }
    if (!owner_is_each(daemon_common()->user) ||
        owner_name(daemon_common()->user, "ingestd", name, sizeof name) == -1) {
        return false;
    }
    const struct passwd *ingestd = getpwnam(name);
    return ingestd != NULL && ingestd->pw_uid == peer;
}

static int welcome(int fd)
{
    uid_t peer = sockets_peer(fd);
    int *client = self.clients;
    if (!may_take(peer)) {
        log_warn("client.refused",
                 "uid=%ld expected=\"root, or the user of this process or ingestd\"",
                 (long)(int)peer);
        return -1;
    }
    while (client < self.clients + CLIENTS && *client != -1) {
        client++;
    }
    if (client == self.clients + CLIENTS) {
        log_warn("client.refused", "reason=\"%d are connected\"", CLIENTS);
        return -1;
    }
    zmq_pollitem_t item = {.fd = fd, .events = ZMQ_POLLIN};
    if (sockets_send(fd, self.held, self.count) == -1 ||
        zloop_poller(self.loop, &item, on_client, client) == -1) {
        log_errno("client.refused", "what=\"handing out %zu sockets\"", self.count);
        return -1;
    }
    zloop_poller_set_tolerant(self.loop, &item);
    counters[COUNT_HANDED_OUT] += self.count;
    *client = fd;
    return 0;
}

static int on_connection(zloop_t *loop, zmq_pollitem_t *item, void *context)
{
    (void)loop, (void)item, (void)context;
    int fd = accept4(self.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd != -1 && welcome(fd) == -1) {
        counters[COUNT_REFUSED]++;
        close(fd);
    }
    return 0;
}

/* ---- the end ---- */

static bool anybody_there(void)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        if (self.clients[i] != -1) {
            return true;
        }
    }
    return false;
}

/* While an ingestd is there, the sockets are its own as well: it sees us go, and reads the rest. */
static void drain(void)
{
    bool last = !anybody_there();
    for (size_t i = 0; i < self.count && last; i++) {
        counters[COUNT_LOST] += sockets_empty(self.held[i]);
    }
    if (counters[COUNT_LOST] > 0) {
        log_error("sockets.lost", "datagrams=%" PRIu64 " reason=\"no ingestd was there to read\"",
                  counters[COUNT_LOST]);
    }
    daemon_finished(counters[COUNT_LOST] > 0 ? 1 : 0);
}

/* ---- the rest ---- */

/* A name that nobody listens on any more is taken over. */
static int open_listener(void)
{
    struct sockaddr_un name;
    if (sockets_endpoint(daemon_common(), &name) == -1) {
        log_error("sockets.endpoint", "run_dir=%s error=\"too long\"", daemon_common()->run_dir);
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd != -1 && connect(fd, (struct sockaddr *)&name, sizeof name) == 0) {
        log_error("sockets.endpoint", "path=%s error=\"another socketd is there\"", name.sun_path);
        close(fd);
        return -1;
    }
    unlink(name.sun_path);
    mode_t mode = owner_is_each(daemon_common()->user) ? 0660 : 0600; /* its folder is ingestd's */
    if (fd == -1 || bind(fd, (struct sockaddr *)&name, sizeof name) == -1 ||
        chmod(name.sun_path, mode) == -1 || listen(fd, CLIENTS) == -1) {
        log_errno("sockets.endpoint", "path=%s", name.sun_path);
        if (fd != -1) {
            close(fd);
        }
        return -1;
    }
    self.listener = fd;
    return 0;
}

static int start(zloop_t *loop)
{
    self.loop = loop;
    if (open_listener() == -1) {
        return -1;
    }
    zmq_pollitem_t item = {.fd = self.listener, .events = ZMQ_POLLIN};
    if (zloop_poller(loop, &item, on_connection, NULL) == -1) {
        log_error("socketd.loop", "error=\"out of memory\"");
        return -1;
    }
    zloop_poller_set_tolerant(loop, &item);
    return 0;
}

static void tick(void)
{
    counters[COUNT_HELD] = self.count;
    bool there = anybody_there();
    daemon_trouble("ingestd", !there && daemon_is_settled(), "%s", there ? "connected" : "away");
}

static void stop(void)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        if (self.clients[i] != -1) {
            close(self.clients[i]);
        }
    }
    close_held();
    struct sockaddr_un name;
    if (self.listener != -1 && sockets_endpoint(daemon_common(), &name) == 0) {
        unlink(name.sun_path);
        close(self.listener);
    }
}

static const struct daemon socketd = {
    .name = "socketd",
    .summary = "holds the UDP sockets of ingestd, so that they outlive it",
    .options = options,
    .settings = &nothing,
    .settings_size = sizeof nothing,
    .counter_rows = counter_rows,
    .counters = counters,
    .counter_count = COUNTERS,
    .start = start,
    .drain = drain,
    .tick = tick,
    .stop = stop,
};

int main(int argc, char **argv)
{
    return daemon_main(&socketd, argc, argv);
}
