/* Accounts in the order in which their senders came, found by a hash table with room to spare. */
#include "ingestd/accounts.h"

#include <stdlib.h>

#define PLACES (4 * LIMIT_SENDERS) /* a power of two */

_Static_assert((PLACES & (PLACES - 1)) == 0, "places are found by masking");
_Static_assert(LIMIT_SENDERS < UINT16_MAX, "a place holds an index");
_Static_assert(ACCOUNT_REASONS <= LIMIT_REASONS, "every reason fits an account message");

struct accounts {
    struct account account[LIMIT_SENDERS];
    uint32_t count;
    uint32_t last;          /* found: datagrams tend to come several from one sender */
    uint16_t place[PLACES]; /* index + 1; 0 is free */
};

const char *account_reason_name(uint32_t reason)
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

static bool is_of(const struct account *account, const struct address *sender)
{
    return account->sender.family == sender->family &&
           memcmp(account->sender.bytes, sender->bytes, sizeof sender->bytes) == 0;
}

/* Senders choose their addresses: long chains cost at most LIMIT_SENDERS steps, as a list would. */
static uint32_t first_place(const struct address *sender)
{
    uint64_t low, high;
    memcpy(&low, sender->bytes, 8);
    memcpy(&high, sender->bytes + 8, 8);
    uint64_t hash = (low ^ sender->family) * UINT64_C(0x9e3779b97f4a7c15);
    hash = ((hash ^ hash >> 32) + high) * UINT64_C(0xd6e8feb86659fd93);
    return (uint32_t)(hash >> 40) & (PLACES - 1);
}

int accounts_find(struct accounts *a, const struct address *sender, uint32_t *index)
{
    if (a->last < a->count && is_of(&a->account[a->last], sender)) {
        *index = a->last;
        return 0;
    }
    uint32_t place = first_place(sender);
    while (a->place[place] != 0 && !is_of(&a->account[a->place[place] - 1], sender)) {
        place = (place + 1) & (PLACES - 1);
    }
    if (a->place[place] == 0) {
        if (a->count == LIMIT_SENDERS) {
            return -1;
        }
        a->account[a->count] = (struct account){.sender = *sender};
        a->place[place] = (uint16_t)++a->count;
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
                reasons[count] = slice_of(account_reason_name(k));
                rejected[count++] = account->rejected[k];
            }
        }
        address_text(&account->sender, sender);
        struct account_message m = {.sender = slice_of(sender),
                                    .datagrams = account->datagrams,
                                    .accepted = account->accepted,
                                    .exceptions = account->exceptions,
                                    .records = account->records,
                                    .reasons = reasons,
                                    .reasons_count = count,
                                    .rejected = rejected,
                                    .rejected_count = count};
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
