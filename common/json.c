/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yajl's events into a tree, with limits. The tree's memory comes from the arena. yajl's own does
 * not: it never looks whether it got any, and what it takes is bounded by the bytes it reads and
 * their depth.
 */
#include "common/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "common/utf8.h"

#define FEW_MEMBERS 32

#define TWICE "a key that stands twice"

struct json_builder {
    struct arena *arena;
    const struct json_limits *limits;
    struct json *root;
    struct json *open[JSON_DEPTH]; /* the arrays and objects around what comes next */
    struct json *last[JSON_DEPTH]; /* the last member of each */
    uint32_t depth;
    uint32_t nodes;
    struct slice key; /* of the member that comes next */
    const char *fault;
    /* Only where there is a reach: */
    const struct json_reach *reach[JSON_DEPTH]; /* of each that is open */
    const struct json_reach *next_reach;        /* of the value that comes next; NULL: left out */
    size_t left_out; /* arrays and objects that are open in one that is left out, and itself */
};

/* ---- building ---- */

static int fail(struct json_builder *b, const char *why)
{
    b->fault = why;
    return 0; /* tells yajl to stop */
}

/*
 * Whether the key stands in the object already. In an object of many members that is not asked for
 * each, which would cost their square, but once at its end.
 */
static bool has_key(const struct json *object, struct slice key)
{
    if (object->count >= FEW_MEMBERS) {
        return false;
    }
    for (const struct json *m = object->first; m != NULL; m = m->next) {
        if (slice_equal(m->key, key)) {
            return true;
        }
    }
    return false;
}

static int key_order(const void *a, const void *b)
{
    return slice_order((*(const struct json *const *)a)->key,
                       (*(const struct json *const *)b)->key);
}

/* The same for an object that has more than FEW_MEMBERS, when all are there. */
static bool has_key_twice(const struct json *object)
{
    const struct json *sorted[JSON_MEMBERS];
    size_t n = 0;
    for (const struct json *m = object->first; m != NULL; m = m->next) {
        sorted[n++] = m;
    }
    qsort(sorted, n, sizeof sorted[0], key_order);
    for (size_t i = 1; i < n; i++) {
        if (slice_equal(sorted[i - 1]->key, sorted[i]->key)) {
            return true;
        }
    }
    return false;
}

/* ---- keys that stand twice and are not refused ---- */

struct json_member_at {
    struct json *node;
    uint32_t index;
};

