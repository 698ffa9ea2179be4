/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two lines: a pattern, and a line for it. What is taken out of the line is what a reader takes
 * that goes through the pattern's text and tries everything, in the order of what is to be
 * preferred.
 */
#include <stdint.h>
#include <stdlib.h>

#include "common/formats/text_pattern.h"
#include "common/pattern.h"

#define MOST_BYTES 40      /* of both: the other reader is slow */
#define MOST_STEPS 2000000 /* then it is not compared */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* The reader that tries everything. Captures are kept on a stack while it is in the pattern. */
struct slow_reader {
    struct slice pattern, line;
    bool whole;
    size_t ends[MOST_BYTES], begins[MOST_BYTES], fields; /* of fields with a name */
    struct slice names[MOST_BYTES];
    uint64_t steps;
};

static bool slow_match(struct slow_reader *r, size_t p, size_t at);

static bool is_number(char c)
{
    return (c >= '0' && c <= '9') || c == '.';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool all(struct slice text, size_t from, bool (*is)(char c))
{
    for (size_t i = from; i < text.len; i++) {
        if (!is(text.at[i])) {
            return false;
        }
    }
    return text.len > from;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_of_name(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

static bool is_of_word(char c)
{
    return memchr(" \t\r\n\v\f", c, 6) == NULL;
}

static bool is_of_host(char c)
{
    return is_of_word(c) && c != '(' && c != ')';
}

/* Cut at its blanks each is a '-' or a number. */
static bool is_numbers(struct slice text)
{
    size_t i = 0;
    for (;;) {
        size_t n = i;
        while (n < text.len && !is_blank(text.at[n])) {
            n++;
        }
        struct slice one = {text.at + i, n - i};
        if (!slice_is(one, "-") && !all(one, one.len > 0 && one.at[0] == '-', is_number)) {
            return false;
        }
        while (n < text.len && is_blank(text.at[n])) {
            n++;
        }
        if (n == text.len) {
            return text.len > 0 && !is_blank(text.at[n - 1]);
        }
        i = n;
    }
}

static bool is_of_kind(struct slice kind, struct slice text)
{
    size_t sign = text.len > 0 && text.at[0] == '-';
    if (slice_is(kind, "name")) {
        return all(text, 0, is_of_name);
    }
    if (slice_is(kind, "int")) {
        return all(text, sign, is_digit);
    }
    if (slice_is(kind, "num")) {
        return all(text, sign, is_number);
    }
    if (slice_is(kind, "host")) {
        return all(text, 0, is_of_host);
    }
    if (slice_is(kind, "numbers")) {
        return is_numbers(text);
    }
    return slice_is(kind, "rest") || all(text, 0, is_of_word);
}

/* Behind the bracket that closes the one before p. */
static size_t behind_part(const struct slow_reader *r, size_t p)
{
    for (size_t depth = 1; depth > 0; p++) {
        char c = r->pattern.at[p];
        p += c == '\\';
        if (c == '{') {
            p = (size_t)((const char *)memchr(r->pattern.at + p, '}', r->pattern.len - p) -
                         r->pattern.at);
        }
        depth += c == '[';
        depth -= c == ']';
    }
    return p;
}

static bool slow_field(struct slow_reader *r, size_t p, size_t at)
{
    const char *from = r->pattern.at + p + 1;
    const char *end = memchr(from, '}', r->pattern.len - p - 1);
    const char *colon = memchr(from, ':', (size_t)(end - from));
    struct slice name = {from, (size_t)((colon == NULL ? end : colon) - from)};
    struct slice kind =
        colon == NULL ? slice_of("word") : (struct slice){colon + 1, (size_t)(end - colon - 1)};
    size_t field = r->fields;
    for (size_t to = r->line.len + 1; to-- > at;) {
        r->fields = field;
        bool cut = to < r->line.len && ((unsigned char)r->line.at[to] & 0xc0) == 0x80;
        if (cut || !is_of_kind(kind, (struct slice){r->line.at + at, to - at})) {
            continue; /* it would end within a character, or is none of these */
        }
        if (name.len > 0) {
            r->names[field] = name;
            r->begins[field] = at;
            r->ends[field] = to;
            r->fields++;
        }
        if (slow_match(r, (size_t)(end - r->pattern.at) + 1, to)) {
            return true;
        }
    }
    r->fields = field;
    return false;
}

static bool slow_blanks(struct slow_reader *r, size_t p, size_t at)
{
    size_t to = at;
    while (to < r->line.len && is_blank(r->line.at[to])) {
        to++;
    }
    for (; to > at; to--) {
        if (slow_match(r, p + 1, to)) {
            return true;
        }
    }
    return false;
}

static bool slow_match(struct slow_reader *r, size_t p, size_t at)
{
    if (++r->steps > MOST_STEPS) {
        return false;
    }
    if (p == r->pattern.len) {
        return !r->whole || at == r->line.len;
    }
    size_t fields = r->fields;
    switch (r->pattern.at[p]) {
    case '{':
        return slow_field(r, p, at);
    case ' ':
        return slow_blanks(r, p, at);
    case ']':
        return slow_match(r, p + 1, at);
    case '[':
        if (slow_match(r, p + 1, at)) {
            return true;
        }
        r->fields = fields;
        return slow_match(r, behind_part(r, p + 1), at);
    case '\\':
        p++;
        break;
    default:
        break;
    }
    return at < r->line.len && r->line.at[at] == r->pattern.at[p] && slow_match(r, p + 1, at + 1);
}

/* Both say the same. */
static void compare(const struct text_pattern *p, struct slice pattern, struct slice line,
                    bool whole)
{
    struct slice values[TEXT_PATTERN_FIELDS];
    uint64_t *room = malloc(text_pattern_room(p, line.len) * sizeof *room);
    require(room != NULL);
    bool fits = text_pattern_match(p, line, whole, room, values);
    free(room);
    struct slow_reader r = {.pattern = pattern, .line = line, .whole = whole};
    if (pattern.len + line.len > MOST_BYTES || !pattern_is_text(pattern) ||
        !pattern_is_text(line)) {
        return;
    }
    bool slowly = slow_match(&r, 0, 0);
    if (r.steps > MOST_STEPS) {
        return;
    }
    require(fits == slowly);
    size_t found = 0;
    for (uint32_t i = 0; fits && i < text_pattern_field_count(p); i++) {
        if (values[i].at != NULL) {
            require(found < r.fields);
            require(slice_equal(r.names[found], text_pattern_field_name(p, i)));
            require(values[i].at == line.at + r.begins[found]);
            require(values[i].len == r.ends[found] - r.begins[found]);
            found++;
        }
    }
    require(!fits || found == r.fields);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = size == 0 ? "" : (const char *)data;
    const char *end = size == 0 ? NULL : memchr(text, '\n', size);
    struct slice pattern = {text, end == NULL ? size : (size_t)(end - text)};
    struct slice line = {end == NULL ? "" : end + 1, end == NULL ? 0 : size - pattern.len - 1};
    char why[TEXT_PATTERN_WHY] = "";
    struct arena *a = arena_new(1 << 20);
    require(a != NULL);
    const struct text_pattern *p = text_pattern_compile(a, pattern, why);
    require((p == NULL) == (why[0] != '\0'));
    if (p != NULL) {
        compare(p, pattern, line, true);
        compare(p, pattern, line, false);
    }
    arena_free(&a);
    return 0;
}
