/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of counters, printed. */
#include "common/counter.h"

#include <ctype.h>

#include "common/json.h"

const char *counter_metric(const char *process, const struct counter_row *row,
                           char metric[COUNTER_METRIC_BYTES])
{
    snprintf(metric, COUNTER_METRIC_BYTES, "ezrepo_%s_%s%s", process, row->name,
             row->kind == COUNTER_GROWS ? "_total" : "");
    for (char *c = metric; *c != '\0'; c++) {
        *c = isalnum((unsigned char)*c) ? *c : '_';
    }
    return metric;
}

/* Behind what stands before the key: the brace, or a comma. */
static void print_member(FILE *f, const char *before, const char *key, const char *text)
{
    fprintf(f, "%s\"%s\": ", before, key);
    json_print_string(f, text);
}

void counter_print(FILE *f, const char *process, const struct counter_row *row)
{
    char metric[COUNTER_METRIC_BYTES];
    print_member(f, "{", "name", row->name);
    print_member(f, ", ", "kind", row->kind == COUNTER_GAUGE ? "gauge" : "counter");
    print_member(f, ", ", "unit", row->unit);
    print_member(f, ", ", "metric", counter_metric(process, row, metric));
    print_member(f, ", ", "help", row->help);
    fputs("}\n", f);
}

void counter_print_gauges(FILE *f, const struct counter_row *rows, size_t count)
{
    const char *before = "[";
    for (size_t i = 0; i < count; i++) {
        if (rows[i].kind == COUNTER_GAUGE) {
            fputs(before, f);
            json_print_string(f, rows[i].name);
            before = ", ";
        }
    }
    fputs(before[0] == '[' ? "[]" : "]", f);
}
