/* SPDX-License-Identifier: Apache-2.0 */
/* recvmmsg into a ring; drops counted by SO_RXQ_OVFL and, where no datagram follows them,
 * SO_MEMINFO. */
#include "ingestd/udp/udp.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/number.h"
#include "common/sockets.h"

/*
 * The longest datagram is 65,507 bytes over IPv4 and 65,527 over IPv6. A slot is a little more than
 * 64 KiB, or the first bytes of all slots would contend for the same cache lines.
 */
#define DATAGRAM_BYTES ((size_t)65536)
#define SLOT_BYTES     (DATAGRAM_BYTES + 1088)

struct udp_socket {
    int fd;
    uint32_t drops_seen; /* the kernel's counter, which wraps */
    uint32_t listener;
};

struct udp {
    struct udp_socket sockets[UDP_LISTENERS];
    size_t count;
    uint64_t drops;
    struct tally *tally; /* NULL: none */
    bool refusing;       /* what is dropped now is not for want of room */
    char *slots;
    struct mmsghdr messages[UDP_BURST];
    struct iovec vectors[UDP_BURST];
    struct sockaddr_in6 senders[UDP_BURST]; /* large enough for both families */
    _Alignas(struct cmsghdr) char control[UDP_BURST][CMSG_SPACE(sizeof(uint32_t))];
    int filled, taken;
    int64_t received_us;
    uint32_t listener; /* of what fills the ring */
};

int udp_endpoint_parse(struct slice text, struct address *address, uint16_t *port)
{
    bool six = text.len > 0 && text.at[0] == '[';
    const char *colon = text.len == 0 ? NULL : memrchr(text.at, ':', text.len);
    if (colon == NULL) {
        return -1;
    }
    struct slice host = {text.at, (size_t)(colon - text.at)};
    if (six) {
        if (host.len < 2 || host.at[host.len - 1] != ']') {
            return -1;
        }
        host = (struct slice){host.at + 1, host.len - 2};
    }
    if (address_parse(host, address) == -1 || address->family != (six ? 6 : 4)) {
        return -1;
    }
    const char *end = text.at + text.len;
    int64_t number;
    if (number_integer((struct slice){colon + 1, (size_t)(end - colon - 1)}, 1, 65535, &number) ==
        -1) {
        return -1;
    }
    *port = (uint16_t)number;
    return 0;
}

struct udp *udp_new(void)
{
    struct udp *u = calloc(1, sizeof *u);
    if (u == NULL) {
        return NULL;
    }
    u->slots = malloc(UDP_BURST * SLOT_BYTES);
    if (u->slots == NULL) {
        udp_free(&u);
        return NULL;
    }
    for (size_t i = 0; i < UDP_BURST; i++) {
        u->vectors[i] = (struct iovec){u->slots + i * SLOT_BYTES, DATAGRAM_BYTES};
        u->messages[i].msg_hdr = (struct msghdr){.msg_name = &u->senders[i],
                                                 .msg_iov = &u->vectors[i],
                                                 .msg_iovlen = 1,
                                                 .msg_control = u->control[i]};
    }
    return u;
}

void udp_free(struct udp **u)
{
    if (*u == NULL) {
        return;
    }
    for (size_t i = 0; i < (*u)->count; i++) {
        udp_close(*u, i);
    }
    free((*u)->slots);
    free(*u);
    *u = NULL;
}

/* ---- opening ---- */

static socklen_t make_sockaddr(const struct address *address, uint16_t port,
                               struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (address->family == 6) {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
        memcpy(&six->sin6_addr, address->bytes, 16);
        return sizeof *six;
    }
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    memcpy(&four->sin_addr, address->bytes, 4);
    return sizeof *four;
}

/* The kernel doubles what is asked for, for its own overhead: what it then tells is halved. */
static int get_buffer(int fd, const char *endpoint)
{
    int got = 0;
    socklen_t length = sizeof got;
    if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &length) == -1) {
        log_errno("udp.buffer", "endpoint=%s", endpoint);
        return 0;
    }
    return got / 2;
}