static int member_order(const void *a, const void *b)
{
    const struct json_member_at *x = a, *y = b;
    int order = slice_order(x->node->key, y->node->key);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

/* The tree is ours until it is handed out. */
static struct json *ours(const struct json *node)
{
    return (struct json *)(uintptr_t)node;
}

static uint32_t sort_members(const struct json *object, struct json_member_at *sorted)
{
    uint32_t n = 0;
    for (const struct json *m = object->first; m != NULL; m = m->next) {
        sorted[n] = (struct json_member_at){ours(m), n};
        n++;
    }
    qsort(sorted, n, sizeof sorted[0], member_order);
    return n;
}

/* Takes those out of the object whose key stood before. Whether there are any. */
static bool take_out_agains(struct json *object, const struct json_member_at *sorted, uint32_t n)
{
    bool again[JSON_MEMBERS] = {false}, any = false;
    for (uint32_t i = 1; i < n; i++) {
        if (slice_equal(sorted[i - 1].node->key, sorted[i].node->key)) {
            again[sorted[i].index] = any = true;
        }
    }
    const struct json **link = &object->first;
    uint32_t i = 0;
    for (const struct json *m = object->first; m != NULL; m = m->next) {
        if (!again[i++]) {
            *link = m;
            link = &ours(m)->next;
        } else {
            object->count--;
        }
    }
    *link = NULL;
    return any;
}

/* The first gets the value of the last. */
static void take_last(const struct json_member_at *same, uint32_t n)
{
    struct json *first = same[0].node;
    const struct json *last = same[n - 1].node;
    first->type = last->type;
    first->count = last->count;
    first->text = last->text;
    first->first = last->first;
}

/* The first becomes the list of all. */
static int make_list(struct arena *a, const struct json_member_at *same, uint32_t n)
{
    struct json *list = same[0].node, *element = arena_alloc(a, sizeof *element);
    if (element == NULL) {
        return -1;
    }
    *element = *list;
    list->type = JSON_ARRAY;
    list->count = n;
    list->text = (struct slice){NULL, 0};
    list->first = element;
    for (uint32_t i = 1; i < n; i++) {
        element->key = (struct slice){NULL, 0};
        element->next = same[i].node;
        element = same[i].node;
    }
    element->key = (struct slice){NULL, 0};
    element->next = NULL;
    return 0;
}

static int settle_duplicates(struct json_builder *b, struct json *object)
{
    struct json_member_at sorted[JSON_MEMBERS];
    uint32_t n = sort_members(object, sorted);
    if (!take_out_agains(object, sorted, n)) {
        return 1;
    }
    for (uint32_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && slice_equal(sorted[i].node->key, sorted[end].node->key);) {
            end++;
        }
        if (b->limits->duplicates == JSON_DUPLICATES_LAST) {
            take_last(sorted + i, end - i);
        } else if (b->limits->duplicates == JSON_DUPLICATES_LISTED && end - i > 1 &&
                   make_list(b->arena, sorted + i, end - i) == -1) {
            return fail(b, "needs more memory than allowed");
        }
    }
    return 1;
}

static struct json *add(struct json_builder *b, enum json_type type)
{
    if (++b->nodes > b->limits->nodes) {
        fail(b, "more values than allowed");
        return NULL;
    }
    struct json *node = arena_alloc(b->arena, sizeof *node);
    if (node == NULL) {
        fail(b, "needs more memory than allowed");
        return NULL;
    }
    *node = (struct json){.type = type};
    if (b->depth == 0) {
        b->root = node;
        return node;
    }
    struct json *parent = b->open[b->depth - 1];
    if (parent->type == JSON_OBJECT) {
        node->key = b->key;
        if (parent->count == JSON_MEMBERS) {
            fail(b, "an object with more members than allowed");
            return NULL;
        }
    }
    if (b->last[b->depth - 1] == NULL) {
        parent->first = node;
    } else {
        b->last[b->depth - 1]->next = node;
    }
    b->last[b->depth - 1] = node;
    parent->count++;
    return node;
}

static int add_text(struct json_builder *b, enum json_type type, const char *at, size_t len)
{
    if (len > b->limits->string_bytes) {
        return fail(b, type == JSON_NUMBER ? "a number longer than allowed"
                                           : "a string longer than allowed");
    }
    struct json *node = add(b, type);
    if (node == NULL) {
        return 0;
    }
    node->text = arena_copy(b->arena, (struct slice){at, len});
    return node->text.at != NULL || fail(b, "needs more memory than allowed");
}

static int on_null(void *context)
{
    return add(context, JSON_NULL) != NULL;
}

static int on_boolean(void *context, int value)
{
    return add(context, value ? JSON_TRUE : JSON_FALSE) != NULL;
}

static int on_number(void *context, const char *at, size_t len)
{
    return add_text(context, JSON_NUMBER, at, len);
}

static int on_string(void *context, const unsigned char *at, size_t len)
{
    return add_text(context, JSON_STRING, (const char *)at, len);
}

static int take_key(struct json_builder *b, struct slice key)
{
    b->key = key;
    return b->limits->duplicates != JSON_DUPLICATES_REFUSED ||
           !has_key(b->open[b->depth - 1], key) || fail(b, TWICE);
}

