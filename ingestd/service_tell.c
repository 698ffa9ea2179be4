/* SPDX-License-Identifier: Apache-2.0 */
/* What ingestd tells of itself: counters that others have, notes. */
#include <inttypes.h>
#include <sys/statvfs.h>

#include "common/daemon.h"
#include "common/foreseen.h"
#include "ingestd/ingestd.h"
#include "ingestd/service_parts.h"

/* Longer than a stored that is restarted takes. */
#define NOT_STORED_US 30000000

static void tell_sockets(const struct service *s)
{
    static const char *const who[] = {
        [KEEPER_NONE] = "nobody else", [KEEPER_SYSTEMD] = "systemd", [KEEPER_SOCKETD] = "socketd"};
    daemon_note("sockets_kept_by", "%s", who[keeper_now(s->keeper)]);
}

static void tell_folder(const struct service *s)
{
    if (s->folders == NULL) {
        return;
    }
    struct folder_counts taken = folders_tell(s->folders);
    counters[COUNT_FOLDER_DONE] = taken.done;
    counters[COUNT_FOLDER_FAILED] = taken.failed;
    counters[COUNT_FOLDER_RECORDS] = taken.records;
    counters[COUNT_FOLDER_REFUSED] = taken.refused;
    counters[COUNT_FOLDER_STUCK] = taken.stuck;
    counters[COUNT_FOLDER_LEFT] = taken.left;
}

/* That what comes is not stored: whoever is away, it is noticed here. */
static void tell_store(struct service *s, const struct outbox_state *held, uint64_t acknowledged)
{
    int64_t now_us = daemon_clock_us();
    if (acknowledged != s->acknowledged || held->batches == 0) {
        s->acknowledged = acknowledged;
        s->acknowledged_us = now_us;
    }
    int64_t waited_us = now_us - s->acknowledged_us;
    if (waited_us > NOT_STORED_US) {
        daemon_trouble("store", true, "nothing is stored for %lld s, %" PRIu64 " records wait",
                       (long long)(waited_us / 1000000), held->records);
    } else {
        daemon_note("store", "takes what comes");
    }
}

static bool is_filling(const struct outbox_state *held)
{
    return held->spool_bytes > (uint64_t)settings.spool_bytes / 4 * 3;
}

/* Of what it may have, or of its disk where that has less. */
static void tell_room(const struct outbox_state *held)
{
    uint64_t all = (uint64_t)settings.spool_bytes;
    uint64_t left = held->spool_bytes < all ? all - held->spool_bytes : 0;
    struct statvfs disk;
    if (statvfs(settings.spool_dir, &disk) == 0) {
        uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
        foreseen_tell_room("spool", daemon_clock_us(), all, left < free_bytes ? left : free_bytes);
    }
}

static void tell_spool(const struct service *s, const struct outbox_state *held,
                       const struct spool_state *spool)
{
    if (s->copied) {
        daemon_trouble("spool", true,
                       "is a copy: " COPIED "; end one of both, then restart this one");
    } else if (spool->failing) {
        daemon_trouble("spool", true, "cannot write: %s", spool->fault);
    } else if (spool->read_failing) {
        daemon_trouble("spool", true, "cannot read: %s; a restart recovers what can be read",
                       spool->fault);
    } else if (spool->sync_failing) {
        daemon_trouble("spool", true, "cannot sync: a power failure may lose what was received");
    } else if (outbox_room(s->outbox) == OUTBOX_SPOOL_FULL) {
        daemon_trouble("spool", true, "full: %" PRIu64 " bytes", held->spool_bytes);
    } else if (is_filling(held)) {
        daemon_trouble("spool", true, "filling: %" PRIu64 " of %" PRId64 " bytes",
                       held->spool_bytes, settings.spool_bytes);
    } else {
        daemon_note("spool", "%s%s", s->found.text[0] != '\0' ? "works; at the start: " : "works",
                    s->found.text);
    }
    tell_room(held);
    counters[COUNT_SPOOL_BYTES] = held->spool_bytes;
    counters[COUNT_SPOOL_UNSPOOLED] = held->unspooled;
    counters[COUNT_SPOOL_UNREADABLE] = held->unreadable;
    counters[COUNT_SPOOL_COMMITS] = spool->commits;
    counters[COUNT_SPOOL_SYNCS] = spool->syncs;
    counters[COUNT_SPOOL_LOG_COPIES] = spool->log_copies;
    counters[COUNT_SPOOL_LONGEST_SYNC_MS] = spool->longest_sync_us / 1000;
    counters[COUNT_SPOOL_WRITE_ERRORS] = spool->write_errors;
    counters[COUNT_SPOOL_RENEWED] = spool->renewed;
    counters[COUNT_SPOOL_SYNC_ERRORS] = spool->sync_errors;
    counters[COUNT_SPOOL_FOUND_BATCHES] = s->found.content.batches;
    counters[COUNT_SPOOL_FOUND_RECORDS] = s->found.content.records;
    counters[COUNT_SPOOL_MISSING] = s->found.missing;
    counters[COUNT_SPOOL_ASIDE_KEPT] = s->found.aside.kept;
    counters[COUNT_SPOOL_ASIDE_REMOVED] = s->found.aside.removed;
}

void service_tell(struct service *s, const struct outbox_state *held,
                  const struct spool_state *spool)
{
    struct batches_counts made = batches_counts(s->batches);
    struct push_counts pushed = push_counts(s->push);
    int64_t lag_us = held->oldest_received_us == 0 ? 0 : daemon_now_us() - held->oldest_received_us;
    counters[COUNT_KERNEL_DROPS] = udp_drops(s->udp);
    counters[COUNT_BATCHES_CLOSED] = made.closed;
    counters[COUNT_BATCHES_LOST] = made.lost;
    counters[COUNT_RECORDS_LOST] = made.records_lost;
    counters[COUNT_BATCHES_PUSHED] = pushed.pushed;
    counters[COUNT_BATCHES_REPUSHED] = pushed.repushed;
    counters[COUNT_BATCHES_ACKNOWLEDGED] = pushed.acknowledged;
    counters[COUNT_RECORDS_ACKNOWLEDGED] = pushed.records_acknowledged;
    counters[COUNT_ACKS_REFUSED] = pushed.acks_refused;
    counters[COUNT_ACKS_OF_OTHERS] = pushed.acks_of_others;
    counters[COUNT_DELIVERIES_WAITING] = delivery_waiting(s->delivery);
    counters[COUNT_DELIVERIES_UNREAD] = delivery_unread(s->delivery);
    counters[COUNT_HELD_BATCHES] = held->batches;
    counters[COUNT_HELD_RECORDS] = held->records;
    counters[COUNT_HELD_REJECTS] = held->rejects;
    counters[COUNT_MEMORY_BATCHES] = held->memory_batches;
    counters[COUNT_MEMORY_BYTES] = held->memory_bytes;
    counters[COUNT_LAG_MS] = lag_us > 0 ? (uint64_t)lag_us / 1000 : 0;
    if (intake_door(s->intake) != NULL) {
        const struct replay_memory *known = signed_door_memory(intake_door(s->intake));
        counters[COUNT_ENVELOPES_EPOCHS] = replay_memory_epochs(known);
    }
    tell_sockets(s);
    tell_folder(s);
    tell_spool(s, held, spool);
    tell_store(s, held, pushed.acknowledged);
}
