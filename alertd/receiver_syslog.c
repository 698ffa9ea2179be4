/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams, to the machine's own log or by UDP. What the socket took is told: nobody answers. */
#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alertd/receiver.h"
#include "alertd/syslog_text.h"
#include "common/daemon.h"

/* Anew for each batch, since the log may have been restarted. */
static int open_socket(const struct receiver *r)
{
    struct sockaddr_storage address;
    socklen_t size = target_syslog_address(r->to->url, &address);
    int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd != -1 && connect(fd, (struct sockaddr *)&address, size) == -1) {
        int error = errno;
        close(fd);
        errno = error;
        fd = -1;
    }
    return fd;
}

static int send_one(int fd, const struct receiver *r, const struct alert *alert)
{
    char text[SYSLOG_BYTES + 1], host[HOST_NAME_MAX + 1] = "";
    gethostname(host, sizeof host - 1);
    size_t size = syslog_write(text, alert, r->batch.fires, r->to->url[0] == '/', host,
                               (long)getpid(), daemon_now_us());
    errno = ENOMEM;
    return size > 0 && send(fd, text, size, MSG_NOSIGNAL) != -1 ? 0 : -1;
}

int receiver_syslog_send(const struct receiver *r, unsigned *sent)
{
    int fd = open_socket(r), error = 0;
    *sent = 0;
    if (fd == -1) {
        return -1;
    }
    while (error == 0 && *sent < r->batch.count) {
        if (send_one(fd, r, r->batch.item[*sent].alert) == 0) {
            (*sent)++;
        } else {
            error = errno;
        }
    }
    close(fd);
    errno = error;
    return error == 0 ? 0 : -1;
}