static int on_key(void *context, const unsigned char *at, size_t len)
{
    struct json_builder *b = context;
    if (len > b->limits->string_bytes) {
        return fail(b, "a key longer than allowed");
    }
    struct slice key = arena_copy(b->arena, (struct slice){(const char *)at, len});
    return key.at == NULL ? fail(b, "needs more memory than allowed") : take_key(b, key);
}

static int open_node(struct json_builder *b, enum json_type type)
{
    if (b->depth >= b->limits->depth || b->depth >= JSON_DEPTH) {
        return fail(b, "nested deeper than allowed");
    }
    struct json *node = add(b, type);
    if (node == NULL) {
        return 0;
    }
    b->open[b->depth] = node;
    b->last[b->depth] = NULL;
    b->depth++;
    return 1;
}

static int on_object(void *context)
{
    return open_node(context, JSON_OBJECT);
}

static int on_array(void *context)
{
    return open_node(context, JSON_ARRAY);
}

static int on_object_end(void *context)
{
    struct json_builder *b = context;
    struct json *object = b->open[--b->depth];
    if (b->limits->duplicates != JSON_DUPLICATES_REFUSED) {
        return settle_duplicates(b, object);
    }
    return object->count <= FEW_MEMBERS || !has_key_twice(object) || fail(b, TWICE);
}

static int on_array_end(void *context)
{
    ((struct json_builder *)context)->depth--;
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_object_end,
    .yajl_start_array = on_array,
    .yajl_end_array = on_array_end,
};

/* ---- the same where not all is kept ---- */

/* The member that has a name of its own; NULL: it is one of any. */
static const struct json_reach_member *reach_named(const struct json_reach *reach, struct slice key)
{
    const struct json_reach_member *m = reach->members[key.len % JSON_REACH_LISTS];
    while (m != NULL && !slice_equal(m->key, key)) {
        m = m->next;
    }
    return m;
}

/* Whether the value that comes next is kept. */
static bool is_reached(struct json_builder *b)
{
    if (b->left_out > 0) {
        return false;
    }
    if (b->depth == 0) {
        b->next_reach = b->limits->reach;
    } else if (b->open[b->depth - 1]->type == JSON_ARRAY) {
        const struct json_reach *list = b->reach[b->depth - 1];
        b->next_reach = list->whole ? list : list->any;
    }
    return b->next_reach != NULL;
}

static int on_reached_null(void *context)
{
    return !is_reached(context) || on_null(context);
}

static int on_reached_boolean(void *context, int value)
{
    return !is_reached(context) || on_boolean(context, value);
}

static int on_reached_number(void *context, const char *at, size_t len)
{
    return !is_reached(context) || on_number(context, at, len);
}

static int on_reached_string(void *context, const unsigned char *at, size_t len)
{
    return !is_reached(context) || on_string(context, at, len);
}

static int on_reached_key(void *context, const unsigned char *at, size_t len)
{
    struct json_builder *b = context;
    const struct slice key = {(const char *)at, len};
    if (b->left_out > 0) {
        return 1;
    }
    const struct json_reach *object = b->reach[b->depth - 1];
    const struct json_reach_member *named = object->whole ? NULL : reach_named(object, key);
    if (named != NULL && len <= b->limits->string_bytes) {
        b->next_reach = named->reach;
        return take_key(b, named->key); /* it outlives the tree */
    }
    b->next_reach = object->whole ? object : named != NULL ? named->reach : object->any;
    return b->next_reach == NULL || on_key(context, at, len);
}

static int open_reached(struct json_builder *b, enum json_type type)
{
    if (!is_reached(b)) {
        b->left_out++;
        return 1;
    }
    if (!open_node(b, type)) {
        return 0;
    }
    b->reach[b->depth - 1] = b->next_reach;
    return 1;
}

static int on_reached_object(void *context)
{
    return open_reached(context, JSON_OBJECT);
}

static int on_reached_array(void *context)
{
    return open_reached(context, JSON_ARRAY);
}

