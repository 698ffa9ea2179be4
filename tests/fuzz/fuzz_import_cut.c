/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a file of lines, of mPlane's results or of blocks, given in pieces: the first byte
 * says which, and how large. However they are cut, the same parts come of them, in order; and of
 * lines no byte is missing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/import_cut.h"

#define RULE                                                                                       \
    "\"records\": [{\"type\": \"x\", \"dest\": \"$.a\", \"start\": {\"time\": \"#received\"}, "    \
    "\"metrics\": {}}]}"
#define LINES "{\"input\": {\"decoder\": \"lines\", \"patterns\": [\"{a}\"]}, " RULE
#define BLOCKS                                                                                     \
    "{\"input\": {\"decoder\": \"blocks\", \"begin\": \"b {a}\", \"lines\": [\"{c}\"]}, " RULE

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct cut_outcome {
    uint64_t digest, number, bytes;
};

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void take_part(struct cut_outcome *o, const struct import_cut_part *part)
{
    require(part->number > o->number && part->line > 0);
    o->number = part->number;
    o->bytes += part->bytes.len;
    for (size_t i = 0; i < part->bytes.len; i++) {
        o->digest = (o->digest ^ (uint8_t)part->bytes.at[i]) * 1099511628211u;
    }
    o->digest = (o->digest ^ part->line ^ (part->bytes.len << 32)) * 1099511628211u;
}

static struct cut_outcome cut(const struct format *f, struct slice file, size_t step)
{
    struct import_cut *c = import_cut_new(f);
    struct cut_outcome o = {.digest = 14695981039346656037u};
    enum import_cut_event event = IMPORT_CUT_MORE;
    size_t at = 0;
    require(c != NULL);
    while (event == IMPORT_CUT_MORE) {
        size_t n = file.len - at < step ? file.len - at : step;
        struct slice bytes = {file.at + at, n};
        struct import_cut_part part;
        at += n;
        while ((event = import_cut_next(c, &bytes, n == 0, &part)) == IMPORT_CUT_PART ||
               event == IMPORT_CUT_FAULT) {
            take_part(&o, &part);
        }
    }
    require(event == IMPORT_CUT_END);
    import_cut_free(&c);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const mappings[] = {LINES, NULL, BLOCKS};
    if (size == 0) {
        return 0;
    }
    const char *mapping = mappings[data[0] % 3];
    struct document d = {.name = "mapping"};
    struct format *f = mapping == NULL ? NULL : format_read(&d, slice_of(mapping));
    struct slice file = {(const char *)data + 1, size - 1};
    struct cut_outcome whole = cut(f, file, file.len + 1),
                       some = cut(f, file, data[0] / 3 % 40 + 1);
    require(whole.digest == some.digest && whole.number == some.number);
    if (mapping != NULL && strcmp(mapping, LINES) == 0) {
        bool open = file.len > 0 && file.at[file.len - 1] != '\n';
        require(whole.bytes + whole.number == file.len + open);
    }
    format_free(&f);
    return 0;
}
