/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets. Accepts nothing itself. */
#include "common/http/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/address.h"
#include "common/log.h"
#include "common/number.h"

#define BACKLOG 256

int listen_split(const char *text, char host[LISTEN_HOST_SIZE], char port[6])
{
    const char *colon = strrchr(text, ':');
    size_t host_size = colon == NULL ? 0 : (size_t)(colon - text);
    if (host_size == 0 || host_size >= LISTEN_HOST_SIZE) {
        return -1;
    }
    const char *from = text;
    if (text[0] == '[') {
        if (host_size < 3 || text[host_size - 1] != ']') {
            return -1;
        }
        from++;
        host_size -= 2;
    } else if (memchr(text, ':', host_size) != NULL) {
        return -1; /* an IPv6 address without brackets */
    }
    int64_t number;
    if (number_integer(slice_of(colon + 1), 1, 65535, &number) == -1) {
        return -1;
    }
    memcpy(host, from, host_size);
    host[host_size] = '\0';
    snprintf(port, 6, "%u", (unsigned)number);
    return 0;
}

bool listen_is_loopback(const char *text)
{
    char host[LISTEN_HOST_SIZE], port[6];
    struct address a;
    if (listen_split(text, host, port) == -1) {
        return false;
    }
    if (address_parse(slice_of(host), &a) == -1) {
        return strcmp(host, "localhost") == 0;
    }
    static const uint8_t one[16] = {[15] = 1};
    return a.family == 4 ? a.bytes[0] == 127 : memcmp(a.bytes, one, sizeof one) == 0;
}

void listen_check(struct document *d, const char *option, const struct config_strings *listen)
{
    char host[LISTEN_HOST_SIZE], port[6], place[64];
    if (listen->count == 0 || listen->count > SERVER_LISTENERS) {
        document_fault_in(d, option, "expected 1 to %d addresses, found %zu", SERVER_LISTENERS,
                          listen->count);
    }
    for (size_t i = 0; i < listen->count; i++) {
        snprintf(place, sizeof place, "%s[%zu]", option, i);
        if (listen_split(listen->item[i], host, port) == -1) {
            document_expected_in(d, place, listen->item[i], "HOST:PORT, IPv6 in brackets");
        }
    }
}

static int open_address(const struct addrinfo *ai)
{
    int one = 1;
    int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1) {
        return -1;
    }
    /* What is accepted inherits TCP_NODELAY: an answer's end does not wait for its beginning's ACK.
     */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == -1 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == -1 ||
        (ai->ai_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == -1) ||
        bind(fd, ai->ai_addr, ai->ai_addrlen) == -1 || listen(fd, BACKLOG) == -1) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

int listen_open(const char *option, const char *text)
{
    char host[LISTEN_HOST_SIZE], port[6];
    struct addrinfo *found = NULL;
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    if (listen_split(text, host, port) == -1) {
        log_error("listen.address", "%s=%s expected=\"HOST:PORT\"", option, text);
        return -1;
    }
    int error = getaddrinfo(host, port, &hints, &found);
    if (error != 0) {
        log_error("listen.address", "%s=%s error=\"%s\"", option, text, gai_strerror(error));
        return -1;
    }
    int fd = open_address(found);
    freeaddrinfo(found);
    if (fd == -1) {
        log_errno("listen.open", "%s=%s", option, text);
    }
    return fd;
}
