/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what an outsider calls itself, in a line of the log: between its quotes there is no
 * bare quote and no control character, and a line of the audit log has as many fields as were
 * added.
 */
#include <stdint.h>
#include <stdlib.h>

#include "common/door/audit_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    char room[QUOTE_ROOM];
    const char *quoted = quote(text, room);
    size_t len = strlen(quoted);
    if (len < 2 || len >= QUOTE_ROOM || quoted[0] != '"' || quoted[len - 1] != '"') {
        abort();
    }
    for (size_t i = 1; i < len - 1; i++) {
        if ((unsigned char)quoted[i] < 0x20 || quoted[i] == 0x7f || quoted[i] == '"') {
            abort();
        }
        i += quoted[i] == '\\';
        if (i >= len - 1) {
            abort(); /* the last quote is an escaped one */
        }
    }
    struct audit_line line = {.used = 0};
    audit_line_add(&line, "a", text);
    audit_line_add(&line, "b", slice_of("end"));
    if (strlen(line.text) != line.used || strcmp(line.text + line.used - 7, "b=\"end\"") != 0) {
        abort();
    }
    return 0;
}
