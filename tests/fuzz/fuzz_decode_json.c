/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as JSON of a format: all of it and, of each second input, .a and .b[*].c */
#include "decode_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_reach whole = {.whole = true};
static const struct json_reach_member c = {SLICE("c"), &whole, NULL};
static const struct json_reach element = {.members[1] = &c};
static const struct json_reach list = {.any = &element};
static const struct json_reach_member b = {SLICE("b"), &list, NULL};
static const struct json_reach_member a = {SLICE("a"), &whole, &b};
static const struct json_reach some = {.members[1] = &a};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const inputs[] = {
        "{\"decoder\": \"json\"}",
        "{\"decoder\": \"json\", \"nan\": \"null\", \"duplicates\": \"list\"}",
        "{\"decoder\": \"json\", \"nan\": \"null\", \"duplicates\": \"first\"}",
        "{\"decoder\": \"json\", \"duplicates\": \"last\"}"};
    decode_twice(inputs, 4, NULL, true, data, size);
    decode_twice(inputs, 4, &some, true, data, size);
    return 0;
}
