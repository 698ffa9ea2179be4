/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that were kept, sockets that are bound anew. */
#include "ingestd/udp/listeners.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/log.h"
#include "ingestd/ingestd.h"

struct opening {
    const struct listener_list *list;
    struct udp *udp;
    struct keeper *keeper;
    int kept[SOCKETS_MAX]; /* not taken over yet; -1: taken */
    size_t kept_count;
    int64_t smallest_buffer;
    char buffers[160]; /* the note */
};

static void note_buffer(struct opening *o, const char *endpoint, int64_t bytes)
{
    size_t used = strlen(o->buffers);
    o->smallest_buffer = bytes < o->smallest_buffer ? bytes : o->smallest_buffer;
    snprintf(o->buffers + used, sizeof o->buffers - used, "%s%s %" PRId64 " bytes",
             used > 0 ? ", " : "", endpoint, bytes);
    daemon_note("receive_buffers", "%s", o->buffers);
}

/* Of the sockets that were kept, the one bound to the endpoint, taken out; -1 when there is none.
 */
static int take_kept(struct opening *o, const char *endpoint)
{
    for (size_t i = 0; i < o->kept_count; i++) {
        int fd = o->kept[i];
        if (fd != -1 && udp_is_bound_to(fd, endpoint)) {
            o->kept[i] = -1;
            return fd;
        }
    }
    return -1;
}

/* Takes over those of the list that were kept; the others are marked in to_bind. */
static int adopt_kept(struct opening *o, bool *to_bind)
{
    for (uint32_t i = 0; i < o->list->count; i++) {
        const char *endpoint = o->list->at[i].endpoint;
        int64_t effective;
        int fd = take_kept(o, endpoint);
        to_bind[i] = fd == -1;
        if (fd != -1) {
            if (udp_adopt(o->udp, fd, endpoint, settings.receive_buffer_bytes, &effective) == -1) {
                close(fd);
                return -1;
            }
            udp_set_listener(o->udp, i);
            note_buffer(o, endpoint, effective);
        } else if (keeper_gave(o->keeper) == KEEPER_SYSTEMD) {
            log_error("listen_fds.missing",
                      "ingestd.listen=%s expected=\"the same addresses in the socket unit\"",
                      endpoint);
            return -1;
        }
    }
    return 0;
}

/* The sockets that there are, for the keeper. */
static void keep_sockets(const struct opening *o)
{
    int fds[UDP_LISTENERS];
    keeper_keep(o->keeper, fds, udp_fds(o->udp, fds));
}

/* Those that the list does not name. They may stand in the way of others: of a wildcard address. */
static int close_others(struct opening *o)
{
    bool any = false, systemd = keeper_gave(o->keeper) == KEEPER_SYSTEMD;
    for (size_t i = 0; i < o->kept_count; i++) {
        if (o->kept[i] == -1) {
            continue;
        }
        any = true;
        if (systemd) {
            log_error("listen_fds.unlisted",
                      "descriptor=%d expected=\"an address that ingestd.listen names\"",
                      o->kept[i]);
        } else {
            log_warn("udp.unlisted",
                     "effect=\"a socket kept for ingestd.listen before is closed\"");
        }
        close(o->kept[i]);
    }
    if (any && !systemd) {
        keep_sockets(o);
    }
    return any && systemd ? -1 : 0;
}

static int bind_others(struct opening *o, const bool *to_bind)
{
    for (uint32_t i = 0; i < o->list->count; i++) {
        const char *endpoint = o->list->at[i].endpoint;
        int64_t effective = 0;
        int64_t wanted = settings.receive_buffer_bytes;
        int rc = !to_bind[i] ? 1
                 : keeper_is_silent(o->keeper)
                     ? udp_listen_beside(o->udp, endpoint, wanted, &effective)
                     : udp_listen(o->udp, endpoint, wanted, &effective);
        if (rc == -1) {
            return -1;
        }
        if (rc == 0) {
            udp_set_listener(o->udp, i);
            note_buffer(o, endpoint, effective);
        }
    }
    if (udp_count(o->udp) == 0) {
        log_error("udp.listen", "error=\"none of the listeners could be opened\"");
        return -1;
    }
    return 0;
}

struct keeper *listeners_open(const struct listener_list *list, struct udp *udp,
                              int64_t *smallest_buffer)
{
    bool to_bind[UDP_LISTENERS];
    struct opening o = {.list = list, .udp = udp, .smallest_buffer = INT64_MAX};
    o.keeper = keeper_open(daemon_common(), o.kept, &o.kept_count);
    if (o.keeper == NULL || adopt_kept(&o, to_bind) == -1 || close_others(&o) == -1) {
        goto failed;
    }
    size_t adopted = udp_count(udp);
    if (bind_others(&o, to_bind) == -1) {
        goto failed;
    }
    keep_sockets(&o);
    log_info("udp.listening", "sockets=%zu taken_over=%zu", udp_count(udp), adopted);
    *smallest_buffer = o.smallest_buffer;
    return o.keeper;
failed:
    keeper_free(&o.keeper);
    return NULL;
}

size_t listeners_care(const struct listener_list *list, struct udp *udp, struct keeper *keeper)
{
    int fds[SOCKETS_MAX];
    int64_t effective;
    size_t count, adopted = 0;
    keeper_care(keeper, fds, &count);
    for (size_t i = 0; i < count; i++) {
        bool taken = false;
        for (uint32_t k = 0; k < list->count && !taken; k++) {
            const char *endpoint = list->at[k].endpoint;
            taken = udp_is_bound_to(fds[i], endpoint) && udp_count(udp) < UDP_LISTENERS &&
                    udp_adopt(udp, fds[i], endpoint, 0, &effective) == 0;
            if (taken) {
                udp_set_listener(udp, k);
            }
        }
        if (taken) {
            udp_forget_drops(udp);
            adopted++;
        } else {
            close(fds[i]);
        }
    }
    if (adopted > 0) {
        log_info("udp.adopted", "sockets=%zu reason=\"socketd held them, and is there again\"",
                 adopted);
    }
    return adopted;
}
