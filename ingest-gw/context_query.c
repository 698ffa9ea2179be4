/* SPDX-License-Identifier: Apache-2.0 */
/* The query of a URL, taken apart. */
#include "ingest-gw/context_query.h"

#include <string.h>

#include "common/utf8.h"

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static const char *const no_memory = "out of memory";

/* What stands there, decoded; NULL, or what is wrong with it. */
static const char *decode(struct arena *a, struct slice raw, size_t most, struct slice *text)
{
    char *to = arena_alloc(a, raw.len + 1);
    *text = (struct slice){to, 0};
    if (to == NULL) {
        return no_memory;
    }
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.at[i] != '%') {
            to[text->len++] = raw.at[i] == '+' ? ' ' : raw.at[i];
            continue;
        }
        bool there = raw.len - i > 2;
        int high = there ? hex_digit(raw.at[i + 1]) : -1,
            low = there ? hex_digit(raw.at[i + 2]) : -1;
        if (high < 0 || low < 0) {
            return "expected two hexadecimal digits behind each %";
        }
        to[text->len++] = (char)(16 * high + low);
        i += 2;
    }
    return text->len > most                               ? "a name or a value is too long"
           : utf8_is_text(text->at, text->at + text->len) ? NULL
                                                          : "expected UTF-8 without NUL";
}

static bool has_name(const struct context_query *c, struct slice name)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (slice_equal(c->names[i], name)) {
            return true;
        }
    }
    return false;
}

static const char *read_pair(struct arena *a, struct slice pair, struct context_query *c)
{
    const char *equals = memchr(pair.at, '=', pair.len);
    size_t name_bytes = equals == NULL ? pair.len : (size_t)(equals - pair.at);
    struct slice raw_name = {pair.at, name_bytes};
    struct slice raw_value = {equals == NULL ? pair.at : equals + 1,
                              equals == NULL ? 0 : pair.len - name_bytes - 1};
    if (c->count == CONTEXT_QUERY_PAIRS) {
        return "there are too many parameters";
    }
    const char *why = decode(a, raw_name, CONTEXT_QUERY_NAME_BYTES, &c->names[c->count]);
    why = why != NULL ? why : decode(a, raw_value, CONTEXT_QUERY_VALUE_BYTES, &c->values[c->count]);
    if (why != NULL) {
        return why;
    }
    if (c->names[c->count].len == 0) {
        return "a parameter has no name";
    }
    if (has_name(c, c->names[c->count])) {
        return "a parameter is there twice";
    }
    c->count++;
    return NULL;
}

const char *context_query_read(struct arena *a, const char *query, struct context_query *c)
{
    const char *why = NULL;
    c->count = 0;
    while (query != NULL && query[0] != '\0' && why == NULL) {
        size_t n = strcspn(query, "&");
        why = n == 0 ? NULL : read_pair(a, (struct slice){query, n}, c);
        query += n + (query[n] == '&');
    }
    return why;
}
