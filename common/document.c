/* SPDX-License-Identifier: Apache-2.0 */
/* Checked reading of JSON. Knows no file and no option by name. */
#include "common/document.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "common/told.h"
#include "common/utf8.h"

#define SHOWN_BYTES 60
#define PLACE_BYTES 400

/* ---- what is shown ---- */

/* A word that tells what is beside it. */
static bool has_word(struct slice text, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= text.len; i++) {
        if (strncasecmp(text.at + i, word, n) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_of_a_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/*
 * What has a password in it where it belongs: a URL with a user, or a connection string, in which
 * "password=" may be misspelled. It may stand anywhere by mistake, also for a name.
 */
static bool has_credentials(struct slice text)
{
    bool path = slice_starts(text, "@.") || slice_starts(text, "@["); /* of a mapping */
    for (size_t i = path; i < text.len; i++) {
        if (text.at[i] == '@' || (text.at[i] == '=' && i > 0 && is_of_a_word(text.at[i - 1]))) {
            return true;
        }
    }
    return false;
}

static bool may_be_secret(struct slice text)
{
    return has_credentials(text) || has_word(text, "passw") || has_word(text, "secret") ||
           has_word(text, "token") || has_word(text, "private key");
}

/* For "%.*s": the text, or whole characters of its beginning. */
#define BEGINNING(text)                                                                            \
    (int)((text).len > SHOWN_BYTES ? utf8_cut((text).at, SHOWN_BYTES) : (text).len),               \
        ((text).len == 0 ? "" : (text).at)

static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            *text = '?';
        }
    }
}

const char *document_shown(struct slice text, char room[DOCUMENT_SHOWN_ROOM])
{
    if (may_be_secret(text)) {
        snprintf(room, DOCUMENT_SHOWN_ROOM, "%zu bytes that may hold a password", text.len);
    } else {
        snprintf(room, DOCUMENT_SHOWN_ROOM, "\"%.*s%s\"", BEGINNING(text),
                 text.len > SHOWN_BYTES ? "..." : "");
    }
    make_printable(room);
    return room;
}

static const char *found(const struct json *node, char room[DOCUMENT_SHOWN_ROOM])
{
    if (node == NULL) {
        return "nothing";
    }
    if (node->type == JSON_STRING) {
        return document_shown(node->text, room);
    }
    if (node->type == JSON_NUMBER) {
        snprintf(room, DOCUMENT_SHOWN_ROOM, "%.*s%s", BEGINNING(node->text),
                 node->text.len > SHOWN_BYTES ? "..." : "");
        return room;
    }
    return json_type_name(node->type);
}

/* ---- places ---- */

/* A text of bounded size; what is too much is left out. */
struct document_line {
    char *at;
    size_t size, used;
};

static void put(struct document_line *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put(struct document_line *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at + t->used, t->size - t->used, format, args);
    va_end(args);
    t->used += n < 0 ? 0 : (size_t)n;
    t->used = t->used < t->size ? t->used : t->size - 1;
}

/* As deep as the tree, which json_parse() bounds. */
static void put_place(struct document_line *t, const struct document_place *at)
{
    if (at->around != NULL) {
        put_place(t, at->around);
    }
    if (at->key.at == NULL && at->around != NULL) {
        put(t, "[%" PRIu32 "]", at->index);
    } else if (at->key.at != NULL) {
        struct slice key = has_credentials(at->key) ? slice_of("(not shown)") : at->key;
        put(t, "%s%.*s", t->used > 0 ? "." : "", BEGINNING(key));
    }
}

static void place_text(const struct document_place *at, char place[PLACE_BYTES])
{
    struct document_line t = {place, PLACE_BYTES, 0};
    place[0] = '\0';
    put_place(&t, at);
    make_printable(place);
}

const char *document_place_text(const struct document_place *at, struct arena *a)
{
    char place[PLACE_BYTES];
    place_text(at, place);
    const char *text = arena_copy(a, slice_of(place)).at;
    return text == NULL ? "?" : text;
}

