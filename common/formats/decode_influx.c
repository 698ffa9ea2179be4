/* SPDX-License-Identifier: Apache-2.0 */
/* InfluxDB's line protocol: each line a document. A text in quotes ends in its line. */
#include "common/formats/decode_parts.h"

/* A line that is read into a tree. */
struct influx_reader {
    struct decode_tree tree;
    struct slice rest;
    const char *expected; /* NULL so far; then at the rest */
};

static const struct slice no_key = {NULL, 0};

/* ---- parts of a line ---- */

static bool begins(const struct influx_reader *r, char c)
{
    return r->rest.len > 0 && r->rest.at[0] == c;
}

static struct slice take(struct influx_reader *r, size_t n)
{
    struct slice taken = {r->rest.at, n};
    r->rest = (struct slice){r->rest.at + n, r->rest.len - n};
    return taken;
}

static bool take_byte(struct influx_reader *r, char c)
{
    bool is = begins(r, c);
    take(r, is);
    return is;
}

static bool take_blanks(struct influx_reader *r)
{
    size_t before = r->rest.len;
    while (take_byte(r, ' ')) {
    }
    return r->rest.len < before;
}

static bool can_be_escaped(char c)
{
    return c == ',' || c == '=' || c == ' ';
}

/* Up to a comma, a blank or (`key`) an equals sign that has no backslash before it. */
static struct slice take_token(struct influx_reader *r, bool key)
{
    size_t n = 0;
    while (n < r->rest.len) {
        char c = r->rest.at[n];
        if (c == '\\' && n + 1 < r->rest.len && can_be_escaped(r->rest.at[n + 1])) {
            n++;
        } else if (c == ',' || c == ' ' || (key && c == '=')) {
            break;
        }
        n++;
    }
    return take(r, n);
}

static void expect(struct influx_reader *r, const char *expected)
{
    if (r->expected == NULL && r->tree.fault == NULL) {
        r->expected = expected;
    }
}

static bool goes_on(const struct influx_reader *r)
{
    return r->expected == NULL && r->tree.fault == NULL;
}

/* A copy, without the backslashes before what can be escaped: `quoted` says where. */
static struct slice unescape(struct influx_reader *r, struct slice text, bool quoted)
{
    char *copy = decode_tree_room(&r->tree, text.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.len && copy != NULL; i++) {
        if (text.at[i] == '\\' && i + 1 < text.len) {
            char next = text.at[i + 1];
            i += quoted ? next == '"' || next == '\\' : can_be_escaped(next);
        }
        copy[n++] = text.at[i];
    }
    return (struct slice){copy, n};
}

/* ---- members ---- */

/* "key=", the key of which the object does not have yet; .at NULL after a fault. */
static struct slice read_key(struct influx_reader *r, const struct decode_branch *object,
                             const char *what)
{
    struct slice before = r->rest;
    struct slice raw = take_token(r, true);
    if (raw.len == 0 || !begins(r, '=')) {
        r->rest = raw.len == 0 ? before : r->rest;
        expect(r, raw.len == 0 ? what : "=");
        return no_key;
    }
    struct slice key = unescape(r, raw, false);
    for (const struct json *m = object->node->first; m != NULL && key.at != NULL; m = m->next) {
        if (slice_equal(m->key, key)) {
            r->rest = before;
            expect(r, "a key that does not stand twice");
            return no_key;
        }
    }
    take(r, 1);
    return key;
}

static void read_tags(struct influx_reader *r, struct decode_branch *tags)
{
    while (goes_on(r) && take_byte(r, ',')) {
        struct slice key = read_key(r, tags, "a tag's key");
        struct slice value = goes_on(r) ? take_token(r, false) : no_key;
        if (value.len == 0) {
            expect(r, "a tag's value");
        } else {
            decode_tree_leaf(&r->tree, tags, key, JSON_STRING, unescape(r, value, false));
        }
    }
}

/* Behind its opening quote. */
static void read_quoted(struct influx_reader *r, struct decode_branch *fields, struct slice key)
{
    size_t n = 0;
    while (n < r->rest.len && r->rest.at[n] != '"') {
        n += r->rest.at[n] == '\\' ? 2 : 1;
    }
    if (n >= r->rest.len) {
        expect(r, "a text that ends with a quote in its line");
        return;
    }
    struct slice text = take(r, n);
    take(r, 1);
    decode_tree_leaf(&r->tree, fields, key, JSON_STRING, unescape(r, text, true));
}

