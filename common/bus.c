/* SPDX-License-Identifier: Apache-2.0 */
/* ZeroMQ sockets of the set. */
#include "common/bus.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/owner.h"

static const char scheme[] = "ipc://";

/* "ipc://FOLDER/ENDPOINT"; -1 when it would not fit a Unix socket's address. */
static int endpoint_text(const char *endpoint, char *text, size_t size)
{
    const struct config_common *common = daemon_common();
    struct sockaddr_un address;
    char folder[sizeof address.sun_path];
    if (owner_folder(common->run_dir, common->user, endpoint, folder, sizeof folder) == -1 ||
        strlen(folder) + 1 + strlen(endpoint) >= sizeof address.sun_path) {
        log_error("bus.path_too_long", "run_dir=%s limit=%zu", common->run_dir,
                  sizeof address.sun_path - 1);
        return -1;
    }
    snprintf(text, size, "%s%s/%s", scheme, folder, endpoint);
    return 0;
}

/* Where each process has a user of its own, the socket is its folder's group's, too, and the folder
 * decides who that is. Who connects before this tries again. */
static int let_in(const char *text)
{
    if (!owner_is_each(daemon_common()->user)) {
        return 0;
    }
    if (chmod(text + sizeof scheme - 1, 0660) == -1) {
        log_errno("bus.mode", "endpoint=%s", text);
        return -1;
    }
    return 0;
}

enum way { BIND, CONNECT, CONNECT_PRESENT };

static zsock_t *open_socket(int type, const char *endpoint, int send_high_water,
                            int receive_high_water, enum way way)
{
    char text[256];
    if (endpoint_text(endpoint, text, sizeof text) == -1) {
        return NULL;
    }
    zsock_t *s = zsock_new(type);
    if (s == NULL) {
        log_errno("bus.socket", "endpoint=%s", text);
        return NULL;
    }
    zsock_set_linger(s, 0);
    zsock_set_sndhwm(s, send_high_water);
    zsock_set_rcvhwm(s, receive_high_water);
    zsock_set_maxmsgsize(s, BUS_FRAME_BYTES);
    zsock_set_reconnect_ivl(s, 50);
    zsock_set_reconnect_ivl_max(s, 1000);
    zsock_set_immediate(s, way == CONNECT_PRESENT);
    bool bind = way == BIND;
    void *raw = zsock_resolve(s);
    if ((bind ? zmq_bind(raw, text) : zmq_connect(raw, text)) == -1) {
        log_error(bind ? "bus.bind" : "bus.connect", "endpoint=%s error=\"%s\"", text,
                  zmq_strerror(errno));
        zsock_destroy(&s);
    }
    if (s != NULL && bind && let_in(text) == -1) {
        zsock_destroy(&s);
    }
    return s;
}

zsock_t *bus_bind(int type, const char *endpoint, int high_water)
{
    return open_socket(type, endpoint, high_water, high_water, BIND);
}

zsock_t *bus_bind_queues(int type, const char *endpoint, int send_high_water,
                         int receive_high_water)
{
    return open_socket(type, endpoint, send_high_water, receive_high_water, BIND);
}

zsock_t *bus_connect(int type, const char *endpoint, int high_water)
{
    return open_socket(type, endpoint, high_water, high_water, CONNECT);
}

zsock_t *bus_connect_present(int type, const char *endpoint, int high_water)
{
    return open_socket(type, endpoint, high_water, high_water, CONNECT_PRESENT);
}

int bus_send(zsock_t *socket, const struct slice *frames, int count)
{
    void *raw = zsock_resolve(socket);
    for (int i = 0; i < count; i++) {
        int more = i + 1 < count ? ZMQ_SNDMORE : 0;
        if (zmq_send(raw, frames[i].at, frames[i].len, ZMQ_DONTWAIT | more) == -1) {
            /* ZeroMQ takes a message whole: only its first frame can be refused for lack of room.
             */
            return errno == EAGAIN && i == 0 ? 1 : -1;
        }
    }
    return 0;
}

void bus_move(struct bus_message *to, struct bus_message *from)
{
    for (int i = 0; i < from->count; i++) {
        zmq_msg_init(&to->parts[i]);
        zmq_msg_move(&to->parts[i], &from->parts[i]);
        to->frames[i] = (struct slice){zmq_msg_data(&to->parts[i]), zmq_msg_size(&to->parts[i])};
    }
    to->count = from->count;
    bus_release(from);
}

void bus_release(struct bus_message *m)
{
    for (int i = 0; i < m->count; i++) {
        zmq_msg_close(&m->parts[i]);
    }
    m->count = 0;
}

/* What is left of a message with too many frames. */
static void skip_rest(void *raw)
{
    int more = 1;
    while (more) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, raw, ZMQ_DONTWAIT) == -1) {
            more = 0;
        } else {
            more = zmq_msg_more(&part);
        }
        zmq_msg_close(&part);
    }
}

int bus_receive(zsock_t *socket, struct bus_message *m)
{
    void *raw = zsock_resolve(socket);
    m->count = 0;
    for (;;) {
        zmq_msg_t *part = &m->parts[m->count];
        zmq_msg_init(part);
        if (zmq_msg_recv(part, raw, ZMQ_DONTWAIT) == -1) {
            int error = errno;
            zmq_msg_close(part);
            bus_release(m);
            return error == EAGAIN ? 1 : -1;
        }
        m->frames[m->count] = (struct slice){zmq_msg_data(part), zmq_msg_size(part)};
        m->count++;
        if (!zmq_msg_more(part)) {
            return 0;
        }
        if (m->count == BUS_FRAMES) {
            skip_rest(raw);
            bus_release(m);
            return -1;
        }
    }
}
