/* SPDX-License-Identifier: Apache-2.0 */
#include "ingestd/signed/known_keys.h"

#include <stdlib.h>

#include "common/access/access_copy.h"
#include "common/log.h"
#include "schemas/messages.h"

struct known_keys {
    struct intake *intake;
    struct access *access; /* NULL: nothing is known yet */
    struct access_copy *copy;
};

/* Another document: all of it, or the one before stays. */
static int take(void *context, struct slice document)
{
    struct known_keys *k = context;
    struct document d = {.name = "access"};
    struct access *access = access_read(&d, "access", NULL, document);
    if (access == NULL) {
        return -1;
    }
    intake_take_access(k->intake, access);
    access_free(&k->access);
    k->access = access;
    return 0;
}

struct known_keys *known_keys_new(struct intake *intake)
{
    struct known_keys *k = calloc(1, sizeof *k);
    if (k == NULL) {
        log_error("known_keys.memory", "error=\"out of memory\"");
        return NULL;
    }
    const struct access_copy_options options = {
        .endpoint = ENDPOINT_KEYS, .name = "ingestd.keys", .take = take, .context = k};
    k->intake = intake;
    k->copy = access_copy_new(&options);
    if (k->copy == NULL) {
        known_keys_free(&k);
    }
    return k;
}

void known_keys_free(struct known_keys **k)
{
    if (*k != NULL) {
        intake_take_access((*k)->intake, NULL);
        access_copy_free(&(*k)->copy);
        access_free(&(*k)->access);
        free(*k);
        *k = NULL;
    }
}

zsock_t *known_keys_socket(const struct known_keys *k)
{
    return access_copy_socket(k->copy);
}

void known_keys_go_on(struct known_keys *k)
{
    access_copy_go_on(k->copy);
}
