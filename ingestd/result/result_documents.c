/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes into messages. Nearly always they are one JSON object, which is read at once; what is more,
 * or no JSON, goes through the splitter that files go through, so that one at fault costs no other.
 */
#include "ingestd/result/result_reader.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/split.h"

static int refuse_number(struct result_reader *r)
{
    r->document = 0;
    return result_refuse(r, RESULT_ROWS, "expected at most %" PRIu32 " documents, found more",
                         r->limits->rows);
}

static void read_array(struct result_reader *r, const struct json *array)
{
    if (array->count > r->limits->rows) {
        refuse_number(r);
        return;
    }
    if (array->count == 0) {
        result_refuse(r, RESULT_MESSAGE, "expected results, found an empty array");
        return;
    }
    for (const struct json *m = array->first; m != NULL; m = m->next) {
        r->document++;
        result_read_message(r, m);
    }
}

/* A document that cannot be read, and why. */
struct document_fault {
    uint64_t number, line; /* as in split_item; number 0: none */
    char why[256];
};

static void refuse(struct result_reader *r, const struct document_fault *f)
{
    r->document = f->number;
    result_refuse(r, RESULT_JSON, "line %" PRIu64 ": %s", f->line, f->why);
}

/* What came of the bytes next: a message, or NULL and the fault. */
static const struct json *read_document(struct result_reader *r, enum split_event event,
                                        const struct split_item *item, struct document_fault *f)
{
    *f = (struct document_fault){.number = item->number, .line = item->line};
    if (event == SPLIT_ITEM) {
        return json_parse(r->arena, item->bytes, &r->limits->json, f->why, sizeof f->why);
    }
    snprintf(f->why, sizeof f->why, "%s; %" PRIu64 " bytes passed over", item->why, item->passed);
    return NULL;
}

/* Several, or something that is no JSON; `why` is what json_parse() says of all of it, which is
 * said when nothing else is found in it. */
static void read_several(struct result_reader *r, struct split *s, struct slice bytes,
                         const char *why)
{
    struct split_item item;
    struct document_fault f, first = {.number = 0};
    enum split_event event;
    bool begun = false;
    while ((event = split_next(s, &bytes, true, &item)) == SPLIT_ITEM || event == SPLIT_FAULT) {
        if (item.number > r->limits->rows) {
            refuse_number(r);
            return;
        }
        const struct json *message = read_document(r, event, &item, &f);
        if (!begun && message == NULL) {
            first = f;
        } else if (first.number > 0) {
            refuse(r, &first);
            first.number = 0;
        }
        if (message != NULL) {
            r->document = item.number;
            result_read_message(r, message);
        } else if (begun) {
            refuse(r, &f);
        }
        begun = true;
    }
    r->document = 0;
    if (event == SPLIT_NO_MEMORY) {
        result_refuse_memory(r);
    } else if (!begun || first.number > 0) {
        result_refuse(r, RESULT_JSON, "%s", why);
    }
}

void result_read(struct arena *a, struct slice bytes, const struct result_means *means,
                 const struct result_limits *limits, const struct result_origin *origin,
                 struct result_set *set)
{
    struct result_reader r = result_reader_of(a, means, limits, origin, set);
    /* Most have no backslash at all, which is quickly seen. */
    r.nuls = bytes.len > 0 && memchr(bytes.at, '\\', bytes.len) != NULL &&
             memmem(bytes.at, bytes.len, "\\u0000", 6) != NULL;
    char error[256];
    const struct json *message = json_parse(a, bytes, &limits->json, error, sizeof error);
    if (message != NULL && message->type == JSON_ARRAY) {
        read_array(&r, message);
    } else if (message != NULL) {
        result_read_message(&r, message);
    } else {
        struct split *s = split_new(false, bytes.len);
        if (s == NULL) {
            result_refuse_memory(&r);
        } else {
            read_several(&r, s, bytes, error);
        }
        split_free(&s);
    }
}
