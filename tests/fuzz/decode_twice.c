/* SPDX-License-Identifier: Apache-2.0 */
#include "decode_twice.h"

#include <stdlib.h>

#include "common/pattern.h"

#define MOST_NODES 60
#define MOST_TEXT  40

static const struct decode_limits limits = {
    .json = {.depth = 6, .nodes = MOST_NODES, .string_bytes = MOST_TEXT},
    .document_bytes = 200,
    .line_bytes = 60};

struct decoded_digest {
    uint64_t digest, bytes, number;
};

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void add_bytes(struct decoded_digest *o, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        o->digest = (o->digest ^ (uint8_t)bytes.at[i]) * 1099511628211u;
    }
}

static struct format_input *read_input(const char *text, struct arena *a)
{
    static const struct json_limits of = {.depth = 8, .nodes = 1000, .string_bytes = 1000};
    struct document document = {.name = NULL};
    struct document_place at = document_parse(&document, a, slice_of(text), &of);
    struct format_input *in = format_input_read(&at, a);
    require(in != NULL);
    return in;
}

/* Values in it, all of which are text, and as many as each says. */
static uint32_t check_tree(const struct json *node)
{
    uint32_t nodes = 1, count = 0;
    for (const struct json *m = node->first; m != NULL; m = m->next) {
        require((m->key.at != NULL) == (node->type == JSON_OBJECT));
        nodes += check_tree(m);
        count++;
    }
    require(count == node->count);
    require(node->text.len <= MOST_TEXT);
    require((node->text.at != NULL) == (node->type == JSON_STRING || node->type == JSON_NUMBER));
    return nodes;
}

static void add_item(struct decoded_digest *o, struct arena *a, const struct decode_item *i)
{
    const uint64_t numbers[] = {i->line, i->number, i->passed, i->ignored};
    require(i->line > 0 && i->number >= o->number && i->number <= o->number + 1);
    o->number = i->number;
    o->bytes += i->bytes.len + i->passed;
    add_bytes(o, (struct slice){(const char *)numbers, sizeof numbers});
    add_bytes(o, i->bytes);
    if (i->document == NULL) {
        require(i->why[0] != '\0' && pattern_is_text(slice_of(i->why)));
        add_bytes(o, slice_of(i->why));
    } else {
        /* Lists of keys that stand twice come on top of what is counted. */
        require(check_tree(i->document) <= 2 * MOST_NODES);
        struct slice text = json_text(a, i->document);
        require(pattern_is_text(text));
        add_bytes(o, text);
    }
}

static struct decoded_digest decode(const struct format_input *in, const struct json_reach *reach,
                                    struct slice file, size_t step)
{
    struct decode *d = decode_new(in, reach, &limits);
    struct arena *a = arena_new(1 << 20);
    struct decoded_digest o = {.digest = 14695981039346656037u};
    struct decode_item item;
    enum decode_event event = DECODE_MORE;
    size_t at = 0;
    require(d != NULL && a != NULL);
    while (event == DECODE_MORE) {
        size_t n = file.len - at < step ? file.len - at : step;
        struct slice bytes = {file.at + at, n};
        while ((event = decode_next(d, &bytes, n == 0, a, &item)) == DECODE_DOCUMENT ||
               event == DECODE_FAULT) {
            require((event == DECODE_DOCUMENT) == (item.document != NULL));
            add_item(&o, a, &item);
            arena_reset(a);
        }
        require(bytes.len == 0 && (event == DECODE_END) == (n == 0));
        at += n;
    }
    add_bytes(&o, (struct slice){(const char *)&item.ignored, sizeof item.ignored});
    arena_free(&a);
    decode_free(&d);
    return o;
}

void decode_twice(const char *const *inputs, size_t count, const struct json_reach *reach,
                  bool apart, const uint8_t *data, size_t size)
{
    if (size == 0) {
        return;
    }
    struct slice file = {(const char *)data + 1, size - 1};
    struct arena *a = arena_new(1 << 20);
    require(a != NULL);
    const struct format_input *in = read_input(inputs[data[0] % count], a);
    struct decoded_digest once = decode(in, reach, file, SIZE_MAX);
    require(once.digest == decode(in, reach, file, 1 + data[0] / count).digest);
    require(!apart || once.bytes <= file.len);
    arena_free(&a);
}
