/* SPDX-License-Identifier: Apache-2.0 */
/* Constraints on parameters. */
#include "common/mplane/constraint.h"

#include <stdio.h>

static const char between[] = " ... ";

/* The first place of `what` in s; NULL when it isn't there. */
static const char *find(struct slice s, const char *what)
{
    return s.len == 0 ? NULL : memmem(s.at, s.len, what, strlen(what));
}

static struct slice without_blanks(struct slice s)
{
    while (s.len > 0 && s.at[0] == ' ') {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && s.at[s.len - 1] == ' ') {
        s.len--;
    }
    return s;
}

static bool is_textual(enum primitive primitive)
{
    return primitive == PRIMITIVE_STRING || primitive == PRIMITIVE_URL;
}

/* Of such ends, written again the other way round, nobody could tell which dots part them. */
static bool holds_dots(struct slice end)
{
    return find(end, " ...") != NULL || find(end, "... ") != NULL;
}

/* "A ... B"; the ends may stand in either order. `dots` is where the three dots are, blanks
 * included. */
static int read_range(struct arena *a, enum primitive primitive, struct slice text,
                      struct slice dots, struct constraint *c, char *error, size_t error_size)
{
    struct slice low = {text.at, (size_t)(dots.at - text.at)};
    struct slice high = {dots.at + dots.len, text.len - low.len - dots.len};
    bool comparable = false;
    c->kind = CONSTRAINT_RANGE;
    if (holds_dots(low) || holds_dots(high)) {
        snprintf(error, error_size, "expected a range of two ends, found more dots");
        return -1;
    }
    if (value_parse(a, primitive, low, &c->low, error, error_size) == -1 ||
        value_parse(a, primitive, high, &c->high, error, error_size) == -1) {
        return -1;
    }
    int order = value_compare(&c->low, &c->high, &comparable);
    if (!comparable) {
        snprintf(error, error_size, "expected a range between two values that can be compared");
        return -1;
    }
    if (order > 0) {
        struct value first = c->low;
        c->low = c->high;
        c->high = first;
    }
    return 0;
}

static bool has_member(const struct constraint *c, struct slice text)
{
    for (uint32_t i = 0; i < c->member_count; i++) {
        if (slice_equal(c->members[i].text, text)) {
            return true;
        }
    }
    return false;
}

static int read_set(struct arena *a, enum primitive primitive, struct slice text,
                    struct constraint *c, char *error, size_t error_size)
{
    size_t count = 1;
    for (size_t i = 0; i < text.len; i++) {
        count += text.at[i] == ',';
    }
    if (count > CONSTRAINT_MEMBERS) {
        snprintf(error, error_size, "expected at most %d members of a set, found %zu",
                 CONSTRAINT_MEMBERS, count);
        return -1;
    }
    c->kind = CONSTRAINT_SET;
    c->members = arena_calloc(a, count, sizeof *c->members);
    if (c->members == NULL) {
        snprintf(error, error_size, "too large");
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const char *comma = find(text, ",");
        struct slice member = {text.at, comma == NULL ? text.len : (size_t)(comma - text.at)};
        text.at += member.len + (comma != NULL);
        text.len -= member.len + (comma != NULL);
        /* A blank is part of a string, and of nothing else. */
        member = is_textual(primitive) ? member : without_blanks(member);
        struct value *value = &c->members[c->member_count];
        if (value_parse(a, primitive, member, value, error, error_size) == -1) {
            return -1;
        }
        c->member_count += !has_member(c, value->text);
    }
    if (!c->list && c->member_count == 1 && c->members[0].text.len == 0) {
        snprintf(error, error_size, "expected members of a set, found commas only");
        return -1; /* written again it would be no constraint at all */
    }
    return 0;
}

