/* SPDX-License-Identifier: Apache-2.0 */
/* Printing for people and for programs. */
#ifndef EZREPO_TABLE_H
#define EZREPO_TABLE_H

#include <stdint.h>
#include <stdio.h>

#include "common/arena.h"

/*
 * The text with everything replaced that a terminal could act on: control characters, what reverses
 * the direction of writing, and bytes that are not UTF-8 become "\x1b"-like escapes.
 */
void table_safe(FILE *f, struct slice text);

/*
 * Rows of cells under headings, in aligned columns two blanks apart; a cell that is no value is
 * "-". Cells go row by row, `columns` in each.
 */
void table_print(FILE *f, const char *const *headings, uint32_t columns, const struct slice *cells,
                 uint32_t rows);

/*
 * The same, with colour: cells of one column are written by `paint`, which writes as many places as
 * they have bytes.
 */
void table_print_painted(FILE *f, const char *const *headings, uint32_t columns,
                         const struct slice *cells, uint32_t rows, uint32_t painted,
                         void (*paint)(FILE *f, struct slice cell));

/*
 * Writes the text in lines of at most `width` places, broken at blanks where there are some. What
 * stands before it has taken `indent` places of the first line; the others begin with as many
 * blanks.
 */
void table_wrap(FILE *f, struct slice text, size_t indent, size_t width);

/* How many places the longest line of that table has. */
size_t table_width(const char *const *headings, uint32_t columns, const struct slice *cells,
                   uint32_t rows);

/* The same, for rows too long for a line: each row under its number, a line a cell. */
void table_print_vertical(FILE *f, const char *const *headings, uint32_t columns,
                          const struct slice *cells, uint32_t rows);

/* What --output names. JSON is its command's own matter. */
enum { TABLE_ALIGNED, TABLE_VERTICAL, TABLE_JSON, TABLE_CSV, TABLE_FORMS };

/* One of these; -1 after a complaint. */
int table_form(const char *name);

/* The rows in that form, which is not TABLE_JSON. As CSV (RFC 4180) nothing is escaped for a
 * terminal. */
void table_print_form(FILE *f, int form, const char *const *headings, uint32_t columns,
                      const struct slice *cells, uint32_t rows);

#endif
