/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes into documents, cut into pieces: the first byte says how. However they are cut, the same
 * comes of them; none is larger than allowed or has its brackets in disorder; and no byte is in two
 * documents, or in a document and passed over.
 */
#include <stdint.h>
#include <stdlib.h>

#include "common/split.h"

#define MOST_BYTES 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    uint64_t digest, documents, bytes;
};

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void digest_bytes(struct outcome *o, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        o->digest = (o->digest ^ (uint8_t)bytes.at[i]) * 1099511628211u;
    }
}

static void digest_item(struct outcome *o, const struct split_item *item, bool lines)
{
    size_t len = item->bytes.len;
    require(item->number >= o->documents && item->line > 0);
    o->documents = item->number;
    o->bytes += len + item->passed;
    if (len > 0) {
        char first = item->bytes.at[0], last = item->bytes.at[len - 1];
        require(len <= MOST_BYTES);
        require(lines || (first == '{' && last == '}') || (first == '[' && last == ']'));
        digest_bytes(o, item->bytes);
    } else {
        digest_bytes(o, slice_of(item->why));
    }
    const uint64_t numbers[] = {item->line, item->number, item->passed};
    digest_bytes(o, (struct slice){(const char *)numbers, sizeof numbers});
}

static struct outcome split(struct slice file, bool lines, bool whole, size_t step)
{
    struct split *s = split_new(lines, MOST_BYTES);
    if (whole) {
        split_whole(s);
    }
    enum split_event event = SPLIT_MORE;
    struct split_item item;
    struct outcome o = {.digest = 14695981039346656037u};
    size_t at = 0;
    while (event == SPLIT_MORE) {
        size_t n = file.len - at < step ? file.len - at : step;
        struct slice bytes = {file.at + at, n};
        while ((event = split_next(s, &bytes, n == 0, &item)) == SPLIT_ITEM ||
               event == SPLIT_FAULT) {
            digest_item(&o, &item, lines);
        }
        require(bytes.len == 0 && (event == SPLIT_END) == (n == 0));
        at += n;
    }
    require(o.bytes <= file.len);
    split_free(&s);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct slice file = {(const char *)data + 1, size - 1};
    bool lines = data[0] % 2 == 1, whole = data[0] >= 128;
    require(split(file, lines, whole, SIZE_MAX).digest ==
            split(file, lines, whole, 1 + data[0] / 2).digest);
    return 0;
}
