/* SPDX-License-Identifier: Apache-2.0 */
/* Cells out of members. */
#include "ctl/listing.h"

#include <stdio.h>
#include <stdlib.h>

#include "ctl/table.h"

/* A list's elements, a blank between two. */
static struct slice joined(struct arena *a, const struct json *list)
{
    struct slice all = {"", 0};
    for (const struct json *e = list->first; e != NULL; e = e->next) {
        char *text = arena_printf(a, "%.*s%s%.*s", (int)all.len, all.at, all.len > 0 ? " " : "",
                                  (int)e->text.len, e->text.at == NULL ? "" : e->text.at);
        if (text == NULL) {
            return (struct slice){NULL, 0};
        }
        all = slice_of(text);
    }
    return all;
}

static struct slice cell_of(struct arena *a, const struct json *node)
{
    if (node == NULL || node->type == JSON_NULL) {
        return (struct slice){NULL, 0};
    }
    return node->type == JSON_ARRAY    ? joined(a, node)
           : node->type == JSON_OBJECT ? json_text(a, node)
                                       : node->text;
}

static void print_json(struct arena *a, const struct json *list)
{
    for (const struct json *row = list->first; row != NULL; row = row->next) {
        struct slice text = json_text(a, row);
        printf("%.*s\n", (int)text.len, text.at == NULL ? "" : text.at);
    }
}

int listing_print(struct arena *a, const char *output, const struct json *list,
                  const char *const *names)
{
    int form = output == NULL ? TABLE_ALIGNED : table_form(output);
    uint32_t columns = 0, at = 0;
    if (form == -1) {
        return CTL_USAGE;
    }
    if (form == TABLE_JSON) {
        print_json(a, list);
        return CTL_DONE;
    }
    while (names[columns] != NULL) {
        columns++;
    }
    struct slice *cells = arena_calloc(a, (size_t)list->count * columns + 1, sizeof *cells);
    if (cells == NULL) {
        return ctl_failed("out of memory");
    }
    for (const struct json *row = list->first; row != NULL; row = row->next) {
        for (uint32_t c = 0; c < columns; c++) {
            cells[at++] = cell_of(a, json_get(row, names[c]));
        }
    }
    table_print_form(stdout, form, names, columns, cells, list->count);
    return CTL_DONE;
}
