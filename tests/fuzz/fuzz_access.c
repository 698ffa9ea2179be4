/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document of who may do what, out of any bytes. One that is accepted is asked for what it says;
 * one that is refused must say why, and never show a secret.
 */
#include <stdint.h>
#include <stdlib.h>

#include "common/access/access.h"
#include "common/access/credential_text.h"

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void count_fault(void *context, const char *fault)
{
    uint32_t *count = context;
    (*count)++;
    check(fault[0] != '\0');
}

static void ask(const struct access *a)
{
    static const uint8_t id[ACCESS_KEY_ID] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct slice globs[4], token = slice_of("ezr_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
    struct address peer = {.family = 4, .bytes = {192, 0, 2, 1}};
    struct access_grant g;
    int count = access_globs(a, slice_of("org.example.ann"), "Collect-", globs, 4);
    check(count >= -1 && count <= 4);
    check(!access_allows(a, slice_of(""), slice_of("Query")));
    (void)access_allows(a, slice_of("org.example.ann"), slice_of("QueryPeriods"));
    struct slice patterns[LIMIT_SEES * DIMENSION_COUNT], rows[LIMIT_DELIVERS * DELIVERS_ROW];
    int seen = access_sees(a, slice_of("org.example.ann"), slice_of("QueryPeriods"), patterns);
    check(seen <= LIMIT_SEES &&
          (seen >= 0 || access_is_bound(a) ||
           !access_allows(a, slice_of("org.example.ann"), slice_of("QueryPeriods"))));
    check(access_delivers(a, slice_of("org.example.ann"), false, rows) <= LIMIT_DELIVERS);
    check(access_delivers(a, slice_of("org.example.ann"), true, rows) <= LIMIT_DELIVERS);
    check(access_token(a, token, &peer, 0, &g) == (g.reason == NULL));
    check(access_key(a, id, &peer, 0, &g) == (g.reason == NULL));
    check(g.name.at == NULL || (g.types_count > 0 && g.identity.len > 0));
    check(access_equal(a, a));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t told = 0;
    struct document d = {.tell = count_fault, .context = &told};
    struct access *a =
        access_read(&d, "access", NULL, (struct slice){size == 0 ? "" : (const char *)data, size});
    check((a == NULL) == (told > 0));
    if (a != NULL) {
        ask(a);
    }
    access_free(&a);
    return 0;
}
