/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What arrives at the query engine's socket: bytes, a query message, its criteria, its statement. A
 * statement must use exactly the parameters it has and hold nothing that was not in the program.
 */
#include <stdint.h>
#include <stdlib.h>

#include "common/message.h"
#include "queryd/criteria.h"

static void check_statement(const struct criteria *c)
{
    bool used[CRITERIA_PARAMETERS + 1] = {false};
    for (const char *at = c->sql; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || (unsigned char)*at > '~') {
            abort();
        }
        if (*at == '$') {
            long n = strtol(at + 1, NULL, 10);
            if (n < 1 || n > c->parameter_count) {
                abort();
            }
            used[n] = true;
        }
    }
    for (int i = 1; i <= c->parameter_count; i++) {
        if (!used[i] || c->parameters[i - 1] == NULL) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = {(const char *)data, size};
    struct arena *a = arena_new(1 << 20);
    if (a == NULL) {
        return 0;
    }
    struct query_message q;
    struct cancel_message cancel;
    struct criteria c;
    char error[CRITERIA_ERROR];
    switch (message_number(bytes)) {
    case MESSAGE_query:
        if (query_decode_all(bytes, a, &q) == 0) {
            int built = criteria_build(a, &q, 100, 10000, &c, error);
            if (built == 0) {
                check_statement(&c);
            } else if (built == -2 || error[0] == '\0') {
                abort(); /* a mebibyte is enough for any question; a refusal says why */
            }
        }
        break;
    case MESSAGE_cancel:
        cancel_decode_all(bytes, a, &cancel);
        break;
    default:
        break;
    }
    arena_free(&a);
    return 0;
}