/* ---- faults ---- */

static void tell(const struct document *d, const char *fault)
{
    if (d->tell != NULL) {
        d->tell(d->context, fault);
    } else {
        told_fault("%s", fault);
    }
}

__attribute__((format(printf, 3, 0))) static void fault(struct document *d, const char *place,
                                                        const char *format, va_list args)
{
    char text[DOCUMENT_FAULT_BYTES + 1];
    if (d->faults++ >= DOCUMENT_FAULTS) {
        return;
    }
    struct document_line t = {text, sizeof text, 0};
    const char *behind = place[0] == '\0' ? "" : ": ";
    if (d->name != NULL) {
        put(&t, "%.*s: ", SLICE_SHOWN(slice_of(d->name), (size_t)PLACE_BYTES));
    } else if (place[0] == '\0') {
        put(&t, "document: ");
    }
    put(&t, "%s%s", place, behind);
    vsnprintf(text + t.used, sizeof text - t.used, format, args);
    if (strlen(text) == DOCUMENT_FAULT_BYTES) {
        text[utf8_cut(text, DOCUMENT_FAULT_BYTES - 1)] = '\0';
    }
    utf8_repair(text, text + strlen(text));
    tell(d, text);
}

void document_fault(const struct document_place *at, const char *format, ...)
{
    char place[PLACE_BYTES];
    va_list args;
    place_text(at, place);
    va_start(args, format);
    fault(at->document, place, format, args);
    va_end(args);
}

void document_fault_in(struct document *d, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fault(d, name, format, args);
    va_end(args);
}

void document_expected(const struct document_place *at, const char *format, ...)
{
    char expected[DOCUMENT_FAULT_BYTES], room[DOCUMENT_SHOWN_ROOM];
    va_list args;
    va_start(args, format);
    vsnprintf(expected, sizeof expected, format, args);
    va_end(args);
    document_fault(at, "expected %s, found %s", expected, found(at->node, room));
}

void document_expected_in(struct document *d, const char *name, const char *text,
                          const char *expected)
{
    document_fault_in(d, name, "expected %s, found %s", expected, DOCUMENT_SHOWN(slice_of(text)));
}

int document_end(const struct document *d)
{
    char text[64];
    if (d->faults > DOCUMENT_FAULTS) {
        snprintf(text, sizeof text, "and %" PRIu32 " faults more", d->faults - DOCUMENT_FAULTS);
        tell(d, text);
    }
    return d->faults == 0 ? 0 : -1;
}

/* ---- going through it ---- */

struct document_place document_part(struct document *d, const char *name, const struct json *node)
{
    return (struct document_place){.document = d, .node = node, .key = slice_of(name)};
}

struct document_place document_parse(struct document *d, struct arena *a, struct slice bytes,
                                     const struct json_limits *limits)
{
    char error[256];
    struct document_place whole = document_part(d, NULL, NULL);
    whole.node = json_parse(a, bytes, limits, error, sizeof error);
    if (whole.node == NULL) {
        document_fault(&whole, "%s", error);
    }
    return whole;
}

struct document_place document_member(const struct document_place *object, const char *key)
{
    return (struct document_place){.document = object->document,
                                   .around = object,
                                   .node = json_get(object->node, key),
                                   .key = slice_of(key)};
}

struct document_place document_first(const struct document_place *around)
{
    const struct json *first = around->node == NULL ? NULL : around->node->first;
    return (struct document_place){.document = around->document,
                                   .around = around,
                                   .node = first,
                                   .key = first == NULL ? slice_of(NULL) : first->key};
}

void document_next(struct document_place *at)
{
    at->node = at->node->next;
    at->key = at->node == NULL ? slice_of(NULL) : at->node->key;
    at->index++;
}

/* ---- what is expected ---- */

