/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the result that the gateway gives a command: its rows, printed as the command does.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/mplane_client.h"
#include "ctl/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(struct arena *a, const struct mplane_rows *rows)
{
    for (uint32_t row = 0; row < rows->rows; row++) {
        for (uint32_t column = 0; column < rows->columns; column++) {
            (void)mplane_cell(rows, row, rows->names[column]);
        }
    }
    mplane_print_json(a, rows);
    table_print(stdout, rows->names, rows->columns, rows->cells, rows->rows);
    table_print_vertical(stdout, rows->names, rows->columns, rows->cells, rows->rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_limits limits = {32, 100000, 1 << 20, false};
    static FILE *nowhere;
    if (nowhere == NULL) {
        nowhere = freopen("/dev/null", "w", stdout);
    }
    char error[256];
    struct arena *a = arena_new((size_t)64 << 20);
    const struct json *tree = a == NULL ? NULL
                                        : json_parse(a, (struct slice){(const char *)data, size},
                                                     &limits, error, sizeof error);
    const struct mplane_message *result =
        tree == NULL ? NULL : mplane_message_read(a, tree, NULL, error, sizeof error);
    struct mplane_rows rows;
    if (result != NULL && mplane_rows(a, result, &rows) == 0) {
        print(a, &rows);
    }
    arena_free(&a);
    return 0;
}
