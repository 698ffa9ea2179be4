/*
 * What a batch says of its senders, read and checked. A number that does not add up is not refused
 * here: that the ledger does not close is for `ezrepo ledger` to find.
 */
#include "stored/flush.h"

/* More than one batch can tell; sums of these stay far from the end of a bigint. */
#define MOST_OF_ONE_BATCH (UINT64_C(1) << 40)

static const char *account_fault(const struct account_message *a)
{
    if (a->datagrams > MOST_OF_ONE_BATCH || a->accepted > MOST_OF_ONE_BATCH ||
        a->exceptions > MOST_OF_ONE_BATCH || a->records > MOST_OF_ONE_BATCH) {
        return "accounts: a number no batch can come to";
    }
    if (a->reasons_count != a->rejected_count) {
        return "accounts.rejected: expected one for each reason";
    }
    for (uint32_t i = 0; i < a->rejected_count; i++) {
        if (a->reasons[i].at == NULL || a->rejected[i] > MOST_OF_ONE_BATCH) {
            return "accounts.rejected: expected names and numbers";
        }
    }
    return NULL;
}

const char *flush_accounts(struct flush *f, struct flush_batch *v)
{
    const struct slice frame = v->batch->message.frames[2];
    struct unpack cursor = unpack_bytes(frame.at, frame.len);
    struct account_message *accounts = NULL;
    uint32_t count = 0, size = 0;
    while (!unpack_done(&cursor)) {
        if (count == size) {
            size = size == 0 ? 4 : size * 4;
            struct account_message *more = arena_calloc(f->arena, size, sizeof *more);
            if (more == NULL) {
                return "accounts: more than there is memory for";
            }
            if (count > 0) {
                memcpy(more, accounts, count * sizeof *more);
            }
            accounts = more;
        }
        if (count == LIMIT_SENDERS ||
            account_decode(&cursor, f->arena, &accounts[count]) == -1) {
            return "accounts: not account messages";
        }
        const char *fault = account_fault(&accounts[count++]);
        if (fault != NULL) {
            return fault;
        }
    }
    v->accounts = accounts;
    v->account_count = count;
    return NULL;
}
