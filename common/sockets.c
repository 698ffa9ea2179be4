/* SPDX-License-Identifier: Apache-2.0 */
/* SCM_RIGHTS, checked: what comes is what was announced, or all of it is closed again. */
#include "common/sockets.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/owner.h"

int sockets_endpoint(const struct config_common *common, struct sockaddr_un *name)
{
    char folder[sizeof name->sun_path];
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (owner_folder(common->run_dir, common->user, ENDPOINT_SOCKETS, folder, sizeof folder) ==
        -1) {
        return -1;
    }
    int n = snprintf(name->sun_path, sizeof name->sun_path, "%s/%s", folder, ENDPOINT_SOCKETS);
    return n > 0 && (size_t)n < sizeof name->sun_path ? 0 : -1;
}

int sockets_send(int unix_socket, const int *fds, size_t count)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(SOCKETS_MAX * sizeof(int))] = {0};
    unsigned char bytes[2] = {SOCKETS_VERSION, (unsigned char)count};
    struct iovec vector = {bytes, sizeof bytes};
    struct msghdr m = {.msg_iov = &vector, .msg_iovlen = 1};
    if (count > SOCKETS_MAX) {
        errno = EINVAL;
        return -1;
    }
    if (count > 0) {
        m.msg_control = control;
        m.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    }
    return sendmsg(unix_socket, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == -1 ? -1 : 0;
}

/* All descriptors of a message, whatever else is in it: one that is not taken would stay open. */
static size_t take_descriptors(struct msghdr *m, int fds[SOCKETS_MAX])
{
    size_t count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (count < SOCKETS_MAX) {
                fds[count++] = fd;
            } else {
                close(fd);
            }
        }
    }
    return count;
}

int sockets_receive(int unix_socket, int fds[SOCKETS_MAX], size_t *count)
{
    static struct log_limit said;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(SOCKETS_MAX * sizeof(int))];
    unsigned char bytes[3];
    struct iovec vector = {bytes, sizeof bytes};
    struct msghdr m = {.msg_iov = &vector,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof control};
    ssize_t n = recvmsg(unix_socket, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n == -1) {
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    }
    *count = take_descriptors(&m, fds);
    if (n == 0 && *count == 0) {
        return -1; /* it closed the connection */
    }
    bool good = n == 2 && bytes[0] == SOCKETS_VERSION && bytes[1] == *count &&
                (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
    for (size_t i = 0; i < *count && good; i++) {
        good = sockets_is_udp(fds[i]);
    }
    if (good) {
        return 1;
    }
    if (log_allowed(&said, 1)) {
        log_warn("sockets.refused",
                 "bytes=%zd descriptors=%zu expected=\"version %d and at most %d UDP sockets\"", n,
                 *count, SOCKETS_VERSION, SOCKETS_MAX);
    }
    while (*count > 0) {
        close(fds[--*count]);
    }
    return -1;
}

bool sockets_is_udp(int fd)
{
    int type = 0, protocol = 0, domain = 0;
    socklen_t length = sizeof(int);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && type == SOCK_DGRAM &&
           protocol == IPPROTO_UDP && (domain == AF_INET || domain == AF_INET6);
}

int sockets_refuse_new(int fd)
{
    struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = {1, &nothing};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

uint64_t sockets_empty(int fd)
{
    uint64_t count = 0;
    char byte;
    if (sockets_refuse_new(fd) == -1) {
        log_errno("sockets.refuse_new", "fd=%d", fd); /* to read on might have no end */
        return 0;
    }
    for (;;) {
        ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_TRUNC);
        if (n == -1 && errno != EINTR) {
            return count;
        }
        count += n >= 0 ? 1 : 0;
    }
}

uid_t sockets_peer(int unix_socket)
{
    struct ucred peer;
    socklen_t length = sizeof peer;
    return getsockopt(unix_socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == -1 ? (uid_t)-1
                                                                                  : peer.uid;
}