static bool is_boolean(struct slice text)
{
    static const char *const words[] = {"t", "T", "true",  "True",  "TRUE",
                                        "f", "F", "false", "False", "FALSE"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (slice_is(text, words[i])) {
            return true;
        }
    }
    return false;
}

/* A number, without what says of which type it is; .at NULL when it is none. */
static struct slice number_of(struct slice text)
{
    struct number number;
    char type = text.len > 0 ? text.at[text.len - 1] : '\0';
    bool typed = type == 'i' || type == 'u';
    text.len -= typed;
    bool good =
        number_parse(text, &number) == 0 && (!typed || (memchr(text.at, '.', text.len) == NULL &&
                                                        memchr(text.at, 'e', text.len) == NULL &&
                                                        memchr(text.at, 'E', text.len) == NULL));
    return good ? text : no_key;
}

static void read_value(struct influx_reader *r, struct decode_branch *fields, struct slice key)
{
    if (take_byte(r, '"')) {
        read_quoted(r, fields, key);
        return;
    }
    struct slice before = r->rest;
    struct slice text = take_token(r, false);
    struct slice number = number_of(text);
    if (number.at != NULL) {
        decode_tree_leaf(&r->tree, fields, key, JSON_NUMBER, decode_tree_copy(&r->tree, number));
    } else if (is_boolean(text)) {
        decode_tree_leaf(&r->tree, fields, key, JSON_STRING, decode_tree_copy(&r->tree, text));
    } else {
        r->rest = before;
        expect(r, "a field's value: a number, a boolean or a text in quotes");
    }
}

static void read_fields(struct influx_reader *r, struct decode_branch *fields)
{
    do {
        struct slice key = read_key(r, fields, "a field's key");
        if (goes_on(r)) {
            read_value(r, fields, key);
        }
    } while (goes_on(r) && take_byte(r, ','));
}

static void read_timestamp(struct influx_reader *r, struct decode_branch *whole)
{
    static const struct slice timestamp = SLICE("timestamp");
    int64_t ns;
    if (r->rest.len > 0 && !take_blanks(r)) {
        expect(r, "a comma or a blank behind a field");
    }
    if (r->rest.len == 0 || !goes_on(r)) {
        return;
    }
    struct slice before = r->rest;
    struct slice text = take_token(r, false);
    take_blanks(r);
    if (r->rest.len > 0 || number_integer(text, INT64_MIN, INT64_MAX, &ns) == -1) {
        r->rest = before;
        expect(r, "a whole number for the time, and the end of the line");
        return;
    }
    decode_tree_leaf(&r->tree, whole, timestamp, JSON_NUMBER, decode_tree_copy(&r->tree, text));
}

static struct json *read_line(struct influx_reader *r)
{
    static const struct slice name = SLICE("name"), tags = SLICE("tags"), fields = SLICE("fields");
    struct decode_branch whole = decode_tree_branch(&r->tree, NULL, no_key, JSON_OBJECT);
    struct slice measurement = take_token(r, false);
    if (measurement.len == 0) {
        expect(r, "a measurement's name");
    }
    decode_tree_leaf(&r->tree, &whole, name, JSON_STRING, unescape(r, measurement, false));
    struct decode_branch object = decode_tree_branch(&r->tree, &whole, tags, JSON_OBJECT);
    read_tags(r, &object);
    if (goes_on(r) && !take_blanks(r)) {
        expect(r, "a blank and fields");
    }
    object = decode_tree_branch(&r->tree, &whole, fields, JSON_OBJECT);
    if (goes_on(r)) {
        read_fields(r, &object);
    }
    if (goes_on(r)) {
        read_timestamp(r, &whole);
    }
    return whole.node;
}

/* ---- lines into documents ---- */

static enum decode_event take_line(struct decode *d, struct slice line, struct arena *a,
                                   struct decode_item *item)
{
    struct influx_reader r = {.tree = decode_tree_begin(d, a), .rest = line};
    if (decode_is_blank(line)) {
        return DECODE_MORE;
    }
    take_blanks(&r);
    if (begins(&r, '#')) {
        return DECODE_MORE;
    }
    d->number++;
    const struct json *document = read_line(&r);
    if (r.expected != NULL) {
        return decode_fault(d, d->window.line, line, item, "expected %s at byte %zu", r.expected,
                            line.len - r.rest.len);
    }
    return decode_give(d, &r.tree, document, d->window.line, line, item);
}

const struct line_decoder decoder_of_influx = {.take = take_line};
