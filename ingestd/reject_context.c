/* SPDX-License-Identifier: Apache-2.0 */
/* What was known beside a body, as text. No I/O. */
#include "ingestd/reject_context.h"

#include "schemas/messages.h"

/* RFC 3986, section 2.3: what stands for itself. */
static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           memchr("-._~", c, 4) != NULL;
}

static char *put(char *to, struct slice s)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        uint8_t byte = (uint8_t)s.at[i];
        if (is_unreserved(s.at[i])) {
            *to++ = s.at[i];
        } else {
            *to++ = '%';
            *to++ = digits[byte >> 4];
            *to++ = digits[byte & 15];
        }
    }
    return to;
}

struct slice reject_context(struct arena *a, const struct format_context *context)
{
    const struct slice none = {"", 0};
    size_t most = 0;
    for (uint32_t i = 0; i < context->count; i++) {
        most += 3 * (context->names[i].len + context->values[i].len) + 2;
    }
    char *text = most == 0 ? NULL : arena_alloc(a, most), *to = text;
    for (uint32_t i = 0; i < context->count && text != NULL; i++) {
        if (i > 0) {
            *to++ = '&';
        }
        to = put(to, context->names[i]);
        *to++ = '=';
        to = put(to, context->values[i]);
    }
    size_t len = text == NULL ? 0 : (size_t)(to - text);
    return len == 0 || len > LIMIT_REJECT_CONTEXT ? none : (struct slice){text, len};
}