static int64_t set_buffer(int fd, const char *endpoint, int64_t buffer_bytes)
{
    int wanted = (int)buffer_bytes;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) == -1 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted) == -1) {
        log_errno("udp.buffer", "endpoint=%s", endpoint);
    }
    int got = get_buffer(fd, endpoint);
    if (got < wanted) {
        log_warn("udp.buffer_small",
                 "endpoint=%s wanted_bytes=%d effective_bytes=%d "
                 "advice=\"raise net.core.rmem_max or start as root\"",
                 endpoint, wanted, got);
    }
    return got;
}

/*
 * Others of this user may bind beside it from now on, if they say so before they bind: an ingestd
 * that follows, see udp_listen_beside(). Said behind bind(), so that who does not know of the
 * other finds the address in use.
 */
static void share(int fd, const char *endpoint)
{
    int one = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) == -1) {
        log_errno("udp.share", "endpoint=%s", endpoint);
    }
}

/* The second of those that are bound there gets everything: the first is the one that is kept. */
static void take_all(int fd, const char *endpoint)
{
    struct sock_filter second[] = {{.code = BPF_RET | BPF_K, .k = 1}};
    struct sock_fprog program = {.len = 1, .filter = second};
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == -1) {
        log_errno("udp.take_all", "endpoint=%s effect=\"a part of what comes waits for socketd\"",
                  endpoint);
    }
}

static int listen_on(struct udp *u, const char *endpoint, int64_t buffer_bytes,
                     int64_t *effective_bytes, bool beside)
{
    struct address address;
    uint16_t port;
    struct sockaddr_storage name;
    int one = 1;
    if (udp_endpoint_parse(slice_of(endpoint), &address, &port) == -1 ||
        u->count == UDP_LISTENERS) {
        log_error("udp.listen", "endpoint=%s expected=\"an address with a port, at most %d\"",
                  endpoint, UDP_LISTENERS);
        return -1;
    }
    int fd = socket(address.family == 6 ? AF_INET6 : AF_INET,
                    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1) {
        if (errno == EAFNOSUPPORT) {
            log_warn("udp.no_protocol", "endpoint=%s effect=\"nothing is received there\"",
                     endpoint);
            return 1;
        }
        log_errno("udp.socket", "endpoint=%s", endpoint);
        return -1;
    }
    if (address.family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == -1) {
        log_errno("udp.v6only", "endpoint=%s", endpoint);
        goto failed;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &one, sizeof one) == -1) {
        log_errno("udp.count_drops", "endpoint=%s effect=\"drops are counted late\"", endpoint);
    }
    *effective_bytes = set_buffer(fd, endpoint, buffer_bytes);
    if (beside) {
        share(fd, endpoint);
    }
    socklen_t length = make_sockaddr(&address, port, &name);
    if (bind(fd, (struct sockaddr *)&name, length) == -1) {
        if (errno == EADDRNOTAVAIL && address.family == 6) {
            log_warn("udp.no_address", "endpoint=%s effect=\"nothing is received there\"",
                     endpoint);
            close(fd);
            return 1;
        }
        log_errno("udp.bind", "endpoint=%s", endpoint);
        goto failed;
    }
    if (beside) {
        take_all(fd, endpoint);
    } else {
        share(fd, endpoint);
    }
    u->sockets[u->count++] = (struct udp_socket){.fd = fd};
    return 0;
failed:
    close(fd);
    return -1;
}

int udp_listen(struct udp *u, const char *endpoint, int64_t buffer_bytes, int64_t *effective_bytes)
{
    return listen_on(u, endpoint, buffer_bytes, effective_bytes, false);
}

int udp_listen_beside(struct udp *u, const char *endpoint, int64_t buffer_bytes,
                      int64_t *effective_bytes)
{
    return listen_on(u, endpoint, buffer_bytes, effective_bytes, true);
}

/* ---- taking over ---- */