/* Whether what ends is left out. */
static bool ends_left_out(struct json_builder *b)
{
    bool is = b->left_out > 0;
    b->left_out -= is;
    return is;
}

static int on_reached_object_end(void *context)
{
    return ends_left_out(context) || on_object_end(context);
}

static int on_reached_array_end(void *context)
{
    return ends_left_out(context) || on_array_end(context);
}

static const yajl_callbacks reached_callbacks = {
    .yajl_null = on_reached_null,
    .yajl_boolean = on_reached_boolean,
    .yajl_number = on_reached_number,
    .yajl_string = on_reached_string,
    .yajl_start_map = on_reached_object,
    .yajl_map_key = on_reached_key,
    .yajl_end_map = on_reached_object_end,
    .yajl_start_array = on_reached_array,
    .yajl_end_array = on_reached_array_end,
};

/* ---- bytes into yajl ---- */

/* The length of a "nan" or its like that begins at `at` and is a token; else 0. */
static size_t no_number_length(struct slice bytes, size_t at)
{
    static const struct slice words[] = {SLICE("nan"), SLICE("NaN"), SLICE("inf"),
                                         SLICE("Infinity")};
    size_t sign = bytes.at[at] == '-';
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t end = at + sign + words[i].len;
        if (end <= bytes.len && memcmp(bytes.at + at + sign, words[i].at, words[i].len) == 0 &&
            (at == 0 || memchr(" \t\r\n:[,", bytes.at[at - 1], 7) != NULL) &&
            (end == bytes.len || memchr(" \t\r\n]},", bytes.at[end], 7) != NULL)) {
            return end - at;
        }
    }
    return 0;
}

/* What yajl has been given last, and where it stands: its errors speak of that. */
struct json_fed {
    struct slice bytes;
    size_t offset;
};

static bool feed(yajl_handle handle, struct json_fed *fed, struct slice bytes, size_t offset)
{
    *fed = (struct json_fed){bytes, offset};
    return yajl_parse(handle, (const unsigned char *)bytes.at, bytes.len) == yajl_status_ok;
}

/* The same with "null" for what is no number. */
static bool feed_nulls(yajl_handle handle, struct json_fed *fed, struct slice bytes)
{
    bool string = false;
    size_t from = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.at[i];
        if (string && c == '\\') {
            i++;
        } else if (c == '"') {
            string = !string;
        }
        size_t n = string || memchr("-nNiI", c, 5) == NULL ? 0 : no_number_length(bytes, i);
        if (n == 0) {
            continue;
        }
        if (!feed(handle, fed, (struct slice){bytes.at + from, i - from}, from) ||
            !feed(handle, fed, slice_of("null"), i)) {
            return false;
        }
        from = i + n;
        i = from - 1;
    }
    return feed(handle, fed, (struct slice){bytes.at + from, bytes.len - from}, from);
}

/* yajl's own sentence, without the newlines it likes. */
static void say_yajl_error(yajl_handle handle, const struct json_fed *fed, size_t skipped,
                           char *error, size_t error_size)
{
    size_t at = skipped + fed->offset + yajl_get_bytes_consumed(handle);
    unsigned char *text =
        yajl_get_error(handle, 0, (const unsigned char *)fed->bytes.at, fed->bytes.len);
    const char *why = text == NULL ? "not JSON" : (const char *)text;
    int len = (int)strcspn(why, "\n");
    snprintf(error, error_size, "%.*s at byte %zu", len, why, at);
    if (text != NULL) {
        yajl_free_error(handle, text);
    }
}

/* ---- what yajl lets pass ---- */

/* The four hexadecimal digits behind "\\u"; -1 when they are none, which yajl will say. */
static int32_t escaped_unit(const char *at, const char *end)
{
    int32_t unit = 0;
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u') {
        return -1;
    }
    for (int i = 2; i < 6; i++) {
        int c = at[i] | 0x20;
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return -1;
        }
        unit = unit * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return unit;
}

