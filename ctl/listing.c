/* SPDX-License-Identifier: Apache-2.0 */
/* Cells out of members. */
#include "ctl/listing.h"

#include <stdio.h>
#include <stdlib.h>

#include "ctl/table.h"

enum { FORM_TABLE, FORM_VERTICAL, FORM_JSON, FORM_CSV, FORMS };

static const char *const forms[] = {"table", "vertical", "json", "csv"};

static int form_of(const char *output)
{
    for (int i = 0; output != NULL && i < FORMS; i++) {
        if (strcmp(output, forms[i]) == 0) {
            return i;
        }
    }
    return output == NULL ? FORM_TABLE : -1;
}

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

/* As RFC 4180 has it. */
static void print_csv_cell(struct slice cell, bool last)
{
    bool quoted = false;
    for (size_t i = 0; i < cell.len; i++) {
        quoted = quoted || strchr(",\"\r\n", cell.at[i]) != NULL;
    }
    if (quoted) {
        putchar('"');
    }
    for (size_t i = 0; i < cell.len; i++) {
        if (cell.at[i] == '"') {
            putchar('"');
        }
        putchar(cell.at[i]);
    }
    fputs(quoted ? "\"" : "", stdout);
    fputs(last ? "\r\n" : ",", stdout);
}

static void print_csv(const char *const *names, uint32_t columns, const struct slice *cells,
                      uint32_t rows)
{
    for (uint32_t c = 0; c < columns; c++) {
        print_csv_cell(slice_of(names[c]), c + 1 == columns);
    }
    for (uint32_t i = 0; i < rows * columns; i++) {
        print_csv_cell(cells[i], (i + 1) % columns == 0);
    }
}

int listing_print(struct arena *a, const char *output, const struct json *list,
                  const char *const *names)
{
    int form = form_of(output);
    uint32_t columns = 0, at = 0;
    if (form == -1) {
        return ctl_usage("--output: expected table, vertical, json or csv, found \"%s\"", output);
    }
    if (form == FORM_JSON) {
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
    if (form == FORM_CSV) {
        print_csv(names, columns, cells, list->count);
    } else {
        (form == FORM_TABLE ? table_print : table_print_vertical)(stdout, names, columns, cells,
                                                                  list->count);
    }
    return CTL_DONE;
}
