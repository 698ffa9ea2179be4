/* SPDX-License-Identifier: Apache-2.0 */
/* Lines are cut here, JSON by common/split.h; blocks and texts of Prometheus by their decoder. */
#include "ctl/import_cut.h"

#include <stdlib.h>
#include <string.h>

#include "common/formats/decode.h"
#include "common/formats/mapping.h"
#include "common/split.h"
#include "schemas/messages.h"

#define ARENA_BYTES ((size_t)256 << 20)
#define PART_BYTES  (LIMIT_BODY_BYTES - 1) /* with an end of line behind it, it is a body */

struct import_cut {
    bool lines;
    struct split *split;   /* of JSON; else NULL */
    struct decode *decode; /* of what has no simple ends; else NULL */
    struct arena *arena;   /* its */
    char *line;            /* the beginning of one */
    size_t len, size;
    bool too_long;
    uint64_t number;
    union {
        struct split_item split;
        struct decode_item decode;
    } item; /* whose texts are told */
};

static struct decode *decode_of(const struct format_mapping *m)
{
    static const struct decode_limits limits = {
        .json = {.depth = 64, .nodes = 10000000, .string_bytes = 65507},
        .document_bytes = PART_BYTES,
        .line_bytes = 65507};
    return decode_new(m->input, NULL, &limits);
}

struct import_cut *import_cut_new(const struct format *f)
{
    struct import_cut *c = calloc(1, sizeof *c);
    const struct format_mapping *m = f == NULL ? NULL : format_mapping_of(f);
    enum format_decoder decoder = m == NULL ? FORMAT_JSON : m->input->decoder;
    if (c == NULL) {
        return NULL;
    }
    c->lines = decoder == FORMAT_LINES || decoder == FORMAT_INFLUX;
    if (decoder == FORMAT_JSON) {
        c->split = split_new(false, PART_BYTES);
        if (f != NULL && c->split != NULL) {
            split_whole(c->split);
        }
    } else if (!c->lines) {
        c->arena = arena_new(ARENA_BYTES);
        c->decode = decode_of(m);
    }
    if (!c->lines && c->split == NULL && (c->decode == NULL || c->arena == NULL)) {
        import_cut_free(&c);
    }
    return c;
}

void import_cut_free(struct import_cut **c)
{
    if (*c != NULL) {
        split_free(&(*c)->split);
        if ((*c)->decode != NULL) {
            decode_free(&(*c)->decode);
        }
        arena_free(&(*c)->arena);
        free((*c)->line);
        free(*c);
        *c = NULL;
    }
}

/* ---- lines ---- */

/* Bytes behind what is there of the line; one that is too long is not kept. -1: memory. */
static int keep(struct import_cut *c, const char *at, size_t len)
{
    c->too_long = c->too_long || c->len + len > PART_BYTES;
    if (c->too_long || len == 0) {
        return 0;
    }
    if (c->size - c->len < len) {
        size_t size = 2 * (c->len + len);
        char *line = realloc(c->line, size);
        if (line == NULL) {
            return -1;
        }
        c->line = line;
        c->size = size;
    }
    memcpy(c->line + c->len, at, len);
    c->len += len;
    return 0;
}

static enum import_cut_event end_line(struct import_cut *c, struct slice line,
                                      struct import_cut_part *part)
{
    bool fault = c->too_long;
    c->number++;
    *part = (struct import_cut_part){line, c->number, c->number, NULL};
    if (fault) {
        part->bytes = (struct slice){"", 0};
        part->why = "expected a line of at most ingestd.body_bytes, and less than 16 MiB";
    }
    c->too_long = false;
    c->len = 0;
    return fault ? IMPORT_CUT_FAULT : IMPORT_CUT_PART;
}

static enum import_cut_event next_line(struct import_cut *c, struct slice *bytes, bool last,
                                       struct import_cut_part *part)
{
    const char *end = bytes->len == 0 ? NULL : memchr(bytes->at, '\n', bytes->len);
    size_t len = end == NULL ? bytes->len : (size_t)(end - bytes->at);
    struct slice line = {bytes->at, len};
    if ((end == NULL || c->len > 0 || c->too_long) && len > 0) {
        if (keep(c, bytes->at, len) == -1) {
            return IMPORT_CUT_NO_MEMORY;
        }
    }
    *bytes = (struct slice){bytes->at + len + (end != NULL), bytes->len - len - (end != NULL)};
    if (end == NULL && (!last || (c->len == 0 && !c->too_long))) {
        return last ? IMPORT_CUT_END : IMPORT_CUT_MORE;
    }
    if (c->len > 0) {
        line = (struct slice){c->line, c->len};
    }
    return end_line(c, line, part);
}

/* ---- the others ---- */

static enum import_cut_event next_item(struct import_cut *c, struct slice *bytes, bool last,
                                       struct import_cut_part *part)
{
    struct split_item *item = &c->item.split;
    enum split_event event = split_next(c->split, bytes, last, item);
    switch (event) {
    case SPLIT_MORE:
        return IMPORT_CUT_MORE;
    case SPLIT_ITEM:
    case SPLIT_FAULT:
        *part = (struct import_cut_part){item->bytes, item->number, item->line, item->why};
        return event == SPLIT_ITEM ? IMPORT_CUT_PART : IMPORT_CUT_FAULT;
    case SPLIT_END:
        return IMPORT_CUT_END;
    case SPLIT_NO_MEMORY:
        break;
    }
    return IMPORT_CUT_NO_MEMORY;
}

/* Where there are bytes the set is to refuse what is none, so that it is kept there. A line at
 * fault in a block has the number of that, so they are counted here. */
static enum import_cut_event next_document(struct import_cut *c, struct slice *bytes, bool last,
                                           struct import_cut_part *part)
{
    struct decode_item *item = &c->item.decode;
    arena_reset(c->arena);
    switch (decode_next(c->decode, bytes, last, c->arena, item)) {
    case DECODE_MORE:
        return IMPORT_CUT_MORE;
    case DECODE_DOCUMENT:
    case DECODE_FAULT:
        *part = (struct import_cut_part){item->bytes, ++c->number, item->line, item->why};
        return item->bytes.len > 0 ? IMPORT_CUT_PART : IMPORT_CUT_FAULT;
    case DECODE_END:
        return IMPORT_CUT_END;
    case DECODE_NO_MEMORY:
        break;
    }
    return IMPORT_CUT_NO_MEMORY;
}

enum import_cut_event import_cut_next(struct import_cut *c, struct slice *bytes, bool last,
                                      struct import_cut_part *part)
{
    return c->lines           ? next_line(c, bytes, last, part)
           : c->split != NULL ? next_item(c, bytes, last, part)
                              : next_document(c, bytes, last, part);
}
