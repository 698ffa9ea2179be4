/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An account is the moment at which it would be empty again: each attempt moves it on. It is kept
 * in several places and is the earliest of them, so that two are taken for one only where all
 * places of one are others' (a count-min sketch, each place of it raised no further than must be).
 */
#include "webd/people/attempts.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/hash.h"

#define PLACES   2
#define ACCOUNTS 4096 /* of each kind, in each place */
#define KNOWN    4096

typedef int64_t account_table[PLACES][ACCOUNTS];

struct attempts {
    account_table of_address, of_name, of_known;
    uint64_t known[KNOWN]; /* hashes of names and addresses that belong together; 0: none */
};

struct attempt_account {
    int64_t *at[PLACES];
};

/* The accounts of one attempt. */
struct attempt_accounts {
    struct attempt_account account[2];
    int count;
    uint64_t pair;
};

struct attempts *attempts_new(void)
{
    return calloc(1, sizeof(struct attempts));
}

void attempts_free(struct attempts **a)
{
    free(*a);
    *a = NULL;
}

/* Of IPv6 the /64, which is one customer's. */
static uint64_t hash_of_address(const struct address *address)
{
    return address == NULL
               ? hash_bytes(1, "", 0)
               : hash_bytes(address->family, address->bytes, address->family == 4 ? 4 : 8);
}

static struct attempt_account account_of(account_table *table, uint64_t hash)
{
    struct attempt_account found;
    for (int i = 0; i < PLACES; i++) {
        found.at[i] = &(*table)[i][(hash >> (32 * i)) % ACCOUNTS];
    }
    return found;
}

static int64_t empty_at(const struct attempt_account *account)
{
    int64_t at_us = *account->at[0];
    for (int i = 1; i < PLACES; i++) {
        at_us = *account->at[i] < at_us ? *account->at[i] : at_us;
    }
    return at_us;
}

static void charge(struct attempt_account *account, int64_t now_us)
{
    int64_t before_us = empty_at(account);
    int64_t at_us = (before_us > now_us ? before_us : now_us) + ATTEMPTS_EVERY_US;
    for (int i = 0; i < PLACES; i++) {
        *account->at[i] = *account->at[i] > at_us ? *account->at[i] : at_us;
    }
}

static struct attempt_accounts accounts_of(struct attempts *a, struct slice name,
                                           const struct address *address)
{
    uint64_t by_address = hash_of_address(address);
    uint64_t by_name = hash_bytes(2, name.len == 0 ? "" : name.at, name.len);
    uint64_t pair = hash_bytes(by_address, &by_name, sizeof by_name) | 1;
    struct attempt_accounts found = {.pair = pair};
    if (name.len > 0 && a->known[pair / 2 % KNOWN] == pair) {
        found.account[found.count++] = account_of(&a->of_known, pair / 2);
        return found;
    }
    found.account[found.count++] = account_of(&a->of_address, by_address);
    if (name.len > 0) {
        found.account[found.count++] = account_of(&a->of_name, by_name);
    }
    return found;
}

int64_t attempts_charge(struct attempts *a, struct slice name, const struct address *address,
                        int64_t now_us)
{
    struct attempt_accounts found = accounts_of(a, name, address);
    int64_t wait_us = 0;
    for (int i = 0; i < found.count; i++) {
        int64_t over_us =
            empty_at(&found.account[i]) - now_us - (ATTEMPTS_BURST - 1) * ATTEMPTS_EVERY_US;
        wait_us = over_us > wait_us ? over_us : wait_us;
    }
    for (int i = 0; wait_us == 0 && i < found.count; i++) {
        charge(&found.account[i], now_us);
    }
    return wait_us;
}

void attempts_forgive(struct attempts *a, struct slice name, const struct address *address,
                      int64_t now_us)
{
    struct attempt_accounts found = accounts_of(a, name, address);
    (void)now_us;
    for (int i = 0; i < found.count; i++) {
        for (int place = 0; place < PLACES; place++) {
            *found.account[i].at[place] -= ATTEMPTS_EVERY_US;
        }
    }
    if (name.len > 0) {
        a->known[found.pair / 2 % KNOWN] = found.pair;
    }
}
