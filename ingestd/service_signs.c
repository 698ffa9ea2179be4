/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs of life: each second one into the file and one to stored. Who cannot be heard by stored is
 * not absent: when stored is there again it is told how long this process and the gateways have
 * been there without a break.
 */
#include <poll.h>

#include "common/bus.h"
#include "common/daemon.h"
#include "common/log.h"
#include "ingestd/ingestd.h"
#include "ingestd/service_parts.h"

#define SELF        "ingestd"
#define HIGH_WATER  4 /* nobody needs more of them than the newest */
#define ARENA_BYTES ((size_t)1 << 16)

/* What the file says, if it is of this spool. */
static void read_found(struct service *s, struct slice found)
{
    struct signs_message m;
    struct arena *a = arena_new(ARENA_BYTES);
    presence_init(&s->presence, SELF);
    if (a != NULL && found.len > 0 &&
        (signs_decode_all(found, a, &m) == -1 || presence_read(&s->presence, SELF, &m) == -1)) {
        log_warn("signs.file",
                 "error=\"not well formed\" effect=\"absences before are not known\"");
    } else if (found.len > 0 && memcmp(m.instance, s->found.instance, sizeof m.instance) != 0) {
        presence_init(&s->presence, SELF); /* it was another spool's */
    }
    arena_free(&a);
}

/* How long nobody was here is known from the file; not where the clock was put back meanwhile. */
static void tell_absence(const struct service *s, int64_t now_us)
{
    int64_t last_us = s->presence.process[0].last_us;
    if (last_us > now_us) {
        log_warn("signs.clock",
                 "ahead_ms=%" PRId64 " reason=\"the last sign of life is later than now: the clock "
                 "was put back\" effect=\"how long this process was absent is not known\"",
                 (last_us - now_us) / 1000);
    } else if (last_us > 0) {
        log_info("signs.absent", "ms=%" PRId64, (now_us - last_us) / 1000);
    }
}

int signs_start(struct service *s)
{
    struct slice found;
    settled_init(&s->settled);
    pack_init(&s->sign);
    s->signs_file = presence_file_open(settings.spool_dir, &found); /* without it it goes, too */
    read_found(s, found);
    tell_absence(s, daemon_now_us());
    s->signs = bus_connect_present(ZMQ_PUSH, ENDPOINT_SIGNS, HIGH_WATER);
    return s->signs == NULL ? -1 : 0;
}

void signs_stop(struct service *s)
{
    if (s->signs != NULL) {
        signs_tick(s);
    }
    zsock_destroy(&s->signs);
    presence_file_free(&s->signs_file);
    pack_release(&s->sign);
}

/* ---- up to when all is stored ---- */

/* A socket that has nothing in it now was found empty; so was one that is closed. */
static void look_at_sockets(struct service *s)
{
    struct pollfd fds[UDP_LISTENERS];
    size_t count = udp_count(s->udp);
    for (size_t i = 0; i < count; i++) {
        fds[i] = (struct pollfd){.fd = udp_fd(s->udp, i), .events = POLLIN};
    }
    bool looked = poll(fds, count, 0) != -1;
    for (size_t i = 0; i < count && looked; i++) {
        if (fds[i].revents == 0) {
            settled_emptied(&s->settled, i);
        }
    }
}

/*
 * The moment is now, but not later than until when the gateways that are present handed on what
 * came to them.
 */
static void follow(struct service *s, int64_t now_us)
{
    int64_t gateways_us = presence_earliest(&s->presence, delivery_heard_us(s->delivery));
    if (settled_begin(&s->settled, gateways_us < now_us ? gateways_us : now_us)) {
        s->settling = false;
        delivery_mark(s->delivery);
        for (size_t i = 0; i < udp_count(s->udp); i++) {
            settled_unread(&s->settled, i);
        }
    }
    look_at_sockets(s);
}

void signs_go_on(struct service *s)
{
    if (settled_is_read(&s->settled) && udp_waiting(s->udp) == 0 &&
        delivery_marked(s->delivery) == 0) {
        if (!s->settling) {
            s->settling = true;
            s->settling_told = batches_told(s->batches);
        }
        if (batches_counts(s->batches).datagrams >= s->settling_told) {
            s->settling = false;
            settled_in_batches(&s->settled, outbox_next(s->outbox));
        }
    }
    settled_acknowledged(&s->settled, outbox_oldest(s->outbox));
}

/* ---- each second ---- */

static void write_sign(struct service *s)
{
    static struct log_limit said;
    if (s->signs_file != NULL && presence_file_write(s->signs_file, pack_bytes(&s->sign)) == -1) {
        counters[COUNT_SIGNS_UNWRITTEN]++;
        if (log_allowed(&said, 1)) {
            log_errno("signs.file", "effect=\"an absence would seem longer than it is\"");
        }
    }
}

static void live(struct service *s, int64_t now_us)
{
    const struct life before = s->life;
    life_sign(&s->life, now_us);
    if (before.last_us != 0 && now_us < before.last_us) {
        log_warn("signs.clock", "ms=%" PRId64 " reason=\"the clock was put back\"",
                 (before.last_us - now_us) / 1000);
    } else if (before.last_us != 0 && s->life.since_us != before.since_us) {
        log_warn("signs.break",
                 "ms=%" PRId64 " reason=\"this process stood still, or the clock was "
                 "put forward\"",
                 (now_us - before.last_us) / 1000);
    }
}

void signs_tick(struct service *s)
{
    struct presence_lists lists;
    int64_t now_us = daemon_now_us();
    live(s, now_us);
    presence_sign(&s->presence, slice_of(SELF), now_us, s->life.since_us, now_us);
    presence_forget(&s->presence, now_us);
    if (!daemon_draining()) {
        signs_go_on(s);
        follow(s, now_us);
        signs_go_on(s);
    }
    struct signs_message m = {.now_us = now_us,
                              .heard_us = delivery_heard_us(s->delivery),
                              .until_us = s->settled.until_us};
    memcpy(m.instance, s->found.instance, sizeof m.instance);
    presence_tell(&s->presence, &lists, &m);
    pack_reset(&s->sign);
    signs_encode(&s->sign, &m);
    if (pack_ok(&s->sign)) {
        const struct slice frame = pack_bytes(&s->sign);
        write_sign(s);
        counters[COUNT_SIGNS_SENT] += bus_send(s->signs, &frame, 1) == 0 ? 1 : 0;
    }
    bool known = m.until_us != INT64_MIN && m.until_us < now_us;
    counters[COUNT_SIGNS_LAG_MS] = known ? (uint64_t)(now_us - m.until_us) / 1000 : 0;
}