/* Bytes to skip: 2, 6 or, for a surrogate pair, 12; 0 for half a pair. A backslash is at `at`. */
static size_t escape_length(const char *at, const char *end)
{
    int32_t unit = escaped_unit(at, end);
    if (unit < 0) {
        return end - at < 2 ? 1 : 2;
    }
    if (unit < 0xd800 || unit > 0xdfff) {
        return 6;
    }
    int32_t second = escaped_unit(at + 6, end);
    return unit <= 0xdbff && second >= 0xdc00 && second <= 0xdfff ? 12 : 0;
}

/* Whether eight bytes are all ASCII and none is a backslash: nearly always so. */
static bool is_plain(const char *at)
{
    const uint64_t each = 0x0101010101010101, high = each * 0x80;
    uint64_t bytes;
    memcpy(&bytes, at, sizeof bytes);
    uint64_t other = bytes ^ each * '\\'; /* a byte of it is 0 where a backslash stands */
    return ((bytes | ((other - each) & ~other)) & high) == 0;
}

/*
 * yajl takes overlong forms, surrogates and what lies beyond Unicode for UTF-8, and makes something
 * else of half a surrogate pair: values would be changed, and PostgreSQL refuses such text.
 */
static int check_characters(struct slice bytes, char *error, size_t error_size)
{
    if (bytes.len == 0) {
        return 0;
    }
    const char *at = bytes.at, *end = bytes.at + bytes.len;
    while (at < end) {
        if (end - at >= 8 && is_plain(at)) {
            at += 8;
            continue;
        }
        size_t length = *at == '\\' ? escape_length(at, end) : utf8_character(at, end);
        if (length == 0) {
            snprintf(error, error_size, "%s at byte %td",
                     *at == '\\' ? "half of a surrogate pair" : "bytes that are not UTF-8",
                     at - bytes.at + 1);
            return -1;
        }
        at += length;
    }
    return 0;
}

