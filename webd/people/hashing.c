/* SPDX-License-Identifier: Apache-2.0 */
#include "webd/people/hashing.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "common/access/password.h"

struct hash_comparison {
    struct work work;
    char password[PASSWORD_BYTES], hash[PASSWORD_HASH_SIZE];
    size_t password_len, hash_len;
    void (*done)(void *context, int result);
    void *context;
    int result;
};

static void drop(struct work *work)
{
    struct hash_comparison *k = (struct hash_comparison *)work;
    OPENSSL_cleanse(k, sizeof *k);
    free(k);
}

static void run(struct work *work)
{
    struct hash_comparison *k = (struct hash_comparison *)work;
    k->result = password_matches((struct slice){k->password, k->password_len},
                                 (struct slice){k->hash, k->hash_len});
}

static void tell(struct work *work)
{
    const struct hash_comparison *k = (const struct hash_comparison *)work;
    k->done(k->context, k->result);
    drop(work);
}

int hashing_begin(struct workers *w, struct slice password, struct slice hash,
                  void (*done)(void *context, int result), void *context)
{
    struct hash_comparison *k =
        workers_have_room(w) && password.len <= PASSWORD_BYTES && hash.len < PASSWORD_HASH_SIZE
            ? calloc(1, sizeof *k)
            : NULL;
    if (k == NULL) {
        return -1;
    }
    k->work = (struct work){.run = run, .done = tell, .drop = drop};
    memcpy(k->password, password.len == 0 ? "" : password.at, password.len);
    memcpy(k->hash, hash.len == 0 ? "" : hash.at, hash.len);
    k->password_len = password.len;
    k->hash_len = hash.len;
    k->done = done;
    k->context = context;
    return workers_begin(w, &k->work);
}
