/* SPDX-License-Identifier: Apache-2.0 */
/* Criteria for one dimension. Pure; time at most the product of the two lengths. */
#include "common/pattern.h"

#include "common/utf8.h"
#include "schemas/messages.h"

/* The length of the character that begins here; 1 also for a byte that begins none. */
static size_t character_length(const char *at, const char *end)
{
    const char *next = at + 1;
    if (((unsigned char)*at & 0xc0) == 0xc0) {
        while (next < end && ((unsigned char)*next & 0xc0) == 0x80) {
            next++;
        }
    }
    return (size_t)(next - at);
}

bool pattern_is_text(struct slice s)
{
    return s.len == 0 || utf8_is_text(s.at, s.at + s.len);
}

static bool only_asterisks(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] != '*') {
            return false;
        }
    }
    return text.len > 0;
}

/* Whether a backslash and what it takes the meaning from begin here. */
static bool is_escape(const char *at, const char *end)
{
    return *at == '\\' && end - at > 1 && (at[1] == '*' || at[1] == '?' || at[1] == '\\');
}

static bool has_escape(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (is_escape(text.at + i, text.at + text.len)) {
            return true;
        }
    }
    return false;
}

/* A backslash before anything else: surely not what was meant. */
static bool has_broken_escape(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (is_escape(text.at + i, text.at + text.len)) {
            i++;
        } else if (text.at[i] == '\\') {
            return true;
        }
    }
    return false;
}

/* "192.0.2.0/33", the same. */
static bool is_broken_prefix(struct slice text)
{
    struct address address;
    struct prefix prefix;
    const char *slash = text.len == 0 ? NULL : memchr(text.at, '/', text.len);
    return slash != NULL &&
           address_parse((struct slice){text.at, (size_t)(slash - text.at)}, &address) == 0 &&
           prefix_parse(text, &prefix) == -1;
}

int pattern_compile(struct slice text, bool addresses, struct pattern *pattern)
{
    return (text.at != NULL && has_broken_escape(text)) || (addresses && is_broken_prefix(text))
               ? -1
               : pattern_compile_kept(text, addresses, pattern);
}

int pattern_compile_kept(struct slice text, bool addresses, struct pattern *pattern)
{
    if (text.at == NULL || text.len > LIMIT_DIMENSION_BYTES || !pattern_is_text(text)) {
        return -1;
    }
    struct pattern compiled = {.kind = PATTERN_EXACT, .text = text};
    if (only_asterisks(text)) {
        compiled.kind = PATTERN_ANY;
    } else if (addresses && prefix_parse(text, &compiled.prefix) == 0) {
        compiled.kind = PATTERN_PREFIX;
    } else if (text.len > 0 && (memchr(text.at, '*', text.len) != NULL ||
                                memchr(text.at, '?', text.len) != NULL || has_escape(text))) {
        compiled.kind = PATTERN_GLOB;
    }
    *pattern = compiled;
    return 0;
}

/* Where the character stands that is meant here by itself. */
static const char *literal(const char *at, const char *end)
{
    return is_escape(at, end) ? at + 1 : at;
}

/* On a mismatch only the last asterisk can help: it takes one character more. */
static bool glob_matches(struct slice pattern, struct slice value)
{
    const char *p = pattern.at;
    const char *p_end = p + pattern.len;
    const char *v = value.at;
    const char *v_end = v + value.len;
    const char *after_star = NULL; /* in the pattern */
    const char *star_end = NULL;   /* in the value: where the asterisk's run ends so far */

    while (v < v_end) {
        if (p < p_end && *p == '*') {
            after_star = ++p;
            star_end = v;
        } else if (p < p_end && *p == '?') {
            p++;
            v += character_length(v, v_end);
        } else if (p < p_end && *literal(p, p_end) == *v) {
            p = literal(p, p_end) + 1;
            v++;
        } else if (after_star != NULL) {
            star_end += character_length(star_end, v_end);
            p = after_star;
            v = star_end;
        } else {
            return false;
        }
    }
    while (p < p_end && *p == '*') {
        p++;
    }
    return p == p_end;
}

bool pattern_matches_address(const struct pattern *pattern, struct slice value,
                             const struct address *address)
{
    switch (pattern->kind) {
    case PATTERN_ANY:
        return true;
    case PATTERN_PREFIX:
        if (address != NULL) {
            return prefix_contains(&pattern->prefix, address);
        }
        return slice_equal(pattern->text, value);
    case PATTERN_GLOB:
        return value.len == 0 ? only_asterisks(pattern->text) : glob_matches(pattern->text, value);
    case PATTERN_EXACT:
        break;
    }
    return slice_equal(pattern->text, value);
}

bool pattern_matches(const struct pattern *pattern, struct slice value)
{
    struct address address;
    bool is_address = pattern->kind == PATTERN_PREFIX && address_of_host(value, &address) == 0;
    return pattern_matches_address(pattern, value, is_address ? &address : NULL);
}

struct slice pattern_like(struct arena *a, const struct pattern *pattern)
{
    struct slice text = pattern->text;
    char *out = arena_alloc(a, text.len * 2 + 1);
    if (out == NULL) {
        return (struct slice){NULL, 0};
    }
    size_t n = 0;
    bool glob = pattern->kind == PATTERN_GLOB || pattern->kind == PATTERN_ANY;
    for (size_t i = 0; i < text.len; i++) {
        bool escaped = glob && is_escape(text.at + i, text.at + text.len);
        char c = text.at[escaped ? ++i : i];
        if (escaped) {
            out[n++] = '\\';
            out[n++] = c;
        } else if (glob && c == '*') {
            out[n++] = '%';
        } else if (glob && c == '?') {
            out[n++] = '_';
        } else {
            if (c == '%' || c == '_' || c == '\\') {
                out[n++] = '\\';
            }
            out[n++] = c;
        }
    }
    out[n] = '\0';
    return (struct slice){out, n};
}