bool udp_is_bound_to(int fd, const char *endpoint)
{
    struct address address;
    uint16_t port;
    struct sockaddr_storage wanted, name = {0};
    socklen_t length = sizeof name;
    if (udp_endpoint_parse(slice_of(endpoint), &address, &port) == -1 ||
        getsockname(fd, (struct sockaddr *)&name, &length) == -1) {
        return false;
    }
    make_sockaddr(&address, port, &wanted);
    if (wanted.ss_family != name.ss_family) {
        return false;
    }
    if (name.ss_family == AF_INET6) {
        const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)&name;
        const struct sockaddr_in6 *b = (const struct sockaddr_in6 *)&wanted;
        return a->sin6_port == b->sin6_port && memcmp(&a->sin6_addr, &b->sin6_addr, 16) == 0;
    }
    const struct sockaddr_in *a = (const struct sockaddr_in *)&name;
    const struct sockaddr_in *b = (const struct sockaddr_in *)&wanted;
    return a->sin_port == b->sin_port && a->sin_addr.s_addr == b->sin_addr.s_addr;
}

/* On one that takes IPv4 as well every sender would look like an IPv6 one. */
static bool takes_both_families(int fd, const char *endpoint)
{
    int only = 1;
    socklen_t length = sizeof only;
    return strncmp(endpoint, "[::]:", 5) == 0 &&
           getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &length) == 0 && only == 0;
}

int udp_adopt(struct udp *u, int fd, const char *endpoint, int64_t buffer_bytes,
              int64_t *effective_bytes)
{
    int one = 1;
    if (u->count == UDP_LISTENERS || takes_both_families(fd, endpoint)) {
        log_error("udp.adopt",
                  "endpoint=%s expected=\"at most %d sockets, of IPv6 only "
                  "(BindIPv6Only=ipv6-only)\"",
                  endpoint, UDP_LISTENERS);
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &one, sizeof one) == -1) {
        log_errno("udp.count_drops", "endpoint=%s effect=\"drops are counted late\"", endpoint);
    }
    share(fd, endpoint); /* the release before did not */
    *effective_bytes = get_buffer(fd, endpoint);
    if (*effective_bytes < buffer_bytes) {
        *effective_bytes = set_buffer(fd, endpoint, buffer_bytes);
    }
    u->sockets[u->count++] = (struct udp_socket){.fd = fd};
    return 0;
}

void udp_set_listener(struct udp *u, uint32_t listener)
{
    u->sockets[u->count - 1].listener = listener;
}

void udp_set_tally(struct udp *u, struct tally *tally, const uint64_t *drops, uint64_t drops_untold)
{
    u->tally = tally;
    u->drops = drops_untold;
    for (size_t i = 0; i < u->count; i++) {
        u->sockets[i].drops_seen = (uint32_t)drops[i];
    }
}

size_t udp_count(const struct udp *u)
{
    return u->count;
}

int udp_fd(const struct udp *u, size_t i)
{
    return u->sockets[i].fd;
}

size_t udp_fds(const struct udp *u, int fds[UDP_LISTENERS])
{
    for (size_t i = 0; i < u->count; i++) {
        fds[i] = u->sockets[i].fd;
    }
    return u->count;
}

/* ---- drops ---- */

static void note_drops(struct udp *u, struct udp_socket *s, uint32_t seen)
{
    /* A datagram tells how many there were when it came: maybe less than is known by now. */
    int32_t more = (int32_t)(seen - s->drops_seen);
    if (more > 0 && !u->refusing) {
        u->drops += (uint32_t)more;
        s->drops_seen = seen;
        tally_dropped(u->tally, (size_t)(s - u->sockets), (uint32_t)more);
    }
}

static void note_drops_of(struct udp *u, struct udp_socket *s, struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            uint32_t seen;
            memcpy(&seen, CMSG_DATA(c), sizeof seen);
            note_drops(u, s, seen);
        }
    }
}

/* 0 when this kernel does not tell. */
static uint32_t socket_memory(int fd, unsigned which)
{
    uint32_t values[SK_MEMINFO_VARS] = {0};
    socklen_t length = sizeof values;
    return fd == -1 || getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values, &length) == -1
               ? 0
               : values[which];
}

