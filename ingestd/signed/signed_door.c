/* SPDX-License-Identifier: Apache-2.0 */
/* In this order: is it an envelope, of a key in force, true, of now, and new? */
#include "ingestd/signed/signed_door.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/hash_table.h"
#include "common/when_time.h"

_Static_assert(ACCESS_SECRET == SIGNED_SECRET_BYTES && ACCESS_KEY_ID == SIGNED_KEY_ID_BYTES,
               "keys are issued as envelopes use them");

/* A key that was named in an envelope, made ready. There are at most as many as keys. */
struct ready_key {
    UT_hash_handle hh;
    uint8_t id[ACCESS_KEY_ID];
    struct signed_key *key;
    struct series_bound *bound; /* NULL: none */
    uint64_t allowance;         /* millionths of a datagram */
    int64_t filled_us;
};

struct signed_door {
    struct replay_memory *memory;
    struct ready_key *table;
};

struct signed_door *signed_door_new(struct replay_memory *memory)
{
    struct signed_door *d = memory == NULL ? NULL : calloc(1, sizeof *d);
    if (d == NULL) {
        replay_memory_free(&memory);
        return NULL;
    }
    d->memory = memory;
    return d;
}

const struct replay_memory *signed_door_memory(const struct signed_door *d)
{
    return d->memory;
}

static void free_ready(struct ready_key *k)
{
    signed_key_free(&k->key);
    series_bound_free(&k->bound);
    free(k);
}

void signed_door_forget(struct signed_door *d)
{
    struct ready_key *k, *next;
    HASH_ITER(hh, d->table, k, next)
    {
        HASH_DEL(d->table, k);
        free_ready(k);
    }
}

void signed_door_free(struct signed_door **d)
{
    if (*d != NULL) {
        signed_door_forget(*d);
        replay_memory_free(&(*d)->memory);
        free(*d);
        *d = NULL;
    }
}

/* What the roles of the key's owner bind it to. -1 when memory is out. */
static int find_bound(const struct access *access, struct slice identity, struct series_bound **b)
{
    struct slice rows[LIMIT_DELIVERS * DELIVERS_ROW];
    int count = access_delivers(access, identity, true, rows);
    if (count == 0) {
        return 0;
    }
    /* Of more than there may be: a bound that nothing fits. */
    *b = series_bound_new(rows, count == -1 ? 0 : (uint32_t)count * DELIVERS_ROW);
    return *b == NULL ? -1 : 0;
}

/* NULL when memory is out. */
static struct ready_key *make_ready(struct signed_door *d, const struct access *access,
                                    const uint8_t *id, const struct access_grant *grant)
{
    struct ready_key *k = calloc(1, sizeof *k);
    if (k == NULL) {
        return NULL;
    }
    memcpy(k->id, id, sizeof k->id);
    k->key = signed_key_new((const uint8_t *)grant->secret.at);
    if (k->key != NULL && find_bound(access, grant->identity, &k->bound) == 0) {
        HASH_ADD(hh, d->table, id, sizeof k->id, k);
    }
    if (k->key == NULL || k->hh.tbl == NULL) {
        free_ready(k);
        return NULL;
    }
    return k;
}

/* ---- refusals ---- */