static bool is(const struct document_place *at, enum json_type type, const char *name)
{
    bool good = at->node != NULL && at->node->type == type;
    if (!good) {
        document_expected(at, "%s", name);
    }
    return good;
}

bool document_is_object(const struct document_place *at)
{
    return is(at, JSON_OBJECT, "an object");
}

static int find(struct slice text, const char *const *list)
{
    for (int i = 0; list[i] != NULL; i++) {
        if (slice_is(text, list[i])) {
            return i;
        }
    }
    return -1;
}

/* "a", "one of a b" */
static const char *one_of(const char *const *list, char room[DOCUMENT_FAULT_BYTES])
{
    struct document_line t = {room, DOCUMENT_FAULT_BYTES, 0};
    room[0] = '\0';
    put(&t, "%s", list[0] == NULL || list[1] == NULL ? "" : "one of ");
    for (int i = 0; list[i] != NULL; i++) {
        put(&t, "%s%s", i == 0 ? "" : " ", list[i]);
    }
    return room;
}

bool document_is_object_of(const struct document_place *at, const char *const *keys)
{
    char room[DOCUMENT_FAULT_BYTES];
    if (!document_is_object(at)) {
        return false;
    }
    for (struct document_place m = document_first(at); m.node != NULL; document_next(&m)) {
        if (find(m.key, keys) == -1) {
            document_fault(&m, "unknown, expected %s", one_of(keys, room));
        }
    }
    return true;
}

bool document_is_list(const struct document_place *at, uint32_t most)
{
    if (!is(at, JSON_ARRAY, "a list")) {
        return false;
    }
    if (at->node->count > most) {
        document_fault(at, "expected at most %" PRIu32 " elements, found %" PRIu32, most,
                       at->node->count);
    }
    return at->node->count <= most;
}

struct slice document_text(const struct document_place *at, size_t least, size_t most)
{
    const struct slice none = {NULL, 0};
    if (!is(at, JSON_STRING, "a string")) {
        return none;
    }
    struct slice text = at->node->text;
    if (text.len < least || text.len > most) {
        document_fault(at, "expected a string of %zu..%zu bytes, found %zu", least, most, text.len);
        return none;
    }
    if (text.len > 0 && memchr(text.at, '\0', text.len) != NULL) {
        document_fault(at, "expected a string without a NUL in it");
        return none;
    }
    return text;
}

bool document_integer(const struct document_place *at, const char *what, int64_t least,
                      int64_t most, int64_t *value)
{
    bool good = at->node != NULL && at->node->type == JSON_NUMBER &&
                number_integer(at->node->text, least, most, value) == 0;
    if (!good) {
        document_expected(at, "%s %" PRId64 "..%" PRId64, what, least, most);
    }
    return good;
}

bool document_number(const struct document_place *at, struct number *number)
{
    bool good = at->node != NULL &&
                (at->node->type == JSON_NUMBER || at->node->type == JSON_STRING) &&
                number_parse(at->node->text, number) == 0;
    if (!good) {
        document_expected(at, "a number");
    }
    return good;
}

int document_choice(const struct document_place *at, const char *const *choices)
{
    char room[DOCUMENT_FAULT_BYTES];
    bool text = at->node != NULL && at->node->type == JSON_STRING;
    int i = text ? find(at->node->text, choices) : -1;
    if (i == -1) {
        document_expected(at, "%s", one_of(choices, room));
    }
    return i;
}

void *document_take(const struct document_place *at, struct arena *a, size_t count, size_t size)
{
    void *p = arena_calloc(a, count > 0 ? count : 1, size);
    if (p == NULL) {
        document_fault(at, "out of memory");
    }
    return p;
}

struct slice document_copy(const struct document_place *at, struct arena *a, struct slice text)
{
    struct slice copy = arena_copy(a, text);
    if (copy.at == NULL) {
        document_fault(at, "out of memory");
    }
    return copy;
}
