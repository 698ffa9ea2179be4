/* SPDX-License-Identifier: Apache-2.0 */
/* How a result is refused: where it stands among those of a message, and why. */
#include "ingestd/result/result_reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/utf8.h"

static void append_places(const struct result_reader *r, char *text, size_t size)
{
    size_t used = 0;
    bool within = r->place != NULL && r->place->depth > 0;
    text[0] = '\0';
    if (r->document > 0) {
        int n = snprintf(text, size, "document %" PRIu64 "%s", r->document, within ? ", " : "");
        used = n > 0 ? (size_t)n : 0;
    }
    if (within) {
        used += mplane_place_text(r->place, text + used, size - used);
    }
    if (used > 0 && used + 3 < size) {
        memcpy(text + used, ": ", 3);
    }
}

/* What was sent may be cut within a character or hold control characters: '?' for such a byte. */
static void disarm(char *text)
{
    const char *end = text + strlen(text);
    while (text < end) {
        size_t length = utf8_character(text, end);
        if (length == 0 || (unsigned char)*text < 0x20 || *text == 0x7f) {
            *text = '?';
            length = 1;
        }
        text += length;
    }
}

int result_refuse(struct result_reader *r, enum result_reason reason, const char *format, ...)
{
    char text[LIMIT_TEXT_BYTES + 1];
    append_places(r, text, LIMIT_TEXT_BYTES / 2);
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, sizeof text - used, format, args);
    va_end(args);
    disarm(text);
    struct refusal *refusal = arena_alloc(r->arena, sizeof *refusal);
    struct slice detail =
        refusal == NULL ? (struct slice){NULL, 0} : arena_copy(r->arena, slice_of(text));
    if (detail.at == NULL) {
        if (r->set->spare.detail != NULL) {
            return -1; /* it says already that there was no room */
        }
        refusal = &r->set->spare;
        reason = RESULT_MEMORY;
        detail.at = RESULT_TAKES_LESS_MEMORY;
    }
    *refusal = (struct refusal){reason, detail.at, NULL};
    *r->refusals_end = refusal;
    r->refusals_end = &refusal->next;
    return -1;
}

int result_refuse_memory(struct result_reader *r)
{
    return result_refuse(r, RESULT_MEMORY, RESULT_TAKES_LESS_MEMORY);
}
