/*
 * A file's bytes, cut into pieces: the first byte says how. However they are cut, the same results
 * come of them, and none is larger than allowed.
 */
#include <stdint.h>
#include <stdlib.h>

#include "ingestd/drop_split.h"

#define MOST_BYTES 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A digest of the items, of how it ended and where. */
static uint64_t split(struct slice file, bool lines, size_t step)
{
    struct drop_split *s = drop_split_new(lines, MOST_BYTES);
    enum drop_split_result result = DROP_SPLIT_MORE;
    uint64_t digest = 14695981039346656037u, line = 0;
    size_t at = 0;
    while (result == DROP_SPLIT_MORE) {
        size_t n = file.len - at < step ? file.len - at : step;
        struct slice bytes = {file.at + at, n}, item;
        while ((result = drop_split_next(s, &bytes, n == 0, &item, &line)) == DROP_SPLIT_ITEM) {
            if (item.len == 0 || item.len > MOST_BYTES) {
                abort();
            }
            for (size_t i = 0; i < item.len; i++) {
                digest = (digest ^ (uint8_t)item.at[i]) * 1099511628211u;
            }
            digest = (digest ^ line) * 1099511628211u;
        }
        at += n;
    }
    if (result == DROP_SPLIT_FAULT && drop_split_fault(s, &line) == NULL) {
        abort();
    }
    digest = (digest ^ (uint64_t)result ^ line << 8) * 1099511628211u;
    drop_split_free(&s);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct slice file = {(const char *)data + 1, size - 1};
    bool lines = data[0] % 2 == 1;
    if (split(file, lines, SIZE_MAX) != split(file, lines, 1 + data[0] / 2)) {
        abort();
    }
    return 0;
}
