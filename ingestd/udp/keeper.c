/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol of sd_listen_fds(3), read from the environment; that of common/sockets.h. */
#include "ingestd/udp/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/number.h"

#define FIRST_LISTEN_FD 3
/* Who does not answer for so long may be standing still, and then nobody knows for how long. */
#define ANSWER_MS 2000

struct keeper {
    struct sockaddr_un endpoint;
    enum keeper_kind gave;
    int connection; /* to socketd; -1: none */
    bool welcomed;  /* it told what it holds */
    bool confirmed; /* it told that it has what we gave it */
    bool told_gone; /* logged */
    int own[SOCKETS_MAX];
    size_t own_count;
};

/* ---- systemd ---- */

/* A number without sign or anything behind it; -1 when it is none. */
static long environment_number(const char *name)
{
    const char *text = getenv(name);
    int64_t n;
    return text != NULL && number_integer(slice_of(text), 0, INT_MAX, &n) == 0 ? (long)n : -1;
}

/* 0 and how many; -1 after an error was logged. */
static int take_from_systemd(int fds[SOCKETS_MAX], size_t *count)
{
    long pid = environment_number("LISTEN_PID"), n = environment_number("LISTEN_FDS");
    bool given = getenv("LISTEN_FDS") != NULL;
    *count = 0;
    if (pid != (long)getpid()) {
        given = false; /* they were another process's */
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (!given || n == 0) {
        return 0;
    }
    if (n < 0 || n > SOCKETS_MAX) {
        log_error("listen_fds.number", "expected=\"LISTEN_FDS from 1 to %d\" found=%ld",
                  SOCKETS_MAX, n);
        return -1;
    }
    for (int fd = FIRST_LISTEN_FD; fd < FIRST_LISTEN_FD + (int)n; fd++) {
        if (!sockets_is_udp(fd)) {
            log_error("listen_fds.kind", "descriptor=%d expected=\"a UDP socket (ListenDatagram)\"",
                      fd);
            return -1;
        }
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
            log_errno("listen_fds.cloexec", "descriptor=%d", fd);
            return -1;
        }
        fds[(*count)++] = fd;
    }
    return 0;
}

/* ---- socketd ---- */

static void disconnect(struct keeper *k)
{
    if (k->connection != -1) {
        close(k->connection);
        k->connection = -1;
    }
    k->welcomed = k->confirmed = false;
}

static void connect_now(struct keeper *k)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1 || connect(fd, (struct sockaddr *)&k->endpoint, sizeof k->endpoint) == -1) {
        if (fd != -1) {
            close(fd);
        }
        return; /* there is none: not an error */
    }
    k->connection = fd;
}

static void give(struct keeper *k)
{
    if (sockets_send(k->connection, k->own, k->own_count) == -1) {
        log_errno("socketd.give", "sockets=%zu", k->own_count);
        disconnect(k);
    }
}

/* What stands in the connection: the sockets that socketd holds, once; then its answers. */
static void hear(struct keeper *k, int fds[SOCKETS_MAX], size_t *count)
{
    int rc = 0;
    *count = 0;
    while (k->connection != -1 && !(k->welcomed && k->confirmed)) {
        rc = sockets_receive(k->connection, fds, count);
        if (rc != 1) {
            break;
        }
        if (!k->welcomed) {
            k->welcomed = true;
            return;
        }
        k->confirmed = true;
    }
    if (rc == -1) {
        disconnect(k);
    }
}

static void wait_for_answer(const struct keeper *k)
{
    struct pollfd item = {.fd = k->connection, .events = POLLIN};
    if (k->connection != -1) {
        poll(&item, 1, ANSWER_MS);
    }
}

static bool is_connected(struct keeper *k)
{
    struct pollfd item = {.fd = k->connection, .events = POLLIN};
    if (k->connection != -1 && poll(&item, 1, 0) == 1 &&
        (item.revents & (POLLHUP | POLLERR)) != 0) {
        disconnect(k);
    }
    return k->connection != -1;
}

/* ---- both ---- */

struct keeper *keeper_open(const struct config_common *common, int fds[SOCKETS_MAX], size_t *count)
{
    struct keeper *k = calloc(1, sizeof *k);
    if (k == NULL) {
        log_error("keeper.memory", "error=\"out of memory\"");
        return NULL;
    }
    k->connection = -1;
    if (take_from_systemd(fds, count) == -1) {
        keeper_free(&k);
        return NULL;
    }
    if (*count > 0) {
        k->gave = KEEPER_SYSTEMD;
        return k;
    }
    if (sockets_endpoint(common, &k->endpoint) == -1) {
        log_error("keeper.endpoint", "run_dir=%s error=\"too long\"", common->run_dir);
        keeper_free(&k);
        return NULL;
    }
    connect_now(k);
    wait_for_answer(k);
    hear(k, fds, count);
    if (keeper_is_silent(k)) {
        log_error("socketd.silent",
                  "after_ms=%d effect=\"what stands in the sockets it holds waits for it\"",
                  ANSWER_MS);
    }
    k->gave = *count > 0 ? KEEPER_SOCKETD : KEEPER_NONE;
    return k;
}

void keeper_free(struct keeper **k)
{
    if (*k != NULL) {
        disconnect(*k);
        free(*k);
        *k = NULL;
    }
}

bool keeper_is_silent(const struct keeper *k)
{
    return k->connection != -1 && !k->welcomed;
}

enum keeper_kind keeper_gave(const struct keeper *k)
{
    return k->gave;
}

void keeper_keep(struct keeper *k, const int *fds, size_t count)
{
    int none[SOCKETS_MAX];
    size_t none_count;
    if (k->gave == KEEPER_SYSTEMD || count > SOCKETS_MAX) {
        return;
    }
    memcpy(k->own, fds, count * sizeof *fds);
    k->own_count = count;
    k->confirmed = false;
    if (k->connection != -1 && k->welcomed) {
        give(k);
        wait_for_answer(k);
        hear(k, none, &none_count);
    }
}

void keeper_care(struct keeper *k, int fds[SOCKETS_MAX], size_t *count)
{
    int none[SOCKETS_MAX];
    size_t none_count;
    *count = 0;
    if (k->gave == KEEPER_SYSTEMD) {
        return;
    }
    if (!is_connected(k)) {
        if (!k->told_gone) {
            log_warn("socketd.none", "effect=\"a restart loses what comes meanwhile\"");
        }
        k->told_gone = true;
        connect_now(k);
        return; /* its answer is there next time */
    }
    bool was_welcomed = k->welcomed, was_confirmed = k->confirmed;
    if (was_welcomed) {
        hear(k, none, &none_count);
    } else {
        hear(k, fds, count);
        if (k->welcomed) {
            give(k); /* ours replace them */
        }
    }
    if (!was_confirmed && k->confirmed) {
        k->told_gone = false;
        log_info("socketd.holds", "sockets=%zu", k->own_count);
    }
}

int keeper_fd(const struct keeper *k)
{
    return k->connection;
}

enum keeper_kind keeper_now(struct keeper *k)
{
    if (k->gave == KEEPER_SYSTEMD) {
        return KEEPER_SYSTEMD;
    }
    if (is_connected(k) && k->welcomed && !k->confirmed) {
        int none[SOCKETS_MAX];
        size_t none_count;
        hear(k, none, &none_count); /* it may have told just now */
    }
    return is_connected(k) && k->confirmed ? KEEPER_SOCKETD : KEEPER_NONE;
}
