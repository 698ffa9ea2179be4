/* SPDX-License-Identifier: Apache-2.0 */
/* The wrapping of a report, taken off; the numbers of its tasks. */
#include "ingest-gw/glimpse_report.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "common/http/inflate.h"
#include "common/json.h"
#include "common/number.h"

#define WRAPPED_NODES 16
#define REPORT_NODES  1000000
#define REPORT_DEPTH  32
#define STRING_BYTES  ((uint32_t)1 << 20)
#define TASK_TEXT     24

static const char *const no_memory = "out of memory";

/* Base64 with its padding, as bytes in the arena. NULL, or what is wrong. */
static const char *read_base64(struct arena *a, struct slice text, struct slice *bytes)
{
    unsigned char *to = text.len > INT_MAX ? NULL : arena_alloc(a, text.len + 4);
    if (to == NULL) {
        return no_memory;
    }
    int n = EVP_DecodeBlock(to, (const unsigned char *)text.at, (int)text.len);
    size_t padding = 0;
    while (padding < 2 && padding < text.len && text.at[text.len - 1 - padding] == '=') {
        padding++;
    }
    if (n < 0 || (size_t)n < padding || text.len % 4 != 0) {
        return "data: expected base64";
    }
    *bytes = (struct slice){(const char *)to, (size_t)n - padding};
    return NULL;
}

/* The text of "data" in the body; .at NULL: there is none. */
static struct slice wrapped(struct arena *a, struct slice body)
{
    const struct json_limits limits = {
        .depth = 2, .nodes = WRAPPED_NODES, .string_bytes = (uint32_t)body.len + 1};
    char error[128];
    const struct json *object = json_parse(a, body, &limits, error, sizeof error);
    const struct json *data =
        object == NULL || object->type != JSON_OBJECT ? NULL : json_get(object, "data");
    return data == NULL || data->type != JSON_STRING ? (struct slice){NULL, 0} : data->text;
}

/* {"tasks": [...]} of these reports; without bytes: memory is out. */
static struct slice taken_text(struct arena *a, const struct json *reports)
{
    char *text = arena_alloc(a, (size_t)reports->count * TASK_TEXT + 32);
    size_t used = 0;
    if (text == NULL) {
        return (struct slice){NULL, 0};
    }
    used += (size_t)snprintf(text, 32, "{\"tasks\": [");
    for (const struct json *r = reports->first; r != NULL; r = r->next) {
        const struct json *id = r->type == JSON_OBJECT ? json_get(r, "task_id") : NULL;
        int64_t number;
        if (id != NULL && id->type == JSON_NUMBER &&
            number_integer(id->text, INT32_MIN, INT32_MAX, &number) == 0) {
            used += (size_t)snprintf(text + used, TASK_TEXT, "%s%lld",
                                     text[used - 1] == '[' ? "" : ", ", (long long)number);
        }
    }
    used += (size_t)snprintf(text + used, TASK_TEXT, "]}\n");
    return (struct slice){text, used};
}

const char *glimpse_report_read(struct arena *a, struct slice body, size_t max_bytes,
                                struct slice *text, struct slice *taken)
{
    const struct json_limits limits = {
        .depth = REPORT_DEPTH, .nodes = REPORT_NODES, .string_bytes = STRING_BYTES};
    char error[128];
    struct slice bytes, data = wrapped(a, body);
    if (data.at == NULL) {
        return "expected {\"data\": TEXT}";
    }
    const char *why = read_base64(a, data, &bytes);
    if (why != NULL) {
        return why;
    }
    enum inflated result = inflate_zlib(a, bytes, max_bytes, text);
    if (result != INFLATED) {
        return result == INFLATED_NO_MEMORY   ? no_memory
               : result == INFLATED_TOO_LARGE ? "data: too large when inflated"
                                              : "data: expected what zlib makes";
    }
    const struct json *report = json_parse(a, *text, &limits, error, sizeof error);
    const struct json *reports =
        report == NULL || report->type != JSON_OBJECT ? NULL : json_get(report, "reports");
    if (reports == NULL || reports->type != JSON_ARRAY || reports->count > GLIMPSE_TASKS) {
        return "data: expected {\"device_id\": ..., \"reports\": [...]}";
    }
    *taken = taken_text(a, reports);
    return taken->at == NULL ? no_memory : NULL;
}
