/* SPDX-License-Identifier: Apache-2.0 */
/* Timelines and grids as text: a character a cell, in colour where that is asked for. */
#ifndef EZREPO_DRAWING_H
#define EZREPO_DRAWING_H

#include <stdint.h>
#include <stdio.h>

#include "common/arena.h"
#include "common/json.h"

#define DRAWING_NOTHING '.' /* no record */
#define DRAWING_UNRATED '-' /* records without a grade */

/*
 * The marks of a lane, as timeline.marks has them, as so many characters: of each column the grade
 * of the mark that covers it. NULL: they are no such document, or memory is out.
 */
const char *drawing_lane(struct arena *a, struct slice marks, uint32_t columns);

/* The cells of a row, as grid.cells has them, likewise: of each column the worst grade. */
const char *drawing_row(struct arena *a, struct slice cells, uint32_t columns);

/* A JSON text that the gateway sent; NULL when it is none. */
const struct json *drawing_json(struct arena *a, struct slice text);

/* Writes it, each grade in it on a background of its colour unless standard output is no terminal
 * or NO_COLOR is set. */
void drawing_paint(FILE *f, struct slice text);

#endif
