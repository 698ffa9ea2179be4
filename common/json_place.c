/* SPDX-License-Identifier: Apache-2.0 */
/* Steps over JSON without reading it: what is no JSON was told to be none before. */
#include "common/json_place.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* A document and how far in it somebody is. */
struct json_walk {
    struct slice text;
    size_t at;
};

static bool is_at(const struct json_walk *s, char c)
{
    return s->at < s->text.len && s->text.at[s->at] == c;
}

static void step_blanks(struct json_walk *s)
{
    while (s->at < s->text.len && memchr(" \t\r\n", s->text.at[s->at], 4) != NULL) {
        s->at++;
    }
}

/* Behind the string that begins here; what is in it, as it is written. */
static struct slice step_string(struct json_walk *s)
{
    size_t from = ++s->at;
    while (s->at < s->text.len && s->text.at[s->at] != '"') {
        s->at += s->text.at[s->at] == '\\' ? 2 : 1;
    }
    size_t end = s->at < s->text.len ? s->at : s->text.len;
    s->at = end < s->text.len ? end + 1 : end;
    return (struct slice){s->text.at + from, end > from ? end - from : 0};
}

/* Behind the value that begins here, however deep it is. */
static void step_value(struct json_walk *s)
{
    size_t depth = 0;
    do {
        step_blanks(s);
        if (is_at(s, '"')) {
            (void)step_string(s);
        } else if (is_at(s, '{') || is_at(s, '[')) {
            depth++;
            s->at++;
        } else if (is_at(s, '}') || is_at(s, ']')) {
            if (depth == 0) {
                return;
            }
            depth--;
            s->at++;
        } else if (depth > 0) {
            s->at++;
        } else {
            while (s->at < s->text.len && memchr(",]} \t\r\n", s->text.at[s->at], 7) == NULL) {
                s->at++;
            }
        }
    } while (depth > 0 && s->at < s->text.len);
}

/* To the next member or element; false: there is none. */
static bool step_next(struct json_walk *s)
{
    step_blanks(s);
    if (!is_at(s, ',')) {
        return false;
    }
    s->at++;
    step_blanks(s);
    return s->at < s->text.len;
}

/* How many bytes of the name are this key, whose value begins with `value`; 0: it is another one.
 */
static size_t names_key(struct slice name, struct slice key, char value)
{
    if (key.len == 0 || key.len > name.len || memcmp(name.at, key.at, key.len) != 0) {
        return 0;
    }
    char next = key.len == name.len ? ':' : name.at[key.len];
    return next == ':' || (next == '.' && value == '{') || (next == '[' && value == '[') ? key.len
                                                                                         : 0;
}

/* Looks at members from one on, up to another; to the value of the one that the name begins with.
 * How many bytes that is. 0: it is none of them. *found is where its key stands. */
static size_t look_at_members(struct json_walk *s, size_t from, size_t until, struct slice name,
                              size_t *found)
{
    struct json_walk next = {s->text, from};
    while (next.at < until && is_at(&next, '"')) {
        size_t key_at = next.at;
        struct slice key = step_string(&next);
        step_blanks(&next);
        if (!is_at(&next, ':')) {
            break;
        }
        next.at++;
        step_blanks(&next);
        size_t bytes = names_key(name, key, next.at < s->text.len ? s->text.at[next.at] : ' ');
        if (bytes > 0) {
            s->at = next.at;
            *found = key_at;
            return bytes;
        }
        step_value(&next);
        if (!step_next(&next)) {
            break;
        }
    }
    return 0;
}

/* From where one was last in this object. */
static size_t enter_member(struct json_walk *s, struct slice name, struct json_place_before *before,
                           size_t *found)
{
    size_t object = s->at;
    struct json_walk first = {s->text, object + 1};
    step_blanks(&first);
    size_t from = before->at > 0 && before->around == object ? before->at : first.at;
    size_t bytes = look_at_members(s, from, s->text.len, name, found);
    if (bytes == 0 && from > first.at) {
        bytes = look_at_members(s, first.at, from, name, found);
    }
    if (bytes > 0) {
        *before = (struct json_place_before){.around = object, .at = *found};
    }
    return bytes;
}

