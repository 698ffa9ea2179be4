/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned tables of texts that outsiders wrote: nothing in them reaches the terminal but text. */
#include "ctl/table.h"

#include <stdbool.h>
#include <string.h>

#include "common/utf8.h"
#include "ctl/ctl.h"

#define COLUMNS 64

/* Whether it begins with a character that is shown; *length: of it, or 1. */
static bool harmless(struct slice s, size_t *length)
{
    size_t found = utf8_character(s.at, s.at + s.len);
    *length = found == 0 ? 1 : found;
    return found != 0 && utf8_is_shown(utf8_code(s.at, found));
}

/* Writes the text unless f is NULL; how many places it takes. */
static size_t write_safe(FILE *f, struct slice text)
{
    size_t places = 0, length;
    while (text.len > 0) {
        if (harmless(text, &length)) {
            places++;
            if (f != NULL) {
                fwrite(text.at, 1, length, f);
            }
        } else {
            places += 4 * length;
            for (size_t i = 0; f != NULL && i < length; i++) {
                fprintf(f, "\\x%02x", (unsigned char)text.at[i]);
            }
        }
        text.at += length;
        text.len -= length;
    }
    return places;
}

void table_safe(FILE *f, struct slice text)
{
    write_safe(f, text);
}

/* How much of it fits into so many places, at least a character. */
static size_t fitting(struct slice text, size_t places)
{
    size_t taken = 0, length;
    for (struct slice left = text; left.len > 0; left.at += length, left.len -= length) {
        taken += harmless(left, &length) ? 1 : 4 * length;
        if (taken > places && left.len < text.len) {
            return text.len - left.len;
        }
    }
    return text.len;
}

void table_wrap(FILE *f, struct slice text, size_t indent, size_t width)
{
    size_t places = width > indent ? width - indent : 1;
    for (bool first = true; first || text.len > 0; first = false) {
        size_t line = fitting(text, places), end = line;
        while (line < text.len && end > 0 && text.at[end] != ' ') {
            end--;
        }
        line = end > 0 ? end : line;
        for (end = line; end > 0 && text.at[end - 1] == ' ';) {
            end--;
        }
        fprintf(f, "%*s", first ? 0 : (int)indent, "");
        write_safe(f, (struct slice){text.at, end});
        fputc('\n', f);
        while (line < text.len && text.at[line] == ' ') {
            line++;
        }
        text.at += line;
        text.len -= line;
    }
}

static struct slice shown(struct slice cell)
{
    return cell.at == NULL ? slice_of("-") : cell;
}

/* Behind a cell. The last column is not padded: no line ends with blanks. */
static void print_blanks(FILE *f, size_t places, size_t width, bool last)
{
    if (last) {
        fputc('\n', f);
    } else {
        fprintf(f, "%*s", (int)(width - places + 2), "");
    }
}

static void print_cell(FILE *f, struct slice cell, size_t width, bool last)
{
    print_blanks(f, write_safe(f, cell), width, last);
}

/* How wide each column is; the sum of them with the blanks between. */
static size_t measure(const char *const *headings, uint32_t columns, const struct slice *cells,
                      uint32_t rows, size_t widths[COLUMNS])
{
    size_t sum = 0;
    for (uint32_t c = 0; c < columns; c++) {
        widths[c] = write_safe(NULL, slice_of(headings[c]));
        for (uint32_t r = 0; r < rows; r++) {
            size_t places = write_safe(NULL, shown(cells[r * columns + c]));
            widths[c] = places > widths[c] ? places : widths[c];
        }
        sum += widths[c] + (c > 0 ? 2 : 0);
    }
    return sum;
}

size_t table_width(const char *const *headings, uint32_t columns, const struct slice *cells,
                   uint32_t rows)
{
    size_t widths[COLUMNS];
    return measure(headings, columns > COLUMNS ? COLUMNS : columns, cells, rows, widths);
}

void table_print_painted(FILE *f, const char *const *headings, uint32_t columns,
                         const struct slice *cells, uint32_t rows, uint32_t painted,
                         void (*paint)(FILE *f, struct slice cell))
{
    size_t widths[COLUMNS];
    if (columns > COLUMNS) {
        columns = COLUMNS;
    }
    measure(headings, columns, cells, rows, widths);
    for (uint32_t c = 0; c < columns; c++) {
        print_cell(f, slice_of(headings[c]), widths[c], c + 1 == columns);
    }
    for (uint32_t r = 0; r < rows; r++) {
        for (uint32_t c = 0; c < columns; c++) {
            struct slice cell = shown(cells[r * columns + c]);
            if (c == painted) {
                paint(f, cell);
                print_blanks(f, cell.len, widths[c], c + 1 == columns);
            } else {
                print_cell(f, cell, widths[c], c + 1 == columns);
            }
        }
    }
}

void table_print(FILE *f, const char *const *headings, uint32_t columns, const struct slice *cells,
                 uint32_t rows)
{
    table_print_painted(f, headings, columns, cells, rows, UINT32_MAX, NULL);
}

void table_print_vertical(FILE *f, const char *const *headings, uint32_t columns,
                          const struct slice *cells, uint32_t rows)
{
    size_t width = 0;
    for (uint32_t c = 0; c < columns; c++) {
        size_t places = write_safe(NULL, slice_of(headings[c]));
        width = places > width ? places : width;
    }
    for (uint32_t r = 0; r < rows; r++) {
        fprintf(f, "-- %u\n", r + 1);
        for (uint32_t c = 0; c < columns; c++) {
            print_cell(f, slice_of(headings[c]), width, false);
            print_cell(f, shown(cells[r * columns + c]), 0, true);
        }
    }
}

/* As RFC 4180 has it; a cell that is no value is empty. */
static void print_csv_cell(FILE *f, struct slice cell, bool last)
{
    bool quoted = false;
    for (size_t i = 0; i < cell.len; i++) {
        quoted = quoted || strchr(",\"\r\n", cell.at[i]) != NULL;
    }
    fputs(quoted ? "\"" : "", f);
    for (size_t i = 0; i < cell.len; i++) {
        fputs(cell.at[i] == '"' ? "\"" : "", f);
        fputc(cell.at[i], f);
    }
    fputs(quoted ? "\"" : "", f);
    fputs(last ? "\r\n" : ",", f);
}

static void print_csv(FILE *f, const char *const *headings, uint32_t columns,
                      const struct slice *cells, uint32_t rows)
{
    for (uint32_t c = 0; c < columns; c++) {
        print_csv_cell(f, slice_of(headings[c]), c + 1 == columns);
    }
    for (uint32_t i = 0; i < rows * columns; i++) {
        print_csv_cell(f, cells[i], (i + 1) % columns == 0);
    }
}

int table_form(const char *name)
{
    static const char *const names[] = {[TABLE_ALIGNED] = "table",
                                        [TABLE_VERTICAL] = "vertical",
                                        [TABLE_JSON] = "json",
                                        [TABLE_CSV] = "csv"};
    for (int i = 0; i < TABLE_FORMS; i++) {
        if (strcmp(name, names[i]) == 0) {
            return i;
        }
    }
    ctl_usage("--output: expected table, vertical, json or csv, found \"%s\"", name);
    return -1;
}

void table_print_form(FILE *f, int form, const char *const *headings, uint32_t columns,
                      const struct slice *cells, uint32_t rows)
{
    (form == TABLE_CSV        ? print_csv
     : form == TABLE_VERTICAL ? table_print_vertical
                              : table_print)(f, headings, columns, cells, rows);
}
