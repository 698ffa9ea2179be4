/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams to systemd. libsystemd would bring a dozen libraries along for these few bytes. */
#include "common/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/number.h"

static struct {
    int fd; /* 0: nobody asked */
    struct sockaddr_un name;
    socklen_t name_length;
    int64_t watchdog_us; /* 0: none */
    int64_t fed_us;
} self;

/* A path, or "@" and a name that is none; -1 when it is neither or does not fit. */
static int read_name(const char *text)
{
    size_t len = strlen(text);
    if ((text[0] != '/' && text[0] != '@') || text[1] == '\0' || len >= sizeof self.name.sun_path) {
        log_warn("notify.socket", "found=\"%s\" expected=\"a path, or @ and a name\"", text);
        return -1;
    }
    self.name = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(self.name.sun_path, text, len);
    self.name_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (text[0] == '@') {
        self.name.sun_path[0] = '\0';
    }
    return 0;
}

/* 0 when there is none, it is no number, or it is for another process. */
static int64_t read_watchdog(void)
{
    const char *text = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    const int64_t own = getpid();
    int64_t us = 0, of;
    if (text == NULL || (pid != NULL && number_integer(slice_of(pid), own, own, &of) == -1)) {
        return 0;
    }
    return number_integer(slice_of(text), 1, INT64_MAX, &us) == 0 ? us : 0;
}

void notify_start(void)
{
    const char *text = getenv("NOTIFY_SOCKET");
    if (text != NULL && read_name(text) == 0) {
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd == -1) {
            log_errno("notify.socket", "name=%s", text);
        } else {
            self.fd = fd;
            self.watchdog_us = read_watchdog();
            self.fed_us = clock_steady_us();
        }
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static void send_text(const char *text)
{
    static struct log_limit said;
    if (self.fd == 0) {
        return;
    }
    ssize_t n = sendto(self.fd, text, strlen(text), MSG_NOSIGNAL,
                       (const struct sockaddr *)&self.name, self.name_length);
    if (n == -1 && log_allowed(&said, 1)) {
        log_errno("notify.send", "text=%s", text);
    }
}

void notify_ready(void)
{
    send_text("READY=1");
    self.fed_us = clock_steady_us();
}

void notify_alive(void)
{
    int64_t now_us = clock_steady_us();
    /* Twice as often as asked for, as sd_watchdog_enabled(3) advises. */
    if (self.watchdog_us > 0 && now_us - self.fed_us >= self.watchdog_us / 2 - 1000000) {
        self.fed_us = now_us;
        send_text("WATCHDOG=1");
    }
}

void notify_stopping(void)
{
    send_text("STOPPING=1");
}