static bool refuse(struct signed_arrival *a, enum result_reason reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool refuse(struct signed_arrival *a, enum result_reason reason, const char *format, ...)
{
    va_list args;
    a->reason = reason;
    va_start(args, format);
    vsnprintf(a->detail, sizeof a->detail, format, args);
    va_end(args);
    return false;
}

static bool refuse_key(struct signed_arrival *a, const uint8_t *id)
{
    char digits[2 * ACCESS_KEY_ID + 1];
    for (int i = 0; i < ACCESS_KEY_ID; i++) {
        snprintf(digits + 2 * i, 3, "%02x", id[i]);
    }
    return refuse(a, RESULT_ENVELOPE_KEY,
                  "expected a key in force from where it may be used, found %s: %s", digits,
                  a->grant.reason == NULL ? "its secret is not known here" : a->grant.reason);
}

static bool refuse_time(struct signed_arrival *a, int64_t time_us, int64_t window_us)
{
    char text[WHEN_TEXT];
    when_time_text(time_us, text);
    return refuse(a, RESULT_ENVELOPE_TIME,
                  "expected to be signed within %" PRId64 " s of its receipt, found %s (%.*s)",
                  window_us / 1000000, text, SLICE_SHOWN(a->grant.name, 64));
}

/* ---- the steps ---- */

static bool check_key(struct signed_door *d, const struct access *access,
                      const struct signed_head *head, const struct address *peer,
                      int64_t received_us, struct signed_arrival *a, struct ready_key **ready)
{
    if (access == NULL) {
        a->grant = (struct access_grant){.reason = "no keys are known yet"};
    }
    if (access == NULL || !access_key(access, head->key_id, peer, received_us, &a->grant) ||
        a->grant.secret.at == NULL) {
        return refuse_key(a, head->key_id);
    }
    HASH_FIND(hh, d->table, head->key_id, ACCESS_KEY_ID, *ready);
    if (*ready == NULL) {
        *ready = make_ready(d, access, head->key_id, &a->grant);
    }
    return *ready != NULL || refuse(a, RESULT_MEMORY, "no memory for a key");
}

static bool check_new(struct signed_door *d, const struct signed_head *head, int64_t received_us,
                      int64_t window_us, struct signed_arrival *a)
{
    char text[WHEN_TEXT];
    int name_length = a->grant.name.len < 64 ? (int)a->grant.name.len : 64;
    const char *name = a->grant.name.at;
    switch (replay_memory_take(d->memory, head, received_us, window_us, &a->missing)) {
    case REPLAY_NEWEST:
    case REPLAY_LATE:
        return true;
    case REPLAY_SEEN:
        return refuse(a, RESULT_ENVELOPE_REPLAY,
                      "%.*s: sequence %" PRIu64 " of epoch %" PRIu64 " has come before",
                      name_length, name, head->sequence, head->epoch);
    case REPLAY_OLD:
        return refuse(a, RESULT_ENVELOPE_REPLAY,
                      "%.*s: sequence %" PRIu64 " of epoch %" PRIu64
                      " is more than %d behind the newest",
                      name_length, name, head->sequence, head->epoch, REPLAY_BEHIND - 1);
    case REPLAY_BEFORE:
        when_time_text(replay_memory_since(d->memory), text);
        return refuse(a, RESULT_ENVELOPE_REPLAY,
                      "%.*s: what was signed before %s may have come before it was known here",
                      name_length, name, text);
    case REPLAY_CROWDED:
        break;
    }
    return refuse(a, RESULT_ENVELOPE_REPLAY,
                  "%.*s: more than %d epochs of this key, or %d of all, at a time", name_length,
                  name, REPLAY_EPOCHS_OF_KEY, REPLAY_EPOCHS);
}

/* A bucket that holds a second's worth. */
static bool check_rate(struct ready_key *k, int64_t now_us, struct signed_arrival *a)
{
    uint64_t per_second = a->grant.per_second, most = per_second * 1000000;
    uint64_t passed_us = k->filled_us == 0 ? 1000000 : (uint64_t)(now_us - k->filled_us);
    if (per_second == 0) {
        return true;
    }
    k->allowance += (passed_us < 1000000 ? passed_us : 1000000) * per_second;
    k->allowance = k->allowance < most ? k->allowance : most;
    k->filled_us = now_us;
    if (k->allowance < 1000000) {
        return refuse(a, RESULT_BUDGET_RECORDS,
                      "expected at most %" PRIu64 " datagrams a second by the key %.*s", per_second,
                      SLICE_SHOWN(a->grant.name, 64));
    }
    k->allowance -= 1000000;
    return true;
}

bool signed_door_take(struct signed_door *d, const struct access *access, struct slice datagram,
                      const struct address *peer, int64_t received_us, int64_t window_us,
                      int64_t now_us, struct signed_arrival *a)
{
    struct signed_head head;
    struct ready_key *ready = NULL;
    *a = (struct signed_arrival){.known = false};
    const char *fault = signed_read(datagram, &head, &a->content);
    if (fault != NULL) {
        return refuse(a, RESULT_ENVELOPE_FORM, "%s", fault);
    }
    if (!check_key(d, access, &head, peer, received_us, a, &ready)) {
        return false;
    }
    if (!signed_is_true(ready->key, datagram)) {
        return refuse(a, RESULT_ENVELOPE_MAC, "expected a code by the key %.*s, found another",
                      SLICE_SHOWN(a->grant.name, 64));
    }
    if (head.time_us < received_us - window_us || head.time_us > received_us + window_us) {
        return refuse_time(a, head.time_us, window_us);
    }
    if (!check_new(d, &head, received_us, window_us, a)) {
        return false;
    }
    a->known = true;
    a->bound = ready->bound;
    a->time_us = head.time_us;
    return check_rate(ready, now_us, a);
}
