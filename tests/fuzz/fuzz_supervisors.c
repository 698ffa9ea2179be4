/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Up to the first NUL byte the option `supervisors`, behind it the link of a specification: where
 * its answer goes is the supervisor itself or a host that it names.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mplane-gw/supervisors/supervisor_settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fault(void *context, const char *fault)
{
    (void)context;
    if (strncmp(fault, "mplane-gw.supervisors", 21) != 0 || strlen(fault) >= DOCUMENT_FAULT_BYTES) {
        abort();
    }
}

static void follow(const struct supervisor_settings *s, struct slice link)
{
    char url[SUPERVISOR_URL_BYTES];
    enum supervisor_link where = supervisor_result_url(s, link, url);
    if (where == SUPERVISOR_LINK_REFUSED && strcmp(url, s->result_url) != 0) {
        abort();
    }
    if (strncmp(url, "https://", 8) != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_limits limits = {16, 10000, 65536, true};
    static const struct supervisor_files files = {"c", "k", "a", ""};
    char error[512];
    const uint8_t *end = size == 0 ? NULL : memchr(data, 0, size);
    size_t head = end == NULL ? size : (size_t)(end - data);
    struct slice link = {(const char *)data + head + 1, end == NULL ? 0 : size - head - 1};
    struct arena *a = arena_new(16 << 20);
    const struct json *list =
        a == NULL || size > 65536
            ? NULL
            : json_parse(a, (struct slice){(const char *)data, head}, &limits, error, sizeof error);
    if (list != NULL && list->type == JSON_ARRAY) {
        struct document d = {.tell = check_fault};
        struct supervisors_settings *s = supervisors_settings_read(&d, list, &files);
        if ((s == NULL) != (d.faults > 0)) {
            abort();
        }
        for (size_t i = 0; s != NULL && i < s->count; i++) {
            follow(&s->supervisor[i], end == NULL ? (struct slice){NULL, 0} : link);
        }
        supervisors_settings_free(&s);
    }
    arena_free(&a);
    return 0;
}
