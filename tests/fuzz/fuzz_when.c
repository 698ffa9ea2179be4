/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a scope: what is accepted is rendered, and the rendering is read as the same scope
 * and rendered alike; resolving, repeating and comparing it neither fails nor takes long.
 */
#include <stdint.h>
#include <stdlib.h>

#include "common/mplane/when.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct when *w, int64_t now_us)
{
    int64_t start, end, from = now_us;
    bool instant;
    if (when_range(w, now_us, &start, &end, &instant) == 0 && start > end) {
        abort();
    }
    for (int i = 0; i < 3; i++) {
        int64_t us;
        if (when_next(w, now_us, from, &us) == 1) {
            break;
        }
        if (us < from || us > end) {
            abort();
        }
        from = us + 1;
    }
    /* Everything follows itself, unless it asks for what begins before it is over. */
    if (!w->repeat && !when_follows(w, w, now_us) && start <= end) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t now_us = INT64_C(1455796800000000);
    struct slice text = {(const char *)data, size};
    struct when first, second;
    char error[200];
    int64_t us;
    if (when_time_parse(text, &us) == 0) {
        char canonical[WHEN_TEXT];
        int64_t again;
        when_time_text(us, canonical);
        if (when_time_parse(slice_of(canonical), &again) == -1 || again != us) {
            abort();
        }
    }
    if (when_parse(text, &first, error, sizeof error) == -1) {
        return 0;
    }
    struct arena *a = arena_new(1 << 16);
    if (a == NULL) {
        return 0;
    }
    struct slice once = when_text(a, &first);
    if (when_parse(once, &second, error, sizeof error) == -1 ||
        !slice_equal(once, when_text(a, &second))) {
        abort();
    }
    use(&first, now_us);
    use(&first, INT64_MAX);
    use(&first, INT64_MIN + 1);
    arena_free(&a);
    return 0;
}
