/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/client_terms.h"

#include <stdlib.h>
#include <string.h>

#define SOON_US (INT64_C(14) * 86400 * 1000000)

static void forget(struct client_terms *t, uint32_t i)
{
    free(t->at[i].identity);
    t->at[i] = t->at[--t->count];
}

void client_terms_saw(struct client_terms *t, const char *identity, int64_t begins_us,
                      int64_t ends_us, int64_t now_us)
{
    int64_t left_us = ends_us - now_us;
    bool soon = left_us > 0 && left_us < SOON_US && left_us < (ends_us - begins_us) / 4;
    uint32_t i = 0;
    while (i < t->count && strcmp(t->at[i].identity, identity) != 0) {
        i++;
    }
    if (i < t->count && !soon) {
        forget(t, i);
    } else if (i < t->count) {
        t->at[i].ends_us = ends_us;
    } else if (soon && t->count < CLIENT_TERMS_MAX) {
        char *copy = strdup(identity);
        if (copy != NULL) {
            t->at[t->count++] = (struct client_term){copy, ends_us};
        }
    }
}

const struct client_term *client_terms_first(struct client_terms *t, int64_t now_us)
{
    const struct client_term *first = NULL;
    for (uint32_t i = t->count; i-- > 0;) {
        if (t->at[i].ends_us <= now_us) {
            forget(t, i);
        }
    }
    for (uint32_t i = 0; i < t->count; i++) {
        if (first == NULL || t->at[i].ends_us < first->ends_us) {
            first = &t->at[i];
        }
    }
    return first;
}

void client_terms_release(struct client_terms *t)
{
    while (t->count > 0) {
        forget(t, t->count - 1);
    }
}