/* What stands outside or inside of the brackets. */
static int read_plain(struct arena *a, enum primitive primitive, struct slice text,
                      struct constraint *c, char *error, size_t error_size)
{
    if (slice_is(text, "*")) {
        c->kind = CONSTRAINT_ANY;
        return 0;
    }
    const char *dots = find(text, between);
    if (dots != NULL) {
        struct slice found = {dots, sizeof between - 1};
        return read_range(a, primitive, text, found, c, error, error_size);
    }
    dots = is_textual(primitive) ? NULL : find(text, "...");
    if (dots != NULL) {
        struct slice found = {dots, 3};
        return read_range(a, primitive, text, found, c, error, error_size);
    }
    if (primitive == PRIMITIVE_ADDRESS && find(text, "/") != NULL &&
        prefix_parse(text, &c->prefix) == 0) {
        c->kind = CONSTRAINT_PREFIX;
        return 0;
    }
    return read_set(a, primitive, text, c, error, error_size);
}

int constraint_parse(struct arena *a, enum primitive primitive, struct slice text,
                     struct constraint *constraint, char *error, size_t error_size)
{
    memset(constraint, 0, sizeof *constraint);
    if (text.len == 0) {
        return 0;
    }
    if (text.len >= 2 && text.at[0] == '[' && text.at[text.len - 1] == ']') {
        constraint->list = true;
        text.at++;
        text.len -= 2;
    }
    return read_plain(a, primitive, text, constraint, error, error_size);
}

/* The members joined by commas. */
static struct slice set_text(struct arena *a, const struct constraint *c)
{
    size_t size = 1;
    for (uint32_t i = 0; i < c->member_count; i++) {
        size += c->members[i].text.len + 1;
    }
    char *out = arena_alloc(a, size);
    if (out == NULL) {
        return (struct slice){NULL, 0};
    }
    size_t len = 0;
    for (uint32_t i = 0; i < c->member_count; i++) {
        struct slice member = c->members[i].text;
        if (i > 0) {
            out[len++] = ',';
        }
        if (member.len > 0) {
            memcpy(out + len, member.at, member.len);
            len += member.len;
        }
    }
    return (struct slice){out, len};
}

struct slice constraint_text(struct arena *a, const struct constraint *constraint)
{
    const struct constraint *c = constraint;
    struct slice text = slice_of("*");
    char address[ADDRESS_TEXT_SIZE];
    switch (c->kind) {
    case CONSTRAINT_ANY:
        break;
    case CONSTRAINT_RANGE:
        text = slice_of(arena_printf(a, "%.*s%s%.*s", (int)c->low.text.len, c->low.text.at, between,
                                     (int)c->high.text.len, c->high.text.at));
        break;
    case CONSTRAINT_PREFIX:
        address_text(&c->prefix.address, address);
        text = slice_of(arena_printf(a, "%s/%u", address, (unsigned)c->prefix.bits));
        break;
    case CONSTRAINT_SET:
        text = set_text(a, c);
        break;
    }
    if (c->list && text.at != NULL) {
        text = slice_of(arena_printf(a, "[%.*s]", (int)text.len, text.at));
    }
    return text;
}

static bool is_member(const struct constraint *c, const struct value *value)
{
    for (uint32_t i = 0; i < c->member_count; i++) {
        bool comparable;
        int order = value_compare(&c->members[i], value, &comparable);
        if ((comparable && order == 0) || (c->members[i].null && value->null)) {
            return true;
        }
    }
    return false;
}

bool constraint_met(const struct constraint *constraint, const struct value *value)
{
    const struct constraint *c = constraint;
    bool above, below;
    switch (c->kind) {
    case CONSTRAINT_ANY:
        return true;
    case CONSTRAINT_RANGE: {
        int low = value_compare(&c->low, value, &above);
        int high = value_compare(value, &c->high, &below);
        return above && below && low <= 0 && high <= 0;
    }
    case CONSTRAINT_PREFIX:
        return value->primitive == PRIMITIVE_ADDRESS && !value->null &&
               prefix_contains(&c->prefix, &value->address);
    case CONSTRAINT_SET:
        break;
    }
    return is_member(c, value);
}