/* The length of a byte order mark before the text. */
static size_t mark_length(struct slice bytes)
{
    return bytes.len >= 3 && memcmp(bytes.at, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

const struct json *json_parse(struct arena *a, struct slice bytes, const struct json_limits *limits,
                              char *error, size_t error_size)
{
    if (check_characters(bytes, error, error_size) == -1) {
        return NULL;
    }
    size_t mark = mark_length(bytes);
    bytes = (struct slice){mark == 0 ? bytes.at : bytes.at + mark, bytes.len - mark};
    while (bytes.len > 0 && bytes.at[bytes.len - 1] == '\0') {
        bytes.len--;
    }
    struct json_builder b = {.arena = a, .limits = limits};
    struct json_fed fed;
    yajl_handle handle =
        yajl_alloc(limits->reach == NULL ? &callbacks : &reached_callbacks, NULL, &b);
    if (handle == NULL) {
        snprintf(error, error_size, "needs more memory than there is");
        return NULL;
    }
    yajl_config(handle, yajl_allow_comments, limits->comments ? 1 : 0);
    bool parsed = limits->nan ? feed_nulls(handle, &fed, bytes) : feed(handle, &fed, bytes, 0);
    bool complete = parsed && yajl_complete_parse(handle) == yajl_status_ok; /* "1" ends only now */
    const struct json *result = NULL;
    if (b.fault != NULL) {
        snprintf(error, error_size, "%s at byte %zu", b.fault,
                 mark + fed.offset + yajl_get_bytes_consumed(handle));
    } else if (!parsed) {
        say_yajl_error(handle, &fed, mark, error, error_size);
    } else if (!complete || b.root == NULL || b.depth != 0) {
        /* yajl would speak of a blank that it has put behind. */
        snprintf(error, error_size, "ends too early at byte %zu", mark + bytes.len);
    } else {
        result = b.root;
    }
    yajl_free(handle);
    return result;
}

/* ---- reading ---- */

const struct json *json_find(const struct json *object, struct slice key)
{
    if (object == NULL || object->type != JSON_OBJECT) {
        return NULL;
    }
    for (const struct json *m = object->first; m != NULL; m = m->next) {
        if (slice_equal(m->key, key)) {
            return m;
        }
    }
    return NULL;
}

const struct json *json_get(const struct json *object, const char *key)
{
    return json_find(object, slice_of(key));
}

bool json_is(const struct json *node, const char *text)
{
    return node != NULL && node->type == JSON_STRING && slice_is(node->text, text);
}

const char *json_type_name(enum json_type type)
{
    static const char *const names[] = {"null",   "false", "true",  "number",
                                        "string", "array", "object"};
    return names[type];
}

/* ---- writing ---- */

/* Counts only while at is NULL. */
struct sink {
    char *at;
    size_t len;
};

static void put(struct sink *s, const char *bytes, size_t len)
{
    if (s->at != NULL) {
        memcpy(s->at + s->len, bytes, len);
    }
    s->len += len;
}

#define ESCAPED_BYTES 8

/* How a byte of a string is written; its length. */
static size_t escape(char byte, char escaped[ESCAPED_BYTES])
{
    unsigned char c = (unsigned char)byte;
    if (c < 0x20) {
        return (size_t)snprintf(escaped, ESCAPED_BYTES, "\\u%04x", c);
    }
    bool quoted = c == '"' || c == '\\';
    escaped[0] = '\\';
    escaped[quoted] = byte;
    return quoted + 1u;
}

/* Whether a byte of a string is written as it is. */
static bool is_written_as_is(char byte)
{
    return (unsigned char)byte >= 0x20 && byte != '"' && byte != '\\';
}

static void put_string(struct sink *s, struct slice text)
{
    char escaped[ESCAPED_BYTES];
    put(s, "\"", 1);
    for (size_t i = 0, end; i < text.len; i = end) {
        for (end = i; end < text.len && is_written_as_is(text.at[end]); end++) {
        }
        if (end > i) {
            put(s, text.at + i, end - i);
        } else {
            put(s, escaped, escape(text.at[end++], escaped));
        }
    }
    put(s, "\"", 1);
}

static void put_node(struct sink *s, const struct json *node);

static void put_members(struct sink *s, const struct json *node)
{
    bool object = node->type == JSON_OBJECT;
    put(s, object ? "{" : "[", 1);
    for (const struct json *m = node->first; m != NULL; m = m->next) {
        if (m != node->first) {
            put(s, ",", 1);
        }
        if (object) {
            put_string(s, m->key);
            put(s, ":", 1);
        }
        put_node(s, m);
    }
    put(s, object ? "}" : "]", 1);
}

/* Recursion is as deep as the tree, which json_parse bounds. */
static void put_node(struct sink *s, const struct json *node)
{
    switch (node->type) {
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        put(s, json_type_name(node->type), strlen(json_type_name(node->type)));
        break;
    case JSON_NUMBER:
        put(s, node->text.at, node->text.len);
        break;
    case JSON_STRING:
        put_string(s, node->text);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        put_members(s, node);
        break;
    }
}

struct slice json_text(struct arena *a, const struct json *node)
{
    struct sink s = {NULL, 0};
    put_node(&s, node);
    s.at = arena_alloc(a, s.len + 1);
    if (s.at == NULL) {
        return (struct slice){NULL, 0};
    }
    s.len = 0;
    put_node(&s, node);
    s.at[s.len] = '\0';
    return (struct slice){s.at, s.len};
}

void json_print_slice(FILE *f, struct slice text)
{
    char escaped[ESCAPED_BYTES];
    putc('"', f);
    for (size_t i = 0; i < text.len; i++) {
        fwrite(escaped, 1, escape(text.at[i], escaped), f);
    }
    putc('"', f);
}

void json_print_string(FILE *f, const char *text)
{
    json_print_slice(f, slice_of(text));
}
