/* Splitting by brackets and quotes, or by lines. Holds one item. */
#include "ingestd/drop_split.h"

#include <stdlib.h>

enum shape { UNKNOWN, LINES, ARRAY, VALUES };

struct drop_split {
    enum shape shape;
    size_t max_bytes;
    char *item;
    size_t size, used; /* room for the item, bytes in it */
    uint64_t line, item_line;
    int64_t depth; /* of brackets, within the item */
    bool string, escaped;
    bool element; /* ARRAY: one stands before */
    bool comma;   /* ARRAY: one must follow */
    bool closed;  /* ARRAY: after its end */
    bool given;   /* the item was handed out by the call before */
    const char *fault;
};

struct drop_split *drop_split_new(bool lines, size_t max_bytes)
{
    struct drop_split *s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->shape = lines ? LINES : UNKNOWN;
        s->max_bytes = max_bytes;
        s->line = 1;
    }
    return s;
}

void drop_split_free(struct drop_split **s)
{
    if (*s != NULL) {
        free((*s)->item);
        free(*s);
        *s = NULL;
    }
}

const char *drop_split_fault(const struct drop_split *s, uint64_t *line)
{
    *line = s->used > 0 ? s->item_line : s->line;
    return s->fault;
}

static enum drop_split_result fail(struct drop_split *s, const char *fault)
{
    s->fault = fault;
    return DROP_SPLIT_FAULT;
}

/* 0, or -1 and a fault. */
static int add(struct drop_split *s, char c)
{
    if (s->used == 0) {
        s->item_line = s->line;
    }
    if (s->used == s->max_bytes) {
        s->fault = "expected smaller results";
        return -1;
    }
    if (s->used == s->size) {
        size_t larger = s->size == 0 ? 4096 : 2 * s->size;
        larger = larger < s->max_bytes ? larger : s->max_bytes;
        char *grown = realloc(s->item, larger);
        if (grown == NULL) {
            s->fault = "out of memory";
            return -1;
        }
        s->item = grown;
        s->size = larger;
    }
    s->item[s->used++] = c;
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Whether the item ends before this byte, or with it: brackets are counted outside strings. */
static bool closes(struct drop_split *s, char c)
{
    if (s->string) {
        s->string = s->escaped || c != '"';
        s->escaped = !s->escaped && c == '\\';
        return false;
    }
    s->string = c == '"';
    if (c == '{' || c == '[') {
        s->depth++;
    } else if (c == '}' || c == ']') {
        return --s->depth == 0;
    }
    return false;
}

enum step { GO_ON, COMPLETE, WRONG };

static enum step take_line(struct drop_split *s, char c)
{
    if (c == '\n') {
        return s->used > 0 ? COMPLETE : GO_ON;
    }
    return s->used == 0 && is_blank(c) ? GO_ON : add(s, c) == 0 ? GO_ON : WRONG;
}

static enum step take_value(struct drop_split *s, char c)
{
    if (s->used == 0 && is_blank(c)) {
        return GO_ON;
    }
    if (s->used == 0 && c != '{' && c != '[') {
        s->fault = "expected \"{\" where a result begins";
        return WRONG;
    }
    if (add(s, c) == -1) {
        return WRONG;
    }
    return closes(s, c) ? COMPLETE : GO_ON;
}

/* Between elements; inside them as take_value(). */
static enum step take_element(struct drop_split *s, char c)
{
    if (s->used > 0 || is_blank(c)) {
        return take_value(s, c);
    }
    if (s->closed) {
        s->fault = "expected nothing after the end of the array";
        return WRONG;
    }
    if (c == ']' && !s->comma) {
        s->closed = true;
        return GO_ON;
    }
    if (s->element != (c == ',')) {
        s->fault = "expected one comma between the results of the array";
        return WRONG;
    }
    if (c == ',') {
        s->element = false;
        s->comma = true;
        return GO_ON;
    }
    s->comma = false;
    return take_value(s, c);
}

static enum step take(struct drop_split *s, char c)
{
    if (s->shape == UNKNOWN && !is_blank(c)) {
        s->shape = c == '[' ? ARRAY : VALUES;
        if (c == '[') {
            return GO_ON;
        }
    }
    switch (s->shape) {
    case LINES:
        return take_line(s, c);
    case ARRAY:
        return take_element(s, c);
    case VALUES:
        return take_value(s, c);
    case UNKNOWN:
    default:
        return GO_ON;
    }
}

static enum drop_split_result finish(struct drop_split *s)
{
    if (s->shape == LINES && s->used > 0) {
        return DROP_SPLIT_ITEM;
    }
    if (s->used > 0) {
        return fail(s, "the file ends within a result");
    }
    return s->shape == ARRAY && !s->closed ? fail(s, "the file ends within the array")
                                           : DROP_SPLIT_END;
}

static enum drop_split_result give(struct drop_split *s, struct slice *item, uint64_t *line)
{
    s->given = s->element = true;
    *item = (struct slice){s->item, s->used};
    *line = s->item_line;
    return DROP_SPLIT_ITEM;
}

enum drop_split_result drop_split_next(struct drop_split *s, struct slice *bytes, bool last,
                                       struct slice *item, uint64_t *line)
{
    if (s->fault != NULL) {
        return DROP_SPLIT_FAULT;
    }
    if (s->given) {
        s->given = false;
        s->used = 0;
    }
    while (bytes->len > 0) {
        char c = *bytes->at++;
        bytes->len--;
        enum step step = take(s, c);
        if (step == WRONG) {
            return DROP_SPLIT_FAULT;
        }
        s->line += c == '\n';
        if (step == COMPLETE) {
            return give(s, item, line);
        }
    }
    if (!last) {
        return DROP_SPLIT_MORE;
    }
    enum drop_split_result result = finish(s);
    return result == DROP_SPLIT_ITEM ? give(s, item, line) : result;
}
