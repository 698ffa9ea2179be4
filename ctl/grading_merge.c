/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a grading document, cut between its blocks and put together again. */
#include "ctl/grading_merge.h"

#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 160 /* what is no longer stands on one line */
#define INDENT     2

/* ---- where the blocks stand ---- */

/* Behind the string that begins here. */
static size_t after_string(struct slice text, size_t at)
{
    for (at++; at < text.len && text.at[at] != '"'; at++) {
        at += text.at[at] == '\\';
    }
    return at < text.len ? at + 1 : text.len;
}

/* The next of these bytes from there on that stands in no string; the end when there is none. */
static size_t find(struct slice text, size_t at, const char *bytes)
{
    while (at < text.len && strchr(bytes, text.at[at]) == NULL) {
        at = text.at[at] == '"' ? after_string(text, at) : at + 1;
    }
    return at < text.len ? at : text.len;
}

/* Behind the object that begins here. */
static size_t after_object(struct slice text, size_t at)
{
    int depth = 0;
    do {
        at = find(text, at, "{}");
        depth += at < text.len && text.at[at] == '{' ? 1 : -1;
        at += at < text.len;
    } while (depth > 0 && at < text.len);
    return at;
}

/* The only list of a document that is good, and in it so many objects. NULL: out of memory. */
static struct slice *find_blocks(struct arena *a, struct slice document, uint32_t count,
                                 size_t *begin)
{
    struct slice *blocks = arena_calloc(a, (size_t)count + 1, sizeof *blocks);
    size_t at = find(document, 0, "[") + 1;
    *begin = at;
    for (uint32_t i = 0; blocks != NULL && i < count; i++) {
        size_t start = find(document, at, "{");
        at = after_object(document, start);
        blocks[i] = (struct slice){document.at + start, at - start};
    }
    return blocks;
}

/* ---- new blocks as text ---- */

static void print_node(FILE *out, struct arena *a, const struct json *node, int indent)
{
    const struct json bare = {node->type, node->count, {NULL, 0}, node->text, node->first, NULL};
    bool list = node->type == JSON_ARRAY;
    struct slice line = json_text(a, &bare);
    if (line.len <= LINE_BYTES || (!list && node->type != JSON_OBJECT)) {
        fwrite(line.at, 1, line.len, out);
        return;
    }
    fputs(list ? "[" : "{", out);
    for (const struct json *m = node->first; m != NULL; m = m->next) {
        fprintf(out, "\n%*s", indent + INDENT, "");
        if (!list) {
            json_print_slice(out, m->key);
            fputs(": ", out);
        }
        print_node(out, a, m, indent + INDENT);
        fputs(m->next == NULL ? "" : ",", out);
    }
    fprintf(out, "\n%*s%s", indent, "", list ? "]" : "}");
}

/* .at NULL: out of memory. */
static struct slice block_text(struct arena *a, const struct json *block)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct slice copy = {NULL, 0};
    if (out != NULL) {
        print_node(out, a, block, 2 * INDENT);
        if (fclose(out) == 0) {
            copy = arena_copy(a, (struct slice){text, size});
        }
    }
    free(text);
    return copy;
}

/* ---- together ---- */

int64_t grading_merge_taken(const struct grading *g, struct slice type)
{
    for (uint32_t i = 0; i < g->block_count; i++) {
        if (grading_takes(&g->blocks[i], type) != GRADING_TAKES_NOT) {
            return i;
        }
    }
    return -1;
}

static void put(FILE *out, struct slice block, uint32_t *count)
{
    fprintf(out, "%s\n%*s", *count == 0 ? "" : ",", 2 * INDENT, "");
    fwrite(block.at, 1, block.len, out);
    ++*count;
}

static void put_new(FILE *out, struct grading_merge *m)
{
    for (uint32_t i = 0; i < m->put; i++) {
        put(out, m->put_at[i], &m->blocks);
    }
}

static void write_document(FILE *out, struct grading_merge *m, struct slice document,
                           const struct grading *g, struct slice type, const struct slice *were,
                           size_t begin)
{
    bool done = false;
    fwrite(document.at, 1, begin, out);
    for (uint32_t i = 0; i < g->block_count; i++) {
        enum grading_takes takes = grading_takes(&g->blocks[i], type);
        if (takes != GRADING_TAKES_NOT && !done) {
            put_new(out, m);
            done = true;
        }
        if (takes == GRADING_BY_NAME) {
            m->taken_at[m->taken++] = were[i];
        } else {
            put(out, were[i], &m->blocks);
        }
    }
    if (!done) {
        put_new(out, m);
    }
    size_t last = begin;
    if (g->block_count > 0) {
        const struct slice *block = &were[g->block_count - 1];
        last = (size_t)(block->at + block->len - document.at);
    }
    size_t end = find(document, last, "]");
    fprintf(out, "\n%*s", INDENT, "");
    fwrite(document.at + end, 1, document.len - end, out);
}

struct grading_merge grading_merge_blocks(struct arena *a, struct slice document,
                                          const struct grading *g, struct slice type,
                                          const struct json *blocks)
{
    struct grading_merge m = {.put = 0};
    size_t begin = 0, size = 0;
    char *text = NULL;
    struct slice *were = find_blocks(a, document, g->block_count, &begin);
    m.taken_at = arena_calloc(a, (size_t)g->block_count + 1, sizeof *m.taken_at);
    m.put_at = arena_calloc(a, (size_t)blocks->count + 1, sizeof *m.put_at);
    if (were == NULL || m.taken_at == NULL || m.put_at == NULL) {
        return m;
    }
    for (const struct json *b = blocks->first; b != NULL; b = b->next) {
        m.put_at[m.put] = block_text(a, b);
        if (m.put_at[m.put++].at == NULL) {
            return m;
        }
    }
    FILE *out = open_memstream(&text, &size);
    if (out != NULL) {
        write_document(out, &m, document, g, type, were, begin);
        if (fclose(out) == 0) {
            m.document = arena_copy(a, (struct slice){text, size});
        }
        free(text);
    }
    return m;
}

static void print_lines(FILE *out, char sign, struct slice text)
{
    while (text.len > 0) {
        const char *end = memchr(text.at, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.at);
        fprintf(out, "%c %.*s\n", sign, (int)len, text.at);
        len += end != NULL;
        text = (struct slice){text.at + len, text.len - len};
    }
}

void grading_merge_print(const struct grading_merge *m, FILE *out)
{
    for (uint32_t i = 0; i < m->taken; i++) {
        print_lines(out, '-', m->taken_at[i]);
    }
    for (uint32_t i = 0; i < m->put; i++) {
        print_lines(out, '+', m->put_at[i]);
    }
}