void udp_forget_drops(struct udp *u)
{
    struct udp_socket *s = &u->sockets[u->count - 1];
    s->drops_seen = socket_memory(s->fd, SK_MEMINFO_DROPS);
}

uint64_t udp_drops(struct udp *u)
{
    for (size_t i = 0; i < u->count; i++) {
        if (u->sockets[i].fd != -1) {
            note_drops(u, &u->sockets[i], socket_memory(u->sockets[i].fd, SK_MEMINFO_DROPS));
        }
    }
    return u->drops;
}

uint64_t udp_unread_bytes(const struct udp *u)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < u->count; i++) {
        sum += socket_memory(u->sockets[i].fd, SK_MEMINFO_RMEM_ALLOC);
    }
    return sum;
}

/* ---- receiving ---- */

int udp_receive(struct udp *u, size_t i)
{
    static struct log_limit said;
    struct udp_socket *s = &u->sockets[i];
    if (s->fd == -1 || u->taken < u->filled) {
        return 0;
    }
    for (int k = 0; k < UDP_BURST; k++) {
        u->messages[k].msg_hdr.msg_namelen = sizeof u->senders[k];
        u->messages[k].msg_hdr.msg_controllen = sizeof u->control[k];
    }
    u->filled = u->taken = 0;
    tally_reading(u->tally);
    int n = recvmmsg(s->fd, u->messages, UDP_BURST, MSG_DONTWAIT, NULL);
    u->received_us = daemon_now_us();
    tally_read(u->tally, n > 0 ? (uint64_t)n : 0, u->received_us);
    if (n == -1) {
        if (errno == EAGAIN || errno == EINTR) {
            return 0;
        }
        if (log_allowed(&said, 1)) {
            log_errno("udp.receive", "socket=%zu", i);
        }
        return -1;
    }
    if (n > 0) {
        note_drops_of(u, s, &u->messages[n - 1].msg_hdr);
    }
    u->filled = n;
    u->listener = s->listener;
    return n;
}

bool udp_next(struct udp *u, struct udp_datagram *d)
{
    if (u->taken == u->filled) {
        return false;
    }
    int k = u->taken++;
    *d = (struct udp_datagram){.bytes = {u->vectors[k].iov_base, u->messages[k].msg_len},
                               .received_us = u->received_us,
                               .listener = u->listener};
    const struct sockaddr_in6 *six = &u->senders[k];
    if (six->sin6_family == AF_INET6) {
        d->sender.family = 6;
        memcpy(d->sender.bytes, &six->sin6_addr, 16);
        d->port = ntohs(six->sin6_port);
    } else {
        struct sockaddr_in four;
        memcpy(&four, six, sizeof four);
        d->sender.family = 4;
        memcpy(d->sender.bytes, &four.sin_addr, 4);
        d->port = ntohs(four.sin_port);
    }
    return true;
}

int udp_waiting(const struct udp *u)
{
    return u->filled - u->taken;
}

/* ---- ending ---- */

void udp_refuse_new(struct udp *u)
{
    udp_drops(u);
    u->refusing = true;
    for (size_t i = 0; i < u->count; i++) {
        if (u->sockets[i].fd != -1 && sockets_refuse_new(u->sockets[i].fd) == -1) {
            log_errno("udp.refuse_new", "socket=%zu effect=\"reads until the buffer is empty\"", i);
        }
    }
}

uint64_t udp_drop_rest(struct udp *u)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < u->count; i++) {
        if (u->sockets[i].fd != -1) {
            uint64_t count = sockets_empty(u->sockets[i].fd);
            tally_dropped(u->tally, i, count);
            sum += count;
            udp_close(u, i);
        }
    }
    u->drops += sum;
    return sum;
}

void udp_close(struct udp *u, size_t i)
{
    if (u->sockets[i].fd != -1) {
        close(u->sockets[i].fd);
        u->sockets[i].fd = -1;
    }
}
