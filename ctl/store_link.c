/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting, sending, receiving; what is said is the commands'. */
#include "ctl/store_link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/ctl.h"

int store_link_send(void *socket, struct pack *p)
{
    int rc = -1;
    if (pack_ok(p)) {
        struct slice bytes = pack_bytes(p);
        rc = zmq_send(socket, bytes.at, bytes.len, ZMQ_DONTWAIT) == -1 ? -1 : 0;
    }
    pack_release(p);
    return rc;
}

int store_link_ask(const struct store_link *link, struct pack *p, int patience_ms, zmq_msg_t *bytes,
                   struct slice *frame)
{
    int rc;
    if (store_link_send(link->socket, p) == -1) {
        ctl_failed("%s cannot be asked", link->peer);
        return -1;
    }
    do {
        rc = store_link_receive(link, patience_ms, bytes, frame);
    } while (rc == 1);
    return rc;
}

int store_link_strange(const struct store_link *link)
{
    ctl_failed("%s answered something else than expected; is it of another version?", link->peer);
    return -1;
}

int store_link_receive(const struct store_link *link, int patience_ms, zmq_msg_t *bytes,
                       struct slice *frame)
{
    zmq_pollitem_t item = {.socket = link->socket, .events = ZMQ_POLLIN};
    int ready = zmq_poll(&item, 1, patience_ms);
    if (ready == -1 && errno == EINTR) {
        return 1;
    }
    if (ready <= 0) {
        ctl_failed("%s did not answer within %d s; `ezrepo status` tells more", link->peer,
                   patience_ms / 1000);
        return -1;
    }
    if (zmq_msg_recv(bytes, link->socket, ZMQ_DONTWAIT) == -1 || zmq_msg_more(bytes) != 0) {
        return store_link_strange(link);
    }
    *frame = (struct slice){zmq_msg_data(bytes), zmq_msg_size(bytes)};
    return 0;
}

/* The socket of one that ended stays, and ZeroMQ would wait for the next one. */
static bool somebody_listens(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, path, strlen(path) + 1); /* whose length was looked at */
    bool refused = fd != -1 && connect(fd, (struct sockaddr *)&address, sizeof address) == -1 &&
                   errno == ECONNREFUSED;
    if (fd != -1) {
        close(fd);
    }
    return !refused;
}

int store_link_open(struct store_link *link, const char *run_dir, const char *name,
                    const char *peer)
{
    struct sockaddr_un address;
    char endpoint[2 * sizeof address.sun_path + 16];
    int linger = 1000;
    *link = (struct store_link){NULL, NULL, peer};
    if (run_dir == NULL) {
        return ctl_usage("--run-dir is missing");
    }
    if (strlen(run_dir) + strlen(name) + 2 > sizeof address.sun_path) {
        return ctl_usage("--run-dir: longer than a socket's path may be");
    }
    snprintf(endpoint, sizeof endpoint, "%s/%s", run_dir, name);
    if (access(endpoint, W_OK) == -1) {
        return ctl_failed("%s: %s", endpoint, strerror(errno));
    }
    if (!somebody_listens(endpoint)) {
        return ctl_failed("%s: %s does not run; `ezrepo status` tells more", endpoint, peer);
    }
    snprintf(endpoint, sizeof endpoint, "ipc://%s/%s", run_dir, name);
    link->context = zmq_ctx_new();
    link->socket = link->context == NULL ? NULL : zmq_socket(link->context, ZMQ_DEALER);
    if (link->socket == NULL ||
        zmq_setsockopt(link->socket, ZMQ_LINGER, &linger, sizeof linger) == -1 ||
        zmq_connect(link->socket, endpoint) == -1) {
        ctl_failed("%s: %s", endpoint, zmq_strerror(errno));
        store_link_close(link);
        return CTL_FAILED;
    }
    return CTL_DONE;
}

void store_link_close(struct store_link *link)
{
    if (link->socket != NULL) {
        zmq_close(link->socket);
    }
    if (link->context != NULL) {
        zmq_ctx_term(link->context);
    }
    *link = (struct store_link){NULL, NULL, NULL};
}