/* "[12]" and an element, from where one was last in this list. */
static size_t enter_element(struct json_walk *s, struct slice name,
                            struct json_place_before *before, size_t *found)
{
    size_t index = 0, bytes = 1;
    while (bytes < name.len && bytes < 11 && isdigit((unsigned char)name.at[bytes])) {
        index = index * 10 + (size_t)(name.at[bytes++] - '0');
    }
    if (bytes == 1 || bytes >= name.len || name.at[bytes] != ']') {
        return 0;
    }
    struct json_place_before at = {.around = s->at};
    struct json_walk next = {s->text, s->at + 1};
    step_blanks(&next);
    if (before->at > 0 && before->around == s->at && before->index <= index) {
        at.index = before->index;
        next.at = before->at;
    }
    for (; at.index < index; at.index++) {
        step_value(&next);
        if (!step_next(&next)) {
            return 0;
        }
    }
    if (next.at >= next.text.len || is_at(&next, ']')) {
        return 0;
    }
    s->at = *found = at.at = next.at;
    *before = at;
    return bytes + 1;
}

static size_t enter(struct json_walk *s, struct slice name, size_t used,
                    struct json_place_before *before, size_t *found)
{
    struct slice rest = {name.at + used, name.len - used};
    if (rest.len > 0 && rest.at[0] == '[' && is_at(s, '[')) {
        return enter_element(s, rest, before, found);
    }
    size_t dot = used > 0 && rest.len > 0 && rest.at[0] == '.';
    if ((used > 0) != (dot > 0) || !is_at(s, '{')) {
        return 0;
    }
    size_t bytes = enter_member(s, (struct slice){rest.at + dot, rest.len - dot}, before, found);
    return bytes == 0 ? 0 : dot + bytes;
}

/* "... at byte 12": of what is no JSON. False: it does not say so. */
static bool says_byte(struct slice fault, size_t most, size_t *offset)
{
    static const char words[] = " at byte ";
    size_t digits = 0, value = 0;
    while (digits < fault.len && digits < 9 &&
           isdigit((unsigned char)fault.at[fault.len - 1 - digits])) {
        digits++;
    }
    size_t from = fault.len - digits;
    if (digits == 0 || from < sizeof words - 1 || !slice_starts(fault, "document: ") ||
        memcmp(fault.at + from - (sizeof words - 1), words, sizeof words - 1) != 0) {
        return false;
    }
    for (size_t i = from; i < fault.len; i++) {
        value = value * 10 + (size_t)(fault.at[i] - '0');
    }
    value = value > 0 ? value - 1 : 0;
    *offset = value < most ? value : most;
    return true;
}

/* The name of a place that is not there ends where the first reason begins. */
static size_t name_bytes(struct slice fault, size_t used)
{
    if (used > 0 && used < fault.len && fault.at[used] == ':') {
        return used;
    }
    const char *colon = fault.len == 0 ? NULL : memmem(fault.at, fault.len, ": ", 2);
    return colon == NULL ? 0 : (size_t)(colon - fault.at);
}

/* From where the last one was, where this one is behind it. */
static void count_lines(struct json_places *all, struct json_place *p)
{
    bool behind = all->last.line > 0 && all->last.offset <= p->offset;
    size_t from = behind ? all->last.offset : 0;
    p->line = behind ? all->last.line : 1;
    p->column = behind ? all->last.column : 1;
    for (size_t i = from; i < p->offset && i < all->document.len; i++) {
        if (all->document.at[i] == '\n') {
            p->line++;
            p->column = 1;
        } else if (((unsigned char)all->document.at[i] & 0xc0) != 0x80) {
            p->column++;
        }
    }
    all->last = *p;
}

struct json_place json_place_find(struct json_places *all, struct slice fault)
{
    struct json_place p = {0};
    size_t used = 0, bytes = 1;
    struct json_walk s = {all->document, slice_starts(all->document, "\xef\xbb\xbf") ? 3 : 0};
    step_blanks(&s);
    p.offset = s.at;
    if (says_byte(fault, all->document.len, &p.offset)) {
        p.name_bytes = sizeof "document" - 1;
    } else {
        for (size_t d = 0; bytes > 0 && d < JSON_PLACE_DEPTH; d++) {
            bytes = enter(&s, fault, used, &all->before[d], &p.offset);
            used += bytes;
        }
        p.name_bytes = name_bytes(fault, used);
    }
    count_lines(all, &p);
    return p;
}
