/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts in the order in which their senders came, found by a hash table with room to spare. */
#include "ingestd/accounts.h"

#include <stdlib.h>

#define PLACES (4 * LIMIT_SENDERS) /* a power of two */

_Static_assert((PLACES & (PLACES - 1)) == 0, "places are found by masking");
_Static_assert(LIMIT_SENDERS < UINT16_MAX, "a place holds an index");
_Static_assert(ACCOUNT_REASONS <= LIMIT_REASONS, "every reason fits an account message");

struct accounts {
    struct account account[LIMIT_SENDERS];
    char name[LIMIT_SENDERS][LIMIT_SENDER_BYTES]; /* of those that are no addresses */
    uint32_t count;
    uint32_t last;          /* found: datagrams tend to come several from one sender */
    uint16_t place[PLACES]; /* index + 1; 0 is free */
};

/* "time.past", ..., "sender". */
static const char *reason_name(uint32_t reason)
{
    return reason == ACCOUNT_SENDER_REFUSED ? "sender"
                                            : result_reason_name((enum result_reason)reason);
}

struct accounts *accounts_new(void)
{
    return calloc(1, sizeof(struct accounts));
}

void accounts_free(struct accounts **a)
{
    free(*a);
    *a = NULL;
}

static bool is_of(const struct accounts *a, uint32_t index, const struct sender *sender)
{
    const struct account *account = &a->account[index];
    if (account->name_bytes > 0 || sender->name.len > 0) {
        return slice_equal((struct slice){a->name[index], account->name_bytes}, sender->name);
    }
    return account->address.family == sender->address.family &&
           memcmp(account->address.bytes, sender->address.bytes, sizeof account->address.bytes) ==
               0;
}

/* Senders choose their addresses: long chains cost at most LIMIT_SENDERS steps, as a list would. */
static uint32_t first_place(const struct sender *sender)
{
    uint64_t low, high;
    if (sender->name.len > 0) {
        uint64_t hash = 0;
        for (size_t i = 0; i < sender->name.len; i++) {
            hash = (hash ^ (unsigned char)sender->name.at[i]) * UINT64_C(0x100000001b3);
        }
        low = high = hash;
    } else {
        memcpy(&low, sender->address.bytes, 8);
        memcpy(&high, sender->address.bytes + 8, 8);
    }
    uint64_t hash = (low ^ sender->address.family) * UINT64_C(0x9e3779b97f4a7c15);
    hash = ((hash ^ hash >> 32) + high) * UINT64_C(0xd6e8feb86659fd93);
    return (uint32_t)(hash >> 40) & (PLACES - 1);
}

static void open_account(struct accounts *a, const struct sender *sender)
{
    struct account *account = &a->account[a->count];
    *account = (struct account){.door = sender->door, .address = sender->address};
    if (sender->name.len > 0) {
        size_t size = sender->name.len < LIMIT_SENDER_BYTES ? sender->name.len : LIMIT_SENDER_BYTES;
        memcpy(a->name[a->count], sender->name.at, size);
        account->name_bytes = (uint32_t)size;
    }
    a->count++;
}

int accounts_find(struct accounts *a, const struct sender *sender, uint32_t *index)
{
    if (a->last < a->count && is_of(a, a->last, sender)) {
        *index = a->last;
        return 0;
    }
    uint32_t place = first_place(sender);
    while (a->place[place] != 0 && !is_of(a, a->place[place] - 1u, sender)) {
        place = (place + 1) & (PLACES - 1);
    }
    if (a->place[place] == 0) {
        if (a->count == LIMIT_SENDERS) {
            return -1;
        }
        open_account(a, sender);
        a->place[place] = (uint16_t)a->count;
    }
    *index = a->last = a->place[place] - 1u;
    return 0;
}

struct account *accounts_at(struct accounts *a, uint32_t index)
{
    return &a->account[index];
}

uint32_t accounts_count(const struct accounts *a)
{
    return a->count;
}

void accounts_encode(const struct accounts *a, struct pack *out)
{
    for (uint32_t i = 0; i < a->count; i++) {
        const struct account *account = &a->account[i];
        char sender[ADDRESS_TEXT_SIZE];
        struct slice reasons[ACCOUNT_REASONS];
        uint64_t rejected[ACCOUNT_REASONS];
        uint32_t count = 0;
        for (uint32_t k = 0; k < ACCOUNT_REASONS; k++) {
            if (account->rejected[k] > 0) {
                reasons[count] = slice_of(reason_name(k));
                rejected[count++] = account->rejected[k];
            }
        }
        struct slice name = {a->name[i], account->name_bytes};
        if (name.len == 0) {
            address_text(&account->address, sender);
            name = slice_of(sender);
        }
        struct account_message m = {.sender = name,
                                    .datagrams = account->datagrams,
                                    .accepted = account->accepted,
                                    .exceptions = account->exceptions,
                                    .records = account->records,
                                    .reasons = reasons,
                                    .reasons_count = count,
                                    .rejected = rejected,
                                    .rejected_count = count,
                                    .door = slice_of(account->door),
                                    .missing = account->missing};
        account_encode(out, &m);
    }
}

void accounts_forget_records(struct accounts *a)
{
    for (uint32_t i = 0; i < a->count; i++) {
        a->account[i].records = 0;
    }
}

void accounts_clear(struct accounts *a)
{
    if (a->count > 0) {
        memset(a->place, 0, sizeof a->place);
        a->count = 0;
    }
}
