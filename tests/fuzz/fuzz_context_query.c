/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the query of a URL: what comes of it is within its limits, and text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "ingest-gw/context_query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct slice s, size_t least, size_t most)
{
    const char *end = s.at + s.len;
    if (s.len < least || s.len > most) {
        abort();
    }
    for (const char *at = s.at; at < end;) {
        size_t n = utf8_character(at, end);
        if (n == 0 || *at == '\0') {
            abort();
        }
        at += n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct context_query query;
    struct arena *a = arena_new(65536);
    char *text = malloc(size + 1);
    if (a != NULL && text != NULL) {
        memcpy(text, data, size);
        text[size] = '\0';
        if (context_query_read(a, text, &query) == NULL) {
            for (uint32_t i = 0; i < query.count; i++) {
                check_text(query.names[i], 1, CONTEXT_QUERY_NAME_BYTES);
                check_text(query.values[i], 0, CONTEXT_QUERY_VALUE_BYTES);
            }
        }
    }
    free(text);
    arena_free(&a);
    return 0;
}
